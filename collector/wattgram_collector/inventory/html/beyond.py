"""PURE. What is in no total, and what was said: unknown, memos, instruments, exclusions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final

from wattgram_collector.exposition.pages.frame import section
from wattgram_collector.exposition.pages.html import EMPTY, Content, Html, join, tag
from wattgram_collector.exposition.pages.words import UNKNOWN
from wattgram_collector.inventory.html.figures import (
    Basis,
    basis_of,
    cells,
    count,
    day,
    figure,
    grid,
    mass,
    method,
    quality,
    said,
)
from wattgram_collector.inventory.html.standing import Standing
from wattgram_collector.inventory.result import Unknown

SHOWN_MAX: Final = 50
_STATED: Final = Basis("stated", {}, stated="as the organisation says it")
_OUTSIDE: Final = Basis("metered or stated", {}, stated="in no total")


def attention(standing: Standing) -> Html | None:
    """Return what a reader of the totals must know at once."""
    unknown, warnings = standing.inventory.unknown, standing.inventory.warnings
    parts: list[Content] = []
    if unknown:
        energy = _energy(unknown)
        told = (" with ", figure(energy, "kWh", _OUTSIDE)) if energy else ()
        parts.append(tag("p", tag("a", count(len(unknown), "thing is", "things are"),
                                  " in no total", href="#unknown"), *told, ". ",
                         method(_OUTSIDE.method), ", ", quality(_OUTSIDE)))  # fmt: skip
    if warnings:
        parts.append(tag("p", tag("a", count(len(warnings), "thing is", "things are"),
                                  " to be looked at", href="#warnings"), ". ",
                         method("said twice, outside of what is usual, or at odds"), ", ",
                         tag("span", "told, never changed", class_="q")))  # fmt: skip
    return tag("div", *parts, class_="banner warning", data_figure=True) if parts else None


def _energy(unknown: Sequence[Unknown]) -> Fraction:
    return sum((one.kilowatt_hours or Fraction(0) for one in unknown), Fraction(0))


def unknown(standing: Standing) -> Html:
    """Return what nobody said enough of, and the memos: both are in no total."""
    found = sorted(
        standing.inventory.unknown,
        key=lambda one: (-(one.kilowatt_hours or 0), -(one.grams or 0), one.subject),
    )
    text = tag("p", "Stated so that nothing is taken for zero.", class_="note")
    inside: list[Content] = []
    if found:
        titles = ("What", "Why", "Energy", "It would come to", "Method", "How it is known")
        inside.append(grid(titles, map(_unknown, found[:SHOWN_MAX]), "What is in no total"))
        inside.append(_rest(found))
    else:
        inside.append(tag("p", "Nothing that was metered or said is left out.", class_="empty"))
    inside.append(_memos(standing))
    return section("In no total", *inside, name="unknown", note=text)


def _unknown(one: Unknown) -> Html:
    return cells(
        said(one.subject),
        said(one.why),
        UNKNOWN if one.kilowatt_hours is None else figure(one.kilowatt_hours, "kWh", _OUTSIDE),
        UNKNOWN if one.grams is None else mass(one.grams, _OUTSIDE),
        method(_OUTSIDE.method),
        quality(_OUTSIDE),
    )


def _rest(found: Sequence[Unknown]) -> Html | None:
    rest = found[SHOWN_MAX:]
    if not rest:
        return None
    return tag("p", "and ", count(len(rest), "more", "more"), " with ",
               figure(_energy(rest), "kWh", _OUTSIDE), ", ", method(_OUTSIDE.method), ", ",
               quality(_OUTSIDE), class_="note", data_figure=True)  # fmt: skip


def _memos(standing: Standing) -> Html | None:
    memos = standing.digest.memos
    if not memos:
        return None
    rows = []
    ordered = sorted(memos.items(), key=lambda one: (-one[1].grams, one[0]))
    for why, tally in ordered[:SHOWN_MAX]:
        basis = basis_of(tally)
        rows.append(cells(said(why), mass(tally.grams, basis) if tally.is_known else UNKNOWN,
                          count(tally.postings, "posting"), method(basis.method),
                          quality(basis)))  # fmt: skip
    titles = ("Why it is beside", "It comes to", "Postings", "Method", "How it is known")
    return tag("div", tag("h3", "Memos, shares and what does not fit"),
               grid(titles, rows, "Memos"), class_="part")  # fmt: skip


def warnings(standing: Standing) -> Html | None:
    """Return what was said twice, is at odds, or is outside the band of its kind."""
    found = standing.inventory.warnings
    if not found:
        return None
    items = join(tag("li", tag("span", "warning", class_="badge warning"), " ", said(one))
                 for one in found[:SHOWN_MAX])  # fmt: skip
    more = len(found) - SHOWN_MAX
    rest = tag("p", "and ", count(more, "more", "more"), class_="note") if more > 0 else None
    text = tag("p", "Nothing was changed by them. Figures that are often quoted are there to "
               "compare with, and are no factors.", class_="note")  # fmt: skip
    return section("To be looked at", tag("ul", items, class_="problems"), rest, name="warnings",
                   note=text)  # fmt: skip


def instruments(standing: Standing) -> Html | None:
    """Return certificates, credits and removals: beside the totals, never taken off them."""
    found = standing.inventory.instruments
    if not found:
        return None
    rows = [
        cells(
            said(one.get("type", "").replace("_", " ")),
            _quantity(one),
            said(" ".join(filter(None, (one.get("registry"), one.get("serial"))))),
            said(one.get("vintage", "")),
            day(one["retired_on"]) if one.get("retired_on") else UNKNOWN,
            said(one.get("used_in", "").replace("_", "-")),
            said(one.get("note", "")),
            method("certificate"),
            quality(_STATED),
        )
        for one in found[:SHOWN_MAX]
    ]
    titles = ("Type", "Quantity", "Registry and serial", "Vintage", "Retired on", "Used in",
              "Note", "Method", "How it is known")  # fmt: skip
    text = tag("p", "Emissions are gross. What was bought to make up for them is listed here and "
               "is subtracted from nothing.", class_="note")  # fmt: skip
    more = len(found) - SHOWN_MAX
    rest = tag("p", "and ", count(more, "more", "more"), " in instruments.csv", class_="note") if (
        more > 0) else None  # fmt: skip
    return section("Certificates and credits", grid(titles, rows, "Instruments"), rest,
                   name="instruments", note=text)  # fmt: skip


def _quantity(one: Mapping[str, str]) -> Html:
    try:
        value = Fraction(one.get("quantity", ""))
    except ValueError:
        return said(one.get("quantity", ""))
    return figure(value, one.get("unit", ""), Basis("certificate", {}, stated=_STATED.quality))


def statements(standing: Standing) -> Html | None:
    """Return what the organisation assumed and left out, in its own words."""
    parts = [
        _table(name, rows)
        for name, rows in (("Assumptions", standing.inventory.assumptions),
                           ("Exclusions", standing.inventory.exclusions))
        if rows
    ]  # fmt: skip
    if not parts:
        return None
    return section("What was assumed and left out", *parts, name="statements")


def _table(name: str, rows: Sequence[Mapping[str, str]]) -> Html:
    found = [
        cells(tag("code", one.get("id", "")), said(one.get("scope_ref", "")),
              said(one.get("text", "")), said(one.get("owner", "")),
              day(one["date"]) if one.get("date") else EMPTY, _effect(one),
              method("stated"), quality(_STATED))
        for one in rows[:SHOWN_MAX]
    ]  # fmt: skip
    titles = ("Id", "Of", "Statement", "By", "On", "Effect", "Method", "How it is known")
    more = len(rows) - SHOWN_MAX
    rest = tag("p", "and ", count(more, "more", "more"), class_="note") if more > 0 else None
    return tag("div", tag("h3", name), grid(titles, found, name), rest, class_="part")


def _effect(one: Mapping[str, str]) -> Html:
    try:
        value = Fraction(one.get("effect_kg", ""))
    except ValueError:
        return UNKNOWN
    return figure(value, "kg CO2e", _STATED)
