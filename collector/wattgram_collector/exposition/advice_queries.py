"""PURE. What the routes of advice are asked, and answer, in the shapes of the Carbon Aware SDK.

Field names, types and errors are those of its OpenAPI description (version 1): times are ISO 8601,
ratings grams per kilowatt-hour, errors problem details (RFC 9457) with what is wrong by parameter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from wattgram.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_MINUTE
from wattgram_collector.accounting.advice import Curve, Window
from wattgram_collector.intensity import Intensity, Signal

LOCATIONS_MAX: Final = 20
SPAN_SECONDS_MAX: Final = 31 * SECONDS_PER_DAY
SPAN_SECONDS_DEFAULT: Final = SECONDS_PER_DAY
UNIX_SECONDS_MAX: Final = 1 << 33
_MINUTES: Final = re.compile(r"[0-9]{1,6}", re.ASCII)
_TYPES: Final = {
    400: "https://tools.ietf.org/html/rfc7231#section-6.5.1",
    501: "https://tools.ietf.org/html/rfc7231#section-6.6.2",
}
_TITLES: Final = {400: "One or more validation errors occurred.", 501: "Not Implemented"}

Json = dict[str, Any]


class ProblemError(Exception):
    """A question that has no answer: its status, and what is wrong by parameter."""

    def __init__(self, status: int, parameter: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.details: Json = {
            "type": _TYPES[status],
            "title": _TITLES[status],
            "status": status,
            "detail": text,
            "errors": {parameter: [text]},
        }


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters of one request; each may be there more than once."""

    values: Mapping[str, Sequence[str]]

    @staticmethod
    def of(pairs: Iterable[tuple[str, str]]) -> Query:
        values: dict[str, list[str]] = {}
        for name, value in pairs:
            values.setdefault(name, []).append(value)
        return Query(values)

    def locations(self) -> Sequence[str]:
        """Return one location or more; raises ProblemError."""
        found = [value for value in self.values.get("location", ()) if value]
        if not found:
            raise ProblemError(400, "location", "The location field is required.")
        if len(found) > LOCATIONS_MAX:
            raise ProblemError(
                400, "location", f"{len(found)} locations are more than {LOCATIONS_MAX}."
            )
        return found

    def location(self) -> str:
        """Return the one location; raises ProblemError."""
        found = self.locations()
        if len(found) > 1:
            raise ProblemError(400, "location", "One location is asked for at a time here.")
        return found[0]

    def instant(self, *names: str) -> int | None:
        """Return unix seconds of the first parameter that is there; raises ProblemError."""
        for name in names:
            text = self._one(name)
            if text:
                try:
                    return unix_seconds(text)
                except ValueError as error:
                    raise ProblemError(400, name, str(error)) from error
        return None

    def required_instant(self, name: str) -> int:
        found = self.instant(name)
        if found is None:
            raise ProblemError(400, name, f"The {name} field is required.")
        return found

    def window_seconds(self) -> int | None:
        """Return `windowSize`, which is in minutes; raises ProblemError."""
        text = self._one("windowSize")
        if not text:
            return None
        minutes = int(text) if _MINUTES.fullmatch(text) else 0
        if not 0 < minutes * SECONDS_PER_MINUTE <= SPAN_SECONDS_MAX:
            raise ProblemError(
                400,
                "windowSize",
                f"windowSize is whole minutes, 1 to {SPAN_SECONDS_MAX // SECONDS_PER_MINUTE}: "
                f"{text!r}.",
            )
        return minutes * SECONDS_PER_MINUTE

    def signal(self) -> Signal:
        """Return which signal is asked for; the SDK has no such parameter. Raises ProblemError."""
        text = self._one("signal") or Signal.AVERAGE
        try:
            return Signal(text)
        except ValueError as error:
            choices = " or ".join(Signal)
            raise ProblemError(400, "signal", f"signal is {choices}: {text!r}.") from error

    def wants_advice(self) -> bool:
        """Return whether each forecast is to say what it is worth; raises ProblemError."""
        text = self._one("advice").lower()
        if text not in {"", "true", "false"}:
            raise ProblemError(400, "advice", f"advice is true or false: {text!r}.")
        return text == "true"

    def _one(self, name: str) -> str:
        found = self.values.get(name, ())
        if len(found) > 1:
            raise ProblemError(400, name, f"{name} is there {len(found)} times.")
        return found[0] if found else ""


