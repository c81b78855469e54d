"""Real processes over a ledger that is killed, full and rotten: what was acknowledged is there."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import grpc
import pytest

from builders import batch
from collector_fakes import calling
from daemons import Collector, Process, get, running, wait_until
from ledger_files import change, fill_up, small_disk, sound
from wattgram.wire import encode_batch
from wattgram_collector.__main__ import main
from wattgram_collector.ledger.sqlite_check import check

pytestmark = pytest.mark.servers

ROUNDS = 60
WRITES_AND_DIES = """
import json, os, random, signal, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from builders import DRAM, PACKAGE, SLOT, apply, entry, intensity
from ledger_files import READINGS
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.ledger.sqlite_check import check

path = Path(sys.argv[1])

def write(acknowledge):
    ledger = SqliteLedger(path)
    applied = ledger.open_session(1, "session-1", 1)
    while True:
        group = range(applied + 1, applied + random.choice((2, 8, 200)))
        apply(ledger, [
            entry(n, {(PACKAGE, SLOT + n % 999): n, (DRAM, SLOT + n): 1},
                  factor=intensity("FR", str(n % 7)), tallies={READINGS: 1})
            for n in group
        ])
        applied = group[-1]
        os.write(acknowledge, b"%d\\n" % applied)

said, groups = 0, 0
for _ in range(int(sys.argv[3])):
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        write(writer)
    os.close(writer)
    with os.fdopen(reader) as answers:
        said = int(answers.readline())
        time.sleep(random.random() / 50)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        answered = [said, *map(int, answers.read().split())]
    said, groups = answered[-1], groups + len(answered)
    report = check(path, full=False)
    assert report.is_sound, report.findings
    ledger = SqliteLedger.reading(path)
    applied = ledger.open_session(1, "session-1", 1)
    energy = sum(ledger.totals()[1].usage.values())
    ledger.close()
    assert applied >= said, (applied, said)
    assert energy == 80 + sum(range(11, applied + 1)) + applied - 10, (applied, energy)
print(json.dumps({"applied": applied, "groups": groups}))
"""


def test_a_writer_that_is_killed_at_any_instant_leaves_a_sound_ledger(tmp_path: Path) -> None:
    """Every acknowledged batch is in it once, and everything adds up, each time."""
    path = sound(tmp_path / "ledger.sqlite")
    command = (sys.executable, "-c", WRITES_AND_DIES, path, Path(__file__).parents[1], str(ROUNDS))
    done = subprocess.run(
        tuple(map(str, command)), check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    print(f"{ROUNDS} kills, {found['groups']} groups, {found['applied']} batches")
    assert check(path, full=True).findings == ()


def readiness(collector: Collector) -> str:
    return get(f"http://127.0.0.1:{collector.http_port}/readyz")


async def test_a_collector_on_a_full_disk_lives_and_loses_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 8 << 20) as disk:
        (tmp_path / "collector").mkdir()
        (tmp_path / "collector" / "state").symlink_to(disk)
        collector = Collector(
            tmp_path / "collector",
            WATTGRAM_COLLECTOR__LEDGER__COMMIT_TICK_SECONDS="0",
            WATTGRAM_COLLECTOR__EXPOSITION__ZERO_SECONDS="0",
        )
        with running(collector):
            acknowledged = await deliver(collector, 1, 50)
            filler = fill_up(disk)
            with pytest.raises((grpc.RpcError, grpc.aio.BaseError, asyncio.InvalidStateError)):
                await deliver(collector, 51, 600)
            assert collector.total("wattgram_ledger_writable") == 0
            assert collector.total("wattgram_ledger_trouble", reason="full") == 1
            before = collector.total("wattgram_host_energy_joules_total") or 0
            assert before >= acknowledged
            assert readiness(collector) == ""
            filler.unlink()
            wait_until(lambda: readiness(collector), 20, "ready by itself")
            assert await deliver(collector, 1, 600) == 600  # what is there already comes again
            assert collector.total("wattgram_ledger_writable") == 1
            assert collector.total("wattgram_host_energy_joules_total") == 600
            assert collector.stop() == 0
        assert collector.log.count("ledger_failed") == 1
        assert collector.log.count("ledger_works_again") == 1
        assert check(disk / "ledger.sqlite", full=True).findings == ()


async def deliver(collector: Collector, first: int, last: int) -> int:
    """Send batches of a joule a piece; return what is acknowledged once all of it is."""
    async with calling(collector.grpc_port) as caller:
        for at in range(first, last + 1, 50):
            until = min(at + 49, last)
            await caller.send(
                *(encode_batch(batch(sequence=number)) for number in range(at, until + 1))
            )
            ack = await caller.until(until)
    return ack.applied_sequence


def test_a_rotten_ledger_is_shown_until_a_backup_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = Collector(tmp_path)
    monkeypatch.setenv("WATTGRAM_COLLECTOR__STATE_DIRECTORY", str(tmp_path / "state"))
    (tmp_path / "state").mkdir()
    path, saved = sound(tmp_path / "state" / "ledger.sqlite"), tmp_path / "saved.sqlite"
    assert main(["ledger", "backup", str(saved)]) == 0
    change(
        path,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master"
        " WHERE name = 'sqlite_autoindex_agents_1') WHERE name = 'sqlite_autoindex_series_1'",
    )
    try:
        Process.start(collector)
        wait_until(collector.metrics, 20, f"metrics: {collector.log}")
        assert collector.total("wattgram_ledger_trouble", reason="damaged") == 1
        assert collector.total("wattgram_agent_up") == 0
        assert readiness(collector) == ""
        assert main(["ledger", "restore", str(saved)]) == 1  # it runs
        assert collector.stop() == 0
        assert main(["ledger", "restore", str(saved)]) == 0
        collector.start()
        assert collector.total("wattgram_ledger_writable") == 1
    finally:
        collector.kill()
    path.write_bytes(b"rotten" * 4000)
    Process.start(collector)
    wait_until(lambda: "ledger restore" in collector.log, 20, "the way out")
    assert collector._process is not None
    assert collector._process.wait(20) == 1
