"""PURE. The files of one run as text, but for `energy.csv`, which is too long, and the manifest.

What a run said, in as many forms as there are readers: tables for spreadsheets and auditors, JSON
for partners, a page for people. The same run gives the same bytes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import Final

from wattgram.units import GRAMS_PER_KILOGRAM
from wattgram_collector.inventory.periods import ReportPeriod
from wattgram_collector.inventory.report import assets as assets_file
from wattgram_collector.inventory.report import seen as seen_files
from wattgram_collector.inventory.report import tables as files
from wattgram_collector.inventory.report.ledger_file import decimal
from wattgram_collector.inventory.report.partners import Footprints, tcs_document
from wattgram_collector.inventory.result import Inventory, Unknown

FORMATS: Final = ("csv", "json", "html")
TABLES: Final = (
    "inventory.csv", "ledger.csv", "assets.csv", "factors.csv", "assumptions.csv",
    "exclusions.csv", "completeness.csv", "energy.csv", "instruments.csv", "sci.csv",
    "esrs_e1_6.csv",
)  # fmt: skip
DOCUMENTS: Final = ("tcs.json", "pact.json")
PAGES: Final = ("report.html", "report.md")
MANIFEST: Final = "manifest.json"
ALL: Final = frozenset({*TABLES, *DOCUMENTS, *PAGES, MANIFEST})
_SLUG_LENGTH_MAX: Final = 60
_LIKE_A_PERIOD: Final = re.compile(r"[0-9]{4}(-|$)", re.ASCII)
_ENERGY_DIGITS: Final = 3


def tables(inventory: Inventory) -> Iterator[tuple[str, str]]:
    """Yield name and text of each table but `ledger.csv` and `energy.csv`."""
    period = inventory.period
    last = period.after - timedelta(days=1)
    yield (
        "inventory.csv",
        files.inventory(inventory.lines, period.first, last, inventory.org_unit),
    )
    yield "assets.csv", files.table(assets_file.COLUMNS, inventory.assets)
    yield "factors.csv", files.factors(inventory.factors.values())
    yield "assumptions.csv", files.table(files.STATEMENT_COLUMNS, inventory.assumptions)
    yield (
        "exclusions.csv",
        files.table(
            files.STATEMENT_COLUMNS, [*inventory.exclusions, *map(_in_no_total, inventory.unknown)]
        ),
    )
    yield "completeness.csv", seen_files.completeness(inventory.seen)
    yield "instruments.csv", files.table(files.INSTRUMENT_COLUMNS, inventory.instruments)
    yield "sci.csv", files.software(inventory.software)
    yield "esrs_e1_6.csv", files.esrs_e1_6(inventory.esrs)


def _in_no_total(one: Unknown) -> dict[str, str]:
    """Return what is left out because it is unknown, beside what somebody left out."""
    energy = one.kilowatt_hours
    kwh = "" if energy is None else f" ({decimal(round(energy, _ENERGY_DIGITS))} kWh)"
    return {
        "id": one.subject,
        "text": f"unknown: {one.why}{kwh}",
        "effect_kg": "" if one.grams is None else decimal(one.grams / GRAMS_PER_KILOGRAM),
    }


def documents(inventory: Inventory, footprints: Footprints) -> Iterator[tuple[str, str]]:
    """Yield `tcs.json`, and `pact.json` where there is a footprint to state; raises ValueError."""
    yield "tcs.json", files.as_json(tcs_document(inventory))
    if footprints.said:
        yield "pact.json", files.as_json(footprints.said)


def manifest_of(
    inventory: Inventory, tool_version: str, config_sha256: str, ledger_head: str
) -> dict[str, object]:
    """Return what `manifest.json` says beside the checksums."""
    period, closed = inventory.period, inventory.closed
    return {
        "organisation": inventory.settings.organisation,
        "org_unit": inventory.org_unit,
        "period": period.name,
        "period_from": period.first.isoformat(),
        "period_to": (period.after - timedelta(days=1)).isoformat(),
        "timezone": period.timezone,
        "tool_version": tool_version,
        "config_sha256": config_sha256,
        "ledger_rows": len(inventory.rows),
        "ledger_head": ledger_head,
        "journal_entries": inventory.journal_entries,
        "journal_head": inventory.journal_head,
        "closed": None if closed is None else {
            "journal_entry": closed.entry,
            "ledger_head": closed.ledger_head,
            "rows": closed.rows,
            "corrections": closed.corrections,
        },
    }  # fmt: skip


def parse_formats(text: str) -> Collection[str]:
    """Return which forms are asked for, `csv,json` as an example; raises ValueError."""
    found = [one.strip() for one in text.split(",")]
    wrong = [one for one in found if one not in FORMATS]
    if wrong:
        raise ValueError(f"--format of a period is {', '.join(FORMATS)} or some of them, with "
                         f"commas between: not {wrong[0]!r}")  # fmt: skip
    return found


def folder_of(organisation: str, org_unit: str, period: ReportPeriod) -> tuple[str, ...]:
    """Return the names of the folders of a run, below where reports are kept.

    Letters and digits of any script stay; everything else in a name is a hyphen, so that no name
    leads elsewhere, and a unit that is called like a period is not in the folder of one.
    """
    unit = _slug(org_unit)
    if _LIKE_A_PERIOD.match(unit):
        unit = f"unit-{unit}"
    whose = (_slug(organisation), unit) if org_unit else (_slug(organisation),)
    return (*whose, re.sub("[^0-9A-Za-z-]", "_", period.name))


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKC", name).casefold()
    words = "".join(one if one.isalnum() else " " for one in plain).split()
    return "-".join(words)[:_SLUG_LENGTH_MAX].strip("-") or "unnamed"
