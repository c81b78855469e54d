"""The decision table over everything that can be said of an asset, against a table by itself.

The rows are written here once more, as plain conditions in their order; the first that holds is
the answer. No combination is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import product
from typing import Final, NamedTuple

import pytest

from wattgram_collector.inventory.decision import (
    Consolidation,
    Decision,
    Making,
    UndecidedError,
    decide,
)
from wattgram_collector.inventory.places import SCOPE_1, SCOPE_2, GhgPlace, scope_3
from wattgram_collector.inventory.register.assets import Asset, AssetRole, Party, SiteKind, Supply

ORG, EMPLOYEE, CUSTOMER = Party.ORG, Party.EMPLOYEE, Party.CUSTOMER
CLOUD, AT_CUSTOMERS = SiteKind.CLOUD, SiteKind.CUSTOMER_SITE
OF_CUSTOMERS: Final = (
    AssetRole.CUSTOMER_DEVICE, AssetRole.CUSTOMER_INFRA, AssetRole.IOT, AssetRole.OT,
)  # fmt: skip


def ours(one: Asset) -> bool:
    return one.controller in (ORG, EMPLOYEE)


def own_place(one: Asset) -> bool:
    return one.site_kind in (SiteKind.ONSITE, SiteKind.COLO)


def downstream(one: Asset) -> bool:
    return one.role in OF_CUSTOMERS or one.site_kind is AT_CUSTOMERS


def at_home(one: Asset) -> bool:
    return one.role is AssetRole.EMPLOYEE_DEVICE and one.site_kind is SiteKind.OFFSITE


class Row(NamedTuple):
    rule: str
    holds: Callable[[Asset], bool]
    place: Callable[[Asset], GhgPlace]
    letter: str
    """Of the standard's tree."""


TABLE: Final = (
    Row("1", lambda one: one.controller is ORG
        and (one.supply is Supply.GENERATOR or one.role is AssetRole.GENERATOR),
        lambda _: SCOPE_1, "G"),
    Row("2", lambda one: one.site_kind is CLOUD, lambda _: scope_3(1, "cloud"), "C"),
    Row("4", lambda one: own_place(one) and ours(one) and one.electricity_payer is ORG,
        lambda _: SCOPE_2, "O"),
    Row("5", lambda one: own_place(one) and ours(one)
        and one.electricity_payer in (Party.LANDLORD, Party.PROVIDER), lambda _: SCOPE_2, "O"),
    Row("7", lambda one: downstream(one) and one.electricity_payer is ORG,
        lambda one: SCOPE_2 if one.controller is ORG else scope_3(8), "O"),
    Row("8", lambda one: at_home(one) and one.controller is EMPLOYEE, lambda _: scope_3(7), "C"),
    Row("6", lambda one: not downstream(one) and one.owner is Party.LESSOR
        and one.controller is not ORG, lambda _: scope_3(8), "C"),
    Row("8", at_home, lambda _: scope_3(7), "C"),
    Row("9", lambda one: not downstream(one) and one.owner is Party.PROVIDER
        and one.controller is Party.PROVIDER, lambda _: scope_3(1, "managed"), "C"),
    Row("10", lambda one: one.electricity_payer is CUSTOMER
        and one.role is AssetRole.CUSTOMER_DEVICE, lambda _: scope_3(11), "D"),
    Row("11", lambda one: one.electricity_payer is CUSTOMER and downstream(one)
        and one.owner is ORG, lambda _: scope_3(13), "D"),
    Row("12", lambda one: one.electricity_payer is CUSTOMER and downstream(one)
        and one.is_sold_by_org, lambda _: scope_3(11), "D"),
    Row("13", lambda one: one.electricity_payer is CUSTOMER and downstream(one),
        lambda _: scope_3(11), "D"),
)  # fmt: skip


