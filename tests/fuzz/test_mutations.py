"""What the changes to inputs come to: every one that is meant happens, and nothing else."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from fuzz.mutations import mutated

JSON = b'~{"Power": [{"Watts": 5}], "x": "\xff"}'


def many(data: bytes) -> set[bytes]:
    return {mutated(data, random.Random(seed)) for seed in range(3_000)}


def test_a_value_in_json_becomes_another_and_what_is_around_it_stays() -> None:
    assert {
        b'~{"Power":[],"x":"\\u00ff"}',
        b'~{"Power":[{}],"x":"\\u00ff"}',
        b'~{"Power":[{"Watts":-1}],"x":"\\u00ff"}',
        b'~{"Power":"\\u00ff","x":"\\u00ff"}',
        b'~{"x":"\\u00ff"}',
        b'~{"Power": [[]], "x": "\xff"}',
    } <= many(JSON)


def test_a_line_goes_comes_twice_or_says_something_else() -> None:
    assert {b"b=2", b"b=2\na: 1", b"a: 1\na: 1\nb=2", b"a: []\nb=2", b"a: 1\nb=1000000"} <= many(
        b"a: 1\nb=2"
    )


@given(st.binary(max_size=200), st.randoms(use_true_random=False))
def test_anything_may_be_changed(data: bytes, rng: random.Random) -> None:
    assert isinstance(mutated(data, rng), bytes)
