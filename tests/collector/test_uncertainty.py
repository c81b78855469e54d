"""How far totals may be off: products, sums of what is shared and of what is not."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import DRAM, MODEL, PACKAGE, intensity, terms
from wattgram.readings import Quality
from wattgram.units import MICROJOULES_PER_KILOWATT_HOUR
from wattgram_collector.accounting.emissions import Account, Amount, Part, Pricing, shares
from wattgram_collector.accounting.uncertainty import (
    COVERAGE_SIGMAS,
    Errors,
    Mix,
    Uncertainty,
    normal,
    times_or_divided,
)
from wattgram_collector.accounting.uncertainty_settings import UncertaintySettings
from wattgram_collector.intensity import Scope, Tier

relatives = st.lists(st.floats(0, 1), min_size=1, max_size=6)


def test_the_errors_of_a_product_add_as_squares() -> None:
    """The golden case: energy 5 %, intensity 10 %, PUE 3 % make 11.5758 %."""
    errors = Errors()
    for key, relative in (("energy", 0.05), ("intensity", 0.1), ("pue", 0.03)):
        errors.add_shared(key, relative)
    assert errors.sigma == pytest.approx(0.115758, abs=5e-7)


@given(relatives)
def test_what_is_shared_adds_absolutely_and_what_is_not_as_squares(found: list[float]) -> None:
    shared, alone = Errors(), Errors()
    for one in found:
        shared.add_shared("grid", one)
        alone.add_independent(one)
    assert shared.sigma == pytest.approx(sum(found), abs=1e-6)
    assert alone.sigma == pytest.approx(math.hypot(*found))
    assert alone.sigma <= shared.sigma + 1e-6


def test_the_noise_of_meters_shrinks_with_their_number_and_a_models_does_not() -> None:
    uncertainty = Uncertainty(UncertaintySettings())
    metered, modelled = Errors(), Errors()
    for _ in range(100):
        uncertainty.mix({PACKAGE: 1}).add_to(metered, 1.0)
        uncertainty.mix({MODEL: 1}).add_to(modelled, 1.0)
    assert metered.sigma == pytest.approx(0.05 * math.sqrt(100))
    assert modelled.sigma == pytest.approx(0.40 * 100)


def test_the_energy_of_a_host_is_known_as_its_meters_are() -> None:
    uncertainty = Uncertainty(UncertaintySettings())
    mix = uncertainty.mix({PACKAGE: 60, DRAM: 20, MODEL: 20})
    assert mix.independent == pytest.approx(0.05 * math.hypot(0.6, 0.2))
    assert mix.shared == {Quality.MODELLED: pytest.approx(0.08)}
    assert uncertainty.mix({}) == Mix(0.0, {Quality.DEFAULT: 0.60})


def sigma_of(part: Part, settings: UncertaintySettings, **changes: str) -> float:
    """The relative error of a part of one kilowatt-hour, but for its energy's own."""
    agreed = terms("FR", **changes)
    scope = Scope.DIRECT if part is Part.UPSTREAM else Scope.LIFECYCLE
    factor = intensity("FR", "200", tier=Tier.LIVE, scope=scope)
    pricing = Pricing.of(Account.HOST, agreed, factor)
    amount = Amount(0).plus(MICROJOULES_PER_KILOWATT_HOUR, factor)
    (share,) = [one for one in shares(pricing, amount) if one.part is part]
    assert share.grams is not None
    errors = Errors()
    Uncertainty(settings).add_factors(errors, pricing, share)
    return errors.sigma / float(share.grams)


def slope(at: float, function: Callable[[float], float]) -> float:
    """d ln f / d ln x, by a small step."""
    step = 1e-6
    low, high = (function(at * (1 + sign * step)) for sign in (-1, 1))
    return (high - low) / (2 * step) / function(at)


