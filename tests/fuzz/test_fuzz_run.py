"""The run itself: that it finds what is wrong, keeps it, and says so."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from fuzz.run import Row, as_table, keep, read_row
from fuzz.targets import TARGETS, Target
from fuzz.worker import fuzz

SAID = """INFO: Seed: 1
#2\tINITED cov: 3 ft: 4 corp: 1/1b exec/s: 0 rss: 60Mb
#64\tNEW    cov: 12 ft: 14 corp: 5/40b lim: 4 exec/s: 0 rss: 60Mb
#128\tREDUCE cov: 12 ft: 14 corp: 5/38b lim: 4 exec/s: 0 rss: 60Mb
stat::number_of_executed_units: 130
stat::average_exec_per_sec:     65
"""


def test_a_row_is_what_the_worker_said() -> None:
    row = read_row("sysfs", SAID, 2.0, [], 0)
    assert row == Row("sysfs", 130, 2.0, 12, 5)
    assert not row.is_bad


def test_a_worker_that_was_killed_is_counted_up_to_where_it_came() -> None:
    row = read_row("sysfs", SAID.partition("stat::")[0], 2.0, [], -9)
    assert row.executions == 128
    assert row.is_broken
    assert row.is_bad


def test_without_coverage_there_is_none() -> None:
    assert read_row("sysfs", "stat::number_of_executed_units: 7", 1.0, [], 0).covered is None


def test_the_table_shows_every_target_and_what_crashed() -> None:
    rows = [
        Row("sysfs", 500, 2.0, 7, 3),
        Row("redfish", 10, 0.0, None, 1, (Path("found-1"), Path("found-2"))),
        Row("ledger", 0, 1.0, None, 0, is_broken=True),
    ]
    assert [line.split() for line in as_table(rows).splitlines()] == [
        ["target", "executions", "per", "second", "edges", "corpus", "crashes"],
        ["sysfs", "500", "250", "7", "3", "0"],
        ["redfish", "10", "0", "-", "1", "2"],
        ["ledger", "0", "0", "-", "0", "broken"],
        ["all", "510", "2"],
    ]


def test_what_crashed_is_kept_once_under_a_name_of_its_own(tmp_path: Path) -> None:
    for name in ("crash-1", "crash-2"):
        (tmp_path / name).write_bytes(b"bad")
    kept = [keep(tmp_path / name, tmp_path / "corpus") for name in ("crash-1", "crash-2")]
    assert kept[0] == kept[1]
    assert [path.read_bytes() for path in (tmp_path / "corpus").iterdir()] == [b"bad"]
    assert not (tmp_path / "crash-1").exists()


def test_without_atheris_a_planted_bug_is_found_and_its_input_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(data: bytes) -> bool:
        if len(data) > 6:
            raise OverflowError("planted")
        return True

    with pytest.raises(SystemExit) as ended:
        fuzz(run, [b"seed"], 20, time.monotonic() + 60, tmp_path, at_once=20)
    assert ended.value.code == 1
    (found,) = tmp_path.iterdir()
    assert len(found.read_bytes()) > 6
    assert "OverflowError: planted" in capsys.readouterr().err


def test_without_atheris_a_sound_target_ends_with_its_time(tmp_path: Path) -> None:
    tried: list[bytes] = []

    def run(data: bytes) -> bool:
        tried.append(data)
        return True

    assert fuzz(run, [b"seed"], 10, time.monotonic(), tmp_path, at_once=5) == len(tried) > 0
    assert max(map(len, tried)) <= 10


def test_a_parser_of_text_is_a_target_by_one_line() -> None:
    run = Target("builtins:int", "builtins:ValueError").load()
    assert run(b"12")
    assert not run(b"twelve")
    assert not run(b"\xff")


def test_every_target_can_be_told_from_the_others() -> None:
    assert len({target.where for target in TARGETS.values()}) == len(TARGETS)
