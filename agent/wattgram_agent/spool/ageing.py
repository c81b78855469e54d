"""PURE. Which of the batches that wait are older than they may be.

This run's, and those of an earlier run in the same boot, are aged by the boot-time clock, which
nobody sets. What is left has only a wall clock, and that may have been wrong: what it says must
agree with the batches that came later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from wattgram.units import NANOSECONDS_PER_SECOND, SECONDS_PER_DAY
from wattgram_agent.spool.entries import Entry

BELIEVED_AGE_NANOSECONDS: Final = 366 * SECONDS_PER_DAY * NANOSECONDS_PER_SECOND
"""What seems to be beyond the limit by more than this was dated by a clock that was not set."""


def too_old(
    entries: Iterable[Entry],
    oldest_unix_nanoseconds: int,
    oldest_boottime_nanoseconds: int | None,
    newest_unix_nanoseconds: int,
    end_boottime: Callable[[Entry], int | None],
) -> list[Entry]:
    """Return the first entries that ended before the oldest that is allowed.

    One of which no clock can be believed is as old as the next one is at least.
    `newest_unix_nanoseconds` is when the newest batch ended: what seems later is not.
    `end_boottime` returns when an entry ended, None where that was in another boot.
    """
    old: list[Entry] = []
    doubtful: list[Entry] = []
    for entry in entries:
        end = end_boottime(entry) if oldest_boottime_nanoseconds is not None else None
        if end is not None and oldest_boottime_nanoseconds is not None:
            is_old = end < oldest_boottime_nanoseconds
        else:
            age = oldest_unix_nanoseconds - entry.end_unix_nanoseconds
            if age > BELIEVED_AGE_NANOSECONDS or _is_later(entry, newest_unix_nanoseconds):
                doubtful.append(entry)
                continue
            is_old = age > 0
        if not is_old:
            break
        old += [*doubtful, entry]
        doubtful = []
    return old


def _is_later(entry: Entry, newest_unix_nanoseconds: int) -> bool:
    return 0 < newest_unix_nanoseconds < entry.end_unix_nanoseconds
