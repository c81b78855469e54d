"""PURE. Functional units: the R of an SCI, counted by whoever runs a service.

An entry says how many units of a service were counted in a time, by one source. Sources of one
unit add up, so each counts other units (two mail servers); one source never counts a time twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final

from wattgram.units import SECONDS_PER_DAY
from wattgram_collector.inventory.activities.activity import Column
from wattgram_collector.inventory.activities.cells import instant_or_day, interval, number, text
from wattgram_collector.inventory.periods import Interval
from wattgram_collector.inventory.postings import Posting
from wattgram_collector.inventory.said.kept import Kept, Shelf, Sort
from wattgram_collector.inventory.said.rows import Said, SaidError, parsed, problem
from wattgram_collector.inventory.sci import Sci, sci
from wattgram_collector.ledger.journal import JournalEntry, JournalKind
from wattgram_collector.reports.numbers import exact

NAME_LENGTH_MAX: Final = 100
_RATIO_DIGITS: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitCount:
    """How many units one source counted in one time."""

    entry_id: str
    service: str
    """The name that assets and activities say they work for."""
    unit: str
    """What one of them is: email, stream_hour, prompt, request."""
    count: Fraction
    interval: Interval
    source: str
    """Who counted: a server, a program, a query."""
    evidence: str = ""
    note: str = ""


def name(cell: str) -> str:
    found = text(cell)
    if len(found) > NAME_LENGTH_MAX:
        raise ValueError(f"must be at most {NAME_LENGTH_MAX} characters")
    return found


COLUMNS: Final = (
    Column("id", "its name, unique; service/unit/source/from where it is empty", text),
    Column("service", "what it is a unit of: the service of assets and activities", name,
           is_required=True),
    Column("unit", "what one is, such as email, stream_hour, prompt or request", name,
           is_required=True),
    Column("count", "how many, at least 0", number, is_required=True),
    Column("from", "first day, or instant with offset", instant_or_day, is_required=True),
    Column("to", "last day, inclusive, or instant, exclusive; empty: the day of from",
           instant_or_day),
    Column("source", "who counted; sources of one unit add up", name, is_required=True),
    Column("evidence", "document, query or file", text),
    Column("note", "anything else", text),
)  # fmt: skip


def units_sort(timezone: str = "UTC") -> Sort[UnitCount]:
    """Return how units are read, with days of a time zone; the journal has instants."""
    return Sort(
        kind=JournalKind.FUNCTIONAL_UNITS,
        noun="functional units entry",
        take=lambda said: _taken(said, timezone),
        cells=_cells,
        key=lambda one: one.entry_id,
        conflicts=overlaps,
    )


def _taken(said: Said, timezone: str) -> UnitCount:
    values = parsed(said, COLUMNS)
    first, last = values["from"], values["to"]
    if last is None and isinstance(first, datetime):
        raise SaidError([problem(said.where, "is required beside an instant", "to")])
    try:
        span = interval(first, last, timezone)
    except (ValueError, OverflowError) as error:
        raise SaidError(
            [problem(said.where, str(error), "to", said.cells.get("to", ""))]
        ) from error
    service, unit, source = values["service"], values["unit"], values["source"]
    return UnitCount(
        entry_id=values["id"] or f"{service}/{unit}/{source}/{iso(span.start_unix_seconds)}",
        service=service,
        unit=unit,
        count=values["count"],
        interval=span,
        source=source,
        evidence=values["evidence"] or "",
        note=values["note"] or "",
    )


def _cells(one: UnitCount) -> dict[str, str]:
    start, end = one.interval
    found = {
        "id": one.entry_id,
        "service": one.service,
        "unit": one.unit,
        "count": exact(one.count),
        "from": iso(start),
        "to": iso(end),
        "source": one.source,
        "evidence": one.evidence,
        "note": one.note,
    }
    return {column: cell for column, cell in found.items() if cell}


def iso(unix_seconds: int) -> str:
    """Return an instant of UTC, as in 2025-11-01T00:00:00Z."""
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat().replace("+00:00", "Z")


def overlaps(after: Mapping[str, UnitCount], said: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield each of `said` that counts a time that another entry of its source counts too."""
    series: dict[tuple[str, str, str], list[UnitCount]] = {}
    touched = {_series(after[key]) for key in said}
    for one in after.values():
        if _series(one) in touched:
            series.setdefault(_series(one), []).append(one)
    for found in series.values():
        longest, *others = sorted(found, key=lambda one: (one.interval, one.entry_id))
        for one in others:
            pair = {one.entry_id: longest, longest.entry_id: one}
            is_new = [key for key in pair if key in said]
            if one.interval.overlap(longest.interval) is not None and is_new:
                other = pair[is_new[0]]
                yield is_new[0], f"overlaps {other.entry_id!r}, {_span(other)}"
            longest = max(longest, one, key=lambda one: one.interval.end_unix_seconds)


def _series(one: UnitCount) -> tuple[str, str, str]:
    return one.service, one.unit, one.source


