"""PURE. Which asset each agent is at which time: a period cut where that changes for the agent.

Only the versions of assets that claim an agent cut its time. What all others do does not matter
to it, so that a fleet that stays as it is has one piece per agent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import pairwise
from typing import NamedTuple

from wattgram_collector.inventory.periods import Interval, ReportPeriod, midnight_unix_seconds
from wattgram_collector.inventory.register.assets import Asset, Register, by_host, claims_host


class Piece(NamedTuple):
    """A time in which one version of one asset, or none, is what an agent meters."""

    interval: Interval
    asset: Asset | None


def holdings(
    register: Register, agents: Mapping[str, str], period: ReportPeriod
) -> dict[str, list[Piece]]:
    """Return the pieces of the period by agent id, in order; `agents` is agent id to host name.

    Raises ValueError naming a host that two assets claim as strongly on one day.
    """
    claims = _Claims(register)
    return {
        agent_id: list(_pieces(claims.of(agent_id, host), agent_id, host, register, period))
        for agent_id, host in agents.items()
    }


class _Claims:
    """Which assets ever claim an agent."""

    def __init__(self, register: Register) -> None:
        self._by_name: dict[str, set[str]] = {}
        self._patterns: dict[str, set[str]] = {}
        for asset_id in register:
            for version in register.versions(asset_id):
                for agent_id in version.agent_ids:
                    self._by_name.setdefault(agent_id, set()).add(asset_id)
                for host in version.hosts:
                    kept = self._patterns if set(host) & set("*?[") else self._by_name
                    kept.setdefault(host, set()).add(asset_id)

    def of(self, agent_id: str, host: str) -> list[str]:
        found = self._by_name.get(agent_id, set()) | self._by_name.get(host, set())
        for pattern, assets in self._patterns.items():
            if claims_host(pattern, host):
                found |= assets
        return sorted(found)


def _pieces(
    candidates: list[str], agent_id: str, host: str, register: Register, period: ReportPeriod
) -> Iterator[Piece]:
    days = {
        one.valid_from
        for asset_id in candidates
        for one in register.versions(asset_id)
        if one.valid_from and period.first < one.valid_from < period.after
    }
    start: int | None = None
    before: Asset | None = None
    for day, until in pairwise([period.first, *sorted(days), period.after]):
        held = [one for name in candidates if (one := register.at(name, day)) is not None]
        found = claimed(held, agent_id, host, day)
        if start is None:
            start, before = midnight_unix_seconds(day, period.timezone), found
        elif found is not before:
            at = midnight_unix_seconds(day, period.timezone)
            yield Piece(Interval(start, at), before)
            start, before = at, found
        if until == period.after:
            yield Piece(Interval(start, midnight_unix_seconds(until, period.timezone)), before)


def claimed(held: list[Asset], agent_id: str, host: str, day: date) -> Asset | None:
    """Return the version that an agent is; raises ValueError naming two that claim it alike."""
    claims = [one for one in held if agent_id in one.agent_ids] or by_host(held, host)
    if len(claims) > 1:
        names = " and ".join(sorted(one.asset_id for one in claims))
        raise ValueError(f"host {host} is claimed by {names} alike on {day}")
    return claims[0] if claims else None
