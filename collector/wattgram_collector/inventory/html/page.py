"""PURE. The readable report: one page of HTML that asks nobody and needs no script.

`html_report` is the whole of it; the parts are modules of this package, in the order of a reader.
"""

from __future__ import annotations

from typing import Final

from wattgram_collector.exposition.pages.html import Content, Html, join, tag
from wattgram_collector.exposition.pages.stripe import PATTERNS
from wattgram_collector.inventory.html.beside import Beside
from wattgram_collector.inventory.html.beyond import (
    attention,
    instruments,
    statements,
    unknown,
    warnings,
)
from wattgram_collector.inventory.html.compared import compared
from wattgram_collector.inventory.html.evidence import (
    Excerpt,
    factor_ids,
    factors,
    walk,
)
from wattgram_collector.inventory.html.known import coverage
from wattgram_collector.inventory.html.lines import lines
from wattgram_collector.inventory.html.methodology import methodology
from wattgram_collector.inventory.html.origins import months, origins, software
from wattgram_collector.inventory.html.standing import Standing
from wattgram_collector.inventory.html.style import style
from wattgram_collector.inventory.html.summary import cards, scopes, tcs, title
from wattgram_collector.inventory.result import Inventory

_NOBODY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""What a browser may ask for on behalf of the page: nothing."""
_SECTIONS: Final = (
    ("scopes", "Scopes"),
    ("lines", "Every line"),
    ("tcs", "TCS"),
    ("esrs", "E1-6"),
    ("origins", "Where from"),
    ("months", "Months"),
    ("sci", "SCI"),
    ("unknown", "In no total"),
    ("coverage", "Coverage"),
    ("methodology", "Methodology"),
    ("factors", "Factors"),
    ("walk", "Check it"),
)


def html_report(inventory: Inventory, beside: Beside | None = None) -> str:
    """Return `report.html`: the same run gives the same text."""
    standing = Standing(inventory, beside or Beside())
    ids = factor_ids(standing)
    parts = {
        "scopes": scopes(standing),
        "lines": lines(standing),
        "tcs": tcs(standing),
        "esrs": compared(standing),
        "origins": origins(standing),
        "months": months(standing),
        "sci": software(standing),
        "unknown": unknown(standing),
        "warnings": warnings(standing),
        "coverage": coverage(standing),
        "instruments": instruments(standing),
        "statements": statements(standing),
        "methodology": methodology(standing),
        "factors": factors(standing, ids),
        "walk": walk(standing, Excerpt(standing, ids)),
    }
    body = tag(
        "body",
        PATTERNS,
        tag("a", "Skip to the content", class_="skip", href="#content"),
        _header(parts),
        tag("main", title(standing), cards(standing), attention(standing), *parts.values(),
            id="content", tabindex="-1"),
        _footer(standing),
    )  # fmt: skip
    return f"<!doctype html>\n{tag('html', _head(standing), body, lang='en')}\n"


def _head(standing: Standing) -> Html:
    inventory = standing.inventory
    name = f"{inventory.settings.organisation}, {inventory.period.name}"
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_NOBODY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"{name} \N{MIDDLE DOT} Greenhouse gas inventory"),
        tag("style", style()),
    )


def _header(parts: dict[str, Html | None]) -> Html:
    way = join(
        tag("a", name, href=f"#{key}") for key, name in _SECTIONS if parts.get(key) is not None
    )
    brand = tag("span", tag("span", class_="logo", aria_hidden="true"), "Wattgram", class_="brand")
    return tag("header", brand, tag("nav", way, aria_label="Parts of the report"))


def _footer(standing: Standing) -> Html:
    version = standing.beside.tool_version
    told: list[Content] = ["Made by Wattgram"]
    if version:
        told.append(tag("span", " ", version, class_="said"))
    told.append(" from its ledger. The files beside this page have every figure in full.")
    return tag("footer", tag("p", *told))
