"""PURE. What is wrong, in one sentence each, and what to do about it.

A fix is a command or a line of configuration. Names that hosts gave themselves are quoted in it:
what is copied into a shell does what it says, whatever a host is called. What would mend a source
its agent says: that fix names the host whose words it is in.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from wattgram.readings import SourceState, State
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_collector.ingest.agents import Agent
from wattgram_collector.views.day import Labels
from wattgram_collector.views.model import (
    Presence,
    Problem,
    ProblemKind,
    Severity,
)

CLOCK_SECONDS_MAX: Final = 5.0
SPOOLED_BATCHES_MAX: Final = 60
TEXT_LENGTH_MAX: Final = 200
_ORDER: Final = {severity: number for number, severity in enumerate(Severity)}
_WATCH: Final = "journalctl -u wattgram-agent -n 50"


class Rises(NamedTuple):
    """How many batches of a host were lost over the last day, and why others were refused."""

    missing: int = 0
    refused: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class HostState:
    """What is looked at to find what is wrong with a host."""

    agent: Agent
    labels: Labels
    presence: Presence
    rises: Rises = Rises()

    @property
    def host(self) -> str:
        return self.agent.record.host


# ── hosts ────────────────────────────────────────────────────────────────────────────────────


def host_problems(state: HostState) -> tuple[Problem, ...]:
    """Return what is wrong with a host, the worst first."""
    return in_order(problem for find in _HOST_FINDERS for problem in find(state))


def agent_late(state: HostState) -> Iterator[Problem]:
    """Nothing is heard of it."""
    if state.presence is Presence.REPORTS:
        return
    seen = state.agent.last_seen_unix_nanoseconds // NANOSECONDS_PER_SECOND
    silent = "has sent nothing for more than three of its intervals"
    if state.presence is Presence.GONE:
        silent = "has sent nothing for more than five minutes: its counters are no longer shown"
    yield Problem(
        kind=ProblemKind.AGENT_LATE,
        severity=Severity.WARNING,
        about=state.host,
        text=f"{state.host} {silent}.",
        fix=f"{_on(state.host)} systemctl status wattgram-agent",
        since_unix_seconds=seen or None,
    )


def source_denied(state: HostState) -> Iterator[Problem]:
    """A meter is there and may not be read."""
    for one in state.agent.sources:
        if one.state is State.PERMISSION_DENIED:
            yield _of_source(
                state, one, ProblemKind.SOURCE_DENIED, "may not be read", Severity.WARNING
            )


def source_failed(state: HostState) -> Iterator[Problem]:
    """A meter is there and fails."""
    for one in state.agent.sources:
        if one.state is State.ERROR:
            yield _of_source(state, one, ProblemKind.SOURCE_FAILED, "fails", Severity.WARNING)


def _of_source(
    state: HostState, one: SourceState, kind: ProblemKind, what: str, severity: Severity
) -> Problem:
    why = f": {one.reason}" if one.reason else ""
    return Problem(
        kind=kind,
        severity=severity,
        about=state.host,
        text=cut(f"{one.source} on {state.host} {what}{why}."),
        fix=one.fix or f"{_on(state.host)} wattgram-agent doctor",
        fix_said_by=state.host if one.fix else "",
    )


def power_unknown(state: HostState) -> Iterator[Problem]:
    """It reports, and nothing of what it says is energy of the whole host."""
    agent = state.agent
    if agent.newest_sample_unix_nanoseconds and not agent.is_told:
        return  # what it said is of before a restart, or old: it is not known yet
    if state.presence is Presence.REPORTS and agent.power_microwatts is None:
        yield Problem(
            kind=ProblemKind.POWER_UNKNOWN,
            severity=Severity.WARNING,
            about=state.host,
            text=f"Nobody knows what {state.host} draws: no meter can be read, and no model is.",
            fix=f"{_on(state.host)} wattgram-agent doctor",
        )


def unpriced(state: HostState) -> Iterator[Problem]:
    """Its energy has no factor now."""
    agent, zone = state.agent, state.labels.zone
    if state.presence is not Presence.REPORTS or agent.intensity is not None:
        return
    if not agent.is_told:
        return  # it has said nothing of now that could be priced
    if zone:
        text = f"No intensity is known of {zone}, the grid of {state.host}."
        fix = f"[intensity.override_grams_per_kilowatt_hour]\n{_toml(zone)} = 350"
    else:
        text = f"Nobody said on which grid {state.host} is."
        fix = f'[grid_zone_of_host]\n{_toml(state.host)} = "DE"'
    yield Problem(
        kind=ProblemKind.UNPRICED,
        severity=Severity.WARNING,
        about=state.host,
        text=f"{text} Its energy is unpriced.",
        fix=fix,
    )


def clock_skew(state: HostState) -> Iterator[Problem]:
    """Its clock is not ours."""
    offset = state.agent.clock_offset_nanoseconds
    if state.presence is not Presence.REPORTS or offset is None:
        return
    seconds = offset / NANOSECONDS_PER_SECOND
    if abs(seconds) > CLOCK_SECONDS_MAX:
        side = "ahead of" if seconds > 0 else "behind"
        yield Problem(
            kind=ProblemKind.CLOCK_SKEW,
            severity=Severity.WARNING,
            about=state.host,
            text=f"The clock of {state.host} is {abs(seconds):.0f} s {side} the collector's.",
            fix=f"{_on(state.host)} timedatectl set-ntp true",
        )


def spool_filling(state: HostState) -> Iterator[Problem]:
    """More waits on the host than is on its way."""
    status = state.agent.status
    if state.presence is not Presence.REPORTS or status is None:
        return
    if status.spooled_batches > SPOOLED_BATCHES_MAX:
        yield Problem(
            kind=ProblemKind.SPOOL_FILLING,
            severity=Severity.WARNING,
            about=state.host,
            text=f"{status.spooled_batches} batches wait on {state.host}: it delivers more slowly "
            "than it measures, or catches up after an outage.",
            fix=f"{_on(state.host)} {_WATCH}",
        )


def batches_missing(state: HostState) -> Iterator[Problem]:
    """Some never came."""
    if state.rises.missing:
        yield Problem(
            kind=ProblemKind.BATCHES_MISSING,
            severity=Severity.WARNING,
            about=state.host,
            text=f"{state.rises.missing} batches of {state.host} never came over the last day: "
            "its spool was full, or was lost.",
            fix=f"{_on(state.host)} {_WATCH}",
        )


def batches_refused(state: HostState) -> Iterator[Problem]:
    """Some came and were not taken."""
    for reason, count in sorted(state.rises.refused.items()):
        yield Problem(
            kind=ProblemKind.BATCHES_REFUSED,
            severity=Severity.WARNING,
            about=state.host,
            text=f"{count} batches of {state.host} were refused over the last day: {reason}.",
            fix=_REFUSED.get(reason, f"{{on}} {_WATCH}").format(on=_on(state.host)),
        )


_REFUSED: Final = {
    "future": "{on} timedatectl set-ntp true",
    "too_large": "[limits]\nmax_batch_bytes = 524288",
    "too_many_series": "[limits]\nmax_series = 4000",
    "implausible_power": "{on} wattgram-agent sample --count 5",
}

_HOST_FINDERS: Final[tuple[Callable[[HostState], Iterator[Problem]], ...]] = (
    agent_late, source_denied, source_failed, power_unknown, unpriced, clock_skew, spool_filling,
    batches_missing, batches_refused,
)  # fmt: skip


def in_order(problems: Iterator[Problem]) -> tuple[Problem, ...]:
    """Return problems by severity, then as they came."""
    return tuple(sorted(problems, key=lambda one: _ORDER[one.severity]))


def _on(host: str) -> str:
    """Return the beginning of a command that is run on a host."""
    return f"ssh {'-- ' if host.startswith('-') else ''}{shlex.quote(host)}"


def _toml(name: str) -> str:
    """Return a name as TOML quotes it, in which there are no halves of a character."""
    return json.dumps(name, ensure_ascii=False)


def cut(text: str) -> str:
    return text if len(text) <= TEXT_LENGTH_MAX else f"{text[: TEXT_LENGTH_MAX - 1]}…"
