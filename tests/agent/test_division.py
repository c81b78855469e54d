"""One beat in pieces: quantities that add up, and registers to go on from."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wattgram.readings import Gap, Kind, Reading, Series
from wattgram_agent.division import Heard, Interval, Left, late_pieces, pieces_of
from wattgram_agent.meter import Register, Step
from wattgram_agent.source import Point

US = 1_000
A, B, C = (Point("rapl", "package", name) for name in "abc")
RANGE = 1_000_000


def series(point: Point) -> Series:
    return Series(
        kind=Kind.ENERGY, source=point.source, domain=point.domain, instance=point.instance
    )


def reading(point: Point, quantity: int, start: int, end: int) -> Reading:
    return Reading(
        series=series(point), quantity=quantity, start_nanoseconds=start, end_nanoseconds=end
    )


def quantities(step: Step) -> dict[str, tuple[int, int, int]]:
    return {
        one.series.instance: (one.quantity, one.start_nanoseconds, one.end_nanoseconds)
        for one in step.readings
    }


@given(
    st.integers(0, RANGE - 1),
    st.integers(0, RANGE - 1),
    st.integers(1, 999),
)
def test_a_register_is_what_it_would_have_shown_then(start: int, used: int, at: int) -> None:
    """Also where it wrapped, before or after; so the next difference is what was left."""
    end = (start + used) % RANGE
    heard = Heard(
        Step([reading(A, used, 0, 1_000 * US)], []),
        {A: Register(start, 0)},
        {A: Register(end, 1_000 * US)},
    )
    before, after = pieces_of(heard, Interval(0, 1_000 * US), Left("DE", at * US), "FR")
    first = used * at // 1_000

    assert quantities(before.step) == {"a": (first, 0, at * US)}
    assert quantities(after.step) == {"a": (used - first, at * US, 1_000 * US)}
    assert before.registers[A].value % RANGE == (start + first) % RANGE
    assert 0 <= before.registers[A].value <= RANGE
    assert before.registers[A].boottime_nanoseconds == at * US
    assert (before.zone, before.start, before.end) == ("DE", 0, at * US)
    assert (after.zone, after.start, after.end) == ("FR", at * US, 1_000 * US)
    assert after.registers is heard.now


def test_a_power_is_the_same_then() -> None:
    heard = Heard(
        Step([reading(A, 500, 0, 1_000 * US)], []),
        {A: Register(40, 0, is_power=True)},
        {A: Register(60, 1_000 * US, is_power=True)},
    )
    before, _ = pieces_of(heard, Interval(0, 1_000 * US), Left("DE", 300 * US), "FR")

    assert before.registers == {A: Register(60, 300 * US, is_power=True)}


def test_who_was_not_heard_is_where_it_was_and_who_is_new_or_reset_is_not_known_then() -> None:
    gap = Gap(source="rapl", reason="unreadable", duration_nanoseconds=5)
    reset = Point("rapl", "package", "reset")
    heard = Heard(
        Step([reading(A, 10, 0, 1_000 * US)], [gap]),
        {A: Register(5, 0), B: Register(7, 0), reset: Register(900, 0)},
        {
            A: Register(15, 1_000 * US),
            B: Register(7, 0),
            C: Register(1, 1_000 * US),
            reset: Register(2, 1_000 * US),
        },
    )
    before, after = pieces_of(heard, Interval(0, 1_000 * US), Left("DE", 500 * US), "FR")

    assert before.registers == {A: Register(10, 500 * US), B: Register(7, 0)}
    assert (before.step.gaps, after.step.gaps) == ([], [gap])


def test_at_the_edges_of_an_interval_there_is_one_piece() -> None:
    heard = Heard(
        Step([reading(A, 10, 100 * US, 200 * US + 7)], []),
        {A: Register(0, 100 * US)},
        {A: Register(10, 200 * US + 7)},
    )
    interval = Interval(100 * US, 200 * US + 7)
    (early,) = pieces_of(heard, interval, Left("DE", 100 * US), "FR")
    (late,) = pieces_of(heard, interval, Left("DE", 200 * US), "FR")

    assert (early.zone, late.zone) == ("FR", "DE")
    assert early.step is late.step is heard.step
    assert early.registers is late.registers is heard.now


def test_what_reaches_back_is_divided_also_where_the_host_moved_between_two_beats() -> None:
    heard = Heard(
        Step([reading(A, 10, 100 * US, 200 * US), reading(B, 40, 0, 200 * US)], []),
        {A: Register(0, 100 * US), B: Register(0, 0)},
        {A: Register(10, 200 * US), B: Register(40, 200 * US)},
    )
    before, after = pieces_of(heard, Interval(100 * US, 200 * US), Left("DE", 100 * US), "FR")

    assert (before.zone, before.start, before.end) == ("DE", 0, 100 * US)
    assert quantities(before.step) == {"b": (20, 0, 100 * US)}
    assert before.registers == {A: Register(0, 100 * US), B: Register(20, 100 * US)}
    assert quantities(after.step) == {"a": (10, 100 * US, 200 * US), "b": (20, 100 * US, 200 * US)}


def test_what_is_heard_late_is_divided_over_every_zone_of_its_time() -> None:
    """Two meters fell silent at different times; the host moved twice, and a register wrapped."""
    heard = Heard(
        Step(
            [
                reading(A, 300, 0, 300 * US),
                reading(B, 100, 50 * US, 300 * US),
                reading(C, 9, 290 * US, 300 * US),
            ],
            [],
        ),
        {A: Register(RANGE - 150, 0), B: Register(0, 50 * US), C: Register(1, 290 * US)},
        {A: Register(150, 300 * US), B: Register(100, 300 * US), C: Register(10, 300 * US)},
    )
    left = [Left("DE", 100 * US), Left("FR", 200 * US)]
    (first, second), rest = late_pieces(heard, left)

    assert (first.zone, first.start, first.end) == ("DE", 50 * US, 100 * US)
    assert quantities(first.step) == {"a": (100, 0, 100 * US), "b": (20, 50 * US, 100 * US)}
    assert first.registers == {
        A: Register(RANGE - 50, 100 * US),
        B: Register(20, 100 * US),
        C: Register(1, 290 * US),
    }
    assert (second.zone, second.start, second.end) == ("FR", 100 * US, 200 * US)
    assert quantities(second.step) == {
        "a": (100, 100 * US, 200 * US),
        "b": (40, 100 * US, 200 * US),
    }
    assert second.registers == {
        A: Register(50, 200 * US),
        B: Register(60, 200 * US),
        C: Register(1, 290 * US),
    }
    assert rest.earlier == second.registers
    assert quantities(rest.step)["c"] == (9, 290 * US, 300 * US)
    assert sum(one.quantity for one in rest.step.readings) == 300 + 100 + 9 - 220 - 40


def test_a_wrap_in_a_later_zone_goes_on_from_the_register_of_the_earlier_one() -> None:
    heard = Heard(
        Step([reading(A, 300, 0, 300 * US)], []),
        {A: Register(RANGE - 250, 0)},
        {A: Register(50, 300 * US)},
    )
    (first, second), _ = late_pieces(heard, [Left("DE", 100 * US), Left("FR", 200 * US)])

    assert first.registers == {A: Register(RANGE - 150, 100 * US)}
    assert second.registers == {A: Register(RANGE - 50, 200 * US)}


def test_nothing_is_late_that_began_after_the_host_had_moved() -> None:
    heard = Heard(Step([reading(A, 1, 100 * US, 200 * US)], []), {}, {})

    assert late_pieces(heard, [Left("DE", 100 * US)]) == ([], heard)
