"""The worked organisation, from nothing to its report: once more from nothing it is the same.

Two runs begin from nothing at the same time, and one is done again where it was done. The program
itself compares the report with /metrics, with `explain` and with what the simulator used, and ends
with 1 where they differ.
"""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from wattgram_collector.inventory.places import CATEGORIES, TcsLeaf
from wattgram_collector.inventory.report.tcs import problems
from worked_example import PROGRAM, organisation

pytestmark = [pytest.mark.servers, pytest.mark.timeout(1500)]

SCHEMAS = Path(__file__).parents[3] / "shared" / "data" / "tcs" / "schemas"
KILOGRAMS = Fraction(1, 1_000_000)
"""To the milligram: rows are rounded to the microgram, and there are some thousand."""


class Runs(NamedTuple):
    """Where two runs from nothing are, and what the first one printed."""

    one: Path
    other: Path
    said: str


def run(*directories: Path) -> list[str]:
    """Run the example in each directory, all at once; return what each printed."""
    started = [
        subprocess.Popen(
            [sys.executable, str(PROGRAM), "--directory", str(one)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for one in directories
    ]  # fmt: skip
    said = [one.communicate()[0] for one in started]
    assert [one.returncode for one in started] == [0] * len(started), "\n".join(said)
    return said


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    directory = tmp_path_factory.mktemp("example")
    said, _ = run(directory / "one", directory / "other")
    return Runs(directory / "one", directory / "other", said)


def folder(directory: Path) -> Path:
    (found,) = directory.glob(f"report/*/{organisation.PERIOD}")
    return found


def contents(directory: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in folder(directory).iterdir()}


def rows(directory: Path, name: str) -> list[dict[str, str]]:
    with (folder(directory) / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def kilograms(found: Mapping[str, str]) -> Fraction:
    return Fraction(found["kgco2e"] or 0)


def test_what_was_used_is_what_metrics_ledger_and_explain_say(runs: Runs) -> None:
    for said in (
        "/metrics: 372 hosts have what they used, to the microjoule",
        "ledger.csv = /metrics, host by host: ",
        "ledger.csv = explain, as the evidence of leeds-srv-01, ",
        "report --verify and ledger verify find nothing that was changed",
    ):
        assert said in runs.said


def test_done_again_it_is_the_same_to_the_byte(runs: Runs) -> None:
    before = contents(runs.one)
    run(runs.one)
    assert contents(runs.one) == before


def test_from_nothing_only_the_head_of_the_journal_is_another(runs: Runs) -> None:
    """The journal says when it was told, which is another time; who reports that, says so."""
    heads = [json.loads(contents(one)["manifest.json"])["journal_head"]
             for one in (runs.one, runs.other)]  # fmt: skip
    mine, others = contents(runs.one), contents(runs.other)
    bound = {"manifest.json", "report.html", "report.md"}

    assert heads[0] != heads[1]
    assert mine.keys() == others.keys()
    assert {name for name in mine if mine[name] != others[name]} == bound
    for name in bound - {"manifest.json"}:
        assert mine[name].replace(*(head.encode() for head in heads)) == others[name]


def test_lines_are_the_sums_of_the_rows(runs: Runs) -> None:
    sums: dict[tuple[str, ...], Fraction] = defaultdict(Fraction)
    for row in rows(runs.one, "ledger.csv"):
        if row["in_ghg"] == "true":
            place = (row["scope"], row["category"] or "-", row["subcategory"], row["method"])
            sums[place] += kilograms(row)
    lines = rows(runs.one, "inventory.csv")
    said = {(one["scope"], one["category"], one["subcategory"], one["method"]): kilograms(one)
            for one in lines if one["kgco2e"]}  # fmt: skip

    assert said.keys() == sums.keys()
    assert all(abs(said[place] - sums[place]) <= KILOGRAMS for place in said)


def test_every_category_is_there_with_what_it_is(runs: Runs) -> None:
    lines = rows(runs.one, "inventory.csv")
    status = {int(one["category"]): one for one in lines if one["scope"] == "3"}

    assert set(status) == set(CATEGORIES)
    assert {category for category, one in status.items() if one["status"] != "calculated"} == {
        8, 10
    }  # fmt: skip
    assert status[8]["status"] == "not_evaluated"
    assert (status[10]["status"], status[10]["justification"][:26]) == (
        "excluded", "no intermediate product is"
    )  # fmt: skip


def test_the_standards_document_is_valid_and_has_every_leaf(runs: Runs) -> None:
    said = json.loads(contents(runs.one)["tcs.json"])
    standard = said["emissions_reports"][0]["tech_carbon_standard"]
    leaves = {
        f"{group}.{name}": leaf["emissions"]
        for group, found in standard.items()
        if isinstance(found, dict)
        for name, leaf in found.items()
    }
    sums: dict[str, Fraction] = defaultdict(Fraction)
    for row in rows(runs.one, "ledger.csv"):
        if row["in_tcs"] == "true":
            sums[TcsLeaf.of_code(row["tcs"]).value] += kilograms(row)

    assert problems(said) == []
    assert leaves.keys() == set(TcsLeaf)
    assert all(abs(Fraction(kg) - sums[leaf]) <= KILOGRAMS for leaf, kg in leaves.items())


@pytest.mark.skipif(not SCHEMAS.is_dir(), reason="the official schemas are not here")
def test_the_official_schemas_take_it(runs: Runs) -> None:
    found = [json.loads(file.read_text()) for file in SCHEMAS.rglob("*.json")]
    registry: Registry[Any] = Registry().with_resources(
        (one["$id"], Resource.from_contents(one)) for one in found if "$id" in one
    )
    root = json.loads((SCHEMAS / "index.json").read_text())
    validator = Draft202012Validator(
        root, registry=registry, format_checker=FormatChecker(["date"])
    )
    validator.validate(json.loads(contents(runs.one)["tcs.json"]))


def test_the_gateway_moves_from_d_to_o_with_its_later_joules_only(runs: Runs) -> None:
    use = [
        (row["interval_start"][:10], row["interval_end"][:10], row["tcs"], row["scope"])
        for row in rows(runs.one, "ledger.csv")
        if row["asset_id"] == "gateway-moving" and row["stage"] == "use" and row["tcs"]
    ]
    assert use == [
        ("2025-11-01", "2025-11-16", "D.downstream_infrastructure", "3"),
        ("2025-11-16", "2025-12-01", "O.networking", "2"),
    ]


def test_the_host_of_no_asset_is_in_no_total(runs: Runs) -> None:
    (row,) = [one for one in rows(runs.one, "ledger.csv") if one["agent"] == "lab-bench-01"]
    assert (row["role"], row["in_ghg"], row["in_tcs"]) == ("memo", "false", "false")
    assert "agent/lab-bench-01: no asset says what it is" in runs.said


def test_what_was_not_seen_is_said(runs: Runs) -> None:
    seen = {one["host"]: one for one in rows(runs.one, "completeness.csv")}
    assert seen["leeds-srv-03"]["coverage"] == "0.9"
    assert seen["leeds-srv-04"]["coverage"] == "1"


def test_offsets_and_removals_are_listed_and_in_no_row(runs: Runs) -> None:
    listed = rows(runs.one, "instruments.csv")
    assert [one["type"] for one in listed] == ["certificate", "credit", "removal"]
    assert all(kilograms(row) >= 0 for row in rows(runs.one, "ledger.csv"))


def test_the_documented_output_is_what_it_says(runs: Runs) -> None:
    page = (Path(__file__).parents[2] / "docs" / "worked-example.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    missing = [line for line in block.splitlines() if line not in runs.said]
    moved = [
        f"| {row['interval_start'][:10]} | {row['interval_end'][:10]} "
        f"| {float(row['quantity']):.3f} |"
        for row in rows(runs.one, "ledger.csv")
        if row["asset_id"] == "gateway-moving" and row["stage"] == "use" and row["tcs"]
    ]

    assert missing == []
    assert [line for line in moved if line not in page] == []
