"""What lies on the agent's disk: any byte of it may be wrong."""

from __future__ import annotations

import contextlib
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import spooling
from fakes import spooled
from fuzz.inputs import empty_directory, pieces, scratch_file
from wattgram.readings import Batch, SeriesTable
from wattgram.wire import encode_batch, encode_series
from wattgram_agent import tls_files, today
from wattgram_agent.bearer import read_token
from wattgram_agent.meter import Register
from wattgram_agent.spool import letters
from wattgram_agent.spool.entries import decode_batch
from wattgram_agent.spool.frames import BATCH, parse, parse_all
from wattgram_agent.spool.recovery import recover
from wattgram_agent.spool.sessions import FILE_NAME, read_session

PIECES_MAX = 24
AT_SECONDS = 5_000
SEQUENCE_MAX = 1 << 62
_HEADER = struct.Struct("<II")
_TWO = struct.Struct("<QQ")

FRAMED, RAW, NEXT_FILE, SESSION, APPLIED, OTHER_FILE = b"=", b"!", b"|", b"@", b"#", b"~"


def framed(body: bytes) -> bytes:
    """Return a record with this body: its length and checksum are right."""
    return _HEADER.pack(len(body), zlib.crc32(body)) + body


class _Disk:
    """What an input says is there: every piece begins with what it is."""

    def __init__(self, data: bytes) -> None:
        self.segments = [b""]
        self.session = b""
        self.applied = (0, 0)
        self.other: list[bytes] = []
        for piece in pieces(data, PIECES_MAX):
            kind, rest = piece[:1], piece[1:]
            if kind == FRAMED:
                self.segments[-1] += framed(rest)
            elif kind == NEXT_FILE:
                self.segments.append(rest)
            elif kind == SESSION:
                self.session = rest
            elif kind == APPLIED:
                self.applied = _TWO.unpack(rest[:16].ljust(16, b"\0"))
            elif kind == OTHER_FILE:
                self.other.append(rest)
            else:
                self.segments[-1] += rest

    def read(self, number: int, offset: int, length: int) -> bytes:
        return self.segments[number - 1][offset : offset + length]

    def messages(self) -> set[bytes]:
        """Return every batch that is there whole, as it would be sent."""
        return {
            record.message
            for data in self.segments
            for _, _, record in parse_all(data)
            if record is not None and record.kind == BATCH
        }

    def write(self, directory: Path) -> None:
        for number, data in enumerate(self.segments, 1):
            (directory / f"{number:012d}.segment").write_bytes(data)
        if self.session:
            (directory / FILE_NAME).write_bytes(self.session)


def recovery(data: bytes) -> bool:
    """No exception and no invented batch: what comes back lies there whole, and re-encodes."""
    disk = _Disk(data)
    session = disk.session.partition(b"\n")[0].decode(errors="replace")
    found = recover(enumerate(disk.segments, 1), disk.read, session, "other")
    there = disk.messages()
    sequences = [entry.sequence for entry in found.entries]
    assert sequences == sorted(set(sequences))
    assert all(1 <= number < found.next_sequence for number in sequences)
    for entry in found.entries:
        got = parse(disk.read(entry.segment, entry.offset, entry.length))
        assert got is not None
        assert got[0].kind == BATCH
        assert got[0].message in there
        _require_same_again(got[0].message, found.tables[entry.table_number])
    for table in found.tables.values():
        encode_series(table)
    for hole in found.holes:
        assert 1 <= hole.first <= hole.last
        loss = hole.as_loss(disk.applied[0])
        assert loss is None or loss.batches > 0
    assert found.checkpoint is None or found.newest is not None
    return bool(found.entries)


def life(data: bytes) -> bool:
    """An agent begins on it, goes on, and begins again: what is new is there, nothing is made up.

    A batch that comes back is one that lay there, or was cut from one.
    """
    disk = _Disk(data)
    directory = empty_directory("spool")
    disk.write(directory)
    spool = spooling.open_spool(directory, boot_id="boot")
    waiting = len(spool)
    there = disk.messages()
    assert all(spool.read(entry) in there for entry in spool.after(0))
    _require_readable(spool)
    for _ in range(3):
        if not spool.continue_after(disk.applied[0], [disk.applied[1]]):
            break
    assert len(spool) <= waiting
    if spool.next_sequence > SEQUENCE_MAX:
        return False
    own = spool.next_sequence
    _append(spool)
    _require_readable(spool)
    spool.drop_older_than(spooling.EPOCH)
    spool.close()

    again = spooling.open_spool(directory, boot_id="boot")
    assert own in spooling.sequences(again)
    assert again.next_sequence == own + 1
    again.close()
    return waiting > 0


def _append(spool: spooling.Spool) -> None:
    """Append what the agent measures next, with a table of its own."""
    table = spooling.table(spool.last_table_number + 1)
    one = replace(spooling.batch(AT_SECONDS, table), sequence=spool.next_sequence)
    at = Register(AT_SECONDS, AT_SECONDS * spooling.SECOND)
    spool.append(one, table, {spooling.PACKAGE: at})


def _require_readable(spool: spooling.Spool) -> None:
    for entry in spool.after(0):
        table = spool.table(entry.table_number)
        assert table is not None
        message = spool.read(entry)
        if message is None or not _require_same_again(message, table):
            spool.discard(entry)
    spooled(spool)


def _require_same_again(message: bytes, table: SeriesTable) -> Batch | None:
    """Return the batch that a message is, None where it is none."""
    batch = decode_batch(message, table)
    if batch is not None:
        assert decode_batch(encode_batch(batch), table) == batch
    return batch


def files(data: bytes) -> bool:
    """The small files beside the spool say something, or nothing; none is an exception."""
    disk = _Disk(data)
    found: list[object] = []
    for piece in disk.other[:3]:
        directory = empty_directory("agent")
        for name in (today.FILE_NAME, FILE_NAME, tls_files.PAIR_FILE):
            (directory / name).write_bytes(piece)
        (directory / tls_files.PAIR_FILE).chmod(0o600)
        found += [today.load(directory), read_session(directory).name]
        found.append(tls_files.validity(directory))
        with contextlib.suppress(OSError):
            found.append(read_token(scratch_file("token", piece)))
    directory = empty_directory("dead")
    disk.write(directory)
    found += letters.read_letters(directory)
    dead = letters.DeadLetters(directory, max_bytes=1 << 20, max_age_seconds=3600)
    dead.close()
    return any(found)
