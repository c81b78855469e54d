"""Providers that go away for eight hours and come back; what must come out is reckoned here.

The day has the night in it on which clocks in Great Britain go forward.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from builders import intensity
from collector_fakes import TroubledLedger
from fake_providers import Clock, says
from outage import (
    HALF_HOUR,
    HOUR,
    SLOT_SECONDS,
    Answer,
    Desk,
    half_hours,
    hours,
    outside,
)
from pricing_desk import Asking, bare_environment, posted_rows
from wattgram_collector.intensities.providers.answers import iso_minutes
from wattgram_collector.intensities.providers.client import session
from wattgram_collector.intensity import Scope, Status, Tier
from wattgram_collector.ledger.restatement import Posted

START = 1_743_256_800  # 2025-03-29T14:00Z; the clocks change eleven hours later
DAY = 24
LATE = 900  # an hour is delivered so long after its end
KILOWATT_HOUR = 3_600_000_000_000  # microjoules
ANNUAL = Fraction(177)  # the shipped table's, direct, of GB
LAST_KNOWN = 6 * HOUR
HOSTS = {"alpha": "GB", "cloud": "aws:eu-west-2"}
DOWN = START + 6 * HOUR
HANGING = 2  # of the hours of the outage


def grams(start: int) -> str:
    """What the grid emitted in a half hour."""
    return f"{100 + start // HALF_HOUR % 97}.5"


def energy(host: str, slot_start: int) -> int:
    """Microjoules of a host in a slot."""
    return 30_000_000 + len(host) * 1_000_003 + slot_start // SLOT_SECONDS % 288 * 7_919


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with session() as shared:
        yield shared


def priced(host: str, start: int, end: int) -> Fraction:
    """Grams of the host's energy, with what was measured."""
    return Fraction(0) + sum(
        Fraction(energy(host, slot), KILOWATT_HOUR) * Fraction(grams(slot - slot % HALF_HOUR))
        for slot in range(start, end, SLOT_SECONDS)
    )


class Ingest:
    """What each slot is to be priced with when it comes, by what had been told until then."""

    def __init__(self, told: list[tuple[float, int]]) -> None:
        self._told = told
        self.tiers: dict[int, str] = {}
        self.grams: dict[int, Fraction] = {}

    def note(self, start: int, now: float) -> None:
        known = max((until for when, until in self._told if when <= now), default=0)
        for slot in range(start, start + HOUR, SLOT_SECONDS):
            if slot < known:
                self.tiers[slot], self.grams[slot] = "live", Fraction(grams(slot - slot % 1_800))
            elif slot - known <= LAST_KNOWN:
                self.tiers[slot] = "last_known"
                self.grams[slot] = Fraction(grams(known - HALF_HOUR))
            else:
                self.tiers[slot], self.grams[slot] = "annual", ANNUAL

    def of(self, host: str) -> dict[str, Fraction]:
        found: dict[str, Fraction] = {}
        for slot, tier in self.tiers.items():
            more = Fraction(energy(host, slot), KILOWATT_HOUR) * self.grams[slot]
            found[tier] = found.get(tier, Fraction(0)) + more
        return found


def broken(hour: int, works: Answer) -> Answer:
    """What the server says in each hour of the outage, while it listens."""
    return {
        0: says(503),
        1: says(503, Retry_After="600"),
        HANGING: lambda _: None,
        4: says(body=b'{"data": []}'),
        5: says(body=b"{}"),
        6: says(body=b"<html>maintenance</html>"),
        7: says(429, Retry_After="60"),
    }.get(hour, works)


