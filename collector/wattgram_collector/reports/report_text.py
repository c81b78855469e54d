"""PURE. A report as a table, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, Final

from wattgram_collector.accounting.uncertainty import COVERAGE_RATIO
from wattgram_collector.reports.cells import name_cell
from wattgram_collector.reports.figures import Figure
from wattgram_collector.reports.numbers import exact, rounded
from wattgram_collector.reports.reading import Period
from wattgram_collector.reports.report import By, Row
from wattgram_collector.reports.times import text_of

COLUMNS: Final = (
    "measure", "scope", "detail", "value", "low", "high", "at_ingest", "adjustment",
    "prior_period_adjustment",
)  # fmt: skip
NOTES: Final = (
    "value: as restated. Low and high: it lies between them with a probability of 95 %.",
    "Every line has a basis of its own: add no two of them (docs/report.md says which may be).",
    "Network: allocated by a model; its energy does not follow traffic: consequential_safe=false.",
)
DIGITS: Final = 7


def as_table(rows: Iterable[Row], by: By, period: Period) -> Iterator[str]:
    """Yield the lines of a table, group by group."""
    yield f"{text_of(period.from_unix_seconds)} to {text_of(period.to_unix_seconds)}"
    for row in rows:
        yield ""
        hosts = "1 host" if row.hosts == 1 else f"{row.hosts} hosts"
        yield hosts if by is By.ALL else f"{by.value} {row.group} ({hosts})"
        lines = [COLUMNS, *(_cells(one) for one in row.figures)]
        widths = [max(len(line[at]) for line in lines) for at in range(len(COLUMNS))]
        for line in lines:
            cells = [
                text.ljust(width) if at < COLUMNS.index("value") else text.rjust(width)
                for at, (text, width) in enumerate(zip(line, widths, strict=True))
            ]
            yield f"  {'  '.join(cells)}".rstrip()
    yield ""
    yield from NOTES


def _cells(one: Figure) -> tuple[str, ...]:
    numbers = (
        one.value,
        one.range and one.range.low,
        one.range and one.range.high,
        one.at_ingest,
        one.adjustment,
        one.prior_period_adjustment,
    )
    texts = ("" if number is None else rounded(number, DIGITS) for number in numbers)
    return (one.measure, one.scope, one.detail, *texts)


def as_csv(rows: Iterable[Row], by: By) -> str:
    """Return one line per figure; the unit ends the name of the measure, numbers are exact."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((by.value, *COLUMNS))
    for row in rows:
        for one in row.figures:
            said = figure_json(one)
            cells = (_cell(said, name) for name in COLUMNS)
            writer.writerow((name_cell(row.group), *cells))
    return out.getvalue()


def _cell(said: dict[str, Any], name: str) -> Any:
    """Return the exact number where it is a decimal, else the nearest; a name as it is."""
    if name == "detail":
        return name_cell(said.get(name, ""))
    text = said.get(f"{name}_exact", "")
    return text if text and "/" not in text else said.get(name, "")


def as_json(rows: Iterable[Row], by: By, period: Period) -> str:
    """Return the report as JSON; numbers are floats, `_exact` is the number itself."""
    said = {
        "from": text_of(period.from_unix_seconds),
        "to": text_of(period.to_unix_seconds),
        "by": by.value,
        "coverage_ratio": COVERAGE_RATIO,
        "notes": NOTES,
        "groups": [
            {
                "group": row.group,
                "hosts": row.hosts,
                "figures": [figure_json(one) for one in row.figures],
            }
            for row in rows
        ],
    }
    return json.dumps(said, indent=1)


def figure_json(one: Figure) -> dict[str, Any]:
    """Return a figure; what has no meaning for its measure is left out."""
    said: dict[str, Any] = {"measure": one.measure}
    if one.scope:
        said["scope"] = one.scope
    if one.detail:
        said["detail"] = one.detail
    said |= both("value", one.value)
    if one.range is not None:
        said |= {"low": one.range.low, "high": one.range.high}
    said |= both("at_ingest", one.at_ingest)
    said |= both("adjustment", one.adjustment)
    return said | both("prior_period_adjustment", one.prior_period_adjustment)


def both(name: str, value: Fraction | None) -> dict[str, float | str]:
    """Return a number twice: nearest, and as it is; nothing for None."""
    if value is None:
        return {}
    return {name: float(value), f"{name}_exact": exact(value)}
