"""PURE. What another decision about hardware would come to: memos, never in a total.

Figures are in kilograms of CO2e of the making (TE') and years; use is kWh a year at one
intensity. What is annualised is not an inventory: that books the making when it is bought.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from wattgram.units import (
    GRAMS_PER_KILOGRAM,
    HOURS_PER_YEAR,
    WATTS_PER_KILOWATT,
)
from wattgram_collector.inventory.activities.activity import PERCENT
from wattgram_collector.inventory.register.assets import Condition


class Line(NamedTuple):
    """One figure of an answer; None: it does not exist."""

    name: str
    """With its unit last."""
    value: Fraction | None
    formula: str


class Use(NamedTuple):
    """What a device uses in a year, and the grid that it draws from."""

    kilowatt_hours_per_year: Fraction = Fraction(0)
    grams_per_kilowatt_hour: Fraction = Fraction(0)

    @property
    def kilograms_per_year(self) -> Fraction:
        return self.kilowatt_hours_per_year * self.grams_per_kilowatt_hour / GRAMS_PER_KILOGRAM


class Owned(NamedTuple):
    """A device: its making, its life as planned, and how old it is."""

    kilograms: Fraction
    life_years: Fraction
    age_years: Fraction = Fraction(0)

    @property
    def accrued_kilograms(self) -> Fraction:
        """What is amortised by its age: all of it at most."""
        return min(self.kilograms, self.kilograms * self.age_years / self.life_years)


def extend_life(
    owned: Owned, longer_years: Fraction, use: Use, repair_kilograms: Fraction = Fraction(0)
) -> list[Line]:
    """Return what a longer life saves a year: looked at from the start, and from now on.

    Retrospective: TE/L - TE/L'. Prospective: (TE - accrued + repair) / (L' - age), against what
    the rest of the planned life would take. Raises ValueError where L' is not longer, or is over.
    """
    kilograms, life, age = owned
    if longer_years <= life:
        raise ValueError("the life must become longer")
    if longer_years <= age:
        raise ValueError("the longer life is over already")
    before, after = kilograms / life, (kilograms + repair_kilograms) / longer_years
    used = use.kilograms_per_year
    change = None if not before + used else (after - before) / (before + used) * PERCENT
    left = kilograms - owned.accrued_kilograms + repair_kilograms
    return [
        Line("embodied_before_kilograms_per_year", before, "TE / L"),
        Line("embodied_after_kilograms_per_year", after, "(TE + repair) / L'"),
        Line("embodied_change_kilograms_per_year", after - before, "after - before"),
        Line("whole_before_kilograms_per_year", before + used, "TE / L + use"),
        Line("whole_after_kilograms_per_year", after + used, "(TE + repair) / L' + use"),
        Line("whole_change_percent", change, "(after - before) / before"),
        Line("prospective_kilograms_per_year", left / (longer_years - age),
             "(TE - accrued + repair) / (L' - age)"),
    ]  # fmt: skip


def retire_early(owned: Owned, units: int = 1) -> list[Line]:
    """Return what is destroyed of a making that is not yet used up: TE x rest of life / life."""
    left = owned.kilograms - owned.accrued_kilograms
    return [
        Line("accrued_kilograms", units * owned.accrued_kilograms, "units x TE x age / L"),
        Line("written_off_kilograms", units * left, "units x (TE - accrued)"),
    ]


def refurbish(kilograms: Fraction, life_years: Fraction) -> list[Line]:
    """Return what is booked of a making for each condition that the same thing is bought in."""
    lines = []
    for one in Condition:
        share = one.share
        text = f"TE x {float(share):g}"
        lines.append(Line(f"{one}_kilograms", kilograms * share, text))
        lines.append(Line(f"{one}_kilograms_per_year", kilograms * share / life_years,
                          f"{text} / L"))  # fmt: skip
    return lines


def replace_host(
    kilograms: Fraction, old_watts: Fraction, new_watts: Fraction,
    grams_per_kilowatt_hour: Fraction, life_years: Fraction,
) -> list[Line]:  # fmt: skip
    """Return when a new host has saved what its making emitted: TE / (saved power x 8760 h x I).

    None where it saves nothing. The old host's making is spent either way.
    """
    saved = (
        (old_watts - new_watts) * HOURS_PER_YEAR / WATTS_PER_KILOWATT * grams_per_kilowatt_hour
    ) / GRAMS_PER_KILOGRAM
    is_better = saved > 0
    return [
        Line("saved_kilograms_per_year", saved, "(P_old - P_new) x 8.76 x I"),
        Line("break_even_years", kilograms / saved if is_better else None, "TE_new / saved"),
        Line("net_over_life_kilograms", kilograms - saved * life_years,
             "TE_new - saved x life; below 0: replacing emits less"),
    ]  # fmt: skip


def ratio_method(
    use_kilograms: Fraction, use_percent: Fraction, making_percent: Fraction
) -> list[Line]:
    """Return a making by the share that it usually has beside the use: C_E = C_U x P_E / P_U.

    For want of anything better: it depends on the life and on the grid of whoever found the
    shares, and not for printers. Raises ValueError for shares that are none.
    """
    if use_percent <= 0 or making_percent < 0:
        raise ValueError("shares of use and making must be above 0")
    making = use_kilograms * making_percent / use_percent
    return [Line("embodied_kilograms", making, "use x share of making / share of use")]
