"""Activities into the journal and out of it: each once, all of a file or what was asked for."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as generate
from hypothesis import strategies as st

from activity_rows import EXAMPLES, TABLE, YEAR
from activity_scenes import FUEL, HEADER, RULES, held, names, take, told
from journal_fake import MemoryJournal
from wattgram_collector.inventory.activities.activity import FactorTable, taken
from wattgram_collector.inventory.activities.checking import Checker, Good, Refused
from wattgram_collector.inventory.activities.kept import (
    JOURNAL_KINDS,
    KeptError,
    activity_of,
    history_of,
    kept_activities,
    withdrawal_of,
)
from wattgram_collector.inventory.activities.kinds import KINDS
from wattgram_collector.inventory.activities.outcome import problems_csv
from wattgram_collector.inventory.activities.reading import Form
from wattgram_collector.inventory.activities.source_rows import SourceRow
from wattgram_collector.ledger import JournalMovedError
from wattgram_collector.ledger.journal import (
    JournalEntry,
    JournalKind,
    JournalRecord,
    canonical,
    verified,
)
from wattgram_collector.ledger.sqlite_journal import SqliteJournal

ONE_ROW = f"{HEADER}\n{{}}\n"


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


def refused(content: str, kind: str = "") -> list[str]:
    """Return what is wrong with a file, of which then nothing was taken."""
    journal = MemoryJournal()
    found = take(journal, content, kind=kind)
    assert not list(journal.journal())
    return told(found)


# ── what is wrong with a row ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("a,fule,2025-01-01,,diesel,1,", "2: kind 'fule': unknown kind; is fuel meant?"),
        ("a,,2025-01-01,,diesel,1,", "2: kind: say which, in a column `kind` or for all rows"),
        ("a,fuel,31/12/2025,,diesel,1,", "2: from '31/12/2025': must be a day such as 2025-11-03"),
        ("a,fuel,,,diesel,1,", "2: from: is required"),
        ("a,fuel,2025-02-01,2025-01-01,diesel,1,", "2: to '2025-01-01': ends before it begins"),
        ('a,fuel,2025-01-01,,diesel,"1.000,5",',
         ("2: litres '1.000,5': must be a plain decimal number such as 1234.5 "
          "(with a decimal point, and nothing between thousands)")),
        ("a,fuel,2025-01-01,,diesel,-1,",
         ("2: litres '-1': must be a plain decimal number such as 1234.5 "
          "(what corrects an earlier row withdraws it)")),
        ("a,fuel,2025-01-01,,diesel,0,", "2: litres '0': must be above 0"),
        ("a,fuel,2025-01-01,,diesel,1e3,",
         "2: litres '1e3': must be a plain decimal number such as 1234.5"),
        ("a,refrigerant,2025-01-01,,,1,",
         "2: litres '1': a row of kind refrigerant has no such column"),
        (f"{'x' * 129},fuel,2025-01-01,,diesel,1,",
         f"2: activity_id '{'x' * 129}': must be at most 128 characters"),
        (f"a,fuel,2025-01-01,,diesel,1,{'x' * 1001}",
         f"2: site '{'x' * 200}': must be at most 1000 printable characters"),
    ],
)  # fmt: skip
def test_a_bad_cell_is_told_with_line_column_value_and_what_is_allowed(
    row: str, problem: str
) -> None:
    assert problem in refused(ONE_ROW.format(row))


def test_a_column_that_no_kind_has_is_told_with_the_nearest_one(journal: MemoryJournal) -> None:
    row = {"kind": "fuel", "from": "2025-01-01", "fuel": "diesel", "litre": 1}
    found = take(journal, json.dumps(row), form=Form.JSON)
    assert "1: litre '1': a row of kind fuel has no such column; is litres meant?" in told(found)


def test_everything_that_is_wrong_with_a_row_is_told() -> None:
    assert [one.split(":")[1] for one in refused(ONE_ROW.format("a,fuel,soon,late,,x,"))] == [
        " from 'soon'", " to 'late'", " fuel", " litres 'x'",
    ]  # fmt: skip


def test_what_its_formula_refuses_is_refused_at_the_import() -> None:
    (problem,) = refused(ONE_ROW.format("a,fuel,2025-01-01,,unobtainium,1,"))
    assert problem.startswith("2: fuel 'unobtainium': no shipped factor")


def test_a_name_that_is_there_twice_is_told_even_where_the_first_is_wrong() -> None:
    rows = "a,fuel,soon,,diesel,1,\na,fuel,2025-01-01,,diesel,1,"
    assert refused(ONE_ROW.format(rows))[1] == (
        "3: activity_id 'a': is there twice: the first is on line 2"
    )


def test_the_kind_may_be_said_for_all_rows_or_by_each() -> None:
    content = "kind,from,fuel,litres,km,employees,days,mode,km_per_day\n"
    content += ",2025-01-01,diesel,1,,,,,\ncommute,2025-01-01,,,,5,200,car,20\n"
    journal = MemoryJournal()
    assert take(journal, content, kind="fuel").taken == 2
    assert [one.kind for one in held(journal)] == ["fuel", "commute"]


@pytest.mark.parametrize(("kind", "row"), EXAMPLES)
def test_a_good_row_of_every_kind_is_taken_and_read_again_as_it_was(
    kind: str, row: dict[str, str]
) -> None:
    journal = MemoryJournal()
    cells = {"kind": kind, **YEAR, **row}
    found = take(journal, json.dumps([cells]), form=Form.JSON, name="rows.json")
    assert (found.taken, told(found)) == (1, [])

    (kept,) = kept_activities(journal.journal(), "UTC")

    assert kept.activity == taken(cells, KINDS[kind], kept.activity.activity_id, "UTC")
    assert (kept.source.file, kept.line, kept.number) == ("rows.json", 1, 1)
    assert kept.source.sha256 == found.sha256


# ── all, the good ones, or none ──────────────────────────────────────────────────────────────

HALF_BAD = f"{FUEL}c,fuel,soon,,diesel,1,\n"


def test_one_bad_row_refuses_the_file(journal: MemoryJournal) -> None:
    found = take(journal, HALF_BAD)
    assert (found.rows, found.taken, found.refused, found.is_whole) == (3, 0, 1, False)
    assert not list(journal.journal())


def test_the_good_rows_are_taken_where_that_is_asked_for(journal: MemoryJournal) -> None:
    found = take(journal, HALF_BAD, keep_good=True)
    assert (found.rows, found.taken, found.refused, found.is_whole) == (3, 2, 1, False)
    assert (found.first_entry, found.last_entry) == (1, 2)
    assert names(journal) == ["a", "b"]


def test_nothing_is_taken_of_a_file_that_cannot_be_read_even_then(journal: MemoryJournal) -> None:
    """Which rows the open quote swallows is open."""
    found = take(journal, f'{FUEL}c,fuel,2025-01-01,,diesel,1,"x\n', keep_good=True)
    assert told(found) == ["4: a quote is opened here and not closed"]
    assert not found.is_readable
    assert not list(journal.journal())


def test_a_dry_run_says_the_same_and_takes_nothing(journal: MemoryJournal) -> None:
    found = take(journal, FUEL, is_dry=True)
    assert (found.taken, found.first_entry) == (2, None)
    assert not list(journal.journal())


# ── once ─────────────────────────────────────────────────────────────────────────────────────


def test_the_same_file_twice_is_booked_once(journal: MemoryJournal) -> None:
    take(journal, FUEL)
    found = take(journal, FUEL, name="copy.csv")
    assert (found.taken, found.already_there, found.is_whole) == (0, 2, True)
    assert len(list(journal.journal())) == 2


UNNAMED = "kind,from,fuel,litres\nfuel,2025-01-01,diesel,1\nfuel,2025-01-01,diesel,1\n"


def test_rows_without_a_name_are_told_apart_and_are_the_same_again(
    journal: MemoryJournal,
) -> None:
    """Two equal rows are two; the same file once more, in any spelling, has the same two."""
    assert take(journal, UNNAMED).taken == 2
    first, second = names(journal)
    assert first != second

    again = take(journal, UNNAMED.replace(",", " ; "))
    as_json = [
        {"litres": 1, "kind": "fuel", "fuel": " diesel", "from": "2025-01-01", "site": None}
    ]
    third = take(journal, json.dumps(as_json * 3), form=Form.JSON)

    assert (again.taken, again.already_there) == (0, 2)
    assert (third.taken, third.already_there) == (1, 2)


def test_a_row_that_says_the_name_that_was_made_for_it_is_the_same(
    journal: MemoryJournal,
) -> None:
    take(journal, UNNAMED)
    first, second = names(journal)
    header, *rows = UNNAMED.splitlines()
    lines = [f"activity_id,{header}", f"{first},{rows[0]}", f"{second},{rows[1]}", ""]
    assert take(journal, "\n".join(lines)).already_there == 2


OTHER = FUEL.replace("100.5", "99")


def test_another_content_under_the_same_name_is_refused(journal: MemoryJournal) -> None:
    take(journal, FUEL)
    found = take(journal, OTHER)
    assert told(found) == [
        (
            "2: activity_id 'a': is there already and says something else (entry 1): "
            "another name, or --replace"
        )
    ]
    assert (found.taken, found.already_there) == (0, 1)


def test_it_replaces_where_that_is_asked_for_and_both_stay_in_the_journal(
    journal: MemoryJournal,
) -> None:
    take(journal, FUEL)
    found = take(journal, OTHER, is_replacing=True)

    assert (found.taken, found.replaced, found.already_there) == (1, 1, 1)
    assert (found.first_entry, found.last_entry) == (4, 4)
    assert [one.kind for one in verified(journal.journal())] == [
        JournalKind.ACTIVITY, JournalKind.ACTIVITY, JournalKind.WITHDRAWAL, JournalKind.ACTIVITY,
    ]  # fmt: skip
    assert sum(
        one.activity.number("litres") or 0 for one in kept_activities(journal.journal(), "UTC")
    ) == Fraction(149)
    first, second = history_of(journal.journal(), "a")
    assert first["withdrawn"] == {"entry": 3, "reason": "replaced"}
    assert second["withdrawn"] is None


def test_what_was_withdrawn_may_be_taken_again(journal: MemoryJournal) -> None:
    take(journal, FUEL)
    journal.append([withdrawal_of([1, 2], "fuel.csv", "of another year")], 8)
    assert names(journal) == []

    assert take(journal, FUEL).taken == 2
    assert [one.number for one in held(journal)] == [4, 5]


class Raced(MemoryJournal):
    """While a file is looked at, others are taken."""

    def __init__(self, *meanwhile: str) -> None:
        super().__init__()
        self._meanwhile = list(meanwhile)

    def append(
        self,
        records: Sequence[JournalRecord],
        recorded_unix_nanoseconds: int,
        *,
        seen: int | None = None,
    ) -> tuple[int, int]:
        if self._meanwhile:
            other = MemoryJournal()
            take(other, self._meanwhile.pop(0))
            super().append([JournalRecord(*one[2:5]) for one in other.journal()], 1)
        return super().append(records, recorded_unix_nanoseconds, seen=seen)


def test_two_who_take_the_same_file_at_once_book_it_once() -> None:
    journal = Raced(FUEL)
    found = take(journal, FUEL)
    assert (found.taken, found.already_there) == (0, 2)
    assert names(journal) == ["a", "b"]


def test_who_takes_another_content_at_once_is_told() -> None:
    journal = Raced(OTHER)
    assert take(journal, FUEL).refused == 1
    assert len(list(journal.journal())) == 2


@pytest.mark.parametrize("made", [MemoryJournal, SqliteJournal])
@pytest.mark.parametrize(
    ("kind", "is_in_the_way"),
    [(JournalKind.ACTIVITY, True), (JournalKind.WITHDRAWAL, True), (JournalKind.ASSET, False)],
)
def test_only_what_matters_is_in_the_way_of_who_decided_by_what_he_saw(
    tmp_path: Path, made: type[Any], kind: JournalKind, *, is_in_the_way: bool
) -> None:
    one = JournalRecord(JournalKind.ACTIVITY, "a", "{}")
    with closing(made(tmp_path / "l.sqlite") if made is SqliteJournal else made()) as journal:
        assert journal.append([one], 1, seen=0) == (1, 1)
        assert journal.append([JournalRecord(kind, "b", "{}")], 1) == (2, 2)
        if not is_in_the_way:
            assert journal.append([one], 1, seen=1) == (3, 3)
        with pytest.raises(JournalMovedError):
            journal.append([one], 1, seen=1)
        before = len(list(journal.journal()))
        assert journal.append([one], 1, seen=before) == (before + 1, before + 1)
        assert journal.append([one], 1) == (before + 2, before + 2)


def test_who_never_gets_through_is_told() -> None:
    others = [
        FUEL.replace("a,", f"a{number},").replace("b,", f"b{number},") for number in range(5)
    ]
    with pytest.raises(JournalMovedError):
        take(Raced(*others), FUEL)
    assert take(Raced(*others[:4]), FUEL).taken == 2


# ── what is told, and not refused ────────────────────────────────────────────────────────────

BILL = "kind,from,to,site,country,kwh,note\n{}\n"


def test_rows_without_a_price_are_taken_and_counted(journal: MemoryJournal) -> None:
    rows = "electricity,2025-01-01,2025-01-31,s,NO,10,"
    own = f"factor_value,factor_unit,factor_source,factor_version,{BILL.format('')}".strip()
    found = take(journal, f"{own}\n0.1,kg/kWh,us,1,{rows}\n0.1,kg/kWh,us,1,{rows}more\n")
    assert (found.taken, found.unpriced) == (2, 2)
    assert "electricity: 2 rows are in no total with a part: " in found.warnings[0]
    assert "supply of this grid" in found.warnings[0]


JANUARY = "electricity,2025-01-01,2025-01-31,plant,GB,10,"
QUARTER = "electricity,2025-01-01,2025-03-31,plant,GB,35,a quarter"


def test_two_bills_of_one_site_that_overlap_are_told(journal: MemoryJournal) -> None:
    (warning,) = take(journal, BILL.format(f"{JANUARY}\n{QUARTER}")).warnings
    assert warning == ("line 3 and line 2 are about the same and overlap in time: "
                       "is something in twice?")  # fmt: skip


def test_a_bill_that_overlaps_one_that_is_there_is_told_once(journal: MemoryJournal) -> None:
    take(journal, BILL.format(JANUARY))
    (warning,) = take(journal, BILL.format(QUARTER)).warnings
    assert warning.startswith("line 2 and row-")
    assert "(entry 1) are about the same" in warning
    assert take(journal, BILL.format(QUARTER)).warnings == []


def test_what_overlapped_before_is_not_told_again(journal: MemoryJournal) -> None:
    take(journal, BILL.format(f"{JANUARY}\n{QUARTER}"))
    later = QUARTER.replace("01-01", "07-01").replace("03-31", "09-30")
    assert take(journal, BILL.format(later)).warnings == []


@pytest.mark.parametrize(
    "other",
    [
        QUARTER.replace("plant", "office"),
        QUARTER.replace("2025-01-01", "2025-02-01"),
        QUARTER.replace("2025-03-31", "2025-01-01"),
        QUARTER.replace("electricity", "resold_electricity"),
    ],
    ids=["another site", "another time", "one day", "another kind"],
)
def test_what_is_no_overlap(journal: MemoryJournal, other: str) -> None:
    assert take(journal, BILL.format(f"{JANUARY}\n{other}")).warnings == []


def test_rows_that_name_nothing_are_not_compared(journal: MemoryJournal) -> None:
    content = BILL.format(f"{JANUARY}\n{QUARTER}").replace("plant", "")
    assert take(journal, content).warnings == []


def test_what_overlaps_one_that_was_long_before_is_told_and_not_all_of_many(
    journal: MemoryJournal,
) -> None:
    year = "electricity,2025-01-01,2025-12-31,{0},GB,10,"
    months = (
        "electricity,2025-06-01,2025-06-05,{0},GB,1,\nelectricity,2025-08-01,2025-08-05,{0},GB,1,"
    )
    rows = [f"{year}\n{months}".format(f"s{number}") for number in range(25)]
    warnings = take(journal, BILL.format("\n".join(rows))).warnings
    assert len(warnings) == 21
    assert warnings[0].startswith("line 3 and line 2 ")
    assert "in time, and 1 more like them: " in warnings[0]
    assert warnings[-1] == "5 more overlap"


# ── what the journal holds ───────────────────────────────────────────────────────────────────


def test_an_entry_is_canonical_and_says_where_it_is_from(journal: MemoryJournal) -> None:
    found = take(journal, FUEL)
    first, _ = journal.journal()
    said = json.loads(first.text)
    assert canonical(said) == first.text
    assert (first.kind, first.subject) == (JournalKind.ACTIVITY, "a")
    assert said == {
        "file": "fuel.csv", "sha256": found.sha256, "line": 2, "id": "a", "kind": "fuel",
        "row": {"activity_id": "a", "kind": "fuel", "from": "2025-01-01", "to": "2025-01-31",
                "fuel": "diesel", "litres": "100.5", "site": "plant-7"},
    }  # fmt: skip


def entry(number: int, kind: JournalKind, subject: str, said: object) -> JournalEntry:
    text = said if isinstance(said, str) else canonical(said)
    return JournalEntry(number, 7, kind, subject, text, "", "")


GOOD = {"file": "f", "sha256": "0", "line": 2, "id": "a", "kind": "fuel",
        "row": {"from": "2025-01-01", "fuel": "diesel", "litres": "1"}}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "said", "problem"),
    [
        (JournalKind.ACTIVITY, {**GOOD, "kind": "teleport"},
         "journal: entry 1, activity 'a': this version knows no kind 'teleport'"),
        (JournalKind.ACTIVITY, {**GOOD, "row": {**GOOD["row"], "gallons": "1"}},  # type: ignore[dict-item]
         "journal: entry 1, activity 'a': in this version the kind fuel has no column gallons"),
        (JournalKind.ACTIVITY, {**GOOD, "row": {"from": "2025-01-01", "litres": "x"}},
         "journal: entry 1, activity 'a': this version does not take it: "),
        (JournalKind.ACTIVITY, {"id": "a"}, "journal: entry 1 is no activity: 'kind'"),
        (JournalKind.ACTIVITY, "[", "journal: entry 1 is no activity: "),
        (JournalKind.WITHDRAWAL, {}, "journal: entry 1 is no withdrawal: 'entries'"),
        (JournalKind.WITHDRAWAL, {"entries": [7]}, "journal: entry 1 is no withdrawal: "),
        (JournalKind.WITHDRAWAL, {"entries": [[1, 1]]}, "entry 1 withdraws what was not before"),
        (JournalKind.WITHDRAWAL, "[]", "journal: entry 1 is no object"),
        (JournalKind.WITHDRAWAL, "[", "journal: entry 1 is no JSON"),
    ],
)  # fmt: skip
def test_an_entry_that_is_not_understood_is_named(
    kind: JournalKind, said: object, problem: str
) -> None:
    with pytest.raises(KeptError) as caught:
        list(kept_activities([entry(1, kind, "a", said)], "UTC"))
    assert problem in str(caught.value)


def test_the_first_entry_of_a_name_holds_until_it_is_withdrawn() -> None:
    entries = [
        entry(1, JournalKind.ACTIVITY, "a", GOOD),
        entry(2, JournalKind.ASSET, "a", {}),
        entry(3, JournalKind.ACTIVITY, "a", {**GOOD, "line": 9}),
    ]
    assert [one.line for one in kept_activities(entries, "UTC")] == [2]
    gone = entry(4, JournalKind.WITHDRAWAL, "a", {"entry": 1, "reason": "wrong"})
    assert list(kept_activities([*entries, gone], "UTC")) == []


def test_a_day_is_one_of_the_time_zone_of_whoever_reads(journal: MemoryJournal) -> None:
    take(journal, FUEL)
    row = held(journal)[0]
    there = activity_of(row, "Europe/Berlin").interval.start_unix_seconds
    assert there == activity_of(row, "UTC").interval.start_unix_seconds - 3600


@generate(st.lists(st.integers(1, 60), unique=True, max_size=20))
def test_runs_are_exactly_the_numbers(numbers: list[int]) -> None:
    journal = MemoryJournal()
    content = "activity_id,kind,from,fuel,litres\n" + "".join(
        f"a{number},fuel,2025-01-01,diesel,1\n" for number in range(1, 61)
    )
    take(journal, content)
    journal.append([withdrawal_of(numbers, "some", "why")], 9)
    left = {one.number for one in held(journal)}
    assert left == set(range(1, 61)) - set(numbers)


# ── laws ─────────────────────────────────────────────────────────────────────────────────────

LITRES = st.sampled_from(["1", "2.5", "0", "-1", "1,5", "x", ""])
LINES = st.lists(st.tuples(st.sampled_from(["", "", "a", "b", "c"]), LITRES), max_size=12)


def content_of(lines: list[tuple[str, str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["activity_id", "kind", "from", "fuel", "litres"])
    writer.writerows([name, "fuel", "2025-01-01", "diesel", litres] for name, litres in lines)
    return out.getvalue()


HOW = st.fixed_dictionaries({"keep_good": st.booleans(), "is_replacing": st.booleans()})


@generate(LINES, LINES, HOW)
def test_every_row_is_taken_or_there_or_refused(
    before: list[tuple[str, str]], lines: list[tuple[str, str]], how: dict[str, Any]
) -> None:
    """And again changes nothing, whatever was there."""
    journal = MemoryJournal()
    take(journal, content_of(before), keep_good=True)
    entries = len(list(journal.journal()))
    lines = [*lines, ("z", "7")]

    found = take(journal, content_of(lines), **how)

    assert found.rows == len(lines)
    assert {one.line for one in found.problems} <= set(range(2, len(lines) + 2))
    assert len({one.line for one in found.problems}) == found.refused
    if how["keep_good"] or found.is_whole:
        assert found.taken + found.already_there + found.refused == found.rows
        again = take(journal, content_of(lines), **how)
        assert (again.taken, again.refused) == (0, found.refused)
    else:
        assert found.taken == 0
        assert len(list(journal.journal())) == entries
    assert len(names(journal)) == len(set(names(journal)))
    assert len(list(verified(journal.journal()))) >= entries


CELL = st.sampled_from(["", "diesel", "1", "2025-01-01", "x", "5/7", "true", "=1+1", "ä"])


@generate(st.sampled_from(sorted(KINDS)), st.data())
def test_any_row_of_any_kind_is_taken_or_refused(kind: str, data: st.DataObject) -> None:
    columns = sorted(
        {column.name for column in KINDS[kind].columns} | {"from", "paid_by", "alpha"}
    )
    cells = data.draw(st.dictionaries(st.sampled_from(columns), CELL.filter(bool)))
    (example, *_) = (row for name, row in EXAMPLES if name == kind)
    row = {**YEAR, **example, **cells, "kind": kind}
    found = Checker(RULES).check(SourceRow(5, row))
    if isinstance(found, Refused):
        assert found.line == 5
        assert all(one.reason for one in found.wrongs)
    else:
        activity = taken(row, KINDS[kind], found.activity_id, "UTC")
        assert found.interval == activity.interval
        assert list(KINDS[kind].reckon(activity, TABLE))


def test_the_factor_of_a_year_is_that_of_the_nearest_before_it_else_after() -> None:
    (factor,) = (TABLE.one(one) for one in ["fuel/diesel/ttw"])
    ids = [f"grid/XX/direct/{year}" for year in (2019, 2021, 2023)]
    table = FactorTable({one: replace(factor, factor_id=one) for one in ids})
    found = {
        year: table.nearest("grid/XX/direct", year) for year in (2000, 2019, 2020, 2022, 2030)
    }
    assert {year: one.factor_id[-4:] if one else "" for year, one in found.items()} == {
        2000: "2019", 2019: "2019", 2020: "2019", 2022: "2021", 2030: "2023",
    }  # fmt: skip
    assert table.nearest("grid/YY/direct", 2020) is None


# ── many, and what is wrong as a table ───────────────────────────────────────────────────────


def test_of_two_thousand_rows_each_broken_one_is_named(journal: MemoryJournal) -> None:
    rows = [f"a{n},fuel,2025-01-01,2025-01-31,diesel,{'x' if n % 100 == 7 else n + 1},s{n}"
            for n in range(2000)]  # fmt: skip
    content = "\n".join([HEADER, *rows, ""])
    assert take(journal, content).taken == 0
    assert not list(journal.journal())

    found = take(journal, content, keep_good=True)

    assert (found.taken, found.refused) == (1980, 20)
    assert [one.line for one in found.problems] == [n + 2 for n in range(7, 2000, 100)]
    assert len(list(journal.journal(JOURNAL_KINDS))) == 1980


def test_what_is_wrong_as_csv_cannot_be_run_by_a_spreadsheet(journal: MemoryJournal) -> None:
    found = take(journal, ONE_ROW.format("a,fuel,2025-01-01,,diesel,=1+1,"))
    first, second = csv.reader(io.StringIO(problems_csv(found.problems)))
    assert first == ["line", "column", "value", "reason"]
    assert second[:3] == ["2", "litres", "'=1+1"]


def test_good_rows_hold_no_more_than_is_needed() -> None:
    found = Checker(RULES).check(SourceRow(2, {"kind": "fuel", "from": "2025-01-01",
                                               "fuel": "diesel", "litres": "1"}))  # fmt: skip
    assert isinstance(found, Good)
    assert found.row == '{"from":"2025-01-01","fuel":"diesel","kind":"fuel","litres":"1"}'
    assert found.matter == b""
