"""What the worked organisation says is taken as it stands, and shows every place there is."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from wattgram_collector.accounting import profiles
from wattgram_collector.config import CollectorConfig, load_config
from wattgram_collector.inventory.activities.activity import Activity, Column, taken
from wattgram_collector.inventory.activities.checking import Checker, Good, Rules
from wattgram_collector.inventory.activities.kinds import KINDS, shipped_table
from wattgram_collector.inventory.activities.reading import Form, rows_of
from wattgram_collector.inventory.decision import decide
from wattgram_collector.inventory.making.hardware import shipped
from wattgram_collector.inventory.making.resolving import Resolver
from wattgram_collector.inventory.places import CATEGORIES, TcsLeaf
from wattgram_collector.inventory.postings import Posting, Role
from wattgram_collector.inventory.register.assets import Asset, Register
from wattgram_collector.inventory.register.file import read_toml
from wattgram_collector.inventory.said.instruments import COLUMNS as INSTRUMENT_COLUMNS
from wattgram_collector.inventory.said.instruments import INSTRUMENTS
from wattgram_collector.inventory.said.kept import Sort
from wattgram_collector.inventory.said.rows import read_rows
from wattgram_collector.inventory.said.rows import read_toml as read_tables
from wattgram_collector.inventory.said.statements import STATEMENTS, TABLES
from wattgram_collector.inventory.said.units import COLUMNS as UNIT_COLUMNS
from wattgram_collector.inventory.said.units import units_sort
from worked_example import EXAMPLES, fleet, organisation, reconciling

TIMEZONE = "Europe/London"
ALL_METHODS = {"T01", "T02", "T03", "T04", "T05"}
"""Of seed 004, as they are numbered there."""


def text(name: str) -> str:
    return (EXAMPLES / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def assets() -> list[Asset]:
    return read_toml(text("register.toml"), "register.toml")


@pytest.fixture(scope="module")
def config() -> CollectorConfig:
    return load_config(EXAMPLES / "collector.toml", {})


@pytest.fixture(scope="module")
def activities() -> list[Activity]:
    """All of them, as the import would take them."""
    rules = Rules(kinds=KINDS, factors=shipped_table(), timezone=TIMEZONE)
    found = []
    for file in sorted(EXAMPLES.glob("activities/*.csv")):
        checker = Checker(rules)
        for row in rows_of(file.read_bytes(), Form.CSV, rules.columns):
            good = checker.check(row)
            assert isinstance(good, Good), f"{file.name}:{row.line}: {good}"
            assert not good.unpriced, f"{file.name}:{row.line}: {good.unpriced}"
            kind = KINDS[good.kind]
            found.append(taken(row.cells, kind, good.activity_id, TIMEZONE))
    return found


@pytest.fixture(scope="module")
def postings(activities: list[Activity]) -> list[Posting]:
    table = shipped_table()
    return [one for each in activities for one in KINDS[each.kind].reckon(each, table)]


def units(assets: list[Asset], *names: str) -> int:
    return sum(one.units for one in assets if one.asset_id in names and one.valid_from is None)


def test_it_is_as_large_as_it_says(assets: list[Asset]) -> None:
    laptops = ("laptops-office", "laptops-home", "laptops-own", "laptops-new")
    gateways = ("gateways-britain", "gateways-texas", "gateways-california", "gateways-germany",
                "gateway-moving")  # fmt: skip

    assert units(assets, "leeds-servers", "colo-servers", "colo-gpu-servers") == 20
    assert units(assets, *laptops) == 300
    assert units(assets, *gateways) == 50
    assert all(one.is_leased_out for one in assets if one.asset_id in gateways)


def test_every_host_is_one_asset_and_only_the_bench_is_none(assets: list[Asset]) -> None:
    hosts = {host: host for group in fleet.GROUPS for host in group.hosts}
    register = Register(assets)
    bound = register.bound(hosts, date(2025, 11, 10))

    assert len(hosts) == 372
    assert hosts.keys() - bound.keys() == {"lab-bench-01"}
    for name in register:
        mine = sum(one.asset_id == name for one in bound.values())
        assert mine <= register.versions(name)[0].units


def test_only_one_gateway_changes_who_pays(assets: list[Asset]) -> None:
    later = [one for one in assets if one.valid_from]
    assert [(one.asset_id, one.valid_from) for one in later] == [
        ("gateway-moving", date(2025, 11, 16))
    ]
    before, after = (decide(one) for one in assets if one.asset_id == "gateway-moving")
    assert (before.rule, after.rule) == ("11", "7")


def test_the_making_of_every_asset_is_known(assets: list[Asset]) -> None:
    resolver = Resolver(shipped())
    assert all(resolver.of(one) for one in assets)


def test_goods_are_shipped_by_every_method_whoever_pays(activities: list[Activity]) -> None:
    for payer in ("org", "customer"):
        used = {
            str(one.values["method"])[:3]
            for one in activities
            if one.kind in ("transport", "storage") and one.paid_by == payer
        }
        assert used >= ALL_METHODS


def test_every_leaf_and_category_has_something_or_a_statement(
    assets: list[Asset], postings: list[Posting]
) -> None:
    made = [decide(one) for one in assets]
    leaves = {one.leaf for one in postings if one.in_tcs}
    leaves |= {leaf for one in made for leaf in (one.energy_leaf, one.made_leaf)}
    places = {one.place for one in postings if one.in_ghg and one.role is Role.PRIMARY}
    places |= {place for one in made for place in (one.energy, one.made)}
    found = {place.category for place in places if place is not None}
    said = {one["scope_ref"] for one in tomllib.loads(text("statements.toml"))["exclusions"]}

    assert leaves >= set(TcsLeaf)
    # The acquired assets are sold, shipped and thrown away too: 3.12 is of their making.
    assert set(CATEGORIES) - found - {12} == {8, 10}
    assert said == {"3.10"}


def test_no_activity_is_booked_beside_what_an_agent_meters(
    activities: list[Activity], assets: list[Asset]
) -> None:
    metered = {one.asset_id for one in assets if one.hosts}
    assert not {one.asset_id for one in activities} & metered


def test_what_is_fictional_says_so(activities: list[Activity], config: CollectorConfig) -> None:
    assert "fictional" in config.inventory.organisation
    assert all("fictional" in one.supplier for one in activities if one.supplier)


@pytest.mark.parametrize(
    ("name", "sort", "columns"),
    [
        ("units.csv", units_sort(TIMEZONE), UNIT_COLUMNS),
        ("instruments.csv", INSTRUMENTS, INSTRUMENT_COLUMNS),
    ],
)
def test_units_and_instruments_are_taken(
    name: str, sort: Sort[Any], columns: Sequence[Column]
) -> None:
    rows = read_rows((EXAMPLES / name).read_bytes(), Form.CSV, name, columns)
    found = {sort.key(one): one for one in map(sort.take, rows)}
    assert len(found) == 3
    assert not list(sort.conflicts(found, found.keys()))


def test_statements_are_taken() -> None:
    content = (EXAMPLES / "statements.toml").read_bytes()
    found = [STATEMENTS.take(one) for one in read_tables(content, "statements.toml", TABLES)]
    assert len({STATEMENTS.key(one) for one in found}) == len(found) == 7


def test_instruments_name_a_section_that_prices(config: CollectorConfig) -> None:
    rows = csv.DictReader(text("instruments.csv").splitlines())
    assert {row["market"] for row in rows} - {""} <= config.market.keys()


def test_the_wind_blows_in_every_hour_of_the_month() -> None:
    hours = profiles.parse(text("wind.csv"), profiles.SHARE)
    first = int(fleet.FIRST.timestamp())
    assert set(hours) == {first + 3600 * hour for hour in range(24 * fleet.DAYS)}


# ── the simulated agents ─────────────────────────────────────────────────────────────────────


def test_what_hosts_used_is_the_same_each_time() -> None:
    """A number of a host of each sort: if one changes, every figure of the example does."""
    used = {
        group.hosts[0]: fleet.microjoules(group, group.hosts[0])
        for group in fleet.GROUPS
        if group.prefix in ("leeds-srv-", "lap-n-", "gw-move-")
    }
    assert used == {
        "leeds-srv-01": 609757453093835,
        "lap-n-01": 5563608446058,
        "gw-move-01": 16960021793849,
    }


def test_batches_follow_each_other_within_the_month() -> None:
    end = fleet.FIRST + timedelta(days=fleet.DAYS)
    for group in fleet.GROUPS:
        found = list(fleet.batches(group, group.hosts[-1]))
        starts = [one.start_unix_nanoseconds for one in found]
        assert [one.sequence for one in found] == list(range(1, len(found) + 1))
        assert starts == sorted(starts)
        last = datetime.fromtimestamp(starts[-1] / 10**9, end.tzinfo)
        assert fleet.FIRST <= last < end


def test_who_was_not_there_or_down_has_no_batch() -> None:
    by_prefix = {group.prefix: group for group in fleet.GROUPS}
    new, server = by_prefix["lap-n-"], by_prefix["leeds-srv-"]
    first = next(fleet.batches(new, "lap-n-01"))

    began = datetime.fromtimestamp(first.start_unix_nanoseconds / 10**9, fleet.FIRST.tzinfo)
    assert began == fleet.FIRST + timedelta(days=9, hours=9)
    assert len(list(fleet.batches(server, "leeds-srv-03"))) == fleet.DAYS - 3
    assert len(list(fleet.batches(server, "leeds-srv-04"))) == fleet.DAYS


# ── what must be the same ────────────────────────────────────────────────────────────────────

HEADER = "evidence,stage,method,quantity,kgco2e,alpha\n"
EVIDENCE = "agent a slots 1 to 2: wattgram-collector explain --host h --from x --to y"
SEEN = reconciling.Seen("h", "x", "y")


def test_the_rows_of_an_agent_add_up_without_its_alpha(tmp_path: Path) -> None:
    (tmp_path / "ledger.csv").write_text(
        f"{HEADER}{EVIDENCE},use,location,2,0.5,0.5\n{EVIDENCE},use,market,2,0.2,1\n"
        f"{EVIDENCE},losses,-,2,0.1,1\n{EVIDENCE},electricity_supply,-,2,0.3,1\n"
        f"fleet of {EVIDENCE},use,location,9,9,1\n{EVIDENCE},network,-,9,9,1\n"
        f"{EVIDENCE},use,-,1,,1\n"
    )
    assert reconciling.ledger_figures(tmp_path / "ledger.csv") == {
        SEEN: {"energy": 3, "location": 1000, "market": 200, "supply": 400}
    }


SHOWN: Mapping[str, float] = {
    "wattgram_host_energy_joules_total": 7.2e6,
    "wattgram_facility_overhead_energy_joules_total": 3.6e6,
    "wattgram_emissions_co2e_grams_total": 600.0,
    "wattgram_facility_overhead_emissions_co2e_grams_total": 300.0,
    "wattgram_market_emissions_co2e_grams_total": 200.0,
    "wattgram_upstream_emissions_co2e_grams_total": 30.0,
    "wattgram_transmission_loss_emissions_co2e_grams_total": 10.0,
}
FIGURES = {"energy": Fraction(3), "location": Fraction(900), "market": Fraction(200),
           "supply": Fraction(40)}  # fmt: skip


def test_a_host_that_metrics_and_ledger_say_alike_is_the_same() -> None:
    reconciling.require_used({"h": 7_200_000_000_000}, {"h": SHOWN})
    assert reconciling.require_shown({"h": 1}, {SEEN: FIGURES}, {"h": SHOWN}) == FIGURES


@pytest.mark.parametrize("name", FIGURES)
def test_a_milligram_more_is_a_difference(name: str) -> None:
    other = FIGURES | {name: FIGURES[name] + Fraction(2, 1000)}
    with pytest.raises(reconciling.DifferenceError, match=f"h: .* {name}"):
        reconciling.require_shown({"h": 1}, {SEEN: other}, {"h": SHOWN})


def test_a_microjoule_more_and_a_host_that_is_missing_are_differences() -> None:
    with pytest.raises(reconciling.DifferenceError, match="h used"):
        reconciling.require_used({"h": 7_200_000_000_001}, {"h": SHOWN})
    with pytest.raises(reconciling.DifferenceError, match="h used"):
        reconciling.require_used({"h": 1}, {})
    with pytest.raises(reconciling.DifferenceError, match=r"not in ledger.csv: \['h'\]"):
        reconciling.require_shown({"h": 1}, {}, {"h": SHOWN})


def test_every_file_of_the_example_is_laid_out_or_read_by_people() -> None:
    names = {str(one.relative_to(EXAMPLES)) for one in EXAMPLES.rglob("*.*") if one.is_file()}
    assert names == {*organisation.INPUTS, *organisation.ACTIVITIES, "README.md"}
