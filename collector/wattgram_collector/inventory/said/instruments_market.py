"""PURE. Instruments beside the sections of `market`: what prices electricity, what backs it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final, NamedTuple

from wattgram.units import SECONDS_PER_HOUR
from wattgram_collector.inventory.periods import Interval
from wattgram_collector.inventory.said.instruments import Instrument, claimed
from wattgram_collector.inventory.said.rows import Problem, problem

_ZONES_SECONDS: Final = 14 * SECONDS_PER_HOUR
"""The days of `market` are those of UTC; no time zone is further away."""


class Contract(NamedTuple):
    """A section of `market` that prices electricity, as far as instruments are concerned."""

    name: str
    valid: Interval
    """In unix seconds of UTC."""


def unlinked(
    found: Iterable[Instrument], contracts: Iterable[Contract], interval: Interval
) -> Iterator[str]:
    """Yield what does not fit between instruments and the contracts that price a period."""
    listed = list(found)
    names = {one.name: one for one in contracts}
    backed = {one.market for one in listed if one.market}
    for one in listed:
        if one.market and one.market not in names:
            yield f"instrument {one.instrument_id!r} names market.{one.market}, which is none"
        elif one.market and _lapsed(one, names[one.market]):
            when = f"in {one.claim}, which it is claimed for"
            yield f"instrument {one.instrument_id!r}: market.{one.market} is not valid {when}"
    for name, contract in names.items():
        if name not in backed and _is_for(contract, interval):
            yield f"market.{name} prices electricity, and no instrument that backs it is listed"


def _is_for(contract: Contract, interval: Interval) -> bool:
    """Return whether a contract prices a time, and not just the end of a day of another zone."""
    both = contract.valid.overlap(interval)
    return both is not None and both.end_unix_seconds - both.start_unix_seconds > _ZONES_SECONDS


def _lapsed(one: Instrument, contract: Contract) -> bool:
    return contract.valid.overlap(claimed(one, "UTC")) is None


def problems_of(
    said: Iterable[tuple[str, Instrument]], contracts: Collection[str]
) -> Iterator[Problem]:
    """Yield each instrument whose market is no contract of the configuration."""
    known = ", ".join(contracts) or "none"
    for where, one in said:
        if one.market and one.market not in contracts:
            reason = f"is no contract in the configuration; there are: {known}"
            yield problem(where, reason, "market", one.market)
