"""PURE. Software Carbon Intensity of a service: SCI = (O + M) per R (ISO/IEC 21031:2024).

O is the energy of everything the service runs on, idle and reserved time and the facility's
overhead with it, at location-based intensities; no certificates, no offsets. M is the making of
the same things, amortised: TE x (time reserved / life) x (resources reserved / resources), whoever
owns them. R is a count of functional units; without any there is no SCI.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fractions import Fraction

from wattgram.readings import Quality
from wattgram.units import GRAMS_PER_KILOGRAM
from wattgram_collector.inventory.metering.energy import INSIDE_NOTE
from wattgram_collector.inventory.postings import Book, Method, Posting, Role, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Sci:
    """One service and unit over one period. None: not known, or no unit was counted."""

    service: str
    unit: str
    count: Fraction | None
    """R; None where nobody counted, or what was counted cannot be summed."""
    energy_kilowatt_hours: Fraction | None
    """None where no energy is known of the service."""
    intensity_grams_per_kilowatt_hour: Fraction | None
    """What O comes to over the energy that is priced."""
    operational_grams: Fraction | None
    embodied_grams: Fraction | None
    """None where what an asset of it is made of is not known, or nothing is known of any part."""
    components: tuple[str, ...]
    """What is within the boundary: assets and activities."""
    is_measured: bool
    """Whether every quantity of O was measured; else it is a calculation."""
    without_making: tuple[str, ...] = ()
    """Components of O whose making is not known: M is without them, or not known."""

    @property
    def grams_per_unit(self) -> Fraction | None:
        if not self.count or self.operational_grams is None or self.embodied_grams is None:
            return None
        return (self.operational_grams + self.embodied_grams) / self.count


def sci(
    service: str,
    unit: str,
    count: Fraction | None,
    postings: Iterable[Posting],
    unmade: Collection[str] = (),
) -> Sci:
    """Return the SCI of a service over the period of the postings.

    O is unknown, and with it the SCI, where no energy is known of the service, or a part of it has
    no price: a sum without it would be too small. So is M where the making of an asset is not
    known: `unmade` has those, as `asset/ID`; an asset that is neither there nor posted is past its
    life, or inside another. Raises ValueError for a count below zero.
    """
    if count is not None and count < 0:
        raise ValueError(f"{service}: {count} {unit} is below zero")
    mine = [one for one in postings if one.service == service]
    used = [*(one for one in mine if _is_operational(one)), *metered_inside(mine)]
    made = [one for one in mine if _is_making(one)]
    energy = sum((one.quantity or Fraction(0) for one in used), Fraction(0))
    grams = [one.grams for one in used]
    known = [one for one in grams if one is not None]
    is_known = bool(used) and len(known) == len(grams)
    operational = sum(known, Fraction(0)) if is_known else None
    lacking = _without_making(used, made, unmade)
    is_made = not any(one.startswith("asset/") for one in lacking) and (made or not lacking)
    return Sci(
        service=service,
        unit=unit,
        count=count,
        energy_kilowatt_hours=energy if used else None,
        intensity_grams_per_kilowatt_hour=operational / energy if operational and energy else None,
        operational_grams=operational,
        embodied_grams=sum((one.grams or Fraction(0) for one in made), Fraction(0))
        if is_made
        else None,
        components=tuple(sorted({one.subject for one in used + made})),
        is_measured=bool(used) and all(one.tier_activity is Quality.MEASURED for one in used),
        without_making=lacking,
    )


def metered_inside(mine: Iterable[Posting]) -> list[Posting]:
    """Return the energy of a service's assets that others have: a hall's meter, a generator.

    There it is an allocation and in no total; the service uses it all the same. Not where the
    other is of the service itself: its whole energy is there already.
    """
    found = list(mine)
    others = {one.subject.partition("/")[2] for one in found if _is_operational(one)}
    inside = [one for one in found if _is_energy(one) and one.role is Role.ALLOCATION]
    return [
        one
        for one in inside
        if one.subject.startswith("asset/")
        and not any(INSIDE_NOTE.format(name) in one.note for name in others)
    ]


def embodied_grams(
    total_kilograms: Fraction,
    life_seconds: int,
    reserved_seconds: int,
    reserved_share: Fraction = Fraction(1),
) -> Fraction:
    """Return M = TE x (TiR / EL) x (RR / ToR); 1000 kg over 4 years is 28.54 g for an hour."""
    if life_seconds <= 0:
        raise ValueError("a life of no time")
    return (
        total_kilograms
        * GRAMS_PER_KILOGRAM
        * Fraction(reserved_seconds, life_seconds)
        * reserved_share
    )


def _is_energy(one: Posting) -> bool:
    return one.stage is Stage.USE and one.unit == "kWh" and one.method is not Method.MARKET


def _is_operational(one: Posting) -> bool:
    return _is_energy(one) and one.role is Role.PRIMARY


def _is_making(one: Posting) -> bool:
    """Book B of an asset, the organisation's or a lessor's; the machines of a provider."""
    if one.stage is Stage.EMBODIED_AMORTISED:
        return one.book is Book.AMORTISED or (one.in_ghg and one.role is Role.PRIMARY)
    is_machines = one.stage is Stage.PURCHASED and one.unit == "s"
    return is_machines and one.role is Role.PRIMARY


def _without_making(
    used: Iterable[Posting], made: Iterable[Posting], unmade: Collection[str]
) -> tuple[str, ...]:
    """Return what runs the service and of whose making nothing is known."""
    known = {one.subject for one in made}
    return tuple(
        sorted(
            {
                one.subject
                for one in used
                if one.subject not in known
                and (one.subject in unmade or not one.subject.startswith("asset/"))
            }
        )
    )
