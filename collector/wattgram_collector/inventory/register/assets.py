"""PURE. What a host, or a thing without an agent, is to the organisation: the asset register.

An asset is said in versions: each holds from a day on until the next. What never changes in the
life of an asset (what it is made of, when it was acquired) may be said in the first one only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fnmatch import fnmatchcase
from fractions import Fraction
from itertools import pairwise
from typing import Final

from wattgram.readings import Quality


class AssetRole(StrEnum):
    SERVER = "server"
    NETWORK = "network"
    EMPLOYEE_DEVICE = "employee_device"
    CUSTOMER_DEVICE = "customer_device"
    """General purpose, the customer's own: a phone, a laptop."""
    CUSTOMER_INFRA = "customer_infra"
    """At a customer for the service: a gateway, an edge server."""
    IOT = "iot"
    OT = "ot"
    GENERATOR = "generator"


class SiteKind(StrEnum):
    ONSITE = "onsite"
    OFFSITE = "offsite"
    """At an employee's home or on the road."""
    COLO = "colo"
    CLOUD = "cloud"
    CUSTOMER_SITE = "customer_site"


class Party(StrEnum):
    ORG = "org"
    EMPLOYEE = "employee"
    CUSTOMER = "customer"
    PROVIDER = "provider"
    LESSOR = "lessor"
    LANDLORD = "landlord"


class Supply(StrEnum):
    GRID = "grid"
    GENERATOR = "generator"
    ONSITE_RENEWABLE = "onsite_renewable"
    BATTERY = "battery"


class Condition(StrEnum):
    """How an asset was acquired: what share of its making is the buyer's (TCS case study)."""

    NEW = "new"
    REMANUFACTURED = "remanufactured"
    REFURBISHED = "refurbished"
    REUSED = "reused"

    @property
    def share(self) -> Fraction:
        return _CONDITION_SHARES[self]


_CONDITION_SHARES: Final = {
    Condition.NEW: Fraction(1),
    Condition.REMANUFACTURED: Fraction("0.40"),
    Condition.REFURBISHED: Fraction("0.15"),
    Condition.REUSED: Fraction(0),
}


class MeteringPoint(StrEnum):
    """What the reading is of; the PUE of sites takes care of the facility."""

    FACILITY = "facility"
    OUTLET = "outlet"
    COMPONENT = "component"
    """On the DC side: divided by the efficiency of the power supply where that is stated."""


