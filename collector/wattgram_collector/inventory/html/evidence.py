"""PURE. How to walk from a figure to what it is made of: postings, factors, methods, files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from wattgram_collector.exposition.pages.frame import section
from wattgram_collector.exposition.pages.html import EMPTY, Content, Html, join, tag
from wattgram_collector.exposition.pages.words import UNKNOWN
from wattgram_collector.inventory.factors import Factor
from wattgram_collector.inventory.html.digest import Tally
from wattgram_collector.inventory.html.figures import (
    Basis,
    anchor,
    cells,
    code,
    count,
    day,
    factor,
    figure,
    grid,
    kilograms,
    label,
    method,
    quality,
    said,
)
from wattgram_collector.inventory.html.methods import how
from wattgram_collector.inventory.html.standing import (
    LEAF_NAMES,
    Standing,
    key_of,
    leaf_id,
    line_id,
    line_name,
)
from wattgram_collector.inventory.lines import TIER_UNCERTAINTY_RATIOS, Line
from wattgram_collector.inventory.periods import day_of, midnight_unix_seconds
from wattgram_collector.inventory.places import TcsLeaf
from wattgram_collector.inventory.postings import Method
from wattgram_collector.inventory.report.ledger_file import Row, instant

FACTORS_MAX: Final = 150
_PUBLISHED: Final = "published"
_TITLES: Final = ("Posting", "Of", "When", "Quantity x factor x share", "Emissions", "Method",
                  "How it is known", "Evidence")  # fmt: skip


class Excerpt:
    """The postings that are shown: an id is an anchor once, where it comes first."""

    def __init__(self, standing: Standing, factor_ids: dict[str, str]) -> None:
        self._standing = standing
        self._factor_ids = factor_ids
        self._shown: set[str] = set()

    def html(self) -> Html:
        found = self._standing.digest
        lines = [self._of_line(one) for one in self._standing.inventory.lines
                 if (one.place, one.method) in found.lines]  # fmt: skip
        leaves = [self._of_leaf(leaf, found.leaves[leaf])
                  for leaf in TcsLeaf if leaf in found.leaves]  # fmt: skip
        if not lines and not leaves:
            return tag("p", "Nothing was posted in this period.", class_="empty")
        return tag("div", tag("h3", "Lines of the inventory"), *lines,
                   tag("h3", "Leaves of the Technology Carbon Standard"), *leaves)  # fmt: skip

    def _of_line(self, line: Line) -> Html:
        place, way = key_of(line)
        where = f"scope={place.scope} category={place.category or '-'}"
        if place.subcategory:
            where += f" subcategory={place.subcategory}"
        if way is not Method.NONE:
            where += f" method={way}"
        tally = self._standing.digest.lines[key_of(line)]
        name = line_name(line)
        return self._group(line_id(key_of(line)), label(name), name, tally, f"{where} in_ghg=true")

    def _of_leaf(self, leaf: TcsLeaf, tally: Tally) -> Html:
        name = f"{leaf.code} {LEAF_NAMES[leaf]}"
        return self._group(leaf_id(leaf), label(name), name, tally, f"tcs={leaf.code} in_tcs=true")

    def _group(self, name: str, title: Html, caption: str, tally: Tally, where: str) -> Html:
        rows = self._standing.digest.rows
        shown = [rows[number] for number in tally.numbers]
        lead: list[Content] = [count(tally.postings, "posting")]
        if len(shown) < tally.postings:
            lead += [", the largest ", count(len(shown), "here", "here")]
        lead += [": in ledger.csv where ", code(where)]
        return tag(
            "div",
            tag("h4", title),
            tag("p", *lead, class_="note"),
            grid(_TITLES, map(self._row, shown), f"Postings of {caption}", class_="postings"),
            class_="part",
            id=name,
        )

    def _row(self, row: Row) -> Html:
        one = row.posting
        made = how(one)
        basis = Basis(made.words, {one.tier: 1.0}, _ratio(row))
        parts = f"{one.tier_activity} quantity, {one.tier_factor} factor"
        is_first = row.posting_id not in self._shown
        self._shown.add(row.posting_id)
        identity = code(row.posting_id) if is_first else anchor(row.posting_id, row.posting_id)
        return tag(
            "tr",
            tag("th", identity, scope="row"),
            *(tag("td", cell) for cell in (
                said(one.subject),
                self._when(one.start_unix_seconds, one.end_unix_seconds),
                _product(row, basis),
                UNKNOWN if one.grams is None else kilograms(one.grams, basis),
                join((method(made.words), " ", code(one.rule) if one.rule else None)),
                tag("span", quality(basis), tag("small", parts)),
                self._evidence(row),
            )),
            id=row.posting_id if is_first else None,
            data_figure=True,
        )  # fmt: skip

    def _when(self, start: int, end: int) -> Html:
        """Return whole days of the report's time zone, else instants of UTC."""
        timezone = self._standing.inventory.period.timezone
        first, last = day_of(start, timezone), day_of(end - 1, timezone)
        is_instant = end - start == 1
        if start == midnight_unix_seconds(first, timezone) and (
            is_instant or end == midnight_unix_seconds(last + timedelta(days=1), timezone)
        ):
            if first == last:
                return day(first.isoformat())
            return join((day(first.isoformat()), " to ", day(last.isoformat())))
        return join((day(instant(start)), " to ", day(instant(end))))

    def _evidence(self, row: Row) -> Html:
        one = row.posting
        parts: list[Content] = []
        if one.factor:
            name = self._factor_ids.get(one.factor)
            parts.append(anchor("its factor", name) if name else said(one.factor))
        parts += [said(text) for text in (one.evidence, one.note) if text]
        return join(parts, "; ")