async def lived(
    directory: Path, http: aiohttp.ClientSession, restart_at: int | None = None
) -> tuple[Desk, Ingest, Counter[str]]:
    """Live through a day; return the last process, what is to be seen, and all outcomes."""
    clock = Clock(START)
    told: list[tuple[float, int]] = []
    works = half_hours(clock, grams, told=told)
    ingest, outcomes = Ingest(told), Counter[str]()
    async with outside(works) as neso:
        desk = Desk(directory, clock, {"neso": neso}, HOSTS, http)
        shown: dict[tuple[str, str, str], float] = {}
        for hour in range(DAY):
            start = START + hour * HOUR
            away = (start - DOWN) // HOUR
            neso.answer = broken(away, works) if 0 <= away < 8 else works
            neso.hangs = away == HANGING
            await (neso.down() if away == 3 else neso.up() if away == 4 else _nothing())
            if hour == restart_at:
                outcomes.update(desk.outcomes("neso"))
                await desk.close()
                desk = Desk(directory, clock, {"neso": neso}, HOSTS, http)
            if hour:
                await desk.until(start + LATE)
                await desk.deliver(start - HOUR, energy)
                ingest.note(start - HOUR, clock.now)
                after = desk.emissions()
                assert all(after[key] >= was for key, was in shown.items())
                grown = {key[2] for key, is_ in after.items() if is_ > shown.get(key, 0)}
                assert grown == {ingest.tiers[slot] for slot in _slots(start - HOUR)}
                shown = after
            if hour < DAY - 1:
                await desk.until(start + HOUR)
        outcomes.update(desk.outcomes("neso"))
    return desk, ingest, outcomes


async def _nothing() -> None:
    """Leave the server as it is."""


def _slots(start: int) -> range:
    return range(start, start + HOUR, SLOT_SECONDS)


def host_rows(directory: Path) -> list[Posted]:
    return [row for row in posted_rows(directory) if row.account.value == "host_microjoules"]


