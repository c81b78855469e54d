"""Budgets by the hour: which hours of the ledger are still to be read, and what they came to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import Final, NamedTuple

from wattgram.units import ACCOUNTING_SLOT_SECONDS, SECONDS_PER_HOUR
from wattgram_collector.accounting.budget_settings import BudgetSettings
from wattgram_collector.accounting.budgets import Posting, Spent, Window, spent, window_of
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.ledger.sums import PostedSum, Sums
from wattgram_collector.views.model import Budget

SLOTS_PER_HOUR: Final = SECONDS_PER_HOUR // ACCOUNTING_SLOT_SECONDS


class Kind(NamedTuple):
    """What decides which budgets a host's energy counts for: hosts of one kind are one sum."""

    budgets: frozenset[str]
    said_site: str


class Running:
    """One budget in its present period."""

    def __init__(self, name: str, settings: BudgetSettings) -> None:
        self.name = name
        self.settings = settings
        self.window = Window(0, 0)
        self._hours: dict[int, Spent] = {}
        self._total = Spent()
        self.due: set[int] = set()
        """Hours that are to be read, numbered from the epoch."""
        self.spent: Spent | None = None
        """None until all of the period was read."""

    def turn(self, now_unix_seconds: float) -> None:
        """Begin the period that it is now, unless that is done."""
        window = window_of(self.settings.period, self.settings.timezone, now_unix_seconds)
        if window != self.window:
            self.window = window
            self._hours.clear()
            self._total, self.spent = Spent(), None
            self.due.clear()
            self.begin_again(now_unix_seconds)

    def begin_again(self, now_unix_seconds: float) -> None:
        """Have all of the period read, up to now: what is to come is told when it is posted."""
        end = min(now_unix_seconds + SECONDS_PER_HOUR, self.window.to_unix_seconds)
        self.due |= self._within(
            range(self.window.slots.start, int(end) // ACCOUNTING_SLOT_SECONDS)
        )

    def note(self, slots: Iterable[int]) -> None:
        """Have the hours of these slots read, as far as they are in the period."""
        self.due |= self._within(slots)

    def _within(self, slots: Iterable[int]) -> set[int]:
        window = self.window.slots
        return {slot // SLOTS_PER_HOUR for slot in slots if slot in window}

    def keep(self, found: Mapping[int, Spent]) -> None:
        """Take what was read of some hours; once nothing is due the sum is known."""
        for hour, now in found.items():
            self._total = self._total.plus(now).plus(self._hours.get(hour, Spent()).negative)
            self._hours[hour] = now
        self.due -= found.keys()
        if not self.due:
            self.spent = self._total


class Asked(NamedTuple):
    """What is to be read for one budget."""

    settings: BudgetSettings
    slots: range
    hours: frozenset[int]


def read(
    summing: Callable[[], Sums],
    hours: range,
    kinds: Mapping[int, Kind],
    wanted: Mapping[str, Asked],
) -> dict[str, dict[int, Spent]]:
    """Return what each budget spent in each of the hours that it wants; raises LedgerError."""
    numbers = {kind: number for number, kind in enumerate(set(kinds.values()))}
    groups = {key: numbers[kind] for key, kind in kinds.items()}
    first, end = hours.start * SLOTS_PER_HOUR, hours.stop * SLOTS_PER_HOUR
    with closing(summing()) as sums:
        rows = list(sums.posted_sums(first, end, by_slot=True, groups=groups))
    found: dict[str, dict[int, Spent]] = {}
    for name, asked in wanted.items():
        by_hour = dict.fromkeys(asked.hours, Spent())
        for kind, number in numbers.items():
            if name in kind.budgets:
                mine = (row for row in rows if row.group == number)
                for hour, more in _spent_by_hour(mine, asked, kind.said_site).items():
                    by_hour[hour] = by_hour[hour].plus(more)
        found[name] = by_hour
    return found


def _spent_by_hour(rows: Iterable[PostedSum], asked: Asked, said_site: str) -> dict[int, Spent]:
    """PURE. Return what rows come to, hour by hour: integers first, fractions of the sums."""
    sums: defaultdict[int, dict[tuple[int, int], Posting]] = defaultdict(dict)
    for row in rows:
        slot = row.slot
        if row.account is not Account.HOST or slot is None or slot not in asked.slots:
            continue
        hour = slot // SLOTS_PER_HOUR
        if hour not in asked.hours:
            continue
        key = id(row.terms), id(row.factor)
        before = sums[hour].get(key)
        total = row.quantity + (before.microjoules if before else 0)
        sums[hour][key] = Posting(row.terms, row.factor, total)
    return {hour: spent(of.values(), asked.settings, said_site) for hour, of in sums.items()}


def known_of(one: Running, now_unix_seconds: float) -> Spent | None:
    """Return what is used in the period that it is now; None while that was not read."""
    inside = one.window.from_unix_seconds <= now_unix_seconds < one.window.to_unix_seconds
    return one.spent if inside else None


def shown(one: Running, now_unix_seconds: float) -> Budget:
    window = window_of(one.settings.period, one.settings.timezone, now_unix_seconds)
    known, grams = known_of(one, now_unix_seconds), one.settings.total_grams
    used = float(known.grams) if known is not None and known.is_known else None
    return Budget(
        name=one.name,
        window=one.settings.period,
        grams=grams,
        used_grams=used,
        used_ratio=None if used is None else used / grams,
        elapsed_ratio=window.elapsed_ratio(now_unix_seconds),
        from_unix_seconds=window.from_unix_seconds,
        to_unix_seconds=window.to_unix_seconds,
    )
