"""PURE. Posting activities, in the description."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from wattgram_collector.exposition.api.activity_answers import ActivitiesReport
from wattgram_collector.exposition.api.asked import Json, Parameter
from wattgram_collector.exposition.api.posts import FORMS
from wattgram_collector.exposition.api.shapes import schema
from wattgram_collector.exposition.api.table import BASE
from wattgram_collector.inventory.activities.reading import Form

PATH: Final = f"{BASE}/activities"
ROWS_MAX: Final = 5_000
REFUSED: Final = 422
_SWITCH: Final = ("true", "false")
PARAMETERS: Final = (
    Parameter(name="file", default="posted", help="Name that the rows are kept under."),
    Parameter(name="kind", help="Kind of rows that do not say theirs."),
    Parameter(name="keep_good", default="false", choices=_SWITCH,
              help="Whether to take the good rows although others are refused."),
    Parameter(name="replace", default="false", choices=_SWITCH,
              help="Whether to withdraw what says something else under the same name."),
    Parameter(name="dry_run", default="false", choices=_SWITCH,
              help="Whether only to say what would be taken."),
)  # fmt: skip
_TEXT: Final[Json] = {"text/plain": {"schema": {"type": "string"}}}
_CLOSED: Final = {"401": "Without a user or token.", "403": "Not with this role: admins only."}


def activity_paths(problem: Callable[[int], Json], known: dict[str, Json]) -> Json:
    """Return the operation; schemas that it needs go to `known`."""
    known["ActivityRowPosted"] = {
        "type": "object",
        "description": "A row: cells by the columns of its kind (docs/activities.md).",
        "properties": {
            "activity_id": {"type": "string", "description": "Made from the row where left out."},
            "kind": {"type": "string", "description": "See docs/activities.md."},
            "from": {"type": "string", "description": "First day, or instant with offset."},
            "to": {"type": "string", "description": "Last day, or instant, exclusive."},
        },
        "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
    }
    reference = {"$ref": "#/components/schemas/ActivityRowPosted"}
    rows = {"type": "array", "items": reference, "minItems": 1, "maxItems": ROWS_MAX}
    summary = "Take activities into the journal: all of them, the good ones if asked, or none."
    answer = {"application/json": {"schema": schema(ActivitiesReport, known)}}
    refused = "Nothing is taken: rows are refused, and each is named."
    responses: Json = {
        "200": {"description": summary, "content": answer},
        str(REFUSED): {"description": refused, "content": answer},
    }
    responses |= {
        status: {"description": about, "content": _TEXT} for status, about in _CLOSED.items()
    }
    responses |= {str(status): problem(status) for status in (400, 413, 415, 503)}
    post = {
        "operationId": "post_activities",
        "summary": summary,
        "tags": ["inventory"],
        "parameters": [
            {"name": one.name, "in": "query", "description": one.help, "schema": one.schema()}
            for one in PARAMETERS
        ],
        "requestBody": {
            "required": True,
            "content": {
                kind: {"schema": rows if form is Form.JSON else _as_text(form)}
                for kind, form in FORMS.items()
            },
        },
        "responses": responses,
    }
    return {PATH: {"post": post}}


def _as_text(form: Form) -> Json:
    first = "A header first" if form is Form.CSV else "An object on each line"
    return {"type": "string", "description": f"{first}; the columns are those of the JSON."}
