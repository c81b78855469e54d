"""Every kind of activity, by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from wattgram_collector.inventory.activities.activity import Kind
from wattgram_collector.inventory.activities.kinds.fuel import FUEL

KINDS: Final[Mapping[str, Kind]] = {kind.name: kind for kind in (FUEL,)}
