"""PURE. All that one run of the inventory found: what files, page and metrics are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from wattgram_collector.inventory.factors import Factor
from wattgram_collector.inventory.ledger_file import Row
from wattgram_collector.inventory.lines import Line, Sum
from wattgram_collector.inventory.periods import ReportPeriod
from wattgram_collector.inventory.places import TcsLeaf
from wattgram_collector.inventory.postings import Posting
from wattgram_collector.inventory.sci import Sci
from wattgram_collector.inventory.settings import InventorySettings


class Unknown(NamedTuple):
    """What is in no total because nobody said enough of it, or because no factor is known."""

    subject: str
    """`asset/ID`, `agent/HOST`, `activity/ID`."""
    why: str
    kilowatt_hours: Fraction | None = None
    grams: Fraction | None = None
    """Of memo postings: what it would come to, as far as that is known."""


class Seen(NamedTuple):
    """How much of a month an agent saw: a row of completeness.csv."""

    agent_id: str
    host: str
    month: str
    """As in 2025-11."""
    expected_seconds: int
    observed_seconds: int
    filled_seconds: int
    first_seen_unix_seconds: int | None
    last_seen_unix_seconds: int | None
    clock_skew_max_seconds: Fraction | None


class SiteHour(NamedTuple):
    """What a site used in one hour: a row of energy.csv. None is not known."""

    site: str
    hour_unix_seconds: int
    zone: str
    it_kilowatt_hours: Fraction
    facility_kilowatt_hours: Fraction
    location_grams: Fraction | None
    market_grams: Fraction | None
    carbon_free_ratio: Fraction | None = None


class Fleet(NamedTuple):
    """An extrapolation from n agents that report to N that are installed, of one stratum."""

    device_class: str
    country: str
    reporting: int
    installed: int
    kilowatt_hours: Fraction
    half_width_kilowatt_hours: Fraction | None
    """Of the 95 % interval, with the correction for a finite population; None where n < 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """One run, of the whole organisation or of one unit of it."""

    settings: InventorySettings
    period: ReportPeriod
    org_unit: str
    """Empty: the whole organisation."""
    rows: Sequence[Row]
    """Of ledger.csv, in its order; of a closed period with reversals."""
    lines: Sequence[Line]
    leaves: Mapping[TcsLeaf, Sum]
    factors: Mapping[str, Factor]
    """Each that priced a posting, by its id."""
    unknown: Sequence[Unknown]
    software: Sequence[Sci]
    seen: Sequence[Seen]
    fleets: Sequence[Fleet]
    warnings: Sequence[str]
    """Figures outside the band of what is known of their kind: told, never changed."""

    @property
    def postings(self) -> list[Posting]:
        """What holds: without what was reversed and without the reversals."""
        gone = {row.reverses for row in self.rows if row.reverses}
        return [
            row.posting for row in self.rows if not row.reverses and row.posting_id not in gone
        ]
