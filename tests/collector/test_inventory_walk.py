"""An auditor's walk: from any figure of a report to what it was made of, and to who said it.

The files alone lead from a figure to its rows and their factors; the commands lead on to the
journal's entry and the line of a file, or to the slots of an agent and the batches that came.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from activity_rows import EXAMPLES
from inventory_office import START, Office, Row, document, read
from inventory_parts import asset, gateway
from pricing_desk import bare_environment
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.inventory.register.assets import SiteKind

ENTRY = re.compile(r"journal entry (\d+), (\S+) line (\d+)")
COMMAND = re.compile(r"wattgram-collector (explain --host \S+ --from \S+ --to \S+)")
MARKET = "market"


class Walk:
    """A report, and the commands on what it is of."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.folder = office.report("--format", "csv,json")
        self.rows = read(self.folder, "ledger.csv")
        self.factors = {row["factor_id"]: row for row in read(self.folder, "factors.csv")}

    def of_line(self, line: Row) -> list[Row]:
        """Return the rows that a line of inventory.csv is the sum of."""
        category = "" if line["category"] == "-" else line["category"]
        return [
            row for row in self.rows
            if (row["scope"], row["category"], row["subcategory"], row["method"])
            == (line["scope"], category, line["subcategory"], line["method"])
            and (row["in_ghg"], row["role"], row["book"]) == ("true", "primary", "A")
        ]  # fmt: skip

    def of_leaf(self, code: str) -> list[Row]:
        return [row for row in self.rows if row["tcs"] == code and row["in_tcs"] == "true"]

    def follow(self, row: Row) -> str:
        """Follow a row to its factor, and to who said it or measured it; return which of them."""
        self.priced(row)
        if row["activity_id"]:
            return self.said(row)
        if "slots" in row["evidence"]:
            return self.measured(row)
        return self.registered(row)

    def priced(self, row: Row) -> None:
        """The kilograms are quantity x alpha x factor, of a factor with a version and a source."""
        factor = self.factors[row["factor_id"]]
        assert factor["source"]
        assert factor["source_version"]
        quantity, alpha, value = (
            Fraction(row[name]) for name in ("quantity", "alpha", "factor_value")
        )
        product = quantity * alpha * value
        assert abs(product - Fraction(row["kgco2e"])) <= max(product, Fraction(1)) / 10**6

    def said(self, row: Row) -> str:
        """To the entry of the journal, and to the line of the file, which is still the same."""
        found = ENTRY.search(row["evidence"])
        assert found
        shown = json.loads(self.office.run("activities", "show", row["activity_id"], "--json"))
        (entry,) = [one for one in shown["history"] if str(one["entry"]) == found[1]]
        file = self.office.directory / found[2]
        assert (entry["file"], str(entry["line"])) == (found[2], found[3])
        assert hashlib.sha256(file.read_bytes()).hexdigest() == entry["sha256"]
        assert row["activity_id"] in file.read_text(encoding="utf-8").splitlines()[
            int(found[3]) - 1
        ]  # fmt: skip
        return "activity"

    def measured(self, row: Row) -> str:
        """To the energy and the factor of the agent's slots, and to the batches that came."""
        found = COMMAND.search(row["evidence"])
        assert found
        words = found[1].split()
        explained: Any = json.loads(self.office.run(*words, "--json"))
        used = sum(
            (Fraction(one["quantity"]) for time in explained["times"] for one in time["postings"]
             if one["account"] == (Account.MARKET if row["method"] == MARKET else Account.HOST)),
            Fraction(0),
        )  # fmt: skip
        assert used / 3_600_000_000_000 * Fraction(row["pue"]) == Fraction(row["quantity"])
        batches = [one for time in explained["times"] for one in time["batches"]]
        assert batches
        assert all(one["first_sequence"] > 0 for one in batches)
        return "agent"

    def registered(self, row: Row) -> str:
        """To the version of the asset and its entry in the journal."""
        shown = json.loads(self.office.run("assets", "show", row["asset_id"], "--json"))
        assert all(one["entry"] > 0 for one in shown["versions"])
        return "asset"


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """A ledger and its report, made once: the tests leave them as they are."""
    with pytest.MonkeyPatch.context() as patch:
        bare_environment(patch)
        office = Office(tmp_path_factory.mktemp("walk"))
        office.hosts(web=[(START, "1"), (START + 600, "2")], box=[(START, "2")], vm=[(START, "3")])
        office.assets(
            asset("srv", hosts=("web",), service="mail", acquired_on=date(2025, 2, 1)),
            gateway(hosts=("box",)),
            asset("vm", hosts=("vm",), site_kind=SiteKind.CLOUD),
        )
        office.activities(*({"kind": kind, "activity_id": f"a{number}", **row}
                            for number, (kind, row) in enumerate(EXAMPLES)))  # fmt: skip
        yield Walk(office)


