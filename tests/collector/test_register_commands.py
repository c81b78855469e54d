"""`wattgram-collector assets`: what it prints, keeps and refuses."""

from __future__ import annotations

import argparse
import csv
import io
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from register_scenes import MemoryLedger, agent
from wattgram_collector.config import CollectorConfig
from wattgram_collector.inventory.register.commands import Ledgers, add_to
from wattgram_collector.ledger import AgentRecord
from wattgram_collector.ledger.journal import verified

Output = pytest.CaptureFixture[str]
FILE = """
[[assets]]
asset_id = "rack-1"
device_class = "server"
role = "server"
site_kind = "onsite"
owner = "org"
controller = "org"
electricity_payer = "org"
hosts = ["web*"]
units = 2
acquired_on = 2025-03-01
embodied_kilograms = 1000
embodied_manufacturing_share = 0.92
embodied_transport_share = 0.05
embodied_end_of_life_share = 0.03
life_years = 4
"""
MOVED = FILE.replace("[[assets]]", "[[assets]]\nvalid_from = 2026-01-01").replace(
    'class = "server"', 'class = "srv"'
)


class Desk:
    """A ledger, and the command that works on it."""

    def __init__(self, directory: Path, *agents: AgentRecord) -> None:
        self.ledger = MemoryLedger(agents)
        self.directory = directory
        self._parser = argparse.ArgumentParser()
        common = argparse.ArgumentParser(add_help=False)
        common.add_argument("--config")
        ledgers = Ledgers(lambda _: self.ledger, lambda _: self.ledger)
        add_to(self._parser.add_subparsers(required=True), common, ledgers)

    def run(self, *words: str) -> int:
        options = self._parser.parse_args(["assets", *words])
        return int(options.command(CollectorConfig(), options))

    def take(self, content: str, *words: str, name: str = "assets.toml") -> int:
        file = self.directory / name
        file.write_text(content)
        return self.run("import", str(file), *words)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, agent("web1"), agent("db1", manufacturer="Dell Inc."))


def said(output: Output) -> Any:
    return json.loads(output.readouterr().out)


def test_a_file_is_taken_once(desk: Desk, capsys: Output) -> None:
    assert desk.take(FILE) == 0
    assert "1 new and 0 changed versions taken, 0 as they were" in capsys.readouterr().out
    assert desk.take(FILE) == 0
    assert "0 new and 0 changed versions taken, 1 as they were" in capsys.readouterr().out
    assert len(desk.ledger.entries) == 1
    assert desk.ledger.is_closed


def test_a_version_that_changed_supersedes_and_both_are_kept(desk: Desk, capsys: Output) -> None:
    desk.take(FILE)
    assert desk.take(FILE.replace("life_years = 4", "life_years = 6")) == 0
    assert "0 new and 1 changed versions taken" in capsys.readouterr().out
    assert len(list(verified(desk.ledger.entries))) == 2

    desk.run("export", "--json")

    (kept,) = said(capsys)
    assert kept["life_years"] == "6"


def test_a_dry_run_writes_nothing(desk: Desk, capsys: Output) -> None:
    assert desk.take(FILE, "--dry-run", "--json") == 0
    assert said(capsys)["new"] == [{"asset_id": "rack-1", "valid_from": None}]
    assert desk.ledger.entries == []


