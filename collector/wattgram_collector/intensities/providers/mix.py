"""PURE. A generation mix to its carbon intensity, on the axis of the factors that are given.

    intensity = sum(generation x factor) / sum(generation)

per slot, over everything that generates: pumping and charging (negative) are not generation, so
negatives count as 0. Storage that discharges was generated before; without a factor of its own
it is left out, which prices it at the mean of its slot. What no factor is known for, and a slot
from which kinds of plant are missing that reported lately, makes the mix partial: it has no
intensity, rather than a wrong one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram.units import SECONDS_PER_DAY, SECONDS_PER_HOUR
from wattgram_collector.intensities.providers.provider import TIER_OF
from wattgram_collector.intensity import Boundary, Intensity, Losses, Scope, Status

DECIMALS: Final = 3
"""Of the text of an intensity, in g/kWh; rounded half to even from the exact quotient."""

UNKNOWN: Final = "unknown"
IMPORTS: Final = frozenset({"import", "imports"})
STORAGE: Final = frozenset({"hydro_pumped", "battery", "storage"})
RECENT_SECONDS: Final = SECONDS_PER_DAY

# A set that does not tell kinds apart has their common factor under the broader name.
_BROADER: Final = {
    "biogas": "biomass",
    "coal_gas": "gas",
    "hydro_reservoir": "hydro",
    "hydro_run_of_river": "hydro",
    "lignite": "coal",
    "oil_shale": "oil",
    "peat": "coal",
    "wind_offshore": "wind",
    "wind_onshore": "wind",
}

Mix = Mapping[str, Fraction]
"""Generation by kind of plant, as its source names it, in any one unit of energy or power."""


class Factors(NamedTuple):
    """What a kilowatt-hour of each fuel emits, all on one axis.

    `name` is on every gram: it tells which set, and which version of it. Fuels are named as
    the columns of the providers name them; `unknown`, where present, stands for fuels without a
    row. Imports (`imports`, `import_fr`) have a row of their own or none.
    """

    name: str
    scope: Scope
    grams_per_kilowatt_hour: Mapping[str, Fraction]
    losses: Losses = Losses.BUSBAR

    def of(self, fuel: str) -> Fraction | None:
        """Return the factor of a fuel: its own, its kind's, that of unknown ones; or None."""
        table = self.grams_per_kilowatt_hour
        if fuel in STORAGE or fuel.partition("_")[0] in IMPORTS:
            return table.get(fuel)
        names = (fuel, _BROADER.get(fuel, fuel), UNKNOWN)
        return next((table[name] for name in names if name in table), None)


def measured(
    values: Mapping[int, str], step_seconds: int, zone: str, provider: str, factors: Factors
) -> list[Intensity]:
    """Return the intensities of slots whose production was measured, by when they begin."""
    return [
        Intensity(
            zone=zone,
            grams_per_kilowatt_hour=text,
            tier=TIER_OF[Status.MEASURED],
            provider=provider,
            version=factors.name,
            valid_from_unix_seconds=start,
            valid_until_unix_seconds=start + step_seconds,
            scope=factors.scope,
            boundary=Boundary.PRODUCTION,
            losses=factors.losses,
            status=Status.MEASURED,
        )
        for start, text in values.items()
    ]


def intensity(
    mix: Mix,
    factors: Factors,
    fuel_of: Mapping[str, str] | None = None,
    *,
    excluded: frozenset[str] = frozenset(),
) -> Fraction | None:
    """Return grams per kilowatt-hour, exactly; None where the mix does not allow one.

    `fuel_of` names the fuel of each kind of plant; kinds that it does not have are unknown.
    Without it kinds are fuels. `excluded` are kinds that are in the mix but not wanted in it,
    such as imports when the intensity of production is asked for.
    """
    generated = grams = Fraction(0)
    for kind, amount in mix.items():
        if kind in excluded or amount <= 0:
            continue
        fuel = kind if fuel_of is None else fuel_of.get(kind, UNKNOWN)
        factor = factors.of(fuel)
        if factor is not None:
            generated += amount
            grams += amount * factor
        elif fuel not in STORAGE:
            return None
    return grams / generated if generated else None


def decimal_text(value: Fraction) -> str:
    """Return the number with at most `DECIMALS` decimals, without trailing zeros."""
    rounded = round(value, DECIMALS)
    return format(Decimal(rounded.numerator) / rounded.denominator, "f")


def complete(slots: Mapping[int, Mix], *, allowance: int = 0) -> set[int]:
    """Return the starts of the slots in which no kind of plant is missing.

    A slot may have `allowance` kinds fewer than the most that any slot within a day of it has.
    """
    most: dict[int, int] = {}
    for start, mix in slots.items():
        hour = start // SECONDS_PER_HOUR
        most[hour] = max(most.get(hour, 0), len(mix))
    reach = RECENT_SECONDS // SECONDS_PER_HOUR
    recent = {
        hour: max(most.get(near, 0) for near in range(hour - reach, hour + reach + 1))
        for hour in most
    }
    return {
        start
        for start, mix in slots.items()
        if mix and len(mix) >= recent[start // SECONDS_PER_HOUR] - allowance
    }


class Priced(NamedTuple):
    """g/kWh as decimal text by the start of each slot, and how many slots have none but should.

    The newest slots, while kinds of plant are still to come, are not yet there: no hole.
    """

    values: Mapping[int, str]
    holes: int


def priced(
    slots: Mapping[int, Mix],
    wanted: Sequence[int],
    factors: Factors,
    fuel_of: Mapping[str, str] | None = None,
    *,
    allowance: int = 0,
) -> Priced:
    """Return the intensities of the slots that are `wanted`, which are in order of time.

    The other slots only tell which kinds of plant there are.
    """
    whole = complete(slots, allowance=allowance)
    values: dict[int, str] = {}
    holes = waiting = 0
    for start in wanted:
        value = intensity(slots[start], factors, fuel_of) if start in whole else None
        if value is not None:
            values[start] = decimal_text(value)
            holes += waiting
            waiting = 0
        elif start in whole:
            holes += 1
        else:
            waiting += 1
    return Priced(values, holes if values else holes + waiting)
