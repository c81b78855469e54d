"""The asset register as people write it."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.readings import Quality
from wattgram_collector.inventory.register.assets import (
    Asset,
    AssetRole,
    Build,
    Condition,
    Embodied,
    MeteringPoint,
    Party,
    Register,
    SiteKind,
    Supply,
)
from wattgram_collector.inventory.register.file import RegisterError, read_csv, read_toml
from wattgram_collector.inventory.register.writing import (
    from_journal,
    journal_text,
    write_csv,
    write_toml,
)

HEADER = "asset_id,device_class,role,site_kind,owner,controller,electricity_payer"
GOOD = "gw-1,iot_gateway,customer_infra,customer_site,org,customer,customer"
TOML = """
[[assets]]
asset_id = "gw-1"
valid_from = 2025-07-01
device_class = "iot_gateway"
role = "customer_infra"
site_kind = "customer_site"
owner = "org"
controller = "customer"
electricity_payer = "customer"
hosts = ["gw-1", "gw-1-*"]
leased_out = true
units = 2
embodied_kilograms = 28.5
embodied_source = "BOAV-2023"
memory_gigabytes = 4
"""


def test_a_table_of_toml() -> None:
    (found,) = read_toml(TOML, "assets.toml")

    assert found == Asset(
        asset_id="gw-1",
        valid_from=date(2025, 7, 1),
        device_class="iot_gateway",
        role=AssetRole.CUSTOMER_INFRA,
        site_kind=SiteKind.CUSTOMER_SITE,
        owner=Party.ORG,
        controller=Party.CUSTOMER,
        electricity_payer=Party.CUSTOMER,
        hosts=("gw-1", "gw-1-*"),
        is_leased_out=True,
        units=2,
        build=Build(memory_gigabytes=Fraction(4)),
        embodied=Embodied(total_kilograms=Fraction("28.5"), source="BOAV-2023"),
    )


@pytest.mark.parametrize(
    ("header", "row", "problem"),
    [
        (HEADER, GOOD.replace("customer_infra", "gateway"),
         ("a.csv:2: role 'gateway': must be one of server, network, employee_device, "
         "customer_device, customer_infra, iot, ot, generator")),
        (HEADER, GOOD.replace("gw-1", ""), ("a.csv:2: asset_id is required: its name; one asset "
         "may have several versions")),
        (f"{HEADER},ownr", f"{GOOD},org",
         "a.csv:1: unknown column 'ownr'; did you mean 'owner'?"),
        (f"{HEADER},life_years", f"{GOOD},-4",
         ("a.csv:2: life_years '-4': must be a plain decimal number such as 1234.5 (what corrects "
         "an earlier row withdraws it)")),
        (f"{HEADER},acquired_on", f"{GOOD},1.3.2025",
         "a.csv:2: acquired_on '1.3.2025': must be a day such as 2025-11-03"),
        (f"{HEADER},country", f"{GOOD},Germany",
         "a.csv:2: country 'Germany': must be an ISO 3166 code of two letters such as DE"),
        (HEADER, f"{GOOD},more", "a.csv:2: 8 cells under 7 columns"),
        (f"{HEADER},alpha", f"{GOOD},0.5", "a.csv:2: alpha_basis must say why alpha is not 1"),
        (HEADER, f"{GOOD}\n{GOOD}", "a.csv:3: gw-1 is there already: a.csv:2"),
        (f"{HEADER},units", f"{GOOD},1.5", "a.csv:2: units '1.5': must be a whole number"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(header: str, row: str, problem: str) -> None:
    with pytest.raises(RegisterError) as caught:
        read_csv(f"{header}\n{row}\n", "a.csv")

    assert caught.value.problems == (problem,)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    rows = [GOOD, GOOD.replace("gw-1", "").replace("org", "us"), GOOD.replace("iot_", "a\x00")]

    with pytest.raises(RegisterError) as caught:
        read_csv("\n".join([HEADER, *rows]), "a.csv")

    assert len(caught.value.problems) == 3


FIRST = "x.toml [[assets]] number 1:"
UNKNOWN_UNIT = f"{FIRST} unknown column 'unit'; did you mean 'units'?"
NOT_TEXTS = f"{FIRST} hosts [1]: must be text, a number, true, false, a date or a list of texts"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("assets = 3", "x.toml: assets must be [[assets]] tables"),
        ("[other]", "x.toml: unknown key 'other': a register has assets"),
        (TOML.replace("units", "unit"), UNKNOWN_UNIT),
        (TOML.replace('["gw-1", "gw-1-*"]', "[1]"), NOT_TEXTS),
    ],
)  # fmt: skip
def test_a_table_of_toml_that_is_wrong(content: str, problem: str) -> None:
    with pytest.raises(RegisterError) as caught:
        read_toml(content, "x.toml")

    assert problem in caught.value.problems


def test_toml_that_is_none_is_named() -> None:
    with pytest.raises(RegisterError, match=r"x\.toml: Expected"):
        read_toml("[[assets", "x.toml")
    with pytest.raises(RegisterError, match=r"x\.toml: Exceeds the limit"):
        read_toml(f"[[assets]]\nlife_years = {'9' * 5_000}\n", "x.toml")


def test_a_table_without_a_column_that_is_needed() -> None:
    with pytest.raises(RegisterError) as caught:
        read_csv("asset_id,device_class,role,site_kind,owner,controller\na,b\n", "a.csv")

    problem = "a.csv:1: no column 'electricity_payer': who pays: one of the same"
    assert caught.value.problems[0] == problem


@given(st.text() | st.text(alphabet=",;\n\"=[]{}'ab1-", max_size=60))
def test_whatever_is_in_a_file_is_read_or_refused(content: str) -> None:
    for read in (read_csv, read_toml):
        with suppress(RegisterError):
            read(content, "a")


def test_what_is_nested_too_deep_is_refused() -> None:
    with pytest.raises(RegisterError):
        read_toml("a = " + "[" * 5_000, "a")


words = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters=";"),
    min_size=1,
    max_size=8,
)
kilograms = st.decimals(0, 10_000, places=3).map(Fraction)
days = st.dates(date(2000, 1, 1), date(2040, 1, 1))


@st.composite
def assets(draw: st.DrawFn) -> Asset:
    sold = draw(st.booleans())
    said: dict[str, Any] = {
        "asset_id": draw(words),
        "valid_from": draw(st.none() | days),
        "device_class": draw(words),
        "role": draw(st.sampled_from(AssetRole)),
        "site_kind": draw(st.sampled_from(SiteKind)),
        "owner": draw(st.sampled_from(Party)),
        "controller": draw(st.sampled_from(Party)),
        "electricity_payer": draw(st.sampled_from(Party)),
        "supply": draw(st.sampled_from(Supply)),
        "units": draw(st.integers(1, 1_000)),
        "hosts": tuple(draw(st.lists(words, max_size=3))),
        "is_sold_by_org": sold,
        "sold_on": draw(st.none() | days) if sold else None,
        "is_capitalised": draw(st.booleans()),
        "acquired_on": draw(st.none() | days),
        "condition": draw(st.sampled_from(Condition)),
        "life_years": draw(st.none() | st.integers(1, 12).map(Fraction)),
        "alpha": draw(st.sampled_from([Fraction(1), Fraction(5, 7), Fraction("0.25")])),
        "alpha_basis": "said",
        "metering_point": draw(st.sampled_from(MeteringPoint)),
        "build": Build(model=draw(words), memory_gigabytes=draw(st.none() | kilograms)),
        "embodied": Embodied(
            total_kilograms=draw(st.none() | kilograms), tier=draw(st.sampled_from(Quality))
        ),
    }
    return Asset(**said)


@given(assets())
def test_what_is_written_is_read_back(asset: Asset) -> None:
    """Law: journal and table say all that an asset is."""
    assert from_journal(journal_text(asset)) == asset
    assert read_csv(write_csv([asset]), "a.csv") == [asset]
    assert read_toml(write_toml([asset]), "a.toml") == [asset]


def server(asset_id: str, *hosts: str, valid_from: date | None = None, **said: Any) -> Asset:
    return Asset(
        asset_id=asset_id,
        valid_from=valid_from,
        hosts=hosts,
        device_class="server",
        role=AssetRole.SERVER,
        site_kind=SiteKind.ONSITE,
        owner=Party.ORG,
        controller=Party.ORG,
        electricity_payer=Party.ORG,
        **said,
    )


DAY = date(2025, 6, 1)


def test_an_agents_id_goes_before_a_name_and_a_name_before_the_longer_pattern() -> None:
    register = Register(
        [server("all", "*"), server("web", "web*"), server("one", "web1"),
         server("id", agent_ids=("a-4",))]
    )  # fmt: skip

    found = register.bound({"a-1": "db1", "a-2": "web2", "a-3": "web1", "a-4": "web1"}, DAY)

    assert {key: one.asset_id for key, one in found.items()} == {
        "a-1": "all", "a-2": "web", "a-3": "one", "a-4": "id",
    }  # fmt: skip


def test_a_host_that_two_assets_claim_alike_is_named() -> None:
    register = Register([server("a", "web*"), server("b", "*web")])

    with pytest.raises(ValueError, match="host web is claimed by a and b alike on 2025-06-01"):
        register.bound({"id": "web"}, DAY)


def test_a_version_holds_from_its_day_on() -> None:
    early = server("a", "web1", valid_from=date(2025, 1, 1))
    late = server("a", "web1", valid_from=DAY, note="moved")
    register = Register([late, early])

    assert register.at("a", date(2024, 12, 31)) is None
    assert register.at("a", date(2025, 5, 31)) == early
    assert register.at("a", DAY) == late
    assert register.changes() == {date(2025, 1, 1), DAY}
    assert register.versions("a") == (early, late)


@pytest.mark.parametrize(
    ("versions", "problem"),
    [
        ([server("a"), server("a")], "asset a: two versions from None"),
        ([server("a", parent="b")], "asset a: its parent 'b' is no asset"),
        ([server("a", parent="a")], "asset a: its parent 'a' is no asset"),
    ],
)
def test_a_register_that_cannot_be(versions: list[Asset], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Register(versions)
