"""PURE. The decision table: for each asset one place for its joules and one for its making.

Rows are tried in order and the first that fits is taken; its number goes on every posting. What
no row fits is undecided: it is named, with what to say of it, and is in no total.

Source: the categories of the GHG Protocol Corporate Value Chain (Scope 3) Standard and of the
Technology Carbon Standard 0.1.0; who pays for the electricity decides between O and D.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wattgram_collector.inventory.places import SCOPE_1, SCOPE_2, GhgPlace, TcsLeaf, scope_3
from wattgram_collector.inventory.register.assets import Asset, AssetRole, Party, SiteKind, Supply


class Consolidation(StrEnum):
    """Whose emissions an organisation's own are (Corporate Standard, chapter 3)."""

    OPERATIONAL_CONTROL = "operational_control"
    FINANCIAL_CONTROL = "financial_control"
    EQUITY_SHARE = "equity_share"


class HardwareBasis(StrEnum):
    """Which of the two books the TCS total has hardware from; never both."""

    PURCHASE_YEAR = "purchase_year"
    AMORTISED = "amortised"


class Making(StrEnum):
    """How the making of an asset is booked."""

    WHEN_ACQUIRED = "when_acquired"
    """Book A once, book B over its life."""
    BY_USE = "by_use"
    """A service: the share of the provider's machine for as long as it is used, in both books."""
    MEMO = "memo"
    """Somebody else's: stated and in no total."""
    LEAF_ONLY = "leaf_only"
    """In the TCS total and in no GHG category."""
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Where an asset's emissions belong. `energy` is None where no GHG category has them."""

    rule: str
    energy: GhgPlace | None
    energy_leaf: TcsLeaf | None
    making: Making
    made: GhgPlace | None = None
    made_leaf: TcsLeaf | None = None
    is_lifetime: bool = False
    """In GHG its use counts for its whole life in the year of the sale (3.11)."""

    @property
    def is_scope_2(self) -> bool:
        return self.energy == SCOPE_2


class UndecidedError(ValueError):
    """No row of the table fits an asset; the text says what to say of it."""


_NETWORK_CLASSES: Final = frozenset(
    {
        "bridge", "cable_per_metre", "firewall", "gateway", "hub", "iot_gateway", "iot_sensor",
        "modem", "network_device_generic", "repeater", "router", "switch", "wifi_ap",
    }
)  # fmt: skip
_EMPLOYEE_CLASSES: Final = frozenset(
    {
        "desktop", "laptop", "monitor", "peripheral", "printer", "smartphone", "tablet",
        "thin_client", "workstation",
    }
)  # fmt: skip
_CUSTOMERS: Final = frozenset(
    {AssetRole.CUSTOMER_DEVICE, AssetRole.CUSTOMER_INFRA, AssetRole.IOT, AssetRole.OT}
)
_OWN_PLACES: Final = frozenset({SiteKind.ONSITE, SiteKind.COLO})
_OWN_HANDS: Final = frozenset({Party.ORG, Party.EMPLOYEE})
"""Whose control is the organisation's: employees work with its devices on its behalf."""


def hardware_leaf(asset: Asset) -> TcsLeaf:
    """Return the upstream leaf of the asset's making, by its class, else by its role."""
    kind = _kind(asset)
    return {
        AssetRole.NETWORK: TcsLeaf.U_NETWORK_HARDWARE,
        AssetRole.EMPLOYEE_DEVICE: TcsLeaf.U_EMPLOYEE_HARDWARE,
    }.get(kind, TcsLeaf.U_SERVER_HARDWARE)


def operational_leaf(asset: Asset) -> TcsLeaf:
    """Return the direct leaf of the asset's use, by its class, else by its role."""
    kind = _kind(asset)
    return {
        AssetRole.NETWORK: TcsLeaf.O_NETWORKING,
        AssetRole.EMPLOYEE_DEVICE: TcsLeaf.O_EMPLOYEE_HARDWARE,
    }.get(kind, TcsLeaf.O_SERVERS)


def _kind(asset: Asset) -> AssetRole:
    if asset.role in (AssetRole.NETWORK, AssetRole.EMPLOYEE_DEVICE, AssetRole.SERVER):
        return asset.role
    if asset.device_class in _NETWORK_CLASSES:
        return AssetRole.NETWORK
    if asset.device_class in _EMPLOYEE_CLASSES:
        return AssetRole.EMPLOYEE_DEVICE
    return AssetRole.SERVER


def decide(
    asset: Asset, consolidation: Consolidation = Consolidation.OPERATIONAL_CONTROL
) -> Decision:
    """Return where the asset's emissions belong; raises UndecidedError."""
    return (
        _generated(asset)
        or _in_cloud(asset)
        or _own(asset, consolidation)
        or _at_customers_paid_by_org(asset)
        or _elsewhere(asset)
        or _of_customers(asset)
        or _undecided(asset)
    )


def _bought(asset: Asset) -> GhgPlace:
    """3.2 for what is capitalised, else 3.1: one of the two, never both."""
    return scope_3(2) if asset.is_capitalised else scope_3(1)


def _acquired(asset: Asset, rule: str, energy: GhgPlace, leaf: TcsLeaf) -> Decision:
    """Return a decision whose making is the organisation's if it owns the asset."""
    upstream = hardware_leaf(asset)
    if asset.owner is Party.ORG:
        return Decision(rule=rule, energy=energy, energy_leaf=leaf, making=Making.WHEN_ACQUIRED,
                        made=_bought(asset), made_leaf=upstream)  # fmt: skip
    return Decision(rule=rule, energy=energy, energy_leaf=leaf, making=Making.MEMO,
                    made=_bought(asset), made_leaf=upstream)  # fmt: skip


