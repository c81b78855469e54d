"""Who on a host used its energy: the names under which shares of it travel.

A share is an ordinary series that is never counted: the energy that is shared out is in the
host's counted series already. All shares of one batch, the three buckets with them, add up to
the counted energy of that batch.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from wattgram.readings import LABEL_LENGTH_MAX, Kind, Quality, Series

SOURCE: Final = "attribution"


class WorkloadKind(StrEnum):
    """What a workload is; the last three are no workloads but what none of them used."""

    SYSTEMD = "systemd"  # a unit, a slice, or a control group that is none
    CONTAINER = "container"
    POD = "pod"
    VM = "vm"
    PROCESS = "process"
    IDLE = "idle"
    UNATTRIBUTED = "unattributed"
    OTHER = "other"


class Workload(NamedTuple):
    """One receiver of energy. `name` can be a label: 1 to 200 printable characters."""

    kind: WorkloadKind
    name: str


IDLE: Final = Workload(WorkloadKind.IDLE, "idle")
"""What the host drew while its threads, or its GPUs, had nothing to do."""
UNATTRIBUTED: Final = Workload(WorkloadKind.UNATTRIBUTED, "unattributed")
"""What was used, and nobody knows by whom."""
OTHER: Final = Workload(WorkloadKind.OTHER, "other")
"""Workloads that have no series of their own."""

BUCKETS: Final = (IDLE, UNATTRIBUTED, OTHER)


def workload(kind: WorkloadKind, name: str) -> Workload:
    """Return a workload whose name is made a label: no control characters, not too long."""
    printable = (
        name if name.isprintable() else "".join(c if c.isprintable() else "?" for c in name)
    )
    return Workload(kind, printable[:LABEL_LENGTH_MAX] or "?")


def series_of(receiver: Workload) -> Series:
    """Return the column that carries what a workload used."""
    return Series(
        kind=Kind.ENERGY,
        source=SOURCE,
        domain=receiver.kind.value,
        instance=receiver.name,
        quality=Quality.MODELLED,
        counted=False,
    )


def is_share(series: Series) -> bool:
    """Say whether a series is a share of energy that others count."""
    return series.source == SOURCE and series.kind is Kind.ENERGY and not series.counted
