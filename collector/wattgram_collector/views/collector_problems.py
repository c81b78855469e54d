"""PURE. What is wrong with the collector, its grids and its budgets, and what to do about it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from wattgram.units import SECONDS_PER_DAY
from wattgram_collector.intensity import Tier
from wattgram_collector.ledger import LedgerError, Trouble
from wattgram_collector.views.model import (
    Budget,
    EmissionLimit,
    Problem,
    ProblemKind,
    Severity,
    Zone,
)
from wattgram_collector.views.problems import cut, in_order

CERTIFICATE_DAYS: Final = 14
CERTIFICATE_DAYS_CRITICAL: Final = 3
BURN_ELAPSED_MIN: Final = 0.1
BURN_RATIO: Final = 1.1
YEARLY: Final = frozenset({Tier.ANNUAL, Tier.COUNTRY, Tier.PARENT, Tier.WORLD})


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorState:
    """What is looked at to find what is wrong with the collector, its grids and budgets."""

    trouble: LedgerError | None = None
    state_directory: str = "/var/lib/wattgram-collector"
    history_trouble: LedgerError | None = None
    expiries_unix_seconds: Mapping[str, int] = field(default_factory=dict)
    zones: tuple[Zone, ...] = ()
    live_zones: frozenset[str] = frozenset()
    """Of which a provider has ever said something."""
    budgets: tuple[Budget, ...] = ()
    limits: tuple[EmissionLimit, ...] = ()


def collector_problems(state: CollectorState, now_unix_seconds: float) -> tuple[Problem, ...]:
    """Return what is wrong with the collector, its grids and budgets, the worst first."""
    return in_order(
        problem for find in _COLLECTOR_FINDERS for problem in find(state, now_unix_seconds)
    )


def ledger_trouble(state: CollectorState, _: float) -> Iterator[Problem]:
    """The ledger takes nothing, or cannot be read."""
    error = state.trouble or state.history_trouble
    if error is None:
        return
    what = "takes nothing, and agents keep what they have"
    if state.trouble is None:
        what = "could not be read for the history"
    yield Problem(
        kind=ProblemKind.LEDGER_TROUBLE,
        severity=Severity.CRITICAL if state.trouble else Severity.WARNING,
        about="",
        text=cut(f"The ledger {what}: {error}."),
        fix=_mending(error.trouble, state.state_directory),
    )


def _mending(trouble: Trouble, directory: str) -> str:
    match trouble:
        case Trouble.FULL:
            return f"df -h {shlex.quote(directory)}"
        case Trouble.READ_ONLY:
            return f"mount -o remount,rw {shlex.quote(directory)}"
        case Trouble.LOCKED:
            return f"fuser -v {shlex.quote(directory)}/ledger.sqlite"
        case Trouble.DAMAGED:
            return "wattgram-collector ledger restore BACKUP"
        case _:
            return "wattgram-collector ledger check"


def certificate_expiring(state: CollectorState, now_unix_seconds: float) -> Iterator[Problem]:
    """A certificate ends soon, or has ended."""
    for name, until in sorted(state.expiries_unix_seconds.items()):
        days = (until - now_unix_seconds) / SECONDS_PER_DAY
        if days > CERTIFICATE_DAYS:
            continue
        when = f"ends on {_day(until)}" if days > 0 else f"ended on {_day(until)}"
        yield Problem(
            kind=ProblemKind.CERTIFICATE_EXPIRING,
            severity=Severity.CRITICAL if days < CERTIFICATE_DAYS_CRITICAL else Severity.WARNING,
            about=name,
            text=f"The {name} certificate {when}.",
            fix="wattgram-collector ca init --directory NEW" if name == "authority" else
            "systemctl reload wattgram-collector",
            since_unix_seconds=until,
        )  # fmt: skip


def intensity_stale(state: CollectorState, _: float) -> Iterator[Problem]:
    """A provider said nothing newer."""
    for zone in state.zones:
        if zone.hosts and zone.tier is Tier.LAST_KNOWN:
            yield Problem(
                kind=ProblemKind.INTENSITY_STALE,
                severity=Severity.WARNING,
                about=zone.zone,
                text=f"{zone.provider} has said nothing newer of {zone.zone}: its hosts are "
                "priced with the last known value.",
                fix="journalctl -u wattgram-collector -g provider -n 50",
                since_unix_seconds=zone.valid_until_unix_seconds,
            )


def intensity_fallback(state: CollectorState, _: float) -> Iterator[Problem]:
    """A yearly average stands in."""
    for zone in state.zones:
        if not zone.hosts:
            continue
        if zone.tier is Tier.WORLD:
            yield Problem(
                kind=ProblemKind.INTENSITY_FALLBACK,
                severity=Severity.INFO,
                about=zone.zone,
                text=("1 host is" if zone.hosts == 1 else f"{zone.hosts} hosts are")
                + " priced with the world's average: nobody said on which grid.",
                fix='grid_zone = "DE"',
            )
        elif zone.tier in YEARLY and zone.zone in state.live_zones:
            yield Problem(
                kind=ProblemKind.INTENSITY_FALLBACK,
                severity=Severity.WARNING,
                about=zone.zone,
                text=f"{zone.zone} is priced with a yearly average: its live provider has said "
                "nothing for more than six hours.",
                fix="journalctl -u wattgram-collector -g provider -n 50",
            )


def budget_burning(state: CollectorState, _: float) -> Iterator[Problem]:
    """A budget is used up, or faster than its time."""
    for one in state.budgets:
        used = one.used_ratio
        if used is None:
            continue
        is_ahead = one.elapsed_ratio > BURN_ELAPSED_MIN and used > BURN_RATIO * one.elapsed_ratio
        if used <= 1 and not is_ahead:
            continue
        yield Problem(
            kind=ProblemKind.BUDGET_BURNING,
            severity=Severity.CRITICAL if used > 1 else Severity.WARNING,
            about=one.name,
            text=f"{used:.0%} of the {one.window}'s budget {one.name} is used, and "
            f"{one.elapsed_ratio:.0%} of its time is over.",
            fix=f"wattgram-collector report --from {_instant(one.from_unix_seconds)} --by host",
            since_unix_seconds=one.from_unix_seconds,
        )


def emission_rate(state: CollectorState, _: float) -> Iterator[Problem]:
    """The hosts of a limit emit more than it allows."""
    for one in state.limits:
        rate = one.present_grams_per_hour
        if rate is not None and rate > one.grams_per_hour:
            yield Problem(
                kind=ProblemKind.EMISSION_RATE,
                severity=Severity.WARNING,
                about=one.name,
                text=f"The hosts of the limit {one.name} emit {rate:,.0f} g/h, and "
                f"{one.grams_per_hour:,.0f} g/h is too much.",
                fix="wattgram-collector report --from -1h --by host",
            )


def fits_no_host(state: CollectorState, _: float) -> Iterator[Problem]:
    """A budget or a limit is about nobody: it will never be used up, and never tell."""
    for budget in state.budgets:
        if budget.hosts == 0:
            yield _about_nobody(ProblemKind.BUDGET_BURNING, "budget", "budgets", budget.name)
    for limit in state.limits:
        if limit.hosts == 0:
            yield _about_nobody(ProblemKind.EMISSION_RATE, "limit", "emission_limits", limit.name)


def _about_nobody(kind: ProblemKind, what: str, section: str, name: str) -> Problem:
    return Problem(
        kind=kind,
        severity=Severity.INFO,
        about=name,
        text=f"The {what} {name} fits no host that is known: nothing counts to it.",
        fix=f"[{section}.{name}]  # sites, grid_zones, device_classes, hosts",
    )


_COLLECTOR_FINDERS: Final[
    tuple[Callable[[CollectorState, float], Iterator[Problem]], ...]
] = (
    ledger_trouble, certificate_expiring, intensity_stale, intensity_fallback, budget_burning,
    emission_rate, fits_no_host,
)  # fmt: skip


def _instant(unix_seconds: int) -> str:
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _day(unix_seconds: int) -> str:
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%d")
