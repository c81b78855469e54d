"""What an organisation says of its inventory: with a reason, an owner and a day."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from said_desk import SaidDesk
from wattgram_collector.inventory.lines import Relevance, Status, inventory_lines
from wattgram_collector.inventory.periods import parse_period
from wattgram_collector.inventory.places import CATEGORIES, GhgPlace, TcsLeaf
from wattgram_collector.inventory.report import tables as files
from wattgram_collector.inventory.said.kept import Kept, Sourced, record_of
from wattgram_collector.inventory.said.rows import Said, SaidError
from wattgram_collector.inventory.said.statements import (
    STATEMENTS,
    Remark,
    contradicted,
    kept_statements,
    parse_place,
    place_text,
    stated,
)
from wattgram_collector.ledger.journal import JournalEntry

YEAR = parse_period("2025", "UTC")
BASE = {"scope_ref": "3.10", "owner": "Ada", "date": "2026-01-05"}
IRRELEVANT = {**BASE, "table": "relevance", "relevance": "not_relevant", "text": "nothing sold"}
EXCLUDED = {**BASE, "table": "exclusions", "scope_ref": "3.7", "text": "not surveyed",
            "effect_kg": "12000"}  # fmt: skip
ASSUMED = {**BASE, "table": "assumptions", "scope_ref": "D.customer_devices",
           "text": "half an hour", "effect_kg": "-12.5"}  # fmt: skip
FILE = """
[[relevance]]
scope_ref = "3.10"
relevance = "not_relevant"
text = "nothing is sold that others process"
owner = "Ada"
date = 2026-01-05

[[exclusions]]
scope_ref = "3.7"
text = "commuting was not surveyed"
owner = "Ada"
date = 2026-01-05
effect_kg = 12000

