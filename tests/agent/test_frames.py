"""Records as bytes: a torn or flipped one is known for one, and costs itself only."""

from __future__ import annotations

import struct
import zlib

from hypothesis import example, given
from hypothesis import strategies as st

from wattgram_agent.spool.frames import (
    BATCH,
    BODY_BYTES_MAX,
    TABLE,
    Record,
    frame,
    parse,
    parse_all,
)

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
records = st.builds(
    Record,
    kind=st.sampled_from([TABLE, BATCH]),
    sequence=st.integers(0, (1 << 64) - 1),
    table_number=st.integers(0, (1 << 32) - 1),
    start_unix_nanoseconds=INT64,
    end_unix_nanoseconds=INT64,
    message=st.binary(max_size=60),
    checkpoint=st.binary(max_size=60),
)
FEW = [
    Record(TABLE, 0, 1, 5, 5, b"table"),
    Record(BATCH, 1, 1, 5, 9, b"first", b"registers"),
    Record(BATCH, 2, 1, 9, 12, b"", b""),
    Record(BATCH, 3, 1, 12, 20, bytes(30), b"registers"),
]
FILE = b"".join(frame(record) for record in FEW)
EDGES = [sum(len(frame(record)) for record in FEW[:n]) for n in range(len(FEW) + 1)]


def whole(data: bytes) -> list[Record]:
    return [record for _, _, record in parse_all(data) if record is not None]


@given(st.lists(records, max_size=6))
def test_records_are_read_back_in_order(given_records: list[Record]) -> None:
    data = b"".join(frame(record) for record in given_records)
    found = list(parse_all(data))

    assert [record for _, _, record in found] == given_records
    assert [offset for offset, _, _ in found] == [0, *(end for _, end, _ in found)][: len(found)]
    assert all(parse(data, offset) == (record, end) for offset, end, record in found)


def test_a_write_that_was_torn_anywhere_leaves_the_records_before_it() -> None:
    for cut in range(len(FILE)):
        before = sum(edge <= cut for edge in EDGES[1:])

        assert whole(FILE[:cut]) == FEW[:before], cut
        assert len(list(parse_all(FILE[:cut]))) == before + (cut not in EDGES), cut


def test_a_bit_that_was_flipped_anywhere_costs_its_record_only() -> None:
    for at in range(len(FILE)):
        hit = sum(edge <= at for edge in EDGES[1:])
        for bit in range(8):
            data = bytearray(FILE)
            data[at] ^= 1 << bit

            assert whole(bytes(data)) == FEW[:hit] + FEW[hit + 1 :], (at, bit)


@given(st.lists(records, max_size=3), st.binary(max_size=60), st.lists(records, max_size=3))
@example([], bytes(64), FEW)
@example([], struct.pack("<II", BODY_BYTES_MAX + 1, 0), FEW)
def test_garbage_between_records_costs_itself_only(
    before: list[Record], garbage: bytes, after: list[Record]
) -> None:
    """As a file has it whose blocks were allocated before the power went."""
    first, last = (b"".join(frame(r) for r in some) for some in (before, after))
    found = list(parse_all(first + garbage + last))

    assert [record for _, _, record in found if record] == before + after
    assert sum(record is None for _, _, record in found) == bool(garbage)


def test_a_checksum_does_not_make_nonsense_a_record() -> None:
    good = frame(FEW[1])
    nonsense = [
        frame(FEW[1]._replace(kind=9)),
        frame(FEW[1]._replace(checkpoint=b""))[:8],
        b"",
        good[:7],
    ]

    assert [parse(data) for data in nonsense] == [None] * 4


def test_a_checkpoint_longer_than_its_record_is_refused() -> None:
    def forged(tail: int) -> bytes:
        body = struct.pack("<BQIqqI", BATCH, 1, 1, 0, 0, tail) + b"1234"
        return struct.pack("<II", len(body), zlib.crc32(body)) + body

    assert parse(forged(4)) is not None
    assert parse(forged(5)) is None
