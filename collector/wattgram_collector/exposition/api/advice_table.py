"""PURE. The routes of advice in the description: they keep the shapes of the Carbon Aware SDK."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from wattgram_collector.exposition.api.asked import Json
from wattgram_collector.intensity import Signal

_TIME: Final[Json] = {"type": "string", "format": "date-time"}
_TIME_OR_NULL: Final[Json] = {"type": ["string", "null"], "format": "date-time"}
_NUMBER: Final[Json] = {"type": "number"}
_POINTS: Final[Json] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["location", "timestamp", "duration", "value"],
        "properties": {
            "location": {"type": "string"},
            "timestamp": _TIME,
            "duration": {"type": "integer", "description": "Minutes."},
            "value": {**_NUMBER, "description": "Grams of CO2e per kilowatt-hour."},
        },
    },
}
_OBSERVED: Final[Json] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["location", "time", "rating", "duration"],
        "properties": {
            "location": {"type": "string"},
            "time": _TIME,
            "rating": {**_NUMBER, "description": "Grams of CO2e per kilowatt-hour."},
            "duration": {"type": "string", "description": "As .NET writes it: 00:30:00."},
        },
    },
}
_MEAN: Final[Json] = {
    "type": "object",
    "required": ["location", "startTime", "endTime", "carbonIntensity"],
    "properties": {
        "location": {"type": "string"},
        "startTime": _TIME,
        "endTime": _TIME,
        "carbonIntensity": {**_NUMBER, "description": "Grams of CO2e per kilowatt-hour."},
    },
}
_FORECASTS: Final[Json] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["location", "dataStartAt", "dataEndAt", "windowSize", "forecastData"],
        "properties": {
            "generatedAt": _TIME_OR_NULL,
            "requestedAt": _TIME,
            "location": {"type": "string"},
            "dataStartAt": _TIME,
            "dataEndAt": _TIME,
            "windowSize": {"type": "integer", "description": "Minutes."},
            "optimalDataPoints": {**_POINTS, "type": ["array", "null"]},
            "forecastData": _POINTS,
            "advice": {
                "type": ["object", "null"],
                "description": "Where advice=true asks for it: what waiting saves.",
            },
        },
    },
}
_LOCATIONS: Final[Json] = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string"}},
    },
}


def _parameter(name: str, about: str, schema: Json, *, is_required: bool = False) -> Json:
    return {
        "name": name,
        "in": "query",
        "required": is_required,
        "description": about,
        "schema": schema,
    }


_ZONE: Final = "A grid zone, or a cloud region"
_ONE: Final = _parameter("location", f"{_ZONE}.", {"type": "string"}, is_required=True)
_SOME: Final[Json] = {
    **_parameter(
        "location",
        f"{_ZONE}; more of them by repeating it.",
        {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 20},
        is_required=True,
    ),
    "explode": True,
}
_SPAN: Final = [
    _parameter("time", "Beginning; a day before the end unless given.", _TIME),
    _parameter("toTime", "End; now unless given.", _TIME),
]
_PERIOD: Final = [
    _parameter("startTime", "Beginning.", _TIME, is_required=True),
    _parameter("endTime", "End.", _TIME, is_required=True),
]
_AHEAD: Final = [
    _parameter("dataStartAt", "Beginning; now unless given.", _TIME),
    _parameter("dataEndAt", "End; as far as the forecast goes unless given.", _TIME),
    _parameter(
        "windowSize", "Minutes that the work takes.", {"type": "integer", "minimum": 1}
    ),
    _parameter(
        "signal",
        "Average, or marginal where a provider says it.",
        {"type": "string", "enum": [one.value for one in Signal]},
    ),
    _parameter("advice", "Say what waiting saves.", {"type": "string", "enum": ["true", "false"]}),
]  # fmt: skip

_PATHS: Final[dict[str, tuple[str, list[Json], Json]]] = {
    "/locations": ("Grid zones of which providers said something.", [], _LOCATIONS),
    "/emissions/bylocation": (
        "What was observed of one grid zone, slot by slot.", [_ONE, *_SPAN], _OBSERVED,
    ),
    "/emissions/bylocations": (
        "What was observed of several grid zones.", [_SOME, *_SPAN], _OBSERVED,
    ),
    "/emissions/bylocations/best": (
        "The slots that were lowest of all that was observed.", [_SOME, *_SPAN], _OBSERVED,
    ),
    "/emissions/forecasts/current": (
        "What providers expect, and the best windows in it.", [_SOME, *_AHEAD], _FORECASTS,
    ),
    "/emissions/average-carbon-intensity": (
        "The mean of what was observed.", [_ONE, *_PERIOD], _MEAN,
    ),
}  # fmt: skip


def advice_paths(problem: Callable[[int], Json]) -> Json:
    """Return the paths; `problem` gives the response of a status."""
    return {
        path: {
            "get": {
                "operationId": path.strip("/").replace("/", "_").replace("-", "_"),
                "summary": summary,
                "description": "In the shape of the Carbon Aware SDK, see docs/advice.md.",
                "tags": ["advice"],
                "parameters": parameters,
                "responses": {
                    "200": {
                        "description": summary,
                        "content": {"application/json": {"schema": schema}},
                    },
                    "204": {"description": "Nothing is known of it."},
                    "400": problem(400),
                    **({"501": problem(501)} if "forecasts" in path else {}),
                },
            }
        }
        for path, (summary, parameters, schema) in _PATHS.items()
    }
