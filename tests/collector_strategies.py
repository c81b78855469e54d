"""What hypothesis draws for the collector: batches that lie anywhere, streams of entries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import strategies as st

from builders import DRAM, NOW, PACKAGE, RECEIVE, SLOT, entry, intensity
from wattgram.readings import Batch, Reach
from wattgram.units import (
    ACCOUNTING_SLOT_NANOSECONDS,
    BYTES_PER_GIGABYTE,
    MICROSECONDS_PER_SECOND,
    SECONDS_PER_HOUR,
)
from wattgram_collector.ledger import Entry, Tally

HOUR_MICROSECONDS = SECONDS_PER_HOUR * MICROSECONDS_PER_SECOND

quantities = st.integers(0, 1 << 50)
labels = st.text(st.characters(codec="utf-8").filter(str.isprintable), min_size=1, max_size=20)
starts = st.integers(NOW - ACCOUNTING_SLOT_NANOSECONDS, NOW + ACCOUNTING_SLOT_NANOSECONDS)


@st.composite
def intervals_of_time(draw: st.DrawFn) -> tuple[int, int]:
    """Return [start, end) in nanoseconds: from an instant to a few hours, often on a border."""
    start = draw(starts | st.just(SLOT * ACCOUNTING_SLOT_NANOSECONDS))
    length = draw(
        st.integers(1, 20 * ACCOUNTING_SLOT_NANOSECONDS)
        | st.integers(1, 20).map(lambda slots: slots * ACCOUNTING_SLOT_NANOSECONDS)
    )
    return start, start + length


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    """A batch of up to four columns, with holes, lengths and reaches of every kind."""
    count = draw(st.integers(0, 5))
    lengths = st.integers(1, HOUR_MICROSECONDS) | st.integers(1, MICROSECONDS_PER_SECOND)
    cells = st.none() | quantities
    columns = draw(st.lists(st.lists(cells, min_size=count, max_size=count), max_size=4))
    reachable = [
        index
        for index, cell in enumerate(cell for column in columns for cell in column)
        if cell is not None
    ]
    reached = draw(st.sets(st.sampled_from(reachable), max_size=3)) if reachable else set()
    return Batch(
        sequence=1,
        series_number=1,
        start_unix_nanoseconds=draw(starts),
        start_boottime_nanoseconds=0,
        interval_microseconds=tuple(draw(st.lists(lengths, min_size=count, max_size=count))),
        columns=tuple(columns),
        reaches=tuple(
            Reach(cell=cell, nanoseconds=draw(st.integers(1, 3 * ACCOUNTING_SLOT_NANOSECONDS)))
            for cell in sorted(reached)
        ),
    )


# ── what two agents say, and how it arrives ──────────────────────────────────────────────

_FACTORS = (None, intensity("FR", "44.18"), intensity("DE", "341.5"), intensity("DE", "0"))


@st.composite
def entry_streams(draw: st.DrawFn, agent_key: int) -> tuple[Entry, ...]:
    """What one agent says, in order: sequences rise, some are missing, some were refused."""
    stream = []
    sequence = 0
    for _ in range(draw(st.integers(1, 6))):
        sequence += draw(st.sampled_from((1, 1, 1, 2, 5)))
        if draw(st.integers(0, 5)) == 0:
            tallies = {(Tally.REFUSED_BATCHES, "future"): 1}
            usage = {}
        else:
            tallies = {(Tally.READINGS, ""): draw(st.integers(1, 100))}
            if draw(st.booleans()):
                tallies[Tally.GAPS, draw(labels)] = draw(st.integers(1, 9))
            usage = draw(
                st.dictionaries(
                    st.tuples(
                        st.sampled_from((PACKAGE, DRAM, RECEIVE)), st.integers(SLOT, SLOT + 2)
                    ),
                    st.integers(0, BYTES_PER_GIGABYTE),
                    max_size=4,
                )
            )
        stream.append(
            entry(
                sequence,
                usage,
                agent_key=agent_key,
                factor=draw(st.sampled_from(_FACTORS)),
                tallies=tallies,
                received_unix_nanoseconds=NOW + sequence,
                newest_sample_unix_nanoseconds=NOW - sequence,
            )
        )
    return tuple(stream)


class Delivery(NamedTuple):
    """What two agents say, and the calls of apply() in which it comes; None reopens the file."""

    streams: tuple[Sequence[Entry], ...]
    calls: Sequence[Sequence[Entry] | None]


@st.composite
def deliveries(draw: st.DrawFn) -> Delivery:
    """Return two streams, delivered with every kind of repetition.

    An agent sends in order and begins again from any earlier batch whenever its connection
    drops; the batches of both mix, come in groups of any size, and the ledger is reopened
    between any two groups.
    """
    streams = (draw(entry_streams(1)), draw(entry_streams(2)))
    sent = []
    for stream in streams:
        order: list[Entry] = []
        reached = 0
        while reached < len(stream):
            begins = draw(st.integers(0, reached))
            reached = draw(st.integers(reached + 1, len(stream)))
            order += stream[begins:reached]
            if draw(st.booleans()):
                order += stream[:reached]
        sent.append(order)
    turns = draw(st.permutations([0] * len(sent[0]) + [1] * len(sent[1])))
    waiting = [iter(order) for order in sent]
    calls: list[Sequence[Entry] | None] = []
    group: list[Entry] = []
    for turn in turns:
        group.append(next(waiting[turn]))
        what = draw(st.sampled_from(("wait", "apply", "reopen")))
        if what != "wait":
            calls.append(group)
            group = []
        if what == "reopen":
            calls.append(None)
    return Delivery(streams, [*calls, group])
