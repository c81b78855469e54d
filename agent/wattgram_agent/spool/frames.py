"""PURE. Records as bytes: framed by length and CRC-32, so that a torn one is known for one."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

TABLE: Final = 1
BATCH: Final = 2
STATE: Final = 3
LETTER: Final = 4

_HEADER: Final = struct.Struct("<II")  # body length, CRC-32 of the body
# kind, sequence, number of its table, start, end, checkpoint length
_FIELDS: Final = struct.Struct("<BQIqqI")
BODY_BYTES_MAX: Final = 16 * 1024 * 1024
# Where a header may begin: the third and fourth byte of a length up to BODY_BYTES_MAX, four of a
# checksum, a kind. A lookahead, so that places that overlap are all found; looking for them in C
# makes a rotten segment cost milliseconds, not seconds.
_MAY_BEGIN: Final = re.compile(rb"(?=..(?:[\x00-\xff]\x00|\x00\x01).{4}[\x01-\x04])", re.DOTALL)


class Record(NamedTuple):
    """One series table, batch, state of the spool or dead letter, as it is on disk.

    A batch names its table: were it the one before it, a table that is lost would leave batches
    with another's columns. `checkpoint` is what goes with the message: a batch's registers, or
    why a letter is dead.
    """

    kind: int
    sequence: int
    table_number: int
    start_unix_nanoseconds: int
    end_unix_nanoseconds: int
    message: bytes
    checkpoint: bytes = b""


def frame(record: Record) -> bytes:
    fields = _FIELDS.pack(
        record.kind,
        record.sequence,
        record.table_number,
        record.start_unix_nanoseconds,
        record.end_unix_nanoseconds,
        len(record.checkpoint),
    )
    body = fields + record.checkpoint + record.message
    return _HEADER.pack(len(body), zlib.crc32(body)) + body


def parse(data: bytes, offset: int = 0) -> tuple[Record, int] | None:
    """Return the record at `offset` and where it ends; None when there is no whole one."""
    first = offset + _HEADER.size
    if first > len(data):
        return None
    length, checksum = _HEADER.unpack_from(data, offset)
    if not _FIELDS.size <= length <= min(BODY_BYTES_MAX, len(data) - first):
        return None
    body = data[first : first + length]
    if zlib.crc32(body) != checksum:
        return None
    kind, sequence, table, start, end, tail = _FIELDS.unpack_from(body)
    split = _FIELDS.size + tail
    if kind not in {TABLE, BATCH, STATE, LETTER} or split > length:
        return None
    checkpoint = body[_FIELDS.size : split]
    return Record(kind, sequence, table, start, end, body[split:], checkpoint), first + length


def parse_all(data: bytes) -> Iterator[tuple[int, int, Record | None]]:
    """Yield (offset, end, record) of everything; None stands for bytes that are no record."""
    offset = 0
    while offset < len(data):
        found = parse(data, offset)
        if found is not None:
            record, end = found
            yield offset, end, record
        else:
            end = _next_record(data, offset + 1)
            yield offset, end, None
        offset = end


def _next_record(data: bytes, start: int) -> int:
    """Return where the next whole record begins; the length of `data` if there is none."""
    places = (match.start() for match in _MAY_BEGIN.finditer(data, start))
    return next((at for at in places if parse(data, at)), len(data))
