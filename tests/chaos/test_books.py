"""The judge of the chaos: it must not let anything pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chaos.books import Booked, why_not_closed
from wattgram.units import NANOSECONDS_PER_SECOND

TRUTH = {("package", "0"): 700_000_000, ("dram", "0"): 300_000_000}
CLOSED = Booked(zones=TRUTH, shares=1_000_000_000, posted=1_000_000_000, gaps={"unreadable": 12})
WATTS = 100
LOSSY = Booked(
    zones={("package", "0"): 500_000_000, ("dram", "0"): 200_000_000},
    shares=700_000_000,
    posted=700_000_000,
    gaps={"spool_full": 3 * NANOSECONDS_PER_SECOND},
    declared_batches=3,
    missing_batches=3,
)


def test_what_closes_closes() -> None:
    assert why_not_closed(TRUTH, CLOSED) == []
    assert why_not_closed(TRUTH, LOSSY, microwatts=WATTS * 1_000_000) == []


@pytest.mark.parametrize(
    "change",
    [
        {"zones": {**TRUTH, ("package", "0"): 699_999_999}},
        {"zones": {**TRUTH, ("package", "0"): 700_000_001}},
        {"zones": {("package", "0"): 1_000_000_000}},
        {"zones": {**TRUTH, ("psys", "0"): 0, ("gpu", "0"): 1}},
        {"shares": 999_999_999},
        {"posted": 1_000_000_001},
        {"missing_batches": 1},
        {"refused_batches": 1},
        {"gaps": {"spool_full": 1}},
        {"gaps": {"implausible": 1}},
    ],
)
def test_one_microjoule_is_noticed_where_nothing_may_be_lost(change: dict[str, Any]) -> None:
    assert why_not_closed(TRUTH, replace(CLOSED, **change)) != []


@pytest.mark.parametrize(
    "change",
    [
        {"gaps": {"spool_full": 2 * NANOSECONDS_PER_SECOND}},
        {"gaps": {"spool_full": 4 * NANOSECONDS_PER_SECOND}},
        {"gaps": {"unreadable": 3 * NANOSECONDS_PER_SECOND}, "declared_batches": 0},
        {"missing_batches": 4},
        {"missing_batches": 2},
        {"refused_batches": 1},
        {"shares": 1},
    ],
)
def test_a_loss_that_is_not_what_was_declared_is_noticed(change: dict[str, Any]) -> None:
    assert why_not_closed(
        TRUTH, replace(LOSSY, **change), microwatts=WATTS * 1_000_000, lag_seconds=0.5
    )


def test_energy_from_nowhere_is_noticed_whatever_is_declared() -> None:
    much = replace(LOSSY, zones={("package", "0"): 1_000_000_001}, shares=0, posted=0)

    assert any("nobody used" in why for why in why_not_closed(TRUTH, much, microwatts=1))


def test_a_batch_that_arrived_and_was_dropped_for_want_of_an_answer_is_not_lost() -> None:
    declared = replace(LOSSY, gaps={"spool_full": 4 * NANOSECONDS_PER_SECOND}, declared_batches=4)

    assert why_not_closed(TRUTH, declared, microwatts=WATTS * 1_000_000) == []
