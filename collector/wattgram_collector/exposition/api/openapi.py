"""PURE. The API as OpenAPI 3.1: made of the table of routes and of the dataclasses they answer."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from wattgram_collector import __version__
from wattgram_collector.exposition.api.activity_table import activity_paths
from wattgram_collector.exposition.api.advice_table import advice_paths
from wattgram_collector.exposition.api.asked import TITLES, Json, Parameter
from wattgram_collector.exposition.api.export_table import export_paths
from wattgram_collector.exposition.api.shapes import schema
from wattgram_collector.exposition.api.table import BASE, ROUTES, Route
from wattgram_collector.exposition.api.units_table import units_paths

_ERROR: Final[Json] = {
    "type": "object",
    "description": "Problem details (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "object",
            "description": "What is wrong, by parameter.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
    },
}
ABOUT: Final = (
    "Everything that the pages show. Names end with their unit: base units (watts, joules, grams "
    "of CO2e, seconds). null is unknown, which is not zero. Emissions are location-based unless "
    "they say otherwise. A parameter that is not listed is an error."
)
_MEANINGS: Final = {
    400: "The request is wrong: the problem says what, and in which parameter. What is no request "
    "to read at all, such as one of more than 8 KiB, is answered by a line of text.",
    404: "There is no such thing.",
    501: "Nobody forecasts that.",
    413: "More at once than is taken.",
    415: "What is posted is none of the types that are taken.",
    503: "Too busy, or the ledger cannot be read: ask again later.",
}
_LINKS: Final = {
    "hosts": ("host", "hosts/0/host", ("host", "host_history", "explain")),
    "zones": ("zone", "zones/0/zone", ("zone",)),
}
"""Where the answer of a route leads: a parameter, where it is in the answer, and to what."""
SECURITY: Final[list[Json]] = [{}, {"user": []}, {"token": []}]


def document() -> Json:
    """Return the whole description."""
    known: dict[str, Json] = {"ErrorDetails": _ERROR}
    paths = {BASE + route.path: {"get": operation(route, known)} for route in ROUTES}
    paths |= export_paths()
    paths |= advice_paths(problem)
    posts = units_paths(problem, known) | activity_paths(problem, known)
    for path, operations in posts.items():
        paths[path] |= operations
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Wattgram collector",
            "version": __version__,
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": SECURITY,
        "paths": paths,
        "components": {
            "schemas": dict(sorted(known.items())),
            "securitySchemes": {
                "user": {"type": "http", "scheme": "basic"},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def operation(route: Route, known: dict[str, Json]) -> Json:
    """Return one operation; the schemas that it needs go to `known`."""
    answer = route.answer if isinstance(route.answer, dict) else schema(route.answer, known)
    content: Json = {"application/json": {"schema": answer}}
    if route.table:
        content["text/csv"] = {"schema": {"type": "string"}}
    responses: Json = {"200": {"description": route.summary, "content": content}}
    if route.name in _LINKS:
        responses["200"]["links"] = _links(*_LINKS[route.name])
    responses |= {str(status): problem(status) for status in (400, *route.errors)}
    found: Json = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": ["views"],
        "parameters": [_parameter(one) for one in route.all_parameters],
        "responses": responses,
    }
    if route.in_path:
        found["parameters"].insert(0, _path_parameter(route.in_path))
    return found


def _links(parameter: str, where: str, names: Sequence[str]) -> Json:
    return {
        f"{name}_of_the_first": {
            "operationId": name,
            "parameters": {f"path.{parameter}": f"$response.body#/{where}"},
        }
        for name in names
    }


def problem(status: int) -> Json:
    """Return the response of an error."""
    reference = {"schema": {"$ref": "#/components/schemas/ErrorDetails"}}
    content: Json = {"application/problem+json": reference}
    if status == HTTPStatus.BAD_REQUEST:  # the HTTP server's own, before any route is known
        content["text/plain"] = {"schema": {"type": "string"}}
    return {"description": _MEANINGS.get(status, TITLES.get(status, "")), "content": content}


def _parameter(one: Parameter) -> Json:
    return {"name": one.name, "in": "query", "description": one.help, "schema": one.schema()}


def _path_parameter(name: str) -> Json:
    help_text = {"host": "Name on the metrics, or agent id.", "zone": "Name of the grid zone."}
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": help_text[name],
        "schema": {"type": "string", "minLength": 1},
    }
