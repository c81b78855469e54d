"""The inventory of the year so far: what /metrics shows of it, and when it is read again."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from collector_fakes import configured
from inventory_office import START, Office, line
from inventory_parts import asset, gateway
from inventory_scene import HOSTILE, PERIOD, SETTINGS, assets, inventory, nothing
from pricing_desk import bare_environment
from wattgram_collector.exposition.own_inventory import InventoryMetrics
from wattgram_collector.ingest.committer import Committer
from wattgram_collector.inventory.lines import Status, ghg_total
from wattgram_collector.inventory.making.hardware import shipped
from wattgram_collector.inventory.making.resolving import Resolver
from wattgram_collector.inventory.postings import Method, Role, Stage
from wattgram_collector.inventory.register.assets import Register
from wattgram_collector.inventory.report.ledger_file import Row
from wattgram_collector.inventory.settings import InventorySettings
from wattgram_collector.inventory.to_date import (
    GROUPS_MAX,
    ToDate,
    embodied_rates,
    to_date,
    year_to_date,
)
from wattgram_collector.inventorying import Inventorying, Pace, StoppedError
from wattgram_collector.ledger.sqlite import SqliteLedger

GOLDEN = Path(__file__).parent / "golden" / "inventory.prom"
DAY, MINUTE = 86_400, 60


class Known:
    """What is reckoned, said by a test."""

    def __init__(self, found: ToDate | None, *, is_on: bool = True) -> None:
        self.to_date = found
        self.reckoned_unix_seconds = None if found is None else 1_780_000_000.0
        self.reckoning_seconds = None if found is None else 1.5
        self.is_failing = False
        self.is_on = is_on


def page(known: Known | Inventorying) -> str:
    registry = CollectorRegistry()
    registry.register(InventoryMetrics(known))
    return generate_latest(registry).decode()


def samples(text: str) -> dict[tuple[str, ...], float]:
    return {
        (one.name, *(value for _, value in sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def scene() -> ToDate:
    rates = embodied_rates(Register(assets()), Resolver(shipped()), SETTINGS, date(2025, 12, 31))
    return to_date(inventory(), rates)


# ── the numbers ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("now", "first", "after"),
    [
        ("2025-06-17T12:00+02:00", "2025-01-01", "2025-06-17"),
        ("2025-06-17T00:00+02:00", "2025-01-01", "2025-06-17"),
        ("2025-06-16T23:59:59+02:00", "2025-01-01", "2025-06-16"),
        ("2026-01-01T00:00+01:00", "2025-01-01", "2026-01-01"),
        ("2026-01-02T00:00+01:00", "2026-01-01", "2026-01-02"),
    ],
)
def test_the_year_so_far_is_whole_days_that_are_over(now: str, first: str, after: str) -> None:
    found = year_to_date(datetime.fromisoformat(now).timestamp(), "Europe/Berlin")
    assert (found.first.isoformat(), found.after.isoformat()) == (first, after)


def test_the_numbers_are_those_of_the_inventory() -> None:
    found, run = scene(), inventory()
    scopes = (found.scope_1_grams or 0) + sum(found.category_grams.values())

    for scope_2, total, method in (
        (found.location_grams, found.total_location_grams, Method.LOCATION),
        (found.market_grams, found.total_market_grams, Method.MARKET),
    ):
        assert total == float(ghg_total(run.lines, method))
        assert scopes + (scope_2 or 0) == pytest.approx(total)
    assert set(found.category_grams) == {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13}
    assert sum(found.leaf_grams.values()) == pytest.approx(
        float(sum((one.grams or Fraction(0) for one in run.leaves.values()), Fraction(0)))
    )
    assert sum(found.quality_ratios.values()) == pytest.approx(1)
    assert sum(found.categories.values()) == 15
    assert found.categories[Status.EXCLUDED] == 2
    assert found.unknown == 3
    assert found.unknown_joules == 2_215 * 3_600_000
    assert found.units == {("mail", "email"): 52_000, ("stream", "stream_hour"): 0}
    assert list(found.grams_per_unit) == [("mail", "email")]
    assert found.coverage_ratio == pytest.approx(0.9947, abs=1e-3)
    assert found.end_unix_seconds == PERIOD.interval.end_unix_seconds
    assert found.memo_grams
    assert set(found.memo_grams) <= {"allocation", "refused_factor", *map(str, Stage)}
    acquired = [one.grams or 0 for one in run.postings
                if one.stage is Stage.EMBODIED_ACQUIRED and one.in_ghg]  # fmt: skip
    assert found.acquired_grams == pytest.approx(float(sum(acquired)))


def test_what_was_acquired_is_what_is_in_the_inventory() -> None:
    bought = next(one for one in inventory().postings
                  if one.stage is Stage.EMBODIED_ACQUIRED and one.in_ghg)  # fmt: skip
    beside = replace(bought, subject="asset/theirs", role=Role.MEMO, in_ghg=False, in_tcs=False)
    rows = [Row("a", bought), Row("b", beside)]

    found = to_date(replace(nothing(), rows=rows), {})

    assert found.acquired_grams == float(bought.grams or 0)
    assert found.memo_grams == {"embodied_acquired": float(bought.grams or 0)}


def test_the_rate_of_the_making_is_book_b_of_a_day() -> None:
    one = asset("srv", site="hall", acquired_on=date(2025, 1, 1), life_years=Fraction(4))
    settings = InventorySettings(organisation="x")
    register = Register([one])

    rates = embodied_rates(register, Resolver(shipped()), settings, date(2025, 6, 1))

    # Golden: 1,278 kg over 4 years of 365 days is 0.010131 g/s.
    assert rates == {("hall", "server"): pytest.approx(0.010131, rel=1e-3)}
    bought = embodied_rates(register, Resolver(shipped()), settings, date(2025, 1, 1))
    assert bought == rates, "the other book is not in it"
    after = embodied_rates(register, Resolver(shipped()), settings, date(2030, 6, 1))
    assert after == {}


def test_sites_beyond_the_largest_are_together() -> None:
    many = [asset(f"srv-{n}", site=f"site-{n:03}", acquired_on=date(2025, 1, 1), units=n + 1)
            for n in range(GROUPS_MAX + 20)]  # fmt: skip
    settings = InventorySettings(organisation="x")

    rates = embodied_rates(Register(many), Resolver(shipped()), settings, date(2025, 6, 1))

    assert len(rates) == GROUPS_MAX + 1
    one = rates[f"site-{GROUPS_MAX + 19:03}", "server"] / (GROUPS_MAX + 20)
    assert rates["other", "other"] == pytest.approx(one * sum(range(1, 21)))


# ── as metrics ───────────────────────────────────────────────────────────────────────────


def test_the_page_is_what_was_accepted(golden: Callable[[Path, str], None]) -> None:
    text = page(Known(scene()))

    golden(GOLDEN, text)
    found = samples(text)
    assert found["wattgram_inventory_scope3_grams", "2", "2025"] == pytest.approx(
        scene().category_grams[2]
    )
    names = {key[0] for key in found}
    assert {"wattgram_inventory_scope2_location_grams",
            "wattgram_inventory_scope2_market_grams"} <= names  # fmt: skip
    assert not any(name.endswith("_total") for name in names)


def test_promtool_finds_nothing_wrong_with_it(promtool: str) -> None:
    done = subprocess.run([promtool, "check", "metrics"], input=page(Known(scene())).encode(),
                          capture_output=True, timeout=30, check=False)  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("needs promtool (apt-get install prometheus)")
    return found


def test_what_is_not_known_has_no_sample() -> None:
    found = samples(page(Known(to_date(nothing(), {}))))
    assert {key[0].removeprefix("wattgram_inventory_") for key in found} == {
        "reckoning_failed", "reckoned_timestamp_seconds", "reckoning_seconds",
        "end_timestamp_seconds", "unknown", "unknown_energy_joules", "categories",
    }  # fmt: skip
    assert samples(page(Known(None))) == {("wattgram_inventory_reckoning_failed",): 0}
    assert page(Known(None, is_on=False)) == ""


def test_names_that_people_gave_are_labels_and_nothing_else() -> None:
    found = replace(scene(), units={(HOSTILE, 'a"b\n\\c'): 2.0})
    assert samples(page(Known(found)))[
        "wattgram_inventory_functional_units", HOSTILE, 'a"b\n\\c', "2025"
    ] == 2  # fmt: skip


# ── when it is read ──────────────────────────────────────────────────────────────────────


class Bench:
    """A collector's side of an office: its clock is what a test says."""

    def __init__(self, office: Office, settings: InventorySettings) -> None:
        self.now = float(START + 2 * DAY)
        self.since = 0.0
        self.ledger = SqliteLedger(office.directory / "ledger.sqlite")
        self.committer = Committer(self.ledger, tick_seconds=0)
        config = configured(office.directory, inventory=settings)
        self.kept = Inventorying(
            config, self.committer, unix_seconds=lambda: self.now, monotonic=lambda: self.since
        )

    async def later(self, seconds: float = 16 * MINUTE) -> float | None:
        """Let time pass and look; return when it was read last."""
        self.now += seconds
        self.since += seconds
        await self.kept.keep_up()
        return self.kept.reckoned_unix_seconds

    @property
    def scope_2(self) -> float | None:
        found = self.kept.to_date
        return None if found is None else found.location_grams

    async def close(self) -> None:
        await self.committer.close()
        self.ledger.close()


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    bare_environment(monkeypatch)
    made = Office(tmp_path)
    made.hosts(web=[(START, "1")], box=[(START, "2")])
    return made


