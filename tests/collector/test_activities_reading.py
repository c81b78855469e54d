"""Files of activities to rows of text: every row has the line that it begins on in its file."""

from __future__ import annotations

import contextlib
import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram_collector.inventory.activities import reading
from wattgram_collector.inventory.activities.reading import Form, rows_of
from wattgram_collector.inventory.activities.source_rows import SourceError, SourceRow

KNOWN = frozenset({"activity_id", "kind", "from", "to", "fuel", "litres", "note"})


def rows(content: str | bytes, form: Form = Form.CSV) -> list[SourceRow]:
    data = content.encode() if isinstance(content, str) else content
    return list(rows_of(data, form, KNOWN))


def refusal(content: str | bytes, form: Form = Form.CSV) -> str:
    with pytest.raises(SourceError) as caught:
        rows(content, form)
    return str(caught.value)


def said(found: list[SourceRow]) -> list[tuple[int, str]]:
    """Return the line of each row with what is wrong with it."""
    return [(one.line, "; ".join(map(str, one.wrongs))) for one in found]


# ── CSV ──────────────────────────────────────────────────────────────────────────────────────

PLAIN = "kind,fuel,litres\nfuel,diesel,1\nfuel,petrol,2\n"
ROWS = [
    SourceRow(2, {"kind": "fuel", "fuel": "diesel", "litres": "1"}),
    SourceRow(3, {"kind": "fuel", "fuel": "petrol", "litres": "2"}),
]


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.replace(",", ";"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.rstrip("\n"),
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.replace(",", " , "),
        PLAIN.replace("diesel", '"diesel"'),
        PLAIN.replace("\n", ",,\n"),
        "kind,fuel,litres\nfuel,diesel,1,,,\nfuel,petrol,2\n",
    ],
    ids=["plain", "semicolons", "crlf", "no end of line", "BOM", "space", "quotes",
         "trailing commas everywhere", "trailing commas in a row"],
)  # fmt: skip
def test_the_same_rows_in_many_spellings(content: str | bytes) -> None:
    assert rows(content) == ROWS


def test_a_cell_that_is_empty_is_not_said() -> None:
    assert rows("kind,fuel,litres\nfuel,,1\n") == [SourceRow(2, {"kind": "fuel", "litres": "1"})]


def test_lines_are_those_of_the_file() -> None:
    """A quoted cell with line ends, empty lines and rows of empty cells move what follows."""
    content = 'kind,note\nfuel,"one\ntwo\nthree"\n\n,\nfuel,x\n"fuel","a ""quote"""\n'

    found = rows(content)

    assert [one.line for one in found] == [2, 7, 8]
    assert found[0].cells["note"] == "one\ntwo\nthree"
    assert found[2].cells["note"] == 'a "quote"'


def test_commas_in_quotes_do_not_decide_the_separator() -> None:
    content = 'kind;fuel;note\nfuel;diesel;"a,b,c"\n'
    assert rows(content)[0].cells == {"kind": "fuel", "fuel": "diesel", "note": "a,b,c"}


