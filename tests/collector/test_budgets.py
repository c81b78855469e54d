"""Carbon budgets: which period, which hosts, and that the sum is that of what is posted."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from builders import PACKAGE, TRANSMIT, Book, intensity, terms
from collector_fakes import configured
from pricing_desk import Desk
from wattgram.handshake import HostFacts
from wattgram.settings import SettingsError
from wattgram_collector.accounting.budget_settings import (
    BudgetSettings,
    EmissionLimitSettings,
    Selection,
)
from wattgram_collector.accounting.budgets import takes_host, takes_place, window_of
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.budgeting import Budgeting
from wattgram_collector.config import load_config
from wattgram_collector.exposition.own_budgets import BudgetMetrics
from wattgram_collector.ingest.agents import Agent
from wattgram_collector.intensity import Intensity, Status, Tier
from wattgram_collector.ledger import LedgerError
from wattgram_collector.ledger.sqlite_sums import SqliteSums
from wattgram_collector.views.model import Budget

KILOWATT_HOUR = 3_600_000_000_000
HOUR, DAY = 3_600, 86_400
SLOT_SECONDS = 300


def unix(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


NOON = unix("2026-03-15T12:00:00")
JANUARY = unix("2026-01-22T12:00:00")  # the year is young, and read soon
FRANCE = intensity("FR", "40")
GERMANY = intensity("DE", "400")


class Bench(Desk):
    """Hosts under terms, a ledger, budgets over it. Entries go through the committer."""

    def __init__(
        self, directory: Path, agreed: Mapping[str, Terms], now: int = NOON, **budgets: Selection
    ) -> None:
        super().__init__(directory, agreed, Book([FRANCE, GERMANY]), now=now)
        self.budgets = {
            name: one for name, one in budgets.items() if isinstance(one, BudgetSettings)
        }
        self.limits = {
            name: one for name, one in budgets.items() if isinstance(one, EmissionLimitSettings)
        }
        self.is_readable = True
        self.reads = self.fails_at = 0
        self.budgeting = self.restarted()

    def restarted(self) -> Budgeting:
        """Return what a collector that starts now would have."""
        config = configured(self.directory, budgets=self.budgets, emission_limits=self.limits)
        return Budgeting(
            config, self.fleet, self.committer, lambda host, facts, zone: self.terms[host],
            self._summing, unix_seconds=lambda: self.now,
        )  # fmt: skip

    def _summing(self) -> SqliteSums:
        self.reads += 1
        if not self.is_readable or self.reads == self.fails_at:
            raise LedgerError("not now")
        return SqliteSums(self.directory / "ledger.sqlite")

    def is_a(self, host: str, **facts: str) -> Agent:
        """Let a host say something of itself."""
        agent = next(one for one in self.fleet if one.record.host == host)
        agent.record = replace(agent.record, facts=HostFacts(host=host, **facts))
        return agent

    async def use(
        self, start: int | str, microjoules: int = KILOWATT_HOUR, *hosts: str, seconds: int = 300
    ) -> None:
        begin = unix(start) if isinstance(start, str) else start
        for host in hosts or self.terms:
            entry = self.reckoned(host, begin, seconds, {PACKAGE: microjoules, TRANSMIT: 10**9})
            self.committer.submit(entry, lambda outcome: None)
        await self.committer.flush()

    async def shown(self, name: str = "fleet", budgeting: Budgeting | None = None) -> Budget:
        """Reckon, and return a budget."""
        budgeting = budgeting or self.budgeting
        await budgeting.reckon()
        return next(one for one in budgeting.reckoned(self.now) if one.name == name)


def bench(directory: Path, zones: str = "FR DE", **budgets: Selection) -> Bench:
    agreed = {f"host-{zone}": terms(zone) for zone in zones.split()}
    return Bench(directory, agreed, **(budgets or {"fleet": BudgetSettings(kilograms=1)}))


# ── the calendar ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("period", "zone", "now", "begins", "ends"),
    [
        ("day", "UTC", "2026-03-15T12:00:00", "2026-03-15T00:00:00", "2026-03-16T00:00:00"),
        ("month", "UTC", "2026-12-31T23:59:59", "2026-12-01T00:00:00", "2027-01-01T00:00:00"),
        ("month", "UTC", "2028-02-29T10:00:00", "2028-02-01T00:00:00", "2028-03-01T00:00:00"),
        ("year", "UTC", "2026-01-01T00:00:00", "2026-01-01T00:00:00", "2027-01-01T00:00:00"),
        # Already the sixteenth in Kolkata, and half an hour off every border of an hour.
        ("day", "Asia/Kolkata", "2026-03-15T18:30:00", "2026-03-15T18:30:00",
         "2026-03-16T18:30:00"),
        # The clock skips an hour, and has one twice.
        ("day", "Europe/Berlin", "2026-03-29T12:00:00", "2026-03-28T23:00:00",
         "2026-03-29T22:00:00"),
        ("day", "Europe/Berlin", "2026-10-25T12:00:00", "2026-10-24T22:00:00",
         "2026-10-25T23:00:00"),
        # It skips midnight itself.
        ("day", "America/Santiago", "2026-09-06T12:00:00", "2026-09-06T04:00:00",
         "2026-09-07T03:00:00"),
    ],
)  # fmt: skip
def test_a_period_begins_at_midnight_of_its_time_zone(
    period: str, zone: str, now: str, begins: str, ends: str
) -> None:
    assert window_of(period, zone, unix(now)) == (unix(begins), unix(ends))


@given(
    st.sampled_from(["day", "month", "year"]),
    st.sampled_from(sorted(available_timezones())),
    st.integers(unix("2020-01-01T00:00:00"), unix("2040-01-01T00:00:00")),
)
def test_it_is_always_one_period_and_the_next_follows(period: str, zone: str, now: int) -> None:
    found = window_of(period, zone, now)

    assert found.from_unix_seconds <= now < found.to_unix_seconds
    assert 0 <= found.elapsed_ratio(now) < 1
    assert window_of(period, zone, found.from_unix_seconds) == found
    assert window_of(period, zone, found.to_unix_seconds - 1) == found
    after = window_of(period, zone, found.to_unix_seconds)
    assert after.from_unix_seconds == found.to_unix_seconds
    assert after.slots.start == found.slots.stop
    local = datetime.fromtimestamp(found.from_unix_seconds, ZoneInfo(zone))
    assert local.day == 1 or period == "day"


# ── which hosts ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("wanted", "is_meant"),
    [
        ({}, True),
        ({"hosts": ("web*",)}, True),
        ({"hosts": ("db*", "web?")}, True),
        ({"hosts": ("web",)}, False),
        ({"device_classes": ("server", "gateway")}, True),
        ({"device_classes": ("laptop",)}, False),
        ({"sites": ("hall",)}, True),
        ({"sites": ("office",)}, False),
        ({"grid_zones": ("DE",)}, True),
        ({"grid_zones": ("FR",)}, False),
        ({"hosts": ("web*",), "grid_zones": ("FR",)}, False),
    ],
)
def test_a_host_counts_if_it_fits_all_that_is_given(
    wanted: dict[str, Any],
    is_meant: bool,  # noqa: FBT001 -- pytest's
) -> None:
    one = Selection(**wanted)
    facts = HostFacts(host="web1", device_class="server")

    assert (takes_host(one, "web1", facts) and takes_place(one, "DE", "hall")) is is_meant


# ── what is used ─────────────────────────────────────────────────────────────────────────────


async def test_what_is_used_is_unknown_until_it_was_read(tmp_path: Path) -> None:
    desk = bench(tmp_path)
    (before,) = desk.budgeting.reckoned(NOON)
    assert (before.used_grams, before.used_ratio) == (None, None)
    assert before.elapsed_ratio == pytest.approx(14.5 / 31)

    await desk.use("2026-03-15T10:00:00")
    found = await desk.shown()
    assert (found.grams, found.used_grams, found.used_ratio) == (1_000, 440, 0.44)
    assert found.from_unix_seconds == unix("2026-03-01T00:00:00")
    await desk.close()


async def test_nothing_used_is_zero_and_nothing_priced_is_unknown(tmp_path: Path) -> None:
    desk = bench(tmp_path, zones="XX")
    assert (await desk.shown()).used_grams == 0
    await desk.use("2026-03-15T10:00:00")
    assert (await desk.shown()).used_grams is None
    assert desk.budgeting.unpriced_joules(NOON) == {"fleet": 3_600_000}
    await desk.close()


async def test_a_restart_changes_nothing(tmp_path: Path) -> None:
    desk = bench(tmp_path)
    for day in (1, 2, 14, 15):
        await desk.use(f"2026-03-{day:02}T10:00:00")
    before = await desk.shown()
    assert before.used_grams == 4 * 440
    assert await desk.shown(budgeting=desk.restarted()) == before
    await desk.close()


async def test_every_period_begins_at_nothing(tmp_path: Path) -> None:
    desk = bench(tmp_path, fleet=BudgetSettings(grams=500, period="day"))
    desk.now = unix("2026-03-15T23:59:59")
    await desk.use("2026-03-15T23:55:00")
    assert (await desk.shown()).used_grams == 440

    desk.now += 1
    assert desk.budgeting.reckoned(desk.now)[0].used_grams is None
    assert desk.budgeting.unpriced_joules(desk.now) == {}
    assert (await desk.shown()).used_grams == 0
    desk.now += 300
    await desk.use("2026-03-16T00:00:00")
    assert (await desk.shown()).used_grams == 440
    await desk.close()


async def test_what_comes_late_belongs_to_the_period_of_its_slot(tmp_path: Path) -> None:
    desk = bench(
        tmp_path, day=BudgetSettings(grams=1, period="day"), month=BudgetSettings(grams=1)
    )
    await desk.use("2026-03-15T10:00:00")
    await desk.budgeting.reckon()
    await desk.use("2026-03-12T10:00:00")
    await desk.use("2026-02-28T23:55:00")

    assert (await desk.shown("day")).used_grams == 440
    assert (await desk.shown("month")).used_grams == 880
    await desk.close()


async def test_a_period_that_begins_within_an_hour_takes_its_part_of_it(tmp_path: Path) -> None:
    kolkata = BudgetSettings(grams=1, period="day", timezone="Asia/Kolkata")
    desk = bench(tmp_path, fleet=kolkata)
    desk.now = unix("2026-03-15T18:40:00")
    await desk.use("2026-03-15T18:25:00")
    await desk.use("2026-03-15T18:30:00")

    assert (await desk.shown()).used_grams == 440
    await desk.close()


def live(zone: str, grams: str, start: str, seconds: int) -> Intensity:
    return intensity(
        zone, grams, tier=Tier.LIVE, status=Status.MEASURED, version="",
        valid_from_unix_seconds=unix(start), valid_until_unix_seconds=unix(start) + seconds,
    )  # fmt: skip


async def test_a_restatement_changes_what_is_used(tmp_path: Path) -> None:
    desk = bench(tmp_path)
    await desk.use("2026-03-14T10:00:00")
    assert (await desk.shown()).used_grams == 440
    await desk.restater.take([live("DE", "100", "2026-03-14T10:00:00", 3_600)])
    await desk.restater.restate_due()

    assert (await desk.shown()).used_grams == 140
    await desk.close()


async def test_overhead_is_counted_unless_told_otherwise_and_nothing_else(tmp_path: Path) -> None:
    agreed = {"host": terms("DE", pue="1.5", loss_share="0.1", loss_source="said")}
    one = BudgetSettings(grams=1)
    desk = Bench(tmp_path, agreed, fleet=one, bare=replace(one, facility_overhead=False))
    await desk.use("2026-03-15T10:00:00")

    assert (await desk.shown("fleet")).used_grams == 600
    assert (await desk.shown("bare")).used_grams == 400
    await desk.close()


async def test_a_site_is_what_the_operator_says_else_what_the_host_says(tmp_path: Path) -> None:
    agreed = {"said": terms("FR"), "placed": terms("DE", site="hall"), "else": terms("DE")}
    hall = BudgetSettings(grams=1, sites=("hall",))
    desk = Bench(tmp_path, agreed, hall=hall)
    desk.is_a("said", site="hall")
    desk.is_a("placed", site="office")
    await desk.use("2026-03-15T10:00:00")

    assert (await desk.shown("hall")).used_grams == 440
    await desk.close()


async def test_a_host_that_becomes_something_else_takes_its_past_along(tmp_path: Path) -> None:
    desk = bench(tmp_path, fleet=BudgetSettings(grams=1, device_classes=("server",)))
    desk.is_a("host-FR", device_class="server")
    await desk.use("2026-03-10T10:00:00")
    assert (await desk.shown()).used_grams == 40
    desk.is_a("host-DE", device_class="server")

    assert (await desk.shown()).used_grams == 440
    await desk.close()


async def test_only_what_changed_is_read_again(tmp_path: Path) -> None:
    desk = bench(tmp_path)
    await desk.use("2026-03-10T10:00:00")
    await desk.shown()
    first = desk.reads
    assert first == 15  # days of the month until now
    await desk.shown()
    assert desk.reads == first
    await desk.use("2026-03-15T11:55:00")
    await desk.use("2026-03-02T10:00:00")
    assert (await desk.shown()).used_grams == 3 * 440
    assert desk.reads == first + 2
    await desk.close()


async def test_a_ledger_that_cannot_be_read_is_read_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = bench(tmp_path)
    await desk.use("2026-03-10T10:00:00")
    desk.is_readable = False
    assert (await desk.shown()).used_grams is None
    await desk.shown()
    desk.is_readable = True
    assert (await desk.shown()).used_grams == 440
    desk.is_readable = False
    await desk.use("2026-03-11T10:00:00")
    assert (await desk.shown()).used_grams == 440
    desk.is_readable = True
    assert (await desk.shown()).used_grams == 880

    assert [one.message.split()[0] for one in caplog.records if one.levelname == "WARNING"] == [
        "budgets_not_reckoned",
        "budgets_not_reckoned",
    ]
    await desk.close()


async def test_a_period_that_was_read_in_part_is_not_shown(tmp_path: Path) -> None:
    desk = bench(tmp_path)
    await desk.use("2026-03-02T10:00:00")
    await desk.use("2026-03-15T10:00:00")
    desk.fails_at = 5
    assert (await desk.shown()).used_grams is None
    assert (await desk.shown()).used_grams == 880
    assert desk.reads == 5 + 11  # what was read is not read again
    await desk.close()


USES = st.lists(
    st.tuples(
        st.integers(0, 3),  # host
        st.integers(-20 * DAY // SLOT_SECONDS, -1),  # slot from now
        st.integers(0, 10 * KILOWATT_HOUR),
        st.booleans(),  # reckon after it
    ),
    max_size=12,
)
SELECTIONS = st.fixed_dictionaries(
    {},
    optional={
        "sites": st.sampled_from([("hall",), ("office",), ("hall", "office")]),
        "grid_zones": st.sampled_from([("FR",), ("DE", "FR")]),
        "device_classes": st.just(("server",)),
        "hosts": st.sampled_from([("host-0", "host-3"), ("*-[12]",)]),
        "facility_overhead": st.booleans(),
        "period": st.sampled_from(["day", "month", "year"]),
        "timezone": st.sampled_from(["UTC", "Asia/Kolkata", "America/New_York"]),
    },
)
AGREED = {
    "host-0": terms("FR", site="hall", pue="1.58"),
    "host-1": terms("DE"),
    "host-2": terms("XX", site="office"),
    "host-3": terms("DE", site="office", pue="1853/1553"),
}


@settings(max_examples=12, deadline=None)
@given(USES, SELECTIONS, SELECTIONS, st.integers(0, 19))
def test_what_is_used_is_the_sum_of_what_is_posted(
    uses: list[tuple[int, int, int, bool]],
    one: dict[str, Any],
    other: dict[str, Any],
    restated_day: int,
) -> None:
    asyncio.run(_check_sums(uses, one, other, restated_day))


async def _check_sums(
    uses: list[tuple[int, int, int, bool]],
    one: dict[str, Any],
    other: dict[str, Any],
    restated_day: int,
) -> None:
    budgets = {"one": BudgetSettings(grams=7, **one), "other": BudgetSettings(tonnes=1, **other)}
    with tempfile.TemporaryDirectory() as place:
        desk = Bench(Path(place), AGREED, JANUARY, **budgets)
        desk.is_a("host-1", site="hall", device_class="server")
        desk.is_a("host-0", site="office", device_class="server")
        for host, slot, microjoules, reckons in uses:
            await desk.use(JANUARY + slot * SLOT_SECONDS, microjoules, f"host-{host}")
            if reckons:
                await desk.budgeting.reckon()
        day = datetime.fromtimestamp(JANUARY - restated_day * DAY, UTC).strftime("%Y-%m-%d")
        await desk.restater.take([live("DE", "123.4", f"{day}T00:00:00", DAY)])
        await desk.restater.restate_due()
        for name, settings_of in budgets.items():
            grams, unpriced, priced = independent(desk, settings_of)
            found = await desk.shown(name)
            known = desk.budgeting.unpriced_joules(desk.now)[name]
            assert known == float(Fraction(unpriced, 10**6))
            assert found.used_grams == (float(grams) if priced or not unpriced else None)
            assert await desk.shown(name, desk.restarted()) == found
        await desk.close()


def independent(desk: Bench, wanted: BudgetSettings) -> tuple[Fraction, int, int]:
    """Return grams, and microjoules unpriced and priced, row by row."""
    begin, end = window_of(wanted.period, wanted.timezone, desk.now)
    records = {agent.record.key: agent.record for agent in desk.fleet}
    grams, unpriced, priced = Fraction(0), 0, 0
    for row in desk.ledger.posted(0, 1 << 40):
        record = records[row.agent_key]
        site = row.terms.site or record.facts.site
        is_meant = (
            row.account is Account.HOST
            and begin <= row.slot * SLOT_SECONDS < end
            and takes_host(wanted, record.host, record.facts)
            and (not wanted.sites or site in wanted.sites)
            and (not wanted.grid_zones or row.terms.zone in wanted.grid_zones)
        )
        if is_meant and row.restated is None:
            unpriced += row.quantity
        elif is_meant and row.restated is not None:
            priced += row.quantity
            pue = Fraction(row.terms.pue) if wanted.facility_overhead else 1
            grams += row.quantity * pue * row.restated.value / KILOWATT_HOUR
    return grams, unpriced, priced


# ── what is emitted now ──────────────────────────────────────────────────────────────────────


def draws(agent: Agent, watts: int | None, factor: Intensity | None, now: int) -> None:
    agent.power_microwatts = None if watts is None else watts * 1_000_000
    agent.intensity = factor
    agent.zone = factor.zone if factor else ""
    agent.last_seen_unix_nanoseconds = now * 10**9


async def test_the_rate_is_of_the_hosts_that_are_meant_and_known(tmp_path: Path) -> None:
    agreed = {"a": terms("DE", pue="1.5"), "b": terms("FR"), "c": terms("DE"), "d": terms("DE")}
    desk = Bench(
        tmp_path, agreed,
        fleet=BudgetSettings(grams=1),
        bare=EmissionLimitSettings(grams_per_hour=36, facility_overhead=False),
        french=EmissionLimitSettings(grams_per_hour=36, grid_zones=("FR",)),
        none=EmissionLimitSettings(grams_per_hour=36, hosts=("z*",)),
    )  # fmt: skip
    for host, watts, factor in (
        ("a", 1_000, GERMANY), ("b", 1_000, FRANCE), ("c", None, GERMANY), ("d", 1_000, None),
    ):  # fmt: skip
        draws(desk.is_a(host), watts, factor, desk.now)
    now = desk.now * 10**9
    assert desk.budgeting.limit_rates(now) == {}
    assert {one.hosts for one in desk.budgeting.limits_now(desk.now)} == {None}
    await desk.budgeting.reckon()

    per_second = 1 / 3_600
    assert desk.budgeting.budget_rates(now) == {"fleet": pytest.approx(640 * per_second)}
    assert desk.budgeting.limit_rates(now) == {
        "bare": pytest.approx(440 * per_second),
        "french": pytest.approx(40 * per_second),
    }
    assert {one.name: one.hosts for one in desk.budgeting.limits_now(desk.now)} == {
        "bare": 4, "french": 1, "none": 0,
    }  # fmt: skip
    shown = {one.name: one.present_grams_per_hour for one in desk.budgeting.limits_now(desk.now)}
    assert shown == {"bare": pytest.approx(440), "french": pytest.approx(40), "none": None}
    assert desk.budgeting.reckoned(desk.now)[0].hosts == 4
    late = now + 60 * 10**9
    assert desk.budgeting.budget_rates(late) == {}
    await desk.close()


async def test_what_is_not_known_has_no_sample(tmp_path: Path) -> None:
    desk = bench(tmp_path, fleet=BudgetSettings(kilograms=1), l=EmissionLimitSettings(
        grams_per_hour=7.2, hosts=("host-*",)))  # fmt: skip
    registry = CollectorRegistry()
    registry.register(BudgetMetrics(desk.budgeting))
    before = _samples(registry)
    assert before == {
        "wattgram_carbon_budget_grams",
        "wattgram_carbon_budget_elapsed_ratio",
        "wattgram_carbon_budget_window_seconds",
        "wattgram_emission_limit_grams_per_second",
    }
    await desk.close()


def _samples(registry: CollectorRegistry) -> set[str]:
    return {
        line.partition("{")[0]
        for line in generate_latest(registry).decode().splitlines()
        if not line.startswith("#")
    }


# ── what may be set ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[budgets.x]\nperiod = 'day'", "give one of grams, kilograms and tonnes"),
        ("[budgets.x]\ngrams = 1\ntonnes = 1", "give one of grams, kilograms and tonnes"),
        ("[budgets.x]\ngrams = 0", "more than 0"),
        ("[budgets.x]\ngrams = 1\nperiod = 'week'", "must be one of day, month, year"),
        ("[budgets.x]\ngrams = 1\ntimezone = 'Mars/Olympus'", "timezone must be a name"),
        ("[budgets.x]\ngrams = 1\ntimezone = '../etc'", "timezone must be a name"),
        ("[budgets.x]\ngrams = 1\nsite = ['a']", "did you mean budgets.x.sites"),
        ('[budgets."a\\tb"]\ngrams = 1', "printable"),
        ("[emission_limits.x]", "grams_per_hour must be more than 0"),
        ("".join(f"[budgets.b{n}]\ngrams = 1\n" for n in range(101)), "at most 100"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "collector.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=complaint) as raised:
        load_config(file, {})
    assert str(file) in str(raised.value)


def test_a_mass_is_in_the_unit_of_its_key() -> None:
    masses = [BudgetSettings(**{unit: 2.5}) for unit in ("grams", "kilograms", "tonnes")]
    assert [one.total_grams for one in masses] == [2.5, 2_500, 2_500_000]
    assert EmissionLimitSettings(grams_per_hour=7.2).grams_per_second == pytest.approx(0.002)