def every_asset() -> Iterator[Asset]:
    """Yield role x site x owner x controller x payer x supply x sold, leased out or neither."""
    parties = tuple(Party)
    for role, place, owner, controller, payer, supply, is_sold in product(
        AssetRole, SiteKind, parties, parties, parties, (Supply.GRID, Supply.GENERATOR),
        (False, True),
    ):  # fmt: skip
        yield Asset(
            asset_id="a", device_class="server", role=role, site_kind=place, owner=owner,
            controller=controller, electricity_payer=payer, supply=supply,
            is_sold_by_org=is_sold, is_leased_out=not is_sold,
        )  # fmt: skip


def decided(one: Asset) -> Decision | None:
    try:
        return decide(one)
    except UndecidedError:
        return None


def expected(one: Asset) -> Row | None:
    return next((row for row in TABLE if row.holds(one)), None)


def test_every_combination_is_where_the_first_row_that_holds_has_it() -> None:
    seen: Counter[str] = Counter()
    for one in every_asset():
        found, row = decided(one), expected(one)
        if found is None or row is None:
            assert found is None, one
            assert row is None, one
            seen["undecided"] += 1
            continue
        leaf = found.energy_leaf
        assert leaf is not None
        assert (found.rule, found.energy, leaf.letter) == (row.rule, row.place(one), row.letter), (
            one
        )
        # who pays decides between O and D
        assert (one.electricity_payer, leaf.letter) not in {(ORG, "D"), (CUSTOMER, "O")}, one
        # what somebody else owns is never acquired, but for what is bought to be sold
        is_acquired = found.making is Making.WHEN_ACQUIRED
        assert not is_acquired or one.owner is ORG or found.rule == "12", one
        assert found.is_lifetime == (found.rule == "12")
        seen[found.rule] += 1

    assert set(seen) == {row.rule for row in TABLE} | {"undecided"}


@pytest.mark.parametrize("approach", [Consolidation.FINANCIAL_CONTROL, Consolidation.EQUITY_SHARE])
def test_an_approach_moves_rented_places_only(approach: Consolidation) -> None:
    """Row 5 of hardware of others is leased; nothing else depends on the approach."""
    for place, owner, payer in product(SiteKind, Party, Party):
        one = Asset(
            asset_id="a", device_class="server", role=AssetRole.SERVER, site_kind=place,
            owner=owner, controller=ORG, electricity_payer=payer,
        )  # fmt: skip
        found = decided(one)
        if found is None:
            continue
        is_leased = found.rule == "5" and owner is not ORG
        assert decide(one, approach).energy == (scope_3(8) if is_leased else found.energy)


def test_a_sensor_of_the_own_hall_is_the_own_as_a_server_is() -> None:
    """Row 4 and row 5 are of every role: who rents the hall has its machines in scope 2."""
    for role, payer in product((AssetRole.IOT, AssetRole.OT), (ORG, Party.LANDLORD)):
        found = decided(Asset(
            asset_id="plc", device_class="iot_sensor", role=role, site_kind=SiteKind.ONSITE,
            owner=ORG, controller=ORG, electricity_payer=payer,
        ))  # fmt: skip
        assert found is not None
        assert (found.rule, found.energy) == ("4" if payer is ORG else "5", SCOPE_2)


def test_a_leased_laptop_is_at_home_and_in_a_rented_office_as_a_bought_one_is() -> None:
    def laptop(place: SiteKind, payer: Party) -> Decision | None:
        return decided(Asset(
            asset_id="lap", device_class="laptop", role=AssetRole.EMPLOYEE_DEVICE,
            site_kind=place, owner=Party.LESSOR, controller=EMPLOYEE, electricity_payer=payer,
        ))  # fmt: skip

    home, office = laptop(SiteKind.OFFSITE, EMPLOYEE), laptop(SiteKind.ONSITE, Party.LANDLORD)
    assert home is not None
    assert office is not None
    assert (home.rule, home.energy, home.making) == ("8", scope_3(7), Making.MEMO)
    assert (office.rule, office.energy) == ("5", SCOPE_2)
