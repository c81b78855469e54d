"""An organisation's year as a run of the inventory finds it: postings of every kind, made here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from fractions import Fraction
from functools import cache
from typing import Any

from activity_rows import EXAMPLES, TABLE, YEAR
from register_scenes import SERVER
from wattgram.readings import Quality
from wattgram_collector.accounting.emissions import Account, Amount, Pricing
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensity import Losses, Scope, Tier
from wattgram_collector.inventory.activities.activity import taken
from wattgram_collector.inventory.activities.kinds import KINDS
from wattgram_collector.inventory.decision import decide
from wattgram_collector.inventory.factors import Factor, FactorBoundary
from wattgram_collector.inventory.html.beside import Beside, Month, months_of
from wattgram_collector.inventory.lines import (
    Relevance,
    Statement,
    inventory_lines,
    leaf_sums,
)
from wattgram_collector.inventory.making.hardware import shipped
from wattgram_collector.inventory.making.period import making_of_period
from wattgram_collector.inventory.making.resolving import Resolver
from wattgram_collector.inventory.metering.energy import Bound, Metered, energy_postings
from wattgram_collector.inventory.periods import ReportPeriod, parse_period
from wattgram_collector.inventory.places import scope_3
from wattgram_collector.inventory.postings import Posting
from wattgram_collector.inventory.register.assets import (
    Asset,
    AssetRole,
    Party,
    Register,
    SiteKind,
)
from wattgram_collector.inventory.report import esrs
from wattgram_collector.inventory.report.ledger_file import Row, ordered
from wattgram_collector.inventory.result import Fleet, Inventory, Seen, SiteHour, Unknown
from wattgram_collector.inventory.sci import sci
from wattgram_collector.inventory.settings import InventorySettings

PERIOD = parse_period("2025", "Europe/Berlin")
KILOWATT_HOUR = 3_600_000_000_000
HOSTILE = '<script>alert("1")</script>&\'"><img src=//evil.example/x>'
"""A name that somebody gave an asset."""
DE = Terms(
    zone="DE",
    pue="1.35",
    pue_source="meters of the hall",
    loss_share="0.045",
    loss_source="losses of DE",
    upstream_grams_per_kilowatt_hour="52.1",
    upstream_source="supply of DE",
)
SETTINGS = InventorySettings(
    organisation="Nordlicht Hosting",
    registered_country="DE",
    timezone="Europe/Berlin",
    base_year=2024,
    base_year_rationale="First year that was metered; anew where a line changes by 5 %.",
    approved_by="A. Lindqvist",
)
STATEMENTS = {
    scope_3(14): Statement(relevance=Relevance.NOT_RELEVANT, is_excluded=True,
                           justification="there are no franchises"),
    scope_3(10): Statement(relevance=Relevance.NOT_RELEVANT, is_excluded=True,
                           justification="what is sold is used as it is"),
}  # fmt: skip
_LEFT_OUT = frozenset({"franchise", "processing", "investment", "electricity", "instrument"})
_SCALES = {"transport": 12, "travel": 20, "software": 60, "saas": 90, "purchase": 150,
           "customer_devices": 400, "commute": 40, "fuel": 8}  # fmt: skip


def assets() -> list[Asset]:
    """Twenty servers, laptops of employees, gateways leased to customers, and a hostile name."""
    made = [
        replace(SERVER, asset_id=f"srv-{n:02}", site="hall-1" if n < 14 else "colo-2",
                site_kind=SiteKind.ONSITE if n < 14 else SiteKind.COLO,
                acquired_on=date(2025, 3, 1) if n % 3 else date(2023, 5, 1),
                service="mail" if n % 2 else "stream", org_unit="operations")
        for n in range(20)
    ]  # fmt: skip
    laptop = replace(SERVER, device_class="laptop", role=AssetRole.EMPLOYEE_DEVICE, units=60,
                     acquired_on=date(2025, 6, 1), org_unit="offices")  # fmt: skip
    gateway = replace(SERVER, device_class="iot_gateway", role=AssetRole.CUSTOMER_INFRA,
                      site_kind=SiteKind.CUSTOMER_SITE, electricity_payer=Party.CUSTOMER,
                      controller=Party.CUSTOMER, is_leased_out=True,
                      acquired_on=date(2025, 1, 20), org_unit="field")  # fmt: skip
    made += [replace(laptop, asset_id=f"laptops-{place}", site=place)
             for place in ("berlin", "malmo")]  # fmt: skip
    made += [replace(gateway, asset_id=f"gw-{n:02}", site=f"customer-{n % 7}") for n in range(12)]
    made.append(replace(SERVER, asset_id=HOSTILE, site=HOSTILE, service=HOSTILE,
                        org_unit=HOSTILE))  # fmt: skip
    return made


def _energy(asset: Asset, number: int) -> Iterator[Posting]:
    kilowatt_hours = {"server": 2_100, "laptop": 900, "iot_gateway": 60}[asset.device_class]
    energy = (kilowatt_hours + 37 * number) * KILOWATT_HOUR
    terms = DE if asset.role is AssetRole.SERVER else replace(DE, pue="1", pue_source="")
    for account, rate in ((Account.HOST, 331), (Account.MARKET, 120)):
        is_market = account is Account.MARKET
        pricing = Pricing(account, terms, Tier.OPERATOR if is_market else Tier.LIVE,
                          Scope.DIRECT, Losses.BUSBAR)  # fmt: skip
        quality = Quality.MODELLED if asset.device_class == "iot_gateway" else Quality.MEASURED
        yield from energy_postings(
            Metered(f"id-{number}", f"host-{number}", PERIOD.interval, pricing,
                    Amount(energy, energy * Fraction(rate)), quality,
                    "market/wind" if is_market else "grid/DE/live"),
            Bound(asset, decide(asset)),
        )  # fmt: skip


def _activities() -> Iterator[Posting]:
    for number, (kind, row) in enumerate(EXAMPLES):
        if kind in _LEFT_OUT:
            continue
        said = {**YEAR, **row, "org_unit": "offices" if number % 2 else "operations",
                "service": "mail" if kind == "cloud" else ""}  # fmt: skip
        activity = taken(said, KINDS[kind], f"{kind}-{number:02}", PERIOD.timezone)
        for one in KINDS[kind].reckon(activity, TABLE):
            yield _scaled(one, _SCALES.get(kind, 3))


def _scaled(one: Posting, times: int) -> Posting:
    if one.grams is None or one.quantity is None:
        return one
    return replace(one, quantity=one.quantity * times, grams=one.grams * times,
                   gases={gas: grams * times for gas, grams in one.gases.items()})  # fmt: skip


def _factors(postings: Iterable[Posting]) -> dict[str, Factor]:
    found: dict[str, Factor] = {}
    for one in postings:
        if one.priced_by is not None:
            found[one.factor] = one.priced_by
        elif one.factor and one.factor_value is not None:
            found[one.factor] = Factor(
                factor_id=one.factor, value=one.factor_value, unit=f"kg/{one.unit}",
                source="ENTSO-E, hour by hour", source_version="2025", region="DE",
                boundary=FactorBoundary.COMBUSTION, licence="CC BY 4.0", tier=one.tier_factor,
            )  # fmt: skip
    return found


def hours(period: ReportPeriod = PERIOD) -> Iterator[SiteHour]:
    """One hour of each day of two sites; the colo's first two months have no price."""
    start, end = period.interval
    for at in range(start, end, 86_400):
        day = (at - start) // 86_400
        used = Fraction(round(1_500 + 300 * math.cos(day / 58)), 10)
        rate = Fraction(round(330 + 90 * math.cos(day / 58)))
        yield SiteHour("hall-1", at, "DE", used, used * Fraction("1.35"),
                       used * rate * Fraction("1.35"), used * 120)  # fmt: skip
        is_priced = day > 60
        yield SiteHour("colo-2", at, "DE", used / 3, used / 2,
                       used * rate / 2 if is_priced else None, None)  # fmt: skip


