"""PURE. Posting functional units, in the description."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from wattgram_collector.exposition.api.asked import Json, Parameter
from wattgram_collector.exposition.api.posts import FORMS
from wattgram_collector.exposition.api.shapes import schema
from wattgram_collector.exposition.api.table import BASE
from wattgram_collector.exposition.api.units_answers import Taken
from wattgram_collector.inventory.said.units import COLUMNS

PATH: Final = f"{BASE}/functional-units"
ROWS_MAX: Final = 1_000
PARAMETERS: Final = (
    Parameter(
        name="replace", default="false", choices=("true", "false"),
        help="Whether to take what is kept otherwise under the same id.",
    ),
)  # fmt: skip
_TEXT: Final[Json] = {"text/plain": {"schema": {"type": "string"}}}
_REFUSED: Final = {"401": "Without a user or token.", "403": "Not with this role: admins only."}


def units_paths(problem: Callable[[int], Json], known: dict[str, Json]) -> Json:
    """Return the operation; schemas that it needs go to `known`."""
    known["UnitEntryPosted"] = _entry()
    reference = {"$ref": "#/components/schemas/UnitEntryPosted"}
    rows = {"type": "array", "items": reference, "minItems": 1, "maxItems": ROWS_MAX}
    summary = "Take counts of functional units into the journal, all of them or none."
    answer = {"application/json": {"schema": schema(Taken, known)}}
    responses: Json = {"200": {"description": summary, "content": answer}}
    responses |= {status: {"description": about, "content": _TEXT}
                  for status, about in _REFUSED.items()}  # fmt: skip
    responses |= {str(status): problem(status) for status in (400, 413, 415, 503)}
    return {
        PATH: {
            "post": {
                "operationId": "post_functional_units",
                "summary": summary,
                "tags": ["inventory"],
                "parameters": [
                    {"name": one.name, "in": "query", "description": one.help,
                     "schema": one.schema()}
                    for one in PARAMETERS
                ],
                "requestBody": {
                    "required": True,
                    "content": {
                        kind: {"schema": rows if kind == "application/json" else _as_text(kind)}
                        for kind in FORMS
                    },
                },
                "responses": responses,
            }
        }
    }  # fmt: skip


def _as_text(kind: str) -> Json:
    first = "A header first" if kind == "text/csv" else "An object on each line"
    return {"type": "string", "description": f"{first}; the columns are those of the JSON."}


def _entry() -> Json:
    numbers: Json = {"type": ["string", "number"], "description": "Exact as text; at least 0."}
    properties = {
        one.name: {**numbers, "description": f"{one.meaning}. Exact as text."}
        if one.name == "count"
        else {"type": "string", "description": one.meaning}
        for one in COLUMNS
    }
    return {
        "type": "object",
        "description": "How many units of a service one source counted in one time.",
        "required": [one.name for one in COLUMNS if one.is_required],
        "properties": properties,
        "additionalProperties": False,
    }