def test_the_files_alone_are_sound(walk: Walk) -> None:
    assert "sound" in walk.office.run("report", "--verify", str(walk.folder))


def test_every_figure_leads_to_who_said_it(walk: Walk) -> None:
    """Every line of inventory.csv, leaf of tcs.json and row of esrs_e1_6.csv."""
    reached: set[str] = set()
    tonnes: dict[str, Fraction] = {}
    for line in read(walk.folder, "inventory.csv"):
        rows = walk.of_line(line)
        assert bool(rows) == bool(line["kgco2e"]), line
        found = sum((Fraction(row["kgco2e"] or 0) for row in rows), Fraction(0))
        assert abs(found - Fraction(line["kgco2e"] or 0)) <= Fraction(len(rows) + 1, 10**9)
        tonnes[line["method"]] = tonnes.get(line["method"], Fraction(0)) + found / 1_000
        # One row of each source of a line is followed to its end; all are priced.
        last = {row["activity_id"] or row["asset_id"]: row for row in rows if row["kgco2e"]}
        for row in last.values():
            walk.priced(row)
        if last:
            reached.add(walk.follow([*last.values()][-1]))
    assert reached == {"activity", "agent", "asset"}

    standard = document(walk.folder, "tcs.json")["emissions_reports"][0]["tech_carbon_standard"]
    for branch, leaves in standard.items():
        for name, leaf in leaves.items() if isinstance(leaves, dict) else ():
            code = f"{branch[0].upper().replace('I', 'C')}.{name}"
            code = {"D.generators": "G.generators"}.get(code, code)
            code = code.replace("D.", "O.") if branch.startswith("direct") else code
            rows = walk.of_leaf(code)
            kilograms = sum((Fraction(row["kgco2e"] or 0) for row in rows), Fraction(0))
            assert rows, code
            assert abs(kilograms - Fraction(str(leaf["emissions"]))) < Fraction(1, 10**5)

    table = {row["line"]: row["value"] for row in read(walk.folder, "esrs_e1_6.csv")}
    for method in ("location", "market"):
        total = tonnes["-"] + tonnes[method]
        assert abs(total - Fraction(table[f"total_{method}"])) < Fraction(1, 10**6)


def test_a_flipped_bit_of_what_it_leads_to_is_found(walk: Walk) -> None:
    """A figure of the journal or of an agent that is changed in the file is named by verify."""
    assert "sound" in walk.office.run("ledger", "verify")
    file = walk.office.directory / "ledger.sqlite"
    for change in (
        "UPDATE journal SET text = replace(text, '\"100\"', '\"101\"') WHERE kind = 'activity'",
        "UPDATE postings SET quantity = quantity + 1024",
    ):
        before = file.read_bytes()
        with closing(sqlite3.connect(file)) as ledger, ledger:
            assert ledger.execute(change).rowcount
        said = walk.office.faulty("ledger", "verify")
        assert "faults" in said
        assert "journal" in said or "control" in said
        file.write_bytes(before)
