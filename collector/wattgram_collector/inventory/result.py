"""PURE. All that one run of the inventory found: what files, page and metrics are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from wattgram_collector.inventory.factors import Factor
from wattgram_collector.inventory.lines import Line, Sum
from wattgram_collector.inventory.periods import ReportPeriod
from wattgram_collector.inventory.places import TcsLeaf
from wattgram_collector.inventory.postings import Posting
from wattgram_collector.inventory.report.esrs import Row as EsrsRow
from wattgram_collector.inventory.report.ledger_file import Row
from wattgram_collector.inventory.sci import Sci
from wattgram_collector.inventory.settings import InventorySettings
from wattgram_collector.ledger.journal import GENESIS


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


class Closed(NamedTuple):
    """That a period was closed: what a report of it said then stands, and is corrected only."""

    entry: int
    """Its number in the journal."""
    day: date
    """In UTC."""
    ledger_head: str
    """Hash of the last row of ledger.csv that was closed."""
    rows: int
    corrections: int
    """Rows that a later report has beyond them."""


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
    assets: Sequence[Mapping[str, str]] = ()
    """Rows of assets.csv (`assets_file.COLUMNS`): the register as it is at the period's end."""
    instruments: Sequence[Mapping[str, str]] = ()
    """Rows of instruments.csv: listed, never netted."""
    assumptions: Sequence[Mapping[str, str]] = ()
    """Rows of assumptions.csv; of exclusions.csv below."""
    exclusions: Sequence[Mapping[str, str]] = ()
    esrs: Sequence[EsrsRow] = ()
    """Rows of esrs_e1_6.csv."""
    closed: Closed | None = None
    """None: a draft."""
    journal_entries: int = 0
    """How long the journal was, and below its last hash: what the run was made of."""
    journal_head: str = GENESIS

    @property
    def postings(self) -> list[Posting]:
        """What holds: without what was reversed and without the reversals."""
        gone = {row.reverses for row in self.rows if row.reverses}
        return [
            row.posting for row in self.rows if not row.reverses and row.posting_id not in gone
        ]
