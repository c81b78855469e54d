"""Electricity of the inventory's factor table: the yearly averages that are shipped anyway.

A bill and a metered host are so priced with the same table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cache
from typing import Final

from wattgram.readings import Quality
from wattgram.units import GRAMS_PER_KILOGRAM
from wattgram_collector.intensities import overheads, tables, zones
from wattgram_collector.intensities.tables import Source
from wattgram_collector.intensity import Losses, Scope
from wattgram_collector.inventory.factors import Factor, FactorBoundary

_BOUNDARIES: Final = {
    Scope.DIRECT: FactorBoundary.COMBUSTION,
    Scope.UPSTREAM: FactorBoundary.WELL_TO_TANK,
    Scope.LIFECYCLE: FactorBoundary.LIFECYCLE,
}
_SOURCES: Final = "sources.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """One figure that is no emission factor, such as the energy of a gigabyte on its way."""

    constant_id: str
    value: Fraction
    unit: str
    low: Fraction | None
    high: Fraction | None
    note: str
    source: str
    source_version: str
    flags: tuple[str, ...] = ()


def named_source(source: Source) -> str:
    return f"{source.publisher}: {source.title}"


@cache
def grid_sources() -> Mapping[str, Source]:
    """Return the publications of the shipped tables, by their ids and by their versions."""
    sources = tables.parse_sources(tables.text_of(_SOURCES))
    return {one.dataset_version: one for one in sources.values()} | dict(sources)


def grid_factors() -> Iterator[Factor]:
    """Yield electricity by zone: `grid/GB/direct/2025`, in kg/kWh.

    `losses` and `wtt_losses` are published emissions of what the grid loses, per kWh used.
    """
    text = tables.text_of(zones.FILE)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    sources = tables.parse_sources(tables.text_of(_SOURCES))
    for zone in zones.parse_zones(text):
        for annual in zone.annuals:
            yield _grid(
                f"grid/{zone.zone_id}/{annual.scope}/{annual.year}",
                Fraction(annual.grams_per_kilowatt_hour),
                _BOUNDARIES[annual.scope],
                sources[annual.origin.source],
                sha256,
                includes_losses=annual.losses is Losses.DELIVERED,
            )
    text = tables.text_of(overheads.LOSSES)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    for zone_id, loss in overheads.parse_losses(text).items():
        for kind, grams, boundary in (
            ("losses", loss.direct_grams_per_kilowatt_hour, FactorBoundary.COMBUSTION),
            ("wtt_losses", loss.upstream_grams_per_kilowatt_hour, FactorBoundary.WELL_TO_TANK),
        ):
            if grams is not None:
                yield _grid(f"grid/{zone_id}/{kind}/{loss.year}", grams, boundary,
                            sources[loss.origin.source], sha256)  # fmt: skip


def loss_constants() -> Iterator[Constant]:
    """Yield what a grid loses, as a share of what is sent out: `loss/US`."""
    sources = tables.parse_sources(tables.text_of(_SOURCES))
    for zone_id, loss in overheads.parse_losses(tables.text_of(overheads.LOSSES)).items():
        source = sources[loss.origin.source]
        yield Constant(
            constant_id=f"loss/{zone_id}",
            value=loss.fraction,
            unit="ratio",
            low=None,
            high=None,
            note="share of what is sent out",
            source=named_source(source),
            source_version=source.dataset_version,
            flags=loss.origin.flags,
        )


def _grid(
    factor_id: str,
    grams: Fraction,
    boundary: FactorBoundary,
    source: Source,
    sha256: str,
    *,
    includes_losses: bool = False,
) -> Factor:
    _, zone_id, _, year = factor_id.split("/")
    return Factor(
        factor_id=factor_id,
        value=grams / GRAMS_PER_KILOGRAM,
        unit="kg/kWh",
        source=named_source(source),
        source_version=f"{source.dataset_version} {year}",
        boundary=boundary,
        valid_from=date(int(year), 1, 1),
        valid_to=date(int(year), 12, 31),
        region=zone_id,
        includes_losses=includes_losses,
        licence=source.licence,
        sha256=sha256,
        tier=Quality.DEFAULT,
    )
