"""Hosts that move, clocks that are wrong, spools that come late: the right grams all the same.

A real agent's sampler, spool and uplink, a real collector behind a socket, a ledger on disk.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path

import pytest

from builders import intensity
from collector_fakes import configured
from sampling import Host
from wattgram.handshake import Hello, HostFacts
from wattgram.units import (
    ACCOUNTING_SLOT_SECONDS,
    MICROJOULES_PER_KILOWATT_HOUR,
    NANOSECONDS_PER_SECOND,
    SECONDS_PER_DAY,
    SECONDS_PER_HOUR,
)
from wattgram_agent.config import AgentConfig, CollectorSettings
from wattgram_agent.uplink import Uplink
from wattgram_collector.accounting.emissions import Account, Part
from wattgram_collector.config import CollectorConfig, LedgerSettings
from wattgram_collector.daemon import serving
from wattgram_collector.ingest.agents import Fleet
from wattgram_collector.ingest.committer import Committer
from wattgram_collector.intensity import Intensity, Recorded, Status, Tier
from wattgram_collector.ledger.restatement import Posted
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.pricing import Pricing
from wattgram_collector.reports.commands import explained
from wattgram_collector.reports.explain import Every
from wattgram_collector.reports.groups import totals
from wattgram_collector.reports.reading import Period

WATT = 1_000_000  # microjoules a second


class Road(Host):
    """One agent whose true time is known, and the collector that it delivers to."""

    def __init__(
        self,
        directory: Path,
        began_unix_seconds: int,
        error_seconds: int = 0,
        beside: Road | None = None,
    ) -> None:
        """`beside` is another host of the same collector."""
        directory.mkdir(exist_ok=True)
        self.name = "beta" if beside else "alpha"
        self.place = directory / "place"
        super().__init__(
            directory / "spool",
            config=AgentConfig(
                state_directory=directory, grid_zone="DE", grid_zone_file=self.place
            ),
        )
        self.true_unix = began_unix_seconds * NANOSECONDS_PER_SECOND
        self.clock.unix = self.true_unix + error_seconds * NANOSECONDS_PER_SECOND
        self.collector: CollectorConfig = configured(
            directory, ledger=LedgerSettings(commit_tick_seconds=0.005)
        )
        self.ledger = beside.ledger if beside else SqliteLedger(directory / "ledger.sqlite")

    def runs(self, seconds: float, watts: int = 0) -> None:
        """Let time pass, with power drawn by one meter, and sample."""
        self.true_unix += int(seconds * NANOSECONDS_PER_SECOND)
        self.beat(int(watts * WATT * seconds), seconds=seconds)

    def moves_after(self, zone: str, seconds: float, watts: int) -> None:
        """Draw power, unseen, until it is in another grid."""
        self.true_unix += int(seconds * NANOSECONDS_PER_SECOND)
        self.clock.advance(seconds)
        self.meters[0].truth += int(watts * WATT * seconds)
        self.place.write_text(f"{zone}\n")
        os.utime(self.place, ns=(self.clock.unix, self.clock.unix))

    def knows(self, *values: Intensity, fetched_unix_seconds: int = 1) -> None:
        """Let the collector have heard this before it starts."""
        self.ledger.record_intensities([Recorded(one, fetched_unix_seconds) for one in values])

    def hello(self) -> Hello:
        return Hello(
            agent_id=self.name,
            session=self.spool.session,
            boot_id=self.boot_id,
            agent_version="1",
            first_sequence=self.spool.first_sequence,
            wall_unix_nanoseconds=self.clock.unix,
            boottime_nanoseconds=self.clock.boottime,
            batch_interval_nanoseconds=10 * NANOSECONDS_PER_SECOND,
            facts=HostFacts(host=self.name, device_class="laptop"),
        )

    async def delivers(self) -> None:
        """Until now nothing was delivered; now it is."""
        self.sampler.close_batch()
        self.clock.advance((time.time_ns() - self.true_unix) / NANOSECONDS_PER_SECOND)
        self.true_unix = time.time_ns()
        async with serving(self.collector, self.ledger) as (port, _):
            address = CollectorSettings(address=f"127.0.0.1:{port}")
            config = AgentConfig(agent_id=self.name, collector=address)
            await Uplink(config, self.spool, self.hello, clock=self.clock).deliver(keep=False)
        assert len(self.spool) == 0

    async def hears(self, *values: Intensity) -> int:
        """Let a provider say this now; return how many slots were restated."""
        committer = Committer(self.ledger, tick_seconds=0)
        records = {one.key: one for one in self.ledger.agents()}
        fleet = Fleet(records, self.ledger.totals())
        pricing = Pricing(self.collector, self.ledger, committer, fleet)
        await pricing.restater.take(values)
        assert await pricing.restater.restate_due()
        await committer.close()
        return pricing.restater.restated_slots

    def posted(self) -> list[Posted]:
        every = self.ledger.posted(0, 1 << 40)
        return [row for row in every if row.account is Account.HOST and row.quantity]

    def energy(self) -> dict[tuple[str, int], int]:
        """Return the microjoules that were posted, by zone and slot."""
        found: Counter[tuple[str, int]] = Counter()
        for row in self.posted():
            found[row.terms.zone, row.slot] += row.quantity
        return dict(found)

    def check_grams(self, grams: Mapping[tuple[str, int], str]) -> None:
        """The ledger's rows, and `explain`, agree with the factor of each zone and slot."""
        expected = Fraction(0)
        for row in self.posted():
            assert row.restated is not None
            assert row.restated.grams_per_kilowatt_hour == grams[row.terms.zone, row.slot]
            assert row.restated.zone == row.terms.zone
            expected += row.quantity * row.restated.value / MICROJOULES_PER_KILOWATT_HOUR
        slots = [row.slot for row in self.posted()]
        period = Period(
            min(slots) * ACCOUNTING_SLOT_SECONDS, (max(slots) + 1) * ACCOUNTING_SLOT_SECONDS
        )
        found = Fraction(0)
        for agent in self.ledger.agents():
            explanation = explained(self.ledger, agent, period, Every.SLOT)
            said = totals(explanation.whole.group.now)
            found += sum(one.grams or 0 for basis, one in said.items() if basis.part is Part.HOST)
        assert found == expected


