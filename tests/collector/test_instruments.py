"""Certificates, contracts, credits and removals: claimed once, listed, never netted."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from said_desk import SaidDesk
from wattgram_collector.inventory.periods import Interval, parse_period
from wattgram_collector.inventory.report import tables as files
from wattgram_collector.inventory.said.instruments import (
    COLUMNS,
    INSTRUMENTS,
    Instrument,
    InstrumentType,
    UsedIn,
    instruments_of_period,
    kept_instruments,
    rows,
)
from wattgram_collector.inventory.said.instruments_market import Contract, unlinked
from wattgram_collector.inventory.said.kept import Kept, Sourced, record_of
from wattgram_collector.inventory.said.rows import Said, SaidError
from wattgram_collector.ledger.journal import JournalEntry

CERTIFICATE = {"type": "certificate", "quantity": "100.5", "unit": "MWh", "registry": "AIB",
               "serial": "4711", "vintage": "2025", "retired_on": "2026-01-10",
               "claimed_for": "2025", "market": "windpark"}  # fmt: skip
REMOVAL = {"type": "removal", "quantity": "1", "unit": "kg", "registry": "Puro", "serial": "C-1",
           "vintage": "2025", "retired_on": "2025-11-01", "removal_kind": "biochar",
           "durability_years": "200"}  # fmt: skip
PPA = {"type": "ppa", "quantity": "5000", "unit": "MWh", "vintage": "2025", "id": "ppa-12",
       "market": "windpark"}  # fmt: skip
CREDIT = {"type": "credit", "quantity": "5000", "unit": "kg", "registry": "Verra", "serial": "V-1",
          "vintage": "2024", "retired_on": "2025-11-01"}  # fmt: skip


def instrument(row: dict[str, str], **change: str) -> Instrument:
    return INSTRUMENTS.take(Said("i.csv:2", {**row, **change}))


def table(*found: dict[str, str]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, [one.name for one in COLUMNS])
    writer.writeheader()
    writer.writerows(found)
    return out.getvalue()


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> SaidDesk:
    return SaidDesk(tmp_path, capsys)


@pytest.mark.parametrize(
    ("row", "change", "reason"),
    [
        (CERTIFICATE, {"quantity": "0"}, "must be above 0"),
        (CERTIFICATE, {"quantity": "-1"}, "must be a plain decimal number"),
        (CERTIFICATE, {"unit": "kg"}, "a certificate is counted in MWh"),
        (CREDIT, {"unit": "MWh"}, "a credit is counted in kg"),
        (CERTIFICATE, {"retired_on": ""}, "a certificate needs registry, serial and retired_on"),
        (CERTIFICATE, {"retired_on": "2024-12-31"}, "retired_on is before the vintage"),
        (CERTIFICATE, {"registry": ""}, "is required without registry and serial"),
        (CERTIFICATE, {"vintage": "25"}, "must be a year"),
        (CERTIFICATE, {"vintage": "٢٠٢٥"}, "must be a year"),
        (CERTIFICATE, {"claimed_for": "last year"}, "is no period"),
        (CERTIFICATE, {"used_in": "none"}, "go together"),
        (CERTIFICATE, {"market": "", "used_in": "market_based"}, "go together"),
        (CREDIT, {"market": "windpark"}, "is used in nothing: it is listed, never netted"),
        (REMOVAL, {"used_in": "market_based"}, "is used in nothing"),
        (REMOVAL, {"removal_kind": ""}, "a removal needs removal_kind: afforestation"),
        (CREDIT, {"removal_kind": "biochar"}, "removal_kind is of a removal"),
        (REMOVAL, {"durability_years": "0"}, "must be whole years"),
        (REMOVAL, {"type": "offset"}, "must be one of certificate, ppa, credit, removal"),
    ],
)
def test_what_cannot_be_claimed_is_refused(
    row: dict[str, str], change: dict[str, str], reason: str
) -> None:
    with pytest.raises(SaidError) as caught:
        instrument(row, **change)

    assert reason in str(caught.value)
    assert str(caught.value).startswith("i.csv:2: ")


@pytest.mark.parametrize("row", [CERTIFICATE, PPA, CREDIT, REMOVAL])
def test_what_is_written_down_is_read_back(row: dict[str, str]) -> None:
    one = instrument(row)
    record = record_of(INSTRUMENTS, Sourced(one, "i.csv:2"), "ff")
    entry = JournalEntry(3, 0, record.kind, record.subject, record.text, "", "")

    assert kept_instruments([entry]) == [Kept(one, 3, "i.csv:2")]


@given(st.sampled_from(InstrumentType), st.sampled_from(UsedIn), st.sampled_from(["", "windpark"]))
def test_no_credit_and_no_removal_is_ever_used(
    kind: InstrumentType, used_in: UsedIn, market: str
) -> None:
    row = REMOVAL if kind is InstrumentType.REMOVAL else CERTIFICATE | {"type": kind}
    try:
        one = instrument(row, type=kind, unit=kind.unit, used_in=used_in, market=market)
    except SaidError:
        return

    assert (one.used_in is UsedIn.MARKET_BASED) == bool(one.market)
    if not one.type.is_energy:
        assert one.used_in is UsedIn.NONE


def test_an_instrument_is_of_the_period_that_it_is_claimed_for() -> None:
    kept = [Kept(instrument(row), at, "x")
            for at, row in enumerate((REMOVAL, CERTIFICATE, PPA, CREDIT), start=1)]  # fmt: skip
    year, later = parse_period("2025", "UTC"), parse_period("2026", "UTC")

    found = instruments_of_period(kept, year)
    assert [one.value.type.value for one in found] == ["certificate", "credit", "ppa", "removal"]
    assert instruments_of_period(kept, later) == []
    retired_later = [Kept(instrument(CERTIFICATE, claimed_for=""), 1, "x")]
    assert instruments_of_period(retired_later, year) == []
    assert instruments_of_period(retired_later, later) == retired_later


def test_the_rows_are_those_of_the_file() -> None:
    kept = [Kept(instrument(REMOVAL), 7, "x"), Kept(instrument(CERTIFICATE), 8, "x")]
    first, second = csv.DictReader(
        io.StringIO(files.table(files.INSTRUMENT_COLUMNS, rows(kept)), newline="")
    )

    assert first["claimed_for"] == "2025"
    assert (first["used_in"], first["durability_years"]) == ("none", "200")
    assert (second["used_in"], second["market"]) == ("market_based", "windpark")
    assert second["journal_entry"] == "8"


def test_contracts_and_instruments_are_linked_by_name() -> None:
    year = parse_period("2025", "UTC").interval
    start, end = year
    wind = Contract("windpark", year)
    other = Contract("sun", Interval(start, end))
    old = Contract("old", Interval(0, start))

    assert list(unlinked([instrument(CERTIFICATE)], [wind, old], year)) == []
    (bare,) = unlinked([instrument(CERTIFICATE)], [wind, other], year)
    assert "market.sun prices electricity, and no instrument that backs it is listed" in bare
    (unknown,) = unlinked([instrument(CERTIFICATE)], [], year)
    assert "names market.windpark, which is none" in unknown
    (lapsed,) = unlinked(
        [instrument(CERTIFICATE)], [wind._replace(valid=Interval(0, start))], year
    )
    assert "market.windpark is not valid in 2025" in lapsed


# ── the commands ─────────────────────────────────────────────────────────────────────────────


def test_a_serial_is_claimed_once(desk: SaidDesk) -> None:
    again = {**CERTIFICATE, "id": "mine", "registry": "aib"}

    assert desk.run("instruments", "import", desk.file("a.csv", table(CERTIFICATE, again))) == 1
    assert "serial '4711' of aib is claimed by 'AIB/4711'" in desk.err
    assert desk.run("instruments", "import", desk.file("a.csv", table(CERTIFICATE))) == 0
    assert desk.run("instruments", "import", desk.file("a.csv", table(CERTIFICATE))) == 0
    assert desk.run("instruments", "import", desk.file("b.csv", table(again)), "--replace") == 1
    assert "b.csv:2: serial '4711' of aib is claimed by 'AIB/4711'" in desk.err
    other = table({**CERTIFICATE, "quantity": "7"})
    assert desk.run("instruments", "import", desk.file("c.csv", other)) == 1
    assert desk.run("instruments", "import", desk.file("c.csv", other), "--replace") == 0
    assert len(desk.entries) == 2

    desk.run("instruments", "withdraw", "AIB/4711", "--reason", "sold")
    assert desk.run("instruments", "import", desk.file("b.csv", table(again))) == 0


def test_a_market_that_is_no_contract_is_refused(desk: SaidDesk) -> None:
    for market in ("none", "rest"):
        content = table({**CERTIFICATE, "market": market})
        assert desk.run("instruments", "import", desk.file("a.csv", content)) == 1
        assert f"a.csv:2: market '{market}': is no contract" in desk.err
        assert "there are: windpark" in desk.err
    assert desk.entries == []


def test_the_list_says_what_does_not_fit(desk: SaidDesk) -> None:
    desk.run("instruments", "import", desk.file("a.csv", table(CREDIT, REMOVAL)))

    assert desk.run("instruments", "list", "--period", "2025") == 0
    assert "used in nothing: listed, not netted" in desk.out
    assert "market.windpark prices electricity, and no instrument" in desk.err
    said = desk.json("instruments", "list", "--period", "2026")
    assert said == {"instruments": [], "remarks": []}
    desk.run("instruments", "import", desk.file("a.csv", table(PPA)))
    assert desk.json("instruments", "list")["remarks"] == []