def unix_seconds(text: str) -> int:
    """Return the time that ISO 8601 text names, in UTC unless it says otherwise.

    Raises ValueError for what is no time.
    """
    try:
        # In a query + is a space, and few clients write %2B.
        found = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError as error:
        raise ValueError(f"{text!r} is no time such as 2026-01-02T08:00:00Z.") from error
    seconds = int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() // 1)
    if not 0 <= seconds <= UNIX_SECONDS_MAX:
        raise ValueError(f"{text!r} is outside of the years 1970 to 2242.")
    return seconds


def span(query: Query, now: int, locations: int) -> tuple[int, int]:
    """Return `[time, toTime)`, by default the last day; raises ProblemError.

    The first version of the SDK called them startTime and endTime here.
    """
    end = query.instant("toTime", "endTime")
    start = query.instant("time", "startTime")
    if end is None:
        end = now
    if start is None:
        start = max(0, end - SPAN_SECONDS_DEFAULT)
    return ordered("time", start, "toTime", end, locations)


def ordered(first: str, start: int, last: str, end: int, locations: int = 1) -> tuple[int, int]:
    """Return the times if they are in order and near enough; raises ProblemError."""
    if start >= end:
        raise ProblemError(400, first, f"{first} must be before {last}.")
    days = SPAN_SECONDS_MAX // SECONDS_PER_DAY
    if (end - start) * locations > SPAN_SECONDS_MAX:
        text = f"{first} to {last} is more than {days} days over all locations."
        raise ProblemError(400, first, text)
    return start, end


def emissions_data(location: str, value: Intensity) -> Json:
    """Return what was observed in a slot: EmissionsData."""
    seconds = value.valid_until_unix_seconds - value.valid_from_unix_seconds
    return {
        "location": location,
        "time": iso(value.valid_from_unix_seconds),
        "rating": float(value.value),
        "duration": time_span(seconds),
    }


def emissions_forecast(
    location: str, curve: Curve, duration_seconds: int, requested: int, generated: int | None
) -> Json:
    """Return a forecast and its best windows: EmissionsForecastDTO.

    Windows that are as good as the best are all there, the earliest first. Where none fits there
    are none, and the best is null.
    """
    windows = curve.windows(duration_seconds)
    best = min((window.grams_per_kilowatt_hour for window in windows), default=None)
    optimal = [window for window in windows if window.grams_per_kilowatt_hour == best]
    return {
        "generatedAt": None if generated is None else iso(generated),
        "requestedAt": iso(requested),
        "location": location,
        "dataStartAt": iso(curve.start),
        "dataEndAt": iso(curve.end),
        "windowSize": duration_seconds // SECONDS_PER_MINUTE,
        "optimalDataPoints": [_point(location, window) for window in optimal] or None,
        "forecastData": [_point(location, window) for window in windows],
    }


def _point(location: str, window: Window) -> Json:
    seconds = window.end_unix_seconds - window.start_unix_seconds
    return {
        "location": location,
        "timestamp": iso(window.start_unix_seconds),
        "duration": seconds // SECONDS_PER_MINUTE,
        "value": float(window.grams_per_kilowatt_hour),
    }


def iso(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat()


def time_span(seconds: int) -> str:
    """Return a duration as .NET writes it: `00:30:00`, and `1.00:00:00` for a day."""
    rest = timedelta(seconds=seconds)
    hours, within = divmod(rest.seconds, SECONDS_PER_HOUR)
    minutes, left = divmod(within, SECONDS_PER_MINUTE)
    days = f"{rest.days}." if rest.days else ""
    return f"{days}{hours:02}:{minutes:02}:{left:02}"
