"""PURE. The zones of the grid, what lies in what, and the yearly averages each has of its own.

Identifiers: ISO 3166-1 alpha-2 for countries (alpha-3 is understood), `US-CAMX` for a subregion
of eGRID, `CA-ON` for a province (ISO 3166-2), `GB-13` for a region of NESO, `JP-TK` and the like
for the zones that cloud regions stand in, `REGION-EUROPE`, `WORLD`. A zone that is not listed but
begins with a country and a hyphen lies in that country: no more is known of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from typing import Final

from wattgram_collector.intensities.tables import (
    ORIGIN_COLUMNS,
    Origin,
    number,
    origin,
    parse,
    year,
)
from wattgram_collector.intensity import (
    INTENSITY_GRAMS_PER_KILOWATT_HOUR_MAX,
    Boundary,
    Losses,
    Scope,
    Signal,
)

FILE: Final = "zones.csv"
WORLD: Final = "WORLD"
COLUMNS: Final = (
    "zone_id",
    "level",
    "parent_zone",
    "name",
    "iso2",
    "iso3",
    "grams_per_kilowatt_hour",
    "year",
    "signal",
    "scope",
    "boundary",
    "losses",
    "gases",
    *ORIGIN_COLUMNS,
)

DIRECT_GRAMS_PER_KILOWATT_HOUR_MAX: Final = "1200"
"""More than lignite alone makes at the stack: a value in lb/MWh, or of another thing."""
CLEANEST_GRAMS_PER_KILOWATT_HOUR: Final = "2"
"""Less than any yearly average of a whole grid: a value in kg/kWh or t/kWh, or rounded away."""
PLACEHOLDER_GRAMS_PER_KILOWATT_HOUR: Final = 1000
"""What rounding of energy and emissions to the same figure leaves of the smallest systems."""
LOW_FOR_A_REASON: Final = "imports_counted_as_zero"
DIRECT_PER_LIFECYCLE_MAX: Final = Fraction("1.25")
"""Direct is a part of lifecycle; years and sources differ by less than this."""

_SUBDIVISION: Final = re.compile("([A-Z]{2})-[A-Z0-9-]{1,24}", re.ASCII)


class Level(StrEnum):
    WORLD = "world"
    REGION = "region"
    COUNTRY = "country"
    SUBDIVISION = "subdivision"
    GRID = "grid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Annual:
    """A yearly average of one zone, with its axes; the number is the published decimal text."""

    grams_per_kilowatt_hour: str
    year: int
    signal: Signal
    scope: Scope
    boundary: Boundary
    losses: Losses
    gases: str
    origin: Origin

    @property
    def version(self) -> str:
        """The version of the data and the year that the value is of."""
        return f"{self.origin.dataset_version} {self.year}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A place with a grid. `annuals` are in order of preference; none: only what it lies in has.

    `iso2` is the country that the zone is or lies in, empty for a region and the world.
    """

    zone_id: str
    level: Level
    parent: str
    name: str
    iso2: str
    iso3: str
    origin: Origin
    annuals: tuple[Annual, ...]


class ZoneTable:
    """All zones, each with a chain of parents that ends at the world."""

    def __init__(self, zones: Iterable[Zone]) -> None:
        """Raise ValueError naming the zone whose chain does not reach the world."""
        self._zones = {zone.zone_id: zone for zone in zones}
        self._aliases = {zone.iso3: zone.zone_id for zone in self._zones.values() if zone.iso3}
        self._chains = {name: tuple(self._climb(name)) for name in self._zones}

    def _climb(self, name: str) -> Iterator[Zone]:
        seen: set[str] = set()
        at = name
        while at:
            if at not in self._zones or at in seen:
                raise ValueError(f"{FILE}: {name}: no way to the world, at {at}")
            seen.add(at)
            yield self._zones[at]
            at = self._zones[at].parent
        if WORLD not in seen:
            raise ValueError(f"{FILE}: {name}: no way to the world")

    def __iter__(self) -> Iterator[Zone]:
        return iter(self._zones.values())

    def find(self, zone: str) -> Zone | None:
        """Return the listed zone of that name, in any case, or by its ISO alpha-3 code."""
        key = zone.upper()
        return self._zones.get(self._aliases.get(key, key))

    def chain(self, zone: str) -> tuple[Zone, ...]:
        """Return the zone and what it lies in, up to the world; nothing for an unknown zone."""
        if found := self.find(zone):
            return self._chains[found.zone_id]
        country = _SUBDIVISION.fullmatch(zone.upper())
        return self._chains.get(country[1], ()) if country else ()

    def country(self, zone: str) -> Zone | None:
        """Return the country that the zone is or lies in; None for the world and the unknown."""
        return next((one for one in self.chain(zone) if one.level is Level.COUNTRY), None)


