"""What agents metered in a period: postings, and what is told beside them.

One reading of the ledger gives all of it: agent by agent its slots, cut only at the ends of the
period and on the days on which what that agent is bound to changes. Ten thousand hosts that stay
what they are come to ten thousand intervals, not twelve times as many.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from wattgram.readings import Quality
from wattgram.units import ACCOUNTING_SLOT_SECONDS
from wattgram_collector.accounting.emissions import NETWORK_ACCOUNTS, Account
from wattgram_collector.inventory.activities.kinds import shipped_table
from wattgram_collector.inventory.decision import Consolidation
from wattgram_collector.inventory.factors import Factor
from wattgram_collector.inventory.making.hardware import shipped
from wattgram_collector.inventory.making.resolving import Resolver
from wattgram_collector.inventory.metering import completeness
from wattgram_collector.inventory.metering.agents import (
    Desk,
    Watch,
    is_sampled,
    postings_of,
    unit_of,
)
from wattgram_collector.inventory.metering.cutting import merged
from wattgram_collector.inventory.metering.energy import Bound
from wattgram_collector.inventory.metering.fleet import Sample, Stratum
from wattgram_collector.inventory.metering.gaps import Filled, filled
from wattgram_collector.inventory.metering.holdings import Piece, holdings
from wattgram_collector.inventory.metering.hours import HourBook
from wattgram_collector.inventory.metering.installed import Reporting, fleets, lifetimes
from wattgram_collector.inventory.metering.placing import Placing
from wattgram_collector.inventory.periods import Interval, ReportPeriod
from wattgram_collector.inventory.postings import Posting
from wattgram_collector.inventory.register.assets import Register
from wattgram_collector.inventory.result import Fleet, Seen, SiteHour, Unknown
from wattgram_collector.inventory.settings import InventorySettings
from wattgram_collector.ledger import AgentRecord
from wattgram_collector.ledger.columns import Column, Posted
from wattgram_collector.progress import Tell, nobody

_ACCOUNTS: Final = (Account.HOST, Account.MARKET, *NETWORK_ACCOUNTS)


@dataclass(slots=True, kw_only=True)
class Metering:
    """What a period comes to, as far as agents saw it."""

    postings: list[Posting] = field(default_factory=list)
    """Of energy and of network traffic: primary ones, and what is a memo or an allocation."""
    factors: dict[str, Factor] = field(default_factory=dict)
    """What priced them, by the id that `Posting.factor` has: rows of factors.csv."""
    unknown: list[Unknown] = field(default_factory=list)
    """Hosts of no asset, assets of no rule, energy of no factor: in no total, never zero."""
    fleets: list[Fleet] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    """By agent and month, for completeness.csv."""
    metered: dict[str, Sequence[Interval]] = field(default_factory=dict)
    """When agents metered each asset, by its id."""
    hours: HourBook = field(default_factory=HourBook)

    def site_hours(self) -> Iterator[SiteHour]:
        """Yield what each site used in each hour, by site and time, for energy.csv."""
        yield from self.hours


def metered_postings(
    sums: MeteredSums,
    agents: Sequence[AgentRecord],
    register: Register,
    period: ReportPeriod,
    settings: InventorySettings,
    tell: Tell = nobody,
) -> Metering:
    """Return all that agents metered in `period`; `tell` hears how many agents are done.

    `agents`: those of the ledger, `Ledger.agents()`. The equity share of the organisation is not
    in it: whoever sums the parts of a run takes it of all of them alike. Raises LedgerError, and
    ValueError naming a host that two assets claim alike.
    """
    run = _Run(sums, agents, register, period, settings)
    run.read(tell)
    return run.metering()


class MeteredSums(Protocol):
    """What a reading needs of `Sums`."""

    def posted_columns(
        self,
        first_slot: int,
        end_slot: int,
        *,
        accounts: Collection[Account],
        agents: Iterable[int],
    ) -> Iterator[Posted]:
        """See Sums."""

    def posted_spans(self, agents: Iterable[int]) -> dict[int, tuple[int, int]]:
        """See Sums."""

    def counted_qualities(self, agent: int, first_slot: int, end_slot: int) -> frozenset[Quality]:
        """See Sums."""


class _Run:
    """One reading, and what comes of it."""

    def __init__(
        self,
        sums: MeteredSums,
        agents: Sequence[AgentRecord],
        register: Register,
        period: ReportPeriod,
        settings: InventorySettings,
    ) -> None:
        self._sums = sums
        self._register = register
        self._period = period
        self._settings = settings
        self._agents = {one.key: one for one in agents}
        self._pieces = holdings(register, {one.agent_id: one.host for one in agents}, period)
        self._spans = sums.posted_spans(sorted(self._agents))
        self._newest = max((last for _, last in self._spans.values()), default=0) + 1
        self._placing = Placing(register, self._metered_assets(),
                                Consolidation(settings.consolidation),
                                period.timezone)  # fmt: skip
        self._desk = Desk(settings.network_category)
        self._samples: dict[Stratum, Sample] = defaultdict(Sample)
        self._reporting: dict[str, list[Reporting]] = defaultdict(list)
        self._found = Metering(hours=self._desk.hours)

    def read(self, tell: Tell) -> None:
        """Read the postings of every agent, those of one site one after another."""
        order = sorted(self._agents, key=self._site_first)
        first, end = self._period.interval.slots
        found = self._sums.posted_columns(first, end, accounts=_ACCOUNTS, agents=order)
        for done, posted in enumerate(found):
            tell(done, len(order))
            self._take(posted)

    def metering(self) -> Metering:
        """Return what was read, with what is installed beside it."""
        found, desk = self._found, self._desk
        found.fleets, more = fleets(self._register, self._samples, self._reporting,
                                    self._placing, self._period, desk)  # fmt: skip
        found.postings += more
        tables = shipped_table(), Resolver(shipped())
        found.postings += lifetimes(self._register, self._samples, self._placing, tables,
                                    self._period, desk)  # fmt: skip
        found.factors = desk.factors.rows(one.factor for one in found.postings)
        found.postings = [
            replace(one, priced_by=found.factors[one.factor]) if one.factor else one
            for one in found.postings
        ]
        found.unknown = desk.unknowns.rows()
        found.seen.sort(key=lambda one: (one.agent_id, one.month))
        found.metered = {
            asset_id: merged(one.interval for one in reporting)
            for asset_id, reporting in sorted(self._reporting.items())
        }
        return found

    def _site_first(self, key: int) -> tuple[str, int]:
        asset = self._pieces[self._agents[key].agent_id][0].asset
        return (asset.site if asset else ""), key

    def _metered_assets(self) -> Mapping[str, Sequence[Interval]]:
        """Return when each asset is metered by an agent of its own, as far as that posted."""
        found: dict[str, list[Interval]] = defaultdict(list)
        for key in self._spans:
            for piece in self._pieces_of(key):
                during = self._alive(key, piece.interval)
                if piece.asset is not None and during is not None:
                    found[piece.asset.asset_id].append(during)
        return {asset_id: merged(times) for asset_id, times in found.items()}

    def _alive(self, key: int, interval: Interval) -> Interval | None:
        """Return the part of an interval from the agent's first slot ever to its last."""
        first, last = self._spans[key]
        return interval.overlap(
            Interval(first * ACCOUNTING_SLOT_SECONDS, (last + 1) * ACCOUNTING_SLOT_SECONDS)
        )

    def _pieces_of(self, key: int) -> Sequence[Piece]:
        agent = self._agents.get(key)
        return self._pieces[agent.agent_id] if agent else ()

    def _take(self, posted: Posted) -> None:
        agent = self._agents[posted.agent_key]
        span = self._span(posted.agent_key)
        times: list[Interval] = []
        gaps: list[tuple[Interval, int]] = []
        slots: list[int] = []
        for piece in self._pieces_of(posted.agent_key):
            during = completeness.expected(piece, span, self._period.timezone)
            if during is not None:
                times.append(during)
            for interval, bound in self._bounds(piece):
                seen, lacking = self._watch(
                    agent, Piece(interval, piece.asset), bound, posted, span
                )
                slots += seen
                gaps += lacking.gaps if lacking else ()
        self._found.seen += completeness.seen_of(
            agent.agent_id, agent.host, slots, times, gaps, self._period
        )

    def _span(self, key: int) -> completeness.Span | None:
        if key not in self._spans:
            return None
        return completeness.Span(self._spans[key][0], self._newest)

    def _bounds(self, piece: Piece) -> Iterator[tuple[Interval, Bound]]:
        if piece.asset is None:
            yield piece.interval, Bound(None, None)
        else:
            yield from self._placing.pieces(piece.asset, piece.interval)

    def _watch(
        self, agent: AgentRecord, piece: Piece, bound: Bound, posted: Posted,
        span: completeness.Span | None,
    ) -> tuple[Sequence[int], Filled | None]:  # fmt: skip
        """Post what an agent saw in a piece; return the slots that it saw, and what was filled."""
        interval = self._alive(posted.agent_key, piece.interval) if posted.columns else None
        if interval is None:
            return (), None
        ends = interval.slots
        columns = [part for one in posted.columns if (part := one.between(*ends)) is not None]
        if not columns:
            return (), None
        slots = _seen(columns)
        during = completeness.expected(piece, span, self._period.timezone)
        lacking = self._filled(bound, columns, slots)
        watch = Watch(agent, interval, bound, columns,
                      self._quality(agent, piece, slots, during), lacking)  # fmt: skip
        postings, energy = postings_of(watch, self._desk)
        self._found.postings += postings
        if bound.asset is not None and slots:
            name = bound.asset.asset_id
            self._reporting[name].append(Reporting(agent.agent_id, interval))
            if is_sampled(bound) and during is not None:
                seconds = during.end_unix_seconds - during.start_unix_seconds
                unit = unit_of(watch, energy, seconds, len(slots))
                self._samples[Stratum.of(bound.asset)].add(agent.agent_id, unit, energy, during)
        return slots, lacking

    def _quality(
        self, agent: AgentRecord, piece: Piece, slots: Sequence[int], during: Interval | None
    ) -> Quality:
        read = self._sums.counted_qualities(agent.key, *piece.interval.slots)
        return completeness.tier(piece.asset, read, completeness.coverage(slots, during))

    def _filled(
        self, bound: Bound, columns: Sequence[Column], slots: Sequence[int]
    ) -> Filled | None:
        """Return what is filled, where that is switched on, of what is always on."""
        asset = bound.asset
        if not self._settings.fill_gaps or asset is None or bound.decision is None:
            return None
        if asset.role not in completeness.ALWAYS_ON:
            return None
        host = [one for one in columns if one.account is Account.HOST]
        return filled(host, slots, self._period.months())


def _seen(columns: Sequence[Column]) -> Sequence[int]:
    """Return the slots with energy of the host, in order and each once."""
    host = [one.pattern.seen for one in columns if one.account is Account.HOST]
    if len(host) == 1:
        return host[0]
    return sorted(set().union(*host))
