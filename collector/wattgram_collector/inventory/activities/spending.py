"""PURE. Money to emissions: the spend-based method.

kg = amount x USD per currency x deflator to 2022 x kg per USD of 2022. Prices of a year are not
those of another: the deflator is the user's, and so is the rate. Source: Scope 3 Technical
Guidance, spend-based method; US EPA supply chain factors v1.3.0 (purchaser prices, USD of 2022).
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from wattgram_collector.inventory.activities.activity import (
    Activity,
    Column,
    FactorTable,
)
from wattgram_collector.inventory.activities.cells import choice, positive
from wattgram_collector.inventory.activities.pricing import (
    NOT_BURNT,
    as_bought,
    is_currency,
    needed,
    own_factor,
    refuse,
    said,
    shipped,
    unit_of,
    wrong,
    year_of,
)
from wattgram_collector.inventory.factors import Factor, FactorBoundary

PRICES_OF: Final = 2022
_NAICS: Final = re.compile("[0-9]{6}", re.ASCII)
_YEAR: Final = re.compile("(19|20)[0-9]{2}", re.ASCII)
BOUGHT_REFUSES: Final = (*NOT_BURNT[1:2], FactorBoundary.CRADLE_TO_GRAVE)


def currency(cell: str) -> str:
    if not is_currency(cell):
        raise ValueError("must be three capitals such as USD or EUR")
    return cell


def naics(cell: str) -> str:
    if not _NAICS.fullmatch(cell):
        raise ValueError("must be the six digits of a commodity (NAICS 2017) such as 484121")
    return cell


def year(cell: str) -> int:
    if not _YEAR.fullmatch(cell):
        raise ValueError("must be a year such as 2025")
    return int(cell)


SPEND_COLUMNS: Final = (
    Column("amount", "money spent, in `currency`", positive),
    Column("currency", "of the amount; empty: USD", currency, default="USD"),
    Column("price_year", "whose prices the amount is in; empty: the year of the row", year),
    Column("usd_per_currency", "USD for one of the currency, in that year", positive),
    Column("deflator_to_2022", "prices of 2022 over prices of that year", positive),
    Column("naics", "commodity, six digits of NAICS 2017", naics),
    Column("margins", "with (purchases; the default) or without", choice("with", "without"),
           default="with"),
)  # fmt: skip
SPEND_NAMES: Final = tuple(one.name for one in SPEND_COLUMNS if one.default is None)


def spend_units(activity: Activity) -> tuple[str, str]:
    """Return what an own factor of spend may be per: the currency of the row, or USD of 2022."""
    return "USD2022", str(activity.values["currency"])


def spent(
    activity: Activity, factors: FactorTable, commodity: str = ""
) -> tuple[Factor, Fraction]:
    """Return the factor of the money and the money in its unit; raises RowError.

    `commodity` holds where the row names none. An own factor per currency takes the amount as it
    is; everything else takes USD of 2022.
    """
    (amount,) = needed(activity, "amount", why="for spend")
    code = str(activity.values["currency"])
    own = own_factor(activity, code, BOUGHT_REFUSES)
    if own is not None:
        refuse(activity, "usd_per_currency", "deflator_to_2022", "naics",
               why=f"is not read: the factor is per {unit_of(own)}")  # fmt: skip
        return as_bought(own), amount
    quantity = amount * _rate(activity, code) * _deflator(activity)
    own = own_factor(activity, "USD2022", BOUGHT_REFUSES)
    if own is not None:
        return as_bought(own), quantity
    if not activity.values.get("naics") and not commodity:
        said(activity, "naics", "for spend, or a factor of your own")
    chosen = str(activity.values.get("naics") or commodity)
    factor_id = f"spend/{chosen}/{activity.values['margins']}_margins"
    return shipped(factors, factor_id, "naics", chosen), quantity


def _rate(activity: Activity, code: str) -> Fraction:
    rate = activity.number("usd_per_currency")
    if code == "USD":
        if rate is not None and rate != 1:
            raise wrong("usd_per_currency", str(rate), "is 1 for USD: leave it out")
        return Fraction(1)
    if rate is None:
        raise wrong("usd_per_currency", "", f"is required: the amount is in {code}")
    return rate


def _deflator(activity: Activity) -> Fraction:
    of_year = activity.values["price_year"] or year_of(activity)
    deflator = activity.number("deflator_to_2022")
    if of_year == PRICES_OF:
        if deflator is not None and deflator != 1:
            raise wrong("deflator_to_2022", str(deflator), "is 1 for prices of 2022: leave it out")
        return Fraction(1)
    if deflator is None:
        reason = (
            f"is required: the factors are in prices of 2022, the amount in those of {of_year}"
            " (say price_year if that is wrong)"
        )
        raise wrong("deflator_to_2022", "", reason)
    return deflator
