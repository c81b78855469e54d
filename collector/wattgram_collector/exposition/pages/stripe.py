"""PURE. How well a day is known, as one band over the time, and in words below it.

Each step of the day is filled in the ratio of what it is made of, best known at the bottom. Every
mark has its own pattern too: nothing is said by colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from wattgram_collector.exposition.pages.html import Html, join, tag
from wattgram_collector.exposition.pages.series import Mix, Share
from wattgram_collector.exposition.pages.words import Certainty, percent, share

STRIPE_PIXELS: Final = 26
BAR_PIXELS: Final = 12

PATTERNS: Final = Html(
    '<svg class="patterns" width="0" height="0" aria-hidden="true" focusable="false"><defs>'
    '<pattern id="p3" width="6" height="6" patternUnits="userSpaceOnUse">'
    '<rect class="b3" width="6" height="6"/><path class="i3" d="M-1 7L7-1M-1 1L1-1M5 7L7 5"/>'
    '</pattern><pattern id="p4" width="5" height="5" patternUnits="userSpaceOnUse">'
    '<rect class="b4" width="5" height="5"/><circle class="i4" cx="2.5" cy="2.5" r="1.1"/>'
    '</pattern><pattern id="p5" width="4" height="4" patternUnits="userSpaceOnUse">'
    '<rect class="b5" width="4" height="4"/><path class="i5" d="M0 2H4"/>'
    '</pattern><pattern id="p6" width="8" height="8" patternUnits="userSpaceOnUse">'
    '<rect class="b6" width="8" height="8"/><path class="i6" d="M-2 6L2 10M-2-2L10 10M6-2L10 2"/>'
    "</pattern></defs></svg>"
)
"""Once on every page: what the classes f3 to f6 fill with."""


def stripe(label: str, mixes: Sequence[Mix], day: Mix) -> Html:
    """Return the band of a day, a mix for each step, and the whole day in words."""
    spoken = ", ".join(f"{part.name} {share(part.ratio)} %" for part in day) or "nothing known"
    band = tag(
        "svg",
        join(_pieces(mixes)),
        class_="stripe",
        width="100%",
        height=STRIPE_PIXELS,
        role="img",
        aria_label=f"{label} over the last 24 hours: {spoken}",
    )
    return tag("div", tag("h3", label), band, legend(day), class_="known")


def legend(mix: Mix) -> Html:
    """Return a list of the shares with their marks."""
    return tag(
        "ul",
        join(
            tag(
                "li",
                mark(part.certainty),
                tag("span", part.name, " ", percent(part.ratio)),
                title=part.meaning,
            )
            for part in mix
        ),
        class_="legend",
    )


def mark(certainty: Certainty) -> Html:
    """Return the small square of a certainty; the word stands beside it."""
    box = tag("rect", class_=f"f{certainty.value}", width="12", height="12", rx="2")
    return tag("svg", box, class_="key", width=12, height=12, aria_hidden="true")


def bar(mix: Mix, width_ratio: float = 1.0, pixels: int = BAR_PIXELS) -> Html:
    """Return one bar, split by what it is made of; `width_ratio` of the whole is filled."""
    at, pieces = 0.0, []
    for part in mix:
        length = part.ratio * width_ratio * 100
        pieces.append(_rect(part, f"{at:.2f}%", f"{length:.2f}%", pixels))
        at += length
    return tag(
        "svg", join(pieces), class_="bar", width="100%", height=pixels, aria_hidden="true"
    )  # fmt: skip


def _rect(part: Share, x: str, width: str, height: int) -> Html:
    return tag("rect", class_=f"f{part.certainty.value}", x=x, width=width, height=height)


def _pieces(mixes: Sequence[Mix]) -> list[Html]:
    """Return the rectangles: equal steps beside each other are one."""
    found, start, wide = [], 0, 100 / max(1, len(mixes))
    shapes = [tuple((part.certainty, round(part.ratio, 2)) for part in mix) for mix in mixes]
    for index, shape in enumerate(shapes):
        if index + 1 < len(shapes) and shapes[index + 1] == shape:
            continue
        top = float(STRIPE_PIXELS)
        for certainty, ratio in shape:
            height = ratio * STRIPE_PIXELS
            top -= height
            found.append(
                tag("rect", class_=f"f{certainty.value}",
                    x=f"{start * wide:.3f}%", y=f"{max(0.0, top):.1f}",
                    width=f"{(index + 1 - start) * wide:.3f}%", height=f"{height:.1f}")
            )  # fmt: skip
        start = index + 1
    return found
