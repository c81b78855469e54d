"""PURE. `completeness.csv` and `energy.csv`: what agents saw, and what each site used by the hour.

The second may have hundreds of thousands of rows: it is made line by line.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache
from typing import Final

from wattgram_collector.inventory.report.cells import safe
from wattgram_collector.inventory.report.ledger_file import decimal, instant, ratio
from wattgram_collector.inventory.report.tables import COMPLETENESS_COLUMNS, ENERGY_COLUMNS, table
from wattgram_collector.inventory.result import Seen, SiteHour


def completeness(found: Iterable[Seen]) -> str:
    """Return `completeness.csv`: agent x month, in order."""
    order = sorted(found, key=lambda one: (one.host, one.agent_id, one.month))
    return table(COMPLETENESS_COLUMNS, map(_seen, order))


def _seen(one: Seen) -> dict[str, str]:
    expected = one.expected_seconds
    return {
        "agent_id": one.agent_id,
        "host": one.host,
        "month": one.month,
        "expected_s": str(expected),
        "observed_s": str(one.observed_seconds),
        "gap_filled_s": str(one.filled_seconds),
        "coverage": ratio(Fraction(one.observed_seconds), Fraction(expected)),
        "first_seen": _instant(one.first_seen_unix_seconds),
        "last_seen": _instant(one.last_seen_unix_seconds),
        "clock_skew_max_s": decimal(one.clock_skew_max_seconds),
    }


def line(cells: Iterable[str]) -> str:
    """Return one line of a table, with its end."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()


ENERGY_HEADER: Final = line(ENERGY_COLUMNS)


def energy_line(one: SiteHour) -> str:
    """Return the line of `energy.csv` of one hour of a site."""
    used, whole = one.it_kilowatt_hours, one.facility_kilowatt_hours
    return (
        f"{_cell(one.site)},{_hour(one.hour_unix_seconds)},{decimal(used)},{decimal(whole)},"
        f"{ratio(whole, used)},{_cell(one.zone)},{ratio(one.location_grams, whole)},"
        f"{ratio(one.market_grams, whole)},{ratio(one.carbon_free_ratio, _ONE)}\n"
    )


_ONE: Final = Fraction(1)


@lru_cache(maxsize=4_096)
def _cell(text: str) -> str:
    """Return a cell among others, quoted where it must be."""
    return line(("", safe(text)))[1:-1]


@lru_cache(maxsize=16_384)
def _hour(unix_seconds: int) -> str:
    return instant(unix_seconds)


def _instant(unix_seconds: int | None) -> str:
    return "" if unix_seconds is None else instant(unix_seconds)
