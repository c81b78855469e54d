"""PURE. The charts of a report, in SVG: stretched to whatever width there is, their text is not.

What a chart shows is beside it as a table or list of the same section; no chart stands alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from wattgram_collector.exposition.pages.html import Html, join, tag
from wattgram_collector.exposition.pages.words import figures

BAND_PIXELS: Final = 34
TREE_PIXELS: Final = 46
PLOT_PIXELS: Final = 150
_TOP: Final = 14
_BASE: Final = PLOT_PIXELS - 22
_NARROWEST: Final = 0.045
"""Part of the width below which a name would be cut."""
_PIXELS_PER_LETTER: Final = 7.2
_WIDTH_PIXELS: Final = 900
_TIGHT: Final = 0.22
"""Part of the width below which a name is left out on a phone and on paper."""
_NICE: Final = (1.0, 2.0, 2.5, 5.0, 10.0)


class Piece(NamedTuple):
    """A part of a band: its name, its size, and its class in the style."""

    name: str
    size: float
    class_: str


def band(pieces: Sequence[Piece], whole: float, spoken: str, pixels: int = BAND_PIXELS) -> Html:
    """Return parts beside each other, `whole` being the full width."""
    inside, at = [], 0.0
    for one in pieces:
        width = one.size / whole if whole else 0.0
        inside.append(_box(one, at, width, 0, pixels))
        at += width
    return tag("svg", join(inside), class_="band", width="100%", height=pixels, role="img",
               aria_label=spoken)  # fmt: skip


def tree(rows: Sequence[tuple[Piece, Sequence[Piece]]], whole: float, spoken: str) -> Html:
    """Return two levels: above each piece, below it what it is made of."""
    inside, at = [], 0.0
    for one, parts in rows:
        width = one.size / whole if whole else 0.0
        inside.append(_box(one, at, width, 0, TREE_PIXELS))
        left = at
        for part in parts:
            wide = part.size / whole if whole else 0.0
            inside.append(_box(part, left, wide, TREE_PIXELS + 2, TREE_PIXELS))
            left += wide
        at += width
    return tag("svg", join(inside), class_="band", width="100%", height=2 * TREE_PIXELS + 2,
               role="img", aria_label=spoken)  # fmt: skip


def _box(one: Piece, at: float, width: float, top: int, pixels: int) -> Html:
    """Return a rectangle, with its name where that has room."""
    if width <= 0:
        return Html("")
    box = tag("rect", tag("title", one.name), class_=one.class_, width="100%", height=pixels)
    has_room = width >= _NARROWEST and len(one.name) * _PIXELS_PER_LETTER < width * _WIDTH_PIXELS
    tight = " tight" if width < _TIGHT else ""
    text = tag("text", one.name, x="8", y=f"{pixels / 2 + 4:.0f}", class_=f"on{tight}")
    return tag("svg", box, text if has_room else None, x=f"{at * 100:.3f}%", y=top,
               width=f"{width * 100:.3f}%", height=pixels)  # fmt: skip


def columns(
    names: Sequence[str], values: Sequence[float | None], class_: str, spoken: str
) -> Html:
    """Return columns over names, with an axis; what is not known is hatched."""
    ceiling, step = _scale([value or 0.0 for value in values])
    wide = 100 / max(1, len(names))
    lines, inside = [], []
    for index in range(round(ceiling / step) + 1):
        y = _y(index * step, ceiling)
        lines.append(tag("line", class_="line" if index else "base", x1="0", x2="100%",
                         y1=f"{y:.1f}", y2=f"{y:.1f}"))  # fmt: skip
    for index, (name, value) in enumerate(zip(names, values, strict=True)):
        top = _TOP if value is None else _y(value, ceiling)
        inside.append(tag("rect", tag("title", name), class_="f6" if value is None else class_,
                          x=f"{(index + 0.14) * wide:.3f}%", width=f"{wide * 0.72:.3f}%",
                          y=f"{top:.1f}", height=f"{max(0.0, _BASE - top):.1f}"))  # fmt: skip
        inside.append(tag("text", name, x=f"{(index + 0.5) * wide:.3f}%", y=PLOT_PIXELS - 6,
                          text_anchor="middle"))  # fmt: skip
    plot = tag("svg", join(lines), join(inside), class_="plot", width="100%", height=PLOT_PIXELS,
               role="img", aria_label=spoken)  # fmt: skip
    return tag("div", _axis(ceiling, step), plot, class_="drawing")


def _axis(ceiling: float, step: float) -> Html:
    labels = (
        tag("text", figures(index * step).removesuffix(".00").removesuffix(".0"), x=40,
            y=f"{_y(index * step, ceiling) + 4:.1f}", text_anchor="end")
        for index in range(round(ceiling / step) + 1)
    )  # fmt: skip
    return tag("svg", join(labels), class_="axis", width=48, height=PLOT_PIXELS,
               aria_hidden="true")  # fmt: skip


def _scale(values: Sequence[float]) -> tuple[float, float]:
    """Return where the axis ends and the step of its lines: round, and above all values."""
    largest = max(values, default=0.0)
    if largest <= 0:
        return 1.0, 1.0
    rough = largest / 3
    power = 10.0 ** int(f"{rough:e}".partition("e")[2])
    step = next(nice * power for nice in _NICE if nice * power >= rough * 0.999)
    return step * max(1, -int(-largest // step)), step


def _y(value: float, ceiling: float) -> float:
    return _BASE - (_BASE - _TOP) * value / ceiling
