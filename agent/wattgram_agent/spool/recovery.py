"""What an earlier run left on disk, read back: any byte of it may be wrong.

A record that cannot be read costs itself only. Tables lie there more than once; batches that are
missing are known by their numbers, and how long they were by the batches around them. Of two
batches under one number the later is good: it was written when the other could not be read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, NamedTuple

from wattgram.readings import SeriesTable
from wattgram.wire import WireError, decode_agent_message
from wattgram_agent.spool import checkpoints
from wattgram_agent.spool.entries import Entry, decode_batch
from wattgram_agent.spool.frames import BATCH, STATE, TABLE, Record, parse, parse_all
from wattgram_agent.spool.losses import decode_state
from wattgram_agent.spool.recovered import Hole, Recovered

SEQUENCE_MAX: Final = (1 << 63) - 1


class Found(NamedTuple):
    """A batch on disk, without what it holds: there may be more of them than memory."""

    entry: Entry
    first_waiting: int
    session_tag: int


Read = Callable[[int, int, int], bytes]
Versions = dict[int, dict[int, bytes]]
"""Tables as they are on disk, by number and segment."""


def recover(
    segments: Iterable[tuple[int, bytes]], read: Read, session: str = "", otherwise: str = ""
) -> Recovered:
    """Read back what the segments hold of a session; '' for the one of the newest state.

    Where there is no state, of the session `otherwise`; '' for any. `read` returns bytes of a
    segment, given its number, offset and length; it may raise OSError.
    """
    told = Recovered()
    batches: list[Found] = []
    versions: Versions = {}
    rotten: list[tuple[int, int]] = []
    for number, data in segments:
        for offset, end, record in parse_all(data):
            if record is None:
                rotten.append((number, offset))
            elif record.kind == STATE:
                _take_state(told, record, session)
            elif record.kind == TABLE:
                versions.setdefault(record.table_number, {})[number] = record.message
            elif record.kind == BATCH and 1 <= record.sequence < SEQUENCE_MAX:
                batches.append(_found(record, number, offset, end - offset))
    told.corrupt_records += len(rotten)
    _take_tables(told, versions)
    ours = tags = {found.session_tag for found in batches}
    if name := session or told.session or otherwise:
        ours = {0, checkpoints.tag_of(name)}
    told.has_strangers = not tags <= ours
    _take_batches(told, _in_order(batches, ours), versions, rotten)
    told.use_again()
    return _with_times(told, read)


def _found(record: Record, segment: int, offset: int, length: int) -> Found:
    _, first_waiting, tag = checkpoints.split(record.checkpoint)
    entry = Entry(
        record.sequence,
        record.table_number,
        record.start_unix_nanoseconds,
        record.end_unix_nanoseconds,
        segment,
        offset,
        length,
    )
    return Found(entry, first_waiting, tag)


def _take_state(told: Recovered, record: Record, session: str) -> None:
    """Take a state of the session that is newer than the one before."""
    try:
        losses, name = decode_state(record.message)
    except ValueError:
        told.corrupt_records += 1
        return
    if losses.version >= told.losses.version and session in {"", name}:
        told.losses, told.session = losses, name


def _take_tables(told: Recovered, versions: Versions) -> None:
    """Take every table; of two that share a number, as after one could not be read, the newer."""
    for number, messages in versions.items():
        told.last_table_number = max(told.last_table_number, number)
        table = None
        with contextlib.suppress(WireError):
            table = decode_agent_message(messages[max(messages)], {})
        if isinstance(table, SeriesTable):
            told.tables[number] = table
        else:
            told.corrupt_records += 1


def _in_order(batches: Iterable[Found], tags: Collection[int]) -> list[Found]:
    """Return our batches in the order of their numbers, of two that share one the later."""
    ours = {found.entry.sequence: found for found in batches if found.session_tag in tags}
    return [ours[sequence] for sequence in sorted(ours)]


def _is_usable(entry: Entry, told: Recovered, versions: Versions) -> bool:
    """Return whether the table of a batch is there, and is the one that it was measured by."""
    if entry.table_number not in told.tables:
        return False
    messages = versions[entry.table_number]
    newest = messages[max(messages)]
    return messages.get(entry.segment, newest) == newest


def _take_batches(
    told: Recovered,
    ordered: Sequence[Found],
    versions: Versions,
    rotten: Sequence[tuple[int, int]],
) -> None:
    """Take what is usable; what is not, after it, as if it had never been."""
    losses = told.losses
    losses.floor = max([losses.floor, *(found.first_waiting for found in ordered)])
    entries = [found.entry for found in ordered]
    told.last_table_number = max([told.last_table_number, *(one.table_number for one in entries)])
    usable = [entry for entry in entries if _is_usable(entry, told, versions)]
    told.corrupt_records += len(entries) - len(usable)
    last = usable[-1] if usable else None
    after = last.sequence if last else 0
    tail = [one for one in entries if one.sequence > after and not losses.is_done(one.sequence)]
    if tail:
        spans = sum(max(0, entry.duration_nanoseconds) for entry in tail)
        told.tail = Hole(first=after + 1, last=tail[-1].sequence, duration_nanoseconds=spans)
    elif any(last is None or place > (last.segment, last.offset) for place in rotten):
        told.tail = Hole(first=after + 1, last=after + 1, duration_nanoseconds=None)
    if last is None:
        return
    told.newest = last
    told.next_sequence = last.sequence + 1
    first = usable[0]
    if not any(place < (first.segment, first.offset) for place in rotten):
        # What is missing before the first was delivered, and removed.
        losses.settled = max(losses.settled, first.sequence - 1)
    told.gaps = _gaps(usable, max(losses.settled, losses.floor - 1))
    told.entries = [entry for entry in usable if not losses.is_done(entry.sequence)]


def _gaps(usable: Sequence[Entry], done: int) -> list[tuple[Entry | None, Entry]]:
    """Return the batches before and after which numbers are missing, past what is done with."""
    gaps: list[tuple[Entry | None, Entry]] = []
    before: Entry | None = None
    for after in usable:
        if max(done, before.sequence if before else 0) + 1 < after.sequence:
            gaps.append((before, after))
        before = after
    return gaps


def _with_times(told: Recovered, read: Read) -> Recovered:
    """Add what must be read for: the newest registers, and how long what is missing was."""
    if told.newest is not None:
        record = _record(told.newest, read)
        registers = checkpoints.split(record.checkpoint).registers if record else b""
        told.checkpoint = checkpoints.unpack(told.tables[told.newest.table_number], registers)
    done = max(told.losses.settled, told.losses.floor - 1)
    for before, after in told.gaps:
        first = max(done, before.sequence if before else 0) + 1
        spans = [_boottime(told, entry, read) for entry in (before, after)]
        told.holes.append(
            Hole(first=first, last=after.sequence - 1, duration_nanoseconds=_between(*spans))
        )
    return told


def _record(entry: Entry, read: Read) -> Record | None:
    try:
        found = parse(read(entry.segment, entry.offset, entry.length))
    except OSError:
        return None
    return found[0] if found else None


Span = tuple[str, int, int]


def _between(before: Span | None, after: Span | None) -> int | None:
    """Return how long nothing is known of: None over a reboot, which nobody timed."""
    if before is None or after is None or before[0] != after[0] or after[1] < before[2]:
        return None
    return after[1] - before[2]


def _boottime(told: Recovered, entry: Entry | None, read: Read) -> Span | None:
    """Return the boot of a batch, and when in it the batch began and ended."""
    record = _record(entry, read) if entry is not None else None
    if entry is None or record is None:
        return None
    table = told.tables[entry.table_number]
    batch = decode_batch(record.message, table)
    if batch is None:
        return None
    start = batch.start_boottime_nanoseconds
    return table.boot_id, start, start + batch.duration_nanoseconds
