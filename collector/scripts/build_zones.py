"""Build the collector's table of annual carbon intensities from Ember's yearly figures.

It writes nothing it cannot account for: a country with neither a usable value of its own nor
a line in zone_parents.csv is an error, and so is a line there that is no longer needed.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

import pycountry

FALLBACKS: Final = Path(__file__).with_name("zone_parents.csv")
OUTPUT: Final = Path(__file__).parents[1] / "wattgram_collector/intensities/data/zones.csv"

INPUT_COLUMNS: Final = "iso2 iso3 name level g_per_kwh year boundary scope source flags"

MAX_GRAMS: Final = 2000
YEARS: Final = range(2015, 2101)
# What the rounding of energy and emissions leaves of the smallest systems: not their grid.
REFUSED_VALUES: Final = {
    Decimal(0): "own_value_zero_refused",
    Decimal(1000): "own_value_placeholder_refused",
}
ISO_3166_1: Final = {c.alpha_2: (c.alpha_3, c.name) for c in pycountry.countries}
NOT_ISO: Final = {"XK": ("XKX", "Kosovo")}

PLAIN_DECIMAL: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
SOURCE: Final = re.compile(r"ember-yearly \(co2\.js ([0-9a-f]{7,40})\)")


class TableError(ValueError):
    """The input cannot become a table; the message says which row and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One checked row of the input; `code` is empty for an aggregate such as Europe."""

    code: str
    grams_per_kilowatt_hour: str
    year: int
    commit: str
    flags: tuple[str, ...]


class Fallback(NamedTuple):
    basis: str
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """One row of the output; the fields are its columns, in order."""

    zone_id: str
    level: str
    name: str
    iso3: str
    grams_per_kilowatt_hour: str
    year: int
    signal: str = "average"
    scope: str = "lifecycle"
    boundary: str = "production"
    losses: str = "busbar"
    basis: str
    source: str = "ember_yearly"
    dataset_version: str
    flags: str


def read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TableError(f"{path}: {error}") from error


def rows(text: str, file: str, columns: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each row with the place to blame: the file and the line, the header being line 1."""
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    if missing := set(columns.split()).difference(reader.fieldnames or ()):
        raise TableError(f"{file}, line 1: missing columns: {', '.join(sorted(missing))}")
    for row in reader:
        where = f"{file}, line {reader.line_num}"
        if None in row or None in row.values():
            raise TableError(f"{where}: the row has not as many cells as the header")
        yield where, row


def split_flags(text: str) -> tuple[str, ...]:
    return tuple(flag for flag in text.split(";") if flag)


def parse_row(row: Mapping[str, str], where: str) -> Published:
    code, iso3, value, year = row["iso2"], row["iso3"], row["g_per_kwh"], row["year"]
    known = ISO_3166_1 | NOT_ISO
    source = SOURCE.fullmatch(row["source"])
    if row["level"] != ("country" if code else "aggregate"):
        raise TableError(f"{where}: level does not fit iso2 {code!r}: {row['level']!r}")
    if code and (code not in known or known[code][0] != iso3):
        raise TableError(f"{where}: not an ISO 3166-1 country: iso2 {code!r}, iso3 {iso3!r}")
    if not PLAIN_DECIMAL.fullmatch(value):
        raise TableError(f"{where}: g_per_kwh is not a finite plain decimal: {value!r}")
    if not 0 <= Decimal(value) <= MAX_GRAMS:
        raise TableError(f"{where}: g_per_kwh is not within 0..{MAX_GRAMS}: {value!r}")
    if not re.fullmatch("[0-9]{4}", year) or int(year) not in YEARS:
        raise TableError(f"{where}: year is not within {YEARS[0]}..{YEARS[-1]}: {year!r}")
    if (basis := (row["boundary"], row["scope"])) != ("production", "lifecycle"):
        raise TableError(f"{where}: boundary and scope are not production, lifecycle: {basis}")
    if source is None:
        raise TableError(f"{where}: source names no Ember snapshot: {row['source']!r}")
    return Published(
        code=code,
        grams_per_kilowatt_hour=value,
        year=int(year),
        commit=source[1],
        flags=tuple(flag for flag in split_flags(row["flags"]) if flag != "aggregate"),
    )


def parse_published(text: str, file: str) -> dict[str, Published]:
    """Key countries by their code and aggregates by their name."""
    published: dict[str, Published] = {}
    for where, row in rows(text, file, INPUT_COLUMNS):
        key = row["iso2"] or row["name"]
        if key in published:
            raise TableError(f"{where} ({key}): duplicate of an earlier row")
        published[key] = parse_row(row, f"{where} ({key})")
    return published


