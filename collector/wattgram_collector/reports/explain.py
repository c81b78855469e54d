"""PURE. One host's postings to what happened when: energy, factor and terms of each time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from wattgram.readings import Kind, Series
from wattgram.units import ACCOUNTING_SLOT_SECONDS, SECONDS_PER_DAY, SECONDS_PER_HOUR
from wattgram_collector.accounting.emissions import (
    NETWORK_ACCOUNTS,
    Account,
    Amount,
    Pricing,
    Share,
    shares,
)
from wattgram_collector.accounting.slots import slot_start_unix_seconds
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensity import Intensity, Status
from wattgram_collector.ledger import AgentRecord, Receipts, TallyKey
from wattgram_collector.ledger.restatement import Posted, Used
from wattgram_collector.reports.groups import Group
from wattgram_collector.reports.reading import Period
from wattgram_collector.reports.sums import Rates

SLOTS_TO_SHOW_SINGLY: Final = 36
HOURS_TO_SHOW_SINGLY: Final = 72


class Every(StrEnum):
    """How long the times are that are explained one by one."""

    SLOT = "slot"
    HOUR = "hour"
    DAY = "day"

    @property
    def slots(self) -> int:
        seconds = {Every.HOUR: SECONDS_PER_HOUR, Every.DAY: SECONDS_PER_DAY}
        return seconds.get(self, ACCOUNTING_SLOT_SECONDS) // ACCOUNTING_SLOT_SECONDS

    @classmethod
    def fitting(cls, period: Period) -> Every:
        """Return what makes a page of a period."""
        slots = period.end_slot - period.first_slot
        if slots <= SLOTS_TO_SHOW_SINGLY:
            return cls.SLOT
        return cls.HOUR if slots <= HOURS_TO_SHOW_SINGLY * cls.HOUR.slots else cls.DAY


class LineKey(NamedTuple):
    """What postings have in common that are explained together."""

    account: Account
    terms: Terms
    factor: Intensity | None
    """Which prices them now."""
    at_ingest: Intensity | None
    restated_by_pass: int
    noted: Intensity | None


@dataclass(slots=True)
class Line:
    """Postings of one account and factor within one time."""

    key: LineKey
    quantity: int = 0
    slots: list[int] = field(default_factory=list)

    def now(self) -> list[Share]:
        """Return what they come to."""
        return self._shares(self.key.factor)

    def at_ingest(self) -> list[Share]:
        """Return what they came to when they were posted."""
        return self._shares(self.key.at_ingest)

    def _shares(self, factor: Intensity | None) -> list[Share]:
        pricing = Pricing.of(self.key.account, self.key.terms, factor)
        return list(shares(pricing, Amount(0).plus(self.quantity, factor)))

    @property
    def age_seconds(self) -> int | None:
        """How long before the last of the slots the factor's own time ended.

        0 where it holds in them, None for a yearly average.
        """
        factor = self.key.factor
        if factor is None or factor.status is Status.STATIC:
            return None
        last = slot_start_unix_seconds(max(self.slots))
        return max(0, last - factor.valid_until_unix_seconds)


@dataclass(slots=True)
class Bucket:
    """Slots `[first_slot, end_slot)` of the host."""

    first_slot: int
    end_slot: int
    group: Group
    lines: dict[LineKey, Line] = field(default_factory=dict)
    used: dict[Series, int] = field(default_factory=dict)
    batches: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By session the first sequence and the last that contributed."""
    has_batches_of_before: bool = False
    """Whether there may be batches of before receipts were kept."""

    def add(self, one: Posted) -> None:
        self.group.add(one)
        key = LineKey(
            one.account, one.terms, one.restated, one.factor, one.restated_by_pass, one.noted
        )
        line = self.lines.get(key)
        if line is None:
            line = self.lines[key] = Line(key)
        line.quantity += one.quantity
        line.slots.append(one.slot)

    def counted(self) -> dict[Series, int]:
        """Return the energy of the counted meters in microjoules."""
        return counted_of(self.used)

    @property
    def slots_with_energy(self) -> int:
        seen = {slot for key, line in self.lines.items() for slot in line.slots
                if key.account is Account.HOST}  # fmt: skip
        return len(seen)


class Explanation:
    """Everything that is said of one host and period."""

    def __init__(
        self,
        host: AgentRecord,
        period: Period,
        every: Every,
        tallies: Mapping[TallyKey, int],
    ) -> None:
        self.host = host
        self.period = period
        self.every = every
        self.tallies = tallies
        self._rates = Rates()
        self.whole = Bucket(period.first_slot, period.end_slot, Group(self._rates))
        self._buckets: dict[int, Bucket] = {}

    def add_posted(self, rows: Iterable[Posted]) -> None:
        for one in rows:
            self.whole.group.add(one)
            self._bucket(one.slot).add(one)

    def add_used(self, rows: Iterable[Used]) -> None:
        for series, slot, quantity in rows:
            for bucket in (self.whole, self._bucket(slot)):
                bucket.used[series] = bucket.used.get(series, 0) + quantity

    def add_receipts(self, kept: Receipts) -> None:
        for slot, session, first, last, _ in kept.receipts:
            for bucket in (self.whole, self._bucket(slot)):
                known = bucket.batches.get(session, (first, last))
                bucket.batches[session] = min(known[0], first), max(known[1], last)
        for bucket in (self.whole, *self._buckets.values()):
            bucket.has_batches_of_before = bucket.first_slot < kept.kept_from_slot

    def buckets(self) -> Iterator[Bucket]:
        """Yield the times in which something is known, in order."""
        for number in sorted(self._buckets):
            yield self._buckets[number]

    def _bucket(self, slot: int) -> Bucket:
        slots = self.every.slots
        number = slot // slots
        bucket = self._buckets.get(number)
        if bucket is None:
            first = max(number * slots, self.period.first_slot)
            end = min((number + 1) * slots, self.period.end_slot)
            bucket = self._buckets[number] = Bucket(first, end, Group(self._rates))
        return bucket


def counted_of(used: Mapping[Series, int]) -> dict[Series, int]:
    """Return the energy of the counted meters in microjoules."""
    return {
        series: quantity
        for series, quantity in used.items()
        if series.counted and series.kind is Kind.ENERGY
    }


def why_unpriced(terms: Terms, account: Account) -> str:
    """Return why a posting has no factor, as far as the posting itself says."""
    is_network = account in NETWORK_ACCOUNTS
    zone = terms.network_zone if is_network else terms.zone
    if zone:
        return f"no intensity of {zone} was known on the axes that were asked for"
    if is_network:
        return "the grid zone of the network is not known"
    return "the grid zone of the host is not known: set grid_zone or grid_zone_of_host"
