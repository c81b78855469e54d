"""Every kind of activity, by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from wattgram_collector.inventory.activities.activity import FactorTable, Kind
from wattgram_collector.inventory.activities.kinds import (
    electricity,
    leased,
    memo,
    models,
    network,
    people,
    purchases,
    sold,
    waste,
)
from wattgram_collector.inventory.activities.kinds.fuel import FUEL, REFRIGERANT
from wattgram_collector.inventory.activities.kinds.storage import STORAGE
from wattgram_collector.inventory.activities.kinds.transport import TRANSPORT
from wattgram_collector.inventory.tables import shipped_constants, shipped_factors

KINDS: Final[Mapping[str, Kind]] = {
    kind.name: kind
    for kind in (
        FUEL,
        REFRIGERANT,
        *electricity.KINDS,
        TRANSPORT,
        STORAGE,
        *purchases.KINDS,
        *network.KINDS,
        *models.KINDS,
        *waste.KINDS,
        *people.KINDS,
        *leased.KINDS,
        *sold.KINDS,
        *memo.KINDS,
    )
}


def shipped_table() -> FactorTable:
    """Return what the kinds are priced with; raises ValueError naming a row that is wrong."""
    return FactorTable(shipped_factors(), shipped_constants())
