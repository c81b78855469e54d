"""PURE. What a commit adds, as rows: each row once, whatever number of batches move it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wattgram_collector.accounting.emissions import Account
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensity import Intensity
from wattgram_collector.ledger.controls import (
    PRIME,
    posting_weight,
    slot_weight,
    tally_weight,
    usage_weight,
)
from wattgram_collector.ledger.entries import Entry, Outcome, Tally
from wattgram_collector.ledger.statements import CONTROL_MASK, INTEGER_MAX

Session = tuple[int, str]
Row = list[Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """What to add to each table, in the order of the statements' columns."""

    usage: Sequence[Row]
    postings: Sequence[Row]
    tallies: Sequence[Row]
    weighed: Mapping[int, Sequence[int]]
    """By agent: usage, postings and tallies, as control totals count them."""


def rows_of(sums: Mapping[Any, int]) -> list[Row]:
    return [[*key, min(quantity, INTEGER_MAX)] for key, quantity in sums.items()]


def outcomes(
    entries: Iterable[Entry], applied: Mapping[Session, int]
) -> tuple[list[Outcome], dict[Session, int]]:
    """Return what becomes of each entry, in order, and the sequences that move by it."""
    moved: dict[Session, int] = {}
    found = []
    for entry in entries:
        session = (entry.agent_key, entry.session)
        known = moved.get(session, applied.get(session, 0))
        is_new = entry.sequence > known
        found.append(Outcome(entry, is_new, entry.sequence - known - 1 if is_new else 0))
        if is_new:
            moved[session] = entry.sequence
    return found, moved


def added_rows(
    news: Iterable[Outcome],
    terms_key: Callable[[Terms], int],
    factor_key: Callable[[Intensity | None], int],
) -> Rows:
    """Return usage, postings and tallies, added up so that each row is written once."""
    usage: dict[tuple[int, int], int] = {}
    loose: dict[tuple[int, Account, int, int, int], list[Any]] = {}
    tallies: dict[tuple[int, str, str], int] = {}
    weighed: dict[int, list[int]] = {}
    for entry, _, missing in news:
        agent = entry.agent_key
        used = 0
        for row, quantity in entry.usage.items():
            usage[row] = usage.get(row, 0) + quantity
            used += quantity * usage_weight(*row)
        weighed.setdefault(agent, [0, 0, 0])[0] += used
        for (account, slot, terms, factor), quantity in entry.postings.items():
            # By identity first: a commit has thousands of postings and few terms and factors.
            where = (agent, account, slot, id(terms), id(factor))
            if where in loose:
                loose[where][0] += quantity
            else:
                loose[where] = [quantity, terms, factor]
        for (name, label), count in entry.tallies.items():
            tally = (agent, name, label)
            tallies[tally] = tallies.get(tally, 0) + count
        if missing:
            tally = (agent, Tally.MISSING_BATCHES, "")
            tallies[tally] = tallies.get(tally, 0) + missing
    postings: dict[tuple[int, str, int, int, int], int] = {}
    for (agent, account, slot, _, _), (quantity, terms, factor) in loose.items():
        posting = (agent, account, slot, terms_key(terms), factor_key(factor))
        postings[posting] = postings.get(posting, 0) + quantity
        weighed[agent][1] += quantity * posting_weight(*posting)
    for (agent, word, label), count in tallies.items():
        weighed[agent][2] += count * tally_weight(agent, word, label)
    return Rows(rows_of(usage), rows_of(postings), rows_of(tallies), weighed)


def receipt_rows(news: Iterable[Outcome]) -> tuple[list[Row], dict[Session, int]]:
    """Return which batches were added to which slots, and that as control totals count it."""
    seen: dict[tuple[int, int, str], Row] = {}
    for entry, _, _ in news:
        agent, session, sequence = entry.agent_key, entry.session, entry.sequence
        slots = {slot for _, slot in entry.usage}
        slots.update([key[1] for key in entry.postings])
        for slot in slots:
            row = seen.get((agent, slot, session))
            if row is None:
                seen[agent, slot, session] = [agent, slot, session, sequence, sequence, 1]
            else:
                row[4] = sequence  # a session's only grow
                row[5] += 1
    weighed: dict[Session, int] = {}
    for (agent, slot, session), row in seen.items():
        before = weighed.get((agent, session), 0)
        weighed[agent, session] = before + row[5] * slot_weight(slot)
    return list(seen.values()), weighed


def session_rows(
    news: Iterable[Outcome],
    applied: Mapping[Session, int],
    weighed: Mapping[int, Sequence[int]],
    receipts: Mapping[Session, int],
) -> list[Row]:
    """Return what to move in each session: its marks, and its control totals by how much.

    What an agent's rows weigh is put on one session of it: only the sum of all is checked.
    """
    seen: dict[Session, Row] = {}
    for entry, _, _ in news:
        row = seen.setdefault((entry.agent_key, entry.session), [0, 0, 0, 0, 0])
        row[0] = max(row[0], entry.received_unix_nanoseconds)
        row[1] = max(row[1], entry.newest_sample_unix_nanoseconds)
        row[2] += 1
        row[3] = (row[3] + sum(entry.usage.values())) & CONTROL_MASK
        row[4] = (row[4] + sum(entry.postings.values())) & CONTROL_MASK
    left = dict(weighed)
    rows = []
    for (agent, session), row in seen.items():
        sums = (*left.pop(agent, (0, 0, 0)), receipts.get((agent, session), 0))
        controls = [one % PRIME for one in sums]
        rows.append([agent, session, applied[agent, session], *row, *controls])
    return rows
