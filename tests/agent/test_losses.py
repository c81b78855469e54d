"""What is lost is told until it is heard; what is on disk of it may be anything."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wattgram_agent.spool.losses import DEAD, FULL, Loss, Losses, decode_state

losses = st.builds(
    Loss,
    reason=st.sampled_from([FULL, DEAD]),
    batches=st.integers(0, 1 << 70),
    duration_nanoseconds=st.integers(0, 1 << 70),
    unknown=st.integers(0, 9),
    energy_microjoules=st.integers(0, 1 << 70),
)


@given(
    st.lists(losses, max_size=4),
    st.dictionaries(st.integers(1, 9), st.lists(losses, max_size=2).map(tuple)),
    st.sets(st.integers(0, 99)),
    st.integers(0, 99),
)
def test_a_state_is_read_as_it_was_written_but_for_numbers_that_are_done(
    owed: list[Loss], told: dict[int, tuple[Loss, ...]], gone: set[int], floor: int
) -> None:
    given_losses = Losses(told=told, floor=floor, settled=7, gone=gone, version=3)
    for loss in owed:
        given_losses.add(loss)
    found, session = decode_state(given_losses.encode("name"))

    assert session == "name"
    assert (found.owed, found.told) == (given_losses.owed, told)
    assert (found.floor, found.settled, found.version) == (floor, 7, 4)
    assert found.gone == {number for number in gone if number >= floor}


@given(st.lists(losses, max_size=8), st.lists(st.booleans(), max_size=8))
def test_what_is_told_and_does_not_arrive_is_told_again_and_adds_up(
    given_losses: list[Loss], arrives: list[bool]
) -> None:
    books, heard = Losses(), Loss(FULL, 0)
    for sequence, loss in enumerate(given_losses):
        books.add(loss._replace(reason=FULL))
        books.tell(sequence)
        if sequence < len(arrives) and arrives[sequence]:
            heard = heard.and_also(books.told[sequence][0])
            books.arrived([sequence])
        else:
            books.owe_again([sequence])
    left = sum(loss.batches for loss in books.owed.values())

    assert heard.batches + left == sum(loss.batches for loss in given_losses)
    assert books.told == {}


def state(**fields: object) -> bytes:
    whole = {"owed": [], "told": [], "floor": 0, "settled": 0, "gone": [], "version": 1}
    return json.dumps(whole | {"session": "s"} | fields).encode()


@given(st.binary(max_size=60))
@example(b"[]")
@example(b"[" * 100_000)
@example(state(floor=float("inf")))
@example(state(gone=["x"]))
@example(state(owed=[["spool_full", -1, 0, 0, 0]]))
@example(state(owed=[["rumour", 1, 0, 0, 0]]))
@example(state(owed=[["spool_full", 1]]))
def test_what_is_no_state_is_said_to_be_none(data: bytes) -> None:
    assert decode_state(state())[1] == "s"
    with pytest.raises(ValueError, match="not a state of the spool"):
        decode_state(data)


def test_a_count_that_no_message_holds_is_told_as_the_largest_that_does() -> None:
    assert Loss(FULL, 1 << 40).as_gap().count == (1 << 32) - 1
