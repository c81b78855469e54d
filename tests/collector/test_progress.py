"""How far a long command is: shown on a terminal, and in no pipe and no log."""

from __future__ import annotations

import io

from wattgram_collector.progress import bar, shown, told


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_is_as_wide_for_every_share() -> None:
    lines = [bar("report", done, 3) for done in range(4)]

    assert lines[0] == "report [........................]   0 %"
    assert lines[1] == "report [########................]  33 %"
    assert lines[3] == "report [########################] 100 %"
    assert len({len(line) for line in lines}) == 1
    assert bar("report", 0, 0) == lines[0]


def test_a_terminal_is_told_at_once_and_left_clean() -> None:
    screen = Terminal()
    with shown("report", screen) as tell:
        assert list(told(["a", "b"], tell)) == ["a", "b"]

    assert screen.getvalue() == f"\r{bar('report', 0, 2)}\r\x1b[K"


def test_what_is_no_terminal_is_told_nothing() -> None:
    pipe = io.StringIO()
    with shown("report", pipe) as tell:
        assert list(told([1], tell)) == [1]

    assert pipe.getvalue() == ""


def test_the_items_are_counted_before_each() -> None:
    said: list[tuple[int, int]] = []

    for item in told("xyz", lambda done, of: said.append((done, of))):
        assert len(said) == "xyz".index(item) + 1

    assert said == [(0, 3), (1, 3), (2, 3)]
