"""The last day: what the report says of it, read beside the work, renewed when it changes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from api_scene import ANNUAL, FIRST, NOW, SLOT, TERMS, Scene, deliver, restate, scene
from builders import intensity, terms
from pricing_desk import named
from wattgram.readings import Quality
from wattgram.units import BYTES_PER_GIGABYTE
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.accounting.uncertainty import Uncertainty
from wattgram_collector.accounting.uncertainty_settings import UncertaintySettings
from wattgram_collector.intensity import Losses, Scope, Tier
from wattgram_collector.ledger import LedgerError
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.ledger.sums import CountedSum, PostedSum, WorkloadSum
from wattgram_collector.reports.reading import Period, days_posted
from wattgram_collector.reports.report import By, Report
from wattgram_collector.reports.report_text import figure_json
from wattgram_collector.views.day import GROUPS_MAX, OTHERS, SLOTS, Day, DayView, Labels, grouped
from wattgram_collector.views.history import HOST_SECONDS, HOSTS_KEPT, WHOLE_SECONDS
from wattgram_collector.views.model import ProblemKind, Total, WorkloadShare
from wattgram_collector.views.sums import Rates, cells_of

END = FIRST // SLOT


def day_of(on: Scene) -> DayView:
    assert on.views.history is not None
    assert on.views.history.day is not None
    return on.views.history.day


def reported(on: Scene, by: By) -> dict[str, dict[str, float]]:
    """Return the report's figures of the last day, by group and name, read row by row."""
    period = Period(FIRST - SLOTS * SLOT, FIRST + SLOT)
    with closing(SqliteLedger.reading(on.desk.directory / "ledger.sqlite")) as ledger:
        agents = {one.key: one for one in ledger.agents()}
        report = Report(by, agents)
        for rows in days_posted(ledger, period):
            for row in rows:
                report.add(row)
        uncertainty = Uncertainty(UncertaintySettings())
        mixes = {
            key: uncertainty.mix(ledger.counted_energy(period.first_slot, period.end_slot, key))
            for key in agents
        }
        return {
            row.group: {named(said): said["value"] for said in map(figure_json, row.figures)}
            for row in report.rows(mixes, uncertainty)
        }


def agrees(total: Total | None, figures: dict[str, float]) -> bool:
    """What the report has no line for is None, not 0."""
    assert total is not None
    network = [value for name, value in figures.items() if name.startswith("network_emissions")]
    return (
        total.energy_joules == figures["energy_joules"]
        and total.unpriced_joules == pytest.approx(figures["unpriced_energy_joules"])
        and total.grams == nearly(figures.get("location_based_emissions_co2e_grams"))
        and total.overhead_grams == nearly(figures.get("facility_overhead_emissions_co2e_grams"))
        and total.network_grams == nearly(sum(network) if network else None)
    )


def nearly(value: float | None) -> object:
    return None if value is None else pytest.approx(value, rel=1e-12)


async def test_the_day_is_what_the_report_says_of_it(tmp_path: Path) -> None:
    """With a restatement, a slot that is not over, a host without a grid, PUE and network."""
    async with scene(tmp_path) as on:
        deliver(on.desk, FIRST - SLOT, ("alpha",))
        deliver(on.desk, FIRST - 86_400 - SLOT, ("alpha",))  # too old
        on.desk.deliver(FIRST, 100, hosts=["beta"])  # not over yet
        await restate(on.desk)
        await on.read()
        day = day_of(on)
        assert agrees(day.total, reported(on, By.ALL)["all"])
        zones = reported(on, By.ZONE)
        assert day.by_zone.keys() == {"DE", "FR", ""}
        for zone, total in day.by_zone.items():
            assert agrees(total, zones[zone or "unknown"])
        assert day.by_site.keys() == {"hall", "home", ""}
        assert day.by_device_class.keys() == {"server", "laptop", ""}
        assert day.total is not None
        assert set(day.total.grams_by_tier) == {Tier.LIVE, Tier.ANNUAL}
        assert set(day.total.energy_joules_by_quality) == {Quality.MEASURED, Quality.MODELLED}
        whole = [step.total for step in day.steps if step.total]
        assert sum(one.energy_joules for one in whole) == day.total.energy_joules - 1


