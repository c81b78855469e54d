"""What providers of carbon intensities answer: read, or refused with a reason, and never else."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

from wattgram_collector.intensities.providers import (
    eia,
    electricity_maps_answers,
    energy_charts,
    entsoe,
    neso,
    rte,
    watttime_answers,
)
from wattgram_collector.intensities.providers.entsoe_areas import EIC_OF
from wattgram_collector.intensities.providers.mix import Factors
from wattgram_collector.intensities.providers.provider import ProviderError, Window
from wattgram_collector.intensity import Intensity, Scope

# Wide enough for every kept input: slots outside of it are left out.
ALWAYS = Window(0, 1 << 33)
FACTORS = Factors(
    name="fuzz",
    scope=Scope.LIFECYCLE,
    grams_per_kilowatt_hour={
        fuel: Fraction(number)
        for number, fuel in enumerate(("gas", "coal", "nuclear", "wind", "solar", "hydro", "oil"))
    },
)

Parse = Callable[[bytes], list[Intensity]]


def _run(parse: Parse, data: bytes) -> bool:
    try:
        found = parse(data)
    except ProviderError as error:
        assert str(error)
        found = list(error.values)
        assert all(isinstance(one, Intensity) for one in found)
        return bool(found)
    for before, after in pairwise(found):
        assert before.valid_until_unix_seconds <= after.valid_from_unix_seconds
    return bool(found)


def neso_answer(data: bytes) -> bool:
    """Both series: the national figure, and the mix."""
    whole = _run(lambda body: neso.parse(body, "GB", ALWAYS, 1 << 31), data)
    return _run(lambda body: neso.parse(body, "GB", ALWAYS, 1 << 31, FACTORS), data) or whole


def energy_charts_answer(data: bytes) -> bool:
    return _run(lambda body: energy_charts.parse(body, "DE", ALWAYS), data)


def electricity_maps_answer(data: bytes) -> bool:
    question = electricity_maps_answers.Question("NL", Scope.LIFECYCLE, ALWAYS)
    return _run(lambda body: electricity_maps_answers.parse(body, question), data)


def rte_answer(data: bytes) -> bool:
    whole = _run(lambda body: rte.parse(body, "FR", ALWAYS), data)
    return _run(lambda body: rte.parse(body, "FR", ALWAYS, FACTORS), data) or whole


def entsoe_answer(data: bytes) -> bool:
    return _run(lambda body: entsoe.parse(body, EIC_OF["NL"], "NL", ALWAYS, FACTORS), data)


def eia_answer(data: bytes) -> bool:
    return _run(lambda body: eia.parse(body, "CISO", "US-CAL-CISO", ALWAYS, FACTORS), data)


def watttime_answer(data: bytes) -> bool:
    def parse(body: bytes) -> list[Intensity]:
        return watttime_answers.parse(body, "US-CAL-CISO", "CAISO_NORTH", ALWAYS, forecast=False)

    return _run(parse, data)