def _span(one: UnitCount) -> str:
    return f"{iso(one.interval.start_unix_seconds)} to {iso(one.interval.end_unix_seconds)}"


# ── what the inventory takes ─────────────────────────────────────────────────────────────────


def kept_units(entries: Iterable[JournalEntry]) -> list[Kept[UnitCount]]:
    """Return the entries that hold; raises ValueError naming an entry that is none."""
    return list(Shelf(units_sort(), entries).held.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Units of one service in a period."""

    service: str
    unit: str
    count: Fraction | None
    """Of the entries that are wholly in the period; None where that cannot be known."""
    entries: tuple[Kept[UnitCount], ...]
    partly: tuple[Kept[UnitCount], ...]
    """Entries that reach over an end of the period: not shared out, and not counted."""
    covered_ratio: Fraction
    """Share of the period that some source counted."""
    remarks: tuple[str, ...]


def units_of_period(kept: Iterable[Kept[UnitCount]], period: Interval) -> list[Counted]:
    """Return what was counted in a period, by service and unit; what is unknown is remarked."""
    groups: dict[tuple[str, str], list[Kept[UnitCount]]] = {}
    for one in kept:
        if one.value.interval.overlap(period) is not None:
            groups.setdefault((one.value.service, one.value.unit), []).append(one)
    return [_counted(*key, groups[key], period) for key in sorted(groups)]


def _counted(service: str, unit: str, found: list[Kept[UnitCount]], period: Interval) -> Counted:
    found.sort(key=lambda one: (one.value.interval, one.value.source))
    inside = [one for one in found if _is_within(one, period)]
    partly = [one for one in found if not _is_within(one, period)]
    values = {one.value.entry_id: one.value for one in inside}
    twice = [f"{key!r} {reason}" for key, reason in overlaps(values, values)]
    is_known = bool(inside) and not twice
    return Counted(
        service=service,
        unit=unit,
        count=sum((one.count for one in values.values()), Fraction(0)) if is_known else None,
        entries=tuple(inside),
        partly=tuple(partly),
        covered_ratio=_covered(values.values(), period),
        remarks=tuple(_remarks(f"{service}: {unit}", inside, partly, twice, period)),
    )


def _is_within(one: Kept[UnitCount], period: Interval) -> bool:
    return one.value.interval.overlap(period) == one.value.interval


def _remarks(
    about: str,
    inside: Iterable[Kept[UnitCount]],
    partly: Iterable[Kept[UnitCount]],
    twice: Iterable[str],
    period: Interval,
) -> Iterator[str]:
    for reason in twice:
        yield f"{about} is not known, units are counted twice: {reason}"
    for one in partly:
        yield (
            f"{about}: {exact(one.value.count)} of entry {one.value.entry_id!r} are not counted: "
            f"it is only partly in the period, {_span(one.value)}"
        )
    by_source: dict[str, list[UnitCount]] = {}
    for one in inside:
        by_source.setdefault(one.value.source, []).append(one.value)
    for source, found in by_source.items():
        covered = _covered(found, period)
        if covered < 1:
            start, end = period
            days = Fraction(end - start, SECONDS_PER_DAY)
            yield (
                f"{about} of {source} is counted for {_days(covered * days)} of {_days(days)} "
                "days: its SCI is too high where the service ran uncounted"
            )


def _days(value: Fraction) -> str:
    return f"{float(value):.{_RATIO_DIGITS}f}".removesuffix(".0")


def _covered(found: Iterable[UnitCount], period: Interval) -> Fraction:
    """Return the share of a period that is in some interval."""
    start, end = period
    covered, upto = 0, start
    for one in sorted(found, key=lambda one: one.interval):
        begin, stop = one.interval
        covered += max(0, stop - max(begin, upto))
        upto = max(upto, stop)
    return Fraction(covered, end - start)


def software(
    counted: Iterable[Counted], postings: Iterable[Posting], unmade: Collection[str] = ()
) -> list[Sci]:
    """Return the SCI of every service and unit; of a service that nobody counts, one without R.

    The boundary is every posting whose service is that name. `unmade`: subjects of whose making
    nothing is known.
    """
    by_service: dict[str, list[Posting]] = {}
    for one in postings:
        if one.service:
            by_service.setdefault(one.service, []).append(one)
    found = [
        sci(one.service, one.unit, one.count, by_service.get(one.service, ()), unmade)
        for one in counted
    ]
    uncounted = sorted(by_service.keys() - {one.service for one in found})
    return found + [sci(name, "", None, by_service[name], unmade) for name in uncounted]


def unmade_remarks(found: Iterable[Sci]) -> Iterator[str]:
    """Yield what is not in M of a service, once for each service that is counted."""
    told: set[str] = set()
    for one in found:
        if one.count is None or not one.without_making or one.service in told:
            continue
        told.add(one.service)
        first, more = one.without_making[0], len(one.without_making) - 1
        names = f"{first} and {more} more" if more else first
        so = "M and its SCI are not known" if one.embodied_grams is None else "M is without it"
        yield f"SCI of {one.service}: the making of what runs {names} is not known: {so}"
