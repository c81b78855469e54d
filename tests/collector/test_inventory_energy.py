"""Metered energy to postings: nothing lost, nothing gained, each joule in one place."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wattgram.readings import Quality
from wattgram_collector.accounting.emissions import Account, Amount, Pricing
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensity import Losses, Scope, Tier
from wattgram_collector.inventory.decision import UndecidedError, decide
from wattgram_collector.inventory.metering.energy import (
    NOT_DIRECT_NOTE,
    Bound,
    Metered,
    energy_postings,
)
from wattgram_collector.inventory.periods import Interval
from wattgram_collector.inventory.places import SCOPE_2, TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Method, Posting, Role, Stage
from wattgram_collector.inventory.register.assets import (
    Asset,
    AssetRole,
    MeteringPoint,
    Party,
    SiteKind,
)

MONTH = Interval(1_751_328_000, 1_754_006_400)
KILOWATT_HOUR = 3_600_000_000_000
UK = Terms(
    zone="GB",
    pue="1.5",
    pue_source="stated",
    loss_share="0.06",
    loss_source="grid",
    upstream_grams_per_kilowatt_hour="45.9",
    upstream_loss_grams_per_kilowatt_hour="3.97",
    upstream_source="DESNZ 2025",
)
SERVER = Asset(
    asset_id="s1",
    device_class="server",
    role=AssetRole.SERVER,
    site_kind=SiteKind.ONSITE,
    owner=Party.ORG,
    controller=Party.ORG,
    electricity_payer=Party.ORG,
)


def metered(**said: Any) -> Metered:
    pricing = Pricing(
        said.get("account", Account.HOST),
        said.get("terms", UK),
        said.get("tier", Tier.ANNUAL),
        said.get("scope", Scope.DIRECT),
        said.get("losses", Losses.BUSBAR),
    )
    energy = said.get("energy", 1_000 * KILOWATT_HOUR)
    amount = Amount(energy, energy * Fraction(said.get("grams", 177)))
    return Metered("id-1", "web1", MONTH, pricing, amount, Quality.MEASURED, "GB 2025")


def bound(asset: Asset) -> Bound:
    return Bound(asset, decide(asset))


def test_a_thousand_kilowatt_hours_of_the_united_kingdom() -> None:
    """Golden G11 with a PUE of 1.5: 177 g direct, 45.9 supply, L / (1 - L) of it lost."""
    use, supply, losses = energy_postings(metered(), bound(SERVER))

    assert (use.place, use.leaf, use.method) == (SCOPE_2, TcsLeaf.O_SERVERS, Method.LOCATION)
    assert (use.quantity, use.grams, use.pue) == (1_500, 265_500, Fraction(3, 2))
    assert (supply.place, supply.grams) == (scope_3(3, "3b"), Fraction("68_850"))
    assert losses.place == scope_3(3, "3c")
    assert losses.grams == 1_500 * (177 * Fraction(6, 94) + Fraction("3.97"))
    assert not supply.in_tcs
    assert not losses.in_tcs
    assert use.evidence == (
        "agent id-1 slots 5837760 to 5846687: wattgram-collector explain --host web1"
        " --from 2025-07-01T00:00:00Z --to 2025-08-01T00:00:00Z"
    )


def test_a_lifecycle_intensity_is_refused_in_scope_2_and_has_no_3_3_beside_it() -> None:
    (found,) = energy_postings(metered(scope=Scope.LIFECYCLE), bound(SERVER))

    assert found.place == SCOPE_2
    assert not found.in_ghg
    assert found.in_tcs
    assert found.grams == 265_500
    assert found.note == NOT_DIRECT_NOTE


def test_unpriced_energy_is_stated_without_grams() -> None:
    (found,) = energy_postings(metered(tier=None, scope=None, losses=None), bound(SERVER))

    assert (found.quantity, found.grams, found.factor) == (1_500, None, "")
    assert found.in_ghg


def test_what_was_bought_is_the_other_method_and_in_no_tcs_total() -> None:
    (found,) = energy_postings(metered(account=Account.MARKET), bound(SERVER))

    assert (found.place, found.method, found.in_tcs) == (SCOPE_2, Method.MARKET, False)


def test_a_host_that_no_asset_is_of_is_a_memo() -> None:
    (found,) = energy_postings(metered(), Bound(None, None))

    assert (found.role, found.subject) == (Role.MEMO, "agent/web1")
    assert not found.in_ghg
    assert not found.in_tcs


def test_a_sold_gateways_year_is_downstream_and_its_lifetime_is_posted_elsewhere() -> None:
    gateway = replace(
        SERVER,
        role=AssetRole.CUSTOMER_INFRA,
        device_class="iot_gateway",
        site_kind=SiteKind.CUSTOMER_SITE,
        owner=Party.CUSTOMER,
        electricity_payer=Party.CUSTOMER,
        is_sold_by_org=True,
    )

    (found,) = energy_postings(metered(), bound(gateway))

    assert found.leaf is TcsLeaf.D_DOWNSTREAM_INFRASTRUCTURE
    assert found.in_tcs
    assert not found.in_ghg


def test_a_share_and_a_power_supply() -> None:
    laptop = replace(
        SERVER,
        alpha=Fraction(5, 7),
        alpha_basis="five days of seven",
        metering_point=MeteringPoint.COMPONENT,
        psu_efficiency=Fraction("0.9"),
    )

    use = next(iter(energy_postings(metered(), bound(laptop))))

    assert use.quantity == 1_500 / Fraction("0.9")
    assert use.grams == 265_500 / Fraction("0.9") * Fraction(5, 7)


amounts = st.builds(
    metered,
    account=st.sampled_from([Account.HOST, Account.MARKET]),
    energy=st.integers(0, 1 << 60),
    grams=st.integers(0, 2_000),
    scope=st.sampled_from(Scope),
    losses=st.sampled_from(Losses),
    tier=st.sampled_from(Tier),
)
places = st.builds(
    replace,
    st.just(SERVER),
    role=st.sampled_from(AssetRole),
    site_kind=st.sampled_from(SiteKind),
    owner=st.sampled_from(Party),
    controller=st.sampled_from(Party),
    electricity_payer=st.sampled_from(Party),
    is_sold_by_org=st.booleans(),
)


@given(amounts, places)
def test_every_joule_is_in_one_place(one: Metered, asset: Asset) -> None:
    """Laws: primary energy = metered x PUE, once per method; 3.3 beside direct scope 2 only."""
    try:
        decision = decide(asset)
    except UndecidedError:
        return

    found = list(energy_postings(one, Bound(asset, decision)))

    use = [posting for posting in found if posting.stage is Stage.USE]
    assert len(use) <= 1
    if one.pricing.account is Account.HOST:
        assert use[0].quantity == Fraction(one.amount.quantity, KILOWATT_HOUR) * Fraction(3, 2)
    else:
        assert len(found) == int(decision.is_scope_2)
    derived = [posting for posting in found if posting.stage is not Stage.USE]
    if derived:
        assert one.pricing.scope is Scope.DIRECT
        assert use[0].place == SCOPE_2
    assert all(_is_consistent(posting) for posting in found)


def _is_consistent(posting: Posting) -> bool:
    if posting.grams is None or posting.factor_value is None or posting.quantity is None:
        return posting.grams is None or not posting.quantity
    return posting.grams == posting.quantity * posting.alpha * posting.factor_value * 1_000
