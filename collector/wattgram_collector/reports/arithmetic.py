"""PURE. How a share of a posting was computed, for a person with a pocket calculator."""

from __future__ import annotations

from fractions import Fraction

from wattgram.units import (
    BYTES_PER_GIGABYTE,
    JOULES_PER_KILOWATT_HOUR,
    MICROJOULES_PER_JOULE,
    MICROSECONDS_PER_SECOND,
)
from wattgram_collector.accounting.emissions import Account, Part, Share
from wattgram_collector.accounting.terms import Segment, Terms
from wattgram_collector.intensity import Intensity
from wattgram_collector.reports.explain import LineKey
from wattgram_collector.reports.numbers import exact, ratio

HOUR = f"{JOULES_PER_KILOWATT_HOUR} J/kWh"


def formula(key: LineKey, quantity: int, share: Share) -> str:
    """Return the arithmetic of a share's grams, or of its energy where nothing prices it."""
    terms, factor = key.terms, key.factor
    if share.part is Part.NETWORK:
        segment = next(one for one in terms.segments if one.name == share.segment)
        return _times(_network(key.account, quantity, segment), factor)
    joules = f"{exact(Fraction(quantity, MICROJOULES_PER_JOULE))} J"
    energy = f"{joules}{_beyond(share.part, terms)} / {HOUR}"
    if share.part is Part.UPSTREAM:
        return f"{energy} x {_upstream(terms)}"
    return _times(energy, factor)


def _beyond(part: Part, terms: Terms) -> str:
    """Return what the metered energy is multiplied with."""
    pue = ratio(terms.pue)
    facility = f" x {pue}" if terms.overhead_ratio else ""
    match part:
        case Part.HOST:
            return ""
        case Part.OVERHEAD:
            return f" x ({pue} - 1)"
        case Part.LOSSES:
            share = ratio(terms.loss_share)
            return f"{facility} x {share} / (1 - {share})"
        case _:
            return facility


def _upstream(terms: Terms) -> str:
    said = (terms.upstream_grams_per_kilowatt_hour, terms.upstream_loss_grams_per_kilowatt_hour)
    texts = [ratio(one) for one in said if one]
    return f"{texts[0]} g/kWh" if len(texts) == 1 else f"({' + '.join(texts)}) g/kWh"


def _network(account: Account, quantity: int, segment: Segment) -> str:
    if account is Account.OBSERVED:
        seconds = exact(Fraction(quantity, MICROSECONDS_PER_SECOND))
        return f"{seconds} s x {ratio(segment.standby_watts)} W / {HOUR}"
    per = ratio(segment.kilowatt_hours_per_gigabyte)
    return f"{quantity} B / {BYTES_PER_GIGABYTE} B/GB x {per} kWh/GB"


def _times(energy: str, factor: Intensity | None) -> str:
    if factor is None:
        return energy
    return f"{energy} x {factor.grams_per_kilowatt_hour} g/kWh"
