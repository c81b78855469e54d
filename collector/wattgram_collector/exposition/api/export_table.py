"""PURE. The export in the description: it answers a stream, and its errors are lines of text."""

from __future__ import annotations

from typing import Final

from wattgram_collector.exposition.api.asked import Json
from wattgram_collector.reports.times import FORMS

_TEXT: Final[Json] = {"text/plain": {"schema": {"type": "string"}}}


def _parameter(name: str, about: str) -> Json:
    return {"name": name, "in": "query", "description": about, "schema": {"type": "string"}}


def export_paths() -> Json:
    """Return the path of the export."""
    summary = "A time of the ledger as OpenMetrics with timestamps, to backfill Prometheus with."
    return {
        "/api/v1/export/openmetrics": {
            "get": {
                "operationId": "export_openmetrics",
                "summary": summary,
                "tags": ["export"],
                "parameters": [
                    _parameter("from", f"Beginning, today unless given: {FORMS}."),
                    _parameter("to", "End, now unless given; at most 31 days later."),
                    _parameter("host", "This host only."),
                ],
                "responses": {
                    "200": {
                        "description": summary,
                        "content": {
                            "application/openmetrics-text": {"schema": {"type": "string"}}
                        },
                    },
                    "400": {"description": "The request is wrong.", "content": _TEXT},
                    "404": {"description": "There is no such host.", "content": _TEXT},
                    "503": {"description": "Another export is going on.", "content": _TEXT},
                },
            }
        }
    }
