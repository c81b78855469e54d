"""The decision table: every row, its order, and what it may never do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram_collector.inventory.decision import (
    Consolidation,
    Making,
    UndecidedError,
    decide,
)
from wattgram_collector.inventory.places import SCOPE_1, SCOPE_2, GhgPlace, TcsLeaf, scope_3
from wattgram_collector.inventory.register.assets import Asset, AssetRole, Party, SiteKind, Supply

ORG, CUSTOMER, PROVIDER = Party.ORG, Party.CUSTOMER, Party.PROVIDER


def asset(**said: Any) -> Asset:
    facts = {
        "asset_id": "a1",
        "device_class": "server",
        "role": AssetRole.SERVER,
        "site_kind": SiteKind.ONSITE,
        "owner": ORG,
        "controller": ORG,
        "electricity_payer": ORG,
    }
    return Asset(**{**facts, **said})


GATEWAY = {
    "device_class": "iot_gateway",
    "role": AssetRole.CUSTOMER_INFRA,
    "site_kind": SiteKind.CUSTOMER_SITE,
    "electricity_payer": CUSTOMER,
    "controller": CUSTOMER,
}
LAPTOP = {"device_class": "laptop", "role": AssetRole.EMPLOYEE_DEVICE}

ROWS = [
    ("1", {"supply": Supply.GENERATOR}, SCOPE_1, TcsLeaf.G_GENERATORS,
     Making.WHEN_ACQUIRED, scope_3(2), TcsLeaf.U_SERVER_HARDWARE),
    ("2", {"site_kind": SiteKind.CLOUD, "owner": PROVIDER, "controller": PROVIDER,
           "electricity_payer": PROVIDER}, scope_3(1, "cloud"), TcsLeaf.C_CLOUD_SERVICES,
     Making.BY_USE, scope_3(1, "cloud"), TcsLeaf.C_CLOUD_SERVICES),
    ("4", {}, SCOPE_2, TcsLeaf.O_SERVERS, Making.WHEN_ACQUIRED, scope_3(2),
     TcsLeaf.U_SERVER_HARDWARE),
    ("4", {"is_capitalised": False}, SCOPE_2, TcsLeaf.O_SERVERS, Making.WHEN_ACQUIRED,
     scope_3(1), TcsLeaf.U_SERVER_HARDWARE),
    ("4", {"device_class": "switch", "role": AssetRole.NETWORK}, SCOPE_2, TcsLeaf.O_NETWORKING,
     Making.WHEN_ACQUIRED, scope_3(2), TcsLeaf.U_NETWORK_HARDWARE),
    ("4", LAPTOP, SCOPE_2, TcsLeaf.O_EMPLOYEE_HARDWARE, Making.WHEN_ACQUIRED, scope_3(2),
     TcsLeaf.U_EMPLOYEE_HARDWARE),
    ("5", {"site_kind": SiteKind.COLO, "electricity_payer": PROVIDER}, SCOPE_2,
     TcsLeaf.O_SERVERS, Making.WHEN_ACQUIRED, scope_3(2), TcsLeaf.U_SERVER_HARDWARE),
    ("6", {"owner": Party.LESSOR, "controller": Party.LESSOR, "site_kind": SiteKind.OFFSITE,
           "electricity_payer": Party.LESSOR}, scope_3(8), TcsLeaf.C_MANAGED_SERVICES,
     Making.MEMO, scope_3(8), None),
    ("7", {**GATEWAY, "electricity_payer": ORG, "controller": ORG}, SCOPE_2,
     TcsLeaf.O_NETWORKING, Making.WHEN_ACQUIRED, scope_3(2), TcsLeaf.U_NETWORK_HARDWARE),
    ("7", {**GATEWAY, "electricity_payer": ORG}, scope_3(8), TcsLeaf.O_NETWORKING,
     Making.WHEN_ACQUIRED, scope_3(2), TcsLeaf.U_NETWORK_HARDWARE),
    ("8", {**LAPTOP, "site_kind": SiteKind.OFFSITE, "electricity_payer": Party.EMPLOYEE},
     scope_3(7), TcsLeaf.C_EMPLOYEE_HARDWARE, Making.WHEN_ACQUIRED, scope_3(2),
     TcsLeaf.U_EMPLOYEE_HARDWARE),
    ("8", {**LAPTOP, "site_kind": SiteKind.OFFSITE, "electricity_payer": Party.EMPLOYEE,
           "owner": Party.EMPLOYEE, "controller": Party.EMPLOYEE}, scope_3(7),
     TcsLeaf.C_EMPLOYEE_HARDWARE, Making.MEMO, scope_3(2), TcsLeaf.U_EMPLOYEE_HARDWARE),
    ("9", {"owner": PROVIDER, "controller": PROVIDER, "electricity_payer": PROVIDER,
           "site_kind": SiteKind.OFFSITE}, scope_3(1, "managed"), TcsLeaf.C_MANAGED_SERVICES,
     Making.BY_USE, scope_3(1, "managed"), TcsLeaf.C_MANAGED_SERVICES),
    ("10", {"device_class": "smartphone", "role": AssetRole.CUSTOMER_DEVICE, "owner": CUSTOMER,
            "controller": CUSTOMER, "electricity_payer": CUSTOMER,
            "site_kind": SiteKind.OFFSITE}, scope_3(11), TcsLeaf.D_CUSTOMER_DEVICES,
     Making.MEMO, None, None),
    ("11", {**GATEWAY, "is_leased_out": True}, scope_3(13), TcsLeaf.D_DOWNSTREAM_INFRASTRUCTURE,
     Making.WHEN_ACQUIRED, scope_3(2), TcsLeaf.U_NETWORK_HARDWARE),
    ("12", {**GATEWAY, "owner": CUSTOMER, "is_sold_by_org": True}, scope_3(11),
     TcsLeaf.D_DOWNSTREAM_INFRASTRUCTURE, Making.WHEN_ACQUIRED, scope_3(1),
     TcsLeaf.D_DOWNSTREAM_INFRASTRUCTURE),
    ("13", {**GATEWAY, "owner": CUSTOMER}, scope_3(11), TcsLeaf.D_DOWNSTREAM_INFRASTRUCTURE,
     Making.LEAF_ONLY, None, TcsLeaf.D_DOWNSTREAM_INFRASTRUCTURE),
    ("13", {**GATEWAY, "owner": CUSTOMER, "is_required_by_service": False}, scope_3(11),
     TcsLeaf.D_DOWNSTREAM_INFRASTRUCTURE, Making.MEMO, None, None),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "said", "place", "leaf", "making", "made", "made_leaf"), ROWS)
def test_every_row(
    rule: str,
    said: dict[str, Any],
    place: GhgPlace,
    leaf: TcsLeaf,
    making: Making,
    made: GhgPlace | None,
    made_leaf: TcsLeaf | None,
) -> None:
    found = decide(asset(**said))

    assert (found.rule, found.energy, found.energy_leaf) == (rule, place, leaf)
    assert (found.making, found.made, found.made_leaf) == (making, made, made_leaf)
    assert found.is_lifetime == (rule == "12")


def test_a_colocation_under_financial_control_is_leased_unless_the_servers_are_ours() -> None:
    rented = asset(site_kind=SiteKind.COLO, electricity_payer=PROVIDER, owner=PROVIDER)

    assert decide(rented).energy == SCOPE_2
    assert decide(rented, Consolidation.FINANCIAL_CONTROL).energy == scope_3(8)
    owned = asset(site_kind=SiteKind.COLO, electricity_payer=PROVIDER)
    assert decide(owned, Consolidation.FINANCIAL_CONTROL).energy == SCOPE_2


def test_what_no_row_fits_is_named_with_what_to_correct() -> None:
    odd = asset(site_kind=SiteKind.OFFSITE, electricity_payer=Party.EMPLOYEE)

    with pytest.raises(UndecidedError, match=r"a1.*role server.*site offsite.*paid by employee"):
        decide(odd)


assets = st.builds(
    asset,
    device_class=st.sampled_from(["server", "laptop", "iot_gateway", "smartphone", "unheard"]),
    role=st.sampled_from(AssetRole),
    site_kind=st.sampled_from(SiteKind),
    owner=st.sampled_from(Party),
    controller=st.sampled_from(Party),
    electricity_payer=st.sampled_from(Party),
    supply=st.sampled_from(Supply),
    is_sold_by_org=st.booleans(),
    is_capitalised=st.booleans(),
    is_required_by_service=st.booleans(),
)


@given(assets, st.sampled_from(Consolidation))
def test_who_pays_decides_between_o_and_d(one: Asset, consolidation: Consolidation) -> None:
    """Law: the organisation's electricity is never D, the customer's never O."""
    try:
        found = decide(one, consolidation)
    except UndecidedError:
        return

    letter = found.energy_leaf.letter if found.energy_leaf else ""
    if one.electricity_payer is ORG:
        assert letter != "D"
    if one.electricity_payer is CUSTOMER:
        assert letter != "O"


@given(assets)
def test_what_is_bought_is_in_one_of_3_1_and_3_2(one: Asset) -> None:
    """Law: capitalised in 3.2, expensed in 3.1; the making of a cloud's machine never in 3.2."""
    try:
        found = decide(one)
    except UndecidedError:
        return

    if found.making is Making.WHEN_ACQUIRED and found.rule != "12":
        assert found.made == scope_3(2 if one.is_capitalised else 1)
    if one.site_kind is SiteKind.CLOUD and found.rule == "2":
        assert found.made == scope_3(1, "cloud")
    assert found.energy is not None
    assert found.rule in {"1", "2", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13"}
