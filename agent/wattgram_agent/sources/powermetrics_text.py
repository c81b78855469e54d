"""PURE. What `powermetrics` prints, as powers.

A sample begins with a line of stars and ends, for us, with the line that gives the power of the
whole package. The names of that line changed: `Package Power` (Apple silicon, to macOS 12),
`Combined Power (CPU + GPU + ANE)` (later), `Intel energy model derived package power` (Intel).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from wattgram.units import MICROWATTS_PER_MILLIWATT, MICROWATTS_PER_WATT

Powers = Mapping[str, int]
"""Microwatts by domain."""

REST_BYTES_MAX: Final = 1 << 16

_DOMAINS: Final = {
    b"CPU Power": "cpu",
    b"GPU Power": "gpu",
    b"ANE Power": "ane",
    b"DRAM Power": "dram",
    b"Package Power": "package",
    b"Combined Power": "package",
    b"Intel energy model derived package power": "package",
}
_START: Final = b"*** Sampled system activity"
_LINE: Final = re.compile(
    rb"([A-Za-z ]{1,60}?)(?: \([^)]{0,60}\))?: +(\d{1,9}(?:\.\d{1,9})?) ?(m?)W"
)


class SampleReader:
    """Takes bytes as they come, gives samples as they are complete."""

    def __init__(self) -> None:
        self._rest = b""
        self._powers: dict[str, int] | None = None
        self.last_line = ""

    def feed(self, data: bytes) -> Iterator[Powers]:
        """Yield the samples that `data` completes. Lines that say nothing of power are passed."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-REST_BYTES_MAX:]
        for line in lines:
            text = line.strip()
            if text:
                self.last_line = text[:200].decode("ascii", "replace")
            if text.startswith(_START):
                self._powers = {}
            elif self._powers is not None and self._take(text):
                yield self._powers
                self._powers = None

    def _take(self, line: bytes) -> bool:
        """Keep the power that a line gives; return whether it is the package's."""
        match = _LINE.fullmatch(line)
        domain = _DOMAINS.get(match[1]) if match else None
        if match is None or domain is None or self._powers is None:
            return False
        unit = MICROWATTS_PER_MILLIWATT if match[3] else MICROWATTS_PER_WATT
        self._powers[domain] = round(float(match[2]) * unit)
        return domain == "package"


def mean_powers(samples: Sequence[Powers]) -> dict[str, int]:
    """Return the mean of each domain over the samples that have it, rounded down."""
    domains = {domain for sample in samples for domain in sample}
    means = {}
    for domain in domains:
        values = [sample[domain] for sample in samples if domain in sample]
        means[domain] = sum(values) // len(values)
    return means
