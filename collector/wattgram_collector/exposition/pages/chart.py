"""PURE. A day as stacked areas in SVG, and the same numbers for the script to draw again.

The drawing is stretched to whatever width there is; its text is not, being placed in percent.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from wattgram.units import SECONDS_PER_HOUR
from wattgram_collector.exposition.pages.html import Html, join, tag
from wattgram_collector.exposition.pages.series import Band, Seconds
from wattgram_collector.exposition.pages.words import Units, moment, unit_of

HEIGHT: Final = 200
_TOP, _BASE = 12, 176
_NICE: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
_TICKS: Final = 4
_LABEL_HOURS: Final = 4
_DIGITS: Final = 4
_PLACES: Final = 12


def chart(name: str, unit: str, bands: Sequence[Band], starts: Sequence[Seconds]) -> Html:
    """Return the plot of one quantity; `starts` has each step's start and length in seconds."""
    ceiling, step = scale(bands)
    axis = _axis(ceiling, step)
    plot = tag(
        "svg",
        _grid(ceiling, step),
        tag(
            "svg",
            join(_areas(bands, ceiling)),
            class_="areas",
            y=_TOP,
            width="100%",
            height=_BASE - _TOP,
            viewBox=f"0 0 {max(1, len(starts))} 100",
            preserveAspectRatio="none",
        ),
        _hours(starts),
        class_="plot",
        width="100%",
        height=HEIGHT,
        role="img",
        aria_label=f"{name} over the last 24 hours, in {unit}; the table below has the numbers",
    )
    data = {
        "unit": unit,
        "at": [start for start, _ in starts],
        "length": starts[0][1] if starts else 0,
        "top": ceiling,
        "line": step,
        "bands": [
            {"name": b.name, "level": b.certainty.value, "values": [_short(v) for v in b.values]}
            for b in bands
        ],
    }
    drawing = tag("div", axis, plot, class_="drawing")
    return tag(
        "div", drawing, class_="chart", data_keep=True, data_chart=json.dumps(data)
    )  # fmt: skip


def in_unit(bands: Sequence[Band], units: Units) -> tuple[str, tuple[Band, ...]]:
    """Return the unit that suits the largest value of the stack, and the bands in it."""
    factor, unit = unit_of(_largest(bands), units)
    return unit, tuple(
        replace(
            band, values=tuple(None if value is None else value / factor for value in band.values)
        )
        for band in bands
    )


def scale(bands: Sequence[Band]) -> tuple[float, float]:
    """Return where the axis ends and the step of its lines: round, and above all values."""
    largest = _largest(bands)
    if largest <= 0:
        return 1.0, 1.0
    rough = largest / _TICKS
    power = 10.0 ** _exponent(rough)
    step = next(nice * power for nice in _NICE if nice * power >= rough * 0.999)
    count = -int(-largest // step)
    return step * max(1, count), step


def _largest(bands: Sequence[Band]) -> float:
    columns = zip(*(band.values for band in bands), strict=True)
    return max((sum(value or 0.0 for value in column) for column in columns), default=0.0)


def _exponent(value: float) -> int:
    return int(f"{value:e}".partition("e")[2])


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}")


def _y(value: float, ceiling: float) -> float:
    return _BASE - (_BASE - _TOP) * value / ceiling


def _lines(ceiling: float, step: float) -> list[float]:
    return [index * step for index in range(round(ceiling / step) + 1)]


def _axis(ceiling: float, step: float) -> Html:
    labels = (
        tag(
            "text",
            f"{value:g}",
            x=_PLACES * 3,
            y=f"{_y(value, ceiling) + 4:.1f}",
            text_anchor="end",
        )
        for value in _lines(ceiling, step)
    )
    return tag("svg", join(labels), class_="axis", width=44, height=HEIGHT, aria_hidden="true")


def _grid(ceiling: float, step: float) -> Html:
    return join(
        tag(
            "line",
            class_="base" if value == 0 else "line",
            x1="0",
            x2="100%",
            y1=f"{_y(value, ceiling):.1f}",
            y2=f"{_y(value, ceiling):.1f}",
        )
        for value in _lines(ceiling, step)
    )


def _hours(starts: Sequence[Seconds]) -> Html:
    if not starts:
        return Html("")
    first, last = starts[0][0], starts[-1][0] + starts[-1][1]
    every = _LABEL_HOURS * SECONDS_PER_HOUR
    at = -(-first // every) * every
    labels = []
    while at <= last:
        ratio = (at - first) / (last - first)
        if 0.03 < ratio < 0.97:  # noqa: PLR2004 -- a label at an edge would be cut
            labels.append(
                tag(
                    "text",
                    moment_text(at),
                    x=f"{ratio * 100:.2f}%",
                    y=HEIGHT - 6,
                    text_anchor="middle",
                    class_="odd" if at // every % 2 else None,
                )
            )
        at += every
    return join(labels)


def moment_text(unix_seconds: int) -> str:
    """Return the hour and minute in UTC."""
    return moment(unix_seconds).partition(">")[2].partition("<")[0]


def _areas(bands: Sequence[Band], ceiling: float) -> list[Html]:
    """Return one path for each band, on top of those before it."""
    below = [0.0] * len(bands[0].values) if bands else []
    found = []
    for band in bands:
        above = [low + (value or 0.0) for low, value in zip(below, band.values, strict=True)]
        path = _path(below, above, band.values, ceiling)
        title, kind = tag("title", band.name), f"f{band.certainty.value}"
        found.append(tag("path", title, class_=kind, d=path))
        below = above
    return found


def _path(
    below: Sequence[float],
    above: Sequence[float],
    values: Sequence[float | None],
    ceiling: float,
) -> str:
    """Return the outline of a band: steps, and nothing where nothing is known."""
    parts = []
    for start, end in _runs(values):
        tops = _steps(above, start, end, ceiling)
        bottoms = _steps(below, start, end, ceiling)
        parts.append(f"M{'L'.join((*tops, *reversed(bottoms)))}Z")
    return "".join(parts)


def _steps(heights: Sequence[float], start: int, end: int, ceiling: float) -> list[str]:
    """Return the corners of heights as steps, without those in the middle of a level."""
    levels = [f"{100 - 100 * height / ceiling:.1f}" for height in heights[start:end]]
    found = []
    for offset, level in enumerate(levels):
        at = start + offset
        if offset == 0 or levels[offset - 1] != level:
            found.append(f"{at} {level}")
        if offset + 1 == len(levels) or levels[offset + 1] != level:
            found.append(f"{at + 1} {level}")
    return found


def _runs(values: Sequence[float | None]) -> list[Seconds]:
    """Return `[start, end)` of each stretch in which something is known."""
    found: list[Seconds] = []
    start: int | None = None
    for index, value in enumerate((*values, None)):
        if value is not None and start is None:
            start = index
        elif value is None and start is not None:
            found.append((start, index))
            start = None
    return found