async def test_steps_are_equal_and_end_with_the_newest_whole_slot(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        await on.read()
        steps = day_of(on).steps
    assert len(steps) == SLOTS
    assert [step.start_unix_seconds for step in steps[-2:]] == [FIRST - 2 * SLOT, FIRST - SLOT]
    assert {step.length_seconds for step in steps} == {SLOT}
    starts = {step.start_unix_seconds for step in steps if step.total is not None}
    assert starts == {FIRST - back for back in (23 * 3600, 7200, 3600, 600, 300)}
    assert day_of(on).read_unix_seconds == NOW


async def test_what_comes_of_late_is_read_at_once_and_what_is_older_with_all_of_it(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as on:
        await on.read()
        before = day_of(on).steps
        deliver(on.desk, FIRST - SLOT, ("beta",))
        deliver(on.desk, FIRST - 7200, ("beta",))
        await on.read()
        newest = day_of(on).steps
        assert _energy(newest[-1:]) == _energy(before[-1:]) + 330
        assert newest[:-12] == before[:-12]
        on.clock += WHOLE_SECONDS
        await on.read()
        assert _energy(day_of(on).steps) == _energy(before) + 660


def _energy(steps: Iterable[object]) -> float:
    return sum(step.total.energy_joules for step in steps if step.total)  # type: ignore[attr-defined]


async def test_time_that_nobody_read_is_read(tmp_path: Path) -> None:
    """A machine that slept: its monotonic clock stood still."""
    async with scene(tmp_path) as on:
        await on.read()
        on.desk.now += 3 * 3600
        deliver(on.desk, FIRST + 3600, ("beta",))
        await on.read()
        assert len([step for step in day_of(on).steps if step.total]) == 5
        assert day_of(on).steps[-1].start_unix_seconds == FIRST + 3 * 3600 - SLOT


async def test_a_host_that_moves_to_another_group_takes_its_day_along(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        await on.read()
        on.agent("gamma").zone = "FR"
        await on.read()
        assert day_of(on).by_zone.keys() == {"DE", "FR"}


async def test_the_last_day_of_a_host_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        history = on.views.history
        assert history is not None
        key = on.desk.keys["alpha"]
        assert history.host(key) == ()
        await history.read_host(key)
        steps = history.host(key)
        assert _energy(steps) == 5 * 330
        deliver(on.desk, FIRST - SLOT, ("alpha",))
        await history.read_host(key)
        assert history.host(key) == steps
        on.clock += HOST_SECONDS
        await history.read_host(key)
        assert _energy(history.host(key)) == 6 * 330
        for other in range(100, 100 + HOSTS_KEPT):
            await history.read_host(other)
        assert history.host(key) == ()


async def test_a_ledger_that_cannot_be_read_leaves_the_day_as_it_was(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with scene(tmp_path) as on:
        await on.read()
        before = day_of(on)
        on.ledger_error = LedgerError("gone")
        await on.read()
        await on.read()
        assert on.views.history is not None
        assert str(on.views.history.trouble) == "gone"
        assert day_of(on) == before
        await on.views.ready("alpha")
        assert on.views.fleet().problems[0].kind is ProblemKind.LEDGER_TROUBLE
        on.ledger_error = None
        await on.read()
        assert on.views.history.trouble is None
    assert caplog.text.count("history_not_read") == 1


async def test_it_is_read_again_and_again_until_it_is_stopped(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        stopped: list[object] = []
        async with on.views.running(stopped.append):
            async with asyncio.timeout(10):
                while on.views.history is None or on.views.history.day is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
        assert all(isinstance(one, asyncio.Future) and one.cancelled() for one in stopped)
        assert len(stopped) == 2
        await on.views.ready("alpha")  # a page that is asked for in the last moment
        assert on.views.host("alpha") is not None


def test_the_groups_of_the_most_hosts_are_kept() -> None:
    hosts = {key: Labels(f"site-{key}", "", "") for key in range(GROUPS_MAX + 5)}
    hosts |= {key: Labels("large", "", "") for key in range(10_000, 10_003)}
    found = grouped(hosts)
    assert len(found.labels) == GROUPS_MAX + 1
    assert not found.is_whole
    assert found.labels[found.group_of[10_000]] == Labels("large", "", "")
    others = [key for key, group in found.group_of.items() if found.labels[group] == OTHERS]
    assert len(others) == 6
    assert grouped({1: Labels("a", "", "")}).is_whole


def test_a_slot_without_energy_is_unknown_and_not_zero() -> None:
    posted = [PostedSum(0, END - 1, Account.RECEIVE, TERMS["beta"], ANNUAL[1], 1000)]
    day = Day(grouped({1: Labels("a", "b", "c")}))
    day.put(END - 3, END, cells_of(posted, [CountedSum(0, END - 2, Quality.MEASURED, 0)], Rates()))
    steps = day.view(END, 7).steps
    assert (steps[-1].total, steps[-3].total) == (None, None)
    known = steps[-2].total
    assert known is not None
    assert (known.energy_joules, known.grams) == (0, None)


def test_the_parts_that_are_not_the_hosts_own_are_kept_apart() -> None:
    under = terms(
        "DE", pue="1.5", pue_source="x", loss_share="0.5", upstream_grams_per_kilowatt_hour="36"
    )
    direct = intensity("DE", "360", scope=Scope.DIRECT, losses=Losses.BUSBAR)
    kilowatt_hour = 3_600_000_000_000
    posted = [
        PostedSum(0, END, Account.HOST, under, direct, kilowatt_hour),
        PostedSum(0, END, Account.TRANSMIT, under, direct, BYTES_PER_GIGABYTE),
        PostedSum(0, END, Account.MARKET, under, direct, kilowatt_hour),
        PostedSum(0, END, Account.MARGINAL, under, direct, kilowatt_hour),
    ]
    counted = [CountedSum(0, END, Quality.MEASURED, kilowatt_hour)]
    total = cells_of(posted, counted, Rates())[0, END].total()
    assert total.grams_by_tier == {Tier.ANNUAL: pytest.approx(360)}
    assert total.overhead_grams == pytest.approx(180)
    assert total.loss_grams == pytest.approx(540)
    assert total.upstream_grams == pytest.approx(54)
    assert total.network_grams > 0


def test_workloads_are_in_joules() -> None:
    day = Day(grouped({}))
    (found,) = day.view(END, 7, [WorkloadSum("pod", "a/b", 2, 5_000_000)]).workloads
    assert found == WorkloadShare(kind="pod", name="a/b", hosts=2, energy_joules=5.0)


def test_what_is_read_again_takes_the_place_of_all_that_was_there() -> None:
    day = Day(grouped({1: Labels("a", "", ""), 2: Labels("b", "", "")}))
    for group in (0, 1):
        counted = [CountedSum(group, END - 1, Quality.MEASURED, 5_000_000)]
        day.put(END - 2, END, cells_of([], counted, Rates()))
    assert day.view(END, 7).by_site.keys() == {"b"}


def test_where_only_the_network_is_priced_the_hosts_grams_are_unknown() -> None:
    posted = [
        PostedSum(0, END, Account.HOST, TERMS["gamma"], None, 1_000_000),
        PostedSum(0, END, Account.TRANSMIT, TERMS["beta"], ANNUAL[1], BYTES_PER_GIGABYTE),
    ]
    total = cells_of(posted, [CountedSum(0, END, Quality.MEASURED, 1_000_000)], Rates())
    known = total[0, END].total()
    assert (known.grams, known.unpriced_joules) == (None, 1)
    assert known.network_grams > 0
