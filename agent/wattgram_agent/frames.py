"""PURE. Records as bytes: framed by length and CRC-32, so that a torn one is known for one."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

TABLE: Final = 1
BATCH: Final = 2

_HEADER: Final = struct.Struct("<II")  # body length, CRC-32 of the body
# kind, sequence, number of its table, start, end, checkpoint length
_FIELDS: Final = struct.Struct("<BQIqqI")
BODY_BYTES_MAX: Final = 16 * 1024 * 1024


class Record(NamedTuple):
    """One series table (`sequence` is 0) or one batch, as it is on disk.

    A batch names its table: were it the one before it, a table that is lost would leave batches
    with another's columns.
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
    if kind not in {TABLE, BATCH} or split > length:
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
            end = next((at for at in range(offset + 1, len(data)) if parse(data, at)), len(data))
            yield offset, end, None
        offset = end
