"""PURE. How many batches were lost of late: the counters only say how many ever were."""

from __future__ import annotations

from typing import Final

from wattgram.units import SECONDS_PER_DAY
from wattgram_collector.ingest.agents import Agent
from wattgram_collector.ledger import Tally
from wattgram_collector.views.problems import Rises

RECENT_SECONDS: Final = SECONDS_PER_DAY


class Losses:
    """Compares counters with what they were: a loss is recent for a day after the last of them.

    What was lost before this process began is not recent.
    """

    def __init__(self) -> None:
        self._known: dict[int, dict[tuple[Tally, str], list[int]]] = {}
        """By agent and counter: what it was before, what it is, and when it rose."""

    def rises(self, agent: Agent, now_unix_seconds: int) -> Rises:
        """Return what was lost of an agent over the last day."""
        is_first = agent.record.key not in self._known
        counters = self._known.setdefault(agent.record.key, {})
        for (tally, label), count in agent.totals.tallies.items():
            if tally not in (Tally.MISSING_BATCHES, Tally.REFUSED_BATCHES):
                continue
            known = counters.setdefault((tally, label), [count if is_first else 0, 0, 0])
            if count > known[1]:
                known[2] = 0 if is_first else now_unix_seconds
                known[1] = count
            if now_unix_seconds - known[2] > RECENT_SECONDS:
                known[0] = count
        lost = {key: one[1] - one[0] for key, one in counters.items() if one[1] > one[0]}
        return Rises(
            missing=lost.get((Tally.MISSING_BATCHES, ""), 0),
            refused={
                label: count
                for (tally, label), count in lost.items()
                if tally is Tally.REFUSED_BATCHES
            },
        )
