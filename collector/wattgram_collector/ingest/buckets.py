"""PURE. So many a second, and a burst. Time is an argument, in seconds of any one clock."""

from __future__ import annotations


class Bucket:
    """Fills with time up to a burst; what is taken out may leave a debt that time pays."""

    __slots__ = ("_at", "_burst", "_level", "_per_second")

    def __init__(self, per_second: float, burst: float, now_seconds: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._level = burst
        self._at = now_seconds

    def has(self, now_seconds: float, amount: float = 1.0) -> bool:
        """Take `amount` if it is there; return whether it was."""
        self._fill(now_seconds)
        if self._level < amount:
            return False
        self._level -= amount
        return True

    def spend(self, now_seconds: float, amount: float) -> float:
        """Take `amount`, there or not; return how long it takes until nothing is owed."""
        self._fill(now_seconds)
        self._level -= amount
        return 0.0 if self._level >= 0 else -self._level / self._per_second

    def debt_seconds(self, now_seconds: float) -> float:
        """Return how long it takes until nothing is owed."""
        self._fill(now_seconds)
        return max(0.0, -self._level / self._per_second)

    def _fill(self, now_seconds: float) -> None:
        passed = max(0.0, now_seconds - self._at)
        self._at = max(self._at, now_seconds)
        self._level = min(self._burst, self._level + passed * self._per_second)
