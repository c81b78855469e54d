"""Ledger files for tests: sound ones with some data, of this version and of the first."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from builders import DRAM, NOW, PACKAGE, SLOT, apply, entry, intensity
from wattgram.handshake import HostFacts
from wattgram_collector.ledger import Tally
from wattgram_collector.ledger.sqlite import SqliteLedger

FRANCE = intensity("FR", "44.18")
READINGS = (Tally.READINGS, "")
MISSING = (Tally.MISSING_BATCHES, "")
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
"""Where a file costs no fsync, if there is such a place."""
V1 = Path(__file__).parent / "collector" / "schemas" / "v1.sql"


def fill(ledger: SqliteLedger, batches: int = 10) -> None:
    """Two agents; each batch of the first is 5 of one series and 3 of another, 8 in all."""
    for key in (1, 2):
        assert ledger.enrol(f"agent-{key}", HostFacts(host=f"host-{key}")).key == key
        ledger.open_session(key, "session-1", 1)
    deliver(ledger, 1, batches)
    apply(ledger, [entry(3, {(PACKAGE, SLOT): 7}, agent_key=2, tallies={READINGS: 1})])


def deliver(ledger: SqliteLedger, first: int, last: int) -> None:
    apply(
        ledger,
        [
            entry(
                number,
                {(PACKAGE, SLOT + number): 5, (DRAM, SLOT + number): 3},
                factor=FRANCE,
                tallies={READINGS: 2},
            )
            for number in range(first, last + 1)
        ],
    )


def sound(path: Path, batches: int = 10) -> Path:
    path.write_bytes(_sound(batches))
    return path


@cache
def _sound(batches: int) -> bytes:
    with TemporaryDirectory(dir=MEMORY) as directory:
        path = Path(directory, "ledger.sqlite")
        with closing(SqliteLedger(path)) as ledger:
            fill(ledger, batches)
        return path.read_bytes()


def first_version(path: Path) -> Path:
    """A file as the first released program wrote it: two agents, sessions, gaps and a refusal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA journal_mode = WAL")
        database.executescript(V1.read_text())
        database.executemany(
            "INSERT INTO agents VALUES (?, ?, ?, ?)",
            [(1, "agent-1", "alpha", '{"host": "alpha"}'), (2, "agent-2", "beta",
             '{"host": "beta", "os": "linux 6.1", "site": "attic"}')],
        )  # fmt: skip
        database.executemany(
            "INSERT INTO sessions VALUES (?, ?, ?, ?, ?)",
            [(1, "a", 12, NOW, NOW - 1), (1, "b", 3, NOW + 5, NOW + 4), (2, "c", 40, NOW, NOW)],
        )
        package = ("energy_microjoules", "rapl", "package", "0", "measured", 1, "cpu")
        core = ("energy_microjoules", "rapl", "core", "0", "measured", 0, "other")
        receive = ("receive_bytes", "network", "interface", "eth0", "measured", 1, "other")
        for key, agent, series in (
            (1, 1, package),
            (2, 1, core),
            (3, 2, package),
            (4, 2, receive),
        ):
            database.execute(
                "INSERT INTO series VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (key, agent, *series)
            )
        database.executemany(
            "INSERT INTO usage VALUES (?, ?, ?)",
            [(1, SLOT, 1 << 40), (1, SLOT + 1, 5), (2, SLOT, 3), (3, SLOT, 100), (4, SLOT, 70)],
        )
        database.execute(
            "INSERT INTO factors VALUES (1, 'FR', '44.18', 'annual', 'test', '1', 0, ?, 'average',"
            " 'lifecycle', 'production', 'busbar', 'location', 'static')",
            (1 << 40,),
        )
        database.executemany(
            "INSERT INTO postings VALUES (?, ?, ?, ?, ?)",
            [(1, "host_microjoules", SLOT, 1, 1 << 40), (1, "host_microjoules", SLOT + 1, 0, 5),
             (2, "host_microjoules", SLOT, 1, 100), (2, "network_bytes", SLOT, 1, 70)],
        )  # fmt: skip
        database.executemany(
            "INSERT INTO tallies VALUES (?, ?, ?, ?)",
            [(1, "readings", "", 900), (1, "missing_batches", "", 4),
             (2, "refused_batches", "future", 1), (2, "gap_nanoseconds", "suspended", 77)],
        )  # fmt: skip
    return path


def change(path: Path, *statements: str) -> None:
    """What no program of ours does to a ledger."""
    with closing(sqlite3.connect(path)) as database, database:
        for statement in statements:
            database.execute(statement)


def shape(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return the columns of every table."""
    with closing(sqlite3.connect(path)) as database:
        names = [row[0] for row in database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]  # fmt: skip
        return {name: database.execute(f"PRAGMA table_info({name})").fetchall() for name in names}


@contextmanager
def small_disk(directory: Path, size_bytes: int) -> Iterator[Path]:
    """Give a file system of so many bytes; skip where this user may not mount one."""
    directory.mkdir()
    options = f"size={size_bytes}"
    if os.geteuid() != 0 or _run("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)):
        pytest.skip("needs root that may mount a tmpfs")
    try:
        yield directory
    finally:
        assert not _run("umount", "-l", str(directory))


def remount(disk: Path, how: str) -> None:
    assert not _run("mount", "-o", f"remount,{how}", str(disk))


def _run(*command: str) -> int:
    return subprocess.run(command, check=False, capture_output=True).returncode


def fill_up(directory: Path, *, but_bytes: int = 0) -> Path:
    """Take all room of a small disk but some; return the file that takes it."""
    filler = directory / "filler"
    medium = os.statvfs(directory)
    free = medium.f_bavail * medium.f_frsize
    with filler.open("wb") as file:
        file.write(b"\0" * max(0, free - but_bytes))
    return filler
