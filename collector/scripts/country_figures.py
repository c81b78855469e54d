"""Countries, Ember's regions and the world: yearly lifecycle averages, production-based.

A country with neither a usable value of its own nor a line in zone_parents.csv is an error, and so
is a line there that is no longer needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

import pycountry
from figures import (
    HERE,
    Row,
    Sources,
    TableError,
    plain_grams,
    read_text,
    require_year,
    rows,
    split_flags,
)

PARENTS: Final = HERE / "zone_parents.csv"
INPUT: Final = "derived/country_annual_ember.csv"
COLUMNS: Final = "iso2 iso3 name level g_per_kwh year boundary scope source flags"
SOURCE_ID: Final = "ember_yearly"
LIFECYCLE: Final = {
    "signal": "average",
    "scope": "lifecycle",
    "boundary": "production",
    "losses": "busbar",
    "gases": "CO2e",
}

# What the rounding of energy and emissions leaves of the smallest systems: not their grid.
REFUSED_VALUES: Final = {
    Decimal(0): "own_value_zero_refused",
    Decimal(1000): "own_value_placeholder_refused",
}
ISO_3166_1: Final = {c.alpha_2: (c.alpha_3, c.name) for c in pycountry.countries}
NOT_ISO: Final = {"XK": ("XKX", "Kosovo")}
REGIONS: Final = {
    "Africa": "REGION-AFRICA",
    "Asia": "REGION-ASIA",
    "Europe": "REGION-EUROPE",
    "Latin America and Caribbean": "REGION-LATIN-AMERICA",
    "North America": "REGION-NORTH-AMERICA",
    "Oceania": "REGION-OCEANIA",
}
SOURCE: Final = re.compile(r"ember-yearly \(co2\.js ([0-9a-f]{7,40})\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One checked row of the input; `code` is empty for an aggregate such as Europe."""

    code: str
    grams_per_kilowatt_hour: str
    year: int
    commit: str
    flags: tuple[str, ...]


class Parent(NamedTuple):
    zone: str
    flags: tuple[str, ...]


def parse_row(row: Mapping[str, str], where: str) -> Published:
    code, iso3 = row["iso2"], row["iso3"]
    known = ISO_3166_1 | NOT_ISO
    source = SOURCE.fullmatch(row["source"])
    if row["level"] != ("country" if code else "aggregate"):
        raise TableError(f"{where}: level does not fit iso2 {code!r}: {row['level']!r}")
    if code and (code not in known or known[code][0] != iso3):
        raise TableError(f"{where}: not an ISO 3166-1 country: iso2 {code!r}, iso3 {iso3!r}")
    plain_grams(where, "g_per_kwh", row["g_per_kwh"])
    if (basis := (row["boundary"], row["scope"])) != ("production", "lifecycle"):
        raise TableError(f"{where}: boundary and scope are not production, lifecycle: {basis}")
    if source is None:
        raise TableError(f"{where}: source names no Ember snapshot: {row['source']!r}")
    return Published(
        code=code,
        grams_per_kilowatt_hour=row["g_per_kwh"],
        year=require_year(where, row["year"]),
        commit=source[1],
        flags=tuple(flag for flag in split_flags(row["flags"]) if flag != "aggregate"),
    )


def parse_published(text: str, file: str) -> dict[str, Published]:
    """Key countries by their code and aggregates by their name."""
    published: dict[str, Published] = {}
    for where, row in rows(text, file, COLUMNS):
        key = row["iso2"] or row["name"]
        if key in published:
            raise TableError(f"{where} ({key}): duplicate of an earlier row")
        published[key] = parse_row(row, f"{where} ({key})")
    return published


def parse_parents(text: str, file: str) -> dict[str, Parent]:
    """Read which zone stands in for a country without a value of its own."""
    parents: dict[str, Parent] = {}
    for where, row in rows(text, file, "zone_id parent_zone flags reason"):
        code = row["zone_id"]
        if code not in ISO_3166_1 or code in parents or not row["reason"]:
            raise TableError(f"{where} ({code}): not ISO 3166-1, a duplicate or without a reason")
        parents[code] = Parent(zone=row["parent_zone"], flags=split_flags(row["flags"]))
    return parents


def refusal(row: Published) -> tuple[str, ...]:
    flag = REFUSED_VALUES.get(Decimal(row.grams_per_kilowatt_hour))
    return (flag,) if flag else ()


def usable(published: Mapping[str, Published]) -> dict[str, Published]:
    """Return the rows that may be used, by zone."""
    names = {"World": "WORLD", **REGIONS}
    return {
        names.get(key, key): row
        for key, row in published.items()
        if (row.code or key in names) and not refusal(row)
    }


def country_rows(
    published: Mapping[str, Published], parents: Mapping[str, Parent], sources: Sources
) -> Iterator[Row]:
    """Yield a row for every country, with a value of its own or with the parent that has one."""
    values = usable(published)
    for code, (iso3, name) in (ISO_3166_1 | NOT_ISO).items():
        own, parent = values.get(code), parents.get(code)
        refused = refusal(published[code]) if code in published else ()
        zone = {"zone_id": code, "level": "country", "name": name, "iso2": code, "iso3": iso3}
        if own:
            if parent:
                raise TableError(f"{PARENTS.name} ({code}): has its own value; remove the line")
            flags = (("not_iso",) if code in NOT_ISO else ()) + own.flags
            yield {
                **zone,
                "parent_zone": "WORLD",
                **value(own),
                **sources.origin(SOURCE_ID, flags),
            }
        elif parent:
            if parent.zone not in values:
                raise TableError(f"{PARENTS.name} ({code}): {parent.zone} has no usable value")
            stated = sources.origin("wattgram", refused + parent.flags)
            yield {**zone, "parent_zone": parent.zone, **stated}
        elif code in ISO_3166_1:
            raise TableError(f"{code}: no usable value and no line in {PARENTS.name}")


def wide_rows(published: Mapping[str, Published], sources: Sources) -> Iterator[Row]:
    """Yield the world and the regions that stand in for islands without a value."""
    values = usable(published)
    for name, zone, level in [
        ("World", "WORLD", "world"),
        *((name, zone, "region") for name, zone in REGIONS.items()),
    ]:
        if zone not in values:
            raise TableError(f"{INPUT}: no usable row for {name}")
        yield {
            "zone_id": zone,
            "level": level,
            "parent_zone": "" if level == "world" else "WORLD",
            "name": name,
            **value(values[zone]),
            **sources.origin(SOURCE_ID, values[zone].flags),
        }


def value(row: Published) -> Row:
    grams, year = row.grams_per_kilowatt_hour, str(row.year)
    return {"grams_per_kilowatt_hour": grams, "year": year, **LIFECYCLE}


def require_version(published: Iterable[Published], sources: Sources) -> None:
    """Refuse rows of several snapshots, or of another than sources.json describes."""
    versions = {f"co2js_{row.commit}" for row in published}
    described = sources.origin(SOURCE_ID)["dataset_version"]
    if len(versions) != 1 or not described.endswith(*versions):
        raise TableError(f"the rows are of {sorted(versions)}, sources.json says {described}")


def read(directory: Path, sources: Sources) -> list[Row]:
    path = directory / INPUT
    published = parse_published(read_text(path), str(path))
    require_version(published.values(), sources)
    parents = parse_parents(read_text(PARENTS), str(PARENTS))
    return [*wide_rows(published, sources), *country_rows(published, parents, sources)]