NAMED = InventorySettings(organisation="Acme & Söhne", registered_country="DE")


@pytest.fixture
async def bench(office: Office) -> AsyncIterator[Bench]:
    office.assets(asset("srv", hosts=("web",), service="mail"), gateway(hosts=("box",)))
    made = Bench(office, NAMED)
    yield made
    await made.close()


async def test_it_says_what_the_report_of_the_same_days_says(office: Office, bench: Bench) -> None:
    office.activities({"kind": "fuel", "activity_id": "gen", "fuel": "diesel", "litres": "100"})
    await bench.later()

    found = bench.kept.to_date
    assert found is not None
    folder = office.report(period="2025-01-01/2025-06-17")
    assert found.year == "2025"
    assert found.location_grams == pytest.approx(1_000 * float(line(folder, "2", "location")))
    assert found.market_grams == pytest.approx(1_000 * float(line(folder, "2", "market")))
    assert found.scope_1_grams == pytest.approx(1_000 * float(line(folder, "1")))
    assert found.category_grams[11] == pytest.approx(1_000 * float(line(folder, "3.11")))
    assert found.leaf_grams["O.servers"] == pytest.approx(300)
    text = page(bench.kept)
    assert 'wattgram_inventory_scope2_location_grams{year="2025"} 300.0' in text


