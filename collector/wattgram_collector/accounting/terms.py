"""PURE. What beside the factor turns a quantity into grams, as it stood when it was posted.

A ratio is decimal text or a fraction such as 1853/19553, as its source has it, so that it can be
found again. An empty one is unknown: nothing is added for it, and that is said.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from decimal import Decimal, localcontext
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

_DIGITS_MAX: Final = 60


class Counts(StrEnum):
    """Which bytes a segment is asked for. A byte between two agents is sent once."""

    TRANSMIT = "transmit"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One stretch of the network outside of the host; see docs/network.md."""

    name: str
    kilowatt_hours_per_gigabyte: str = "0"
    """Per 10^9 bytes."""
    standby_watts: str = "0"
    """Drawn for this host whatever it moves."""
    counts: Counts = Counts.TRANSMIT
    source: str = ""

    def __post_init__(self) -> None:
        _ratio("kilowatt_hours_per_gigabyte", self.kilowatt_hours_per_gigabyte, 0, 100)
        _ratio("standby_watts", self.standby_watts, 0, 100_000)


# One is made per host and zone, and hashed for every posting: by identity of what it says.
@dataclass(frozen=True, kw_only=True)
class Terms:
    """The terms of one host in one zone; raises ValueError for a ratio that cannot be."""

    zone: str = ""
    """The grid that it draws from; empty when nobody knows: its energy is unpriced."""
    place: str = ""
    """The cloud region that the host stands in, where one is named: its yearly average may be
    nearer than that of the zone."""
    network_zone: str = ""
    """The grid of the network beyond the host; empty where that is unknown."""
    site: str = ""
    pue: str = "1"
    """Facility energy over metered energy, 1 where the meter has all of it or nothing is added."""
    pue_source: str = ""
    """Empty: nobody knows, and nothing is added."""
    loss_share: str = ""
    """Part of the energy sent out that transmission and distribution lose."""
    loss_source: str = ""
    upstream_grams_per_kilowatt_hour: str = ""
    """Fuel supply per energy used, added to direct factors only."""
    upstream_loss_grams_per_kilowatt_hour: str = ""
    """Fuel supply of what is lost, per energy used, where its source says it apart."""
    upstream_source: str = ""
    segments: tuple[Segment, ...] = ()
    internal_interfaces: tuple[str, ...] = ()
    """Patterns of interfaces whose traffic stays inside: no segment is asked for it."""

    def __post_init__(self) -> None:
        _ratio("pue", self.pue, 1, 10)
        _ratio("loss_share", self.loss_share or "0", 0, Fraction(9, 10))
        for name in ("upstream_grams_per_kilowatt_hour", "upstream_loss_grams_per_kilowatt_hour"):
            _ratio(name, getattr(self, name) or "0", 0, 2_000)

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.zone, self.network_zone, self.site, self.pue, self.segments))

    @property
    def asked_place(self) -> str:
        """Under which name the location book is asked for the host's factor."""
        return self.place or self.zone

    @cached_property
    def overhead_ratio(self) -> Fraction:
        """Facility energy beyond the meter, per metered energy: PUE - 1."""
        return Fraction(self.pue) - 1

    @cached_property
    def loss_ratio(self) -> Fraction | None:
        """Energy lost on the way per energy used: L / (1 - L); None when it is unknown."""
        if not self.loss_share:
            return None
        share = Fraction(self.loss_share)
        return share / (1 - share)

    @cached_property
    def stands_by(self) -> bool:
        """Whether a segment draws power for the host without traffic: time must be posted."""
        return any(Fraction(one.standby_watts) for one in self.segments)

    def as_text(self) -> str:
        """Return the terms as JSON, the same text for the same terms; defaults are left out."""
        said = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }
        if self.internal_interfaces:
            said["internal_interfaces"] = list(self.internal_interfaces)
        if self.segments:
            said["segments"] = [asdict(one) for one in self.segments]
        return json.dumps(said, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Terms:
        """Return what `as_text` said; raises ValueError naming what is wrong."""
        try:
            said: dict[str, Any] = json.loads(text)
            segments = tuple(
                Segment(**{**one, "counts": Counts(one["counts"])})
                for one in said.pop("segments", ())
            )
            internal = tuple(said.pop("internal_interfaces", ()))
            return cls(**said, segments=segments, internal_interfaces=internal)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"terms {text!r}: {error}") from error


def exact_text(number: Fraction) -> str:
    """Return a number as decimal text where that is exact, else as a fraction."""
    rest = number.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        return str(number)
    with localcontext() as context:
        context.prec = _DIGITS_MAX
        found = Decimal(number.numerator) / Decimal(number.denominator)
    text = f"{found:f}"
    return text if Fraction(text) == number else str(number)


def stated(number: float) -> str:
    """Return what the operator wrote of a number, as text that is read back to the same."""
    return exact_text(Fraction(repr(number)))


def _ratio(name: str, text: str, least: int, most: int | Fraction) -> None:
    """Raise ValueError unless the text is a number within the bounds."""
    try:
        is_good = least <= Fraction(text) <= most
    except (ValueError, ZeroDivisionError):
        is_good = False
    if not is_good:
        raise ValueError(f"{name} must be {least} to {most}: {text!r}")
