"""PURE. The history as bands: watts by quality and grams an hour by tier, best known first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeVar

from wattgram.readings import Quality
from wattgram_collector.exposition.pages.words import (
    CERTAINTY_OF_QUALITY,
    CERTAINTY_OF_TIER,
    QUALITY_WORDS,
    TIER_WORDS,
    Certainty,
    grams_per_hour_of,
    named,
    watts_of,
)
from wattgram_collector.intensity import Tier
from wattgram_collector.views.model import Step, Total

Member = TypeVar("Member", bound=StrEnum)
Seconds = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """One quality or tier over time; None where nothing is known of the step."""

    name: str
    meaning: str
    certainty: Certainty
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What part of something is known so well."""

    name: str
    meaning: str
    certainty: Certainty
    ratio: float


Mix = tuple[Share, ...]
"""Shares that add up to 1, best known first; empty where there was nothing to know."""


def power_bands(history: Sequence[Step]) -> tuple[Band, ...]:
    """Return watts by quality; a step of which nothing is known has None in every band."""
    return _bands(
        history, Quality, lambda total: total.energy_joules_by_quality, watts_of,
        (CERTAINTY_OF_QUALITY, QUALITY_WORDS),
    )  # fmt: skip


def rate_bands(history: Sequence[Step]) -> tuple[Band, ...]:
    """Return grams an hour by tier. A step that has energy and no price at all is None."""
    return _bands(
        history, Tier, _priced, grams_per_hour_of, (CERTAINTY_OF_TIER, TIER_WORDS)
    )  # fmt: skip


def _priced(total: Total) -> Mapping[Tier, float] | None:
    return None if not total.grams_by_tier and total.energy_joules else total.grams_by_tier


def _bands(
    history: Sequence[Step],
    members: Iterable[Member],
    of: Callable[[Total], Mapping[Member, float] | None],
    rate: Callable[[float, float], float],
    words: tuple[Mapping[Member, Certainty], Mapping[Member, str]],
) -> tuple[Band, ...]:
    rows = [(step.length_seconds, of(step.total) if step.total else None) for step in history]
    certainties, meanings = words
    return tuple(
        Band(
            name=named(member.value),
            meaning=meanings[member],
            certainty=certainties[member],
            values=tuple(
                None if amounts is None else rate(amounts.get(member, 0.0), length)
                for length, amounts in rows
            ),
        )
        for member in members
        if any(amounts and amounts.get(member) for _, amounts in rows)
    )


UNKNOWN: Final = Share(
    name="unknown", meaning="nothing was reported", certainty=Certainty.NONE, ratio=1.0
)
_UNPRICED: Final = Share(
    name="unpriced", meaning="no intensity is known for it", certainty=Certainty.NONE, ratio=1.0
)
_QUALITIES: Final = tuple(
    (one, named(one.value), QUALITY_WORDS[one], CERTAINTY_OF_QUALITY[one]) for one in Quality
)
_TIERS: Final = tuple(
    (one, named(one.value), TIER_WORDS[one], CERTAINTY_OF_TIER[one]) for one in Tier
)


def quality_mix(total: Total | None) -> Mix:
    """Return how well the energy of a total is known."""
    if total is None:
        return (UNKNOWN,)
    known = total.energy_joules_by_quality
    whole = total.energy_joules
    return tuple(
        Share(name=name, meaning=meaning, certainty=certainty, ratio=known[quality] / whole)
        for quality, name, meaning, certainty in _QUALITIES
        if whole and known.get(quality)
    )


def tier_mix(total: Total | None) -> Mix:
    """Return how well the intensities behind a total are known, as shares of its energy.

    A total has its grams by tier and not its energy: what is priced is split as the grams are.
    """
    if total is None:
        return (UNKNOWN,)
    known = total.grams_by_tier
    whole, mass = total.energy_joules, sum(known.values())
    if not whole:
        return ()
    unpriced = min(1.0, total.unpriced_joules / whole) if known else 1.0
    priced = tuple(
        Share(
            name=name,
            meaning=meaning,
            certainty=certainty,
            ratio=(1 - unpriced) * (known[tier] / mass if mass else 1 / len(known)),
        )
        for tier, name, meaning, certainty in _TIERS
        if unpriced < 1 and (known.get(tier) or (not mass and tier in known))
    )
    return (*priced, replace(_UNPRICED, ratio=unpriced)) if unpriced else priced


def day_mix(history: Sequence[Step], mixes: Sequence[Mix]) -> Mix:
    """Return the mean of the steps' mixes, each by how long its step is: time of which nothing is
    known counts.
    """
    seconds: dict[str, float] = {}
    shares: dict[str, Share] = {}
    for step, mix in zip(history, mixes, strict=True):
        for part in mix:
            seconds[part.name] = seconds.get(part.name, 0.0) + part.ratio * step.length_seconds
            shares[part.name] = part
    whole = sum(seconds.values())
    found = [replace(part, ratio=seconds[name] / whole) for name, part in shares.items()]
    return tuple(sorted(found, key=lambda share: (share.certainty, share.name)))