def test_each_input_moves_a_part_as_its_derivative_says() -> None:
    nothing = dict.fromkeys(UncertaintySettings.__slots__, 0.0) | {"network_factor": 1.0}
    pue = UncertaintySettings(**nothing | {"pue": 0.1})
    loss = UncertaintySettings(**nothing | {"loss_share": 0.1})
    both = {"pue": "1.25", "loss_share": "0.2"}
    assert sigma_of(Part.HOST, pue, **both) == 0
    assert sigma_of(Part.OVERHEAD, pue, **both) == pytest.approx(
        0.1 * slope(1.25, lambda pue: pue - 1)
    )
    assert sigma_of(Part.LOSSES, pue, **both) == pytest.approx(0.1)
    assert sigma_of(Part.LOSSES, loss, **both) == pytest.approx(
        0.1 * slope(0.2, lambda share: share / (1 - share))
    )
    upstream = UncertaintySettings(**nothing | {"upstream": 0.3, "intensity_live": 0.5})
    said = {"upstream_grams_per_kilowatt_hour": "36"}
    assert sigma_of(Part.UPSTREAM, upstream, **said) == pytest.approx(0.3)


@pytest.mark.parametrize("tier", list(Tier))
def test_every_tier_has_an_error_and_worse_ones_no_smaller(tier: Tier) -> None:
    settings = UncertaintySettings()
    only = {name: 0.0 for name in settings.__slots__ if name != f"intensity_{tier.value}"}
    factor = intensity("FR", "200", tier=tier)
    pricing = Pricing.of(Account.HOST, terms("FR"), factor)
    (share,) = shares(pricing, Amount(0).plus(MICROJOULES_PER_KILOWATT_HOUR, factor))
    errors = Errors()
    Uncertainty(UncertaintySettings(**only | {"network_factor": 1.0})).add_factors(
        errors, pricing, share
    )
    assert errors.sigma == pytest.approx(200 * getattr(settings, f"intensity_{tier.value}"))
    assert settings.intensity_live <= errors.sigma / 200 or tier is Tier.OPERATOR


def test_the_intensity_of_a_grid_errs_alike_on_all_and_grids_err_apart() -> None:
    uncertainty = Uncertainty(UncertaintySettings())
    same, apart = Errors(), Errors()
    for number in range(4):
        for errors, zone in ((same, "FR"), (apart, f"Z{number}")):
            factor = intensity(zone, "200", tier=Tier.LIVE)
            pricing = Pricing.of(Account.HOST, terms(zone), factor)
            (share,) = shares(pricing, Amount(0).plus(MICROJOULES_PER_KILOWATT_HOUR, factor))
            uncertainty.add_factors(errors, pricing, share)
    assert same.sigma == pytest.approx(4 * 200 * 0.08)
    assert apart.sigma == pytest.approx(2 * 200 * 0.08)


def test_the_tiers_of_one_grid_err_alike() -> None:
    errors = Errors()
    for tier in (Tier.LIVE, Tier.ANNUAL):
        factor = intensity("FR", "200", tier=tier)
        pricing = Pricing.of(Account.HOST, terms("FR"), factor)
        (share,) = shares(pricing, Amount(0).plus(MICROJOULES_PER_KILOWATT_HOUR, factor))
        Uncertainty(UncertaintySettings()).add_factors(errors, pricing, share)
    assert errors.sigma == pytest.approx(200 * (0.08 + 0.30))


def test_ranges() -> None:
    assert normal(Fraction(100), 10) == pytest.approx((100 - 19.6, 100 + 19.6), abs=0.01)
    assert normal(Fraction(100), 80).low == 0
    assert times_or_divided(Fraction(8), 2, 0) == pytest.approx((4, 16))
    wider = times_or_divided(Fraction(8), 2, 4 / COVERAGE_SIGMAS)
    factor = math.exp(math.hypot(math.log(2), 0.5))
    assert wider == pytest.approx((8 / factor, 8 * factor))
    assert times_or_divided(Fraction(0), 2, 1) == (0, 0)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"pue": -0.1}, "pue must be 0 to 5: -0.1"),
        ({"energy_measured": 6.0}, "energy_measured must be 0 to 5"),
        ({"network_factor": 0.5}, "network_factor must be 1 to 100: 0.5"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, float], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        UncertaintySettings(**changes)
