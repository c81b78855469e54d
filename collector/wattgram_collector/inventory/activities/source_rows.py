"""PURE. A row of a file, and what makes a file none: what reading CSV and reading JSON share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Final, NamedTuple

from wattgram_collector.inventory.activities.activity import Wrong

NAME_SHOWN: Final = 60


class SourceRow(NamedTuple):
    """One row: its line (from 1) and its cells that are not empty, without space around them."""

    line: int
    cells: Mapping[str, str]
    wrongs: Sequence[Wrong] = ()
    """What makes it no row; it then has no cells."""


class SourceError(ValueError):
    """A file of which no row can be taken; the line where that shows, and why."""

    def __init__(self, line: int, wrong: Wrong) -> None:
        super().__init__(f"{line}: {wrong}")
        self.line = line
        self.wrong = wrong


def refusal(line: int, reason: str, column: str = "", value: str = "") -> SourceError:
    return SourceError(line, Wrong(column, value, reason))


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `; is X meant?`, where one is like it."""
    found = get_close_matches(name[:NAME_SHOWN].lower(), sorted(known), 1)
    return f"; is {found[0]} meant?" if found else ""
