"""docs/inventory-report.md lists every metric of the inventory, as the code has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry

from inventory_scene import inventory
from wattgram_collector.exposition.own_inventory import InventoryMetrics
from wattgram_collector.inventory.to_date import ToDate, to_date

PAGE = Path(__file__).parents[2] / "docs/inventory-report.md"
MADE = "<!-- made by `make docs` from here on -->\n"


class Known:
    """An inventory that was worked out."""

    to_date: ToDate | None = to_date(inventory(), {("hall", "server"): 0.01})
    reckoned_unix_seconds: float | None = 1.0
    reckoning_seconds: float | None = 1.0
    is_failing = False
    is_on = True


def test_every_metric_of_the_inventory_is_listed(golden: Callable[[Path, str], None]) -> None:
    written, found, _ = PAGE.read_text(encoding="utf-8").partition(MADE)
    assert found
    registry = CollectorRegistry()
    registry.register(InventoryMetrics(Known()))
    lines = []
    for family in registry.collect():
        assert family.samples, family.name
        labels = ", ".join(family.samples[0].labels)
        lines.append(f"| `{family.name}` | {labels} | {family.documentation} |")
    golden(PAGE, written + MADE + "\n".join([*lines, ""]))
