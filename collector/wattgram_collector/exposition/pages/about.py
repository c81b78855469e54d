"""PURE. What the figures mean, where they come from, and under which licences."""

from __future__ import annotations

from collections.abc import Sequence

from wattgram.readings import Quality
from wattgram_collector.exposition.pages.frame import Place, Surroundings, document, note, section
from wattgram_collector.exposition.pages.html import Html, join, tag
from wattgram_collector.exposition.pages.words import (
    QUALITY_WORDS,
    TIER_WORDS,
    quality_chip,
    tier_chip,
)
from wattgram_collector.intensities.tables import Source as DataSource
from wattgram_collector.intensity import Tier


def about_page(around: Surroundings, at_unix_seconds: float, sources: Sequence[DataSource]) -> str:
    """Return the page as HTML; `sources` is what the shipped tables are made of."""
    qualities = join(
        tag("div", tag("dt", quality_chip(one)), tag("dd", QUALITY_WORDS[one])) for one in Quality
    )
    tiers = join(tag("div", tag("dt", tier_chip(one)), tag("dd", TIER_WORDS[one])) for one in Tier)
    return document(
        Place(title="About", name="About"),
        around,
        at_unix_seconds,
        tag("div", tag("h1", "About these figures"), class_="title"),
        section(
            "How well power is known",
            tag("p", "A colour and a pattern mean the same everywhere: how well something is "
                "known. Best first."),
            tag("dl", qualities), name="qualities",
        ),
        section(
            "How well a factor is known",
            tag("p", "Emissions are energy times the carbon intensity of its grid at its own "
                "time. The tier says where that intensity came from. Energy for which there is "
                "none is unpriced: it is shown, and in no sum of grams."),
            tag("dl", tiers), name="tiers",
        ),
        section("Data sources", _sources(sources), name="sources"),
        section(
            "For programs",
            tag("p", tag("a", "The API", href="api/openapi.json"), " has everything that these "
                "pages show, as JSON and as CSV; ", tag("a", "the metrics", href="metrics"),
                " are for Prometheus."),
            name="api",
        ),
        section(
            "This collector",
            tag("p", f"Wattgram {around.version}, Apache-2.0. Charts are drawn by uPlot, MIT "
                "(", tag("a", "its licence", href=around.assets["uPlot.LICENSE"]), "). These "
                "pages ask nothing of anybody but this collector."),
            name="version",
        ),
    )  # fmt: skip


def _sources(sources: Sequence[DataSource]) -> Html:
    """Return each with its attribution, which must stay with what is made of it."""
    rows = join(
        tag("div", tag("dt", one.publisher), tag("dd", one.title, tag("small", one.attribution)))
        for one in sources
    )
    told = note("What each covers and how well: docs/data.md. Live providers have terms of their "
                "own: docs/providers.md.")  # fmt: skip
    return tag("div", tag("dl", rows, class_="attributions") if sources else None, told)
