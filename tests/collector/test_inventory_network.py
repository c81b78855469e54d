"""Traffic to postings: each byte's energy once, where its network belongs."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import intensity
from metered_scenes import FIRST, GATEWAY, HOST, UK, Row, metering
from wattgram.readings import Quality
from wattgram.units import BYTES_PER_GIGABYTE
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.accounting.network import BUILT_IN, SWDM_V4_BOTH, segments
from wattgram_collector.accounting.network_settings import NetworkSettings
from wattgram_collector.accounting.terms import Counts, Segment
from wattgram_collector.inventory.places import GhgPlace, TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Posting, Role, Stage
from wattgram_collector.inventory.register.assets import Asset, AssetRole, Party, SiteKind

ASKS = replace(UK, segments=segments(NetworkSettings()))


def moved(asset: Asset | None = HOST, sent: int = 10, got: int = 0, **said: Any) -> list[Posting]:
    terms = said.pop("terms", ASKS)
    factor = said.pop("factor", intensity("GB", "200"))
    rows = [
        Row(1, FIRST, sent * BYTES_PER_GIGABYTE, Account.TRANSMIT, terms, factor),
        Row(1, FIRST, got * BYTES_PER_GIGABYTE, Account.RECEIVE, terms, factor),
    ]
    found = metering(rows, *([asset] if asset else []), **said)
    return [one for one in found.postings if one.stage is Stage.NETWORK]


def test_ten_gigabytes_of_a_server_are_what_the_sender_sent() -> None:
    """0.059 kWh per GB, not per MB (trap 1); what is received is the sender's."""
    (one,) = moved(got=1_000)
    assert one.quantity == Fraction("0.59")
    assert one.grams == Fraction("0.59") * 200
    assert (one.place, one.leaf) == (scope_3(1, "network"), TcsLeaf.D_NETWORK_DATA_TRANSFER)
    assert (one.in_ghg, one.in_tcs, one.rule) == (True, True, "14 D08")
    assert one.tier_activity is Quality.MODELLED
    assert "consequential_safe=false" in one.note
    assert one.evidence.startswith("agent agent-1 slots ")
    assert ", segment network_swdm_v4: wattgram-collector explain" in one.evidence
    assert one.pue == 1, "figures of networks have their overheads inside"


@pytest.mark.parametrize("category", [9, 11])
def test_at_a_customers_the_network_is_the_customers_whoever_pays_the_electricity(
    category: int,
) -> None:
    for payer in (Party.ORG, Party.CUSTOMER):
        (one,) = moved(replace(GATEWAY, electricity_payer=payer), network_category=category)
        assert one.place == scope_3(category, "network")
        assert one.leaf is TcsLeaf.D_NETWORK_DATA_TRANSFER


@pytest.mark.parametrize(
    ("kind", "place"),
    [(SiteKind.OFFSITE, scope_3(7, "network")), (SiteKind.ONSITE, scope_3(1, "network"))],
)
def test_employees_devices_have_no_leaf(kind: SiteKind, place: GhgPlace) -> None:
    laptop = replace(HOST, role=AssetRole.EMPLOYEE_DEVICE, device_class="laptop", site_kind=kind)
    (one,) = moved(laptop)
    assert (one.place, one.leaf, one.in_tcs) == (place, None, False)


def test_segments_that_other_meters_have_are_memos() -> None:
    """Traps N2 and D11: metered servers, users' devices and own switches are not in bytes."""
    found = moved(terms=replace(UK, segments=segments(BUILT_IN["swdm_v4_all"])))
    names = [one.evidence.partition(":")[0].rpartition(" ")[2] for one in found]
    assert dict(zip(names, (one.role for one in found), strict=True)) == {
        "data_centre_swdm_v4": Role.MEMO, "network_swdm_v4": Role.PRIMARY, "client": Role.MEMO,
    }  # fmt: skip
    own = Segment(name="own_network", kilowatt_hours_per_gigabyte="0.1")
    (one,) = moved(terms=replace(UK, segments=(own,)))
    assert (one.role, one.quantity, one.in_ghg) == (Role.MEMO, 1, False)
    assert one.note.startswith("D11")


def test_the_router_of_a_home_is_a_network_of_its_own() -> None:
    found = moved(GATEWAY, terms=replace(UK, segments=segments(BUILT_IN["malmodin_home"])))
    assert {one.role for one in found} == {Role.PRIMARY}
    assert len(found) == 2


def test_what_stands_by_is_with_what_it_moves() -> None:
    home = replace(UK, segments=segments(BUILT_IN["malmodin_fixed"]))
    rows = [
        Row(1, FIRST, BYTES_PER_GIGABYTE, Account.TRANSMIT, home),
        Row(1, FIRST, 3_600_000_000, Account.OBSERVED, home),
    ]
    (one,) = metering(rows, HOST).postings
    assert one.quantity == Fraction("1.5") / 1000 + Fraction("0.03") / 450 * 1000 / 1000


def test_both_ends_are_asked_where_the_other_is_not_metered() -> None:
    both = replace(UK, segments=(replace(SWDM_V4_BOTH, counts=Counts.BOTH),))
    (one,) = moved(terms=both, sent=1, got=2)
    assert one.quantity == 3 * Fraction("0.059")


def test_traffic_that_nobody_places_or_prices_is_said() -> None:
    (one,) = moved(None)
    assert (one.role, one.place, one.subject) == (Role.MEMO, None, "agent/host-1")
    (one,) = moved(factor=None)
    assert (one.grams, one.factor, one.in_ghg) == (None, "", True)
    rows = [Row(1, FIRST, BYTES_PER_GIGABYTE, Account.TRANSMIT, ASKS, None)]
    (unknown,) = metering(rows, HOST).unknown
    assert unknown.why == "network: no factor of grid GB is known for its time"


FLOWS = st.lists(
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(0, 10**12)), max_size=6
)


@settings(max_examples=20)
@given(FLOWS)
def test_a_flow_between_two_agents_is_posted_once(flows: list[tuple[int, int, int]]) -> None:
    """Invariant 9: the sum of all is what was sent, however many agents see it."""
    rows = []
    for at, (sender, receiver, size) in enumerate(flows):
        rows.append(Row(sender, FIRST + at, size, Account.TRANSMIT, ASKS))
        rows.append(Row(receiver, FIRST + at, size, Account.RECEIVE, ASKS))
    assets = [replace(HOST, asset_id=f"a{at}", agent_ids=(f"agent-{at}",)) for at in (1, 2, 3)]
    posted = sum((one.quantity or 0 for one in metering(rows, *assets).postings), Fraction(0))
    sent = sum(size for _, _, size in flows)
    assert posted == Fraction("0.059") * sent / BYTES_PER_GIGABYTE
