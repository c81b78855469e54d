"""PURE. What is thrown away: 3.5 by the organisation, 3.12 what it sold.

All future emissions of the waste are posted in the year of its disposal, and those of sold
products in the year of their sale. Source: Scope 3 Technical Guidance, chapters 5 and 12.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from wattgram.readings import Quality
from wattgram_collector.inventory.activities.activity import (
    Activity,
    Column,
    FactorTable,
    Kind,
)
from wattgram_collector.inventory.activities.cells import positive, ratio, text
from wattgram_collector.inventory.activities.pricing import (
    Spot,
    needed,
    own_factor,
    posting,
    require_own_fits,
    shipped,
    wrong,
)
from wattgram_collector.inventory.factors import Factor
from wattgram_collector.inventory.places import scope_3
from wattgram_collector.inventory.postings import Posting, Stage

TREATMENTS: Final = (
    "recycled", "landfilled", "combusted", "composted", "digested_dry", "digested_wet",
)  # fmt: skip


def treatment(cell: str) -> str:
    if cell not in TREATMENTS:
        raise ValueError(f"must be one of {', '.join(TREATMENTS)}")
    return cell


def parse_mix(cell: str) -> tuple[tuple[str, Fraction], ...]:
    """Return treatments with their shares, as in `recycled:0.6;landfilled:0.4`: they sum to 1."""
    found: dict[str, Fraction] = {}
    for part in cell.split(";"):
        name, colon, share = part.strip().partition(":")
        if not colon or name in found:
            raise ValueError("must be shares such as recycled:0.6;landfilled:0.4, each once")
        found[treatment(name)] = ratio(share)
    if sum(found.values()) != 1:
        raise ValueError(f"the shares must sum to 1, not {float(sum(found.values()))}")
    return tuple(found.items())


def _factor(activity: Activity, factors: FactorTable, how: str) -> Factor:
    own = own_factor(activity, "kg")
    if own is not None:
        return own
    material = str(activity.values.get("material") or "")
    if not material:
        raise wrong("material", "", "is required, or a factor of your own")
    if f"waste/{material}/{how}" not in factors:
        known = factors.names(f"waste/{material}/")
        if known:
            raise wrong("treatment", how, f"{material} has {', '.join(known)} only; for another "
                        "give a factor of your own")  # fmt: skip
        return shipped(factors, f"waste/{material}", "material", material,
                       {one.rpartition("/")[0] for one in factors.names("waste/")})  # fmt: skip
    return factors.one(f"waste/{material}/{how}")


def _waste(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    require_own_fits(activity, "kg")
    (kilograms,) = needed(activity, "kg", why="")
    how = str(activity.values["treatment"])
    yield posting(activity, _factor(activity, factors, how), kilograms, Spot(
        Stage.END_OF_LIFE, scope_3(5), rule="5", note=how))  # fmt: skip


def _end_of_life(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    """Units x kg x Σ share x factor; one own factor stands for the whole mix."""
    require_own_fits(activity, "kg")
    units, each = needed(activity, "units_sold", "kg_per_unit", why="")
    spot = Spot(Stage.END_OF_LIFE, scope_3(12), rule="12", tier=Quality.MODELLED)
    if own_factor(activity, "kg") is not None:
        yield posting(activity, _factor(activity, factors, ""), units * each, spot)
        return
    for how, share in activity.values["treatment_mix"]:
        if share:
            yield posting(activity, _factor(activity, factors, how), units * each * share,
                          spot._replace(note=f"{how} {float(share)}, assumed"))  # fmt: skip


_MATERIAL: Final = Column("material", "as in waste.csv: mixed_electronics, weee_mixed …", text)

WASTE: Final = Kind(
    name="waste",
    meaning="waste of operations, by its treatment",
    columns=(
        _MATERIAL,
        Column("treatment", ", ".join(TREATMENTS), treatment, is_required=True),
        Column("kg", "thrown away", positive, is_required=True),
    ),
    reckon=_waste,
    places="3.5",
    formula="kg x kg/kg of the treatment",
    source="GHG Protocol Scope 3 Technical Guidance, chapter 5",
    methods={"5": "by type of waste"},
)

END_OF_LIFE: Final = Kind(
    name="end_of_life",
    meaning="end of life of what was sold in the period, whenever that will be",
    columns=(
        Column("units_sold", "in the period", positive, is_required=True),
        Column("kg_per_unit", "mass of one, with its packaging", positive, is_required=True),
        _MATERIAL,
        Column("treatment_mix", "shares that sum to 1: recycled:0.6;landfilled:0.4", parse_mix,
               is_required=True),
    ),
    reckon=_end_of_life,
    places="3.12",
    formula="units x kg x Σ share x kg/kg",
    source="GHG Protocol Scope 3 Technical Guidance, chapter 12",
    methods={"12": "by type of waste"},
)  # fmt: skip
KINDS: Final = (WASTE, END_OF_LIFE)
