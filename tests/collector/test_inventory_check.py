"""`report --verify`: what an auditor's program finds in the files, the first that differs."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from functools import cache
from typing import Any

import pytest

from activity_rows import EXAMPLES
from inventory_parts import activity, asset, books, inventory, metering, used
from wattgram_collector.inventory.report import ledger_file
from wattgram_collector.inventory.report import tables as files
from wattgram_collector.inventory.report.check import CheckError, check
from wattgram_collector.inventory.report.closing import closing_of, closing_record
from wattgram_collector.inventory.report.files import documents, manifest_of, tables
from wattgram_collector.inventory.report.partners import Footprints
from wattgram_collector.inventory.result import Inventory
from wattgram_collector.ledger.journal import GENESIS, chained

Contents = dict[str, bytes]
Change = Callable[[Contents], None]
SRV = asset(acquired_on=date(2025, 2, 1))


def written(found: Inventory) -> Contents:
    """Return the files of a run, without the pages and energy.csv."""
    text, head = ledger_file.write(found.rows)
    texts = {"ledger.csv": text, **dict(tables(found)),
             **dict(documents(found, Footprints([], [])))}  # fmt: skip
    contents = {name: one.encode() for name, one in texts.items()}
    contents["manifest.json"] = manifest(contents, manifest_of(found, "1", "0f", head)).encode()
    return contents


def manifest(contents: Contents, said: dict[str, Any]) -> str:
    sums = {name: hashlib.sha256(one).hexdigest() for name, one in contents.items()
            if name != "manifest.json"}  # fmt: skip
    return files.manifest(sums, said)


def restate(contents: Contents, **said: object) -> None:
    """Make a manifest say something else, as its author would."""
    before = json.loads(contents["manifest.json"])
    contents["manifest.json"] = files.manifest(before["files"], {**before, **said}).encode()


@cache
def everything() -> Contents:
    kept = [activity(kind, f"a{number}", **row) for number, (kind, row) in enumerate(EXAMPLES)]
    return written(inventory(books(SRV, activities=kept), metering(*used(SRV, 1_000))))


@cache
def corrected() -> Contents:
    first = inventory(books(SRV), metering(*used(SRV, 1_000)))
    record = closing_record(first.period, "", first.rows, first.factors.values())
    closings = [closing_of(one) for one in chained([record], 1)]
    return written(inventory(books(SRV, closings=closings), metering(*used(SRV, 900))))


def test_what_is_sound_is_said_to_be() -> None:
    for contents in (everything(), corrected()):
        found = check(contents)

        assert found.files == len(contents) - 1
        assert found.rows == len(rows_of(contents, "ledger.csv"))
        assert found.lines >= 18
    assert any(row["reverses"] for row in rows_of(corrected(), "ledger.csv"))


def test_a_report_without_tables_is_checked_by_its_sums_alone() -> None:
    contents = {"tcs.json": everything()["tcs.json"]}
    contents["manifest.json"] = manifest(contents, {"ledger_head": "0"}).encode()

    assert check(contents).rows == 0


@pytest.mark.parametrize("name", sorted(everything().keys() - {"manifest.json"}))
def test_any_changed_byte_is_found(name: str) -> None:
    contents = dict(everything())
    contents[name] = contents[name].replace(b"e", b"f", 1)

    with pytest.raises(CheckError, match=rf"{name}|manifest\.json|is missing|is in no"):
        check(contents)


def test_any_changed_byte_of_the_manifest_is_found() -> None:
    contents = dict(corrected())
    content = contents["manifest.json"]

    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1
        contents["manifest.json"] = bytes(changed)
        with pytest.raises(CheckError):
            check(contents)
    for changed in (content[:-1], content + b"\n", content.replace(b"  ", b" ", 1)):
        contents["manifest.json"] = bytes(changed)
        with pytest.raises(CheckError, match=r"manifest\.json: was changed"):
            check(contents)


def test_files_that_are_missing_or_too_many_are_found() -> None:
    contents = everything()
    for gone in ("ledger.csv", "factors.csv", "manifest.json"):
        with pytest.raises(CheckError, match=f"{gone}: is missing"):
            check({name: one for name, one in contents.items() if name != gone})
    with pytest.raises(CheckError, match=r"more\.csv: is in no manifest"):
        check({**contents, "more.csv": b""})


# ── somebody who knows how to write a chain and a manifest ───────────────────────────────────


def rows_of(contents: Contents, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(contents[name].decode(), newline="")))


def table(name: str, where: Callable[[dict[str, str]], bool], **cells: str) -> Change:
    """Return what changes cells of the first row of a table that is meant."""

    def work(contents: Contents) -> None:
        rows = rows_of(contents, name)
        next(row for row in rows if where(row)).update(cells)
        contents[name] = files.table(tuple(rows[0]), rows).encode()

    return work


def ledger(where: Callable[[dict[str, str]], bool], **cells: str) -> Change:
    """Return what changes a row of ledger.csv, and makes the chain anew."""

    def work(contents: Contents) -> None:
        table("ledger.csv", where, **cells)(contents)
        again, head = [], GENESIS
        for row in rows_of(contents, "ledger.csv"):
            rest = [row[name] for name in ledger_file.COLUMNS[3:]]
            digest = ledger_file.row_hash(row["posting_id"], head, rest)
            again.append({**row, "prev_hash": head, "hash": digest})
            head = digest
        contents["ledger.csv"] = files.table(ledger_file.COLUMNS, again).encode()
        restate(contents, ledger_head=head)

    return work


def tcs(change: Callable[[dict[str, Any]], None]) -> Change:
    def work(contents: Contents) -> None:
        said = json.loads(contents["tcs.json"])
        change(said["emissions_reports"][0]["tech_carbon_standard"])
        contents["tcs.json"] = json.dumps(said).encode()

    return work


def made_anew(contents: Contents, change: Change) -> Contents:
    found = dict(contents)
    change(found)
    said = json.loads(found["manifest.json"])
    found["manifest.json"] = manifest(found, said).encode()
    return found


def is_priced(row: dict[str, str]) -> bool:
    return row["role"] == "primary" and row["in_ghg"] == "true" and bool(row["kgco2e"])


def is_scope_1(row: dict[str, str]) -> bool:
    return row["scope"] == "1" and bool(row["kgco2e"])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (ledger(is_priced, kgco2e="9999"), "its quantity times"),
        (ledger(is_priced, factor_id="made-up"), "is not in factors.csv"),
        (ledger(is_priced, in_ghg="false"), "inventory.csv: "),
        (ledger(is_priced, role="memo", in_ghg="false", in_tcs="false"), "inventory.csv: "),
        (ledger(lambda row: row["in_tcs"] == "true" and row["tcs"] == "U.software",
                in_tcs="false"), "tcs.json: upstream_emissions.software"),
        (ledger(is_priced, stage="nap"), "ledger.csv: line"),
        (ledger(is_priced, reverses="gone"), "below zero; a correction reverses"),
        (table("inventory.csv", is_scope_1, kgco2e="1"), "inventory.csv: 1 -  - is 1"),
        (table("inventory.csv", is_scope_1, kgco2e=""), "inventory.csv: 1 -  - is empty"),
        (table("inventory.csv", is_scope_1, subcategory="x"), "inventory.csv: 1 -  - is empty"),
        (table("esrs_e1_6.csv", lambda row: row["line"] == "total_market", value="1"),
         "esrs_e1_6.csv: total_market is 1"),
        (tcs(lambda tree: tree["direct_emissions"]["servers"].update(emissions=1)),
         "tcs.json: direct_emissions.servers is 1"),
        (tcs(lambda tree: tree["direct_emissions"].pop("servers")), "servers is empty"),
        (tcs(lambda tree: tree["direct_emissions"]["servers"].update(emissions=-1)),
         "must not be below 0"),
    ],
)  # fmt: skip
def test_a_forger_who_makes_the_sums_anew_is_found(change: Change, complaint: str) -> None:
    with pytest.raises(CheckError) as caught:
        check(made_anew(everything(), change))

    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        ledger(lambda row: bool(row["reverses"]), reverses="gone"),
        ledger(lambda row: bool(row["reverses"]), kgco2e="-1"),
        ledger(lambda row: bool(row["reverses"]), posting_id="x", note="other"),
    ],
)
def test_what_is_taken_back_is_a_row_that_is_there(change: Change) -> None:
    with pytest.raises(CheckError, match="takes back no row that is there"):
        check(made_anew(corrected(), change))


def test_a_row_is_taken_back_once() -> None:
    """Two reversals of one row are no reversal of another."""
    rows = [row for row in rows_of(corrected(), "ledger.csv") if row["reverses"]]
    change = ledger(lambda row: row["posting_id"] == rows[1]["posting_id"],
                    **{name: rows[0][name] for name in ledger_file.COLUMNS[3:]})  # fmt: skip

    with pytest.raises(CheckError, match="takes back no row"):
        check(made_anew(corrected(), change))


def test_a_manifest_that_is_none() -> None:
    for content in (b"[]", b"{", b'{"files": 1}', b"\xff"):
        with pytest.raises(CheckError, match=r"manifest\.json"):
            check({"manifest.json": content})


def test_another_chain_than_the_manifest_names() -> None:
    contents = dict(everything())
    restate(contents, ledger_rows=1)

    with pytest.raises(CheckError, match="is not the chain that"):
        check(contents)


def test_numbers_of_a_line_are_the_sum_within_their_roundings() -> None:
    """A figure that is off by a microgram is found."""
    rows = rows_of(everything(), "inventory.csv")
    stated = next(row["kgco2e"] for row in rows if is_scope_1(row))
    off = str(float(Fraction(stated) + Fraction(1, 10**6)))

    with pytest.raises(CheckError, match=r"inventory\.csv: 1 "):
        check(made_anew(everything(), table("inventory.csv", is_scope_1, kgco2e=off)))
