"""PURE. Exact numbers as text: all digits where they end, a fraction where they do not."""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction
from typing import Final

SIGNIFICANT_DIGITS: Final = 12
_BASE: Final = 10


def exact(value: Fraction | int) -> str:
    """Return decimal text that is the number itself, or `n/d` where no decimal is."""
    value = Fraction(value)
    places = _places(value.denominator)
    if places is None:
        return f"{value.numerator}/{value.denominator}"
    if not places:
        return str(value.numerator)
    digits = str(abs(value.numerator) * (_BASE**places // value.denominator)).zfill(places + 1)
    return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def _places(denominator: int) -> int | None:
    """Return how many decimal places 1 / denominator has; None where they never end."""
    counts = []
    for prime in (2, 5):
        count = 0
        while denominator % prime == 0:
            denominator, count = denominator // prime, count + 1
        counts.append(count)
    return max(counts) if denominator == 1 else None


def rounded(value: Fraction | float, digits: int = SIGNIFICANT_DIGITS) -> str:
    """Return the number to so many significant digits, without an exponent."""
    value = Fraction(value)
    ratio = Context(prec=digits).divide(Decimal(value.numerator), Decimal(value.denominator))
    text = f"{ratio:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def ratio(text: str) -> str:
    """Return a ratio of the ledger's terms in a form that a calculator takes."""
    return f"({text})" if "/" in text else text