[[assumptions]]
scope_ref = "all"
text = "tables of 2025 hold for 2026"
owner = "Ada"
date = 2026-01-05
effect_kg = -12.5
"""


def remark(row: dict[str, str], **change: str) -> Remark:
    return STATEMENTS.take(Said("s.toml", {**row, **change}))


def kept(*rows: dict[str, str]) -> list[Kept[Remark]]:
    return [Kept(remark(row), at, "x") for at, row in enumerate(rows, start=1)]


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> SaidDesk:
    return SaidDesk(tmp_path, capsys)


@pytest.mark.parametrize(
    ("cell", "place"),
    [
        ("1", GhgPlace(1)),
        ("2", GhgPlace(2)),
        ("3.1", GhgPlace(3, 1)),
        ("3.15", GhgPlace(3, 15)),
        ("3.3b", GhgPlace(3, 3, "3b")),
        ("3.1 cloud", GhgPlace(3, 1, "cloud")),
        ("O.servers", TcsLeaf.O_SERVERS),
        ("all", "all"),
    ],
)
def test_a_place_is_read_and_written(cell: str, place: object) -> None:
    assert parse_place(cell) == place
    assert place_text(parse_place(cell)) == cell


@pytest.mark.parametrize("cell", ["", "0", "3", "4", "3.0", "3.16", "3.4a", "3.3e", "X.y", "3.1 "])
def test_a_place_that_is_none(cell: str) -> None:
    with pytest.raises(ValueError, match=r"must be 1, 2, 3\.1 to|only 3\.3 has"):
        parse_place(cell)


@given(st.text(max_size=12))
def test_whatever_is_a_place_has_one_form(cell: str) -> None:
    try:
        place = parse_place(cell)
    except ValueError:
        return
    assert parse_place(place_text(place)) == place


@pytest.mark.parametrize(
    ("row", "change", "reason"),
    [
        (IRRELEVANT, {"text": ""}, "text is required: why"),
        (EXCLUDED, {"text": ""}, "text is required: why"),
        (EXCLUDED, {"owner": ""}, "is required"),
        (EXCLUDED, {"date": "soon"}, "must be a day"),
        (EXCLUDED, {"scope_ref": "all"}, "all is for assumptions only"),
        (EXCLUDED, {"scope_ref": "5"}, "must be 1, 2, 3.1 to 3.15"),
        (EXCLUDED, {"effect_kg": "--1"}, "must be a plain decimal number"),
        (IRRELEVANT, {"relevance": "no"}, "must be one of relevant, not_relevant"),
        (ASSUMED, {"valid_from": "2025-02-01", "valid_to": "2025-01-01"}, "before valid_from"),
    ],
)
def test_a_statement_without_what_an_auditor_asks_for_is_refused(
    row: dict[str, str], change: dict[str, str], reason: str
) -> None:
    with pytest.raises(SaidError) as caught:
        remark(row, **change)

    assert reason in str(caught.value)


@pytest.mark.parametrize("row", [IRRELEVANT, EXCLUDED, ASSUMED])
def test_what_is_written_down_is_read_back(row: dict[str, str]) -> None:
    one = remark(row, valid_from="2025-01-01", valid_to="2025-12-31")
    record = record_of(STATEMENTS, Sourced(one, "s.toml"), "")
    entry = JournalEntry(3, 0, record.kind, record.subject, record.text, "", "")

    assert kept_statements([entry]) == [Kept(one, 3, "s.toml")]


def test_the_lines_of_the_inventory_say_why() -> None:
    """All 15 categories: excluded and not relevant with their reasons, the rest not evaluated."""
    found = stated(kept(IRRELEVANT, EXCLUDED, ASSUMED), YEAR)
    lines = {line.place.category: line for line in inventory_lines([], found.places)}

    assert lines[7].status is Status.EXCLUDED
    assert lines[7].statement.justification == "not surveyed"
    assert lines[10].status is Status.EXCLUDED
    assert lines[10].statement.relevance is Relevance.NOT_RELEVANT
    assert all(lines[one].status is Status.NOT_EVALUATED for one in CATEGORIES
               if one not in (7, 10))  # fmt: skip
    assert found.leaves == {}


def test_the_files_have_their_rows() -> None:
    found = stated(kept(IRRELEVANT, EXCLUDED, ASSUMED), YEAR)

    assert files.table(files.STATEMENT_COLUMNS, found.assumptions).splitlines()[1:] == [
        "assumptions/D.customer_devices,D.customer_devices,half an hour,Ada,2026-01-05,-12.5"
    ]
    assert files.table(files.STATEMENT_COLUMNS, found.exclusions).splitlines()[1:] == [
        "relevance/3.10,3.10,nothing sold,Ada,2026-01-05,",
        "exclusions/3.7,3.7,not surveyed,Ada,2026-01-05,12000",
    ]


def test_a_statement_of_a_leaf_is_for_the_standard() -> None:
    found = stated(kept({**EXCLUDED, "scope_ref": "U.software"}), YEAR)

    assert found.leaves[TcsLeaf.U_SOFTWARE].is_excluded
    assert found.places == {}


def test_several_reasons_of_one_place_are_all_told() -> None:
    part = {**EXCLUDED, "id": "b", "text": "contractors left out"}
    matters = {**IRRELEVANT, "scope_ref": "3.7", "relevance": "relevant", "text": "it matters"}
    (found,) = stated(kept(part, EXCLUDED, matters), YEAR).places.values()

    assert found.relevance is Relevance.RELEVANT
    assert found.is_excluded
    assert found.justification == "contractors left out; not surveyed; it matters"


def test_what_matters_is_not_left_out() -> None:
    (found,) = stated(kept({**IRRELEVANT, "relevance": "relevant"}), YEAR).places.values()

    assert not found.is_excluded
    assert found.relevance is Relevance.RELEVANT
    assert stated(kept({**IRRELEVANT, "relevance": "relevant"}), YEAR).exclusions == []


@pytest.mark.parametrize(
    ("said", "holds"),
    [
        ({}, True),
        ({"valid_from": "2025-12-31"}, True),
        ({"valid_from": "2026-01-01"}, False),
        ({"valid_to": "2025-01-01"}, True),
        ({"valid_to": "2024-12-31"}, False),
    ],
)
def test_a_statement_holds_in_its_time(said: dict[str, str], holds: bool) -> None:  # noqa: FBT001
    assert bool(stated(kept({**EXCLUDED, **said}), YEAR).places) is holds


def test_what_is_said_not_to_matter_and_is_there_is_told() -> None:
    said = stated(kept(IRRELEVANT, EXCLUDED), YEAR).places

    assert list(contradicted(said, [GhgPlace(3, 10, "x"), GhgPlace(3, 7)])) == [
        "3.10 is said not to be relevant, and has postings"
    ]
    assert list(contradicted(said, [GhgPlace(3, 7), GhgPlace(2)])) == []


# ── the commands ─────────────────────────────────────────────────────────────────────────────


def test_a_file_is_taken_once(desk: SaidDesk) -> None:
    assert desk.run("statements", "import", desk.file("s.toml", FILE)) == 0
    assert desk.run("statements", "import", desk.file("s.toml", FILE)) == 0
    assert "0 new and 0 replaced taken, 3 as they were" in desk.out
    assert desk.run("statements", "import", desk.file("s.toml", FILE.replace("12000", "9"))) == 1
    assert "statement 'exclusions/3.7' is kept otherwise" in desk.err
    assert len(desk.entries) == 3

    assert desk.run("statements", "list", "--period", "2025") == 0
    assert "3.7  exclusion: commuting was not surveyed  (Ada, 2026-01-05)" in desk.out
    assert [one["scope_ref"] for one in desk.json("statements", "list")] == ["3.10", "3.7", "all"]
    assert desk.run("statements", "withdraw", "exclusions/3.7", "--reason", "measured") == 0
    assert len(desk.json("statements", "list")) == 2


def test_two_relevances_of_one_place_at_one_time_are_refused(desk: SaidDesk) -> None:
    desk.run("statements", "import", desk.file("s.toml", FILE))
    other = FILE[: FILE.index("[[excl")].replace("not_relevant", "relevant")
    named = other.replace("[[relevance]]", '[[relevance]]\nid = "mine"')

    assert desk.run("statements", "import", desk.file("t.toml", named)) == 1
    assert "'relevance/3.10' says the relevance of 3.10" in desk.err
    later = named.replace("date =", "valid_from = 2027-01-01\ndate =")
    assert desk.run("statements", "import", desk.file("t.toml", later)) == 1
    assert desk.run("statements", "import", desk.file("t.toml", other), "--replace") == 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[[exclusion]]\n", "exclusion: is unknown; did you mean 'exclusions'?"),
        ("exclusions = 3\n", "must be [[exclusions]] tables"),
        ("[[exclusions]]\nownr = 'x'\n", "did you mean 'owner'?"),
        ("[[exclusions]]\ntext = ['x']\n", "must be text, a number, true, false or a date"),
        ("[[exclusions]]\ntext = 'x'\n", "[[exclusions]] number 1: "),
        ("[[exclusions\n", "s.toml: "),
        (b"# \xff\n", "s.toml:1: is not UTF-8"),
    ],
)
def test_a_file_that_is_wrong_is_told(desk: SaidDesk, content: str | bytes, reason: str) -> None:
    assert desk.run("statements", "import", desk.file("s.toml", content), "--json") == 1
    assert reason in desk.err.replace(" '':", ":")
    assert json.loads(desk.out)["is_taken"] is False
    assert desk.entries == []
