"""PURE. The rules that the figures keep, the methods that were used, and where assets belong."""

from __future__ import annotations

from wattgram_collector.exposition.pages.frame import section
from wattgram_collector.exposition.pages.html import Html, join, tag
from wattgram_collector.inventory.html.digest import TIERS
from wattgram_collector.inventory.html.figures import cells, code, count, grid, method, said
from wattgram_collector.inventory.html.standing import Standing
from wattgram_collector.inventory.lines import TIER_UNCERTAINTY_RATIOS


def methodology(standing: Standing) -> Html:
    """Return the rules that the figures keep, and the methods that were used."""
    settings = standing.inventory.settings
    basis = settings.hardware_basis.replace("_", " ")
    tiers = ", ".join(f"{tier} {float(TIER_UNCERTAINTY_RATIOS[tier]):.0%}" for tier in TIERS)
    said_of = {
        "Boundary": f"{settings.consolidation.replace('_', ' ')} (Corporate Standard, chapter 3)",
        "Period": f"whole days of {standing.inventory.period.timezone}",
        "Scope 2": "both methods, beside each other; lifecycle factors are refused, because their "
        "supply is posted in category 3.3",
        "Hardware": "the GHG Protocol has all of it in the year of its acquisition; the "
        f"Technology Carbon Standard by {basis}",
        "Quality": "of a posting the worse of its quantity and its factor",
        "Interval": "half width of 95 %: one factor's grams are off together, those of different "
        f"factors independently; where nobody says it, {tiers}",
        "Counts": "of lines, postings and agents are counted, and exact",
        "Credits": "certificates, credits and removals are listed and subtracted from nothing",
    }
    if settings.base_year:
        said_of["Base year"] = f"{settings.base_year}. {settings.base_year_rationale}"
    told = join(
        tag("div", tag("dt", term), tag("dd", said(text))) for term, text in said_of.items()
    )
    return section("Methodology", tag("dl", told), _methods(standing), _decisions(standing),
                   name="methodology")  # fmt: skip


def _methods(standing: Standing) -> Html | None:
    """Return the methods that were used, with the rules that stand on their postings."""
    found: dict[tuple[str, str], tuple[int, set[str]]] = {}
    for made, number in standing.digest.methods.items():
        postings, rules = found.get((made.words, made.meaning), (0, set()))
        rules |= {f"row {made.rule}" if made.decided else made.rule} - {""}
        found[made.words, made.meaning] = postings + number, rules
    rows = [
        cells(tag("span", words, class_="label"), said(meaning),
              join(map(code, sorted(rules)), " "), count(number, "posting"), method("counted"),
              tag("span", "exact", class_="q"))
        for (words, meaning), (number, rules) in sorted(
            found.items(), key=lambda one: (-one[1][0], one[0])
        )
    ]  # fmt: skip
    titles = ("Method of the figures", "What it is", "Rules", "Postings", "Method",
              "How it is known")  # fmt: skip
    return grid(titles, rows, "Methods that were used") if rows else None


def _decisions(standing: Standing) -> Html | None:
    """Return the rows of the decision table that put assets where they are."""
    found: dict[tuple[str, str], int] = {}
    for made, number in standing.digest.methods.items():
        if made.decided:
            key = made.rule, made.decided
            found[key] = found.get(key, 0) + number
    ordered = sorted(found.items(), key=lambda one: (len(one[0][0]), one[0]))
    rows = [
        cells(code(f"row {rule}"), said(decided), count(number, "posting"), method("counted"),
              tag("span", "exact", class_="q"))
        for (rule, decided), number in ordered
    ]  # fmt: skip
    if not rows:
        return None
    titles = ("Row", "Of what it is", "Postings", "Method", "How it is known")
    return tag("div", tag("h3", "Where assets belong: the first row that fits"),
               grid(titles, rows, "Rows of the decision table"), class_="part")  # fmt: skip
