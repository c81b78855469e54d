"""Which sources this host has, in what state, and which of their zones are counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from wattgram.readings import Series, SeriesTable, SourceState, State
from wattgram_agent.composition import Decision, compose, series_of
from wattgram_agent.config import AgentConfig
from wattgram_agent.source import (
    HostPaths,
    Point,
    Sample,
    Source,
    SourceUnavailableError,
)
from wattgram_agent.sources import DISCOVERERS

_CPU_BACKENDS: Final = ("rapl", "pyrapl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What became of one source. `fix` is the command that would change it, if one would."""

    name: str
    state: State
    reason: str
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """The sources that are sampled, and the decision on every zone that was found."""

    sources: tuple[Source, ...]
    findings: tuple[Finding, ...]
    decisions: tuple[Decision, ...]

    def series(self) -> dict[Point, Series]:
        """Return the column of every zone that is sampled."""
        sampled = {source.name for source in self.sources}
        return {
            decision.zone.point: series_of(decision)
            for decision in self.decisions
            if decision.zone.point.source in sampled
        }

    def table(self, number: int, boot_id: str, grid_zone: str) -> SeriesTable:
        return SeriesTable(
            number=number,
            boot_id=boot_id,
            grid_zone=grid_zone,
            series=tuple(self.series().values()),
            sources=tuple(
                SourceState(source=finding.name, state=finding.state, reason=finding.reason[:200])
                for finding in self.findings
            ),
        )

    def sample(self) -> list[Sample]:
        return [sample for source in self.sources for sample in source.sample()]

    def close(self) -> None:
        for source in self.sources:
            source.close()


def find_sources(config: AgentConfig) -> Roster:
    """Look for every source that the configuration allows."""
    return build_roster(
        DISCOVERERS,
        config.host_paths,
        disabled=config.sources.disabled,
        cpu_backend=config.sources.cpu_backend,
    )


def build_roster(
    discoverers: Mapping[str, Callable[[HostPaths], Source]],
    paths: HostPaths,
    *,
    disabled: Iterable[str] = (),
    cpu_backend: str = "rapl",
) -> Roster:
    """Look for every source, decide what is counted, and drop what need not be sampled."""
    findings: dict[str, Finding] = {}
    found: list[Source] = []
    passed_over = {name for name in _CPU_BACKENDS if name != cpu_backend}
    for name, discover in discoverers.items():
        if name in disabled:
            findings[name] = Finding(
                name=name, state=State.ABSENT, reason="disabled in the configuration"
            )
        elif name in passed_over:
            findings[name] = Finding(
                name=name,
                state=State.ABSENT,
                reason=f"not chosen: sources.cpu_backend is {cpu_backend}",
            )
        else:
            try:
                found.append(discover(paths))
            except SourceUnavailableError as error:
                findings[name] = Finding(
                    name=name, state=error.state, reason=error.reason, fix=error.fix
                )
    decisions = compose([zone for source in found for zone in source.zones()])
    sampled = []
    for source in found:
        findings[source.name], wanted = _judge(source, decisions)
        if wanted:
            sampled.append(source)
        else:
            source.close()
    return Roster(
        sources=tuple(sampled),
        findings=tuple(findings[name] for name in discoverers if name in findings),
        decisions=tuple(decisions),
    )


def _judge(source: Source, decisions: Iterable[Decision]) -> tuple[Finding, bool]:
    """Return what to say of a source that was found, and whether it is sampled.

    A source none of whose zones is counted is sampled only if it measures: what it shows then
    is a check on what is counted, while a second model would only cost.
    """
    mine = [decision for decision in decisions if decision.zone.point.source == source.name]
    counted = [decision for decision in mine if decision.counted]
    problems = "; ".join(
        f"{problem.location}: {problem.reason}"
        for problem in getattr(getattr(source, "discovery", None), "problems", ())
    )
    finding = Finding(name=source.name, state=State.ACTIVE, reason=problems)
    if counted:
        return finding, True
    # That a zone refuses itself (a bound, a second view) does not say why its peers are idle.
    reasons = [decision.why for decision in sorted(mine, key=lambda one: one.zone.refusal != "")]
    reason = reasons[0] if reasons else "no zone"
    return replace(finding, state=State.AVAILABLE, reason=reason), source.name != "model"
