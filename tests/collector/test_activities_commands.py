"""`wattgram-collector activities`: what it prints, keeps and refuses, and its exit codes."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from activity_scenes import FUEL, HEADER
from collector_fakes import configured
from wattgram_collector import __main__ as program
from wattgram_collector.config import CollectorConfig
from wattgram_collector.inventory.activities import commands
from wattgram_collector.inventory.activities.commands import ActivityLedgers, add_to
from wattgram_collector.inventory.activities.kinds import KINDS
from wattgram_collector.ledger import storage

Output = pytest.CaptureFixture[str]


class Desk:
    """A ledger in a file, and the command that works on it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config = configured(directory)
        self._parser = argparse.ArgumentParser()
        common = argparse.ArgumentParser(add_help=False)
        common.add_argument("--config")
        ledgers = ActivityLedgers(storage.journalling, storage.reading)
        add_to(self._parser.add_subparsers(required=True), common, ledgers)
        with closing(storage.journalling(self.config)):
            pass

    def run(self, *words: str) -> int:
        options = self._parser.parse_args(["activities", *words])
        return int(options.command(self.config, options))

    def take(self, content: str, *words: str, name: str = "fuel.csv") -> int:
        file = self.directory / name
        file.write_text(content, encoding="utf-8")
        return self.run("import", str(file), *words)

    @property
    def entries(self) -> int:
        with closing(storage.reading(self.config)) as ledger:
            return len(list(ledger.journal()))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def said(output: Output) -> Any:
    return json.loads(output.readouterr().out)


HALF_BAD = f"{FUEL}c,fuel,soon,,diesel,1,\n"


def test_a_file_is_taken_once(desk: Desk, capsys: Output) -> None:
    assert desk.take(FUEL) == 0
    assert capsys.readouterr().out == (
        "fuel.csv: 2 rows: 2 taken, 0 already there, 0 refused, 0 without a price for a part, "
        "entries 1 to 2\n"
    )
    assert desk.take(FUEL) == 0
    assert "0 taken, 2 already there" in capsys.readouterr().out
    assert desk.entries == 2


def test_a_bad_row_refuses_the_file_and_is_named(desk: Desk, capsys: Output) -> None:
    assert desk.take(HALF_BAD) == 1
    captured = capsys.readouterr()
    assert captured.err == (
        f"{desk.directory / 'fuel.csv'}:4: from 'soon': must be a day or an instant such as "
        "2025-11-03T12:00:00Z\n"
    )
    assert captured.out.splitlines() == [
        ("fuel.csv: 3 rows: 0 taken, 0 already there, 1 refused, 0 without a price for a part"),
        "fuel.csv: refused whole, nothing is booked",
    ]
    assert desk.entries == 0


def test_the_good_rows_and_a_file_of_what_is_wrong(desk: Desk, capsys: Output) -> None:
    errors = desk.directory / "wrong.csv"
    assert desk.take(HALF_BAD, "--keep-good", "--errors", str(errors), "--json") == 1
    found = said(capsys)
    assert (found["rows"], found["taken"], found["refused"]) == (3, 2, 1)
    assert found["problems"] == [
        {"line": 4, "column": "from", "value": "soon",
         "reason": "must be a day or an instant such as 2025-11-03T12:00:00Z"},
    ]  # fmt: skip
    with errors.open(encoding="utf-8", newline="") as opened:
        assert [one["line"] for one in csv.DictReader(opened)] == ["4"]
    assert desk.entries == 2


def test_a_dry_run_writes_nothing(desk: Desk, capsys: Output) -> None:
    assert desk.take(FUEL, "--dry-run") == 0
    assert "2 would be taken" in capsys.readouterr().out
    assert desk.entries == 0


