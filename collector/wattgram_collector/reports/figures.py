"""PURE. A group of postings to the figures that are printed: one basis each, never two in one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram.units import (
    JOULES_PER_KILOWATT_HOUR,
    MICROJOULES_PER_JOULE,
    MICROJOULES_PER_KILOWATT_HOUR,
)
from wattgram_collector.accounting.cfe import Score
from wattgram_collector.accounting.emissions import Part
from wattgram_collector.accounting.uncertainty import Errors, Mix, Range, Uncertainty, normal
from wattgram_collector.reports.groups import (
    NOTHING,
    Basis,
    Group,
    Total,
    energy_by_tier,
    mean_intensities,
    shares_of,
    totals,
)

EMISSIONS: Final = {
    Part.HOST: "location_based_emissions_co2e_grams",
    Part.OVERHEAD: "facility_overhead_emissions_co2e_grams",
    Part.LOSSES: "transmission_loss_emissions_co2e_grams",
    Part.UPSTREAM: "upstream_emissions_co2e_grams",
    Part.NETWORK: "network_emissions_co2e_grams",
    Part.MARKET: "market_based_emissions_co2e_grams",
    Part.MARGINAL: "marginal_emissions_co2e_grams",
}
ENERGY: Final = {
    Part.HOST: "energy_joules",
    Part.OVERHEAD: "facility_overhead_energy_joules",
    Part.LOSSES: "transmission_loss_energy_joules",
    Part.NETWORK: "network_energy_joules",
}
UNPRICED: Final = "unpriced_energy_joules"
KILOWATT_HOURS: Final = "energy_kilowatt_hours"
BY_TIER: Final = "energy_by_tier_ratio"
CARBON_FREE: Final = "carbon_free_energy_score_ratio"
MEAN: Final = "mean_intensity_grams_per_kilowatt_hour"


class Figure(NamedTuple):
    """One number. `value` is as it stands now, with all restatements of open periods.

    The unit ends the name of the measure. `scope` says which emissions are inside, `detail` which
    segment or tier it is. What has no meaning for a measure is None.
    """

    measure: str
    value: Fraction
    scope: str = ""
    detail: str = ""
    range: Range | None = None
    at_ingest: Fraction | None = None
    prior_period_adjustment: Fraction | None = None

    @property
    def adjustment(self) -> Fraction | None:
        """By how much restatements changed it."""
        return None if self.at_ingest is None else self.value - self.at_ingest


def figures(group: Group, mixes: Mapping[int, Mix], uncertainty: Uncertainty) -> Iterator[Figure]:
    """Yield every figure of a group; `mixes`: how well each host's energy is known."""
    now, ingest, noted = totals(group.now), totals(group.ingest), totals(group.noted)
    yield from _host_energy(group, mixes, now, ingest)
    yield from _other_energy(group, mixes, uncertainty, now)
    for basis in sorted({**now, **ingest, **noted}, key=_place):
        total = now.get(basis, NOTHING)
        before = ingest.get(basis, NOTHING)
        if basis.scope is None:
            continue
        grams = total.grams or Fraction(0)
        errors = Errors()
        if basis.part is not Part.NETWORK:
            errors = group.grams_errors(mixes, float(grams))
        for pricing, share in shares_of(group.now, basis.part):
            if (pricing.scope, share.segment) == (basis.scope, basis.segment):
                uncertainty.add_factors(errors, pricing, share)
        yield Figure(
            EMISSIONS[basis.part],
            grams,
            basis.scope.value,
            basis.segment,
            uncertainty.range_of(basis.part, grams, errors),
            before.grams or Fraction(0),
            noted.get(basis, NOTHING).grams or Fraction(0),
        )
    yield from _about_factors(group)


def score_figures(score: Score) -> Iterator[Figure]:
    """Yield which part of the load, hosts and facility, contracts matched hour by hour."""
    if score.score is not None:
        yield Figure(CARBON_FREE, score.score, detail="contracts")


def _host_energy(
    group: Group,
    mixes: Mapping[int, Mix],
    now: Mapping[Basis, Total],
    ingest: Mapping[Basis, Total],
) -> Iterator[Figure]:
    energy = _energy(now, Part.HOST, "")
    joules = energy / MICROJOULES_PER_JOULE
    errors = group.energy_errors(mixes, 1 / MICROJOULES_PER_JOULE)
    yield Figure(ENERGY[Part.HOST], joules, range=normal(joules, errors.sigma))
    hours = energy / MICROJOULES_PER_KILOWATT_HOUR
    sigma = errors.sigma / JOULES_PER_KILOWATT_HOUR
    yield Figure(KILOWATT_HOURS, hours, range=normal(hours, sigma))
    nowhere = Basis(Part.HOST, None, "")
    yield Figure(
        UNPRICED,
        now.get(nowhere, NOTHING).energy_microjoules / MICROJOULES_PER_JOULE,
        at_ingest=ingest.get(nowhere, NOTHING).energy_microjoules / MICROJOULES_PER_JOULE,
    )


def _other_energy(
    group: Group,
    mixes: Mapping[int, Mix],
    uncertainty: Uncertainty,
    now: Mapping[Basis, Total],
) -> Iterator[Figure]:
    """Yield the energy beyond the meters, priced or not."""
    host = _energy(now, Part.HOST, "")
    for part in (Part.OVERHEAD, Part.LOSSES, Part.NETWORK):
        for segment in sorted({one.segment for one in now if one.part is part}):
            energy = _energy(now, part, segment)
            joules = energy / MICROJOULES_PER_JOULE
            errors = Errors()
            if part is not Part.NETWORK and host:
                errors = group.energy_errors(mixes, float(energy / host) / MICROJOULES_PER_JOULE)
                for pricing, share in shares_of(group.now, part):
                    absolute = float(share.energy_microjoules) / MICROJOULES_PER_JOULE
                    uncertainty.add_energy(errors, pricing, share, absolute)
            limits = uncertainty.range_of(part, joules, errors)
            yield Figure(ENERGY[part], joules, detail=segment, range=limits)


def _about_factors(group: Group) -> Iterator[Figure]:
    tiers = energy_by_tier(group.now)
    whole = sum(tiers.values())
    for tier, quantity in sorted(tiers.items(), key=lambda one: one[0] or "~"):
        if whole:
            yield Figure(BY_TIER, Fraction(quantity, whole), detail=tier or "unpriced")
    before = mean_intensities(group.ingest)
    for scope, mean in sorted(mean_intensities(group.now).items()):
        yield Figure(MEAN, mean, scope.value, at_ingest=before.get(scope))


def _place(basis: Basis) -> tuple[int, str, str]:
    return list(Part).index(basis.part), basis.segment, basis.scope or ""


def _energy(found: Mapping[Basis, Total], part: Part, segment: str) -> Fraction:
    return sum(
        (
            total.energy_microjoules
            for basis, total in found.items()
            if basis.part is part and basis.segment == segment
        ),
        Fraction(0),
    )
