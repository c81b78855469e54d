"""PURE. What an auditor's program looks at in the files of a run, without the ledger.

Every file is what the manifest says, and so is that itself; the rows of ledger.csv are a chain;
their sums are the lines of inventory.csv, the leaves of tcs.json and the rows of esrs_e1_6.csv;
each factor that priced a row is in factors.csv; each row is its quantity times its factor.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final, NamedTuple

from wattgram.units import KILOGRAMS_PER_TONNE
from wattgram_collector.inventory.postings import Book, Role
from wattgram_collector.inventory.report import ledger_file
from wattgram_collector.inventory.report.cells import plain
from wattgram_collector.inventory.report.corrections import rows_of, standing
from wattgram_collector.inventory.report.files import MANIFEST
from wattgram_collector.inventory.report.ledger_file import DIGITS, Row
from wattgram_collector.inventory.report.tables import as_json, manifest_sha256
from wattgram_collector.inventory.report.tcs import KILOGRAM_DIGITS, problems

_HALF: Final = Fraction(1, 2)
_ROW_KILOGRAMS: Final = _HALF / 10**DIGITS
"""What a row may be off by: it is rounded."""
_LEAF_KILOGRAMS: Final = _HALF / 10**KILOGRAM_DIGITS
_FACTOR_RATIO: Final = Fraction(1, 10**6)
Key = tuple[str, str, str, str]
"""Scope, category, subcategory, method."""


class Found(NamedTuple):
    """What was looked at."""

    files: int
    rows: int
    lines: int
    ledger_head: str


class CheckError(ValueError):
    """The first thing that is not as it must be."""


def check(contents: Mapping[str, bytes]) -> Found:
    """Look at the files of a folder, by name; raises CheckError naming the first that differs."""
    said = _manifest(contents)
    _checksums(contents, said)
    texts = {name: _text(name, content) for name, content in contents.items()}
    if "ledger.csv" not in texts:
        return Found(len(said["files"]), 0, 0, str(said.get("ledger_head")))
    try:
        count, head = ledger_file.verified(texts["ledger.csv"])
        rows = rows_of(texts["ledger.csv"])
    except (ValueError, csv.Error) as error:
        raise CheckError(str(error)) from error
    if (count, head) != (said.get("ledger_rows"), said.get("ledger_head")):
        raise CheckError("ledger.csv: is not the chain that manifest.json names")
    _reversals(rows)
    _factors(rows, _table(texts, "factors.csv"))
    lines = _table(texts, "inventory.csv")
    _lines(rows, lines)
    _esrs(lines, _table(texts, "esrs_e1_6.csv"))
    if "tcs.json" in texts:
        _leaves(rows, _json(texts["tcs.json"], "tcs.json"))
    return Found(len(said["files"]), count, len(lines), head)


def _manifest(contents: Mapping[str, bytes]) -> dict[str, Any]:
    if MANIFEST not in contents:
        raise CheckError(f"{MANIFEST}: is missing")
    said = _json(_text(MANIFEST, contents[MANIFEST]), MANIFEST)
    if not isinstance(said, dict) or not isinstance(said.get("files"), dict):
        raise CheckError(f"{MANIFEST}: names no files")
    is_as_made = contents[MANIFEST] == as_json(said).encode()
    if not is_as_made or said.get("sha256") != manifest_sha256(said):
        raise CheckError(f"{MANIFEST}: was changed: it is not what its own sha256 is of")
    return said


def _checksums(contents: Mapping[str, bytes], said: Mapping[str, Any]) -> None:
    for name, stated in sorted(said["files"].items()):
        if name not in contents:
            raise CheckError(f"{name}: is missing")
        if hashlib.sha256(contents[name]).hexdigest() != stated:
            raise CheckError(f"{name}: is not the file that {MANIFEST} has the SHA-256 of")
    beyond = sorted(contents.keys() - said["files"].keys() - {MANIFEST})
    if beyond:
        raise CheckError(f"{beyond[0]}: is in no {MANIFEST}")


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise CheckError(f"{name}: is not UTF-8") from error


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckError(f"{name}: is no JSON: {error}") from error


def _table(texts: Mapping[str, str], name: str) -> list[dict[str, str]]:
    if name not in texts:
        raise CheckError(f"{name}: is missing")
    return list(csv.DictReader(io.StringIO(texts[name], newline="")))


def _reversals(rows: list[Row]) -> None:
    """Each takes back one row that is there, once, and says the same."""
    known = {row.posting_id: row for row in rows}
    if len(known) != len(rows):
        raise CheckError("ledger.csv: two rows have one posting_id")
    gone: set[str] = set()
    for row in rows:
        if not row.reverses:
            continue
        other = known.get(row.reverses)
        if other is None or other.reverses or row.reverses in gone or other.posting != row.posting:
            raise CheckError(f"ledger.csv: {row.posting_id} takes back no row that is there")
        gone.add(row.reverses)


def _factors(rows: list[Row], factors: list[dict[str, str]]) -> None:
    """Each row is its quantity times its share times its factor, which is in factors.csv."""
    known = {plain(row["factor_id"]) for row in factors}
    for row in rows:
        one = row.posting
        if one.grams is None:
            continue
        if one.factor not in known:
            raise CheckError(f"ledger.csv: {row.posting_id} is priced by {one.factor!r}, which is"
                             " not in factors.csv")  # fmt: skip
        if one.quantity is None or one.factor_value is None:
            continue
        product = one.quantity * one.alpha * one.factor_value * KILOGRAMS_PER_TONNE
        slack = max(abs(product), one.grams) * _FACTOR_RATIO + _slack_grams(row)
        if abs(product - one.grams) > slack:
            raise CheckError(
                f"ledger.csv: {row.posting_id} is {float(one.grams):g} g, and its quantity times"
                f" alpha times factor_value are {float(product):g} g"
            )


def _slack_grams(row: Row) -> Fraction:
    """What the roundings of quantity, alpha, factor and kilograms may come to."""
    one = row.posting
    quantity, alpha, value = (one.quantity or Fraction(0), one.alpha, one.factor_value or _HALF)
    parts = quantity * alpha + alpha * value + quantity * value + 1
    return parts * _ROW_KILOGRAMS * KILOGRAMS_PER_TONNE * 2


def _lines(rows: list[Row], lines: list[dict[str, str]]) -> None:
    """The sum of what counts, by scope, category, subcategory and method, is what a line says."""
    sums: dict[Key, Fraction] = defaultdict(Fraction)
    counts: dict[Key, int] = defaultdict(int)
    for row in standing(rows):
        one = row.posting
        is_counted = one.in_ghg and one.role is Role.PRIMARY and one.book is Book.INVENTORY
        if not is_counted or one.place is None or one.grams is None:
            continue
        place = one.place
        key = (str(place.scope), str(place.category or "-"), place.subcategory, str(one.method))
        sums[key] += one.grams / KILOGRAMS_PER_TONNE
        counts[key] += 1
    stated = {
        (row["scope"], row["category"], row["subcategory"], row["method"]): row["kgco2e"]
        for row in lines
    }
    for key in sorted({*sums, *stated}):
        slack = (counts.get(key, 0) + 1) * _ROW_KILOGRAMS
        _same("inventory.csv", " ".join(key), stated.get(key, ""), sums.get(key), slack)


def _same(file: str, name: str, stated: str, found: Fraction | None, slack: Fraction) -> None:
    is_known = stated != ""
    if is_known != (found is not None) or (
        is_known and found is not None and abs(Fraction(stated) - found) > slack
    ):
        shown = "nothing" if found is None else f"{float(found):.9g} kg"
        raise CheckError(
            f"{file}: {name} is {stated or 'empty'}, the rows of ledger.csv are {shown}"
        )


def _esrs(lines: list[dict[str, str]], rows: list[dict[str, str]]) -> None:
    """The totals of the table are the sums of the inventory's lines."""
    for method in ("location", "market"):
        known = [Fraction(row["kgco2e"]) for row in lines
                 if row["kgco2e"] and row["method"] in ("-", method)]  # fmt: skip
        total = sum(known, Fraction(0)) / KILOGRAMS_PER_TONNE if known else None
        stated = next((row["value"] for row in rows if row["line"] == f"total_{method}"), "")
        slack = (len(known) + 2) * _ROW_KILOGRAMS
        is_as_said = stated == "" if total is None else (
            stated != "" and abs(Fraction(stated) - total) <= slack)  # fmt: skip
        if not is_as_said:
            shown = "nothing" if total is None else f"{float(total):.9g} t"
            raise CheckError(f"esrs_e1_6.csv: total_{method} is {stated or 'empty'}, the lines of"
                             f" inventory.csv are {shown}")  # fmt: skip


def _leaves(rows: list[Row], said: Any) -> None:
    """The sum of what is in the TCS total, by leaf, is what tcs.json says."""
    wrong = problems(said)
    if wrong:
        raise CheckError(f"tcs.json{wrong[0]}")
    sums: dict[str, Fraction] = defaultdict(Fraction)
    counts: dict[str, int] = defaultdict(int)
    for row in standing(rows):
        one = row.posting
        if one.in_tcs and one.leaf is not None and one.grams is not None:
            sums[one.leaf.value] += one.grams / KILOGRAMS_PER_TONNE
            counts[one.leaf.value] += 1
    standard = said["emissions_reports"][0]["tech_carbon_standard"]
    stated = {
        f"{branch}.{leaf}": value["emissions"]
        for branch, leaves in standard.items() if isinstance(leaves, dict)
        for leaf, value in leaves.items()
    }  # fmt: skip
    for leaf in sorted({*sums, *stated}):
        slack = counts.get(leaf, 0) * _ROW_KILOGRAMS + 2 * _LEAF_KILOGRAMS
        text = str(stated[leaf]) if leaf in stated else ""
        _same("tcs.json", leaf, text, sums.get(leaf), slack)
