"""`wattgram-agent spool list|purge`, from its arguments to its exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from spooling import SECOND, append, fill, open_spool, segments, sequences, told
from wattgram_agent.__main__ import main
from wattgram_agent.spool.letters import DeadLetters, read_letters
from wattgram_agent.spool.queue import Spool


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
    (letter,) = found["dead_letters"]["newest"]
    assert (letter["sequence"], letter["reason"], letter["seconds"]) == (2, "future", 1.0)
    assert snapshot(state) == before


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
