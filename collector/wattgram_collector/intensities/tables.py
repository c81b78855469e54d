"""How the shipped tables are read, and what makes a row of theirs wrong.

Every parse is PURE and total: a wrong row is a ValueError that names the file and the line. A
number is kept as it was published, in plain decimals: `000402` (a lost "0."), `1e3` and `nan` are
none. What a row may be licensed under is an enumeration, and no share-alike licence is in it.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from importlib import resources
from typing import Final, TypeVar

YEARS: Final = range(2000, 2101)

_PLAIN_DECIMAL: Final = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?", re.ASCII)
_YEAR: Final = re.compile("[0-9]{4}", re.ASCII)
_T = TypeVar("_T")


class Licence(StrEnum):
    """What a row asks of who passes it on: nothing, or that its source is named."""

    PUBLIC_DOMAIN = "public_domain"
    CC_BY = "cc_by"
    OGL = "ogl"
    """Open Government Licence 3.0 of the United Kingdom."""
    OGL_CANADA = "ogl_canada"
    MIT = "mit"
    APACHE = "apache"
    FACTS = "facts"
    """Single figures quoted from a publication, collected by us under the project's licence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a row comes from: `source` is a key of sources.json; flags are words to look up."""

    source: str
    dataset_version: str
    licence: Licence
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A data set that rows come from. `retrieved` and `commit` are None where not recorded."""

    source_id: str
    title: str
    publisher: str
    licence: str
    licence_class: Licence
    licence_url: str
    attribution: str
    url: str
    dataset_version: str
    retrieved: str | None
    commit: str | None


ORIGIN_COLUMNS: Final = ("source", "dataset_version", "licence_class", "flags")
_OPTIONAL: Final = frozenset({"retrieved", "commit"})


def text_of(file: str) -> str:
    """Read a shipped table."""
    return (resources.files(__package__) / "data" / file).read_text(encoding="utf-8")


def parse(
    file: str,
    text: str,
    columns: Sequence[str],
    make: Callable[[Mapping[str, str]], _T],
    key: Callable[[_T], object] = id,
) -> list[_T]:
    """PURE. Make a value of every row; raises ValueError naming file and line.

    No two values may have the same key.
    """
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    number = 1
    made: dict[object, _T] = {}
    try:
        header = next(rows, [])
        if header != list(columns):
            raise ValueError(f"the columns must be {','.join(columns)}, not {','.join(header)}")
        for cells in rows:
            number = rows.line_num
            if len(cells) != len(columns):
                raise ValueError(f"{len(cells)} cells under {len(columns)} columns")
            value = make(dict(zip(columns, cells, strict=True)))
            if made.setdefault(key(value), value) is not value:
                raise ValueError(f"{key(value)}: more than one row")
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{file} line {number}: {error}") from error
    return list(made.values())


def origin(row: Mapping[str, str]) -> Origin:
    if not row["source"] or not row["dataset_version"]:
        raise ValueError("a row names its source and that source's version")
    return Origin(
        source=row["source"],
        dataset_version=row["dataset_version"],
        licence=Licence(row["licence_class"]),
        flags=tuple(row["flags"].split(";")) if row["flags"] else (),
    )


def number(name: str, text: str, low: str, high: str) -> Fraction:
    """Return the number exactly; raises ValueError outside `low` to `high`, both inclusive."""
    if not _PLAIN_DECIMAL.fullmatch(text):
        raise ValueError(f"{name} is not a plain decimal: {text!r}")
    value = Fraction(text)
    if not Fraction(low) <= value <= Fraction(high):
        raise ValueError(f"{name} must be {low} to {high}: {text}")
    return value


def optional(name: str, text: str, low: str, high: str) -> Fraction | None:
    """As `number`; an empty cell is None: not known."""
    return number(name, text, low, high) if text else None


def ratio(name: str, text: str, low: str, high: str) -> Fraction:
    """As `number`; also a quotient of two plain decimals, such as `18.53/195.53`, kept exact."""
    over, stroke, under = text.partition("/")
    value = number(name, over, "0", "1000000")
    if stroke:
        value /= number(name, under, "0.000001", "1000000")
    if not Fraction(low) <= value <= Fraction(high):
        raise ValueError(f"{name} must be {low} to {high}: {text}")
    return value


def year(text: str) -> int:
    if not _YEAR.fullmatch(text) or int(text) not in YEARS:
        raise ValueError(f"year must be {YEARS[0]} to {YEARS[-1]}: {text!r}")
    return int(text)


def optional_year(text: str) -> int | None:
    return year(text) if text else None


def named(row: Mapping[str, str], column: str) -> str:
    """Return a cell that must not be empty."""
    if not row[column]:
        raise ValueError(f"{column} is empty")
    return row[column]


def require_order(*numbers: Fraction | None) -> None:
    """Raise ValueError unless the numbers, as far as they are known, do not fall."""
    known = [one for one in numbers if one is not None]
    if known != sorted(known):
        raise ValueError("low, value and high are not in order")


def parse_sources(text: str) -> dict[str, Source]:
    """PURE. Read sources.json; raises ValueError naming the entry that is wrong."""
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise ValueError(f"sources.json: {error}") from error
    if not isinstance(entries, list):
        raise ValueError("sources.json: not a list")  # noqa: TRY004 -- what callers catch
    found: dict[str, Source] = {}
    for place, entry in enumerate(entries, start=1):
        try:
            one = Source(**{**entry, "licence_class": Licence(entry["licence_class"])})
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"sources.json entry {place}: {error}") from error
        for field in Source.__slots__:
            value = getattr(one, field)
            if not (value and isinstance(value, str)) and not (
                value is None and field in _OPTIONAL
            ):
                raise ValueError(f"sources.json entry {place}: {field} is missing or no text")
        if one.source_id in found:
            raise ValueError(f"sources.json entry {place}: {one.source_id} twice")
        found[one.source_id] = one
    return found
