"""PURE. The same report, shorter, as Markdown: totals, every line, and what is in no total."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Final

from wattgram.units import GRAMS_PER_KILOGRAM
from wattgram_collector.exposition.pages.words import figures
from wattgram_collector.inventory.html.beside import Beside
from wattgram_collector.inventory.html.digest import Tally
from wattgram_collector.inventory.html.figures import Basis, basis_of, plus_minus
from wattgram_collector.inventory.html.standing import (
    LEAF_NAMES,
    STATUS_WORDS,
    Standing,
    line_name,
)
from wattgram_collector.inventory.places import TcsLeaf
from wattgram_collector.inventory.postings import Method
from wattgram_collector.inventory.result import Inventory

LARGEST_MAX: Final = 10
UNKNOWN_MAX: Final = 20
_MARKS: Final = re.compile(r"([\\`*_\[\]#!|<>~&$]|^[-+](?= )|(?<=^\d)[.)](?= ))")
_UNKNOWN: Final = "unknown"
_KILOGRAMS: Final = "kg CO2e"


def markdown_report(inventory: Inventory, beside: Beside | None = None) -> str:
    """Return `report.md`: the same run gives the same text."""
    standing = Standing(inventory, beside or Beside())
    parts = (
        _head,
        _totals,
        _lines,
        _leaves,
        _largest,
        _software,
        _unknown,
        _told,
        _publications,
        _check,
    )
    return "\n".join(line for part in parts for line in part(standing)).rstrip() + "\n"


def _head(standing: Standing) -> Iterator[str]:
    inventory = standing.inventory
    settings, period = inventory.settings, inventory.period
    yield f"# {plain(settings.organisation)}: greenhouse gas inventory"
    yield ""
    state = "closed" if inventory.closed else "draft"
    verified = "independently verified" if settings.auditor_link else "self reported"
    said = [f"{period.first} to {standing.last_day}", plain(period.timezone),
            settings.consolidation.replace("_", " "), state, verified]  # fmt: skip
    if inventory.org_unit:
        said.append(f"unit {plain(inventory.org_unit)}")
    if settings.approved_by:
        said.append(f"approved by {plain(settings.approved_by)}")
    yield ", ".join(said) + "."
    yield ""


def _totals(standing: Standing) -> Iterator[str]:
    found = standing.digest
    hardware = f"location-based, hardware by {standing.inventory.settings.hardware_basis}"
    yield "## Totals"
    yield ""
    rows = (
        ("GHG Protocol, location-based", standing.total_grams(Method.LOCATION),
         basis_of(found.location, "location-based")),
        ("GHG Protocol, market-based", standing.total_grams(Method.MARKET),
         basis_of(found.market, "market-based")),
        ("Technology Carbon Standard", standing.tcs_grams,
         basis_of(found.tcs, hardware.replace("_", " "))),
    )  # fmt: skip
    titles = ("Total", "Emissions", "Method", "How it is known")
    yield from _table(titles, ((name, *_figure(grams, basis, _UNKNOWN))
                               for name, grams, basis in rows))  # fmt: skip
    yield "The totals tell one thing in three ways and are never added."
    yield ""


def _lines(standing: Standing) -> Iterator[str]:
    yield "## Every line"
    yield ""
    rows = (
        (plain(line_name(line)), *_figure(line.total.grams, standing.basis(line)),
         "; ".join(filter(None, (STATUS_WORDS[line.status],
                                 plain(line.statement.justification)))))
        for line in standing.inventory.lines
    )  # fmt: skip
    yield from _table(("Line", "Emissions", "Method", "How it is known", "Status"), rows)


def _leaves(standing: Standing) -> Iterator[str]:
    yield "## Technology Carbon Standard"
    yield ""
    rows = []
    for leaf in TcsLeaf:
        total = standing.inventory.leaves.get(leaf)
        grams = None if total is None else total.grams
        rows.append((f"{leaf.letter} {LEAF_NAMES[leaf]}",
                     *_figure(grams, standing.leaf_basis(leaf), "not evaluated")))  # fmt: skip
    yield from _table(("Leaf", "Emissions", "Method", "How it is known"), rows)


def _largest(standing: Standing) -> Iterator[str]:
    found = standing.digest
    groups: tuple[tuple[str, dict[str, Tally]], ...] = (
        ("assets", found.assets), ("activities", found.activities),
        ("sites", found.sites), ("services", found.services),
    )  # fmt: skip
    for name, tallies in groups:
        if not tallies:
            continue
        yield f"## Largest {name}"
        yield ""
        ordered = sorted(tallies.items(), key=lambda one: (-one[1].grams, one[0]))
        rows = ((plain(key), *_figure(tally.grams if tally.is_known else None,
                                      basis_of(tally)))
                for key, tally in ordered[:LARGEST_MAX])  # fmt: skip
        yield from _table((name.capitalize(), "Emissions", "Method", "How it is known"), rows)


def _software(standing: Standing) -> Iterator[str]:
    if not standing.inventory.software:
        return
    yield "## Software carbon intensity"
    yield ""
    rows = []
    for one in standing.inventory.software:
        rate = one.grams_per_unit
        how = "measurement" if one.is_measured else "calculation"
        shown = _UNKNOWN if rate is None else f"{figures(float(rate))} g CO2e/{plain(one.unit)}"
        rows.append((plain(one.service), shown, "location-based, (E x I + M) / R", how))
    yield from _table(("Service", "SCI", "Method", "How it is known"), rows)


def _unknown(standing: Standing) -> Iterator[str]:
    found = sorted(standing.inventory.unknown,
                   key=lambda one: (-(one.kilowatt_hours or 0), one.subject))  # fmt: skip
    if not found:
        return
    yield "## In no total"
    yield ""
    rows = [
        (plain(one.subject), plain(one.why),
         _UNKNOWN if one.kilowatt_hours is None else f"{figures(float(one.kilowatt_hours))} kWh",
         "metered or stated", "in no total")
        for one in found[:UNKNOWN_MAX]
    ]  # fmt: skip
    yield from _table(("What", "Why", "Energy", "Method", "How it is known"), rows)
    if len(found) > UNKNOWN_MAX:
        yield f"and {len(found) - UNKNOWN_MAX:,} more in report.html and ledger.csv."
        yield ""


def _told(standing: Standing) -> Iterator[str]:
    """Yield warnings, exclusions and instruments as lists."""
    inventory = standing.inventory
    groups = (
        ("To be looked at", list(inventory.warnings)),
        ("Assumptions", [one.get("text", "") for one in inventory.assumptions]),
        ("Exclusions", [one.get("text", "") for one in inventory.exclusions]),
        ("Certificates and credits, subtracted from nothing",
         [" ".join(filter(None, (one.get(key, "") for key in
                                 ("type", "quantity", "unit", "registry", "serial"))))
          for one in inventory.instruments]),
    )  # fmt: skip
    for title, texts in groups:
        if texts:
            yield f"## {title}"
            yield ""
            yield from (f"* {plain(text)}" for text in texts[:UNKNOWN_MAX])
            if len(texts) > UNKNOWN_MAX:
                yield f"* and {len(texts) - UNKNOWN_MAX:,} more"
            yield ""


def _publications(standing: Standing) -> Iterator[str]:
    found = standing.publications
    if found:
        yield "## This report contains information from"
        yield ""
        yield from (f"* {plain(one)}" for one in found)
        yield ""


def _check(standing: Standing) -> Iterator[str]:
    beside = standing.beside
    yield "## How to check a figure"
    yield ""
    yield "Its postings are in ledger.csv, their factors in factors.csv; see report.html."
    yield ""
    if beside.ledger_head:
        yield f"* Head of ledger.csv: `{beside.ledger_head}`"
    entries = standing.inventory.journal_entries
    yield f"* Head of the journal, {entries:,} entries: `{standing.inventory.journal_head}`"


def _figure(
    grams: Fraction | float | None, basis: Basis, without: str = ""
) -> tuple[str, str, str]:
    """Return the cells of a figure: with its unit, its method and its quality."""
    if grams is None:
        return without, "", ""
    shown = f"{figures(float(grams) / GRAMS_PER_KILOGRAM)} {_KILOGRAMS}"
    quality = basis.quality
    if basis.uncertainty_ratio is not None:
        quality += f", {plus_minus(basis.uncertainty_ratio)}"
    return shown, plain(basis.method), plain(quality)


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield "|" + "---|" * len(titles)
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def plain(text: str) -> str:
    """Return text as Markdown that shows it as it is: one line, no markup of its own."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))
