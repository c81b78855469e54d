"""PURE. Sums of many fractions, exactly, without a common denominator for each of them.

Adding two fractions looks for their greatest common divisor. Here the numerators of like
denominators are added as integers, and the few denominators that there are come together once.
"""

from __future__ import annotations

from fractions import Fraction


class ExactSum:
    """A sum that is added to; None as long as nothing was."""

    __slots__ = ("_numerators",)

    def __init__(self) -> None:
        self._numerators: dict[int, int] = {}

    def add(self, value: Fraction) -> None:
        numerators, below = self._numerators, value.denominator
        numerators[below] = numerators.get(below, 0) + value.numerator

    @property
    def value(self) -> Fraction | None:
        if not self._numerators:
            return None
        parts = (Fraction(above, below) for below, above in self._numerators.items())
        return sum(parts, Fraction(0))
