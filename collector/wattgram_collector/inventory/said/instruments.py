"""PURE. Certificates, contracts, credits and removals: listed beside the inventory, never netted.

What prices electricity by the market-based method is a section of `market`; an instrument that
backs it names that section. A serial is claimed once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Final

from wattgram_collector.inventory.activities.activity import Column
from wattgram_collector.inventory.activities.cells import choice, day, positive, text
from wattgram_collector.inventory.periods import Interval, ReportPeriod, parse_period
from wattgram_collector.inventory.said.kept import Kept, Shelf, Sort
from wattgram_collector.inventory.said.rows import Said, SaidError, parsed, problem
from wattgram_collector.ledger.journal import JournalEntry, JournalKind
from wattgram_collector.reports.numbers import exact

_YEARS: Final = (1990, 2200)
_DURABILITY_YEARS_MAX: Final = 1_000_000


class InstrumentType(StrEnum):
    CERTIFICATE = "certificate"
    """Of energy: a guarantee of origin, a REC, an I-REC."""
    PPA = "ppa"
    """A contract with a generator."""
    CREDIT = "credit"
    """Of emissions avoided elsewhere: an offset."""
    REMOVAL = "removal"
    """Of carbon dioxide taken out of the air."""

    @property
    def unit(self) -> str:
        return "MWh" if self.is_energy else "kg"

    @property
    def is_energy(self) -> bool:
        return self in (InstrumentType.CERTIFICATE, InstrumentType.PPA)


class UsedIn(StrEnum):
    MARKET_BASED = "market_based"
    NONE = "none"


REMOVAL_KINDS: Final = (
    "afforestation", "soil", "biochar", "bioenergy_capture", "direct_air_capture",
    "mineralisation", "enhanced_weathering", "ocean", "other",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One instrument. Raises ValueError for what cannot be claimed."""

    instrument_id: str
    type: InstrumentType
    quantity: Fraction
    """MWh of energy, kilograms of CO2e of the rest."""
    registry: str = ""
    serial: str = ""
    vintage: int
    """Year of the generation, or of the avoidance or removal."""
    retired_on: date | None = None
    claimed_for: str = ""
    """Period that it is claimed for; empty: the year of `retired_on`, else the vintage."""
    used_in: UsedIn
    market: str = ""
    """Section of the configuration that prices with it."""
    removal_kind: str = ""
    durability_years: int | None = None
    evidence: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if not self.type.is_energy and (self.used_in is not UsedIn.NONE or self.market):
            raise ValueError(f"a {self.type} is used in nothing: it is listed, never netted")
        if bool(self.market) != (self.used_in is UsedIn.MARKET_BASED):
            raise ValueError("used_in market_based and market, the section's name, go together")
        if self.type is not InstrumentType.PPA and not (
            self.registry and self.serial and self.retired_on
        ):
            raise ValueError(f"a {self.type} needs registry, serial and retired_on")
        if self.type is InstrumentType.REMOVAL and not self.removal_kind:
            raise ValueError(f"a removal needs removal_kind: {', '.join(REMOVAL_KINDS)}")
        if self.type is not InstrumentType.REMOVAL and self.removal_kind:
            raise ValueError("removal_kind is of a removal")
        if self.retired_on and self.retired_on.year < self.vintage:
            raise ValueError("retired_on is before the vintage")

    @property
    def claim(self) -> str:
        """The period that it is claimed for, as `parse_period` reads it."""
        return self.claimed_for or str(self.retired_on.year if self.retired_on else self.vintage)


def _year(cell: str) -> int:
    low, high = _YEARS
    if not (cell.isascii() and cell.isdecimal()) or not low <= int(cell[:5]) <= high:
        raise ValueError(f"must be a year, {low} to {high}")
    return int(cell)


def _years(cell: str) -> int:
    digits = cell.isascii() and cell.isdecimal() and len(cell) <= len(str(_DURABILITY_YEARS_MAX))
    if not digits or not 0 < int(cell) <= _DURABILITY_YEARS_MAX:
        raise ValueError(f"must be whole years, 1 to {_DURABILITY_YEARS_MAX}")
    return int(cell)


def _period(cell: str) -> str:
    parse_period(cell, "UTC")
    return cell