def parse_zones(text: str) -> ZoneTable:
    """PURE. Read the text of zones.csv; raises ValueError naming the row that is wrong.

    A zone has as many rows as yearly averages, on different axes, one below the other; a row
    without a value says only what the zone is and lies in.
    """
    gathered: dict[str, Zone] = {}
    parse(FILE, text, COLUMNS, lambda row: _gather(gathered, *_row(row)))
    return ZoneTable(gathered.values())


def _gather(gathered: dict[str, Zone], zone: Zone, annual: Annual | None) -> Zone:
    """Add a row to the zone that it is of, which must be the last one."""
    known = gathered.get(zone.zone_id)
    if known is None:
        known = replace(zone, annuals=(annual,) if annual else ())
    elif known is not next(reversed(gathered.values())):
        raise ValueError(f"{zone.zone_id}: its rows are not one below the other")
    elif replace(zone, origin=known.origin, annuals=known.annuals) != known or annual is None:
        raise ValueError(f"{zone.zone_id}: its rows disagree")
    else:
        known = replace(known, annuals=(*known.annuals, annual))
    axes = [(one.signal, one.scope, one.boundary, one.losses) for one in known.annuals]
    if len(set(axes)) != len(axes):
        raise ValueError(f"{zone.zone_id}: two values on the same axes")
    _require_part_of_whole(known)
    gathered[zone.zone_id] = known
    return known


def _row(row: Mapping[str, str]) -> tuple[Zone, Annual | None]:
    if not row["zone_id"] or row["zone_id"] != row["zone_id"].upper() or not row["name"]:
        raise ValueError(f"a zone has an upper-case identifier and a name: {row['zone_id']!r}")
    stated = origin(row)
    zone = Zone(
        zone_id=row["zone_id"],
        level=Level(row["level"]),
        parent=row["parent_zone"],
        name=row["name"],
        iso2=row["iso2"],
        iso3=row["iso3"],
        origin=stated,
        annuals=(),
    )
    if (zone.level is Level.COUNTRY) != (zone.iso2 == zone.zone_id):
        raise ValueError(f"{zone.zone_id}: level and iso2 disagree")
    if not row["grams_per_kilowatt_hour"]:
        if any(row[name] for name in ("year", "signal", "scope", "boundary", "losses", "gases")):
            raise ValueError(f"{zone.zone_id}: axes without a value")
        return zone, None
    annual = Annual(
        grams_per_kilowatt_hour=row["grams_per_kilowatt_hour"],
        year=year(row["year"]),
        signal=Signal(row["signal"]),
        scope=Scope(row["scope"]),
        boundary=Boundary(row["boundary"]),
        losses=Losses(row["losses"]),
        gases=row["gases"],
        origin=stated,
    )
    require_plausible(zone.zone_id, annual.grams_per_kilowatt_hour, annual.scope, stated.flags)
    return zone, annual


def require_plausible(zone: str, grams: str, scope: Scope, flags: Iterable[str]) -> None:
    """Raise ValueError for what is known to be no yearly average of a grid, naming why."""
    top = str(INTENSITY_GRAMS_PER_KILOWATT_HOUR_MAX)
    if scope is Scope.DIRECT:
        top = DIRECT_GRAMS_PER_KILOWATT_HOUR_MAX
    value = number(f"{zone}: g/kWh", grams, "0", top)
    if value == 0:
        raise ValueError(f"{zone}: 0 g/kWh over a year is rounding, not a grid")
    if value == PLACEHOLDER_GRAMS_PER_KILOWATT_HOUR:
        raise ValueError(f"{zone}: exactly 1000 g/kWh is a placeholder")
    if value < Fraction(CLEANEST_GRAMS_PER_KILOWATT_HOUR) and LOW_FOR_A_REASON not in flags:
        raise ValueError(f"{zone}: {grams} g/kWh is no grid's: kg/kWh or t/kWh?")


def _require_part_of_whole(zone: Zone) -> None:
    """Refuse a direct value far above the lifecycle value: one of them is in other units."""
    by_scope = {one.scope: Fraction(one.grams_per_kilowatt_hour) for one in zone.annuals}
    direct, lifecycle = by_scope.get(Scope.DIRECT), by_scope.get(Scope.LIFECYCLE)
    if direct and lifecycle and direct > lifecycle * DIRECT_PER_LIFECYCLE_MAX:
        raise ValueError(f"{zone.zone_id}: direct above lifecycle: lb/MWh taken for g/kWh?")
