"""PURE. How far a total may be off: independent errors shrink in sums, shared ones do not.

First order: every input has one relative standard deviation, and a total one absolute error per
input. What two postings have in common (the intensity of a grid, the PUE of a site, the model of a
host's energy) adds absolutely under one key; keys, and meters, are independent of each other and
add as squares. For a product of three inputs that is rel = sqrt(a^2 + b^2 + c^2).

Floats: an error is an estimate, and is known to a digit at best.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram.readings import Quality, Series
from wattgram_collector.accounting.emissions import Part, Pricing, Share
from wattgram_collector.accounting.uncertainty_settings import UncertaintySettings
from wattgram_collector.intensity import Tier

COVERAGE_RATIO: Final = 0.95
COVERAGE_SIGMAS: Final = 1.959963984540054
"""So many standard deviations either way cover that part of a normal distribution."""


class Errors:
    """The error of one total, in its unit."""

    def __init__(self) -> None:
        self._shared: dict[Hashable, float] = {}
        self._independent_squared = 0.0

    def add_shared(self, key: Hashable, absolute: float) -> None:
        """Add an error that everything under `key` has in common."""
        self._shared[key] = self._shared.get(key, 0.0) + absolute

    def add_independent(self, absolute: float) -> None:
        """Add an error that nothing else has."""
        self._independent_squared += absolute * absolute

    @property
    def sigma(self) -> float:
        """One standard deviation of the total."""
        shared = math.fsum(one * one for one in self._shared.values())
        return math.sqrt(shared + self._independent_squared)


class Range(NamedTuple):
    """Between which values a total lies, with a probability of COVERAGE_RATIO."""

    low: float
    high: float


def normal(value: Fraction, sigma: float) -> Range:
    """Return the range of a total whose errors add; what cannot be negative ends at 0."""
    middle, reach = float(value), COVERAGE_SIGMAS * sigma
    return Range(max(0.0, middle - reach), middle + reach)


def times_or_divided(value: Fraction, factor: float, sigma: float) -> Range:
    """Return the range of a total known to a factor, whose other errors are `sigma`.

    Factors add as squares of their logarithms.
    """
    middle = float(value)
    if middle <= 0:
        return Range(middle, middle)
    other = COVERAGE_SIGMAS * sigma / middle
    whole = math.exp(math.hypot(math.log(factor), other))
    return Range(middle / whole, middle * whole)


class Mix(NamedTuple):
    """How well the energy of one host is known, as parts of it."""

    independent: float
    """Of its own meters together."""
    shared: Mapping[Quality, float]
    """Of what other hosts err in alike."""

    def add_to(self, errors: Errors, absolute: float) -> None:
        """Add the error of so much of the host's energy, or of what is proportional to it."""
        errors.add_independent(self.independent * absolute)
        for quality, relative in self.shared.items():
            errors.add_shared(("energy", quality), relative * absolute)


class Uncertainty:
    """What the operator believes of every input."""

    def __init__(self, settings: UncertaintySettings) -> None:
        self._settings = settings
        self._of_quality = {one: getattr(settings, f"energy_{one.value}") for one in Quality}
        self._of_tier = {one: getattr(settings, f"intensity_{one.value}") for one in Tier}

    def mix(self, counted_microjoules: Mapping[Series, int]) -> Mix:
        """Return how well the sum of these meters is known; without any, as badly as can be."""
        total = sum(counted_microjoules.values())
        if not total:
            return Mix(0.0, {Quality.DEFAULT: self._of_quality[Quality.DEFAULT]})
        independent = 0.0
        shared: dict[Quality, float] = {}
        for series, quantity in counted_microjoules.items():
            relative = quantity / total * self._of_quality[series.quality]
            if series.quality is Quality.MEASURED:
                independent += relative * relative
            else:
                shared[series.quality] = shared.get(series.quality, 0.0) + relative
        return Mix(math.sqrt(independent), shared)

    def add_factors(self, errors: Errors, pricing: Pricing, share: Share) -> None:
        """Add what the inputs beside the energy make a share's grams err."""
        if share.grams is None or pricing.tier is None:
            return
        terms, grams = pricing.terms, float(share.grams)
        if share.part is not Part.UPSTREAM:
            zone = terms.network_zone if share.part is Part.NETWORK else terms.zone
            errors.add_shared(("intensity", zone), self._of_tier[pricing.tier] * grams)
        else:
            errors.add_shared(("upstream", terms.zone), self._settings.upstream * grams)
        self.add_energy(errors, pricing, share, grams)

    def add_energy(self, errors: Errors, pricing: Pricing, share: Share, absolute: float) -> None:
        """Add what PUE and losses make a share err of which so much is there."""
        terms = pricing.terms
        if terms.overhead_ratio and share.part not in (Part.HOST, Part.NETWORK):
            # Of energy x PUE the PUE's own; of energy x (PUE - 1) as much, of less.
            lever = float(1 + 1 / terms.overhead_ratio) if share.part is Part.OVERHEAD else 1.0
            key = ("pue", terms.site, terms.pue_source, terms.pue)
            errors.add_shared(key, self._settings.pue * lever * absolute)
        if share.part is Part.LOSSES and terms.loss_ratio is not None:
            lever = float(1 + terms.loss_ratio)  # of L / (1 - L), by a part of L
            errors.add_shared(("loss", terms.zone), self._settings.loss_share * lever * absolute)

    def range_of(self, part: Part, value: Fraction, errors: Errors) -> Range:
        """Return the range of a total of one part."""
        if part is Part.NETWORK:
            return times_or_divided(value, self._settings.network_factor, errors.sigma)
        return normal(value, errors.sigma)