@pytest.mark.parametrize(
    ("content", "name", "problem"),
    [
        (FILE + "colour = 3", "a.toml", "unknown column 'colour'"),
        (FILE.replace("rack-1", "x").replace("hosts", 'parent = "none"\nhosts'), "a.toml",
         "its parent 'none' is no asset"),
        (FILE, "a.json", "a register ends with .toml or .csv"),
        (FILE.replace("= 0.03", "= 0.3"), "a.toml", "must sum to 1, not 1.27"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_is_refused_whole(
    desk: Desk, capsys: Output, content: str, name: str, problem: str
) -> None:
    assert desk.take(FILE + content, name=name) == 1
    assert problem in capsys.readouterr().err
    assert desk.ledger.entries == []


def test_a_file_that_is_not_there(desk: Desk, capsys: Output) -> None:
    assert desk.run("import", str(desk.directory / "none.toml")) == 1
    assert "none.toml: No such file" in capsys.readouterr().err


def test_an_asset_that_no_rule_places_is_told_and_taken(desk: Desk, capsys: Output) -> None:
    assert desk.take(FILE.replace('controller = "org"', 'controller = "lessor"')) == 0
    assert "asset rack-1: no rule says where it belongs" in capsys.readouterr().err


def test_the_list_says_where_each_belongs(desk: Desk, capsys: Output) -> None:
    desk.take(FILE)
    desk.take(MOVED)
    capsys.readouterr()

    desk.run("list", "--at", "2025-12-31")
    before = capsys.readouterr().out.splitlines()
    desk.run("list", "--at", "2026-01-01", "--json")
    (after,) = said(capsys)

    assert before[1].split() == ["rack-1", "server", "server", "2", "onsite", "2,", "O.servers",
                                 "3.2,", "U.server_hardware"]  # fmt: skip
    assert after["device_class"] == "srv"
    assert after["decision"]["rule"] == "4"


def test_one_asset_with_all_that_is_known(desk: Desk, capsys: Output) -> None:
    desk.take(FILE)
    capsys.readouterr()

    assert desk.run("show", "rack-1", "--at", "2027-03-01", "--json") == 0

    making = said(capsys)["making"]
    assert making["total_kilograms"] == "2000"
    assert making["accrued_kilograms"] == "1000"
    assert making["remaining_kilograms"] == "1000"
    assert making["rate_grams_per_second"] == "0.0158549"
    assert making["tier"] == "declared"

    assert desk.run("show", "rack-1") == 0
    assert "    total_kilograms          2000" in capsys.readouterr().out
    assert desk.run("show", "rack-2") == 2
    assert "no asset 'rack-2'" in capsys.readouterr().err


def test_a_check_names_errors_and_warnings(desk: Desk, capsys: Output) -> None:
    desk.take(FILE)
    capsys.readouterr()

    assert desk.run("check") == 0
    assert capsys.readouterr().out == (
        "warning: agent/db1: no asset is this host: where its energy belongs is undecided\n"
    )

    desk.take(FILE.replace("rack-1", "rack-2").replace("web*", "*eb*").replace("web", "eb"))
    desk.take(FILE.replace("rack-1", "rack-3"))
    capsys.readouterr()
    assert desk.run("check", "--json") == 1
    grades = {(one["grade"], one["subject"]) for one in said(capsys)}
    assert ("error", "agent/web1") in grades


def test_a_draft_can_be_taken_as_it_is(desk: Desk, capsys: Output) -> None:
    desk.take(FILE)
    capsys.readouterr()

    desk.run("suggest")
    draft = capsys.readouterr().out

    (one,) = tomllib.loads(draft)["assets"]
    assert (one["asset_id"], one["agent_ids"]) == ("db1", ["id-of-db1"])
    assert draft.startswith("# owner, controller, electricity_payer and site_kind are guesses")
    assert desk.take(draft, name="draft.toml") == 0
    capsys.readouterr()
    desk.run("suggest", "--json")
    assert said(capsys) == []


@pytest.mark.parametrize("form", ["toml", "csv"])
def test_what_is_exported_is_imported_again(desk: Desk, capsys: Output, form: str) -> None:
    desk.take(FILE)
    desk.take(MOVED)
    capsys.readouterr()

    desk.run("export", "--format", form)
    exported = capsys.readouterr().out
    again = Desk(desk.directory)
    again.take(exported, name=f"again.{form}")

    assert [one.text for one in again.ledger.entries] == [one.text for one in desk.ledger.entries]
    if form == "csv":
        assert len(list(csv.DictReader(io.StringIO(exported)))) == 2
