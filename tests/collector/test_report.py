"""`wattgram-collector report`: sums of a fleet, each on its own basis, from rows that stream."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import MODEL, PACKAGE, SLOT, TRANSMIT, Book, intensity, record, terms
from pricing_desk import Asking, Desk, bare_environment, named, value
from wattgram.handshake import HostFacts
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.accounting.uncertainty import COVERAGE_SIGMAS, Uncertainty
from wattgram_collector.accounting.uncertainty_settings import UncertaintySettings
from wattgram_collector.intensity import Intensity, Scope, Signal, Status, Tier
from wattgram_collector.ledger.restatement import Posted
from wattgram_collector.reports.report import By, Report

Output = pytest.CaptureFixture[str]
Make = Callable[..., Desk]

START = 1_750_000_200
DAY = ("2025-06-15T00:00:00Z", "2025-06-16T00:00:00Z")
KILOWATT_HOUR = 3_600_000_000_000
HOST = "location_based_emissions_co2e_grams"
FRANCE = intensity("FR", "40")
GERMANY = intensity("DE", "400", tier=Tier.LIVE, status=Status.MEASURED)


@pytest.fixture
async def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    bare_environment(monkeypatch)
    made: list[Desk] = []

    def desk(agreed: Mapping[str, Terms], *factors: Intensity, **more: Any) -> Desk:
        values = {"now": START + 5 * 3_600, **more}
        made.append(Desk(tmp_path, agreed, Book(factors), **values))
        return made[-1]

    yield desk
    for one in made:
        await one.close()


@pytest.fixture
def asking(tmp_path: Path, capsys: Output) -> Asking:
    return Asking(tmp_path, capsys)


def fleet(make: Make) -> Desk:
    """Two hosts in France, one in Germany, one nobody knows where: a kilowatt-hour each."""
    agreed = {
        "alpha": terms("FR", site="hall-1"),
        "beta": terms("FR", site="hall-2"),
        "gamma": terms("DE", site="hall-1"),
        "delta": terms(""),
    }
    desk = make(agreed, FRANCE, GERMANY)
    desk.deliver(START, 600, {PACKAGE: KILOWATT_HOUR, TRANSMIT: 10**9})
    return desk


@pytest.mark.parametrize(
    ("by", "found"),
    [
        ("all", {"all": 480}),
        ("host", {"alpha": 40, "beta": 40, "delta": None, "gamma": 400}),
        ("site", {"hall-1": 440, "hall-2": 40, "unknown": None}),
        ("zone", {"DE": 400, "FR": 80, "unknown": None}),
        ("tier", {"annual": 80, "live": 400, "unpriced": None}),
        ("device_class", {"unknown": 480}),
    ],
)
async def test_every_grouping_adds_up_to_the_same(
    make: Make, asking: Asking, by: str, found: dict[str, int | None]
) -> None:
    fleet(make)
    said = asking.reported(*DAY, "--by", by)
    assert {
        group: value(one, HOST) if HOST in one else None for group, one in said.items()
    } == found
    energy = [value(one, "energy_kilowatt_hours") for one in said.values()]
    assert sum(energy) == 4
    assert sum(value(one, "unpriced_energy_joules") for one in said.values()) == 3_600_000
    moved = "network_emissions_co2e_grams network_swdm_v4"
    grams = sum(value(one, moved) for one in said.values() if moved in one)
    assert grams == Fraction("0.059") * 480


async def test_tiers_and_the_mean_intensity(make: Make, asking: Asking) -> None:
    fleet(make)
    (found,) = asking.reported(*DAY).values()
    shares = {name: value(found, name) for name in found if name.startswith("energy_by_tier")}
    assert shares == {
        "energy_by_tier_ratio annual": Fraction(1, 2),
        "energy_by_tier_ratio live": Fraction(1, 4),
        "energy_by_tier_ratio unpriced": Fraction(1, 4),
    }
    assert value(found, "mean_intensity_grams_per_kilowatt_hour") == 160


async def test_two_bases_are_never_one_total(make: Make, asking: Asking) -> None:
    desk = make(
        {"alpha": terms("FR", pue="1.5")},
        replace(FRANCE, valid_until_unix_seconds=START + 300),
        intensity("FR", "30", scope=Scope.DIRECT),
        market=Book([intensity("FR", "8")]),
        marginal=Book([intensity("FR", "600", signal=Signal.MARGINAL, scope=Scope.DIRECT)]),
    )
    desk.deliver(START, 600, {PACKAGE: 2 * KILOWATT_HOUR})
    (found,) = asking.reported(*DAY).values()
    grams = {name: value(found, name) for name in found if "co2e" in name}
    assert grams == {
        HOST: 40,
        f"{HOST} direct": 30,
        "facility_overhead_emissions_co2e_grams": 20,
        "facility_overhead_emissions_co2e_grams direct": 15,
        "market_based_emissions_co2e_grams": 24,
        "marginal_emissions_co2e_grams direct": 1_800,
    }
    assert value(found, "facility_overhead_energy_joules") == 3_600_000


async def test_a_restated_host_is_in_the_group_of_the_tier_that_holds_now(
    make: Make, asking: Asking
) -> None:
    desk = make({"alpha": terms("FR")}, FRANCE)
    desk.deliver(START, 300, {PACKAGE: KILOWATT_HOUR})
    live = replace(GERMANY, zone="FR", valid_from_unix_seconds=START,
                   valid_until_unix_seconds=START + 300)  # fmt: skip
    await desk.restater.take([live])
    assert await desk.restater.restate_due()
    (found,) = (one := asking.reported(*DAY, "--by", "tier")).values()
    assert list(one) == ["live"]
    assert (value(found, HOST), value(found, HOST, "at_ingest")) == (400, 40)


async def test_a_frozen_slot_that_was_unpriced_says_what_it_would_be(
    make: Make, asking: Asking
) -> None:
    desk = make({"alpha": terms("FR")}, freeze_days=1)
    desk.deliver(START, 300, {PACKAGE: KILOWATT_HOUR})
    desk.now = START + 3 * 86_400
    live = replace(GERMANY, zone="FR", valid_from_unix_seconds=START,
                   valid_until_unix_seconds=START + 300)  # fmt: skip
    await desk.restater.take([live])
    assert await desk.restater.restate_due()
    (found,) = asking.reported(*DAY).values()
    assert value(found, "unpriced_energy_joules") == 3_600_000
    assert (value(found, HOST), value(found, HOST, "prior_period_adjustment")) == (0, 400)


async def test_every_total_says_between_what_it_lies(make: Make, asking: Asking) -> None:
    settings = UncertaintySettings()
    fleet(make)
    (found,) = asking.reported(*DAY).values()
    one = found[HOST]
    meters = settings.energy_measured**2 * (2 * 40**2 + 400**2)
    grids = (settings.intensity_annual * 80) ** 2 + (settings.intensity_live * 400) ** 2
    reach = COVERAGE_SIGMAS * (meters + grids) ** 0.5
    assert (one["low"], one["high"]) == pytest.approx((480 - reach, 480 + reach))
    energy = found["energy_kilowatt_hours"]
    assert energy["high"] == pytest.approx(4 + COVERAGE_SIGMAS * settings.energy_measured * 2)
    for name, figure in found.items():
        if name.startswith(("energy_by", "mean", "unpriced")):
            assert "low" not in figure
        else:
            assert figure["low"] < figure["value"] < figure["high"]


async def test_hosts_on_a_model_err_alike(make: Make, asking: Asking) -> None:
    agreed = {name: terms("FR") for name in ("alpha", "beta", "gamma", "delta")}
    make(agreed, FRANCE).deliver(START, 300, {MODEL: KILOWATT_HOUR})
    (found,) = asking.reported(*DAY).values()
    energy = found["energy_kilowatt_hours"]
    sigma = UncertaintySettings().energy_modelled
    assert energy["high"] == pytest.approx(4 * (1 + COVERAGE_SIGMAS * sigma))


async def test_what_the_operator_believes_of_uncertainty_counts(
    make: Make, tmp_path: Path, capsys: Output
) -> None:
    fleet(make)
    sure = "".join(
        f"{name} = {1.0 if name == 'network_factor' else 0.0}\n"
        for name in UncertaintySettings.__slots__
    )
    (found,) = Asking(tmp_path, capsys, f"[uncertainty]\n{sure}").reported(*DAY).values()
    assert found[HOST]["low"] == found[HOST]["value"] == found[HOST]["high"]
    complaint = Asking(tmp_path, capsys, "[uncertainty]\npue = -1.0\n").run("report", code=2)
    assert "pue must be 0 to 5: -1.0" in complaint


async def test_a_period_is_cut_at_its_slots(make: Make, asking: Asking) -> None:
    desk = make({"alpha": terms("FR")}, FRANCE)
    for number in range(4):
        desk.deliver(START + number * 300, 300, {PACKAGE: KILOWATT_HOUR})
    (found,) = asking.reported("2025-06-15T15:15:00Z", "2025-06-15T15:25:00Z").values()
    assert value(found, HOST) == 80
    assert asking.reported("2025-06-14T00:00:00Z", "2025-06-15T00:00:00Z") == {}


async def test_the_same_as_csv_and_as_a_table(make: Make, asking: Asking) -> None:
    fleet(make)
    said = asking.reported(*DAY, "--by", "zone")
    words = ("report", "--from", DAY[0], "--to", DAY[1], "--by", "zone", "--format")
    rows = list(csv.DictReader(io.StringIO(asking.run(*words, "csv"))))
    assert len(rows) == sum(len(one) for one in said.values())
    for row in rows:
        figure = said[row["zone"]][named(row)]
        assert float(row["value"]) == figure["value"]
        assert row["low"] == str(figure.get("low", ""))
    text = asking.run(*words, "table")
    assert "\nzone DE (1 host)\n" in text
    assert f"{HOST}  " in text
    assert "2025-06-15T00:00:00Z to 2025-06-16T00:00:00Z" in text
    assert "consequential_safe=false" in text


async def test_market_and_the_score_of_carbon_free_hours(
    make: Make, tmp_path: Path, capsys: Output
) -> None:
    """The golden case: loads of 10, 10, 10, 10 and deliveries of 0, 20, 5, 15 make 0.625."""
    deliveries = tmp_path / "deliveries.csv"
    hours = [f"2025-06-15T{hour}:00:00Z" for hour in (16, 17, 18, 19)]
    lines = [
        f"{hour},{delivered}\n" for hour, delivered in zip(hours, (0, 20, 5, 15), strict=True)
    ]
    deliveries.write_text("start,kilowatt_hours\n" + "".join(lines))
    config = (
        f'[market.wind]\nscope = "lifecycle"\ncarbon_free = true\nsource = "a contract"\n'
        f"deliveries_file = {json.dumps(str(deliveries))}\n"
    )
    asking = Asking(tmp_path, capsys, config)
    desk = make({"alpha": terms("FR")}, FRANCE, now=START + 9 * 3_600)
    for hour in range(4):
        desk.deliver(START + 3_000 + hour * 3_600, 3_600, {PACKAGE: 10 * KILOWATT_HOUR})
    (found,) = asking.reported(*DAY).values()
    assert value(found, "carbon_free_energy_score_ratio contracts") == Fraction("0.625")


factors = st.sampled_from(
    [None, FRANCE, GERMANY, replace(FRANCE, grams_per_kilowatt_hour="0.1"),
     replace(FRANCE, scope=Scope.DIRECT)]
)  # fmt: skip
posted_rows = st.lists(
    st.builds(
        Posted,
        st.integers(1, 3),
        st.sampled_from([Account.HOST, Account.TRANSMIT, Account.MARKET]),
        st.integers(SLOT, SLOT + 3),
        st.sampled_from([terms("FR"), terms("FR", pue="1.3", loss_share="0.1")]),
        factors,
        factors,
        st.just(0),
        st.integers(0, 1 << 60),
        factors,
    ),
    max_size=25,
)


@given(posted_rows)
def test_groups_add_up_to_the_whole(rows: list[Posted]) -> None:
    agents = {key: record(key, f"host-{key}") for key in (1, 2, 3)}
    agents[1] = replace(agents[1], facts=HostFacts(host="host-1", device_class="laptop"))
    uncertainty = Uncertainty(UncertaintySettings())
    mixes = dict.fromkeys(agents, uncertainty.mix({PACKAGE: 1}))
    sums: dict[By, dict[tuple[str, str, str], tuple[Fraction, ...]]] = {}
    for by in By:
        report = Report(by, agents)
        for number, one in enumerate(rows):
            report.add(one)
            if number % 5 == 0:
                report.forget_factors()
        found: dict[tuple[str, str, str], tuple[Fraction, ...]] = {}
        for row in report.rows(mixes, uncertainty):
            for one in row.figures:
                if not one.measure.endswith(("_ratio", "per_kilowatt_hour")):
                    key = (one.measure, one.scope, one.detail)
                    before = found.get(key, (Fraction(0),) * 3)
                    more = (one.value, one.adjustment or 0, one.prior_period_adjustment or 0)
                    found[key] = tuple(map(sum, zip(before, more, strict=True)))
        sums[by] = {key: three for key, three in found.items() if any(three)}
    assert all(found == sums[By.ALL] for found in sums.values())
