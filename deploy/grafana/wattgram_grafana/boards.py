"""Every dashboard. Its file is named after its uid, which is what people link to."""

from __future__ import annotations

from typing import Final

from wattgram_grafana import (
    budget,
    fleet,
    grid,
    health,
    host,
    inventory,
    network,
    quality,
    workloads,
)

BOARDS: Final = (
    fleet.BOARD,
    host.BOARD,
    workloads.BOARD,
    grid.BOARD,
    quality.BOARD,
    budget.BOARD,
    network.BOARD,
    inventory.BOARD,
    health.BOARD,
)
