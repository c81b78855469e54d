"""PURE. 3.11 of hardware that the organisation sells: all of its life, in the year of the sale.

    units x kWh a year and unit x life x I(country)

What a unit uses is what agents measured of the same hardware while they saw it (rule 12). In the
year itself that use is in the TCS (D); here it is in the GHG inventory only, and never both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram.readings import Quality
from wattgram.units import GRAMS_PER_KILOGRAM, SECONDS_PER_YEAR
from wattgram_collector.inventory.activities.activity import FactorTable
from wattgram_collector.inventory.decision import Decision
from wattgram_collector.inventory.factors import Factor, FactorBoundary
from wattgram_collector.inventory.making.lives import holding, lifelong
from wattgram_collector.inventory.metering.fleet import Sample, Stratum
from wattgram_collector.inventory.periods import ReportPeriod, midnight_unix_seconds
from wattgram_collector.inventory.places import scope_3
from wattgram_collector.inventory.postings import Posting, Stage
from wattgram_collector.inventory.register.assets import Asset, Register
from wattgram_collector.inventory.result import Unknown

LIFETIME: Final = scope_3(11, "lifetime")
_FIRST_YEAR: Final = 2000


class Use(NamedTuple):
    """What a unit draws while it is on, and whose measurement that is."""

    kilowatt_hours_per_second: Fraction
    units: int
    where: str


class Sold(NamedTuple):
    """What was sold in the period, and for how long it will be used."""

    asset: Asset
    decision: Decision
    life_years: Fraction


def sales(register: Register, period: ReportPeriod) -> Iterator[Asset]:
    """Yield the version that holds on its day of sale, of all that was sold in the period."""
    for asset_id in register:
        versions = lifelong(register.versions(asset_id))
        for day in sorted({one.sold_on for one in versions if one.sold_on is not None}):
            if period.first <= day < period.after:
                yield holding(versions, day) or versions[0]


def lifetime_posting(
    sold: Sold, samples: Mapping[Stratum, Sample], table: FactorTable, period: ReportPeriod
) -> tuple[Posting, Factor | None] | Unknown:
    """Return the posting and what prices it, or why there is none."""
    asset = sold.asset
    use = _use(asset, samples)
    subject = f"asset/{asset.asset_id}"
    if use is None or asset.sold_on is None:
        return Unknown(
            subject,
            f"sold on {asset.sold_on}, and no agent measures a {asset.device_class}: what it uses"
            " in its life is not known",
        )
    per_year = use.kilowatt_hours_per_second * SECONDS_PER_YEAR * asset.duty_ratio
    kwh = asset.units * per_year * sold.life_years
    factor = intensity(asset.country, samples, table, period)
    start = midnight_unix_seconds(asset.sold_on, period.timezone)
    value = None if factor is None else factor.value
    posting = Posting(
        start_unix_seconds=start,
        end_unix_seconds=start + 1,
        subject=subject,
        stage=Stage.USE,
        place=LIFETIME,
        leaf=None,
        quantity=kwh,
        unit="kWh",
        factor="" if factor is None else factor.factor_id,
        factor_value=value,
        alpha=asset.alpha,
        grams=None if value is None else kwh * asset.alpha * value * GRAMS_PER_KILOGRAM,
        in_tcs=False,
        tier_activity=Quality.MODELLED,
        tier_factor=Quality.DEFAULT if factor is None else factor.tier,
        org_unit=asset.org_unit,
        service=asset.service,
        rule=sold.decision.rule,
        evidence=f"asset {asset.asset_id}, sold on {asset.sold_on}; measured at {use.where}",
        note=f"{asset.units} units x {float(per_year):g} kWh a year, the mean of {use.units}"
        f" that report, x {float(sold.life_years):g} years; at today's grid",
    )
    return posting, factor


def _use(asset: Asset, samples: Mapping[Stratum, Sample]) -> Use | None:
    """Return the mean draw: of the class in the country, else of the class anywhere."""
    here = samples.get(Stratum(asset.device_class, asset.country))
    name = f"{asset.device_class} in {asset.country or 'no country'}"
    if here is not None and (found := _mean([here], name)) is not None:
        return found
    anywhere = [one for key, one in sorted(samples.items(), key=lambda item: item[0])
                if key.device_class == asset.device_class and not key.asset_id]  # fmt: skip
    return _mean(anywhere, f"{asset.device_class} in any country")


def _mean(samples: list[Sample], where: str) -> Use | None:
    rates = [
        unit.kilowatt_hours / unit.seen_seconds
        for sample in samples
        for unit in sample.units.values()
        if unit.seen_seconds
    ]
    return Use(sum(rates, Fraction(0)) / len(rates), len(rates), where) if rates else None


def intensity(
    country: str, samples: Mapping[Stratum, Sample], table: FactorTable, period: ReportPeriod
) -> Factor | None:
    """Return I(country): what metered energy there was priced with, else the shipped average."""
    found = [sample for key, sample in samples.items() if country and key.country == country]
    units = [unit for sample in found for unit in sample.units.values() if unit.grams is not None]
    energy = sum((unit.kilowatt_hours for unit in units), Fraction(0))
    if energy:
        grams = sum((unit.grams or Fraction(0) for unit in units), Fraction(0))
        return Factor(
            factor_id=f"metered/{country}/{period.name}",
            value=grams / energy / GRAMS_PER_KILOGRAM,
            unit="kg/kWh",
            source="energy of the organisation's ledger, as it was priced",
            source_version=period.name,
            boundary=FactorBoundary.COMBUSTION,
            region=country,
            tier=Quality.MODELLED,
            reference=f"mean of {len(units)} units that report in {country}, weighed by energy",
        )
    for year in range(period.first.year, _FIRST_YEAR, -1):
        if country and f"grid/{country}/direct/{year}" in table:
            return table.one(f"grid/{country}/direct/{year}")
    return None
