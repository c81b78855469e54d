"""What the ledger holds at the end, and whether it closes with what the hosts used."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from wattgram.units import MICROJOULES_PER_JOULE, NANOSECONDS_PER_SECOND

HARMLESS: Final = frozenset({"unreadable"})
"""Gaps that the next reading spans: nothing is lost for them."""

Point = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """What the ledger says of one agent; energies in microjoules, times in nanoseconds."""

    zones: Mapping[Point, int] = field(default_factory=dict)
    """What is counted, by (domain, instance)."""
    shares: int = 0
    """What all workloads and buckets were given."""
    posted: int = 0
    """What is priced, or said to be unpriced."""
    gaps: Mapping[str, int] = field(default_factory=dict)
    """Time by reason."""
    declared_batches: int = 0
    missing_batches: int = 0
    """Those whose numbers never came."""
    refused_batches: int = 0

    @property
    def counted(self) -> int:
        return sum(self.zones.values())

    @property
    def declared(self) -> int:
        """Time for which the ledger says that energy was lost."""
        return sum(time for reason, time in self.gaps.items() if reason not in HARMLESS)


def read(ledger: Path, agent_id: str) -> Booked:
    """Return what a ledger holds of one agent: nothing, where there is no ledger."""
    if not ledger.exists():
        return Booked()
    database = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)
    try:
        sums = {
            (source, domain, instance, counted): quantity
            for source, domain, instance, counted, quantity in database.execute(
                "SELECT source, domain, instance, counted, sum(quantity) FROM usage"
                " JOIN series ON series.key = usage.series JOIN agents ON agents.key = agent"
                " WHERE agent_id = ? AND kind = 'energy_microjoules' GROUP BY 1, 2, 3, 4",
                (agent_id,),
            )
        }
        tallies = database.execute(
            "SELECT name, label, count FROM tallies JOIN agents ON agents.key = agent"
            " WHERE agent_id = ?",
            (agent_id,),
        ).fetchall()
        ((posted,),) = database.execute(
            "SELECT coalesce(sum(quantity), 0) FROM postings JOIN agents ON agents.key = agent"
            " WHERE agent_id = ? AND account = 'host_microjoules'",
            (agent_id,),
        )
    finally:
        database.close()
    return Booked(
        zones={key[1:3]: quantity for key, quantity in sums.items() if key[3]},
        shares=sum(quantity for key, quantity in sums.items() if key[0] == "attribution"),
        posted=posted,
        gaps={label: count for name, label, count in tallies if name == "gap_nanoseconds"},
        declared_batches=sum(
            count for name, label, count in tallies if name == "gaps" and label not in HARMLESS
        ),
        missing_batches=sum(count for name, _, count in tallies if name == "missing_batches"),
        refused_batches=sum(count for name, _, count in tallies if name == "refused_batches"),
    )


def applied_sequence(ledger: Path, session: str) -> int:
    """Return the highest sequence of a session that is in the ledger, 0 for none."""
    try:
        database = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)
    except sqlite3.Error:
        return 0
    try:
        ((applied,),) = database.execute(
            "SELECT coalesce(max(applied), 0) FROM sessions WHERE session = ?", (session,)
        )
        return int(applied)
    except sqlite3.Error:  # no room for its index at this moment
        return 0
    finally:
        database.close()


def why_not_closed(
    truth: Mapping[Point, int], booked: Booked, *, microwatts: int = 0, lag_seconds: float = 0.0
) -> list[str]:
    """PURE. Return what does not close, nothing where all does.

    Without `microwatts` nothing may have been lost, and nothing be declared lost. With it, the
    power that the host drew all the time, what is missing is the energy of the time that is
    declared lost, but for what the registers lagged at the edges of what was dropped.
    """
    found = []
    if booked.shares != booked.counted:
        found.append(f"workloads have {booked.shares} uJ of {booked.counted}")
    if booked.posted != booked.counted:
        found.append(f"{booked.posted} uJ are posted of {booked.counted}")
    if booked.refused_batches:
        found.append(f"{booked.refused_batches} batches were refused")
    if microwatts:
        return found + _why_not_declared(sum(truth.values()), booked, microwatts, lag_seconds)
    for point in sorted(truth.keys() | booked.zones.keys()):
        used, kept = truth.get(point, 0), booked.zones.get(point, 0)
        if used != kept:
            found.append(f"{'/'.join(point)} used {used} uJ, booked are {kept}")
    if booked.declared or booked.missing_batches:
        gaps = {reason: time for reason, time in booked.gaps.items() if reason not in HARMLESS}
        found.append(f"declared lost: {gaps}, missing batches: {booked.missing_batches}")
    return found


def declared_microjoules(booked: Booked, microwatts: int) -> int:
    """Return the energy of the time that is declared lost, at a power that never changed.

    A batch whose acknowledgement was lost may be dropped and declared although it had arrived.
    The numbers tell: only those that never came are lost.
    """
    if not booked.declared_batches:
        return 0
    energy = microwatts * booked.declared // NANOSECONDS_PER_SECOND
    return energy * min(booked.missing_batches, booked.declared_batches) // booked.declared_batches


def _why_not_declared(
    truth: int, booked: Booked, microwatts: int, lag_seconds: float
) -> list[str]:
    found = []
    lost, slack = truth - booked.counted, int(microwatts * lag_seconds)
    said = declared_microjoules(booked, microwatts)
    if lost < 0:
        found.append(f"{-lost} uJ were booked that nobody used")
    if booked.missing_batches > booked.declared_batches:
        found.append(
            f"{booked.missing_batches} batches are missing, declared are {booked.declared_batches}"
        )
    if abs(lost - said) > slack:
        found.append(f"lost are {lost} uJ, declared {said} +- {slack} ({dict(booked.gaps)})")
    return found


def joules(microjoules: int) -> str:
    """Return microjoules as exact joules."""
    return f"{microjoules / MICROJOULES_PER_JOULE:.6f}"
