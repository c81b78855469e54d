"""A spool that goes on under another name. What waits is copied: a record is of one session."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from wattgram.readings import SeriesTable
from wattgram.wire import encode_batch
from wattgram_agent.spool import checkpoints
from wattgram_agent.spool.entries import Entry, decode_batch, in_portions
from wattgram_agent.spool.losses import Losses
from wattgram_agent.spool.shelf import Shelf

Heir = tuple[Entry, SeriesTable]
"""The batch whose registers are those to go on from, and its table."""

_NOTHING: Final = b""


def move(
    shelf: Shelf,
    entries: Sequence[Entry],
    session: str,
    messages: Mapping[int, bytes],
    tables: Mapping[int, SeriesTable],
    losses: Losses,
    heir: Heir | None,
    keep: Collection[int],
) -> None:
    """Go on in another session with these entries; what is in memory is on disk then.

    `messages` are put in place of some of them. `heir` goes along if it is none of them. `keep`
    are the numbers whose registers go along. The small file is written last, and is the word.
    Raises OSError: then nothing has changed.
    """
    last = entries[-1].sequence if entries else 0
    is_marked = heir is not None and heir[0].sequence != last
    gone, losses.gone = losses.gone, {heir[0].sequence} if heir and is_marked else set()
    take_back = shelf.begin_copies(session)
    copies: list[tuple[Entry, Entry]] = []
    try:
        copied = _copied(shelf, entries, messages, keep, copies)
        for some in in_portions(copied):
            shelf.put(some, tables, losses, with_state=False)
        if heir and is_marked:
            _mark(shelf, *heir, losses)
        shelf.put_state(losses)
        shelf.put_session()
    except OSError:
        losses.gone = gone
        for _, copy in copies:
            shelf.release(copy)
        take_back()
        raise
    for entry, copy in copies:
        shelf.release(entry)
        entry.segment, entry.offset, entry.length = copy.segment, copy.offset, copy.length
        entry.message, entry.checkpoint = None, _NOTHING


def with_good_registers(entries: Sequence[Entry], newest: int, *, is_stale: bool) -> set[int]:
    """Return whose registers may be gone on from, were it the last that can be read.

    Something that came after the others is delivered: from theirs it would be counted again.
    `newest` is the last number that was given to a batch. `is_stale` says that all registers on
    disk are older than what was delivered.
    """
    good: set[int] = set()
    for entry in reversed(entries):
        if entry.sequence != newest - len(good) or (is_stale and entry.message is None):
            break
        good.add(entry.sequence)
    return good


def _copied(
    shelf: Shelf,
    entries: Sequence[Entry],
    messages: Mapping[int, bytes],
    keep: Collection[int],
    copies: list[tuple[Entry, Entry]],
) -> Iterator[Entry]:
    """Yield copies in memory, noted beside what they are of; what rotted is passed over."""
    for entry in entries:
        if entry.message is not None:
            copy = replace(entry)
        elif record := shelf.record(entry):
            registers = checkpoints.split(record.checkpoint).registers
            message = messages.get(entry.sequence, record.message)
            copy = replace(entry, message=message, checkpoint=registers)
        else:
            continue
        if entry.sequence not in keep:
            copy.checkpoint = _NOTHING
        copies.append((entry, copy))
        yield copy


def _mark(shelf: Shelf, newest: Entry, table: SeriesTable, losses: Losses) -> None:
    """Write the newest batch, which waits no more, emptied: its registers are those to go on from.

    Should it be taken for one that waits, it says nothing.
    """
    record = shelf.record(newest)
    batch = decode_batch(record.message, table) if record else None
    if record is None or batch is None:
        return
    empty = replace(
        batch,
        interval_microseconds=(),
        columns=tuple([] for _ in batch.columns),
        reaches=(),
        gaps=(),
    )
    registers = checkpoints.split(record.checkpoint).registers
    mark = replace(newest, message=encode_batch(empty), checkpoint=registers)
    shelf.put([mark], {table.number: table}, losses, with_state=False)
    shelf.release(mark)
