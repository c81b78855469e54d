"""A day of five minutes each, with intensities that come two hours late and are revised twice.

What must come out is computed here in plain arithmetic, from what was delivered and what was said.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from builders import PACKAGE, RECEIVE, TRANSMIT, Book, intensity, terms
from pricing_desk import Asking, Desk, bare_environment, posted_rows, value
from wattgram_collector.accounting.emissions import Account, Amount, Pricing
from wattgram_collector.accounting.terms import Segment, Terms
from wattgram_collector.intensity import Intensity, Signal, Status, Tier
from wattgram_collector.ledger.restatement import Restatement

DAY: Final = 1_750_032_000  # 2025-06-16T00:00:00Z
PERIOD: Final = ("2025-06-16T00:00:00Z", "2025-06-17T00:00:00Z")
SLOT_SECONDS: Final = 300
HALF_HOUR: Final = 1_800
HOUR: Final = 3_600
KILOWATT_HOUR: Final = 3_600_000_000_000  # microjoules
ANNUAL: Final = {"FR": Fraction("44.18"), "DE": Fraction("381.5")}
# When each version of a slot comes, after the slot's end.
DELAYS: Final = (2 * HOUR, 3 * HOUR, 5 * HOUR)
LOCATION: Final = "location_based_emissions_co2e_grams"


class Said(NamedTuple):
    """One version of one half-hour of one grid."""

    zone: str
    start: int
    at: int
    grams: str
    status: Status


def everything_said() -> list[Said]:
    return [
        Said(zone, start, start + HALF_HOUR + delay, f"{base + start // 1_800 % 48}.{version}5",
             Status.ESTIMATED if version == 0 else Status.MEASURED)
        for zone, base in (("FR", 20), ("DE", 300))
        for start in range(DAY - 4 * HALF_HOUR, DAY + 24 * HOUR, HALF_HOUR)
        for version, delay in enumerate(DELAYS)
    ]  # fmt: skip


def energy(host: int, slot_start: int) -> int:
    """Microjoules of a host in a slot."""
    return 30_000_000 + host * 1_000_003 + slot_start // SLOT_SECONDS % 288 * 7_919


def factor_then(said: list[Said], zone: str, slot_start: int, now: int) -> Fraction:
    """What a slot is priced with when it comes at `now`, in the words of docs/ledger.md."""
    known = [one for one in said if one.zone == zone and one.at <= now]
    inside = [one for one in known if one.start <= slot_start < one.start + HALF_HOUR]
    before = [
        one for one in known
        if one.start + HALF_HOUR <= slot_start <= one.start + HALF_HOUR + 6 * HOUR
    ]  # fmt: skip
    if inside:
        return Fraction(max(inside, key=lambda one: one.at).grams)
    if before:
        return Fraction(max(before, key=lambda one: (one.start, one.at)).grams)
    return ANNUAL[zone]


def zone_of(host: int) -> str:
    return "DE" if host % 3 == 0 else "FR"


def terms_of(host: int) -> Terms:
    backbone = Segment(name="backbone", kilowatt_hours_per_gigabyte="0.059")
    return terms(zone_of(host), pue="1.2", segments=(backbone,))


def intensity_of(one: Said) -> Intensity:
    tier = Tier.LIVE if one.status is Status.MEASURED else Tier.ESTIMATED
    return intensity(one.zone, one.grams, tier=tier, status=one.status, version="",
                     valid_from_unix_seconds=one.start,
                     valid_until_unix_seconds=one.start + HALF_HOUR)  # fmt: skip


def counters(desk: Desk) -> dict[tuple[int, Pricing], Amount]:
    return {
        (agent.record.key, pricing): amount
        for agent in desk.fleet
        for pricing, amount in agent.totals.postings.items()
    }


async def lived_through(desk: Desk, said: list[Said], hosts: int) -> None:
    """Deliver the day as it goes, take what is said when it comes, and look at the counters."""
    before: dict[tuple[int, Pricing], Amount] = {}
    for now in range(DAY, DAY + 31 * HOUR, HALF_HOUR):
        desk.now = now
        news = [intensity_of(one) for one in said if now - HALF_HOUR < one.at <= now]
        await desk.restater.take(news)
        assert await desk.restater.restate_due()
        desk.apply(
            desk.reckoned(
                f"host-{host}",
                start,
                SLOT_SECONDS,
                {PACKAGE: energy(host, start), RECEIVE: 5_000_000, TRANSMIT: 1_000_000},
            )
            for start in range(now - HALF_HOUR, now, SLOT_SECONDS)
            if DAY <= start < DAY + 24 * HOUR
            for host in range(hosts)
        )
        after = counters(desk)
        assert all(after[key].weighted >= was.weighted for key, was in before.items())
        assert all(after[key].quantity >= was.quantity for key, was in before.items())
        before = after


@pytest.mark.parametrize(
    "hosts", [2, pytest.param(100, marks=pytest.mark.servers)], ids=["few", "hundred"]
)
async def test_a_day_of_late_and_revised_intensities(
    hosts: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bare_environment(monkeypatch)
    said = everything_said()
    annual = Book([intensity(zone, str(float(grams))) for zone, grams in ANNUAL.items()])
    agreed = {f"host-{host}": terms_of(host) for host in range(hosts)}
    desk = Desk(tmp_path, agreed, annual, now=DAY)
    await lived_through(desk, said, hosts)

    final = {(one.zone, one.start): Fraction(one.grams) for one in sorted(said, key=_arrival)}
    restated: dict[int, Fraction] = defaultdict(Fraction)
    at_ingest: dict[int, Fraction] = defaultdict(Fraction)
    then: dict[tuple[str, int], Fraction] = {}
    for host in range(hosts):
        zone = zone_of(host)
        for start in range(DAY, DAY + 24 * HOUR, SLOT_SECONDS):
            half_hour = start - start % HALF_HOUR
            if (zone, start) not in then:
                then[zone, start] = factor_then(said, zone, start, half_hour + HALF_HOUR)
            used = Fraction(energy(host, start), KILOWATT_HOUR)
            restated[host] += used * final[zone, half_hour]
            at_ingest[host] += used * then[zone, start]

    asking = Asking(tmp_path, capsys)
    by_host = asking.reported(*PERIOD, "--by", "host")
    for host in range(hosts):
        found = by_host[f"host-{host}"]
        assert value(found, LOCATION) == restated[host]
        assert value(found, LOCATION, "at_ingest") == at_ingest[host]
        assert value(found, LOCATION, "adjustment") == restated[host] - at_ingest[host]
        overhead = value(found, "facility_overhead_emissions_co2e_grams")
        assert overhead == restated[host] / 5
    (whole,) = asking.reported(*PERIOD).values()
    assert value(whole, LOCATION) == sum(restated.values())
    for agent in desk.fleet:
        host = int(agent.record.host.partition("-")[2])
        assert agent.totals.adjustment / KILOWATT_HOUR == restated[host] - at_ingest[host]

    explained = asking.explained("host-1", *PERIOD, "--every", "slot")
    shares = [share for time in explained["times"] for posting in time["postings"]
              for share in posting["shares"] if share["part"] == "host"]  # fmt: skip
    assert sum(Fraction(one["emissions_co2e_grams_exact"]) for one in shares) == restated[1]
    assert len(explained["times"]) == 288

    await run_again(desk, said)
    await desk.close()


async def run_again(desk: Desk, said: list[Said]) -> None:
    """What is said again, and a pass that is run again, change nothing."""
    assert desk.restater.waiting == 0
    rows = posted_rows(desk.directory)
    await desk.restater.take([intensity_of(one) for one in said if _is_last(one)])
    assert desk.restater.waiting == 0
    for zone in ANNUAL:
        factors = {
            row.slot: row.restated
            for row in rows
            if row.restated and row.terms.zone == zone and row.account is Account.HOST
        }
        again = Restatement(
            signal=Signal.AVERAGE,
            zone=zone,
            factors=factors,
            begun_unix_seconds=desk.now,
            reason="again",
            first_open_slot=0,
        )
        assert desk.ledger.restate(again).number == 0
    assert posted_rows(desk.directory) == rows


def _arrival(one: Said) -> int:
    return one.at


def _is_last(one: Said) -> bool:
    return one.at == one.start + HALF_HOUR + DELAYS[-1]
