"""The table that is shipped: every country's yearly average, and the world's.

`data/zones.csv` is built by `collector/scripts/build_zones.py`; `docs/data.md` says from what.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from importlib import resources

from wattgram_collector.intensity import Boundary, Intensity, Losses, Scope, Signal, Tier

WORLD = "WORLD"

# A yearly average holds until a newer table says otherwise; it is the tier that says how old
# it is, not an end date.
_FOR_EVER = (0, 1 << 40)


class AnnualTable:
    """Yearly averages by zone; zones are ISO 3166-1 alpha-2 codes, alpha-3 is understood."""

    def __init__(self, intensities: Iterable[Intensity], aliases: Mapping[str, str]) -> None:
        self._intensities = {intensity.zone: intensity for intensity in intensities}
        self._aliases = aliases

    def at(self, zone: str, unix_seconds: int) -> Intensity | None:  # noqa: ARG002 -- the seam's
        key = zone.upper()
        return self._intensities.get(self._aliases.get(key, key))

    @property
    def zones(self) -> Iterable[str]:
        return self._intensities


def load() -> AnnualTable:
    """Return the shipped table; raises ValueError naming the row that is wrong."""
    text = (resources.files(__package__) / "data" / "zones.csv").read_text(encoding="utf-8")
    return parse(text)


def parse(text: str) -> AnnualTable:
    """PURE. Read the text of zones.csv; raises ValueError naming the row that is wrong."""
    intensities = []
    aliases = {}
    for number, row in enumerate(csv.DictReader(text.splitlines()), start=2):
        try:
            if None in row or None in row.values():
                raise ValueError("not as many cells as the header has")
            intensities.append(_intensity(row))
            if row["iso3"]:
                aliases[row["iso3"]] = row["zone_id"]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"zones.csv line {number}: {error}") from error
    return AnnualTable(intensities, aliases)


def _intensity(row: Mapping[str, str]) -> Intensity:
    valid_from, valid_until = _FOR_EVER
    own = row["basis"] == "own"
    return Intensity(
        zone=row["zone_id"],
        grams_per_kilowatt_hour=row["grams_per_kilowatt_hour"],
        tier=Tier.WORLD if "world" in (row["level"], row["basis"]) else Tier.ANNUAL,
        provider=row["source"],
        version=f"{row['dataset_version']} {row['year']}" + ("" if own else f" {row['basis']}"),
        valid_from_unix_seconds=valid_from,
        valid_until_unix_seconds=valid_until,
        signal=Signal(row["signal"]),
        scope=Scope(row["scope"]),
        boundary=Boundary(row["boundary"]),
        losses=Losses(row["losses"]),
    )
