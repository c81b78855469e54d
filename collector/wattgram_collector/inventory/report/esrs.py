"""PURE. The table of ESRS E1-6 (gross scopes 1, 2, 3 and total), from the lines of an inventory.

Paragraph 44 of E1 asks for scope 1, scope 2 by both methods, every significant category of scope
3 and both totals, and 53 for the intensity per net revenue. The numbers of the paragraphs are kept
as data: the standard is being revised.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram.units import GRAMS_PER_TONNE
from wattgram_collector.inventory.lines import Line, Status, ghg_total, sum_of_known
from wattgram_collector.inventory.places import (
    CATEGORIES,
    CATEGORY_NAMES,
    SCOPE_1,
    SCOPE_2,
    GhgPlace,
)
from wattgram_collector.inventory.postings import Method

PARAGRAPHS: Final = {
    "gross_scope_1": "44 (a)",
    "gross_scope_2_location": "44 (b)",
    "gross_scope_2_market": "44 (b)",
    "gross_scope_3": "44 (c)",
    "total_location": "44 (d)",
    "total_market": "44 (d)",
    "intensity_location": "53",
    "intensity_market": "53",
}
COLUMNS: Final = (
    "line", "label", "paragraph", "unit", "base_year", "previous", "value", "change_percent",
    "status",
)  # fmt: skip
_PERCENT: Final = 100


class Row(NamedTuple):
    """One line of the table. `value` is None where it is not known; `unit` says of what."""

    line: str
    label: str
    paragraph: str
    unit: str
    value: Fraction | None
    status: str
    base_year: Fraction | None = None
    previous: Fraction | None = None

    @property
    def change_percent(self) -> Fraction | None:
        """Against the previous period; None where one of the two is not known, or was zero."""
        if self.value is None or not self.previous:
            return None
        return (self.value - self.previous) / self.previous * _PERCENT


def table(
    lines: Iterable[Line],
    *,
    net_revenue: Fraction | None = None,
    currency: str = "EUR",
    base_year: Mapping[str, Fraction] | None = None,
    previous: Mapping[str, Fraction] | None = None,
) -> list[Row]:
    """Return the rows in tonnes of CO2e; intensities in tonnes per unit of net revenue.

    `base_year` and `previous` have values by the id of a line. Raises ValueError for revenue that
    is not above zero.
    """
    if net_revenue is not None and net_revenue <= 0:
        raise ValueError("net revenue must be above zero")
    found = list(lines)
    rows = [*_rows(found), *_intensities(found, net_revenue, currency)]
    return [
        row._replace(
            base_year=(base_year or {}).get(row.line), previous=(previous or {}).get(row.line)
        )
        for row in rows
    ]


def _rows(lines: list[Line]) -> Iterator[Row]:
    tonnes = "tCO2e"
    for line, label, place, method in (
        ("gross_scope_1", "Gross scope 1", SCOPE_1, Method.NONE),
        ("gross_scope_2_location", "Gross scope 2, location-based", SCOPE_2, Method.LOCATION),
        ("gross_scope_2_market", "Gross scope 2, market-based", SCOPE_2, Method.MARKET),
    ):
        value, status = _sum(lines, place, method)
        yield Row(line, label, PARAGRAPHS[line], tonnes, value, status)
    for category in CATEGORIES:
        value, status = _sum(lines, GhgPlace(3, category), Method.NONE)
        label = f"Scope 3.{category} {CATEGORY_NAMES[category]}"
        yield Row(f"scope_3_{category}", label, PARAGRAPHS["gross_scope_3"], tonnes, value, status)
        if category == 1:
            yield _cloud(lines, tonnes)
    for line, method in (
        ("total_location", Method.LOCATION),
        ("total_market", Method.MARKET),
    ):
        total, status = _total(lines, method)
        yield Row(line, f"Total, {method}-based", PARAGRAPHS[line], tonnes, total, status)


def _cloud(lines: list[Line], unit: str) -> Row:
    """Return the optional line of AR 48: a part of category 1, and not in addition to it."""
    mine = [one for one in lines if one.place == GhgPlace(3, 1, "cloud")]
    value, status = _state(mine, sum_of_known(one.total.grams for one in mine))
    label = "of that, cloud computing and data centre services"
    return Row("scope_3_1_cloud", label, "AR 48", unit, value, status)


def _sum(lines: list[Line], place: GhgPlace, method: Method) -> tuple[Fraction | None, str]:
    """Return the tonnes of a place with all its subcategories, and the worst of their states."""
    mine = [
        one
        for one in lines
        if one.method is method and one.place._replace(subcategory="") == place
    ]
    return _state(mine, sum_of_known(one.total.grams for one in mine))


def _total(lines: list[Line], method: Method) -> tuple[Fraction | None, str]:
    """Return the tonnes of all scopes; incomplete where a part has no number."""
    grams = ghg_total(lines, method)
    return _state([one for one in lines if one.method in (Method.NONE, method)], grams)


def _state(mine: list[Line], grams: Fraction | None) -> tuple[Fraction | None, str]:
    """Return grams in tonnes, and what they are: incomplete where a part has no number."""
    if grams is None:
        return None, mine[0].status if mine else Status.NOT_EVALUATED
    if any(one.total.unpriced or one.total.refused for one in mine):
        return grams / GRAMS_PER_TONNE, Status.INCOMPLETE
    return grams / GRAMS_PER_TONNE, Status.CALCULATED if grams else Status.ZERO


def _intensities(lines: list[Line], net_revenue: Fraction | None, currency: str) -> Iterator[Row]:
    for line, method in (
        ("intensity_location", Method.LOCATION),
        ("intensity_market", Method.MARKET),
    ):
        value, status = _total(lines, method)
        if value is None or net_revenue is None:
            value, status = None, Status.NOT_EVALUATED
        else:
            value /= net_revenue
        label = f"Total per net revenue, {method}-based"
        yield Row(line, label, PARAGRAPHS[line], f"tCO2e/{currency}", value, status)