def test_another_content_replaces_only_when_asked(desk: Desk, capsys: Output) -> None:
    desk.take(FUEL)
    other = FUEL.replace("100.5", "99")
    assert desk.take(other) == 1
    assert "says something else (entry 1)" in capsys.readouterr().err
    assert desk.take(other, "--replace") == 0
    assert "1 taken (1 of them replace another), 1 already there" in capsys.readouterr().out
    assert desk.entries == 4


def test_warnings_are_told_apart(desk: Desk, capsys: Output) -> None:
    overlapping = f"{FUEL}c,fuel,2025-01-15,2025-02-15,diesel,1,plant-7\n"
    assert desk.take(overlapping) == 0
    err = capsys.readouterr().err
    assert err.startswith("wattgram-collector: warning: line 4 and line 2 are about the same and")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("import", "{0}/none.csv"), "none.csv: No such file"),
        (("import", "{0}"), "activities end with .csv, .json"),
        (("import", "{0}/fuel.xlsx"), "fuel.xlsx: activities end with .csv, .json"),
        (("import", "{0}/fuel.csv", "--kind", "fule"), "unknown kind 'fule'; is fuel meant?"),
        (("import", "{0}/fuel.csv", "--errors", "{0}/no/x.csv"), "x.csv: No such file"),
        (("show", "nobody"), "no activity 'nobody'"),
        (("withdraw", "--reason", "x"), "give either activities or --file"),
        (("withdraw", "a", "--file", "fuel.csv", "--reason", "x"), "give either"),
        (("withdraw", "a", "--reason", " "), "--reason must say why"),
        (("withdraw", "a", "nobody", "--reason", "x"), "no activity 'nobody' holds"),
        (("withdraw", "--file", "other.csv", "--reason", "x"), "nothing holds of a file 'other"),
        (("kinds", "fule"), "unknown kind 'fule'; is fuel meant?"),
    ],
)
def test_what_cannot_be_asked(
    desk: Desk, capsys: Output, words: tuple[str, ...], problem: str
) -> None:
    desk.take(FUEL)
    capsys.readouterr()
    assert desk.run(*(one.format(desk.directory) for one in words)) == 2
    assert problem in capsys.readouterr().err
    assert desk.entries == 2


def test_either_all_or_the_good_ones(desk: Desk) -> None:
    with pytest.raises(SystemExit, match="2"):
        desk.take(FUEL, "--keep-good", "--all-or-nothing")


def test_the_list_says_where_each_is_from(desk: Desk, capsys: Output) -> None:
    desk.take(FUEL)
    desk.take(FUEL.replace("a,", "x,").replace("b,", "y,"), name="more.csv")
    capsys.readouterr()

    desk.run("list", "--file", "fuel.csv")
    lines = capsys.readouterr().out.splitlines()
    assert [one.split()[0] for one in lines] == ["activity", "a", "b"]
    assert lines[1].split() == ["a", "fuel", "2025-01-01", "2025-01-31", "plant-7", "fuel.csv:2"]

    desk.run("list", "--json", "--kind", "fuel")
    assert [one["activity_id"] for one in said(capsys)] == ["a", "b", "x", "y"]
    desk.run("list", "--json", "--kind", "waste")
    assert said(capsys) == []


def test_an_activity_is_shown_with_what_it_comes_to(desk: Desk, capsys: Output) -> None:
    """100.5 l of diesel x 2.6972 kg/l burnt, and its supply in 3.3a."""
    desk.take(FUEL)
    capsys.readouterr()

    assert desk.run("show", "a", "--json") == 0
    found = said(capsys)

    (history,) = found["history"]
    assert (history["file"], history["line"], history["withdrawn"]) == ("fuel.csv", 2, None)
    burnt, supply = found["postings"]
    assert (burnt["ghg"], burnt["tcs"], burnt["kilograms"]) == ("1", "G.generators", "271.0686")
    assert (burnt["quantity"], burnt["unit"], burnt["factor"]) == (
        "100.5", "l", "fuel/diesel/ttw",
    )  # fmt: skip
    assert supply["ghg"] == "3.3 3a"

    assert desk.run("show", "a") == 0
    text = capsys.readouterr().out
    assert "entry 1 from fuel.csv:2, holds" in text
    assert "1, G.generators: 271.0686 kg" in text
    assert "100.5 l x fuel/diesel/ttw" in text