def _generated(asset: Asset) -> Decision | None:
    """Row 1: a generator of the organisation, or what it supplies."""
    is_ours = asset.controller is Party.ORG
    if is_ours and (asset.supply is Supply.GENERATOR or asset.role is AssetRole.GENERATOR):
        return _acquired(asset, "1", SCOPE_1, TcsLeaf.G_GENERATORS)
    return None


def _in_cloud(asset: Asset) -> Decision | None:
    """Row 2. Row 3, software as a service, has no asset: it comes as an activity."""
    if asset.site_kind is not SiteKind.CLOUD:
        return None
    place = scope_3(1, "cloud")
    leaf = TcsLeaf.C_CLOUD_SERVICES
    return Decision(rule="2", energy=place, energy_leaf=leaf, making=Making.BY_USE, made=place,
                    made_leaf=leaf)  # fmt: skip


def _own(asset: Asset, consolidation: Consolidation) -> Decision | None:
    """Rows 4 and 5: under the organisation's control at its own place or in a colocation.

    Of every role: a sensor in its own hall is its own as a server is.
    """
    if asset.site_kind not in _OWN_PLACES or asset.controller not in _OWN_HANDS:
        return None
    leaf = operational_leaf(asset)
    if asset.electricity_payer is Party.ORG:
        return _acquired(asset, "4", SCOPE_2, leaf)
    if asset.electricity_payer in (Party.LANDLORD, Party.PROVIDER):
        is_ours = consolidation is Consolidation.OPERATIONAL_CONTROL or asset.owner is Party.ORG
        return _acquired(asset, "5", SCOPE_2 if is_ours else scope_3(8), leaf)
    return None


def _at_customers_paid_by_org(asset: Asset) -> Decision | None:
    """Row 7: a managed service; who pays for the electricity decides that it is O."""
    is_customers = asset.site_kind is SiteKind.CUSTOMER_SITE or asset.role in _CUSTOMERS
    if not is_customers or asset.electricity_payer is not Party.ORG:
        return None
    place = SCOPE_2 if asset.controller is Party.ORG else scope_3(8)
    return _acquired(asset, "7", place, operational_leaf(asset))


def _elsewhere(asset: Asset) -> Decision | None:
    """Rows 6, 8 and 9: leased, at employees' homes, outsourced.

    A leased laptop that an employee has at home is not outside of the boundary: it is row 8.
    """
    is_customers = asset.role in _CUSTOMERS or asset.site_kind is SiteKind.CUSTOMER_SITE
    if is_customers:
        return None
    is_home = asset.role is AssetRole.EMPLOYEE_DEVICE and asset.site_kind is SiteKind.OFFSITE
    is_at_work = is_home and asset.controller is Party.EMPLOYEE
    if asset.owner is Party.LESSOR and asset.controller is not Party.ORG and not is_at_work:
        return Decision(rule="6", energy=scope_3(8), energy_leaf=TcsLeaf.C_MANAGED_SERVICES,
                        making=Making.MEMO, made=scope_3(8))  # fmt: skip
    if is_home:
        return _acquired(asset, "8", scope_3(7), TcsLeaf.C_EMPLOYEE_HARDWARE)
    if asset.controller is Party.PROVIDER and asset.owner is Party.PROVIDER:
        place = scope_3(1, "managed")
        return Decision(rule="9", energy=place, energy_leaf=TcsLeaf.C_MANAGED_SERVICES,
                        making=Making.BY_USE, made=place,
                        made_leaf=TcsLeaf.C_MANAGED_SERVICES)  # fmt: skip
    return None


def _of_customers(asset: Asset) -> Decision | None:
    """Rows 10 to 13: what customers pay the electricity of."""
    infrastructure = TcsLeaf.D_DOWNSTREAM_INFRASTRUCTURE
    if asset.electricity_payer is not Party.CUSTOMER:
        return None
    if asset.role is AssetRole.CUSTOMER_DEVICE:
        return Decision(rule="10", energy=scope_3(11), energy_leaf=TcsLeaf.D_CUSTOMER_DEVICES,
                        making=Making.MEMO)  # fmt: skip
    if asset.role not in _CUSTOMERS and asset.site_kind is not SiteKind.CUSTOMER_SITE:
        return None
    if asset.owner is Party.ORG:
        return Decision(rule="11", energy=scope_3(13), energy_leaf=infrastructure,
                        making=Making.WHEN_ACQUIRED, made=_bought(asset),
                        made_leaf=hardware_leaf(asset))  # fmt: skip
    if asset.is_sold_by_org:
        return Decision(rule="12", energy=scope_3(11), energy_leaf=infrastructure,
                        making=Making.WHEN_ACQUIRED, made=scope_3(1), made_leaf=infrastructure,
                        is_lifetime=True)  # fmt: skip
    making = Making.LEAF_ONLY if asset.is_required_by_service else Making.MEMO
    return Decision(rule="13", energy=scope_3(11), energy_leaf=infrastructure, making=making,
                    made_leaf=infrastructure if making is Making.LEAF_ONLY else None)  # fmt: skip


def _undecided(asset: Asset) -> Decision:
    raise UndecidedError(
        f"asset {asset.asset_id}: no rule says where it belongs with role {asset.role}, site "
        f"{asset.site_kind}, owner {asset.owner}, controller {asset.controller} and electricity "
        f"paid by {asset.electricity_payer}; correct one of them"
    )
