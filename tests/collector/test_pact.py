"""PACT footprints: cradle to gate, per declared unit, decimals as text."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from wattgram.readings import Quality
from wattgram_collector.inventory.metering.energy import INSIDE_NOTE
from wattgram_collector.inventory.places import SCOPE_2, TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Book, Method, Posting, Role, Stage
from wattgram_collector.inventory.report.pact import FootprintError, Product, footprint

YEAR = (1_735_689_600, 1_767_225_600)
PRODUCT = Product(
    "mail", "Mail", "hosted mail", "Example plc", ("urn:uuid:1",), ("urn:mail",), "hour",
    Fraction(3),
)  # fmt: skip


def posting(**said: Any) -> Posting:
    facts = {
        "start_unix_seconds": 0,
        "end_unix_seconds": 300,
        "subject": "asset/a",
        "service": "mail",
        "stage": Stage.USE,
        "place": SCOPE_2,
        "leaf": TcsLeaf.O_SERVERS,
        "method": Method.LOCATION,
        "grams": Fraction(1_000),
        "tier_activity": Quality.MEASURED,
        "tier_factor": Quality.DECLARED,
    }
    return Posting(**{**facts, **said})


POSTED = [
    posting(),
    posting(stage=Stage.EMBODIED_AMORTISED, book=Book.AMORTISED, method=Method.NONE, place=None,
            in_ghg=False, tier_factor=Quality.DEFAULT),
    posting(stage=Stage.EMBODIED_ACQUIRED, method=Method.NONE, place=scope_3(2)),
    posting(method=Method.MARKET, in_tcs=False),
    posting(method=Method.NONE, place=scope_3(11), leaf=TcsLeaf.D_CUSTOMER_DEVICES),
    posting(service="web"),
]  # fmt: skip


def made(product: Product = PRODUCT, posted: list[Posting] | None = None) -> dict[str, Any]:
    return footprint(product, POSTED if posted is None else posted, YEAR, YEAR[1], ["b", "a", "a"])


def test_a_footprint_is_operation_and_amortised_making_up_to_the_gate() -> None:
    pcf = made()["pcf"]

    assert pcf["pcfExcludingBiogenicUptake"] == "0.666666667"
    assert pcf["primaryDataShare"] == "50"
    assert pcf["declaredUnitOfMeasurement"] == "hour"
    assert pcf["referencePeriodStart"] == "2025-01-01T00:00:00Z"
    assert pcf["referencePeriodEnd"] == "2026-01-01T00:00:00Z"
    assert pcf["secondaryEmissionFactorSources"] == ["a", "b"]


@pytest.mark.parametrize(("rule", "expected"), [("4", "1"), ("8", "1"), ("10", "0.666666667")])
def test_the_making_of_a_lessors_hardware_is_before_the_gate(rule: str, expected: str) -> None:
    """It is a memo of the inventory; that of a customer's device is behind the gate."""
    memo = posting(stage=Stage.EMBODIED_AMORTISED, book=Book.AMORTISED, method=Method.NONE,
                   place=None, leaf=None, in_ghg=False, in_tcs=False, role=Role.MEMO, rule=rule,
                   tier_factor=Quality.DEFAULT)  # fmt: skip

    assert made(posted=[*POSTED, memo])["pcf"]["pcfExcludingBiogenicUptake"] == expected


def test_energy_inside_the_meter_of_a_hall_is_before_the_gate() -> None:
    def inside(leaf: TcsLeaf) -> Posting:
        return posting(subject="asset/b", role=Role.ALLOCATION, in_ghg=False, in_tcs=False,
                       method=Method.NONE, unit="kWh", leaf=leaf, note=INSIDE_NOTE.format("hall"),
                       place=SCOPE_2 if leaf is TcsLeaf.O_SERVERS else scope_3(11))  # fmt: skip

    own, theirs = inside(TcsLeaf.O_SERVERS), inside(TcsLeaf.D_CUSTOMER_DEVICES)
    assert made(posted=[*POSTED, own, theirs])["pcf"]["pcfExcludingBiogenicUptake"] == "1"


def test_every_required_field_is_there_and_numbers_are_text() -> None:
    found = made()

    assert set(found) == {
        "id", "specVersion", "created", "status", "companyName", "companyIds",
        "productDescription", "productIds", "productNameCompany", "pcf",
    }  # fmt: skip
    assert {
        "declaredUnitOfMeasurement", "declaredUnitAmount", "productMassPerDeclaredUnit",
        "referencePeriodStart", "referencePeriodEnd", "pcfExcludingBiogenicUptake",
        "pcfIncludingBiogenicUptake", "fossilGhgEmissions", "fossilCarbonContent",
        "ipccCharacterizationFactors", "crossSectoralStandards", "exemptedEmissionsPercent",
    } <= set(found["pcf"])  # fmt: skip
    assert not any(isinstance(value, int | float) for value in found["pcf"].values())
    assert made() == found


@pytest.mark.parametrize(
    ("product", "posted", "problem"),
    [
        (PRODUCT._replace(unit="kilowatt hour"), None, "must be one of hour"),
        (PRODUCT._replace(amount=Fraction(0)), None, "no hour was delivered"),
        (PRODUCT._replace(service="chat"), None, "nothing is posted"),
        (PRODUCT, [posting(grams=None)], "no factor prices asset/a"),
    ],
)
def test_what_cannot_be_stated_is_refused(
    product: Product, posted: list[Posting] | None, problem: str
) -> None:
    with pytest.raises(FootprintError, match=problem):
        made(product, posted)
