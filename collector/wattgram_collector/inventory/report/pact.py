"""PURE. A product carbon footprint as partners exchange it: PACT Data Model 3.0.

Written from the model's list of fields; PACT is by the World Business Council for Sustainable
Development (WBCSD), and docs/pact.md has the notice that it asks for. The boundary is cradle to
gate: operation, amortised making and purchases up to the gate, and nothing downstream of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, Final, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from wattgram.readings import Quality
from wattgram.units import GRAMS_PER_KILOGRAM
from wattgram_collector.inventory.postings import Book, Method, Posting, Role, Stage
from wattgram_collector.inventory.sci import metered_inside
from wattgram_collector.reports.numbers import exact

SPECIFICATION: Final = "3.0.0"
UNITS: Final = ("hour", "piece", "megabit second")
"""Of the model's units those that services are told in."""
DECIMALS: Final = 9
_PERCENT: Final = 100
_DOWNSTREAM: Final = frozenset({9, 10, 11, 12, 13, 14, 15})
_AT_CUSTOMERS: Final = frozenset({"10", "11", "12", "13"})
"""Rules of the decision table."""
_PRIMARY: Final = frozenset({Quality.MEASURED, Quality.DECLARED})


class Product(NamedTuple):
    """What the footprint is of, as its owner states it."""

    service: str
    name: str
    description: str
    company: str
    company_ids: tuple[str, ...]
    """URNs."""
    product_ids: tuple[str, ...]
    unit: str
    """One of UNITS."""
    amount: Fraction
    """How many of the unit were delivered in the period."""


class FootprintError(ValueError):
    """A footprint that cannot be stated; the text says what is missing."""


def is_up_to_the_gate(one: Posting) -> bool:
    """Return whether a posting is within cradle to gate, once: location-based, amortised making.

    What was acquired in the year (book A) is in the inventory instead of the amortised making.
    That of a lessor's or an employee's hardware is a memo there, and before the gate all the same.
    """
    is_making = one.stage is Stage.EMBODIED_AMORTISED and one.book is Book.AMORTISED
    if is_making and one.role is Role.MEMO:
        return one.rule not in _AT_CUSTOMERS
    if one.role is not Role.PRIMARY or one.method is Method.MARKET:
        return False
    if _is_behind_the_gate(one):
        return False
    if one.stage is Stage.EMBODIED_AMORTISED:
        return True
    is_acquired = one.stage in (Stage.EMBODIED_ACQUIRED, Stage.END_OF_LIFE)
    return one.book is Book.INVENTORY and not is_acquired and (one.in_ghg or one.in_tcs)


def up_to_the_gate(service: str, postings: Iterable[Posting]) -> list[Posting]:
    """Return what of a service is within cradle to gate, energy inside others' meters with it."""
    mine = [one for one in postings if one.service == service]
    inside = [one for one in metered_inside(mine) if not _is_behind_the_gate(one)]
    return [*(one for one in mine if is_up_to_the_gate(one)), *inside]


def _is_behind_the_gate(one: Posting) -> bool:
    if one.leaf is not None and one.leaf.letter == "D":
        return True
    place = one.place
    return place is not None and place.scope == 3 and place.category in _DOWNSTREAM  # noqa: PLR2004


def footprint(
    product: Product,
    postings: Iterable[Posting],
    period: tuple[int, int],
    created_unix_seconds: int,
    sources: Sequence[str],
) -> dict[str, Any]:
    """Return the footprint per declared unit; `period` in unix seconds, the end exclusive.

    Raises FootprintError where nothing was delivered, nothing is known of the service, or a part
    of it has no price.
    """
    mine = up_to_the_gate(product.service, postings)
    _require(product, mine)
    grams = sum((one.grams or Fraction(0) for one in mine), Fraction(0))
    primary = sum((one.grams or Fraction(0) for one in mine if one.tier in _PRIMARY), Fraction(0))
    per_unit = grams / GRAMS_PER_KILOGRAM / product.amount
    return {
        "id": str(uuid5(NAMESPACE_URL, "|".join((*product.product_ids, *map(str, period))))),
        "specVersion": SPECIFICATION,
        "created": _instant(created_unix_seconds),
        "status": "Active",
        "companyName": product.company,
        "companyIds": list(product.company_ids),
        "productDescription": product.description,
        "productIds": list(product.product_ids),
        "productNameCompany": product.name,
        "pcf": {
            "declaredUnitOfMeasurement": product.unit,
            "declaredUnitAmount": "1",
            "productMassPerDeclaredUnit": "0",
            "referencePeriodStart": _instant(period[0]),
            "referencePeriodEnd": _instant(period[1]),
            "pcfExcludingBiogenicUptake": _decimal(per_unit),
            "pcfIncludingBiogenicUptake": _decimal(per_unit),
            "fossilGhgEmissions": _decimal(per_unit),
            "fossilCarbonContent": "0",
            "ipccCharacterizationFactors": ["AR6"],
            "crossSectoralStandards": ["GHGP-Product"],
            "exemptedEmissionsPercent": "0",
            "primaryDataShare": _decimal(primary / grams * _PERCENT if grams else Fraction(0)),
            "boundaryProcessesDescription": "operation at location-based intensities, amortised "
            "making of the hardware, purchased services; no use by customers",
            "secondaryEmissionFactorSources": sorted(set(sources)),
        },
    }


def _require(product: Product, mine: list[Posting]) -> None:
    if product.unit not in UNITS:
        raise FootprintError(f"{product.service}: the unit must be one of {', '.join(UNITS)}")
    if product.amount <= 0:
        raise FootprintError(f"{product.service}: no {product.unit} was delivered")
    if not mine:
        raise FootprintError(f"{product.service}: nothing is posted for this service")
    unpriced = sorted({one.subject for one in mine if one.grams is None})
    if unpriced:
        raise FootprintError(f"{product.service}: no factor prices {', '.join(unpriced)}")


def _instant(unix_seconds: int) -> str:
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _decimal(value: Fraction) -> str:
    """Return a number as the model wants it: decimal text, half-even."""
    return exact(round(value, DECIMALS))
