"""Which sources this host has, in what state, and which of their zones are counted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import Final

from wattgram.readings import (
    FIX_LENGTH_MAX,
    LABEL_LENGTH_MAX,
    Series,
    SeriesTable,
    SourceState,
    State,
)
from wattgram_agent.composition import Decision, Preferences, Silence, compose, series_of
from wattgram_agent.config import AgentConfig
from wattgram_agent.scout import Discoverer, Scout
from wattgram_agent.source import (
    FailedSample,
    HostPaths,
    Point,
    Sample,
    Source,
    SourceUnavailableError,
)
from wattgram_agent.sources import discoverers
from wattgram_agent.sources.nvml import NvmlSource
from wattgram_agent.workers import WAIT_SECONDS, Offloaded, offload

LOG: Final = logging.getLogger("wattgram.sources")

_CPU_BACKENDS: Final = ("rapl", "pyrapl")
# What a slow meter may take to say its first word before the host's sum is decided without it.
FIRST_ANSWER_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What became of one source. `fix` is the command that would change it, if one would."""

    name: str
    state: State
    reason: str
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """The sources that were found, and what is said of every one that was looked for.

    `silent` are the zones that have nothing to say at present, with the reason.
    """

    sources: tuple[Source, ...]
    outcomes: Mapping[str, Finding]
    preferences: Preferences
    silent: Mapping[Point, Silence]
    decisions: tuple[Decision, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The state of every source, in the order of the table."""
        return tuple(
            self._judge(outcome) if outcome.state is State.ACTIVE else outcome
            for outcome in self.outcomes.values()
        )

    def without(self, silent: Mapping[Point, Silence]) -> Roster:
        """Return the roster as it is while these zones have nothing to say."""
        zones = [zone for source in self.sources for zone in source.zones()]
        decisions = tuple(compose(zones, silent, self.preferences))
        return replace(self, silent=dict(silent), decisions=decisions)

    def expecting(self, points: Collection[Point]) -> Roster:
        """Return the roster with those of these points that are away just now, as failing."""
        for source in self.sources:
            source.expect(points)
        return self.without(self.silent)

    def joined_with(self, found: Roster) -> Roster:
        """Return what was `found` later, with the sources of this one that did not change.

        They keep their descriptors, and what they remember. The others are closed, here and
        there.
        """
        mine = {source.name: source for source in self.sources}
        kept: list[Source] = []
        for source in found.sources:
            old = mine.get(source.name)
            if old is not None and list(old.zones()) == list(source.zones()):
                source.close()
                kept.append(mine.pop(source.name))
            else:
                kept.append(source)
        for source in mine.values():
            source.close()
        return replace(found, sources=tuple(kept)).without(self.silent)

    @property
    def sampled(self) -> tuple[Source, ...]:
        """The sources that are asked."""
        counted = {one.zone.point.source for one in self.decisions if one.counted}
        return tuple(
            source for source in self.sources if source.name in counted or not source.is_spare
        )

    def series(self) -> dict[Point, Series]:
        """Return the column of every zone that is sampled."""
        sampled = {source.name for source in self.sampled}
        return {
            decision.zone.point: series_of(decision)
            for decision in self.decisions
            if decision.zone.point.source in sampled
        }

    def table(self, number: int, boot_id: str, grid_zone: str) -> SeriesTable:
        """Return the columns of this roster as they are told to a collector."""
        return SeriesTable(
            number=number,
            boot_id=boot_id,
            grid_zone=grid_zone,
            series=tuple(self.series().values()),
            sources=tuple(
                SourceState(
                    source=finding.name,
                    state=finding.state,
                    reason=finding.reason[:LABEL_LENGTH_MAX],
                    fix=finding.fix if len(finding.fix) <= FIX_LENGTH_MAX else "",
                )
                for finding in self.findings
            ),
        )

    def sample(self) -> list[Sample]:
        """Ask every source; those that may block answer at the same time."""
        sampled = self.sampled
        wait_until = monotonic() + WAIT_SECONDS
        for source in sampled:
            if isinstance(source, Offloaded):
                source.begin(wait_until)
        return [sample for source in sampled for sample in _sampled(source)]

    def gpu_use(self) -> Mapping[str, Mapping[int, int]]:
        """Return who kept NVIDIA's boards busy since the last call: UUID, process, millionths."""
        for source in self.sources:
            asked = source.source if isinstance(source, Offloaded) else source
            if isinstance(asked, NvmlSource):
                return asked.process_use()
        return {}

    def close(self) -> None:
        for source in self.sources:
            source.close()

    def _judge(self, outcome: Finding) -> Finding:
        """Say whether a source that was found is active, spare, or fails altogether."""
        mine = [one for one in self.decisions if one.zone.point.source == outcome.name]
        if not mine and outcome.reason:
            return replace(outcome, state=State.ERROR)
        if any(decision.counted for decision in mine):
            return outcome
        silences = [self.silent.get(one.zone.point) for one in mine]
        failures = [one.why for one in silences if one is not None and one.is_failure]
        if failures and None not in silences:
            denied = all("permission_denied" in why for why in failures)
            state = State.PERMISSION_DENIED if denied else State.ERROR
            return replace(outcome, state=state, reason=failures[0])
        # That a zone refuses itself (a bound, a second view) does not say why its peers are idle.
        reasons = [one.why for one in sorted(mine, key=lambda one: one.zone.refusal != "")]
        reason = reasons[0] if reasons else "no zone"
        both = "; ".join(text for text in (reason, outcome.reason) if text)
        return replace(outcome, state=State.AVAILABLE, reason=both)


def find_sources(config: AgentConfig) -> Callable[[], Roster]:
    """Return a function that looks for every source that the configuration allows."""
    table = discoverers(config)
    disabled, backend = config.sources.disabled, config.sources.cpu_backend
    passed_over = passed_over_names(table, disabled, backend)
    return partial(
        build_roster,
        table,
        config.host_paths,
        disabled=disabled,
        cpu_backend=backend,
        preferences=Preferences(host_meters=config.sources.host_meters, psys=config.sources.psys),
        scout=Scout({n: d for n, d in table.items() if n not in passed_over}, config.host_paths),
    )


def passed_over_names(
    table: Iterable[str], disabled: Iterable[str], cpu_backend: str
) -> dict[str, str]:
    """Return the sources that are not looked for, and why."""
    return {
        name: "disabled in the configuration"
        if name in disabled
        else f"not chosen: sources.cpu_backend is {cpu_backend}"
        for name in table
        if name in disabled or (name in _CPU_BACKENDS and name != cpu_backend)
    }


def build_roster(
    table: Mapping[str, Discoverer],
    paths: HostPaths,
    *,
    disabled: Iterable[str] = (),
    cpu_backend: str = "rapl",
    preferences: Preferences | None = None,
    scout: Scout | None = None,
) -> Roster:
    """Look for every source and decide what is counted, as if all zones could be read.

    A `scout` that is kept from one look to the next remembers which search still hangs.
    """
    passed_over = passed_over_names(table, tuple(disabled), cpu_backend)
    scout = scout or Scout({n: d for n, d in table.items() if n not in passed_over}, paths)
    found = scout.look()
    outcomes: dict[str, Finding] = {}
    sources: list[Source] = []
    for name in table:
        result = found.get(name)
        if result is None:
            outcomes[name] = Finding(name=name, state=State.ABSENT, reason=passed_over[name])
        elif isinstance(result, SourceUnavailableError):
            outcomes[name] = Finding(
                name=name, state=result.state, reason=result.reason, fix=result.fix
            )
        else:
            sources.append(offload(result))
            problems = "; ".join(result.problems())
            outcomes[name] = Finding(
                name=name, state=State.ACTIVE, reason=problems, fix=result.fix()
            )
    empty = Roster(
        sources=tuple(sources),
        outcomes=outcomes,
        preferences=preferences or Preferences(),
        silent={},
        decisions=(),
    )
    return empty.without({})


def settle(roster: Roster, seconds: float = FIRST_ANSWER_SECONDS) -> list[Point]:
    """Let the slow meters say their first word, so that the sum is decided with them.

    Return the zones of those who did not.
    """
    slow = [one for one in roster.sources if isinstance(one, Offloaded) and one.period_seconds]
    for source in slow:
        source.prime()
    deadline = monotonic() + seconds
    unheard = [source for source in slow if not source.settle(deadline - monotonic())]
    return [zone.point for source in unheard for zone in source.zones()]


def _sampled(source: Source) -> Sequence[Sample]:
    """Ask one source; one that breaks its promise fails, and costs nobody else."""
    try:
        return source.sample()
    except Exception as error:
        LOG.exception("source_broken name=%s", source.name)
        return [FailedSample(zone.point, "broken", repr(error)) for zone in source.zones()]