def _ratio(row: Row) -> float:
    own = row.posting.uncertainty_ratio
    return float(TIER_UNCERTAINTY_RATIOS[row.posting.tier] if own is None else own)


def _product(row: Row, basis: Basis) -> Html:
    one = row.posting
    if one.quantity is None:
        return EMPTY
    parts = [figure(one.quantity, one.unit, basis)]
    if one.factor_value is not None:
        parts.append(factor(one.factor_value, f"kg/{one.unit}", basis))
    if one.alpha != 1:
        parts.append(figure(one.alpha, "of it", basis))
    return join(parts, " \N{MULTIPLICATION SIGN} ")


def factor_ids(standing: Standing) -> dict[str, str]:
    """Return the anchors of the factors that are shown: those that priced most."""
    grams = standing.digest.factors
    found = sorted(standing.inventory.factors, key=lambda key: (-grams.get(key, 0.0), key))
    return {key: f"factor-{number}" for number, key in enumerate(found[:FACTORS_MAX], 1)}


def factors(standing: Standing, ids: dict[str, str]) -> Html:
    """Return the factors that were used, with all that is needed to defend them."""
    found = standing.inventory.factors
    if not found:
        return section("Factors", tag("p", "Nothing was priced.", class_="empty"), name="factors")
    titles = ("Factor", "Value", "Priced", "Source", "Version", "Region", "Boundary", "Licence",
              "Method", "How it is known")  # fmt: skip
    rows = (_factor(found[key], ids[key], standing.digest.factors.get(key)) for key in ids)
    more = len(found) - len(ids)
    rest = tag("p", "and ", count(more, "more", "more"), " in factors.csv", class_="note") if (
        more > 0) else None  # fmt: skip
    text = tag("p", "Those that priced most of the totals come first; factors.csv has the "
               "checksum of each one's table.", class_="note")  # fmt: skip
    return section("Factors", grid(titles, rows, "Factors that were used"), rest,
                   _publications(standing), name="factors", note=text)  # fmt: skip


def _publications(standing: Standing) -> Html | None:
    """Return whose information the report contains, as their licences ask for."""
    found = standing.publications
    if not found:
        return None
    return tag("div", tag("h3", "This report contains information from"),
               tag("ul", join(tag("li", said(one)) for one in found)), class_="part")  # fmt: skip


def _factor(one: Factor, identity: str, grams: float | None) -> Html:
    known = None if one.uncertainty_ratio is None else float(one.uncertainty_ratio)
    basis = Basis(_PUBLISHED, {one.tier: 1.0}, known)
    parts = [one.boundary.replace("_", " ")]
    parts += ["with losses"] * one.includes_losses + ["marginal"] * one.is_marginal
    version = [one.source_version]
    if one.gwp_set:
        version.append(one.gwp_set)
    return cells(
        code(one.factor_id),
        factor(one.value, one.unit, basis),
        EMPTY if grams is None else kilograms(grams, basis),
        said(one.source),
        said(", ".join(version)),
        said(one.region) if one.region else EMPTY,
        ", ".join(parts),
        said(one.licence) if one.licence else UNKNOWN,
        method(_PUBLISHED),
        quality(basis),
        row_id=identity,
    )


def walk(standing: Standing, excerpt: Excerpt) -> Html:
    """Return how to follow a figure, and the postings to begin with."""
    steps: Sequence[Content] = (
        ("Follow the link beside a figure to its largest postings below; all of them are in "
        "ledger.csv, where quantity x factor x share is the kilograms of each."),
        ("Follow the factor of a posting to its source, version and licence; factors.csv has the "
        "checksum of the table that it stands in."),
        join(("Energy of agents: ", code("wattgram-collector explain"),
              (" tells of the host and the slots that the evidence names which samples and which "
              "batches they came from."))),
        join(("Activities: ", code("wattgram-collector activities show"),
              " tells of the row, its file and line, and its entry in the journal.")),
        join(("Nothing was changed since: ", code("wattgram-collector ledger verify"),
              " checks the ledger and its journal, ", code("wattgram-collector report --verify"),
              " the files of the report, without the ledger.")),
    )  # fmt: skip
    return section("How to check a figure", tag("ol", join(tag("li", one) for one in steps),
                                                class_="steps"),
                   tag("dl", join(_heads(standing)), class_="heads"), excerpt.html(),
                   name="walk")  # fmt: skip


def _heads(standing: Standing) -> Iterator[Html]:
    inventory, beside = standing.inventory, standing.beside
    found: list[tuple[str, Content]] = []
    if beside.ledger_head:
        found.append(("Head of ledger.csv", code(beside.ledger_head)))
    found.append(("Head of the journal", code(inventory.journal_head)))
    found.append(("Journal", count(inventory.journal_entries, "entry", "entries")))
    if inventory.closed is not None:
        found.append(("Closed on", join((day(inventory.closed.day.isoformat()), " with head ",
                                         code(inventory.closed.ledger_head)))))  # fmt: skip
        found.append(("Corrected since", count(standing.digest.reversed_rows, "posting")))
    for term, text in found:
        yield tag("div", tag("dt", term), tag("dd", text))
