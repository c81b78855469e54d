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


class Columns:
    """Which columns of a series table are posted, and where. Made once per table."""

    __slots__ = ("energy", "host", "network")

    def __init__(self, series: Sequence[Series]) -> None:
        counted = [(index, one.kind) for index, one in enumerate(series) if one.counted]
        self.energy = [i for i, one in enumerate(series) if one.kind is Kind.ENERGY]
        self.host = [index for index, kind in counted if kind is Kind.ENERGY]
        self.network = [index for index, kind in counted if kind is not Kind.ENERGY]


def postings(
    found: SlotQuantities, columns: Columns, zone: str, book: IntensityBook
) -> dict[PostingKey, int]:
    """Return the counted energy and the traffic of one batch, priced where a factor is known."""
    posted: dict[PostingKey, int] = {}
    for slot, row in found.items():
        factor = book.at(zone, slot_start_unix_seconds(slot)) if zone else None
        for account, indices in ((Account.HOST, columns.host), (Account.NETWORK, columns.network)):
            present = [quantity for i in indices if (quantity := row[i]) is not None]
            if present:
                posted[PostingKey(account, slot, factor)] = sum(present)
    return posted


def emissions_grams(
    energy_microjoules: Fraction, intensity_grams_per_kilowatt_hour: Fraction
) -> Fraction:
    """Return g = (J / 3.6e6) x I, exactly."""
    return energy_microjoules * intensity_grams_per_kilowatt_hour / MICROJOULES_PER_KILOWATT_HOUR
