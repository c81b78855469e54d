"""What this host has used since midnight, for `top`: kept beside the spool, best effort.

The ledger is the collector's; this is a convenience on the host itself, and is lost without
harm. A batch counts for the day on which it ended, by the host's own clock.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram.workloads import Workload, WorkloadKind, workload
from wattgram_agent.sysfs import read_text

FILE_NAME: Final = "today.json"
# A file that flash must not take with every batch.
WRITE_SECONDS: Final = 60


@dataclass(slots=True)
class Today:
    """Microjoules since midnight or since `since_unix_seconds`, whichever came later."""

    date: str = ""
    since_unix_seconds: int = 0
    updated_unix_seconds: int = 0
    energy_microjoules: int = 0
    workloads: dict[Workload, int] = field(default_factory=dict)
    stored_unix_seconds: int = field(default=0, compare=False)

    def add(
        self,
        now_unix_nanoseconds: int,
        energy_microjoules: int,
        workloads: Mapping[Workload, int],
    ) -> None:
        """Add what was used up to now; a new day begins with nothing."""
        now = now_unix_nanoseconds // NANOSECONDS_PER_SECOND
        date = local_date(now)
        if date != self.date:
            self.date, self.since_unix_seconds = date, now
            self.energy_microjoules, self.workloads = 0, {}
        self.updated_unix_seconds = now
        self.energy_microjoules += energy_microjoules
        for receiver, amount in workloads.items():
            self.workloads[receiver] = self.workloads.get(receiver, 0) + amount


def local_date(unix_seconds: int) -> str:
    """Return the day at this host's place."""
    return time.strftime("%Y-%m-%d", time.localtime(unix_seconds))


def load(directory: Path) -> Today | None:
    """Return what was kept, None where nothing readable is."""
    text = read_text(directory / FILE_NAME)
    try:
        return _decoded(json.loads(text)) if text else None
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def store(directory: Path, today: Today) -> None:
    """Keep it for `load`; raises OSError. It is not forced to the medium."""
    path = directory / FILE_NAME
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(json.dumps(_encoded(today)), encoding="utf-8")
    temporary.replace(path)
    today.stored_unix_seconds = today.updated_unix_seconds


def _encoded(today: Today) -> dict[str, Any]:
    return {
        "date": today.date,
        "since_unix_seconds": today.since_unix_seconds,
        "updated_unix_seconds": today.updated_unix_seconds,
        "energy_microjoules": today.energy_microjoules,
        "workloads": [[kind, name, amount] for (kind, name), amount in today.workloads.items()],
    }


def _decoded(found: dict[str, Any]) -> Today:
    return Today(
        date=str(found["date"]),
        since_unix_seconds=int(found["since_unix_seconds"]),
        updated_unix_seconds=int(found["updated_unix_seconds"]),
        energy_microjoules=int(found["energy_microjoules"]),
        workloads={
            workload(WorkloadKind(kind), str(name)): int(amount)
            for kind, name, amount in found["workloads"]
        },
    )