def _seen() -> list[Seen]:
    found = []
    for number in range(34):
        for month in range(1, 13):
            lost = 86_400 * (number % 5) if month == 4 else 0
            expected = 30 * 86_400
            found.append(Seen(f"id-{number}", f"host-{number}", f"2025-{month:02}", expected,
                              expected - lost, lost // 2, 0, 1, None))  # fmt: skip
    return found


UNKNOWN = [
    Unknown("agent/test-rig-7", "no asset says what it is", Fraction(412), Fraction(136_000)),
    Unknown("agent/build-farm", "no asset says what it is", Fraction(1_803), None),
    Unknown("asset/vm-9", "nothing tells what the making of a virtual machine emitted"),
]
INSTRUMENTS = [
    {"type": "certificate", "quantity": "38", "unit": "MWh", "registry": "HKN-R", "serial": "1-38",
     "vintage": "2025", "retired_on": "2026-01-20", "used_in": "market_based", "note": "wind"},
    {"type": "removal", "quantity": "5000", "unit": "kg", "registry": "Puro", "serial": "77-81",
     "vintage": "2025", "retired_on": "2025-12-01", "used_in": "none", "note": "biochar"},
]  # fmt: skip
ASSUMPTIONS = [
    {"id": "A1", "scope_ref": "3.11", "text": "customers' phones are on for the whole session",
     "owner": "product", "date": "2025-12-02", "effect_kg": "120"},
]  # fmt: skip
EXCLUSIONS = [
    {"id": "E1", "scope_ref": "3.14", "text": "there are no franchises", "owner": "finance",
     "date": "2025-12-02"},
]  # fmt: skip
WARNINGS = [
    (
        "SCI of mail: 61 g per email is above 0.3 to 50 g; the 50 g are of a long attachment that "
        "people read, mostly time at a device and not bytes"
    ),
]


def _esrs(postings: list[Posting]) -> list[esrs.Row]:
    """Return the table, compared with a year before that had a tenth more of everything."""
    lines = inventory_lines(postings, STATEMENTS)
    before = {row.line: row.value * Fraction(11, 10)
              for row in esrs.table(lines) if row.value is not None}  # fmt: skip
    return esrs.table(lines, net_revenue=Fraction(4_000_000), previous=before,
                      base_year={"total_location": Fraction(400)})  # fmt: skip


@cache
def inventory(**said: Any) -> Inventory:
    """Return the year; `said` replaces fields of it."""
    register = Register(assets())
    made = making_of_period(register, Resolver(shipped()), PERIOD)
    postings = [*made.postings, *_activities()]
    for number, asset in enumerate(assets()):
        postings += _energy(asset, number)
    rows = ordered(postings)
    return Inventory(**{
        "settings": SETTINGS,
        "period": PERIOD,
        "org_unit": "",
        "rows": rows,
        "lines": inventory_lines(postings, STATEMENTS),
        "leaves": leaf_sums(postings),
        "factors": _factors(postings),
        "unknown": UNKNOWN,
        "software": [sci("mail", "email", Fraction(52_000), postings),
                     sci("stream", "stream_hour", Fraction(0), postings)],
        "seen": _seen(),
        "fleets": [Fleet("iot_gateway", "DE", 12, 50, Fraction(5_200), Fraction(410)),
                   Fleet("iot_gateway", "SE", 1, 8, Fraction(640), None)],
        "warnings": WARNINGS,
        "assets": [{"asset_id": one.asset_id, "site": one.site} for one in assets()],
        "instruments": INSTRUMENTS,
        "assumptions": ASSUMPTIONS,
        "exclusions": EXCLUSIONS,
        "esrs": _esrs(postings),
        "journal_entries": 1_204,
        "journal_head": "ab" * 32,
        **said,
    })  # fmt: skip


def nothing() -> Inventory:
    """Return a run that found nothing at all."""
    return Inventory(
        settings=SETTINGS, period=PERIOD, org_unit="", rows=[], lines=inventory_lines([], {}),
        leaves={}, factors={}, unknown=[], software=[], seen=[], fleets=[], warnings=[],
    )  # fmt: skip


@cache
def beside() -> Beside:
    return Beside(tool_version="0.1.0", ledger_head="cd" * 32, months=_months())


def _months() -> list[Month]:
    return months_of(hours(), PERIOD.timezone)


def large(count: int) -> Inventory:
    """Return a run of many assets that are metered, each with its energy by both methods."""
    template = assets()[0]
    postings: list[Posting] = []
    for number in range(count):
        postings += _energy(replace(template, asset_id=f"srv-{number:05}"), number % 50)
    rows = [Row(f"{number:020x}", one) for number, one in enumerate(postings)]
    return replace(
        inventory(),
        rows=rows,
        lines=inventory_lines(postings, STATEMENTS),
        leaves=leaf_sums(postings),
        factors=_factors(postings[:5]),
        unknown=[Unknown(f"agent/h{n}", "no asset says what it is", Fraction(n))
                 for n in range(count)],
        warnings=WARNINGS * count,
        assets=[{"asset_id": f"srv-{n:05}", "site": f"site-{n % 900}"} for n in range(count)],
        seen=_seen() * (count // 100),
    )  # fmt: skip
