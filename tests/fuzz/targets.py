"""What is fuzzed: the table. A new parser is one line here, and a seed in `seeds.py`.

A target takes bytes, anything at all. It returns whether they were something, and not only
refused; it raises when what must hold does not. Nothing is imported before a target is asked for:
who counts coverage must be there first.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

CORPUS = Path(__file__).parent / "corpus"

Run = Callable[[bytes], bool]


class Target(NamedTuple):
    """One thing to throw bytes at. `most_bytes` bounds what is tried."""

    where: str
    """Module and name: of a Run or, with `refuses`, of what takes text."""
    refuses: str = ""
    """The error, as module and name, by which the text is refused."""
    most_bytes: int = 4096

    def load(self) -> Run:
        """Import it."""
        run = _named(self.where)
        return _of_text(run, _named(self.refuses)) if self.refuses else run


TARGETS = {
    "collector_stream": Target("fuzz.streams:collector"),
    "agent_stream": Target("fuzz.streams:agent"),
    "spool_recovery": Target("fuzz.spools:recovery", most_bytes=8192),
    "spool_life": Target("fuzz.spools:life", most_bytes=8192),
    "agent_files": Target("fuzz.spools:files", most_bytes=8192),
    "agent_config": Target("fuzz.configs:agent", most_bytes=8192),
    "collector_config": Target("fuzz.configs:collector", most_bytes=8192),
    "credentials": Target("fuzz.access:credentials", most_bytes=8192),
    "authorization": Target("fuzz.access:authorization"),
    "revocations": Target("fuzz.access:revocations", most_bytes=8192),
    "certificates": Target("fuzz.access:certificates"),
    "enrolment": Target("fuzz.access:enrolment"),
    "issued": Target("fuzz.access:issued"),
    "sysfs": Target("fuzz.meters:sysfs", most_bytes=8192),
    "procfs": Target("fuzz.meters:procfs", most_bytes=8192),
    "answers": Target("fuzz.meters:answers", most_bytes=8192),
    "redfish": Target("fuzz.meters:redfish", most_bytes=8192),
    "ledger": Target("fuzz.ledgers:ledger", most_bytes=256),
    "activities": Target("fuzz.activities:files", most_bytes=8192),
    # Tables of carbon intensity: whatever takes text and raises ValueError.
    "annual_csv": Target("wattgram_collector.intensities.annual:parse", "builtins:ValueError"),
    **{
        name: Target(f"fuzz.providers:{name}", most_bytes=8192)
        for name in (
            "neso_answer",
            "energy_charts_answer",
            "electricity_maps_answer",
            "rte_answer",
            "entsoe_answer",
            "eia_answer",
            "watttime_answer",
        )
    },
}


def corpus_of(name: str) -> list[Path]:
    """Return the kept inputs of a target."""
    return sorted((CORPUS / name).glob("*"))


def _named(where: str) -> Any:
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(module), name)


def _of_text(parse: Callable[[str], object], refuses: type[Exception]) -> Run:
    def run(data: bytes) -> bool:
        try:
            parse(data.decode(errors="replace"))
        except refuses:
            return False
        return True

    return run
