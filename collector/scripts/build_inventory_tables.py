"""Build the inventory's tables of factors from published figures; docs/inventory-factors.md.

What it makes is read back by the collector's own parsers. The single figures of constants.csv that
are no product of a published table are written by hand in inventory_constants.csv.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import inventory_figures
from figures import HERE, Sources, TableError, read_text, render, rows

from wattgram_collector.intensities.tables import parse_sources
from wattgram_collector.inventory import tables

DATA: Final = HERE.parent / "wattgram_collector" / "inventory" / "data"
BY_HAND: Final = HERE / "inventory_constants.csv"


def build(directory: Path, data: Path = DATA) -> dict[str, str]:
    """Return the text of every table by its file; raises TableError or ValueError."""
    sources = Sources(data / tables.SOURCES)
    made = inventory_figures.read(directory, sources)
    by_hand = rows(read_text(BY_HAND), str(BY_HAND), " ".join(tables.CONSTANT_COLUMNS))
    made[tables.CONSTANTS] = inventory_figures.ordered(
        [*made[tables.CONSTANTS], *(row for _, row in by_hand)], "constant_id"
    )
    texts = {file: render(_columns(file), found) for file, found in made.items()}
    require_readable(texts, read_text(data / tables.SOURCES))
    return texts


def _columns(file: str) -> Sequence[str]:
    special = {tables.SPEND: tables.SPEND_COLUMNS, tables.CONSTANTS: tables.CONSTANT_COLUMNS}
    return special.get(file, tables.FACTOR_COLUMNS)


def require_readable(texts: Mapping[str, str], sources: str) -> None:
    """Raise ValueError where the collector would refuse a table."""
    known = parse_sources(sources)
    for file in tables.FACTOR_FILES:
        tables.parse_factors(file, texts[file], known)
    tables.parse_spend(texts[tables.SPEND], known)
    tables.parse_constants(texts[tables.CONSTANTS], known)


def check(texts: Mapping[str, str], output: Path, source: Path) -> None:
    """Raise TableError where a table is not what the figures give."""
    for file, text in texts.items():
        if (output / file).read_bytes() != text.encode():
            raise TableError(f"{output / file} is not what {source} gives: rebuild")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Build the inventory's tables of factors.")
    parser.add_argument("input", type=Path, metavar="INPUT_DIRECTORY")
    parser.add_argument("--output", type=Path, default=DATA, metavar="DIRECTORY")
    parser.add_argument("--check", action="store_true", help="compare; write nothing")
    options = parser.parse_args(arguments)
    try:
        texts = build(options.input)
        if options.check:
            check(texts, options.output, options.input)
        else:
            for file, text in texts.items():
                (options.output / file).write_bytes(text.encode())
    except (OSError, csv.Error, ValueError) as error:
        sys.exit(f"build_inventory_tables: {error}")


if __name__ == "__main__":
    main()
