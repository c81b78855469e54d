"""PURE. Names in a cell of CSV."""

from __future__ import annotations

from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def name_cell(text: str) -> str:
    """Return a name as a cell; one that a spreadsheet would run is made text by a quote before
    it. Not for numbers, which may be negative.
    """
    return f"'{text}" if text.startswith(_FORMULA) else text
