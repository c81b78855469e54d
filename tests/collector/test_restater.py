"""What providers say: kept first, priced with at once, and restated where it comes late."""

from __future__ import annotations

from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from builders import PACKAGE, SLOT, apply, entry, intensity, terms
from collector_fakes import TroubledLedger
from wattgram.handshake import HostFacts
from wattgram_collector.accounting.emissions import Account, PostingKey
from wattgram_collector.accounting.slots import slot_start_unix_seconds
from wattgram_collector.ingest.agents import Fleet
from wattgram_collector.ingest.committer import Committer
from wattgram_collector.intensities.history import History, HistoryBook
from wattgram_collector.intensity import Axes, Intensity, Signal, Status, Tier
from wattgram_collector.ledger import LedgerError
from wattgram_collector.restating import Restater

AXES = Axes()
ANNUAL = intensity("FR", "44.18")
NOON = slot_start_unix_seconds(SLOT) + 3600


def live(
    first: int, slots: int, grams: str, status: Status = Status.MEASURED, **other: Any
) -> Intensity:
    start = slot_start_unix_seconds(first)
    values = {
        "tier": Tier.LIVE if status is Status.MEASURED else Tier.FORECAST,
        "status": status,
        "version": "",
        "valid_from_unix_seconds": start,
        "valid_until_unix_seconds": slot_start_unix_seconds(first + slots),
    }
    return intensity("FR", grams, **{**values, **other})


class Desk:
    """A restater on a real ledger, with a clock that is an argument."""

    def __init__(self, path: Path, freeze_days: float = 45) -> None:
        self.ledger = TroubledLedger(path)
        self.committer = Committer(self.ledger, tick_seconds=0)
        if not self.ledger.agents():
            self.ledger.enrol("agent-1", HostFacts(host="alpha"))
            self.ledger.open_session(1, "session-1", 1)
        records = {record.key: record for record in self.ledger.agents()}
        self.fleet = Fleet(records, self.ledger.totals())
        self.history = History()
        self.now = NOON
        self.restater = Restater(
            self.ledger, self.committer, self.fleet, self.history, {Signal.AVERAGE: AXES},
            freeze_days=freeze_days, unix_seconds=lambda: self.now,
        )  # fmt: skip
        self.restater.resume(self.ledger.intensities(0))

    def post(self, sequence: int, slot: int, quantity: int, factor: Intensity | None) -> None:
        key = PostingKey(Account.HOST, slot, terms("FR"), factor)
        apply(self.ledger, [
            entry(sequence, {(PACKAGE, slot): quantity}, postings={key: quantity})
        ])  # fmt: skip

    @property
    def adjustment(self) -> Fraction:
        (agent,) = self.fleet
        return agent.totals.adjustment


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    found = Desk(tmp_path / "ledger.sqlite")
    yield found
    await found.committer.close()
    found.ledger.close()


async def test_a_value_is_kept_before_it_prices_anything(desk: Desk) -> None:
    desk.ledger.fails()
    with pytest.raises(LedgerError):
        await desk.restater.take([live(SLOT, 6, "50")])
    book = HistoryBook(desk.history, AXES)
    assert book.at("FR", NOON - 3600) is None
    desk.ledger.works()
    await desk.restater.take([live(SLOT, 6, "50")])
    found = book.at("FR", NOON - 3600)
    assert found is not None
    assert (found.value, found.tier) == (50, Tier.LIVE)
    assert [one.intensity for one in desk.ledger.intensities(0)] == [found]
    assert found.version.startswith("fetched 2025-")


async def test_what_was_posted_before_is_restated(desk: Desk) -> None:
    desk.post(1, SLOT, 100, ANNUAL)
    desk.post(2, SLOT + 7, 100, ANNUAL)
    await desk.restater.take([live(SLOT, 6, "50")])
    assert await desk.restater.restate_due()
    assert desk.adjustment == 100 * (50 - Fraction("44.18"))
    assert (desk.restater.passes, desk.restater.restated_slots) == (1, 1)
    await desk.restater.take([live(SLOT, 6, "50")])
    assert desk.restater.waiting == 0  # nothing new was said


async def test_each_revision_moves_the_adjustment_and_never_the_counter(desk: Desk) -> None:
    desk.post(1, SLOT, 100, ANNUAL)
    (agent,) = desk.fleet
    posted = desk.ledger.totals()[1].postings
    for number, grams in enumerate(("60", "50", "55"), 1):
        desk.now += 600
        status = Status.FORECAST if number == 1 else Status.MEASURED
        await desk.restater.take([live(SLOT, 6, grams, status)])
        assert await desk.restater.restate_due()
        assert agent.totals.adjustment == 100 * (Fraction(grams) - Fraction("44.18"))
    assert desk.ledger.totals()[1].postings == posted
    assert len(desk.ledger.intensities(0)) == 3


async def test_a_forecast_does_not_take_the_place_of_a_measurement(desk: Desk) -> None:
    await desk.restater.take([live(SLOT, 6, "50")])
    await desk.restater.take([live(SLOT, 6, "99", Status.FORECAST)])
    assert len(desk.ledger.intensities(0)) == 1


async def test_a_ledger_that_fails_is_asked_again(desk: Desk) -> None:
    desk.post(1, SLOT, 100, ANNUAL)
    await desk.restater.take([live(SLOT, 6, "50")])
    desk.ledger.fails()
    assert not await desk.restater.restate_due()
    assert desk.restater.waiting == 1
    desk.ledger.works()
    assert await desk.restater.restate_due()
    assert desk.adjustment == 100 * (50 - Fraction("44.18"))


async def test_a_value_on_other_axes_prices_nothing(desk: Desk) -> None:
    desk.post(1, SLOT, 100, ANNUAL)
    await desk.restater.take([live(SLOT, 6, "500", signal=Signal.MARGINAL)])
    assert desk.restater.waiting == 0
    assert HistoryBook(desk.history, AXES).at("FR", NOON - 3600) is None
    assert len(desk.ledger.intensities(0)) == 1  # and is kept


async def test_slots_that_have_not_begun_are_not_looked_at(desk: Desk) -> None:
    desk.now = slot_start_unix_seconds(SLOT) - 1
    await desk.restater.take([live(SLOT, 6, "50", Status.FORECAST)])
    assert desk.restater.waiting == 0


async def test_a_frozen_period_is_only_noted(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "other.sqlite", freeze_days=0.01)
    desk.post(1, SLOT, 100, ANNUAL)
    await desk.restater.take([live(SLOT, 6, "50")])
    assert await desk.restater.restate_due()
    assert (desk.adjustment, desk.restater.prior_period_slots) == (0, 1)
    await desk.committer.close()
    desk.ledger.close()


async def test_the_next_process_goes_on_where_this_one_ended(tmp_path: Path, desk: Desk) -> None:
    """It was killed after a value was kept, and before what was posted got it."""
    desk.post(1, SLOT, 100, ANNUAL)
    await desk.restater.take([live(SLOT, 6, "50")])
    again = Desk(tmp_path / "ledger.sqlite")
    assert again.restater.waiting == 1
    assert await again.restater.restate_due()
    assert again.adjustment == 100 * (50 - Fraction("44.18"))
    book = HistoryBook(again.history, AXES)
    found = book.at("FR", NOON - 3600)
    assert found is not None
    assert found.value == 50
    await again.committer.close()
    again.ledger.close()
