"""Asks one provider, for ever and at its pace: each zone once a slot, for the whole fleet.

One task, one request at a time, so that nothing is asked twice. What is found goes to a sink;
what fails is counted, logged once when it begins and once when it is over, and costs nothing but
its requests: no provider, whatever it answers, ends the collector.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from wattgram_collector.intensities.providers import schedule
from wattgram_collector.intensities.providers.belief import believed
from wattgram_collector.intensities.providers.counts import Metered
from wattgram_collector.intensities.providers.health import LOG, Health
from wattgram_collector.intensities.providers.provider import Outcome, ProviderError, Window
from wattgram_collector.intensities.providers.schedule import Budget, Circuit, Turn
from wattgram_collector.intensities.providers.settings import ZONES_MAX
from wattgram_collector.intensities.providers.surroundings import Kept, Source, Surroundings
from wattgram_collector.intensity import Intensity, Status

FETCH_SECONDS: Final = 120.0
PAUSE_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 10.0
"""How often it is looked which zones are in use."""


class Feed:
    """One provider. `run` is called by one task only."""

    def __init__(self, source: Source, surroundings: Surroundings) -> None:
        self._source = source
        self._around = surroundings
        self._name = source.provider.name
        self._turns: dict[str, Turn] = {}
        self._budgets: dict[str, Budget] = {}
        self._circuit = Circuit()
        self._health = Health(self._name, surroundings.counts)
        self._sink_works = True
        self._works = True

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            try:
                wait = await self.tick()
            except Exception as error:  # noqa: BLE001 -- what is ours to mend ends no collector
                wait = PAUSE_SECONDS
                if self._works:
                    LOG.error("provider_feed_failed provider=%s reason=%r", self._name,
                              str(_as_answer(error)))  # fmt: skip
                self._works = False
            await self._around.sleep(wait)

    async def tick(self) -> float:
        """Ask for the zone that is due first, if one is; return how long to wait then, seconds."""
        self._look()
        now = self._around.steady_seconds()
        dues = {zone: self._due(zone, now) for zone in self._turns}
        if not dues:
            return LOOK_SECONDS
        zone = min(dues, key=dues.__getitem__)
        wait = dues[zone] - now
        if wait <= 0:
            await self._take_turn(zone)
            return 0.0
        return min(wait, LOOK_SECONDS)

    # ── whose turn it is ─────────────────────────────────────────────────────────────────

    def _look(self) -> None:
        """Give a turn to every zone that came into use, take it from those that left."""
        serves = self._source.provider.serves
        names = self._source.zones or [zone.upper() for zone in self._around.zones()]
        zones = sorted({zone for zone in names if serves(zone)})[:ZONES_MAX]
        for zone in set(self._turns) - set(zones):
            del self._turns[zone]
            self._health.forget(zone)
        for zone in zones:
            if zone not in self._turns:
                self._turns[zone] = self._first_turn(zone)

    def _first_turn(self, zone: str) -> Turn:
        provider = self._source.provider
        slot = provider.slot_seconds
        unix = self._around.unix_seconds()
        published = int(unix - provider.lag_seconds) // slot * slot
        past = Window(published - schedule.HISTORY_SECONDS, published)
        kept = list(self._around.kept(self._name, zone, past))
        live = [one.window for one in kept if one.status is not Status.FORECAST]
        newest = Window(published - slot, published)
        old = Window(past.start_unix_seconds, published - schedule.RECENT_SECONDS)
        return schedule.first_turn(
            is_fresh=not schedule.lacking(live, newest, slot),
            is_whole=not schedule.lacking(_measured(kept), old, slot),
            now=self._around.steady_seconds(),
            wait_seconds=self._slot_wait(),
            dice=self._around.dice(),
        )

    def _due(self, zone: str, now: float) -> float:
        budget = self._budget(zone)
        return max(
            self._turns[zone].next_due, self._circuit.open_until, now + budget.wait_seconds(now)
        )

    def _budget(self, zone: str) -> Budget:
        manners = self._source.manners
        key = zone if manners.for_each_zone else ""
        if key not in self._budgets:
            self._budgets[key] = Budget(manners.requests, manners.per_seconds)
        return self._budgets[key]

    def _slot_wait(self) -> float:
        provider, around = self._source.provider, self._around
        return schedule.slot_wait_seconds(
            around.unix_seconds(), provider.slot_seconds, provider.lag_seconds, around.dice()
        )

    # ── asking ───────────────────────────────────────────────────────────────────────────

    async def _take_turn(self, zone: str) -> None:
        """Ask for what is due, and decide when the zone is due again."""
        turn = self._turns[zone]
        is_current = turn.due <= self._around.steady_seconds()
        if is_current:
            window = self._current(zone)
        else:
            turn = turn if turn.sweep else replace(turn, sweep=self._sweep(zone))
            window = turn.sweep[0]
        found = await self._ask(zone, window)
        now, dice = self._around.steady_seconds(), self._around.dice()
        self._circuit = self._circuit.after(found.outcome, found.retry_after_seconds, now, dice)
        if found.outcome not in {Outcome.OK, Outcome.EMPTY}:
            wait = schedule.backoff_seconds(
                found.outcome, turn.failures + 1, found.retry_after_seconds, dice
            )
            self._turns[zone] = schedule.after_failure(turn, now, wait)
        elif is_current:
            self._turns[zone] = schedule.after_success(turn, now, self._slot_wait(), dice)
        else:
            self._turns[zone] = schedule.after_piece(turn, now, dice)

    def _current(self, zone: str) -> Window:
        provider, manners = self._source.provider, self._source.manners
        now = int(self._around.unix_seconds())
        measured = self._measured(zone, now)
        return schedule.current_window(measured, now, provider.slot_seconds, manners)

    def _sweep(self, zone: str) -> tuple[Window, ...]:
        provider, manners = self._source.provider, self._source.manners
        now = int(self._around.unix_seconds())
        measured = self._measured(zone, now)
        return schedule.sweep_windows(measured, now, provider.slot_seconds, manners)

    def _measured(self, zone: str, now: int) -> list[Window]:
        span = Window(now - schedule.HISTORY_SECONDS, now + self._source.provider.slot_seconds)
        return _measured(self._around.kept(self._name, zone, span))

    async def _ask(self, zone: str, window: Window) -> _Found:
        """Fetch once, count what became of it, and hand on what can be believed."""
        around, counts = self._around, self._around.counts
        metered = Metered(self._source.client, self._budget(zone), around.steady_seconds())
        now = int(around.unix_seconds())
        error: ProviderError | None = None
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                values = await self._source.provider.fetch(metered, zone, window, now)
            outcome = Outcome.OK if values else Outcome.EMPTY
        except Exception as caught:  # noqa: BLE001 -- a bug in one provider is that provider's
            error = _as_answer(caught)
            values, outcome = list(error.values), error.outcome
        good, refused = believed(values, self._name, zone, around.unix_seconds())
        counts.refused.update({(self._name, reason): n for reason, n in refused.items()})
        if refused and not good and error is None:
            error = ProviderError(Outcome.INVALID, f"values that cannot be: {min(refused)}")
            outcome = error.outcome
        for one, times in metered.settle(outcome, error).items():
            counts.requests[self._name, one] += times
        if good:
            counts.last_success_unix_seconds[self._name] = around.unix_seconds()
        self._health.note(zone, outcome, str(error or ""), is_up=bool(good))
        if good and not await self._hand_on(good):
            return _Found(Outcome.INVALID, None)
        return _Found(
            Outcome.OK if good else outcome, error.retry_after_seconds if error else None
        )

    async def _hand_on(self, values: Sequence[Intensity]) -> bool:
        """Give values to the sink; return whether it took them."""
        try:
            await self._around.sink(values)
        except Exception as error:  # noqa: BLE001 -- a full disk ends no feed: it is asked again
            if self._sink_works:
                LOG.warning("intensities_not_kept provider=%s reason=%r", self._name, str(error))
            self._sink_works = False
            return False
        if not self._sink_works:
            LOG.info("intensities_kept_again provider=%s", self._name)
        self._sink_works = True
        return True


class _Found(NamedTuple):
    """What the pace is decided by: values that are bad beside good ones do not slow it down."""

    outcome: Outcome
    retry_after_seconds: float | None


def _measured(kept: Iterable[Kept]) -> list[Window]:
    return [one.window for one in kept if one.status is Status.MEASURED]


def _as_answer(caught: Exception) -> ProviderError:
    """Return what went wrong as a ProviderError; of a bug only its kind and place are said."""
    if isinstance(caught, ProviderError):
        return caught
    if isinstance(caught, TimeoutError):
        return ProviderError(Outcome.TIMEOUT, f"not done in {FETCH_SECONDS:g} s")
    place = traceback.extract_tb(caught.__traceback__)[-1]
    name = place.filename.rpartition("/")[2]
    text = f"bug: {type(caught).__name__} at {name}:{place.lineno}"
    return ProviderError(Outcome.INVALID, text)
