"""Functional units: booked once, never shared out, never 0 where nobody counted."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal_fake import MemoryJournal
from said_desk import SaidDesk
from wattgram.readings import Quality
from wattgram.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_YEAR
from wattgram_collector.inventory.periods import Interval, parse_period
from wattgram_collector.inventory.places import GhgPlace, TcsLeaf
from wattgram_collector.inventory.postings import Book, Method, Posting, Stage
from wattgram_collector.inventory.report import tables as files
from wattgram_collector.inventory.said.kept import (
    Kept,
    Shelf,
    Sourced,
    changes,
    record_of,
    withdrawals,
    write,
)
from wattgram_collector.inventory.said.rows import Said, SaidError
from wattgram_collector.inventory.said.units import (
    UnitCount,
    kept_units,
    overlaps,
    software,
    units_of_period,
    units_sort,
)
from wattgram_collector.inventory.sci import embodied_grams
from wattgram_collector.ledger.journal import JournalEntry, JournalKind, JournalRecord, canonical

SORT = units_sort()
DAY = SECONDS_PER_DAY
NOVEMBER = parse_period("2025-11", "UTC").interval
START = NOVEMBER.start_unix_seconds


def count(first_day: int, days: int, number: str = "10", source: str = "a") -> UnitCount:
    """So many e-mails from a day of November 2025 on."""
    start = START + (first_day - 1) * DAY
    return UnitCount(
        entry_id=f"{source}/{first_day}",
        service="mail",
        unit="email",
        count=Fraction(number),
        interval=Interval(start, start + days * DAY),
        source=source,
    )


def kept(*counts: UnitCount) -> list[Kept[UnitCount]]:
    return [Kept(one, number, "test") for number, one in enumerate(counts, start=1)]


def posting(stage: Stage, grams: str, quantity: str = "1", service: str = "mail") -> Posting:
    is_use = stage is Stage.USE
    return Posting(
        start_unix_seconds=START,
        end_unix_seconds=START + SECONDS_PER_HOUR,
        subject="asset/s1",
        stage=stage,
        place=GhgPlace(2) if is_use else None,
        leaf=TcsLeaf.O_SERVERS if is_use else None,
        method=Method.LOCATION if is_use else Method.NONE,
        book=Book.INVENTORY if is_use else Book.AMORTISED,
        quantity=Fraction(quantity),
        unit="kWh" if is_use else "s",
        grams=Fraction(grams),
        in_ghg=is_use,
        in_tcs=is_use,
        service=service,
        tier_activity=Quality.MEASURED,
    )


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> SaidDesk:
    return SaidDesk(tmp_path, capsys)


# ── what a period has ────────────────────────────────────────────────────────────────────────


def test_sources_of_one_unit_add_up() -> None:
    (found,) = units_of_period(
        kept(count(1, 30, "100.5"), count(1, 30, "7", source="b")), NOVEMBER
    )

    assert (found.service, found.unit, found.count) == ("mail", "email", Fraction("107.5"))
    assert found.covered_ratio == 1
    assert found.remarks == ()


def test_an_entry_that_reaches_over_an_end_is_stated_and_not_shared_out() -> None:
    before, inside, after = count(-1, 5), count(4, 26, "3"), count(30, 2)
    (found,) = units_of_period(kept(before, inside, after), NOVEMBER)

    assert found.count == 3
    assert [one.value for one in found.partly] == [before, after]
    assert found.covered_ratio == Fraction(26, 30)
    assert "10 of entry 'a/-1' are not counted" in found.remarks[0]
    assert "email of a is counted for 26 of 30 days" in found.remarks[2]


def test_without_an_entry_inside_the_count_is_not_known() -> None:
    (found,) = units_of_period(kept(count(20, 30)), NOVEMBER)

    assert found.count is None
    assert units_of_period(kept(count(40, 2)), NOVEMBER) == []


def test_a_time_that_is_counted_twice_is_not_known() -> None:
    """Two commands that raced, say: rather nothing than half the SCI."""
    (found,) = units_of_period(kept(count(1, 30), count(3, 2)), NOVEMBER)

    assert found.count is None
    assert "'a/3' overlaps 'a/1', 2025-11-01T00:00:00Z" in found.remarks[0]


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 9)), max_size=8))
def test_whatever_is_kept_is_within_the_period_or_stated(spans: list[tuple[int, int]]) -> None:
    counts = [count(day, days, source=str(at)) for at, (day, days) in enumerate(spans)]
    within = [one for one in counts if one.interval.end_unix_seconds <= NOVEMBER.end_unix_seconds]
    found = units_of_period(kept(*counts), NOVEMBER)

    for one in found:
        assert one.count == (sum(part.count for part in within) if within else None)
        assert 0 <= one.covered_ratio <= 1
        assert len(one.entries) == len(within)
    begun = [one for one in counts if one.interval.start_unix_seconds < NOVEMBER.end_unix_seconds]
    assert sum(len(one.entries) + len(one.partly) for one in found) == len(begun)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 5)), min_size=1, max_size=6))
def test_overlaps_are_found_whichever_way_they_lie(spans: list[tuple[int, int]]) -> None:
    counts = {
        str(at): UnitCount(
            entry_id=str(at), service="s", unit="u", count=Fraction(1),
            interval=Interval(start, start + length), source="x",
        )
        for at, (start, length) in enumerate(spans)
    }  # fmt: skip
    slots = [slot for start, length in spans for slot in range(start, start + length)]

    assert bool(list(overlaps(counts, counts))) == (len(set(slots)) < len(slots))


def test_all_that_are_within_a_longer_one_are_told() -> None:
    long, one, two = count(1, 20), count(3, 1), count(9, 1)
    after = {each.entry_id: each for each in (long, one, two)}

    assert [key for key, _ in overlaps(after, ["a/3", "a/9"])] == ["a/3", "a/9"]
    assert list(overlaps({"a/1": long}, ["a/1"])) == []


# ── the SCI ──────────────────────────────────────────────────────────────────────────────────


def test_the_golden_server_for_an_hour() -> None:
    """G10: 1000 kg over 4 years is 28.54 g for an hour, here of one unit."""
    made = embodied_grams(Fraction(1000), 4 * SECONDS_PER_YEAR, SECONDS_PER_HOUR)
    hour = Interval(START, START + SECONDS_PER_HOUR)
    one = UnitCount(entry_id="x", service="mail", unit="email", count=Fraction(1), interval=hour,
                    source="a")  # fmt: skip
    (found,) = software(
        units_of_period(kept(one), hour),
        [posting(Stage.EMBODIED_AMORTISED, str(made)), posting(Stage.USE, "0")],
    )

    assert found.grams_per_unit is not None
    assert round(found.grams_per_unit, 2) == Fraction("28.54")


@pytest.mark.parametrize("entries", [kept(), kept(count(1, 30, "0")), kept(count(20, 30))])
def test_without_units_there_is_no_sci_and_never_the_carbon(
    entries: list[Kept[UnitCount]],
) -> None:
    (found,) = software(units_of_period(entries, NOVEMBER), [posting(Stage.USE, "500")])

    assert found.grams_per_unit is None
    assert found.operational_grams == 500
    *_, row = files.software([found]).splitlines()
    assert row.split(",")[7] == ""


def test_the_boundary_is_every_posting_of_the_service() -> None:
    counted = units_of_period(kept(count(1, 30, "100")), NOVEMBER)
    postings = [
        posting(Stage.USE, "400"),
        posting(Stage.EMBODIED_AMORTISED, "100"),
        posting(Stage.USE, "9", service="shop"),
        posting(Stage.USE, "9", service=""),
    ]
    mail, shop = software(counted, postings)

    assert (mail.service, mail.grams_per_unit) == ("mail", 5)
    assert (shop.service, shop.count, shop.operational_grams) == ("shop", None, 9)


def test_energy_that_nobody_metered_is_not_known_and_not_0() -> None:
    counted = units_of_period(kept(count(1, 30, "100")), NOVEMBER)
    (found,) = software(counted, [posting(Stage.EMBODIED_AMORTISED, "100")])

    assert (found.energy_kilowatt_hours, found.operational_grams) == (None, None)
    assert found.grams_per_unit is None


# ── the journal ──────────────────────────────────────────────────────────────────────────────


def entry(number: int, kind: JournalKind, text: object) -> JournalEntry:
    return JournalEntry(number, 0, kind, "x", canonical(text), "", "")


def said(number: int, one: UnitCount) -> JournalEntry:
    record = record_of(SORT, Sourced(one, "file:1"), "")
    return JournalEntry(number, 0, record.kind, record.subject, record.text, "", "")


def test_what_is_written_down_is_read_back() -> None:
    one = UnitCount(
        entry_id="it's", service="mail", unit="stream hour", count=Fraction("12.25"),
        interval=Interval(START + 1, START + 3_601), source="ü", evidence="e", note="n",
    )  # fmt: skip

    assert kept_units([said(4, one)]) == [Kept(one, 4, "file:1")]


def test_the_newest_holds_and_a_withdrawn_one_does_not() -> None:
    first, newer, other = count(1, 1), count(1, 2), count(5, 1)
    entries = [
        said(1, first),
        said(2, newer),
        said(3, other),
        entry(4, JournalKind.WITHDRAWAL, {"entries": [[1, 1]], "reason": "not the newest"}),
        entry(5, JournalKind.WITHDRAWAL, {"entries": [[3, 4]], "reason": "wrong"}),
        entry(6, JournalKind.ACTIVITY, {"of": "another"}),
    ]

    assert [one.value for one in kept_units(entries)] == [newer]


def test_an_entry_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="journal: entry 9 is no functional units entry"):
        kept_units([entry(9, JournalKind.FUNCTIONAL_UNITS, {"said": {"count": "-1"}})])


def test_who_writes_in_between_is_seen() -> None:
    """What is decided by what holds is decided again when somebody else was quicker."""
    ledger, shelf = MemoryJournal(), Shelf(SORT)
    rival = [record_of(SORT, Sourced(count(2, 1), "rival"), "")]

    def decide() -> list[JournalRecord]:
        if rival:
            ledger.append([rival.pop()], 1)
        said_now = [Sourced(count(1, 3), "mine")]
        return changes(shelf, said_now, is_replacing=False).records(SORT)

    with pytest.raises(SaidError, match="overlaps 'a/2'"):
        write(ledger, shelf, decide, 1)

    assert [one.value for one in kept_units(ledger.journal())] == [count(2, 1)]


def test_a_withdrawal_names_the_entry_and_why() -> None:
    shelf = Shelf(SORT, [said(7, count(1, 1))])
    (record,) = withdrawals(shelf, ["a/1", "a/1"], "twice")

    assert record.kind is JournalKind.WITHDRAWAL
    assert json.loads(record.text) == {"entries": [[7, 7]], "reason": "twice"}


# ── rows ─────────────────────────────────────────────────────────────────────────────────────

GOOD = {"service": "mail", "unit": "email", "count": "5", "from": "2025-11-01", "source": "a"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"count": "-1"}, "count '-1': must be a plain decimal number"),
        ({"count": "1e3"}, "count '1e3': must be a plain decimal number"),
        ({"count": "1.000,5"}, "must be a plain decimal number"),
        ({"service": ""}, "is required"),
        ({"service": "x" * 101}, "must be at most 100 characters"),
        ({"unit": "a\nb"}, "printable"),
        ({"from": "01.11.2025"}, "must be a day such as 2025-11-03"),
        ({"from": "2025-11-01T00:00:00"}, "an instant needs its offset"),
        ({"from": "2025-11-01T00:00:00Z"}, "is required beside an instant"),
        ({"to": "2025-10-31"}, "to '2025-10-31': ends before it begins"),
        ({"to": "9999-12-31"}, "to '9999-12-31'"),
        ({"from": "0001-01-01T00:00:00+14:00", "to": "2025-01-01"}, "from"),
    ],
)
def test_a_wrong_row_says_what_is_wrong(change: dict[str, str], reason: str) -> None:
    with pytest.raises(SaidError) as caught:
        SORT.take(Said("f.csv:7", {**GOOD, **change}))

    assert "f.csv:7: " in str(caught.value)
    assert reason in str(caught.value)


def test_days_are_those_of_the_organisation() -> None:
    """A day of summer time in Berlin begins at 22:00 UTC; the last Sunday of October is longer."""
    one = units_sort("Europe/Berlin").take(Said("x", {**GOOD, "from": "2025-10-26"}))
    start, end = one.interval

    assert end - start == 25 * SECONDS_PER_HOUR
    assert one.entry_id == "mail/email/a/2025-10-25T22:00:00Z"
    assert units_sort("UTC").take(Said("x", SORT.cells(one))) == one


# ── the commands ─────────────────────────────────────────────────────────────────────────────

ADD = ("units", "add", "--service", "mail", "--unit", "email", "--source", "postfix-1",
       "--from", "2025-11-01", "--to", "2025-11-30")  # fmt: skip
KEY = "mail/email/postfix-1/2025-10-31T23:00:00Z"


def test_the_same_is_booked_once_and_another_is_refused_unless_it_replaces(
    desk: SaidDesk,
) -> None:
    assert desk.run(*ADD, "--count", "100") == 0
    assert desk.run(*ADD, "--count", "100.0") == 0
    assert "0 new and 0 replaced taken, 1 as they were" in desk.out
    assert desk.run(*ADD, "--count", "101") == 1
    assert f"'{KEY}' is kept otherwise, from units add: --replace it" in desk.err
    assert len(desk.entries) == 1

    assert desk.run(*ADD, "--count", "101", "--replace") == 0
    (found,) = desk.json("units", "list")
    assert (found["count"], found["journal_entry"]) == ("101", 2)


def test_a_source_does_not_count_a_time_twice(desk: SaidDesk) -> None:
    desk.run(*ADD, "--count", "100")
    again = [*ADD[:-4], "--from", "2025-11-30", "--count", "4"]

    assert desk.run(*again) == 1
    assert f"overlaps '{KEY}'" in desk.err
    again[again.index("postfix-1")] = "postfix-2"
    assert desk.run(*again) == 0


def test_a_file_is_taken_whole_or_not_at_all(desk: SaidDesk) -> None:
    head = "service,unit,count,from,to,source\n"
    rows = "mail,email,1,2025-11-01,,a\nmail,email,x,2025-11-02,,a\nmail,email,,2025-11-03,,a\n"

    assert desk.run("units", "import", desk.file("u.csv", head + rows)) == 1
    assert "u.csv:3: count 'x': must be a plain decimal number" in desk.err
    assert "u.csv:4: count" in desk.err
    assert desk.entries == []

    good = desk.file("u.csv", head + rows.replace("x", "2").replace("email,,", "email,3,"))
    assert desk.run("units", "import", good) == 0
    assert desk.run("units", "import", good, "--dry-run") == 0
    assert "0 new and 0 replaced would be taken, 3 as they were" in desk.out
    text = json.loads(desk.entries[1].text)
    assert text["origin"].endswith("u.csv:3")
    assert len(text["sha256"]) == 64


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("u.csv", "service;unit;count;from;source;colour\na;b;1;2025-01-01;c;d", "unknown column"),
        ("u.csv", "service,unit\na,b,c", "has 3 cells, and the header 2"),
        ("u.csv", b"service\n\xff", "u.csv:2: is not UTF-8"),
        ("u.csv", "", "is empty"),
        ("u.json", '[{"service": 1, "servce": 2}]', "did you mean 'service'?"),
        ("u.txt", "x", "must end with .csv"),
    ],
)
def test_a_file_that_is_none_is_told(
    desk: SaidDesk, name: str, content: str | bytes, reason: str
) -> None:
    assert desk.run("units", "import", desk.file(name, content), "--json") == 1
    assert reason in desk.err
    assert json.loads(desk.out)["is_taken"] is False
    assert desk.entries == []


def test_one_file_that_says_two_things_of_one_id(desk: SaidDesk) -> None:
    row = (
        '{"id": "x", "service": "s", "unit": "u", "count": 1.5, "from": "2025-01-01", "source": 1}'
    )
    other = row.replace("1.5", "2")

    assert desk.run("units", "import", desk.file("u.jsonl", f"{row}\n{row}\n")) == 0
    assert "1 new and 0 replaced taken, 1 as they were" in desk.out
    assert desk.run("units", "import", desk.file("v.jsonl", f"{other}\n{row}\n"), "--replace") == 1
    assert "functional units entry 'x' is said otherwise" in desk.err


def test_what_is_withdrawn_is_gone_and_stays_in_the_journal(desk: SaidDesk) -> None:
    desk.run(*ADD, "--count", "100")

    assert desk.run("units", "withdraw", KEY, "none", "--reason", "twice") == 2
    assert "no functional units entry 'none' is kept" in desk.err
    assert desk.run("units", "withdraw", KEY, "--reason", "twice", "--dry-run") == 0
    assert len(desk.entries) == 1
    assert desk.json("units", "withdraw", KEY, "--reason", "twice")["withdrawn"] == [KEY]
    assert desk.json("units", "list") == []
    assert desk.run(*ADD, "--count", "99") == 0
    assert [one.kind for one in desk.entries] == [
        JournalKind.FUNCTIONAL_UNITS, JournalKind.WITHDRAWAL, JournalKind.FUNCTIONAL_UNITS,
    ]  # fmt: skip


def test_a_period_is_listed_with_what_is_not_counted(desk: SaidDesk) -> None:
    desk.run(*ADD, "--count", "100")

    (november,) = desk.json("units", "list", "--period", "2025-11")
    assert november["count"] == "100"
    assert november["remarks"] == []
    assert desk.run("units", "list", "--period", "2025-11") == 0
    assert "of 1 entry\n" in desk.out
    assert f"id {KEY!r}" in desk.out, "withdraw asks for it"
    (day,) = desk.json("units", "list", "--period", "2025-11-07")
    assert day["count"] is None
    assert day["not_counted"] == [KEY]
    assert desk.run("units", "list", "--period", "2025-11-07") == 0
    assert "mail  email  not known" in desk.out
    assert desk.json("units", "list", "--service", "shop") == []
    assert desk.run("units", "list", "--period", "soon") == 1
