"""Figures that people quote of digital things, with what is wrong with them.

They are bands to look at a result with, inputs of what-ifs, or stories. None is ever a factor:
nothing here prices anything. docs/reference-figures.md is made from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from fractions import Fraction
from functools import cache
from typing import Final, NamedTuple

from wattgram_collector.intensities import tables
from wattgram_collector.inventory.activities.cells import number
from wattgram_collector.inventory.tables import text_of

FILE: Final = "reference_figures.csv"
COLUMNS: Final = (
    "figure_id", "subject", "value", "low", "high", "unit", "role", "claim", "source",
    "criticism",
)  # fmt: skip
SOURCES: Final[Mapping[str, str]] = {
    "zheleznova": "O. Zheleznova, The Carbon Footprint of Digital Products and How to Act on It, "
    "Carbonmark",
    "Boavizta": "Boavizta, environmental footprint data (ODbL 1.0): medians and quartiles of its "
    "data sheets by class",
    "Berners-Lee 2010": "M. Berners-Lee, How Bad Are Bananas?, 2010",
    "IEA 2019": "International Energy Agency, estimate for 2019 as quoted elsewhere",
    "ISO/IEC 30134-2": "ISO/IEC 30134-2, power usage effectiveness",
    "ITU-T L.1470": "ITU-T L.1470, GHG emissions trajectories for the ICT sector",
    "tcs": "Technology Carbon Standard, pages of operational emissions",
}


class Use(StrEnum):
    """What a figure is good for."""

    SANITY_BAND = "sanity_band"
    WHAT_IF_INPUT = "what_if_input"
    NARRATIVE = "narrative"


class Figure(NamedTuple):
    """One figure. None: the claim has no such end."""

    figure_id: str
    subject: str
    """What it is compared with: `embodied/CLASS`, `power/CLASS`, `sci/UNIT`, `pue`; or empty."""
    value: Fraction | None
    low: Fraction | None
    high: Fraction | None
    unit: str
    role: Use
    claim: str
    source: str
    """Keys of SOURCES."""
    criticism: str

    def is_outside(self, value: Fraction) -> bool:
        """Return whether a value is below or above the band."""
        is_below = self.low is not None and value < self.low
        return is_below or (self.high is not None and value > self.high)


def parse(content: str) -> list[Figure]:
    """PURE. Read the table; raises ValueError naming the line."""
    found = tables.parse(FILE, content, COLUMNS, _figure, key=lambda one: one.figure_id)
    subjects = [one.subject for one in found if one.subject]
    for subject in subjects:
        if subjects.count(subject) > 1:
            raise ValueError(f"{FILE}: {subject} is there twice")
    return found


def _figure(row: Mapping[str, str]) -> Figure:
    value, low, high = (number(row[name]) if row[name] else None
                        for name in ("value", "low", "high"))  # fmt: skip
    known = [one for one in (low, value, high) if one is not None]
    if not known or known != sorted(known):
        raise ValueError("low, value and high must rise, and one be there")
    for name in ("figure_id", "unit", "claim", "source", "criticism"):
        if not row[name]:
            raise ValueError(f"{name} is empty")
    for source in row["source"].split("; "):
        if source not in SOURCES:
            raise ValueError(f"no source {source!r}")
    role = Use(row["role"])
    if bool(row["subject"]) != (role is Use.SANITY_BAND):
        raise ValueError("a subject is of a sanity band, and needed there")
    return Figure(
        row["figure_id"], row["subject"], value, low, high, row["unit"], role,
        row["claim"], row["source"], row["criticism"],
    )  # fmt: skip


@cache
def shipped_figures() -> tuple[Figure, ...]:
    """Return the shipped figures; raises ValueError naming the row that is wrong."""
    return tuple(parse(text_of(FILE)))


def bands() -> dict[str, Figure]:
    """Return the shipped sanity bands by what they are compared with."""
    return {one.subject: one for one in shipped_figures() if one.subject}


# ── docs/reference-figures.md ────────────────────────────────────────────────────────────────

_HEAD: Final = """# Reference figures

Figures that are often quoted of digital things, what they claim, and what is wrong with them. Made
from `reference_figures.csv` by `make docs`.

None of them is a factor: they price nothing and change no number. `report` compares its results
with the bands and warns where one is outside, with the criticism beside it: a warning says look,
not that something is wrong. The others are inputs of what-ifs that you may choose, or stories.
"""


def page(figures: tuple[Figure, ...]) -> str:
    """PURE. Return docs/reference-figures.md."""
    return "\n".join([_HEAD, *_lines(figures)])


def _lines(figures: tuple[Figure, ...]) -> Iterator[str]:
    titles = {
        Use.SANITY_BAND: "Bands that results are compared with",
        Use.WHAT_IF_INPUT: "Inputs of what-ifs",
        Use.NARRATIVE: "Stories",
    }
    for role, title in titles.items():
        yield from (f"## {title}", "")
        yield from ("| figure | compared with | band | claim | criticism | source |",
                    "|---|---|---|---|---|---|")  # fmt: skip
        for one in figures:
            if one.role is role:
                compared = f"`{one.subject}`" if one.subject else ""
                yield (
                    f"| {one.figure_id} | {compared} | {band(one)} | {one.claim} | "
                    f"{one.criticism} | {one.source} |"
                )
        yield ""
    yield from ("## Sources", "")
    yield from (f"- {key}: {title}" for key, title in SOURCES.items())
    yield ""


def band(one: Figure) -> str:
    """PURE. Return a figure as text, with its unit."""
    value, low, high = (None if number is None else f"{float(number):,.10g}"
                        for number in (one.value, one.low, one.high))  # fmt: skip
    if low and high:
        text = f"{low} to {high}"
    elif low or high:
        text = f"from {low}" if low else f"up to {high}"
    else:
        text = str(value)
    return f"{text} {one.unit}"
