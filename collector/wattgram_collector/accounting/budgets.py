"""PURE. Carbon budgets: which hosts they are about, for which time, and what is used of them.

Counted are location-based emissions, as they stand now with all restatements of open periods:
of the hosts' own energy and, unless told otherwise, of the facility's overhead. The network, what
was bought and marginal emissions are on other bases and never counted. Energy belongs to the
period in which its accounting slot begins, however late it comes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from wattgram.handshake import HostFacts
from wattgram.units import ACCOUNTING_SLOT_SECONDS
from wattgram_collector.accounting.budget_settings import Selection
from wattgram_collector.accounting.emissions import emissions_grams
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensity import Intensity


class Window(NamedTuple):
    """One period of a budget, `[from, to)` in unix seconds."""

    from_unix_seconds: int
    to_unix_seconds: int

    @property
    def seconds(self) -> int:
        return self.to_unix_seconds - self.from_unix_seconds

    @property
    def slots(self) -> range:
        """The accounting slots that begin in it."""
        return range(
            -(-self.from_unix_seconds // ACCOUNTING_SLOT_SECONDS),
            -(-self.to_unix_seconds // ACCOUNTING_SLOT_SECONDS),
        )

    def elapsed_ratio(self, now_unix_seconds: float) -> float:
        return (now_unix_seconds - self.from_unix_seconds) / self.seconds


def window_of(period: str, timezone: str, now_unix_seconds: float) -> Window:
    """Return the day, month or year of a time zone that it is now."""
    zone = ZoneInfo(timezone)
    today = datetime.fromtimestamp(now_unix_seconds, zone).date()
    first = {"day": today, "month": today.replace(day=1)}.get(period, date(today.year, 1, 1))
    return Window(_midnight(first, zone), _midnight(_after(first, period), zone))


def _after(first: date, period: str) -> date:
    """Return the first day of the next period."""
    if period == "day":
        return first + timedelta(days=1)
    if period == "month":
        return (first.replace(day=28) + timedelta(days=4)).replace(day=1)
    return date(first.year + 1, 1, 1)


def _midnight(day: date, zone: ZoneInfo) -> int:
    """Return the first instant of a day; where the clock skips midnight, that of the skip."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


# ── which hosts ──────────────────────────────────────────────────────────────────────────────


def takes_host(wanted: Selection, host: str, facts: HostFacts) -> bool:
    """Return whether a host is meant, as far as it decides that by itself."""
    if wanted.device_classes and facts.device_class not in wanted.device_classes:
        return False
    return not wanted.hosts or any(fnmatchcase(host, one) for one in wanted.hosts)


def takes_place(wanted: Selection, zone: str, site: str) -> bool:
    """Return whether energy from a grid zone, used at a site, is meant."""
    if wanted.grid_zones and zone not in wanted.grid_zones:
        return False
    return not wanted.sites or site in wanted.sites


# ── how much ─────────────────────────────────────────────────────────────────────────────────


class Posting(NamedTuple):
    """A sum of the hosts' energy under one set of terms, at one factor; None: unpriced."""

    terms: Terms
    factor: Intensity | None
    microjoules: int


class Spent(NamedTuple):
    """What some time came to; exact."""

    grams: Fraction = Fraction(0)
    priced_microjoules: int = 0
    unpriced_microjoules: int = 0

    def plus(self, other: Spent) -> Spent:
        return Spent(
            self.grams + other.grams,
            self.priced_microjoules + other.priced_microjoules,
            self.unpriced_microjoules + other.unpriced_microjoules,
        )

    @property
    def negative(self) -> Spent:
        """What takes it away again."""
        return Spent(-self.grams, -self.priced_microjoules, -self.unpriced_microjoules)

    @property
    def is_known(self) -> bool:
        """Whether the grams say anything: some energy is priced, or none was used."""
        return bool(self.priced_microjoules) or not self.unpriced_microjoules


def spent(rows: Iterable[Posting], wanted: Selection, said_site: str = "") -> Spent:
    """Return what the rows that are meant come to.

    `said_site`: what the hosts say of their site, which holds where the operator names none.
    """
    grams, priced, unpriced = Fraction(0), 0, 0
    for terms, factor, microjoules in rows:
        if not takes_place(wanted, terms.zone, terms.site or said_site):
            continue
        if factor is None:
            unpriced += microjoules
            continue
        priced += microjoules
        ratio = 1 + terms.overhead_ratio if wanted.facility_overhead else Fraction(1)
        grams += emissions_grams(microjoules * ratio, factor.value)
    return Spent(grams, priced, unpriced)
