"""Build the collector's tables from published figures; docs/data.md says where each comes from.

It writes nothing it cannot account for: what it makes is read back by the collector's own parsers,
every source is in sources.json, and a value that moved by more than 40 % since the last build is
refused until it is accepted by name.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

import cloud_figures
import country_figures
import factor_figures
import grid_figures
from figures import DATA, Row, Sources, TableError, read_text, render, rows

from wattgram_collector.intensities import clouds, coefficients, overheads, zones

SCOPES: Final = ("lifecycle", "direct", "upstream", "")
CHANGE_MAX: Final = Fraction("0.4")
COLUMNS: Final = {
    zones.FILE: zones.COLUMNS,
    clouds.FILE: clouds.COLUMNS,
    overheads.LOSSES: overheads.LOSS_COLUMNS,
    overheads.PUES: overheads.PUE_COLUMNS,
    coefficients.NETWORK: coefficients.NETWORK_COLUMNS,
    coefficients.FUELS: coefficients.FUEL_COLUMNS,
}


def merged(found: Iterable[Row]) -> list[Row]:
    """Return the zones in order, each with the facts of its country row, lifecycle first."""
    made = list(found)
    facts: dict[str, Row] = {}
    for row in made:
        known = {name: row.get(name, "") for name in zones.COLUMNS[:6]}
        facts.setdefault(row["zone_id"], known)
    return sorted(
        ({**row, **facts[row["zone_id"]]} for row in made),
        key=lambda row: (row["zone_id"], SCOPES.index(row.get("scope", ""))),
    )


def build(directory: Path, sources: Sources) -> dict[str, str]:
    """Return the text of every table by its file; raises TableError or ValueError."""
    grids, losses = grid_figures.read(directory, sources)
    known = merged([*country_figures.read(directory, sources), *grids])
    regions, more = cloud_figures.read(directory, {row["zone_id"]: row for row in known}, sources)
    tables = {
        zones.FILE: merged([*known, *more]),
        clouds.FILE: regions,
        overheads.LOSSES: sorted(losses, key=lambda row: row["zone_id"]),
        **factor_figures.read(directory, sources),
    }
    texts = {file: render(COLUMNS[file], made) for file, made in tables.items()}
    require_readable(texts)
    return texts


def require_readable(texts: Mapping[str, str]) -> None:
    """Raise ValueError where the collector would refuse a table."""
    listed = zones.parse_zones(texts[zones.FILE])
    clouds.parse_clouds(texts[clouds.FILE], listed)
    for zone in overheads.parse_losses(texts[overheads.LOSSES]):
        if listed.find(zone) is None:
            raise TableError(f"{overheads.LOSSES}: no zone {zone}")
    overheads.parse_pues(texts[overheads.PUES])
    coefficients.parse_network(texts[coefficients.NETWORK])
    coefficients.parse_fuels(texts[coefficients.FUELS])


def require_steady(old: str, new: str, accepted: Iterable[str]) -> None:
    """Raise TableError for a zone whose value moved by more than 40 %, unless it is accepted."""
    before, after = _grams(old), _grams(new)
    for key in before.keys() & after.keys():
        moved = abs(after[key] - before[key]) > before[key] * CHANGE_MAX
        if moved and key[0] not in accepted:
            raise TableError(
                f"{key[0]} ({key[1]}): {float(before[key])} became {float(after[key])} g/kWh; "
                f"if that is so: --accept {key[0]}"
            )


def _grams(text: str) -> dict[tuple[str, str], Fraction]:
    return {
        (row["zone_id"], row["scope"]): Fraction(row["grams_per_kilowatt_hour"])
        for _, row in rows(text, zones.FILE, "zone_id scope grams_per_kilowatt_hour")
        if row["grams_per_kilowatt_hour"]
    }


def write(texts: Mapping[str, str], output: Path, accepted: Sequence[str]) -> None:
    old = output / zones.FILE
    if old.exists():
        require_steady(read_text(old), texts[zones.FILE], accepted)
    for file, text in texts.items():
        (output / file).write_bytes(text.encode())


def check(texts: Mapping[str, str], output: Path, source: Path) -> None:
    for file, text in texts.items():
        if (output / file).read_bytes() != text.encode():
            raise TableError(f"{output / file} is not what {source} gives: rebuild")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Build the tables of carbon intensities.")
    parser.add_argument("input", type=Path, metavar="INPUT_DIRECTORY")
    parser.add_argument("--output", type=Path, default=DATA, metavar="DIRECTORY")
    parser.add_argument("--check", action="store_true", help="compare; write nothing")
    parser.add_argument("--accept", action="append", default=[], metavar="ZONE")
    options = parser.parse_args(arguments)
    try:
        texts = build(options.input, Sources())
        if options.check:
            check(texts, options.output, options.input)
        else:
            write(texts, options.output, options.accept)
    except (OSError, csv.Error, ValueError) as error:
        sys.exit(f"build_tables: {error}")


if __name__ == "__main__":
    main()
