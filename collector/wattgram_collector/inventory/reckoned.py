"""PURE. Activities of the journal to what they come to in a period."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from wattgram_collector.inventory.activities.activity import FactorTable, RowError
from wattgram_collector.inventory.activities.kept import Kept
from wattgram_collector.inventory.activities.kinds import KINDS
from wattgram_collector.inventory.guards import Reckoned
from wattgram_collector.inventory.metering.cutting import within
from wattgram_collector.inventory.periods import Interval
from wattgram_collector.inventory.postings import Posting, Role
from wattgram_collector.inventory.result import Unknown
from wattgram_collector.progress import Tell, nobody

_TOLD_EVERY = 500


class ReckonError(ValueError):
    """An activity that was taken once and that this version's kinds refuse; the text names it."""


def reckoned(
    kept: Iterable[Kept], table: FactorTable, interval: Interval, tell: Tell = nobody
) -> Iterator[Reckoned]:
    """Yield what each activity comes to in `interval`; what crosses its end by its share of time.

    Raises ReckonError.
    """
    found = list(kept)
    for done, one in enumerate(found):
        if done % _TOLD_EVERY == 0:
            tell(done, len(found))
        activity = one.activity
        if activity.interval.overlap(interval) is None:
            continue
        try:
            postings = list(KINDS[activity.kind].reckon(activity, table))
        except RowError as error:
            raise ReckonError(
                f"activity {activity.activity_id!r} (entry {one.number}, {one.source.file} line"
                f" {one.line}): {error}; withdraw it, or take it again as it should be"
            ) from error
        parts = [part for posting in postings if (part := within(posting, interval)) is not None]
        yield Reckoned(activity, [_evident(part, one) for part in parts])


def _evident(posting: Posting, kept: Kept) -> Posting:
    """Return the posting with the way back: the journal's entry, the file and its line."""
    where = f"journal entry {kept.number}, {kept.source.file} line {kept.line}"
    said = f"; {posting.evidence}" if posting.evidence else ""
    return replace(posting, evidence=f"{where}{said}")


def unpriced(postings: Iterable[Posting]) -> Iterator[Unknown]:
    """Yield what activities say and no factor prices: it is in no total."""
    for one in postings:
        if one.grams is None and one.role is Role.PRIMARY and one.subject.startswith("activity/"):
            kwh = one.quantity if one.unit == "kWh" else None
            quantity = "" if one.quantity is None else f"{float(one.quantity):g} {one.unit} of "
            why = one.note or "no factor prices it"
            yield Unknown(one.subject, f"{quantity}{one.stage} at {one.place}: {why}", kwh)