async def test_it_is_read_again_when_something_is_otherwise_and_not_before(bench: Bench) -> None:
    first = await bench.later(0)
    assert first == bench.now
    assert await bench.later() == first, "nothing has changed"
    today = int(bench.now) // 300
    bench.committer.tell([today])
    assert await bench.later() == first, "today is not over"
    bench.committer.tell([START // 300])
    assert await bench.later(MINUTE) == first, "not yet"
    second = await bench.later()
    assert second == bench.now, "a day that is over has changed"
    assert await bench.later() == second
    assert await bench.later(DAY) == bench.now, "another day is over"


async def test_it_is_read_again_when_the_journal_has_grown(office: Office, bench: Bench) -> None:
    await bench.later(0)
    assert bench.kept.to_date is not None
    assert bench.kept.to_date.scope_1_grams is None
    office.activities({"kind": "fuel", "activity_id": "gen", "fuel": "diesel", "litres": "100"})
    await bench.later()
    assert bench.kept.to_date.scope_1_grams is not None


async def test_a_reading_that_takes_long_comes_seldom(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    took = 10 * MINUTE
    reckon = bench.kept._reckon

    def slow(*said: object) -> object:
        bench.since += took
        return reckon(*said)  # type: ignore[arg-type]

    monkeypatch.setattr(bench.kept, "_reckon", slow)
    first = await bench.later(0)
    assert bench.kept.reckoning_seconds == took
    bench.committer.tell([START // 300])
    assert await bench.later(100 * MINUTE) == first
    assert await bench.later(101 * MINUTE) == bench.now


async def test_what_cannot_be_read_is_said_and_the_figures_stay(
    office: Office, bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.later(0)
    before = bench.scope_2
    ledger = office.directory / "ledger.sqlite"
    hidden = ledger.rename(office.directory / "away")
    bench.committer.tell([START // 300])
    await bench.later()
    await bench.later()

    assert bench.kept.is_failing
    assert bench.scope_2 == before
    assert caplog.text.count("inventory_not_reckoned") == 1
    assert "wattgram_inventory_reckoning_failed 1.0" in page(bench.kept)
    hidden.rename(ledger)
    assert await bench.later() == bench.now
    assert not bench.kept.is_failing


async def test_without_a_name_or_with_no_minutes_there_is_nothing_and_it_costs_nothing(
    office: Office,
) -> None:
    for settings in (InventorySettings(), replace(NAMED, metrics_minutes=0.0)):
        bench = Bench(office, settings)
        bench.committer.tell(range(1_000))
        async with bench.kept.running(lambda _: None):
            assert page(bench.kept) == ""
        assert bench.committer._followers == []
        await bench.close()


async def test_it_runs_and_ends_with_the_collector(bench: Bench) -> None:
    died: list[object] = []
    async with bench.kept.running(died.append):
        deadline = time.monotonic() + 20
        while bench.kept.to_date is None:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
    assert bench.scope_2 == pytest.approx(300)
    assert len(died) == 1, "the task has ended, and whoever watches it was told"


def test_a_reading_rests_as_long_as_it_works_and_ends_when_it_must() -> None:
    stopping = threading.Event()
    pace = Pace(stopping)
    pace(0, 1)
    begun = time.monotonic()
    worked = begun + 0.05
    while time.monotonic() < worked:
        pass
    pace(1, 1)
    assert time.monotonic() - begun >= 0.1
    stopping.set()
    with pytest.raises(StoppedError):
        pace(1, 1)


def test_minutes_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="metrics_minutes must be 0 to 1440"):
        InventorySettings(metrics_minutes=-1)