def test_what_is_withdrawn_is_gone_from_the_list_and_stays_in_the_journal(
    desk: Desk, capsys: Output
) -> None:
    desk.take(FUEL)
    assert desk.run("withdraw", "a", "--reason", "counted twice", "--dry-run") == 0
    assert "1 activity would be withdrawn" in capsys.readouterr().out
    assert desk.entries == 2

    assert desk.run("withdraw", "a", "--reason", "counted twice") == 0
    assert "1 activity withdrawn by entry 3" in capsys.readouterr().out
    desk.run("list", "--json")
    assert [one["activity_id"] for one in said(capsys)] == ["b"]
    desk.run("show", "a")
    text = capsys.readouterr().out
    assert "withdrawn by entry 3: counted twice" in text
    assert " kg" not in text
    assert desk.run("withdraw", "a", "--reason", "again") == 2


def test_a_file_is_withdrawn_whole_and_of_two_of_one_name_the_one_that_is_meant(
    desk: Desk, capsys: Output
) -> None:
    desk.take(FUEL)
    desk.take(FUEL.replace("a,", "x,").replace("b,", "y,"))
    capsys.readouterr()
    assert desk.run("withdraw", "--file", "fuel.csv", "--reason", "x") == 2
    first, second = capsys.readouterr().err.strip().rpartition("--sha256 ")[2].split(" or ")
    assert first < second

    assert desk.run("withdraw", "--file", "fuel.csv", "--sha256", first, "--reason", "x",
                    "--json") == 0  # fmt: skip
    assert len(said(capsys)["withdrawn"]) == 2
    desk.run("list", "--json")
    assert {one["sha256"] for one in said(capsys)} == {second}


def test_an_entry_that_this_version_does_not_understand_is_named(
    desk: Desk, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.take(FUEL)
    fewer = {name: kind for name, kind in KINDS.items() if name != "fuel"}
    monkeypatch.setattr(commands, "KINDS", fewer)
    assert desk.run("show", "a") == 1
    err = capsys.readouterr().err
    assert "journal: entry 1, activity 'a': this version knows no kind 'fuel'" in err


def test_kinds_and_their_columns(desk: Desk, capsys: Output) -> None:
    desk.run("kinds")
    assert len(capsys.readouterr().out.splitlines()) == len(KINDS)
    desk.run("kinds", "fuel")
    text = capsys.readouterr().out
    assert "fuel                         which: diesel, petrol, natural_gas … (required)" in text
    assert "from                         first day, or instant with offset (required)" in text
    desk.run("kinds", "fuel", "--json")
    (found,) = said(capsys)
    assert {"name": "litres", "meaning": "how much of it", "is_required": False} in found[
        "columns"
    ]


def test_the_program_has_the_command(tmp_path: Path, capsys: Output) -> None:
    file = tmp_path / "fuel.jsonl"
    rows = [dict(zip(HEADER.split(","), one.split(","), strict=True))
            for one in FUEL.splitlines()[1:]]  # fmt: skip
    file.write_text("\n".join(map(json.dumps, rows)))
    run: Callable[[list[str]], int] = program.main
    config = tmp_path / "collector.toml"
    config.write_text(f'state_directory = "{tmp_path}"\n')
    assert run(["activities", "import", str(file), "--config", str(config)]) == 0
    assert run(["activities", "list", "--json", "--config", str(config)]) == 0
    assert '"activity_id": "a"' in capsys.readouterr().out
    with closing(storage.reading(CollectorConfig(state_directory=tmp_path))) as ledger:
        assert len(list(ledger.journal())) == 2
