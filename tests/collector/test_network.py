"""Models of the network: what a gigabyte takes, what stands by, what is left out."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import PACKAGE, RECEIVE, SLOT, TRANSMIT, Book, intensity
from wattgram.readings import Kind, Series
from wattgram.units import BYTES_PER_GIGABYTE, MICROJOULES_PER_KILOWATT_HOUR
from wattgram_collector.accounting.emissions import (
    Account,
    Amount,
    Books,
    Columns,
    Pricing,
    postings,
    shares,
)
from wattgram_collector.accounting.network import (
    ALLOCATION_NOTE,
    BUILT_IN,
    CONSEQUENTIAL_SAFE,
    kilowatt_hours_per_gigabyte,
    segments,
)
from wattgram_collector.accounting.network_settings import NetworkSettings
from wattgram_collector.accounting.terms import Counts, Terms
from wattgram_collector.exposition import families
from wattgram_collector.intensities.places import Places

WORLD = intensity("WORLD", "494")
SECOND_HAND = {"source": "a study"}


def of_traffic(
    settings: NetworkSettings, moved_bytes: int, account: Account = Account.TRANSMIT
) -> dict[str, tuple[Fraction, Fraction | None]]:
    """Return kilowatt-hours and grams by segment."""
    agreed = Terms(zone="WORLD", network_zone="WORLD", segments=segments(settings))
    pricing = Pricing.of(account, agreed, WORLD)
    return {
        one.segment: (one.energy_microjoules / MICROJOULES_PER_KILOWATT_HOUR, one.grams)
        for one in shares(pricing, Amount(0).plus(moved_bytes, WORLD))
    }


@pytest.fixture
def cases(shared: Path) -> dict[str, dict[str, Any]]:
    text = (shared / "data" / "derived" / "golden_carbon_cases.json").read_text(encoding="utf-8")
    return {case["name"]: case for case in json.loads(text)["cases"]}


def test_case_swdm4_1gb(cases: dict[str, dict[str, Any]]) -> None:
    case = cases["swdm4_1gb"]
    found = of_traffic(BUILT_IN["swdm_v4_all"], case["input"]["gb"] * BYTES_PER_GIGABYTE)
    assert sum(kwh for kwh, _ in found.values()) == Fraction(str(case["expect"]["kwh"]))
    assert sum(g for _, g in found.values() if g) == Fraction(str(case["expect"]["grams"]))


def test_case_w_per_mbps(cases: dict[str, dict[str, Any]]) -> None:
    case = cases["w_per_mbps"]
    found = kilowatt_hours_per_gigabyte(Fraction(str(case["input"]["w_per_mbps"])))
    assert float(found) == pytest.approx(case["expect"]["kwh_per_gb"], abs=5e-9)


def test_a_power_by_rate_is_an_energy_by_traffic() -> None:
    """An hour at 1 Mbit/s is 0.45 GB; a watt in it is 0.001 kWh."""
    assert kilowatt_hours_per_gigabyte(Fraction(1)) == Fraction(1, 450)
    assert of_traffic(BUILT_IN["malmodin_mobile"], BYTES_PER_GIGABYTE)["access_mobile"][
        0
    ] == Fraction(1, 300)


def test_the_default_is_the_network_alone_and_a_byte_once() -> None:
    assert of_traffic(NetworkSettings(), 10 * (1 << 30)) == {
        "network_swdm_v4": (Fraction("0.63350767616"), Fraction("312.95279202304"))
    }
    assert of_traffic(NetworkSettings(), 10, Account.RECEIVE) == {}
    both = NetworkSettings(counts="both")
    assert of_traffic(both, 10, Account.RECEIVE) == of_traffic(both, 10) != {}


@pytest.mark.parametrize(
    ("name", "watts"),
    [
        ("swdm_v4", {}),
        ("malmodin_fixed", {"access_fixed": "1.5"}),
        ("malmodin_home", {"access_fixed": "1.5", "client": "16.5"}),
        ("malmodin_mobile", {"backbone": "0.2", "access_mobile": "1"}),
        ("none", {}),
    ],
)
def test_what_stands_by_for_a_host(name: str, watts: dict[str, str]) -> None:
    found = {one.name: one.standby_watts for one in segments(BUILT_IN[name])}
    assert {name: text for name, text in found.items() if text != "0"} == watts


def test_an_hour_of_a_line_is_its_watts() -> None:
    agreed = Terms(
        zone="WORLD", network_zone="WORLD", segments=segments(BUILT_IN["malmodin_fixed"])
    )
    assert agreed.stands_by
    hour = Amount(0).plus(3_600_000_000, WORLD)
    (share,) = shares(Pricing.of(Account.OBSERVED, agreed, WORLD), hour)
    assert share.energy_microjoules / MICROJOULES_PER_KILOWATT_HOUR == Fraction("0.0015")


def test_a_line_that_hosts_share_stands_by_once() -> None:
    shared_line = NetworkSettings(model="malmodin_power", hosts_per_line=30)
    (line,) = segments(shared_line)
    assert (line.standby_watts, line.kilowatt_hours_per_gigabyte) == ("0.05", "1/15000")
    assert "shared by 30 hosts" in line.source


def test_the_figures_of_malmodin_are_those_of_the_shipped_table() -> None:
    rows = {one.segment: one for one in Places().network if one.model == "power"}
    for name, access in (("fixed", "access_fixed"), ("mobile_ran", "access_mobile")):
        model = BUILT_IN["malmodin_fixed" if name == "fixed" else "malmodin_mobile"]
        (found,) = (one for one in segments(model) if one.name == access)
        rate = rows[name].watts_per_megabit_per_second
        assert rate is not None
        assert Fraction(found.kilowatt_hours_per_gigabyte) == kilowatt_hours_per_gigabyte(rate)
        assert Fraction(found.standby_watts) == rows[name].idle_watts


def test_figures_of_ones_own() -> None:
    settings = NetworkSettings(
        model="custom",
        kilowatt_hours_per_gigabyte={"backbone": 0.01, "own_network": 0.001},
        standby_watts={"access_fixed": 3.0},
        hosts_per_line=2.0,
        counts="both",
        **SECOND_HAND,
    )
    assert [
        (one.name, one.kilowatt_hours_per_gigabyte, one.standby_watts, one.counts)
        for one in segments(settings)
    ] == [
        ("access_fixed", "0", "1.5", Counts.BOTH),
        ("backbone", "0.01", "0", Counts.BOTH),
        ("own_network", "0.001", "0", Counts.BOTH),
    ]


# ── what stays inside ────────────────────────────────────────────────────────────────────


@given(st.integers(0, 1000))
def test_what_stays_inside_is_asked_of_the_own_network_only(thousandths: int) -> None:
    model = {
        "model": "custom",
        "kilowatt_hours_per_gigabyte": {"backbone": 0.01, "own_network": 0.001},
        **SECOND_HAND,
    }
    whole = of_traffic(NetworkSettings(**model), BYTES_PER_GIGABYTE)
    part = of_traffic(NetworkSettings(**model, own_share=thousandths / 1000), BYTES_PER_GIGABYTE)
    assert part["own_network"] == whole["own_network"]
    beyond = 1 - Fraction(thousandths, 1000)
    assert part.get("backbone", (Fraction(0),))[0] == whole["backbone"][0] * beyond


def test_a_share_that_is_declared_is_said_in_the_source() -> None:
    (segment,) = segments(NetworkSettings(own_share=0.3))
    assert segment.kilowatt_hours_per_gigabyte == "0.0413"
    assert segment.source.endswith("; x 0.7, own_share is declared")


def test_traffic_of_an_internal_interface_is_asked_of_nobody() -> None:
    def on(kind: Kind, instance: str) -> Series:
        return Series(
            kind=kind, source="network", domain="interface", instance=instance, counted=True
        )

    series = (PACKAGE, RECEIVE, TRANSMIT, on(Kind.TRANSMIT, "ib0"), on(Kind.RECEIVE, "ib0"))
    columns = Columns(series)
    row = {SLOT: [1, 2, 4, 8, 16]}
    for internal, received, sent in (
        ((), 18, 12),
        (("ib*",), 2, 4),
        (("eth1",), 18, 12),
        (("ib0", "eth0"), None, None),
    ):
        agreed = Terms(zone="WORLD", network_zone="WORLD", internal_interfaces=internal)
        found = postings(row, columns, agreed, Books(Book([WORLD])))
        by_account = {key.account: quantity for key, quantity in found.items()}
        assert by_account.get(Account.RECEIVE) == received
        assert by_account.get(Account.TRANSMIT) == sent
        assert by_account[Account.HOST] == 1


# ── what is said of it, and what is refused ──────────────────────────────────────────────


def test_network_energy_is_said_to_be_no_saving() -> None:
    assert not CONSEQUENTIAL_SAFE
    assert ALLOCATION_NOTE.startswith("consequential_safe=false")
    for family in (families.NETWORK_ENERGY, families.NETWORK_EMISSIONS):
        assert ALLOCATION_NOTE in family.help


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"own_share": 1.1}, "own_share must be 0 to 1"),
        ({"hosts_per_line": 0.5}, "hosts_per_line must be 1 to"),
        ({"model": "custom"}, "custom"),
        ({"kilowatt_hours_per_gigabyte": {"backbone": 1.0}}, "figures of their own"),
        ({"model": "custom", "standby_watts": {"backbone": 1.0}}, "need a source"),
        (
            {"model": "custom", "standby_watts": {"sky": 1.0}, **SECOND_HAND},
            "standby_watts: sky is no segment; there are own_network",
        ),
        (
            {"model": "custom", "kilowatt_hours_per_gigabyte": {"client": -1.0}, **SECOND_HAND},
            "client must be 0 to 100",
        ),
        ({"grid_zone": "a\nb"}, "grid_zone"),
    ],
)
def test_a_model_that_cannot_be_is_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        NetworkSettings(**settings)
