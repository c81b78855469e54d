"""PURE. Samples to the Prometheus text format 0.0.4 and to OpenMetrics 1.0.

The client library needs a second for what this writes in a tenth (docs/adr/0006); a test
reads every page back with the library's own parsers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Final

from wattgram.readings import State
from wattgram.units import MICROJOULES_PER_JOULE
from wattgram_collector.exposition.families import Family, Type

Value = int | float | Fraction
_MILLION: Final = MICROJOULES_PER_JOULE
_DIGITS_EXACT: Final = 10**15
"""Below it all digits of a number are its shortest text: a double has 15 at least."""
Samples = Mapping[tuple[str, ...], Value]
"""Label values, in the order of the family's labels, to a value."""


def render(families: Iterable[tuple[Family, Samples]], *, openmetrics: bool) -> str:
    """Return the exposition of all families, without the closing `# EOF`."""
    lines: list[str] = []
    for family, samples in families:
        if samples:
            lines.extend(header(family, openmetrics=openmetrics))
            lines.extend(_samples(family, samples))
    return "\n".join(lines) + "\n" if lines else ""


def header(family: Family, *, openmetrics: bool) -> Sequence[str]:
    """Return the lines before the samples of a family."""
    name = family.name
    kind = family.type.value
    if not openmetrics:
        name += _suffix(family)
        kind = "counter" if family.type is Type.COUNTER else "gauge"
    text = family.help.replace("\\", "\\\\").replace("\n", "\\n")
    if openmetrics:
        text = text.replace('"', '\\"')
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _samples(family: Family, samples: Samples) -> Iterable[str]:
    if family.type is Type.STATESET:
        yield from (block(family, values) for values in samples)
        return
    for values, value in samples.items():
        yield prefix(family, values) + number(value)


def prefix(family: Family, values: Sequence[str]) -> str:
    """Return what the line of a sample begins with, up to its value."""
    return _prefix(family.name + _suffix(family), family.labels, values)


def block(family: Family, values: Sequence[str]) -> str:
    """Return the lines of a state set: one for each state. The last label value is the active."""
    labels = (*family.labels, family.name)
    return "\n".join(
        _prefix(family.name, labels, (*values[:-1], state)) + str(int(state == values[-1]))
        for state in State
    )


def _prefix(name: str, labels: Sequence[str], values: Sequence[str]) -> str:
    pairs = ",".join(
        f'{label}="{escape(text)}"' for label, text in zip(labels, values, strict=True)
    )
    return f"{name}{{{pairs}}} "


def _suffix(family: Family) -> str:
    return {Type.COUNTER: "_total", Type.INFO: "_info"}.get(family.type, "")


def number(value: Value) -> str:
    """Return a value as text: whole numbers without a point, others to the last digit."""
    if isinstance(value, Fraction):
        return quotient(value.numerator, value.denominator)
    return repr(value)


def quotient(numerator: int, denominator: int) -> str:
    """Return `number` of a fraction that need not be in lowest terms."""
    if denominator == _MILLION and _MILLION <= numerator < _DIGITS_EXACT:  # most lines of a page
        digits = str(numerator)
        text = f"{digits[:-6]}.{digits[-6:]}"
        return text if digits[-1] != "0" else text.rstrip("0").rstrip(".")
    if numerator % denominator:
        # The division of integers is rounded once: the same number is the same text.
        return repr(numerator / denominator)
    return str(numerator // denominator)


def escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
