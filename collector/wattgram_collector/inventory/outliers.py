"""PURE. Results beside the bands of reference figures: what is outside is told, never changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram_collector.inventory.reference_figures import Figure, band
from wattgram_collector.inventory.sci import Sci
from wattgram_collector.reports.numbers import rounded

_DIGITS: Final = 4


class Result(NamedTuple):
    """A number of a run, in the unit of the band that it is compared with."""

    subject: str
    """Of what: `asset/ID`, `service mail`, `site hall`."""
    compared: str
    """With which band: `embodied/laptop`, `sci/email`, `power/server`, `pue`."""
    value: Fraction


class Outlier(NamedTuple):
    """A result outside of its band."""

    result: Result
    figure: Figure

    def __str__(self) -> str:
        value, figure = self.result.value, self.figure
        side = "below" if figure.low is not None and value < figure.low else "above"
        return (
            f"{self.result.subject}: {self.result.compared} {rounded(value, _DIGITS)} "
            f"{figure.unit} is {side} what is usual, {band(figure)} ({figure.figure_id}). Of that "
            f"figure: {figure.criticism}"
        )


def outliers(results: Iterable[Result], bands: Mapping[str, Figure]) -> Iterator[Outlier]:
    """Yield what is outside of the band that it is compared with; what has none is not judged."""
    for one in results:
        figure = bands.get(one.compared)
        if figure is not None and figure.is_outside(one.value):
            yield Outlier(one, figure)


# ── what a run has to compare ────────────────────────────────────────────────────────────────


def embodied(asset_id: str, device_class: str, kilograms_per_unit: Fraction) -> Result:
    """Return the making of one of an asset's units, before condition and share."""
    return Result(f"asset/{asset_id}", f"embodied/{device_class}", kilograms_per_unit)


def power(subject: str, device_class: str, mean_watts: Fraction) -> Result:
    """Return the mean power of one host over the time in which it was seen."""
    return Result(subject, f"power/{device_class}", mean_watts)


def facility(site: str, pue: Fraction) -> Result:
    return Result(f"site {site}", "pue", pue)


def software(found: Iterable[Sci]) -> Iterator[Result]:
    """Yield the SCI of each service that has one, in grams per unit."""
    for one in found:
        if one.grams_per_unit is not None:
            yield Result(f"service {one.service}", f"sci/{one.unit}", one.grams_per_unit)
