"""PURE. When a provider is asked next, for which zone, and for which time.

Times are seconds: of the wall where a slot is meant, of any steady clock where a wait is. The dice
are numbers from 0 to 1 of the caller's. A zone is asked once in each slot, shortly after its end
and the provider's lag, for what is not measured yet and for forecasts; slots further back, and
measured ones that may have been revised, are swept at a slow pace, in pieces.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from wattgram.units import SECONDS_PER_DAY, SECONDS_PER_HOUR
from wattgram_collector.intensities.providers.provider import Outcome, Window
from wattgram_collector.intensities.providers.reading import chunks

JITTER: Final = 0.1
BACKOFF_SECONDS_MIN: Final = 30.0
BACKOFF_SECONDS_MAX: Final = 900.0
FAILURES_TO_OPEN: Final = 5
START_SECONDS: Final = 10.0
HISTORY_SECONDS: Final = 7 * SECONDS_PER_DAY
RECENT_SECONDS: Final = SECONDS_PER_DAY
REVISION_SECONDS: Final = 2 * SECONDS_PER_DAY
SWEEP_SECONDS: Final = 6 * SECONDS_PER_HOUR

_OF_THE_SERVER: Final = frozenset(
    {
        Outcome.UNAUTHORIZED,
        Outcome.RATE_LIMITED,
        Outcome.SERVER_ERROR,
        Outcome.TIMEOUT,
        Outcome.UNREACHABLE,
    }
)
_MAY_PASS_SOON: Final = frozenset({Outcome.SERVER_ERROR, Outcome.TIMEOUT, Outcome.UNREACHABLE})


class Manners(NamedTuple):
    """What a provider bears and gives."""

    requests: int
    per_seconds: float
    """No more than `requests` in any `per_seconds`."""
    for_each_zone: bool = False
    """Whether that is meant for each zone, or in all."""
    window_seconds_max: int = HISTORY_SECONDS
    """The longest time that one answer covers."""
    forecast_seconds: int = 0
    """How far ahead its forecasts go."""


class Budget:
    """Requests in any stretch of time: no more than the provider allows."""

    def __init__(self, requests: int, per_seconds: float) -> None:
        self._per_seconds = per_seconds
        self._spent: deque[float] = deque([-per_seconds] * requests, maxlen=requests)

    def wait_seconds(self, now: float) -> float:
        """Return how long to wait until one request more is allowed; 0: now."""
        return max(0.0, self._spent[0] + self._per_seconds - now)

    def spend(self, now: float) -> bool:
        """Count one request; return whether it is allowed, and may be made."""
        if self.wait_seconds(now) > 0:
            return False
        self._spent.append(now)
        return True


class Circuit(NamedTuple):
    """Whether a provider is left alone, whatever the zone: after failures that are the server's.

    `open_until` is on the steady clock: nothing is asked before.
    """

    failures: int = 0
    open_until: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether only one request is let through now and then, to see."""
        return self.failures >= FAILURES_TO_OPEN

    def after(
        self, outcome: Outcome, retry_after_seconds: float | None, now: float, dice: float
    ) -> Circuit:
        """Return the circuit after an answer; what is wrong with one zone does not open it."""
        if outcome not in _OF_THE_SERVER:
            return Circuit()
        failures = self.failures + 1
        wait = (retry_after_seconds or 0.0) * (1 + JITTER * dice)
        if failures >= FAILURES_TO_OPEN:
            wait = max(wait, BACKOFF_SECONDS_MAX * (1 + JITTER * dice))
        return Circuit(failures, max(self.open_until, now + wait))


def slot_wait_seconds(now: float, slot_seconds: int, lag_seconds: float, dice: float) -> float:
    """Return how long until the end of the slot that is published next, its lag, and jitter.

    `now` is unix seconds. The jitter is up to a tenth of a slot.
    """
    since = (now - lag_seconds) % slot_seconds
    return slot_seconds - since + JITTER * slot_seconds * dice


def backoff_seconds(
    outcome: Outcome, failures: int, retry_after_seconds: float | None, dice: float
) -> float:
    """Return how long to wait after the `failures`th failure in a row, from 1.

    What may pass soon is tried again from half a minute on, doubling; anything else would be the
    same again, and a key that is refused may be one that was used too often: 15 minutes. Never
    sooner than the provider asks.
    """
    wait = BACKOFF_SECONDS_MAX
    if outcome in _MAY_PASS_SOON:
        wait = min(wait, BACKOFF_SECONDS_MIN * 2.0 ** min(failures - 1, 10))
    wait *= 1 - dice / 2 if outcome in _MAY_PASS_SOON else 1 + JITTER * dice
    if retry_after_seconds is not None:
        wait = max(wait, retry_after_seconds * (1 + JITTER * dice))
    return wait