def test_a_row_that_is_wrong_does_not_take_the_next_with_it() -> None:
    content = 'kind,fuel,litres\nfuel,diesel\nfuel,"die"sel,1\nkind,fuel,litres\n1,2,3,4\n'
    content += "fuel,petrol,2\n"

    found = rows(content)

    assert said(found) == [
        (2, "has 2 cells, and the header 3"),
        (3, "is no CSV: ',' expected after '\"'"),
        (4, "is the header once more"),
        (5, "has 4 cells, and the header 3"),
        (6, ""),
    ]
    assert found[-1].cells == {"kind": "fuel", "fuel": "petrol", "litres": "2"}
    assert not any(one.cells for one in found[:-1])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "1: is empty"),
        ("\n \n", "1: is empty"),
        ("kind,fuel\n", "1: has no rows"),
        ("kind,fule\nfuel,x\n", "1: fule '': unknown column; is fuel meant?"),
        ("kind,Zq\nfuel,x\n", "1: Zq '': unknown column"),
        ("kind,fuel,kind\nfuel,x,y\n", "1: kind '': this column is there twice"),
        ("kind,,fuel\nfuel,x,y\n", "1: column 2 has no name"),
        ("\n\nkind,,fuel\nfuel,x,y\n", "3: column 2 has no name"),
        ("kind\tfuel\nfuel\tx\n", "1: kind\tfuel '': unknown column"),
        ('kind,fuel\nfuel,x\nfuel,"x\nfuel,y\n', "3: a quote is opened here and not closed"),
        (f'kind,fuel\nfuel,"{"x" * 200_000}"\n', "2: a quote is opened here and not closed"),
        (b"kind,fuel\nfuel,x\nfuel,\xe4\n", "3: is not UTF-8 (byte 0xE4): write the file as"),
        (b"kind,fuel\nfuel,\0\n", "2: has a NUL byte: write the file as UTF-8, not as UTF-16"),
        ("kind,fuel\nfuel,x\n".encode("utf-16"), "1: has a NUL byte"),
    ],
)
def test_a_file_of_which_nothing_can_be_relied_on(content: str | bytes, problem: str) -> None:
    assert refusal(content).startswith(problem)


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(list(rows_of(PLAIN.encode(), Form.CSV, KNOWN, 2))) == 2
    with pytest.raises(SourceError, match="3: more than 1 rows"):
        list(rows_of(PLAIN.encode(), Form.CSV, KNOWN, 1))
    monkeypatch.setattr(reading, "FILE_BYTES_MAX", len(PLAIN) - 1)
    assert refusal(PLAIN) == f"1: more than {len(PLAIN) - 1} bytes: make two of it"


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=12)


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8), st.sampled_from(",;"))
def test_what_another_program_writes_is_what_is_read(
    cells: list[tuple[str, str]], separator: str
) -> None:
    """Cells come back as they were, without space around them; lines are counted by line ends."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator="\n")
    writer.writerow(["kind", "note"])
    expected = []
    line = 2
    for one in cells:
        writer.writerow(one)
        stripped = {name: cell.strip() for name, cell in zip(("kind", "note"), one, strict=True)}
        filled = {name: cell for name, cell in stripped.items() if cell}
        if filled and stripped != {"kind": "kind", "note": "note"}:
            expected.append((line, filled))
        line += 1 + sum(cell.count("\n") for cell in one)
    if not expected:
        return

    found = [one for one in rows(out.getvalue()) if not one.wrongs]

    assert [(one.line, dict(one.cells)) for one in found] == expected


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ('[{"kind": "fuel"},\n\n {"kind":\n"fuel"}, {"kind": "fuel"}\n]\n', [1, 3, 4]),
        ('{"activities": [\n{"kind": "fuel"}]}', [2]),
        ('\n{"kind": "fuel"}', [2]),
    ],
    ids=["array", "wrapped", "one object"],
)
def test_rows_of_json_have_the_line_that_they_begin_on(content: str, lines: list[int]) -> None:
    found = rows(content, Form.JSON)
    assert [one.line for one in found] == lines
    assert {one.cells["kind"] for one in found} == {"fuel"}


def test_numbers_of_json_are_exactly_what_is_written() -> None:
    content = (
        '[{"litres": 0.1000000000000000055, "note": true, "to": null, "from": " x ", "kind": 7}]'
    )
    (found,) = rows(content, Form.JSON)
    assert found.cells == {
        "litres": "0.1000000000000000055", "note": "true", "from": "x", "kind": "7",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[{}", "1: is no JSON: , or ] is missing"),
        ('[{"kind": "fuel"}\n{"kind": "fuel"}]', "2: is no JSON: , or ] is missing"),
        ('[{"kind":\n"fuel}]', "2: is no JSON: Unterminated string"),
        ("[{}]\n\nx", "3: is no JSON: something follows its end"),
        ("[{},]", "1: is no JSON: Expecting value"),
        ("[]", "1: has no rows"),
        ('{"activities": [{}]\n', "2: is no JSON: } is missing"),
        ('[\n{"litres": NaN}]', "2: is no JSON: NaN is no JSON"),
        ("[" * 100_000, "1: is no JSON: too deep"),
        ('[{"note": ' + "[" * 100_000, "1: is no JSON: too deep"),
    ],
)
def test_json_that_is_none(content: str, problem: str) -> None:
    assert refusal(content, Form.JSON).startswith(problem)


def test_rows_of_json_that_are_wrong() -> None:
    content = (
        '[{"kind": "a", "kind": "b"},\n7,\n{"note": [1]},\n{"note": {"a": 1}},'
        '\n{"note": "\\ud800"},\n{"note": "x"}]'
    )
    assert said(rows(content, Form.JSON)) == [
        (1, "kind '': is there twice"),
        (2, "a row is an object, {...}"),
        (3, "note '': must be text, a number, true, false or null"),
        (4, "note '': must be text, a number, true, false or null"),
        (5, "note '': has half a character"),
        (6, ""),
    ]


def test_json_lines_are_wrong_one_by_one() -> None:
    content = '{"kind": "fuel"}\n\n{"kind": \n{"kind": "fuel"} x\n{"kind": "fuel"}\n'
    found = rows(content, Form.JSON_LINES)
    assert [(one.line, bool(one.wrongs)) for one in found] == [
        (1, False), (3, True), (4, True), (5, False),
    ]  # fmt: skip


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode), st.sampled_from(Form))
def test_anything_is_rows_or_refused(content: bytes, form: Form) -> None:
    found: list[SourceRow] = []
    with contextlib.suppress(SourceError):
        found = rows(content, form)
    assert all(one.line >= 1 and not (one.cells and one.wrongs) for one in found)


@given(st.lists(st.dictionaries(st.sampled_from(sorted(KNOWN)), CELL, max_size=3), min_size=1))
def test_json_and_json_lines_say_the_same(objects: list[dict[str, str]]) -> None:
    as_array = rows(json.dumps(objects), Form.JSON)
    as_lines = rows("\n".join(map(json.dumps, objects)), Form.JSON_LINES)
    assert [one.cells for one in as_array] == [one.cells for one in as_lines]
