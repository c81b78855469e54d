"""PURE. The life of one asset over its versions, and how its making is amortised in it.

A later version of an asset says what changed. What it leaves unsaid of its making (what it is
made of, when it was acquired, its figure, its life) is as before. If its life is changed, what is
not yet amortised is spread over the rest: book B never has more than TE'.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import Final, NamedTuple

from wattgram_collector.inventory.decision import Making, decide
from wattgram_collector.inventory.factors import Factor
from wattgram_collector.inventory.making.embodied import Figure, Spread, in_use, total_grams
from wattgram_collector.inventory.making.resolving import Resolver
from wattgram_collector.inventory.periods import Interval, midnight_unix_seconds
from wattgram_collector.inventory.register.assets import Asset, Build, Condition, Embodied

_EVER: Final = 1 << 40
"""After every life, in unix seconds."""


class Stretch(NamedTuple):
    """A time of one version of an asset in which its making is amortised evenly."""

    interval: Interval
    asset: Asset
    figure: Figure
    factor: Factor
    spread: Spread

    @property
    def rate_grams_per_second(self) -> Fraction:
        return total_grams(self.asset, self.figure) * self.spread.share_per_second


def lifelong(versions: Sequence[Asset]) -> tuple[Asset, ...]:
    """Return the versions, each with what an earlier one says of its making.

    It is acquired once and disposed of once: on the first day that any version says, and on the
    last. The first version also holds from the acquisition on, so that what was bought before it
    was written down is booked in the year of its purchase. Raises ValueError for days that cannot
    be together.
    """
    acquired_on = next((one.acquired_on for one in versions if one.acquired_on), None)
    disposed_on = next((one.disposed_on for one in reversed(versions) if one.disposed_on), None)
    found: list[Asset] = []
    for version in versions:
        one = replace(version, acquired_on=acquired_on, disposed_on=disposed_on)
        if not found:
            before = acquired_on and one.valid_from and acquired_on < one.valid_from
            found.append(replace(one, valid_from=acquired_on) if before else one)
            continue
        last = found[-1]
        is_new = one.condition is Condition.NEW
        found.append(
            replace(
                one,
                life_years=one.life_years or last.life_years,
                condition=last.condition if is_new else one.condition,
                build=_inherited(one.build, last.build),
                embodied=last.embodied if one.embodied == Embodied() else one.embodied,
            )
        )
    return tuple(found)


def holding(versions: Sequence[Asset], day: date) -> Asset | None:
    """Return the version that holds on a day; None before the first."""
    found = None
    for one in versions:
        if one.valid_from is None or one.valid_from <= day:
            found = one
    return found


def stretches(versions: Sequence[Asset], resolver: Resolver, timezone: str) -> list[Stretch]:
    """Return how an asset is amortised over its versions; raises ValueError naming the asset."""
    found: list[Stretch] = []
    done = Fraction(0)
    for holds, asset in held(lifelong(versions), timezone):
        resolved = resolver.of(asset)
        decision = decide(asset)
        span = resolved and in_use(asset, resolved.figure, decision, timezone)
        if resolved is None or span is None:
            continue
        during = holds.overlap(span)
        if during is None:
            continue
        spread = Spread(Fraction(1), resolved.figure.life_seconds)
        if decision.making is not Making.BY_USE:
            end = span.start_unix_seconds + resolved.figure.life_seconds
            spread = Spread(1 - done, end - during.start_unix_seconds)
        found.append(Stretch(during, asset, resolved.figure, resolved.factor, spread))
        seconds = during.end_unix_seconds - during.start_unix_seconds
        done += spread.share_per_second * seconds
    return found


def rate_at(found: Iterable[Stretch], unix_seconds: int) -> Fraction:
    """Return r_own in g/s: 0 before the acquisition, after the life or after the disposal."""
    for one in found:
        start, end = one.interval
        if start <= unix_seconds < end:
            return one.rate_grams_per_second
    return Fraction(0)


def accrued_at(found: Iterable[Stretch], unix_seconds: int) -> Fraction:
    """Return how much is amortised by then: TE' at most."""
    return sum((one.rate_grams_per_second * (during.end_unix_seconds - during.start_unix_seconds)
                for one in found
                if (during := one.interval.overlap(Interval(0, unix_seconds))) is not None),
               Fraction(0))  # fmt: skip


def held(versions: Sequence[Asset], timezone: str) -> Iterator[tuple[Interval, Asset]]:
    """Yield each version with the time in which it holds."""
    starts = [0 if one.valid_from is None else midnight_unix_seconds(one.valid_from, timezone)
              for one in versions]  # fmt: skip
    for (start, end), one in zip(pairwise([*starts, _EVER]), versions, strict=True):
        if end > start:
            yield Interval(start, end), one


def _inherited(build: Build, before: Build) -> Build:
    """Return a build; what it leaves unsaid is as before."""
    said = {one.name: getattr(build, one.name) for one in fields(Build)}
    kept = {name: getattr(before, name) for name, value in said.items() if value in (None, "")}
    return replace(build, **kept)