def lacking(measured: Iterable[Window], span: Window, slot_seconds: int) -> list[Window]:
    """Return the parts of `span` that no window of `measured` covers, in order, slot by slot.

    A part begins and ends where slots do.
    """
    parts = []
    position = span.start_unix_seconds
    for start, end in (*sorted(measured), (span.end_unix_seconds, span.end_unix_seconds)):
        until = min(start, span.end_unix_seconds)
        if until > position:
            first = position // slot_seconds * slot_seconds
            last = -(-until // slot_seconds) * slot_seconds
            parts.append(Window(first, last))
        position = max(position, end)
    return parts


def current_window(
    measured: Iterable[Window], now: int, slot_seconds: int, manners: Manners
) -> Window:
    """Return what to ask in each slot: from the oldest recent slot that is not measured on, to
    the end of the forecasts, no longer than one answer covers. `now` is unix seconds.
    """
    reach = min(RECENT_SECONDS, manners.window_seconds_max // 2)
    here = now // slot_seconds * slot_seconds
    missing = lacking(measured, Window(here - reach, here + slot_seconds), slot_seconds)
    start = missing[0].start_unix_seconds if missing else here
    end = here + max(slot_seconds, manners.forecast_seconds)
    return Window(start, min(end, start + manners.window_seconds_max))


def sweep_windows(
    measured: Iterable[Window], now: int, slot_seconds: int, manners: Manners
) -> tuple[Window, ...]:
    """Return what to ask of what is past, in as few pieces as answers allow: the last two days,
    which may have been revised, and what is not measured before that, to seven days back.
    """
    here = now // slot_seconds * slot_seconds
    revised = here - REVISION_SECONDS
    missing = lacking(measured, Window(here - HISTORY_SECONDS, revised), slot_seconds)
    wanted: list[Window] = []
    for part in (*missing, Window(revised, here)):
        if wanted and part.end_unix_seconds - wanted[-1].start_unix_seconds <= min(
            manners.window_seconds_max, HISTORY_SECONDS
        ):
            wanted[-1] = Window(wanted[-1].start_unix_seconds, part.end_unix_seconds)
        else:
            wanted += chunks(part, manners.window_seconds_max)
    return tuple(wanted)


@dataclass(frozen=True, slots=True)
class Turn:
    """When one zone is asked next, on a steady clock."""

    due: float
    sweep_due: float
    failures: int = 0
    sweep: tuple[Window, ...] = ()

    @property
    def next_due(self) -> float:
        return min(self.due, self.sweep_due)


def first_turn(
    *, is_fresh: bool, is_whole: bool, now: float, wait_seconds: float, dice: float
) -> Turn:
    """Return the turn of a zone that is new.

    `is_fresh`: the newest slot that should be published is kept already, as after a restart, so
    that the next one is soon enough, `wait_seconds` from now. `is_whole`: so is all before the
    recent past. Otherwise it is asked, or swept, within seconds.
    """
    return Turn(
        due=now + (wait_seconds if is_fresh else START_SECONDS * dice),
        sweep_due=now + (SWEEP_SECONDS if is_whole else 2 * START_SECONDS) * (1 + dice) / 2,
    )


def after_success(turn: Turn, now: float, wait_seconds: float, dice: float) -> Turn:
    """Return the turn after an answer: the next slot, and after failures what was missed."""
    sweep_due = turn.sweep_due
    if turn.failures:
        sweep_due = min(sweep_due, now + START_SECONDS * dice)
    return replace(turn, due=now + wait_seconds, failures=0, sweep_due=sweep_due)


def after_failure(turn: Turn, now: float, wait_seconds: float) -> Turn:
    """Return the turn after a failure: nothing of the zone is asked before the wait is over."""
    due = now + wait_seconds
    return replace(turn, due=due, sweep_due=max(turn.sweep_due, due), failures=turn.failures + 1)


def after_piece(turn: Turn, now: float, dice: float) -> Turn:
    """Return the turn after one piece of a sweep: the next piece soon, the next sweep late."""
    rest = turn.sweep[1:]
    wait = START_SECONDS if rest else SWEEP_SECONDS
    return replace(turn, sweep=rest, sweep_due=now + wait * (1 + JITTER * dice))
