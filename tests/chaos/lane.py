"""One lane of faults in real time: what is wrong now, and when the next may come."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator

from chaos.faults import AGENT, KINDS, Fault
from chaos.schedule import Planned
from chaos.world import World

Say = Callable[[str], None]


class Lane:
    """Faults one after another. Call `advance` often; times are seconds, of any clock."""

    def __init__(
        self,
        plan: Iterator[Planned],
        world: World,
        counts: Counter[tuple[str, str]],
        say: Say,
    ) -> None:
        """`counts` counts faults by kind and agent."""
        self._plan = plan
        self._world = world
        self._counts = counts
        self._say = say
        self._next = next(plan)
        self._begins_at: float | None = None
        self._active: Fault | None = None
        self._ends_at = 0.0
        self._last: Fault | None = None
        self._sequence = 0

    def advance(self, now: float) -> None:
        """End what has lasted long enough, begin what is due."""
        if self._active is not None:
            if now >= self._ends_at:
                self.finish()
                self._begins_at = now + self._next.pause_seconds
        elif self._begins_at is None:
            self._begins_at = now + self._next.pause_seconds
        elif now >= self._begins_at and self._is_recovered():
            self._begin(now)

    def finish(self) -> None:
        """End what is wrong now, if anything is."""
        fault, self._active = self._active, None
        if fault is not None:
            fault.end()
            self._say(f"end   {fault.kind} {fault.host.agent_id} {fault.note}")
            self._last = fault
            self._sequence = fault.host.newest_sequence()

    def _begin(self, now: float) -> None:
        planned, self._next = self._next, next(self._plan)
        host = self._world.hosts[planned.host]
        fault = KINDS[planned.kind](self._world, host, random.Random(planned.seed))
        self._say(f"begin {fault.kind} {host.agent_id} for {planned.seconds:.1f} s")
        fault.begin()
        self._counts[fault.kind, host.agent_id] += 1
        self._active, self._ends_at = fault, now + planned.seconds

    def _is_recovered(self) -> bool:
        """Say whether an agent has got over its last trouble before the next one comes.

        A batch that is on disk says that it has read its meters since, and that what a full disk
        made it keep in memory is on disk too: a kill before that would lose what is nowhere else.
        """
        last = self._last
        return not isinstance(last, AGENT) or last.host.newest_sequence() > self._sequence