def parse_fallbacks(text: str, file: str) -> dict[str, Fallback]:
    fallbacks: dict[str, Fallback] = {}
    for where, row in rows(text, file, "zone_id basis flags reason"):
        code = row["zone_id"]
        if code not in ISO_3166_1 or code in fallbacks or not row["reason"]:
            raise TableError(f"{where} ({code}): not ISO 3166-1, a duplicate or without a reason")
        fallbacks[code] = Fallback(basis=row["basis"], flags=split_flags(row["flags"]))
    return fallbacks


def refusal(row: Published) -> tuple[str, ...]:
    flag = REFUSED_VALUES.get(Decimal(row.grams_per_kilowatt_hour))
    return (flag,) if flag else ()


def dataset_version(published: Iterable[Published]) -> str:
    commits = {row.commit for row in published}
    if len(commits) != 1:
        raise TableError(f"the rows are not of one snapshot: {sorted(commits)}")
    return f"ember_yearly_{max(row.year for row in published)}_co2js_{commits.pop()}"


def substitute(code: str, basis: str, published: Mapping[str, Published]) -> Published:
    """Find the row that `basis` names: never a refused one, so no chain of parents."""
    kind, _, name = basis.partition(":")
    found = published.get("World" if basis == "world" else name)
    wanted = {"parent": True, "region": False, "world": False}.get(kind)
    if not found or bool(found.code) is not wanted or refusal(found):
        raise TableError(f"{FALLBACKS.name} ({code}): no usable row for basis {basis!r}")
    return found


def decide(
    published: Mapping[str, Published], fallbacks: Mapping[str, Fallback]
) -> Iterator[tuple[str, str, Published, tuple[str, ...]]]:
    """Yield zone, basis, the row its value comes from, and flags."""
    for code in ISO_3166_1:
        own, fallback = published.get(code), fallbacks.get(code)
        refused = refusal(own) if own else ()
        if own and not refused:
            if fallback:
                raise TableError(f"{FALLBACKS.name} ({code}): has its own value; remove the line")
            yield code, "own", own, own.flags
        elif fallback:
            found = substitute(code, fallback.basis, published)
            yield code, fallback.basis, found, refused + fallback.flags + found.flags
        else:
            raise TableError(f"{code}: no usable value and no line in {FALLBACKS.name}")
    for code in NOT_ISO:
        if (own := published.get(code)) and not refusal(own):
            yield code, "own", own, ("not_iso", *own.flags)
    world = substitute("WORLD", "world", published)
    yield "WORLD", "own", world, world.flags


def build_zones(
    published: Mapping[str, Published], fallbacks: Mapping[str, Fallback]
) -> list[Zone]:
    version = dataset_version(published.values())
    names = ISO_3166_1 | NOT_ISO | {"WORLD": ("", "World")}
    zones = (
        Zone(
            zone_id=zone_id,
            level="world" if zone_id == "WORLD" else "country",
            name=names[zone_id][1],
            iso3=names[zone_id][0],
            grams_per_kilowatt_hour=row.grams_per_kilowatt_hour,
            year=row.year,
            basis=basis,
            dataset_version=version,
            flags=";".join(flags),
        )
        for zone_id, basis, row, flags in decide(published, fallbacks)
    )
    return sorted(zones, key=lambda zone: zone.zone_id)


def render(zones: Iterable[Zone]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(field.name for field in fields(Zone))
    writer.writerows(astuple(zone) for zone in zones)
    return out.getvalue()


def table_from(path: Path) -> bytes:
    published = parse_published(read_text(path), str(path))
    fallbacks = parse_fallbacks(read_text(FALLBACKS), str(FALLBACKS))
    return render(build_zones(published, fallbacks)).encode()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Build zones.csv from Ember's yearly figures.")
    parser.add_argument("input", type=Path, metavar="INPUT_CSV")
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="PATH")
    parser.add_argument("--check", action="store_true", help="compare with PATH; write nothing")
    options = parser.parse_args(arguments)
    try:
        table = table_from(options.input)
        if not options.check:
            options.output.write_bytes(table)
        elif options.output.read_bytes() != table:
            sys.exit(f"build_zones: {options.output} is not what {options.input} gives: rebuild")
    except (OSError, csv.Error, TableError) as error:
        sys.exit(f"build_zones: {error}")


if __name__ == "__main__":
    main()
