"""Postings, assets and activities in few words: for the tests of a run's parts."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from fractions import Fraction
from typing import Any, Final

from wattgram.readings import Quality
from wattgram.units import GRAMS_PER_KILOGRAM
from wattgram_collector.accounting.emissions import Account, Amount, Pricing
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensity import Losses, Scope, Tier
from wattgram_collector.inventory.activities.activity import taken
from wattgram_collector.inventory.activities.kept import Kept as KeptActivity
from wattgram_collector.inventory.activities.kept import Source
from wattgram_collector.inventory.activities.kinds import KINDS
from wattgram_collector.inventory.books import Books
from wattgram_collector.inventory.decision import decide
from wattgram_collector.inventory.engine import Desk, inventory_of
from wattgram_collector.inventory.factors import Factor, FactorBoundary
from wattgram_collector.inventory.metering.energy import Bound, Metered, energy_postings
from wattgram_collector.inventory.metering.metered import Metering
from wattgram_collector.inventory.periods import Interval, ReportPeriod, parse_period
from wattgram_collector.inventory.places import SCOPE_1, TcsLeaf
from wattgram_collector.inventory.postings import Posting, Stage
from wattgram_collector.inventory.register.assets import (
    Asset,
    AssetRole,
    Party,
    Register,
    SiteKind,
)
from wattgram_collector.inventory.result import Inventory
from wattgram_collector.inventory.settings import InventorySettings

YEAR: Final = parse_period("2025", "UTC")
KILOWATT_HOUR: Final = 3_600_000_000_000
GB: Final = Terms(
    zone="GB", pue="1.5", pue_source="meters", loss_share="0.07", loss_source="losses of GB",
    upstream_grams_per_kilowatt_hour="45", upstream_source="supply of GB",
)  # fmt: skip
GRID: Final = "grid/GB"


def posting(**said: Any) -> Posting:
    facts = {
        "start_unix_seconds": YEAR.interval.start_unix_seconds,
        "end_unix_seconds": YEAR.interval.end_unix_seconds,
        "subject": "asset/a",
        "stage": Stage.USE,
        "place": SCOPE_1,
        "leaf": TcsLeaf.O_SERVERS,
        "quantity": Fraction(100),
        "unit": "kWh",
        "grams": Fraction(1_000),
        "factor": "f",
        "factor_value": Fraction(1, 100),
    }
    return Posting(**{**facts, **said})


def asset(asset_id: str = "srv", **said: Any) -> Asset:
    facts = {
        "device_class": "server", "role": AssetRole.SERVER, "site_kind": SiteKind.ONSITE,
        "owner": Party.ORG, "controller": Party.ORG, "electricity_payer": Party.ORG,
    }  # fmt: skip
    return Asset(asset_id=asset_id, **{**facts, **said})


def gateway(asset_id: str = "gw", **said: Any) -> Asset:
    facts = {
        "device_class": "iot_gateway", "role": AssetRole.CUSTOMER_INFRA,
        "site_kind": SiteKind.CUSTOMER_SITE, "electricity_payer": Party.CUSTOMER,
        "controller": Party.CUSTOMER, "owner": Party.CUSTOMER,
    }  # fmt: skip
    return asset(asset_id, **{**facts, **said})


def used(one: Asset, kilowatt_hours: float, interval: Interval = YEAR.interval) -> list[Posting]:
    """Return what an agent's energy comes to: direct factor of 200 g/kWh, market 10 g/kWh."""
    quantity = round(kilowatt_hours * KILOWATT_HOUR)
    found: list[Posting] = []
    for account, rate in ((Account.HOST, 200), (Account.MARKET, 10)):
        pricing = Pricing(account, GB, Tier.OPERATOR, Scope.DIRECT, Losses.BUSBAR)
        metered = Metered(
            agent_id=f"id-{one.asset_id}", host=one.asset_id, interval=interval, pricing=pricing,
            amount=Amount(quantity, Fraction(quantity * rate)), quality=Quality.MEASURED,
            factor=f"{GRID} {account}",
        )  # fmt: skip
        found += energy_postings(metered, Bound(one, decide(one)))
    return found


def factors_of(postings: Iterable[Posting]) -> dict[str, Factor]:
    """Return a factor for each id that postings of energy name."""
    return {
        one.factor: Factor(
            factor_id=one.factor, value=one.factor_value or Fraction(0), unit="kg/kWh",
            source="a grid", source_version="2025", boundary=FactorBoundary.COMBUSTION,
        )
        for one in postings if one.factor
    }  # fmt: skip


def metering(*postings: Posting) -> Metering:
    return Metering(postings=list(postings), factors=factors_of(postings))


def activity(kind: str, activity_id: str = "one", **row: str) -> KeptActivity:
    """Return an activity of 2025 as the journal has it."""
    cells = {"from": "2025-01-01", "to": "2025-12-31", **row}
    found = taken(cells, KINDS[kind], activity_id, "UTC")
    return KeptActivity(found, 7, Source("rows.csv", "0f"), 3)


def books(*assets: Asset, activities: Iterable[KeptActivity] = (), **more: Any) -> Books:
    return Books(register=Register(assets), activities=tuple(activities), **more)


def inventory(
    said: Books, meters: Metering | None = None, period: ReportPeriod = YEAR, **settings: Any
) -> Inventory:
    """Return what the engine makes of it."""
    whose = InventorySettings(**{"organisation": "Acme", **settings})
    found = meters or Metering()
    with closing(found.hours):
        return inventory_of(said, found, whose, period, desk=DESK)


DESK: Final = Desk()


def kilograms(found: Inventory, place: str, method: str = "-") -> Fraction | None:
    """Return what a line says; None where it is not calculated."""
    (line,) = [one for one in found.lines if str(one.place) == place and one.method == method]
    return None if line.total.grams is None else line.total.grams / GRAMS_PER_KILOGRAM
