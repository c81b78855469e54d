"""What no report may break: each invariant, broken on purpose, stops the run and is named."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from inventory_parts import YEAR, asset, gateway, posting, used
from wattgram_collector.inventory.factors import Factor, FactorBoundary
from wattgram_collector.inventory.invariants import BrokenError, require, require_signs
from wattgram_collector.inventory.places import SCOPE_2, TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Book, Method, Posting, Role, Stage
from wattgram_collector.inventory.register.assets import Register
from wattgram_collector.inventory.report.ledger_file import Row, ordered

REGISTER = Register([asset("srv"), gateway("gw")])
LIFECYCLE = Factor(factor_id="f", value=Fraction(1), unit="kg/kWh", source="s",
                   source_version="1", boundary=FactorBoundary.LIFECYCLE)  # fmt: skip


def s2(**said: Any) -> Posting:
    return posting(**{"place": SCOPE_2, "method": Method.LOCATION, **said})


def supply(**said: Any) -> Posting:
    facts = {"place": scope_3(3, "3b"), "leaf": None, "in_tcs": False,
             "stage": Stage.ELECTRICITY_SUPPLY}  # fmt: skip
    return posting(**{**facts, **said})


def made(category: int, start: int = 0) -> Posting:
    return posting(place=scope_3(category), stage=Stage.EMBODIED_ACQUIRED,
                   start_unix_seconds=start, end_unix_seconds=start + 1)  # fmt: skip


def moved(category: int) -> Posting:
    return posting(subject="activity/t", stage=Stage.TRANSPORT, place=scope_3(category),
                   leaf=None, in_tcs=False, factor=str(category))  # fmt: skip


@pytest.mark.parametrize(
    ("postings", "said"),
    [
        ([s2(), s2()], "invariant 2: asset/a: two primary postings of use"),
        ([posting(method=Method.LOCATION)], "invariant 3: asset/a, use from 2025-01-01T00:00:00Z"),
        ([s2(method=Method.NONE)], "invariant 3: .*by no method"),
        ([s2(priced_by=LIFECYCLE)], "invariant 4: .*more than generation inside"),
        ([supply()], "invariant 4: .*3.3 3b without the electricity"),
        ([s2(subject="asset/b"), supply()], "invariant 4"),
        ([s2(end_unix_seconds=1_735_689_601), supply()], "invariant 4"),
        ([posting(stage=Stage.RESOLD)], "invariant 5: .*sold on, and at 1"),
        ([made(2), made(2, 9)], "invariant 6: .*acquired twice, at 3.2 and 3.2"),
        ([made(2), made(1, 9)], "invariant 7: .*acquired twice, at 3.2 and 3.1"),
        ([posting(subject="asset/srv", leaf=TcsLeaf.D_DOWNSTREAM_INFRASTRUCTURE)],
         "invariant 8: .*the organisation pays it"),
        ([posting(subject="asset/gw")], "invariant 8: .*a customer pays it, and it is O.servers"),
        ([moved(4), moved(9)], "invariant 12: .*one leg at 3.4 and at 3.9"),
        ([posting(place=scope_3(11, "lifetime"))], "invariant 13: .*lifetime"),
    ],
)  # fmt: skip
def test_a_broken_invariant_names_the_posting(postings: list[Posting], said: str) -> None:
    with pytest.raises(BrokenError, match=said):
        require(postings, REGISTER, "UTC")


def test_what_is_well_stands() -> None:
    srv, gw = asset("srv"), gateway("gw")
    market = s2(method=Method.MARKET, in_tcs=False)

    require([s2(), market, supply(), made(2), moved(4)], REGISTER, "UTC")
    require([*used(srv, 10), *used(gw, 10)], REGISTER, "UTC")
    require([posting(role=Role.MEMO, in_ghg=False, in_tcs=False, method=Method.LOCATION)],
            REGISTER, "UTC")  # fmt: skip
    require([posting(subject="asset/nobody", leaf=TcsLeaf.D_CUSTOMER_DEVICES)], REGISTER, "UTC")


def test_what_is_taken_back_must_have_been_there() -> None:
    (row,) = ordered([posting()])

    require_signs([row, Row("x", row.posting, reverses=row.posting_id)])
    with pytest.raises(BrokenError, match=r"invariant 14: asset/a, use .*takes back gone"):
        require_signs([row, Row("x", row.posting, reverses="gone")])


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"grams": Fraction(-1)}, "emissions below zero; a correction reverses"),
        ({"method": Method.MARKET, "in_ghg": True, "in_tcs": True}, "the TCS total is location"),
        ({"book": Book.AMORTISED, "in_ghg": True}, "book B is never in the GHG inventory"),
        ({"role": Role.MEMO, "in_tcs": False}, "a memo is in no total"),
        ({"role": Role.ALLOCATION, "in_ghg": False}, "a allocation is in no total"),
        ({"place": None}, "in the GHG total, but in no category"),
        ({"leaf": None}, "in the TCS total, but at no leaf"),
        ({"end_unix_seconds": YEAR.interval.start_unix_seconds}, "ends before it begins"),
    ],
)
def test_a_posting_that_cannot_be_is_not_made(said: dict[str, Any], words: str) -> None:
    """Invariants 3, 6 and 14, and what a total may have: not looked at again in a run."""
    with pytest.raises(ValueError, match=words):
        posting(**said)
