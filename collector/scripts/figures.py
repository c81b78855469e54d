"""What every reader of figures needs: rows with the place to blame, checks, rows of ours."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
DATA: Final = HERE.parent / "wattgram_collector" / "intensities" / "data"
YEARS: Final = range(2015, 2101)
MAX_GRAMS: Final = 2000

PLAIN_DECIMAL: Final = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?", re.ASCII)

Row = dict[str, str]


class TableError(ValueError):
    """The input cannot become a table; the message says which row and why."""


def read_text(path: Path, encoding: str = "utf-8-sig") -> str:
    try:
        return path.read_bytes().decode(encoding)
    except (OSError, UnicodeDecodeError) as error:
        raise TableError(f"{path}: {error}") from error


def rows(text: str, file: str, columns: str) -> Iterator[tuple[str, Row]]:
    """Yield each row with the place to blame: the file and the line, the header being line 1.

    Lines that begin with `#` before the header are comments; the last may be the header.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    if missing := set(columns.split()).difference(reader.fieldnames or ()):
        raise TableError(f"{file}, line 1: missing columns: {', '.join(sorted(missing))}")
    for row in reader:
        where = f"{file}, line {reader.line_num}"
        if None in row or None in row.values():
            raise TableError(f"{where}: the row has not as many cells as the header")
        yield where, row


def plain_grams(where: str, name: str, value: str) -> Decimal:
    """Return the number; a lost "0." (`000402`), an exponent or a word is none."""
    if not PLAIN_DECIMAL.fullmatch(value):
        raise TableError(f"{where}: {name} is not a finite plain decimal: {value!r}")
    if Decimal(value) > MAX_GRAMS:
        raise TableError(f"{where}: {name} is not within 0..{MAX_GRAMS}: {value!r}")
    return Decimal(value)


def require_year(where: str, year: str) -> int:
    if not re.fullmatch("[0-9]{4}", year) or int(year) not in YEARS:
        raise TableError(f"{where}: year is not within {YEARS[0]}..{YEARS[-1]}: {year!r}")
    return int(year)


def split_flags(text: str) -> tuple[str, ...]:
    return tuple(flag for flag in text.split(";") if flag)


class Sources:
    """sources.json: what each row says of where it comes from."""

    def __init__(self, path: Path = DATA / "sources.json") -> None:
        self._entries = {one["source_id"]: one for one in json.loads(read_text(path))}

    def origin(self, source: str, flags: Iterable[str] = ()) -> Row:
        """Return the columns that every row ends with."""
        if source not in self._entries:
            raise TableError(f"sources.json has no {source}")
        entry = self._entries[source]
        return {
            "source": source,
            "dataset_version": entry["dataset_version"],
            "licence_class": entry["licence_class"],
            "flags": ";".join(flags),
        }


def render(columns: Sequence[str], made: Iterable[Mapping[str, str]]) -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(made)
    return out.getvalue()
