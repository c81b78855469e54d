"""PURE. The table of ESRS E1-6, and how its figures compare with the base year and the last."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from wattgram.units import GRAMS_PER_TONNE
from wattgram_collector.exposition.pages.frame import section
from wattgram_collector.exposition.pages.html import EMPTY, Content, Html, tag
from wattgram_collector.exposition.pages.words import UNKNOWN
from wattgram_collector.inventory.html.figures import (
    Basis,
    cells,
    code,
    figure,
    grid,
    label,
    method,
    quality,
)
from wattgram_collector.inventory.html.standing import Standing
from wattgram_collector.inventory.report.esrs import Row

_SUM: Final = Basis("sum of the lines", {}, stated="as its lines above")


def compared(standing: Standing) -> Html | None:
    """Return the table; None where the run made none."""
    rows = standing.inventory.esrs
    if not rows:
        return None
    settings = standing.inventory.settings
    base = f"Base year {settings.base_year}" if settings.base_year else "Base year"
    titles = ("Line of E1-6", "Paragraph", "This period", label(base), "Period before", "Change",
              "Method", "How it is known")  # fmt: skip
    text = tag("p", "Change is against the period before, where that was closed.", class_="note")
    return section("Disclosure E1-6", grid(titles, map(_row, rows), "ESRS E1-6"),
                   name="esrs", note=text)  # fmt: skip


def _row(row: Row) -> Html:
    known = (row.value, row.base_year, row.previous)
    has_figure = any(one is not None for one in known)
    value: Content = tag("span", row.status.replace("_", " "), class_="unknown")
    if row.value is not None:
        value = _amount(row.value, row.unit)
    change = row.change_percent
    return cells(
        label(row.label),
        code(row.paragraph),
        value,
        UNKNOWN if row.base_year is None else _amount(row.base_year, row.unit),
        UNKNOWN if row.previous is None else _amount(row.previous, row.unit),
        UNKNOWN if change is None else _amount(change, "%"),
        method(_SUM.method) if has_figure else EMPTY,
        quality(_SUM) if has_figure else EMPTY,
        is_figure=has_figure,
    )


def _amount(value: Fraction, unit: str) -> Html:
    """Return an amount; tonnes per money are so little that they are told in grams."""
    tonnes, slash, per = unit.partition("/")
    if slash and tonnes == "tCO2e":
        return figure(value * GRAMS_PER_TONNE, f"g CO2e/{per}", _SUM)
    return figure(value, unit.replace("tCO2e", "t CO2e"), _SUM)
