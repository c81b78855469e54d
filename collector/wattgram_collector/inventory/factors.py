"""PURE. What a quantity is multiplied with, and all that must be known of it to defend it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction

from wattgram.readings import Quality
from wattgram_collector.inventory.postings import Gas


class FactorBoundary(StrEnum):
    """Which part of a supply a factor has inside."""

    COMBUSTION = "combustion"
    """Tank to wheel, of electricity its generation: scopes 1 and 2."""
    WELL_TO_TANK = "wtt"
    """The supply of the fuel: 3.3a, 3.3b."""
    LIFECYCLE = "lifecycle"
    """Both, of electricity with the building of the plants: never scope 2 beside 3.3."""
    CRADLE_TO_GATE = "cradle_to_gate"
    CRADLE_TO_GRAVE = "cradle_to_grave"


class GwpSet(StrEnum):
    """Which assessment report's warming potentials; empty where the source does not say."""

    AR4 = "AR4"
    AR5 = "AR5"
    AR6 = "AR6"
    UNSTATED = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """Kilograms of CO2e per unit, as published.

    Raises ValueError for one that says nothing of its source or is below zero.
    """

    factor_id: str
    value: Fraction
    """Kilograms of CO2e per `unit`."""
    unit: str
    source: str
    source_version: str
    boundary: FactorBoundary
    valid_from: date | None = None
    valid_to: date | None = None
    region: str = ""
    includes_losses: bool = False
    gwp_set: GwpSet = GwpSet.UNSTATED
    is_marginal: bool = False
    licence: str = ""
    sha256: str = ""
    """Of the table that it stands in; empty for one that an activity brought along."""
    tier: Quality = Quality.DEFAULT
    uncertainty_ratio: Fraction | None = None
    gases: Mapping[Gas, Fraction] = field(default_factory=dict)
    """Kilograms of CO2e per unit and gas, where the source says them apart."""
    indicators: tuple[int, int, int, int, int] | None = None
    """Technology, time, geography, completeness, reliability: 1 (best) to 5."""
    reference: str = ""
    """Where in its source: a row's own id, or a title."""
    flags: tuple[str, ...] = ()
    """Words of docs/inventory-factors.md that say what to mind."""

    def __post_init__(self) -> None:
        if not (self.factor_id and self.unit and self.source and self.source_version):
            raise ValueError(f"factor {self.factor_id!r}: id, unit, source and version are said")
        if self.value < 0:
            raise ValueError(f"factor {self.factor_id}: {self.value} is below zero")
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            raise ValueError(f"factor {self.factor_id}: valid until before it is valid")
