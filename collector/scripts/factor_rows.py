"""What every reader of factors needs: names, exact numbers as text, rows of ours."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Final

from figures import PLAIN_DECIMAL, Row, TableError

DECIMALS: Final = Decimal("0.000000000001")
"""Of a figure that was converted; one that was not is as published."""
YEAR_2025: Final = {"valid_from": "2025-01-01", "valid_to": "2025-12-31"}
COMBUSTION, SUPPLIED, WHOLE = "combustion", "wtt", "lifecycle"


def slug(text: str) -> str:
    """Return lower-case words between underscores; `+` and `>` are words, as they tell apart."""
    spelled = text.lower().replace("+", " plus ").replace(">", " over ").replace("%", " percent ")
    return re.sub(r"[^a-z0-9]+", "_", spelled).strip("_")


def number(where: str, name: str, value: str) -> Fraction:
    if not PLAIN_DECIMAL.fullmatch(value):
        raise TableError(f"{where}: {name} is not a finite plain decimal: {value!r}")
    return Fraction(value)


def written(value: Fraction) -> str:
    """Return a converted figure to twelve decimals, half even, without needless zeros."""
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    text = f"{exact.quantize(DECIMALS, ROUND_HALF_EVEN):f}"
    return text.rstrip("0").rstrip(".")


def factor(factor_id: str, value: str, unit: str, boundary: str, **more: str) -> Row:
    return {
        "factor_id": factor_id,
        "value_kg": value,
        "unit": unit,
        "boundary": boundary,
        **more,
    }
