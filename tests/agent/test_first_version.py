"""An agent goes on with the state directory and the configuration of the first version."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest

from first_files import AGENT_ID, BATCHES, FIRST, SESSION, joules_of, records
from wattgram.readings import Batch
from wattgram.wire import decode_agent_message
from wattgram_agent import __main__ as agent
from wattgram_agent.batches import counted_energy
from wattgram_agent.daemon import kept_agent_id
from wattgram_agent.source import Point
from wattgram_agent.spool.queue import Spool
from wattgram_collector import __main__ as collector

BOOT = "0a1b2c3d-0000-4000-8000-00000000b007"
SOCKETS = [(domain, instance) for instance in "01" for domain in ("package", "core", "dram")]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FIRST / "agent", tmp_path / "state"))


def test_every_batch_that_waited_still_waits_under_its_number_and_session(state: Path) -> None:
    spool = Spool(state / "spool", max_bytes=1 << 26)
    waiting = spool.after(0)
    microjoules = 0
    for entry in waiting:
        table = spool.table(entry.table_number)
        message = spool.read(entry)
        assert table is not None
        assert message is not None
        batch = decode_agent_message(message, {table.number: table})
        assert isinstance(batch, Batch)
        microjoules += counted_energy(batch, table)[0]
    kept = [record.message for record in records() if record.kind == 2]
    assert [spool.read(entry) for entry in waiting] == kept
    assert [entry.sequence for entry in waiting] == list(range(1, BATCHES + 1))
    assert microjoules == joules_of(BATCHES) * 1_000_000
    assert (spool.session, spool.next_sequence) == (SESSION, BATCHES + 1)
    assert (spool.corrupt_records, spool.first_sequence) == (0, 1)
    spool.close()


def test_the_registers_of_its_last_batch_are_those_to_go_on_from(state: Path) -> None:
    """In the same boot, what was used while the agent was replaced is measured."""
    spool = Spool(state / "spool", max_bytes=1 << 26, boot_id=BOOT)
    kept = spool.checkpoint()
    assert kept is not None
    assert kept.boot_id == BOOT
    *_, last = records()
    values = [value for value, _, _ in struct.Struct("<qq?").iter_unpack(last.checkpoint)]
    points = [Point("rapl", *one) for one in (*SOCKETS, ("psys", "0"))]
    assert {point: one.value for point, one in kept.registers.items()} == dict(
        zip(points, values, strict=True)
    )
    assert values == [n * 28_000_000 for n in range(1, 8)]
    spool.close()


def test_what_it_had_delivered_is_not_delivered_again(state: Path) -> None:
    spool = Spool(state / "spool", max_bytes=1 << 26, boot_id=BOOT)
    assert not spool.continue_after(4)
    assert [entry.sequence for entry in spool.after(0)] == [5, 6]
    assert spool.session == SESSION
    spool.close()


def test_the_agent_keeps_the_name_that_it_had(state: Path) -> None:
    assert kept_agent_id(state) == AGENT_ID


@pytest.mark.parametrize(("daemon", "name"), [(agent, "agent"), (collector, "collector")])
def test_a_configuration_of_the_first_version_is_good(
    daemon: object, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(FIRST / f"{name}.toml")
    assert daemon.main(["check-config", "--config", file]) == 0  # type: ignore[attr-defined]
    assert "good" in capsys.readouterr().out