@pytest.mark.parametrize("restart_at", [None, 9])
async def test_providers_down_for_eight_hours_and_back(
    restart_at: int | None,
    tmp_path: Path,
    http: aiohttp.ClientSession,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bare_environment(monkeypatch)
    caplog.set_level(logging.INFO, "wattgram.providers")
    desk, ingest, outcomes = await lived(tmp_path, http, restart_at)
    end = START + (DAY - 1) * HOUR

    # The tiers move live, last known, annual, live; of the hours between there is nothing else.
    by_hour = [ingest.tiers[slot] for slot in range(START, end, HOUR)]
    moves = [tier for before, tier in pairwise(["", *by_hour]) if tier != before]
    assert moves == ["live", "last_known", "annual", "live"]
    assert by_hour.count("last_known") == 6
    assert by_hour.count("annual") in {1, 2}  # the first answer may come before the last hour does

    rows = host_rows(tmp_path)
    assert len(rows) == len(HOSTS) * (DAY - 1) * 12
    for row in rows:
        slot = row.slot * SLOT_SECONDS
        assert row.factor is not None
        assert (row.factor.tier.value, row.factor.value) == (
            ingest.tiers[slot],
            ingest.grams[slot],
        )
        assert row.restated is not None
        assert (row.restated.tier.value, row.restated.provider) == ("live", "neso")
        assert row.restated.value == Fraction(grams(slot - slot % HALF_HOUR))
        assert bool(row.restated_by_pass) == (ingest.tiers[slot] != "live")

    shown, adjusted = desk.emissions(), desk.adjustments()
    for host in HOSTS:
        at_ingest = ingest.of(host)
        for tier, sum_ in at_ingest.items():
            assert shown[host, "GB", tier] == pytest.approx(float(sum_), rel=1e-12)
        change = priced(host, START, end) - sum(at_ingest.values())
        assert adjusted[host] == pytest.approx(float(change), rel=1e-12)
        (agent,) = [one for one in desk.fleet if one.record.host == host]
        assert agent.totals.adjustment / KILOWATT_HOUR == change

    assert set(outcomes) == {
        "ok", "server_error", "timeout", "unreachable", "empty", "invalid", "rate_limited"
    }  # fmt: skip
    assert sum(outcomes.values()) - outcomes["ok"] < 60  # nobody hammers a server that is down
    words = [record.getMessage().split()[0] for record in caplog.records]
    failed = 1 if restart_at is None else 2  # each process says it once
    assert words.count("provider_failed") == failed
    assert words.count("provider_works_again") == 1

    asking = Asking(tmp_path, capsys, '[intensity]\nscope = "direct"\n')
    told = asking.explained("alpha", "2025-03-29T14:00:00Z", "2025-03-30T13:00:00Z",
                            "--every", "slot")  # fmt: skip
    factors = [posting["factor_at_ingest"] if "factor_at_ingest" in posting else posting["factor"]
               for time in told["times"] for posting in time["postings"]]  # fmt: skip
    assert [one["tier"] for one in factors] == list(ingest.tiers.values())
    assert sum(
        Fraction(share["emissions_co2e_grams_exact"])
        for time in told["times"] for posting in time["postings"]
        for share in posting["shares"] if share["part"] == "host"
    ) == priced("alpha", START, end)  # fmt: skip

    await again_changes_nothing(desk, tmp_path)
    await desk.close()


async def again_changes_nothing(desk: Desk, directory: Path) -> None:
    rows, passes = posted_rows(directory), desk.restater.passes
    desk.restater.resume(desk.ledger.intensities(0))
    assert desk.restater.waiting
    assert await desk.restater.restate_due()
    assert posted_rows(directory) == rows
    assert desk.restater.passes == passes


@pytest.mark.parametrize(
    ("stated", "is_stated"),
    [({"GB": 50.5}, {"alpha", "cloud"}), ({"aws:eu-west-2": 50.5}, {"cloud"})],
    ids=["zone", "region"],
)
async def test_what_the_operator_states_is_not_restated(
    stated: dict[str, float], is_stated: set[str], tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    clock = Clock(START)
    async with outside(says(503)) as neso:
        desk = Desk(tmp_path, clock, {"neso": neso}, HOSTS, http,
                    override_grams_per_kilowatt_hour=stated)  # fmt: skip
        await desk.until(START + HOUR + LATE)
        await desk.deliver(START, energy)
        neso.answer = half_hours(clock, grams)
        await desk.until(START + 2 * HOUR)
    for row in host_rows(tmp_path):
        host = list(HOSTS)[row.agent_key - 1]
        tiers = ("operator", "operator") if host in is_stated else ("annual", "live")
        assert row.factor is not None
        assert row.restated is not None
        assert (row.factor.tier.value, row.restated.tier.value) == tiers
    for agent in desk.fleet:
        assert bool(agent.totals.adjustment) == (agent.record.host not in is_stated)
    assert bool(desk.restater.passes) == (is_stated != set(HOSTS))
    await desk.close()


def by_the_hour(start: int) -> str:
    """What the other provider says of an hour."""
    return f"{200 + start // HOUR % 50}"


async def test_of_two_providers_the_one_that_is_there_prices_and_the_preferred_one_restates(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    clock = Clock(START)
    async with (
        outside(says(503)) as neso,
        outside(hours(clock, "GB", by_the_hour)) as maps,
    ):
        desk = Desk(tmp_path, clock, {"neso": neso, "electricity_maps": maps}, HOSTS, http)
        await desk.until(START + HOUR + 2 * LATE)
        await desk.deliver(START, energy)
        neso.answer, maps.answer = half_hours(clock, grams), says(503)
        await desk.until(START + 3 * HOUR)
        for row in host_rows(tmp_path):
            slot = row.slot * SLOT_SECONDS
            assert row.factor is not None
            assert row.restated is not None
            assert (row.factor.provider, row.factor.tier.value, row.factor.value) == (
                "electricity_maps", "live", Fraction(by_the_hour(START))
            )  # fmt: skip
            assert (row.restated.provider, row.restated.value) == (
                "neso", Fraction(grams(slot - slot % HALF_HOUR))
            )  # fmt: skip
        # It comes back with the same hours; the preferred one's go on to hold.
        maps.answer = hours(clock, "GB", by_the_hour)
        rows = posted_rows(tmp_path)
        await desk.until(START + 6 * HOUR)
        assert desk.outcomes("electricity_maps")["server_error"] >= 2
        assert posted_rows(tmp_path) == rows
    await desk.close()


async def test_a_value_that_priced_three_days_ago_is_revised(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    """Nobody asks again for what was measured so long ago: it is said beside other slots."""
    clock = Clock(START)
    async with outside(half_hours(clock, grams)) as neso:
        desk = Desk(tmp_path, clock, {"neso": neso}, HOSTS, http)
        await desk.until(START + HOUR + LATE)
        await desk.deliver(START, energy)
        (live,) = {row.factor for row in host_rows(tmp_path) if row.slot * 300 < START + HALF_HOUR}
        assert live is not None
        clock.now += 72 * HOUR
        revised = replace(live, grams_per_kilowatt_hour="321.25")
        for _ in range(2):
            await desk.restater.take([revised])
            assert await desk.restater.restate_due()
            assert desk.restater.passes == 1
    for agent in desk.fleet:
        change = sum(
            Fraction(energy(agent.record.host, slot)) * (Fraction("321.25") - live.value)
            for slot in range(START, START + HALF_HOUR, SLOT_SECONDS)
        )
        assert agent.totals.adjustment == change
    await desk.close()


async def test_a_ledger_that_takes_nothing_while_values_arrive(
    tmp_path: Path, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "wattgram.providers")
    clock = Clock(START)
    ledger = TroubledLedger(tmp_path / "ledger.sqlite")
    async with outside(says(503)) as neso:
        desk = Desk(tmp_path, clock, {"neso": neso}, HOSTS, http, ledger=ledger)
        await desk.until(START + HOUR + LATE)
        await desk.deliver(START, energy)
        neso.answer = half_hours(clock, grams)
        ledger.fails()
        before = neso.asked
        await desk.until(START + 5 * HOUR)
        asked = neso.asked
        assert 12 <= asked - before <= 20  # sooner than the next slot, and not all the time
        book = desk.pricing.books.location
        factor = book.at("GB", START)
        assert factor is not None
        assert factor.tier.value == "annual"  # what is not kept prices nothing
        ledger.works()
        await desk.until(START + 6 * HOUR)
        assert neso.asked > asked
    for row in host_rows(tmp_path):
        slot = row.slot * SLOT_SECONDS
        assert row.restated is not None
        assert row.restated.value == Fraction(grams(slot - slot % HALF_HOUR))
    words = [record.getMessage().split()[0] for record in caplog.records]
    assert words.count("intensities_not_kept") == words.count("intensities_kept_again") == 1
    await desk.close()


async def test_an_answer_of_ten_thousand_slots(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    """What is in it and was asked for is taken; nothing else, and nobody waits for it long."""
    clock = Clock(START)
    first = START - 9_000 * HALF_HOUR

    def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({"data": [
            {"from": iso_minutes(at), "to": iso_minutes(at + HALF_HOUR),
             "intensity": {"forecast": None, "actual": 100, "index": "low"}}
            for at in range(first, first + 10_000 * HALF_HOUR, HALF_HOUR)
        ]})  # fmt: skip

    async with outside(answer) as neso:
        desk = Desk(tmp_path, clock, {"neso": neso}, HOSTS, http)
        await desk.until(START + 60)
    kept = desk.pricing.history.of("GB", "neso", 0, 1 << 40)
    assert 48 <= len(kept) <= 7 * 48 + 4
    assert kept == [one.intensity for one in desk.ledger.intensities(0)]
    await desk.close()


async def test_the_first_slot_of_an_open_period_is_restated_and_the_one_before_is_noted(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    clock = Clock(START)
    desk = Desk(tmp_path, clock, {}, HOSTS, http, freeze_days=1)
    await desk.until(START + HOUR + LATE)
    await desk.deliver(START, energy)
    clock.now = START + 24 * HOUR + 1_000  # in the fourth slot, a day later
    await desk.restater.take([
        intensity("GB", grams(start), provider="neso", tier=Tier.LIVE, status=Status.MEASURED,
                  scope=Scope.DIRECT, version="", valid_from_unix_seconds=start,
                  valid_until_unix_seconds=start + HALF_HOUR)
        for start in (START, START + HALF_HOUR)
    ])  # fmt: skip
    assert await desk.restater.restate_due()
    edge = START + 900
    for row in host_rows(tmp_path):
        is_open = row.slot * SLOT_SECONDS >= edge
        assert (row.restated_by_pass > 0, row.noted is None) == (is_open, is_open)
    for agent in desk.fleet:
        change = sum(
            Fraction(energy(agent.record.host, slot))
            * (Fraction(grams(slot - slot % HALF_HOUR)) - ANNUAL)
            for slot in range(edge, START + HOUR, SLOT_SECONDS)
        )
        assert agent.totals.adjustment == change
    assert (desk.restater.restated_slots, desk.restater.prior_period_slots) == (9, 3)
    await desk.close()
