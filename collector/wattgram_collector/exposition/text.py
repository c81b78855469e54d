"""PURE. Samples to the Prometheus text format 0.0.4 and to OpenMetrics 1.0.

The client library needs a second for what this writes in a tenth (docs/adr/0006); a test
reads every page back with the library's own parsers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from wattgram.readings import State
from wattgram_collector.exposition.families import Family, Type

Value = int | float | Fraction
Samples = Mapping[tuple[str, ...], Value]
"""Label values, in the order of the family's labels, to a value."""


def render(families: Iterable[tuple[Family, Samples]], *, openmetrics: bool) -> str:
    """Return the exposition of all families, without the closing `# EOF`."""
    lines: list[str] = []
    for family, samples in families:
        if samples:
            lines.extend(_header(family, openmetrics=openmetrics))
            lines.extend(_samples(family, samples))
    return "\n".join(lines) + "\n" if lines else ""


def _header(family: Family, *, openmetrics: bool) -> Sequence[str]:
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
    name = family.name + _suffix(family)
    labels = family.labels
    if family.type is Type.STATESET:
        # A state set has one sample per state; the active one is the last label value given.
        labels = (*labels, family.name)
        samples = {
            (*values[:-1], state): int(state == values[-1])
            for values in samples
            for state in State
        }
    for values, value in samples.items():
        pairs = ",".join(
            f'{label}="{_escape(text)}"' for label, text in zip(labels, values, strict=True)
        )
        yield f"{name}{{{pairs}}} {number(value)}"


def _suffix(family: Family) -> str:
    return {Type.COUNTER: "_total", Type.INFO: "_info"}.get(family.type, "")


def number(value: Value) -> str:
    """Return a value as text: whole numbers without a point, others to the last digit."""
    if isinstance(value, Fraction):
        if value.denominator == 1:
            return str(value.numerator)
        value = float(value)
    return repr(value)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