def hourly(
    zone: str, unix_seconds: int, *grams: str, status: Status = Status.MEASURED
) -> list[Intensity]:
    """Values of consecutive hours, of which the first holds at a time."""
    first = unix_seconds // SECONDS_PER_HOUR * SECONDS_PER_HOUR
    tier = Tier.LIVE if status is Status.MEASURED else Tier.ESTIMATED
    return [
        intensity(
            zone, one, tier=tier, status=status, version="",
            valid_from_unix_seconds=first + number * SECONDS_PER_HOUR,
            valid_until_unix_seconds=first + (number + 1) * SECONDS_PER_HOUR,
        )
        for number, one in enumerate(grams)
    ]  # fmt: skip


def slot_of(unix_seconds: float) -> int:
    return int(unix_seconds) // ACCOUNTING_SLOT_SECONDS


@pytest.fixture
def hour() -> int:
    """The hour before last began then."""
    return (int(time.time()) // SECONDS_PER_HOUR - 2) * SECONDS_PER_HOUR


@pytest.fixture
def roads() -> Iterator[list[Road]]:
    opened: list[Road] = []
    yield opened
    for road in opened:
        road.spool.close()
        road.ledger.close()


WRONG_CLOCKS = {"right": 0, "behind": -3 * SECONDS_PER_HOUR, "ahead": 3 * SECONDS_PER_HOUR}


@pytest.mark.parametrize("clock", ["right", "ahead", "1970"])
async def test_a_laptop_that_moves_mid_interval(
    tmp_path: Path, roads: list[Road], hour: int, clock: str
) -> None:
    """Ten seconds at 30 W, of which it spent four in Germany; its clock may be wrong as well."""
    began = hour + 600
    error = WRONG_CLOCKS.get(clock, 86_400 - began)
    roads.append(road := Road(tmp_path, began, error))
    road.knows(*hourly("DE", hour, "400.5"), *hourly("FR", hour, "20.25"))
    road.runs(10)
    road.runs(10, watts=30)
    road.moves_after("FR", 4, watts=30)
    road.runs(6, watts=30)
    road.runs(10, watts=30)
    await road.delivers()

    slot = slot_of(began)
    assert road.energy() == {("DE", slot): 420 * WATT, ("FR", slot): 480 * WATT}
    road.check_grams({("DE", slot): "400.5", ("FR", slot): "20.25"})


@pytest.mark.parametrize("is_set_before_delivery", [False, True])
@pytest.mark.parametrize("clock", ["behind", "ahead", "1970"])
async def test_a_gateway_with_a_wrong_clock(
    tmp_path: Path, roads: list[Road], hour: int, clock: str, *, is_set_before_delivery: bool
) -> None:
    """It draws 10 W before the full hour and 20 W after: each is priced with its own hour."""
    began = hour + SECONDS_PER_HOUR - 200
    error = WRONG_CLOCKS.get(clock, 300 - began)
    roads.append(road := Road(tmp_path, began, error))
    road.knows(*hourly("DE", hour, "100", "300"))
    road.runs(10)
    road.runs(100, watts=10)
    road.runs(180)
    road.sampler.close_batch()
    road.runs(50, watts=20)
    if is_set_before_delivery:
        road.clock.unix = road.true_unix
    await road.delivers()

    before, after = slot_of(hour + SECONDS_PER_HOUR - 1), slot_of(hour + SECONDS_PER_HOUR)
    assert road.energy() == {("DE", before): 1_000 * WATT, ("DE", after): 1_000 * WATT}
    road.check_grams({("DE", before): "100", ("DE", after): "300"})


async def test_a_spool_that_arrives_after_three_days(
    tmp_path: Path, roads: list[Road], hour: int
) -> None:
    """It is priced with what is known of its own hours by then, and restated with the rest."""
    began = hour - 3 * SECONDS_PER_DAY
    roads.append(road := Road(tmp_path, began + 600))
    estimated = hourly("DE", began, "310", "320", status=Status.ESTIMATED)
    road.knows(*estimated, fetched_unix_seconds=began + 3_600)
    road.knows(*hourly("DE", began, "305"), fetched_unix_seconds=began + 90_000)
    road.knows(*hourly("DE", hour, "555", "666", "777"), fetched_unix_seconds=hour + 3_600)
    road.runs(10)
    road.runs(100, watts=10)
    road.sampler.close_batch()
    road.runs(SECONDS_PER_HOUR)
    road.runs(100, watts=20)
    await road.delivers()

    first, second = slot_of(began + 600), slot_of(began + SECONDS_PER_HOUR + 600)
    assert road.energy() == {("DE", first): 1_000 * WATT, ("DE", second): 2_000 * WATT}
    tiers = {row.slot: row.factor.tier for row in road.posted() if row.factor}
    assert tiers == {first: Tier.LIVE, second: Tier.ESTIMATED}
    road.check_grams({("DE", first): "305", ("DE", second): "320"})

    assert await road.hears(*hourly("DE", began, "305", "290")) == 1
    road.check_grams({("DE", first): "305", ("DE", second): "290"})
    posted = {row.slot: row.factor.grams_per_kilowatt_hour for row in road.posted() if row.factor}
    assert posted == {first: "305", second: "320"}  # what it was at ingest stays
    assert await road.hears(*hourly("DE", began, "305", "290")) == 0


async def test_what_comes_after_a_restatement_is_priced_as_what_came_before(
    tmp_path: Path, roads: list[Road], hour: int
) -> None:
    """Two hosts used the same in the same hour; one is heard at once, the other later."""
    began = hour - 3 * SECONDS_PER_DAY
    alpha = Road(tmp_path / "alpha", began)
    beta = Road(tmp_path / "beta", began, beside=alpha)
    roads += [alpha, beta]
    alpha.knows(*hourly("DE", began, "310", status=Status.ESTIMATED), fetched_unix_seconds=began)
    for road in roads:
        road.runs(10)
        road.runs(100, watts=10)
    await alpha.delivers()
    assert await alpha.hears(*hourly("DE", began, "290")) == 1
    await beta.delivers()

    slot = slot_of(began)
    assert alpha.energy() == {("DE", slot): 2_000 * WATT}
    alpha.check_grams({("DE", slot): "290"})
    at_ingest = [row.factor.grams_per_kilowatt_hour for row in alpha.posted() if row.factor]
    assert sorted(at_ingest) == ["290", "310"]
