"""What was used since midnight: a convenience that is never in the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wattgram.workloads import IDLE, WorkloadKind, workload
from wattgram_agent import today
from wattgram_agent.today import Today

SECOND = 1_000_000_000
NOON = 1_750_000_000 * SECOND
DAY = 86_400 * SECOND
NGINX = workload(WorkloadKind.SYSTEMD, "nginx.service")


def test_energy_adds_up_over_the_day_and_begins_anew_with_the_next() -> None:
    tally = Today()
    tally.add(NOON, 5, {NGINX: 3, IDLE: 2})
    tally.add(NOON + 10 * SECOND, 7, {IDLE: 7})
    assert (tally.energy_microjoules, tally.workloads) == (12, {NGINX: 3, IDLE: 9})
    assert tally.since_unix_seconds == NOON // SECOND
    tally.add(NOON + DAY, 1, {NGINX: 1})

    assert (tally.energy_microjoules, tally.workloads) == (1, {NGINX: 1})
    assert tally.since_unix_seconds == (NOON + DAY) // SECOND


def test_it_is_kept_and_found_again(tmp_path: Path) -> None:
    tally = Today()
    tally.add(NOON, 5, {NGINX: 3, IDLE: 2})
    today.store(tmp_path, tally)

    assert today.load(tmp_path) == tally
    assert [path.name for path in tmp_path.iterdir()] == ["today.json"]


def damaged(**wrong: object) -> str:
    whole = {"date": "x", "since_unix_seconds": 1, "updated_unix_seconds": 0,
             "energy_microjoules": 0, "workloads": []}  # fmt: skip
    return json.dumps({**whole, **wrong})


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", "{}", '{"date": 1}', '"\\ud800"', "12",
        damaged(since_unix_seconds="y"),
        damaged(workloads=[["goblin", "x", 1]]),
        damaged(workloads=[["pod", "x"]]),
        damaged(workloads=None),
        damaged(since_unix_seconds=float("inf")),
    ],
)  # fmt: skip
def test_a_file_that_is_damaged_is_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "today.json").write_text(text)

    assert today.load(tmp_path) is None
    assert today.load(tmp_path / "nowhere") is None