_BY_NAME: Final = 1 << 30
"""Stronger than a pattern of any length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Embodied:
    """What is known of an asset's making; the first that is known is used, and nothing added.

    Shares of `total_kilograms` (cradle to gate, transport, end of life) sum to at most 1 with
    its use already taken out; None: those of the class.
    """

    total_kilograms: Fraction | None = None
    """Of one unit, without use: manufacture, transport, end of life."""
    manufacturing_share: Fraction | None = None
    transport_share: Fraction | None = None
    end_of_life_share: Fraction | None = None
    source: str = ""
    tier: Quality = Quality.DECLARED
    low_kilograms: Fraction | None = None
    high_kilograms: Fraction | None = None

    def __post_init__(self) -> None:
        """Raise ValueError naming the columns that cannot be together."""
        shares = (self.manufacturing_share, self.transport_share, self.end_of_life_share)
        whole = sum((one for one in shares if one is not None), Fraction(0))
        if whole > 1 or (whole != 1 and None not in shares):
            raise ValueError(
                "embodied_manufacturing_share, embodied_transport_share and "
                f"embodied_end_of_life_share must sum to 1, not {float(whole):g}"
            )
        ends = (self.low_kilograms, self.total_kilograms, self.high_kilograms)
        known = [one for one in ends if one is not None]
        if known != sorted(known):
            raise ValueError("embodied_low_kilograms, _kilograms and _high_kilograms must rise")


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What an asset is made of, as its agent or its owner says; None is not known."""

    manufacturer: str = ""
    model: str = ""
    processors: int | None = None
    memory_gigabytes: Fraction | None = None
    hdds: int | None = None
    ssds: int | None = None
    gpus: int | None = None
    mass_kilograms: Fraction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One version of one asset, or of `units` equal ones, from `valid_from` on.

    Raises ValueError naming the field that cannot be.
    """

    asset_id: str
    valid_from: date | None = None
    """None: ever since."""
    device_class: str
    role: AssetRole
    site: str = ""
    site_kind: SiteKind
    country: str = ""
    zone: str = ""
    owner: Party
    controller: Party
    electricity_payer: Party
    supply: Supply = Supply.GRID
    generator: str = ""
    """Asset that supplies it where supply is generator: its fuel is booked there, once."""
    units: int = 1
    org_unit: str = ""
    service: str = ""
    customer: str = ""
    agent_ids: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    """Names or patterns of the hosts that are this asset; an agent's id goes before a name, a
    name before a pattern, a longer pattern before a shorter one."""
    parent: str = ""
    is_included_in_parent: bool = False
    is_sold_by_org: bool = False
    sold_on: date | None = None
    is_leased_out: bool = False
    is_required_by_service: bool = True
    """Of customer infrastructure bought elsewhere: whether the offering needs it."""
    is_capitalised: bool = True
    acquired_on: date | None = None
    disposed_on: date | None = None
    is_transport_paid_by_org: bool = True
    disposal_treatment: str = ""
    condition: Condition = Condition.NEW
    build: Build = field(default_factory=Build)
    embodied: Embodied = field(default_factory=Embodied)
    life_years: Fraction | None = None
    """Expected in service; None: that of the class."""
    duty_ratio: Fraction = Fraction(1)
    """Expected share of its life that it is on."""
    alpha: Fraction = Fraction(1)
    alpha_basis: str = ""
    metering_point: MeteringPoint = MeteringPoint.OUTLET
    psu_efficiency: Fraction | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if not self.asset_id:
            raise ValueError("asset_id is empty")
        if self.units < 1:
            raise ValueError(f"units must be at least 1, not {self.units}")
        if any(";" in one or not one.strip() for one in (*self.agent_ids, *self.hosts)):
            raise ValueError("agent_ids and hosts are names without ;")
        self._require_ratios()
        self._require_dates()
        if self.is_included_in_parent and not self.parent:
            raise ValueError("included_in_parent needs a parent")
        if self.generator and self.supply is not Supply.GENERATOR:
            raise ValueError("generator is said, but supply is not generator")

    def _require_ratios(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"alpha must be 0 to 1, not {float(self.alpha):g}")
        if self.alpha != 1 and not self.alpha_basis:
            raise ValueError("alpha_basis must say why alpha is not 1")
        if not 0 < self.duty_ratio <= 1:
            raise ValueError(f"duty_ratio must be above 0 and at most 1, not {self.duty_ratio}")
        if self.psu_efficiency is not None:
            if not 0 < self.psu_efficiency <= 1:
                raise ValueError("psu_efficiency must be above 0 and at most 1")
            if self.metering_point is not MeteringPoint.COMPONENT:
                raise ValueError("psu_efficiency is of what is metered at a component")
        if self.life_years is not None and self.life_years <= 0:
            raise ValueError("life_years must be above 0")

    def _require_dates(self) -> None:
        bought, gone, sold = self.acquired_on, self.disposed_on, self.sold_on
        if bought and gone and gone < bought:
            raise ValueError("disposed_on is before acquired_on")
        if sold and not self.is_sold_by_org:
            raise ValueError("sold_on is said, but not sold_by_org")
        if self.is_sold_by_org and self.is_leased_out:
            raise ValueError("sold_by_org and leased_out exclude each other")


class Register:
    """Every version of every asset, and which agent is which."""

    def __init__(self, versions: Iterable[Asset]) -> None:
        """Raise ValueError naming two versions of one day, or a parent that is none."""
        self._versions: dict[str, list[Asset]] = {}
        for one in versions:
            self._versions.setdefault(one.asset_id, []).append(one)
        for asset_id, found in self._versions.items():
            found.sort(key=lambda one: one.valid_from or date.min)
            for before, after in pairwise(found):
                if before.valid_from == after.valid_from:
                    raise ValueError(f"asset {asset_id}: two versions from {after.valid_from}")
        for found in self._versions.values():
            self._require_references(found)

    def _require_references(self, found: list[Asset]) -> None:
        for one in found:
            for name, other in (("parent", one.parent), ("generator", one.generator)):
                if other and (other not in self._versions or other == one.asset_id):
                    raise ValueError(f"asset {one.asset_id}: its {name} {other!r} is no asset")

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._versions))

    def __contains__(self, asset_id: str) -> bool:
        return asset_id in self._versions

    def versions(self, asset_id: str) -> tuple[Asset, ...]:
        """Return the versions of an asset, the first first; raises KeyError."""
        return tuple(self._versions[asset_id])

    def at(self, asset_id: str, day: date) -> Asset | None:
        """Return the version that holds on a day; None before the first."""
        found = None
        for one in self._versions.get(asset_id, ()):
            if one.valid_from is None or one.valid_from <= day:
                found = one
        return found

    def changes(self) -> set[date]:
        """Return the days on which a version begins: intervals are cut there."""
        return {
            one.valid_from for found in self._versions.values() for one in found if one.valid_from
        }

    def bound(self, agents: Mapping[str, str], day: date) -> dict[str, Asset]:
        """Return the asset of each agent on a day; `agents` is agent id to host name.

        Raises ValueError naming an agent that two assets claim as strongly.
        """
        held = [one for name in self if (one := self.at(name, day)) is not None]
        by_id: dict[str, list[Asset]] = {}
        for one in held:
            for agent_id in one.agent_ids:
                by_id.setdefault(agent_id, []).append(one)
        patterned = [one for one in held if one.hosts]
        found: dict[str, Asset] = {}
        for agent_id, host in agents.items():
            claims = by_id.get(agent_id) or by_host(patterned, host)
            if len(claims) > 1:
                names = " and ".join(sorted(one.asset_id for one in claims))
                raise ValueError(f"host {host} is claimed by {names} alike on {day}")
            if claims:
                found[agent_id] = claims[0]
        return found


def claims_host(pattern: str, host: str) -> bool:
    """Return whether a name or a pattern is of a host."""
    return pattern == host or fnmatchcase(host, pattern)


def by_host(held: Iterable[Asset], host: str) -> list[Asset]:
    """Return the assets that claim a host most strongly: by name, else by the longest pattern."""
    best, strength = [], 0
    for one in held:
        for pattern in one.hosts:
            if pattern == host:
                mine = _BY_NAME
            elif fnmatchcase(host, pattern):
                mine = len(pattern)
            else:
                continue
            if mine > strength:
                best, strength = [one], mine
            elif mine == strength and one not in best:
                best.append(one)
    return best
