"""PURE. Every line of the inventory, those without a number too, and why they have none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import groupby
from typing import Final

from wattgram_collector.exposition.pages.frame import section
from wattgram_collector.exposition.pages.html import EMPTY, Content, Html, join, tag
from wattgram_collector.inventory.html.digest import Tally
from wattgram_collector.inventory.html.figures import (
    Basis,
    anchor,
    basis_of,
    count,
    grid,
    kilograms,
    label,
    mass,
    method,
    percent,
    quality,
    quality_bar,
    said,
)
from wattgram_collector.inventory.html.standing import (
    STATUS_WORDS,
    Standing,
    key_of,
    line_id,
    line_name,
    part_name,
)
from wattgram_collector.inventory.lines import Line, Relevance, Status
from wattgram_collector.inventory.places import CATEGORY_NAMES
from wattgram_collector.inventory.postings import Gas

_BADGES: Final = {
    Status.CALCULATED: "good",
    Status.INCOMPLETE: "warning",
    Status.ZERO: "good",
    Status.EXCLUDED: "info",
    Status.NOT_EVALUATED: "quiet",
}
_GASES: Final = {
    Gas.CO2_FOSSIL: "CO2 fossil",
    Gas.CH4: "CH4",
    Gas.N2O: "N2O",
    Gas.OTHER: "other gases",
    Gas.CO2_BIOGENIC: "CO2 biogenic, in no total",
}


def lines(standing: Standing) -> Html:
    """Return the table of all lines, with a bar each in one scale."""
    found = standing.inventory.lines
    groups = _groups(found)
    largest = max((sum(map(_grams, group)) for group in groups), default=0.0)
    titles = ("Line", "", "Emissions", "Method", "How it is known", "Status", "Walk")
    table = grid(titles, _rows(standing, groups, largest),
                 "All lines of the inventory", class_="lines")  # fmt: skip
    text = tag("p", "All fifteen categories are here. One without a number is not zero: it is "
               "excluded with its reason, or nobody has evaluated it.", class_="note")  # fmt: skip
    return section("Every line", table, _gases(standing), name="lines", note=text)


def _groups(found: Sequence[Line]) -> list[list[Line]]:
    """Return lines together that are parts of one category; scope 2's methods are no parts."""
    keyed = groupby(found, key=lambda one: (one.place.scope, one.place.category, one.method))
    return [list(group) for _, group in keyed]


def _grams(line: Line) -> float:
    return float(line.total.grams or 0)


def _rows(standing: Standing, groups: list[list[Line]], largest: float) -> Iterator[Html]:
    for group in groups:
        if len(group) == 1:
            yield _row(standing, group[0], line_name(group[0]), largest)
            continue
        yield _sum_row(standing, group, largest)
        for line in group:
            yield _row(standing, line, part_name(line), largest, is_part=True)


def _sum_row(standing: Standing, group: list[Line], largest: float) -> Html:
    """Return the sum of a category whose parts follow."""
    whole = Tally()
    for line in group:
        whole.merge(standing.tally(line))
    known = [line.total.grams for line in group if line.total.grams is not None]
    basis = basis_of(whole, "sum of its parts")
    total = sum(known, Fraction(0))
    width = float(total) / largest if largest else 0.0
    shown = mass(total, basis) if known else tag("span", "no factor", class_="unknown")
    columns = (quality_bar(basis.shares, width), shown, method(basis.method), quality(basis),
               EMPTY, EMPTY)  # fmt: skip
    place = group[0].place
    name = f"3.{place.category} {CATEGORY_NAMES[place.category]}"
    return tag("tr", tag("th", label(name), scope="row"),
               join(tag("td", one, class_=class_)
                    for one, class_ in zip(columns, _CLASSES, strict=True)),
               data_figure=bool(known))  # fmt: skip


def _row(
    standing: Standing, line: Line, name: str, largest: float, *, is_part: bool = False
) -> Html:
    total, basis = line.total, standing.basis(line)
    drawn: Content = EMPTY
    shown: Content = tag("span", STATUS_WORDS[line.status], class_="unknown")
    if total.grams is not None:
        width = float(total.grams) / largest if largest else 0.0
        drawn = quality_bar(basis.shares, width)
        shown = mass(total.grams, basis)
    known = (
        (method(basis.method), _known(line, basis)) if total.postings else (EMPTY, EMPTY)
    )  # fmt: skip
    walk = anchor("postings", line_id(key_of(line))) if total.postings + total.refused else EMPTY
    columns = (drawn, shown, *known, _status(line), walk)
    return tag(
        "tr",
        tag("th", label(name), scope="row"),
        join(tag("td", one, class_=class_) for one, class_ in zip(columns, _CLASSES, strict=True)),
        data_figure=total.grams is not None,
        class_="sub" if is_part else None,
    )


_CLASSES: Final = ("bars", "amount", "how", "how", "status", "walk")


def _known(line: Line, basis: Basis) -> Html:
    supplied = line.total.supplier_ratio
    if not supplied:
        return quality(basis)
    part = percent(float(supplied), "suppliers' data", basis)
    return join((quality(basis), tag("small", part)))


def _status(line: Line) -> Html:
    parts: list[Content] = [
        tag("span", STATUS_WORDS[line.status], class_=f"badge {_BADGES[line.status]}")
    ]
    if line.statement.relevance is Relevance.NOT_RELEVANT:
        parts.append(tag("span", "not relevant", class_="badge quiet"))
    reasons = list(_reasons(line))
    if reasons:
        parts.append(tag("small", join(reasons, "; ")))
    return join(parts, " ")


def _reasons(line: Line) -> Iterator[Html]:
    if line.statement.justification:
        yield said(line.statement.justification)
    if line.total.unpriced:
        yield join((count(line.total.unpriced, "posting has", "postings have"),
                    " no factor: not in the sum"))  # fmt: skip
    if line.total.refused:
        yield join((count(line.total.refused, "posting has", "postings have"),
                    " a factor that does not fit: not in the sum"))  # fmt: skip


def _gases(standing: Standing) -> Html | None:
    """Return the gases apart, of the lines whose factors say them."""
    rows = []
    for line in standing.inventory.lines:
        gases = line.total.gases
        if not gases:
            continue
        basis = standing.basis(line)
        parts = (kilograms(gases[gas], basis) if gas in gases else EMPTY for gas in _GASES)
        rows.append(tag("tr", tag("th", label(line_name(line)), scope="row"),
                        join(tag("td", one) for one in parts), tag("td", method(basis.method)),
                        tag("td", quality(basis)), data_figure=True))  # fmt: skip
    if not rows:
        return None
    titles = (label("Line"), *map(label, _GASES.values()), "Method", "How it is known")
    text = tag("p", "As far as the factors say them apart: what is not here is in the CO2e of its "
               "line all the same.", class_="note")  # fmt: skip
    return tag("div", tag("h3", "Gases apart"), text, grid(titles, rows, "Gases by line"),
               class_="part")  # fmt: skip
