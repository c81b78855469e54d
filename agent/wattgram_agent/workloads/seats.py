"""PURE. Which workloads have a series of their own: a few, and not other ones every minute.

A workload that has a seat keeps it, also while it is idle. Once all seats are taken, newcomers
are summed as `other`, until one has for a while used more than twice what the least of the
seated did; whoever is gone fades, and is the first to make room.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from wattgram.workloads import BUCKETS, OTHER, Workload

# What is remembered of a workload's use loses a sixteenth a pass: minutes, with the default of
# ten seconds a pass.
_FADE: Final = 16
_SEATED_PASSES_MIN: Final = 30
_STANDING_MAX: Final = 1_000


class Seats:
    """At most `count` workloads that are told apart."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._seated: dict[Workload, int] = {}
        """Workload to the pass in which it sat down."""
        self._score: dict[Workload, int] = {}
        self._pass = 0

    def assign(self, shares: Mapping[Workload, int]) -> list[tuple[Workload, int]]:
        """Return amounts of the same sum: who is seated, in that order, then the buckets."""
        self._pass += 1
        workloads = {who: amount for who, amount in shares.items() if who not in BUCKETS}
        self._remember(workloads)
        for newcomer in sorted(
            (who for who, amount in workloads.items() if amount and who not in self._seated),
            key=lambda who: (-self._score[who], who),
        ):
            if len(self._seated) < self._count:
                self._seated[newcomer] = self._pass
            elif not self._replace(newcomer):
                break
        self._forget_most_standing()
        seated = [(who, workloads.pop(who, 0)) for who in self._seated]
        buckets = {bucket: shares.get(bucket, 0) for bucket in BUCKETS}
        buckets[OTHER] += sum(workloads.values())
        return [*seated, *buckets.items()]

    def _remember(self, workloads: Mapping[Workload, int]) -> None:
        faded = {who: score - -(-score // _FADE) for who, score in self._score.items()}
        for who, amount in workloads.items():
            faded[who] = faded.get(who, 0) + amount
        self._score = {
            who: score for who, score in faded.items() if score > 0 or who in self._seated
        }

    def _replace(self, newcomer: Workload) -> bool:
        """Seat one that uses more in place of the least; say whether there was one."""
        least = min(
            (who for who, since in self._seated.items()
             if self._pass - since >= _SEATED_PASSES_MIN),
            key=lambda who: (self._score.get(who, 0), who),
            default=None,
        )  # fmt: skip
        if least is None or self._score[newcomer] <= 2 * self._score.get(least, 0):
            return False
        del self._seated[least]
        self._seated[newcomer] = self._pass
        return True

    def _forget_most_standing(self) -> None:
        """Keep the scores of those who stand within bounds: who used most is remembered."""
        standing = [who for who in self._score if who not in self._seated]
        if len(standing) > _STANDING_MAX:
            standing.sort(key=lambda who: (self._score[who], who))
            for who in standing[:-_STANDING_MAX]:
                del self._score[who]
