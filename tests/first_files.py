"""The files of the first version (tests/first_version), and its formats, written out once more.

Of this program's own code nothing is used: what the first version wrote must be read whatever
becomes of the code.
"""

from __future__ import annotations

import shutil
import sqlite3
import struct
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

FIRST: Final = Path(__file__).parent / "first_version"
AGENT_ID: Final = "6e041f68-b061-4b72-98ab-780b1708c0b3"
SESSION: Final = "73736388-825a-4bc3-b09b-46b11ba79d55"
SEGMENT: Final = "000000000001.segment"
BATCHES: Final = 6
PACKAGE_JOULES: Final = 4
"""What package 0 used in each of the batches, as the first version itself read them again."""
COUNTED: Final = {("package", "0"): 1, ("dram", "0"): 3, ("package", "1"): 4, ("dram", "1"): 6}
"""The counted zones, and how much more than package 0 each of them used."""
_DESCRIPTOR: Final = Path(__file__).parent / "contract" / "descriptors" / "v1.descriptor"
_HEADER: Final = struct.Struct("<II")  # length of the body, its CRC-32
_FIELDS: Final = struct.Struct("<BQIqqI")  # kind, sequence, table, start, end, checkpoint length
_BATCH: Final = 2
SLOT_SECONDS: Final = 300


class FirstRecord(NamedTuple):
    """One record of a segment: a series table (kind 1) or a batch (kind 2)."""

    kind: int
    sequence: int
    table: int
    start_unix_nanoseconds: int
    end_unix_nanoseconds: int
    checkpoint: bytes
    message: bytes


def records() -> Iterator[FirstRecord]:
    """Yield what the segment holds."""
    data = (FIRST / "agent" / "spool" / SEGMENT).read_bytes()
    while data:
        length, checksum = _HEADER.unpack_from(data)
        body, data = data[_HEADER.size :][:length], data[_HEADER.size + length :]
        assert zlib.crc32(body) == checksum
        *fields, tail = _FIELDS.unpack_from(body)
        rest = body[_FIELDS.size :]
        yield FirstRecord(*fields, rest[:tail], rest[tail:])


def framed(record: FirstRecord) -> bytes:
    *fields, checkpoint, message = record
    body = _FIELDS.pack(*fields, len(checkpoint)) + checkpoint + message
    return _HEADER.pack(len(body), zlib.crc32(body)) + body


def agent_message() -> Any:
    """Return the message class of the first release."""
    (file,) = descriptor_pb2.FileDescriptorSet.FromString(_DESCRIPTOR.read_bytes()).file
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)  # type: ignore[no-untyped-call]
    return message_factory.GetMessageClassesForFiles([file.name], pool)["wattgram.v1.AgentMessage"]


def state_directory(directory: Path, ends_unix_nanoseconds: int) -> Path:
    """Copy the agent's, as it would be had its last batch ended then: old batches are refused."""
    shutil.copytree(FIRST / "agent", directory)
    every = list(records())
    later = ends_unix_nanoseconds - every[-1].end_unix_nanoseconds
    message_of, segment = agent_message(), b""
    for record in every:
        moved = record
        if record.kind == _BATCH:
            message = message_of.FromString(record.message)
            message.batch.start_unix_nanoseconds += later
            moved = record._replace(
                start_unix_nanoseconds=record.start_unix_nanoseconds + later,
                end_unix_nanoseconds=record.end_unix_nanoseconds + later,
                message=message.SerializeToString(),
            )
        segment += framed(moved)
    (directory / "spool" / SEGMENT).write_bytes(segment)
    return directory


def joules_of(batches: int) -> int:
    """Return what the counted zones used in the first so many batches."""
    return batches * PACKAGE_JOULES * sum(COUNTED.values())


def deliver_to(ledger: Path, batches: int, unix_seconds: int) -> None:
    """Put the agent into a ledger of version 1, with so many of its batches applied just before.

    The other agents in it were there a moment ago too.
    """
    slot, then = unix_seconds // SLOT_SECONDS, unix_seconds * 10**9
    package = batches * PACKAGE_JOULES * 1_000_000
    with closing(sqlite3.connect(ledger)) as database, database:
        database.execute(
            "INSERT INTO agents VALUES (9, ?, 'first', ?)",
            (AGENT_ID, '{"host": "first", "os": "linux 6.1"}'),
        )
        database.execute("INSERT INTO sessions VALUES (9, ?, ?, 1, 1)", (SESSION, batches))
        database.execute(
            "UPDATE sessions SET last_seen_unix_nanoseconds = ?,"
            " newest_sample_unix_nanoseconds = ?",
            (then, then),
        )
        for key, ((domain, instance), times) in enumerate(COUNTED.items(), 90):
            database.execute(
                "INSERT INTO series VALUES (?, 9, 'energy_microjoules', 'rapl', ?, ?, 'measured',"
                " 1, ?)",
                (key, domain, instance, {"package": "cpu"}.get(domain, domain)),
            )
            database.execute("INSERT INTO usage VALUES (?, ?, ?)", (key, slot, package * times))
        database.execute(
            "INSERT INTO postings VALUES (9, 'host_microjoules', ?, 0, ?)",
            (slot, joules_of(batches) * 1_000_000),
        )
        database.execute("INSERT INTO tallies VALUES (9, 'readings', '', ?)", (batches * 14,))
