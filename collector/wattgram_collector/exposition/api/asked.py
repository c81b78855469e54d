"""PURE. What a request asks, by a list of parameters; any other is an error, and not ignored."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wattgram_collector.reports.times import FORMS, unix_seconds

TEXT_LENGTH_MAX: Final = 200
_INTEGER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)

Json = dict[str, Any]
Values = Mapping[str, Any]


class ApiError(Exception):
    """A request that is not answered: its status and, where one is wrong, which parameter."""

    def __init__(self, status: int, text: str, parameter: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.parameter = parameter

    @property
    def problem(self) -> Json:
        """Return the problem details (RFC 9457)."""
        said: Json = {
            "type": "about:blank",
            "title": TITLES[self.status],
            "status": self.status,
            "detail": str(self),
        }
        if self.parameter:
            said["errors"] = {self.parameter: [str(self)]}
        return said


TITLES: Final = {
    400: "Bad Request",
    404: "Not Found",
    406: "Not Acceptable",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a route: text, unless it is of whole numbers, of a few words or a time."""

    name: str
    help: str
    default: str = ""
    choices: Sequence[str] = ()
    maximum: int | None = None
    """Of a whole number, which this then is; it is never below `minimum`."""
    minimum: int = 0
    is_time: bool = False

    def schema(self) -> Json:
        """Return the JSON Schema of the parameter."""
        if self.choices:
            found: Json = {"type": "string", "enum": list(self.choices)}
        elif self.maximum is not None:
            found = {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}
        else:
            found = {"type": "string", "maxLength": TEXT_LENGTH_MAX}
        if self.default:
            found["default"] = int(self.default) if self.maximum is not None else self.default
        return found

    def value(self, text: str, now_unix_seconds: int) -> Any:
        """Return what a text means; raises ApiError."""
        if self.choices:
            return self._choice(text)
        if self.maximum is not None:
            return self._number(text)
        if len(text) > TEXT_LENGTH_MAX:
            raise self._wrong(f"more than {TEXT_LENGTH_MAX} characters")
        if not self.is_time:
            return text
        try:
            # In a query + is a space, and few clients write %2B.
            return unix_seconds(text.replace(" ", "+"), now_unix_seconds)
        except (OverflowError, ValueError) as error:
            raise self._wrong(str(error)) from error

    def _choice(self, text: str) -> str:
        if text not in self.choices:
            raise self._wrong(f"{text!r:.60} is none of {', '.join(self.choices)}")
        return text

    def _number(self, text: str) -> int:
        number = int(text) if _INTEGER.fullmatch(text) else -1
        if not self.minimum <= number <= (self.maximum or 0):
            raise self._wrong(f"{text!r:.60} is no whole number, {self.minimum} to {self.maximum}")
        return number

    def _wrong(self, why: str) -> ApiError:
        return ApiError(400, f"{self.name}: {why}", self.name)


def read(
    parameters: Sequence[Parameter], query: Iterable[tuple[str, str]], now_unix_seconds: int
) -> dict[str, Any]:
    """Return every parameter's value, the default where it is not given; raises ApiError."""
    known = {one.name: one for one in parameters}
    given: dict[str, str] = {}
    for name, text in query:
        if name not in known:
            raise ApiError(
                400, f"{name!r:.60} is no parameter here{_near(name, known)}", name[:60]
            )
        if name in given:
            raise ApiError(400, f"{name} is there twice", name)
        given[name] = text
    return {
        name: one.value(given.get(name, one.default), now_unix_seconds)
        if given.get(name, one.default)
        else (_missing(one, given))
        for name, one in known.items()
    }


def _missing(one: Parameter, given: Mapping[str, str]) -> Any:
    """Return what an absent parameter means; one that is there is empty, as only text may be."""
    if one.name in given and (one.choices or one.maximum is not None or one.is_time):
        expected = FORMS if one.is_time else "a value"
        raise ApiError(400, f"{one.name} is empty: give {expected}", one.name)
    return "" if not (one.is_time or one.maximum is not None) else None


def _near(name: str, known: Iterable[str]) -> str:
    names = list(known)
    found = difflib.get_close_matches(name[:60], names, 1)
    if found:
        return f"; is {found[0]} meant?"
    return f"; there are {', '.join(names)}" if names else "; there are none"
