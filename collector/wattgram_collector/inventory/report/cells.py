"""PURE. A text as a cell of CSV that no spreadsheet takes for a formula, and back.

What people and agents say stands in the tables of a report, and a cell that begins with = + - or @
is run by the programs that open them. Such a text has a quote before it. Numbers have none: they
may be below zero; nor has the hyphen that stands for nothing. Every text comes back as it was.
"""

from __future__ import annotations

import re
from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_NO_FORMULA: Final = re.compile(r"-|-?[0-9]+(\.[0-9]+)?", re.ASCII)
_QUOTE: Final = "'"


def safe(text: str) -> str:
    """Return the cell of a text."""
    return f"{_QUOTE}{text}" if _runs(text) else text


def plain(cell: str) -> str:
    """Return the text of a cell."""
    return cell[1:] if cell.startswith(_QUOTE) and _runs(cell[1:]) else cell


def _runs(text: str) -> bool:
    """Return whether it would run, or is one that had a quote already."""
    return text.lstrip(_QUOTE).startswith(_FORMULA) and not _NO_FORMULA.fullmatch(text)
