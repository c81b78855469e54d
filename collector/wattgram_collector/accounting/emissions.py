"""PURE. Quantities per slot to postings: each joule once, with the factor of its own time.

A posting is a quantity and the factor that prices it; grams are their product and are never
stored, so that no rounding is either. What no factor covers is posted without one: energy is
priced plus unpriced.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from wattgram.readings import Kind, Series
from wattgram.units import MICROJOULES_PER_KILOWATT_HOUR
from wattgram_collector.accounting.slots import SlotQuantities, slot_start_unix_seconds
from wattgram_collector.intensity import Intensity, IntensityBook


class Account(StrEnum):
    """What a posting is about, and so its unit."""

    HOST = "host_microjoules"
    NETWORK = "network_bytes"


class PostingKey(NamedTuple):
    """Where a quantity is posted. `factor` is None for what cannot be priced."""

    account: Account
    slot: int
    factor: Intensity | None


def postings(
    found: SlotQuantities, series: Sequence[Series], zone: str, book: IntensityBook
) -> dict[PostingKey, int]:
    """Return the counted energy and the traffic of one batch, priced where a factor is known."""
    posted: dict[PostingKey, int] = {}
    factors: dict[int, Intensity | None] = {}
    for (index, slot), quantity in found.items():
        column = series[index]
        if not column.counted:
            continue
        if slot not in factors:
            factors[slot] = book.at(zone, slot_start_unix_seconds(slot)) if zone else None
        account = Account.HOST if column.kind is Kind.ENERGY else Account.NETWORK
        key = PostingKey(account, slot, factors[slot])
        posted[key] = posted.get(key, 0) + quantity
    return posted


def emissions_grams(
    energy_microjoules: Fraction, intensity_grams_per_kilowatt_hour: Fraction
) -> Fraction:
    """Return g = (J / 3.6e6) x I, exactly."""
    return energy_microjoules * intensity_grams_per_kilowatt_hour / MICROJOULES_PER_KILOWATT_HOUR
