"""PURE. The first screen: who reports and when, the totals, and where they come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final

from wattgram_collector.exposition.pages.frame import section
from wattgram_collector.exposition.pages.html import Content, Html, join, tag
from wattgram_collector.exposition.pages.words import UNKNOWN, listed, named
from wattgram_collector.inventory.html.charts import Piece, band, tree
from wattgram_collector.inventory.html.digest import Tally
from wattgram_collector.inventory.html.figures import (
    anchor,
    basis_of,
    cells,
    code,
    count,
    day,
    figure,
    grid,
    label,
    mass,
    method,
    quality,
    quality_bar,
    said,
)
from wattgram_collector.inventory.html.standing import (
    LEAF_NAMES,
    LETTER_NAMES,
    METHOD_WORDS,
    STATUS_WORDS,
    Standing,
    leaf_id,
)
from wattgram_collector.inventory.lines import Status
from wattgram_collector.inventory.places import CATEGORIES, TcsLeaf
from wattgram_collector.inventory.postings import Method

_SUM: Final = "sum of the lines"
_SCOPES: Final = (1, 2, 3)
_SCOPE_ROWS: Final = (
    (1, Method.NONE), (2, Method.LOCATION), (2, Method.MARKET), (3, Method.NONE),
)  # fmt: skip
_MIDDLE_DOT: Final = " \N{MIDDLE DOT} "


def title(standing: Standing) -> Html:
    """Return who reports, of which time, and how far that is settled."""
    inventory = standing.inventory
    settings, period = inventory.settings, inventory.period
    link = settings.auditor_link
    verified: Content = tag("span", "self reported", class_="badge quiet")
    if link:
        is_web = link.startswith(("https://", "http://"))
        who = tag("a", "independently verified", href=link, rel="noreferrer") if is_web else (
            "independently verified")  # fmt: skip
        verified = tag("span", who, class_="badge good")
    state = tag("span", "closed" if inventory.closed else "draft",
                class_=f"badge {'good' if inventory.closed else 'info'}")  # fmt: skip
    about: list[Content] = [
        tag("span", "Greenhouse gas inventory, ", day(period.first.isoformat()), " to ",
            day(standing.last_day.isoformat())),
        said(period.timezone),
        named(settings.consolidation),
    ]  # fmt: skip
    if inventory.org_unit:
        about.append(tag("span", "unit ", said(inventory.org_unit)))
    if settings.approved_by:
        about.append(tag("span", "approved by ", said(settings.approved_by)))
    return tag(
        "div",
        tag("h1", said(settings.organisation)),
        state,
        verified,
        tag("p", join(about, _MIDDLE_DOT), class_="note"),
        class_="title",
    )


def cards(standing: Standing) -> Html:
    """Return the totals, each with its interval and with how it is known."""
    found = standing.digest
    hardware = named(standing.inventory.settings.hardware_basis)
    return tag(
        "div",
        _card("GHG Protocol, location", standing.total_grams(Method.LOCATION), found.location,
              "location-based, scopes 1 to 3", "#lines"),
        _card("GHG Protocol, market", standing.total_grams(Method.MARKET), found.market,
              "market-based, scopes 1 to 3", "#lines"),
        _card("Technology Carbon Standard", standing.tcs_grams, found.tcs,
              f"location-based, hardware by {hardware}", "#tcs"),
        _completeness(standing),
        class_="cards four totals",
    )  # fmt: skip


def _card(name: str, grams: Fraction | None, tally: Tally, how: str, to: str) -> Html:
    basis = basis_of(tally, how)
    return tag(
        "section",
        tag("h2", tag("a", name, href=to)),
        tag("p", UNKNOWN if grams is None else mass(grams, basis), class_="big"),
        tag("p", method(basis.method), class_="small"),
        quality_bar(basis.shares),
        tag("p", quality(basis), class_="small"),
        class_="card",
        data_figure=True,
        aria_label=f"{name}, {basis.method}",
    )


def _completeness(standing: Standing) -> Html:
    parts: list[Content] = [
        tag("span", count(number, STATUS_WORDS[state], STATUS_WORDS[state]))
        for state, number in standing.categories.items()
        if state in (Status.INCOMPLETE, Status.ZERO, Status.EXCLUDED, Status.NOT_EVALUATED)
    ]
    unknown = len(standing.inventory.unknown)
    if unknown:
        parts.append(tag("a", count(unknown, "thing in no total", "things in no total"),
                         href="#unknown"))  # fmt: skip
    return tag(
        "section",
        tag("h2", "Categories of scope 3"),
        tag("p", count(standing.evaluated, f"of {len(CATEGORIES)} told",
                       f"of {len(CATEGORIES)} told"), class_="big"),
        tag("p", listed(join((one,)) for one in parts), class_="small"),
        tag("p", method("counted"), _MIDDLE_DOT, tag("span", "exact", class_="q"), class_="small"),
        class_="card",
        data_figure=True,
        aria_label="Categories of scope 3",
    )  # fmt: skip


def scopes(standing: Standing) -> Html:
    """Return both totals by scope, as bands of one scale, with the numbers below."""
    rows = [(way, _of_scopes(standing, way)) for way in (Method.LOCATION, Method.MARKET)]
    whole = max((sum(map(float, parts)) for _, parts in rows), default=0.0)
    drawn = [
        tag("div", tag("h3", METHOD_WORDS[way].capitalize()),
            band([Piece(f"Scope {scope}", float(size), f"s{scope}")
                  for scope, size in zip(_SCOPES, parts, strict=True)], whole,
                 f"{METHOD_WORDS[way]}: {_spoken(parts)}"), class_="way")
        for way, parts in rows
    ]  # fmt: skip
    table = grid(
        ("Scope", "Emissions", "Method", "How it is known"),
        [_scope_row(standing, scope, way) for scope, way in _SCOPE_ROWS],
        "Emissions by scope",
    )  # fmt: skip
    text = (
        "Location-based prices electricity with the grid that it came from, market-based with "
        "what was contracted. They are two ways to tell one thing, and are never added."
    )
    return section("By scope", tag("figure", *drawn), table, name="scopes",
                   note=tag("p", text, class_="note"))  # fmt: skip


def _of_scopes(standing: Standing, way: Method) -> list[Fraction]:
    return [
        sum((line.total.grams or Fraction(0) for line in standing.inventory.lines
             if line.place.scope == scope and line.method in (Method.NONE, way)), Fraction(0))
        for scope in _SCOPES
    ]  # fmt: skip


def _spoken(parts: Sequence[Fraction]) -> str:
    whole = sum(parts)
    shares = [f"scope {scope} {float(part / whole) * 100 if whole else 0:.0f} percent"
              for scope, part in zip(_SCOPES, parts, strict=True)]  # fmt: skip
    return ", ".join(shares)


def _scope_row(standing: Standing, scope: int, way: Method) -> Html:
    mine = [one for one in standing.inventory.lines
            if one.place.scope == scope and one.method is way]  # fmt: skip
    grams = [one.total.grams for one in mine if one.total.grams is not None]
    name = label(f"Scope {scope}" + (f", {METHOD_WORDS[way]}" if METHOD_WORDS[way] else ""))
    if not grams:
        words = STATUS_WORDS[mine[0].status] if mine else STATUS_WORDS[Status.NOT_EVALUATED]
        return cells(name, tag("span", words, class_="unknown"), "", "", is_figure=False)
    whole = Tally()
    for one in mine:
        whole.merge(standing.tally(one))
    basis = basis_of(whole, METHOD_WORDS[way] or _SUM)
    total = sum(grams, Fraction(0))
    return cells(name, mass(total, basis), method(basis.method), quality(basis))


def tcs(standing: Standing) -> Html:
    """Return the tree of the Technology Carbon Standard, and every leaf of it."""
    leaves = standing.inventory.leaves
    sizes = {leaf: float(one.grams) for leaf, one in leaves.items() if one.grams is not None}
    whole = sum(sizes.values())
    rows, spoken = [], []
    for letter, name in LETTER_NAMES.items():
        mine = [leaf for leaf in TcsLeaf if leaf.letter == letter]
        size = sum(sizes.get(leaf, 0.0) for leaf in mine)
        parts = [Piece(LEAF_NAMES[leaf], sizes[leaf], f"t{letter} leaf")
                 for leaf in mine if leaf in sizes]  # fmt: skip
        rows.append((Piece(f"{letter} {name}", size, f"t{letter}"), parts))
        spoken.append(f"{name} {size / whole * 100 if whole else 0:.0f} percent")
    table = grid(
        ("Leaf", "Emissions", "Method", "How it is known", "Walk"),
        _leaf_rows(standing),
        "Leaves of the Technology Carbon Standard",
    )
    text = tag("p", "From the same postings as the GHG Protocol's total, for another purpose: the "
               "two are never added. Hardware by ",
               named(standing.inventory.settings.hardware_basis), ".", class_="note")  # fmt: skip
    return section("Technology Carbon Standard",
                   tag("figure", tree(rows, whole, ", ".join(spoken))), table, name="tcs",
                   note=text)  # fmt: skip


def _leaf_rows(standing: Standing) -> Iterator[Html]:
    for leaf in TcsLeaf:
        name = join((label(LEAF_NAMES[leaf]), tag("small", code(leaf.code))))
        total = standing.inventory.leaves.get(leaf)
        if total is None or total.grams is None:
            words = "not evaluated" if total is None else "no factor"
            yield cells(name, tag("span", words, class_="unknown"), "", "", "", is_figure=False)
            continue
        basis = standing.leaf_basis(leaf)
        walk = anchor("postings", leaf_id(leaf))
        missing = figure(Fraction(total.unpriced), "without a factor", basis) if (
            total.unpriced) else None  # fmt: skip
        yield cells(name, join((mass(total.grams, basis), missing)), method(basis.method),
                    quality(basis), walk)  # fmt: skip