COLUMNS: Final = (
    Column("id", "its name, unique; registry/serial where it is empty", text),
    Column("type", "certificate, ppa, credit or removal", choice(*InstrumentType),
           is_required=True),
    Column("quantity", "above 0: MWh of a certificate or ppa, kg of CO2e of a credit or removal",
           positive, is_required=True),
    Column("unit", "MWh or kg, as the type has it", choice("MWh", "kg"), is_required=True),
    Column("registry", "where it is kept; a ppa needs none", text),
    Column("serial", "its number there; claimed once", text),
    Column("vintage", "year of the generation, the avoidance or the removal", _year,
           is_required=True),
    Column("retired_on", "day on which it was retired for the organisation", day),
    Column("claimed_for", "period that it is claimed for, such as 2025; empty: the year of "
           "retired_on", _period),
    Column("used_in", "market_based or none; empty: market_based where market is said",
           choice(*UsedIn)),
    Column("market", "section of market in the configuration that prices with it", text),
    Column("removal_kind", "of a removal: " + ", ".join(REMOVAL_KINDS), choice(*REMOVAL_KINDS)),
    Column("durability_years", "of a credit or removal: how long the carbon stays away", _years),
    Column("evidence", "document or page", text),
    Column("note", "anything else", text),
)  # fmt: skip


def _taken(said: Said) -> Instrument:
    values = parsed(said, COLUMNS)
    kind = InstrumentType(values["type"])
    if values["unit"] != kind.unit:
        reason = f"a {kind} is counted in {kind.unit}"
        raise SaidError([problem(said.where, reason, "unit", values["unit"])])
    registry, serial = values["registry"] or "", values["serial"] or ""
    named = values["id"] or (f"{registry}/{serial}" if registry and serial else "")
    if not named:
        raise SaidError([problem(said.where, "is required without registry and serial", "id")])
    used_in = values["used_in"] or ("market_based" if values["market"] else "none")
    try:
        return Instrument(
            instrument_id=named,
            type=kind,
            quantity=values["quantity"],
            registry=registry,
            serial=serial,
            vintage=values["vintage"],
            retired_on=values["retired_on"],
            used_in=UsedIn(used_in),
            durability_years=values["durability_years"],
            **{name: values[name] or "" for name in _TEXTS},
        )
    except ValueError as error:
        raise SaidError([problem(said.where, str(error))]) from error


_TEXTS: Final = ("claimed_for", "market", "removal_kind", "evidence", "note")


def cells_of(one: Instrument) -> dict[str, str]:
    """Return the texts of an instrument's columns; what is not said is left out."""
    found = {
        "id": one.instrument_id,
        "type": one.type.value,
        "quantity": exact(one.quantity),
        "unit": one.type.unit,
        "registry": one.registry,
        "serial": one.serial,
        "vintage": str(one.vintage),
        "retired_on": one.retired_on.isoformat() if one.retired_on else "",
        "used_in": one.used_in.value,
        "durability_years": str(one.durability_years or ""),
        **{name: getattr(one, name) for name in _TEXTS},
    }
    return {column: cell for column, cell in found.items() if cell}


def _claimed_twice(
    after: Mapping[str, Instrument], said: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield each of `said` whose serial another instrument has: it would be claimed twice."""
    first: dict[tuple[str, str], str] = {}
    for key, one in after.items():
        if not (one.registry and one.serial):
            continue
        serial = (one.registry.casefold(), one.serial.casefold())
        other = first.setdefault(serial, key)
        if other != key:
            mine, holder = (key, other) if key in said else (other, key)
            if mine in said:
                yield mine, f"serial {one.serial!r} of {one.registry} is claimed by {holder!r}"


INSTRUMENTS: Final[Sort[Instrument]] = Sort(
    kind=JournalKind.INSTRUMENT,
    noun="instrument",
    take=_taken,
    cells=cells_of,
    key=lambda one: one.instrument_id,
    conflicts=_claimed_twice,
)


# ── what the inventory takes ─────────────────────────────────────────────────────────────────


def kept_instruments(entries: Iterable[JournalEntry]) -> list[Kept[Instrument]]:
    """Return the instruments that hold; raises ValueError naming an entry that is none."""
    return list(Shelf(INSTRUMENTS, entries).held.values())


def instruments_of_period(
    kept: Iterable[Kept[Instrument]], period: ReportPeriod
) -> list[Kept[Instrument]]:
    """Return those that are claimed for a time of the period, by type and id."""
    found = [one for one in kept if claimed(one.value, period.timezone).overlap(period.interval)]
    return sorted(found, key=lambda one: (one.value.type, one.value.instrument_id))


def claimed(one: Instrument, timezone: str) -> Interval:
    """Return the time that an instrument is claimed for, by days of a time zone."""
    return parse_period(one.claim, timezone).interval


def rows(found: Iterable[Kept[Instrument]]) -> Iterator[dict[str, str]]:
    """Yield the rows of `instruments.csv`."""
    for one in found:
        yield {**cells_of(one.value), "claimed_for": one.value.claim,
               "journal_entry": str(one.number)}  # fmt: skip
