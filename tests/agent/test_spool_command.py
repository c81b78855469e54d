"""`wattgram-agent spool list|purge`, from its arguments to its exit code."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pytest

from spooling import (
    SECOND,
    HastyMedium,
    append,
    fill,
    open_spool,
    segments,
    sequences,
    told,
)
from wattgram_agent.__main__ import main
from wattgram_agent.spool.frames import parse_all
from wattgram_agent.spool.letters import DeadLetters, read_letters
from wattgram_agent.spool.queue import Spool
from wattgram_agent.spool.segments import read_all


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WATTGRAM_AGENT__STATE_DIRECTORY", str(tmp_path))
    return tmp_path


@pytest.fixture
def spool(state: Path) -> Spool:
    directory = state / "spool"
    letters = DeadLetters(directory / "dead", max_bytes=1 << 20, max_age_seconds=1e9)
    spool = open_spool(directory, letters=letters)
    fill(spool, 4)
    spool.set_aside(2, "future")
    return spool


def listed(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, object]]:
    assert main(["spool", "list", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def snapshot(directory: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_what_waits_is_dead_or_lost_is_listed_beside_the_agent_and_nothing_changed(
    spool: Spool, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = snapshot(state)
    found = listed(capsys)
    assert snapshot(state) == before

    assert found["session"] == spool.session
    assert found["waiting"] | {"bytes": 0} == {
        "batches": 3,
        "bytes": 0,
        "seconds": 3.0,
        "first_sequence": 1,
        "last_sequence": 4,
        "oldest_age_seconds": found["waiting"]["oldest_age_seconds"],
        "newest_age_seconds": found["waiting"]["newest_age_seconds"],
    }
    ages = found["waiting"]["oldest_age_seconds"], found["waiting"]["newest_age_seconds"]
    assert ages[0] - ages[1] == pytest.approx(3)
    assert found["lost"] == [
        {"reason": "dead_letter", "batches": 1, "seconds": 1.0, "batches_of_unknown_length": 0}
    ]
    append(spool)  # which tells it, and may be lost itself
    assert listed(capsys)["lost"] == found["lost"]
    (letter,) = found["dead_letters"]["newest"]
    assert (letter["sequence"], letter["reason"], letter["seconds"]) == (2, "future", 1.0)


def test_what_was_delivered_when_the_newest_batch_was_written_does_not_wait(
    spool: Spool, capsys: pytest.CaptureFixture[str]
) -> None:
    spool.forget(3)
    append(spool)

    assert listed(capsys)["waiting"]["first_sequence"] == 4


def test_a_person_gets_lines(
    spool: Spool, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = bytearray(segments(state / "spool")[0].read_bytes())
    data[-3] ^= 1
    segments(state / "spool")[0].write_bytes(data)
    assert main(["spool", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert lines[0] == f"{state}/spool: 0.0 MiB of 64.0 MiB, sync always"
    assert lines[1] == "waiting: 3 batches, 0.0 MiB, 3 s of measurements"
    assert lines[3:6] == [
        "lost, to be told: 1 batches, 1 s, dead_letter",
        "corrupt records: 1",
        "dead letters: 1, 0.0 MiB of 4.0 MiB, kept for 30.0 days",
    ]
    assert lines[6].endswith("UTC  batch 2  future  0.000 J over 1 s")


def test_a_host_without_a_spool_has_nothing(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert listed(capsys)["waiting"]["batches"] == 0
    assert main(["spool", "purge", "--all"]) == 0
    assert list(state.iterdir()) == []


@pytest.mark.parametrize("flags", [[], ["--dead"]])
def test_purge_removes_dead_letters_and_nothing_else(
    spool: Spool, state: Path, capsys: pytest.CaptureFixture[str], flags: list[str]
) -> None:
    assert main(["spool", "purge", *flags]) == 0
    assert capsys.readouterr().out == "removed 1 dead letters\n"
    assert read_letters(state / "spool" / "dead") == []
    assert sequences(spool) == sequences(open_spool(state / "spool")) == [1, 3, 4]


def test_purge_all_removes_what_waits_and_the_next_agent_tells_how_much(
    spool: Spool, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """But not the registers, and not the numbers: no energy is lost beside it."""
    checkpoint = spool.checkpoint()
    spool.close()
    assert main(["spool", "purge", "--all"]) == 0
    assert capsys.readouterr().out == "removed 1 dead letters, 3 batches\n"
    again = open_spool(state / "spool")

    assert (sequences(again), again.next_sequence) == ([], 5)
    assert (again.session, again.checkpoint()) == (spool.session, checkpoint)
    append(again)
    gaps = {gap.reason: (gap.count, gap.duration_nanoseconds) for gap in told(again)}
    assert gaps == {"dead_letter": (1, SECOND), "spool_purged": (3, 3 * SECOND)}


def test_purge_all_leaves_no_file_but_the_one_with_the_registers(
    spool: Spool, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wattgram_agent.spool.segments.SEGMENT_BYTES", 1_000)
    fill(spool, 40)
    spool.close()
    assert len(segments(state / "spool")) > 3
    assert main(["spool", "purge", "--all"]) == 0

    assert len(segments(state / "spool")) == 2  # and the one that tells it
    assert open_spool(state / "spool").next_sequence == 45


def test_purge_all_makes_the_room_that_it_needs_on_a_full_medium(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wattgram_agent.spool.segments.SEGMENT_BYTES", 1_000)
    directory = state / "spool"
    fill(open_spool(directory), 40)
    room = sum(path.stat().st_size for path in segments(directory)) + 100

    class Full(HastyMedium):
        def write(self, descriptor: int, data: bytes, offset: int) -> None:
            if sum(path.stat().st_size for path in segments(directory)) + len(data) > room:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            super().write(descriptor, data, offset)

    spool = open_spool(directory, medium=Full())
    assert spool.purge() == 40
    spool.close()
    again = open_spool(directory)
    append(again)

    assert sequences(again) == [41]
    assert [(gap.reason, gap.count) for gap in told(again)] == [("spool_purged", 40)]


def test_what_rotted_before_it_was_purged_is_told_too(state: Path) -> None:
    spool = open_spool(state / "spool")
    fill(spool, 5)
    (path,) = segments(state / "spool")
    spool.close()
    data = bytearray(path.read_bytes())
    found = [start for start, _, one in parse_all(bytes(data)) if one and one.sequence == 2]
    data[found[0] + 20] ^= 1
    path.write_bytes(data)
    assert main(["spool", "purge", "--all"]) == 0
    again = open_spool(state / "spool")
    assert sequences(again) == []
    again.continue_after(0)
    append(again)

    assert {gap.reason: (gap.count, gap.duration_nanoseconds) for gap in told(again)} == {
        "spool_purged": (4, 4 * SECOND),
        "spool_corrupt": (1, SECOND),
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="only root writes what others cannot read")
def test_what_root_purges_stays_the_agents(spool: Spool, state: Path) -> None:
    spool.close()
    for path in (state / "spool", *(state / "spool").iterdir()):
        os.chown(path, 4_242, 4_243)
    assert main(["spool", "purge", "--all"]) == 0

    owners = {path.stat().st_uid for path in (state / "spool").iterdir()}
    assert (len(segments(state / "spool")), owners) == (2, {4_242})


def test_another_users_spool_is_not_taken_for_a_rotten_one(
    spool: Spool, state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may read anything, so it is told here that it may not."""
    (segment,) = segments(state / "spool")
    opened = Path.open

    def refused(self: Path, *mode: str) -> IO[Any]:
        if self == segment:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))
        return opened(self, *mode)

    monkeypatch.setattr(Path, "open", refused)

    assert main(["spool", "list"]) == 1
    assert f"Permission denied: '{segment}'" in capsys.readouterr().err
    assert len(spool) == 3


def test_a_segment_that_goes_while_it_is_listed_is_not_taken_for_a_rotten_one(
    spool: Spool, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(spool, 1)
    (path,) = segments(state / "spool")
    gone = path.with_name("000000000009.segment")
    gone.write_bytes(b"")
    lstat = Path.lstat

    def vanishing(self: Path) -> os.stat_result:
        gone.unlink(missing_ok=True)
        return lstat(self)

    monkeypatch.setattr(Path, "lstat", vanishing)

    assert [number for number, _, _ in read_all(state / "spool")] == [1]


def test_purge_all_is_refused_while_an_agent_has_the_spool(
    spool: Spool, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    purge = [sys.executable, "-m", "wattgram_agent", "spool", "purge"]
    refused = subprocess.run([*purge, "--all"], capture_output=True, text=True, check=False)

    assert refused.returncode == 1
    assert refused.stderr.startswith("wattgram-agent: ")
    assert "the spool is in use by another process" in refused.stderr
    assert sequences(spool) == [1, 3, 4]


def test_both_flags_are_too_many(state: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["spool", "purge", "--dead", "--all"])
    assert ended.value.code == 2
