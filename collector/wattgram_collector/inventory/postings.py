"""PURE. The one record of the inventory: a quantity times a factor, in one place each.

Totals are sums of postings and nothing else. `in_ghg` and `in_tcs` say in which total a posting
is; the rest (memos, allocations of what is posted elsewhere, alternatives) is in none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

from wattgram.readings import Quality
from wattgram_collector.inventory.places import GhgPlace, TcsLeaf

if TYPE_CHECKING:
    from wattgram_collector.inventory.factors import Factor


class Stage(StrEnum):
    """Which part of a life or of a supply a posting is about."""

    USE = "use"
    """Electricity used; in scope 1 fuel burnt."""
    FUEL_SUPPLY = "fuel_supply"
    """3.3a."""
    ELECTRICITY_SUPPLY = "electricity_supply"
    """3.3b: fuel supply of the generation of what is used."""
    LOSSES = "losses"
    """3.3c: generation, and its fuel supply, of what the grid loses on the way."""
    RESOLD = "resold"
    """3.3d."""
    EMBODIED_ACQUIRED = "embodied_acquired"
    """Book A: all of it, once, when the asset is acquired."""
    EMBODIED_AMORTISED = "embodied_amortised"
    """Book B: spread over the asset's life."""
    TRANSPORT = "transport"
    END_OF_LIFE = "end_of_life"
    NETWORK = "network"
    FUGITIVE = "fugitive"
    """Refrigerants that leak."""
    PURCHASED = "purchased"
    OTHER = "other"


class Book(StrEnum):
    """A: the inventory, with what was acquired in the year of its acquisition. B: amortised."""

    INVENTORY = "A"
    AMORTISED = "B"


class Role(StrEnum):
    """Whether a posting is the one that counts."""

    PRIMARY = "primary"
    MEMO = "memo"
    """Stated beside the totals and in none."""
    ALLOCATION = "allocation"
    """A share of what another posting has, shown where it belongs; in no total."""


class Method(StrEnum):
    """Of scope 2; a total has one of them, never both."""

    LOCATION = "location"
    MARKET = "market"
    NONE = "-"


class Gas(StrEnum):
    """What a factor says apart, all in grams of CO2e but the last, which is in no CO2e total."""

    CO2_FOSSIL = "co2_fossil"
    CH4 = "ch4"
    N2O = "n2o"
    OTHER = "other"
    CO2_BIOGENIC = "co2_biogenic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One line of the inventory's ledger. `grams` is None where nothing prices the quantity."""

    start_unix_seconds: int
    end_unix_seconds: int
    """Half open; an instant (a purchase) has the second after it as its end."""
    subject: str
    """Of what: `asset/ID`, `activity/ID` or `agent/HOST` for one that no asset binds."""
    stage: Stage
    place: GhgPlace | None
    """None: in no GHG category."""
    leaf: TcsLeaf | None
    method: Method = Method.NONE
    book: Book = Book.INVENTORY
    role: Role = Role.PRIMARY
    quantity: Fraction | None = None
    unit: str = ""
    factor: str = ""
    """Key of a factor of this run (factors.csv); empty where nothing prices it."""
    factor_value: Fraction | None = None
    """Kilograms of CO2e per unit; where many factors of an hour priced it, what they come to."""
    alpha: Fraction = Fraction(1)
    """Share of the asset or the activity that is attributed to the organisation."""
    pue: Fraction = Fraction(1)
    grams: Fraction | None = None
    gases: Mapping[Gas, Fraction] = field(default_factory=dict)
    """Grams, where the factor says them apart; empty: not known apart."""
    in_ghg: bool = True
    in_tcs: bool = True
    tier_activity: Quality = Quality.DECLARED
    tier_factor: Quality = Quality.DEFAULT
    uncertainty_ratio: Fraction | None = None
    """Half width of the 95 % interval over the value; None: that of the tier."""
    is_supplier_data: bool = False
    org_unit: str = ""
    service: str = ""
    """What it works for; the SCI is of a service."""
    rule: str = ""
    """Of the decision table, or the method of an activity as `T02`."""
    evidence: str = ""
    """How to follow it: an agent and its slots, an activity's line, a document."""
    note: str = ""
    priced_by: Factor | None = field(default=None, repr=False, compare=False)
    """Of an activity the factor itself, for factors.csv: a row may have brought it along."""

    def __post_init__(self) -> None:
        """Raise ValueError for what no posting can be: each invariant is one of the inventory."""
        if self.end_unix_seconds <= self.start_unix_seconds:
            raise ValueError(f"{self.subject}: the interval ends before it begins")
        if self.grams is not None and self.grams < 0:
            raise ValueError(f"{self.subject}: emissions below zero; a correction reverses")
        if self.role is not Role.PRIMARY and (self.in_ghg or self.in_tcs):
            raise ValueError(f"{self.subject}: a {self.role} is in no total")
        if self.in_ghg and self.place is None:
            raise ValueError(f"{self.subject}: in the GHG total, but in no category")
        if self.in_tcs and self.leaf is None:
            raise ValueError(f"{self.subject}: in the TCS total, but at no leaf")
        if self.book is Book.AMORTISED and self.in_ghg:
            raise ValueError(f"{self.subject}: book B is never in the GHG inventory")
        if self.in_tcs and self.method is Method.MARKET:
            raise ValueError(f"{self.subject}: the TCS total is location-based")

    @property
    def tier(self) -> Quality:
        """The worse of the activity's and the factor's."""
        order = (Quality.MEASURED, Quality.DECLARED, Quality.MODELLED, Quality.DEFAULT)
        return max(self.tier_activity, self.tier_factor, key=order.index)
