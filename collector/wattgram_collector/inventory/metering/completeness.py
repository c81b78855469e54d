"""PURE. How much of the time an agent saw: rows of completeness.csv, and the tier that follows.

Seen is every accounting slot with energy of the host in it, as a whole. Expected is the time from
the agent's first slot in the ledger to the newest of any agent, within the report's period; of an
agent that is an asset only while it is bound and the asset is neither bought later nor disposed
of. So a host that fell silent is missed, one that is not there yet is not.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from wattgram.readings import Quality
from wattgram.units import ACCOUNTING_SLOT_SECONDS
from wattgram_collector.inventory.metering.holdings import Piece
from wattgram_collector.inventory.periods import Interval, ReportPeriod, midnight_unix_seconds
from wattgram_collector.inventory.register.assets import Asset, AssetRole
from wattgram_collector.inventory.result import Seen

ALWAYS_ON: Final = frozenset(
    {AssetRole.SERVER, AssetRole.NETWORK, AssetRole.CUSTOMER_INFRA, AssetRole.IOT, AssetRole.OT}
)
"""Of these time without data is missing; a laptop or a phone that says nothing is off."""
COVERAGE_MIN: Final = Fraction(95, 100)
"""Below this the energy of what is always on is not a measurement of the whole time."""
_ORDER: Final = (Quality.MEASURED, Quality.DECLARED, Quality.MODELLED, Quality.DEFAULT)


class Span(NamedTuple):
    """The slots between which an agent can have seen anything: first, and after the last."""

    first_slot: int
    end_slot: int


def expected(piece: Piece, span: Span | None, timezone: str) -> Interval | None:
    """Return the time of a piece in which the agent should have been there; None: in none of it.

    One piece has one: nothing is expected before the asset is acquired or after it is disposed of.
    """
    if span is None:
        return None
    within = piece.interval.overlap(
        Interval(span.first_slot * ACCOUNTING_SLOT_SECONDS,
                 span.end_slot * ACCOUNTING_SLOT_SECONDS)
    )  # fmt: skip
    asset = piece.asset
    if within is None or asset is None:
        return within
    start, end = within
    if asset.acquired_on is not None:
        start = max(start, midnight_unix_seconds(asset.acquired_on, timezone))
    if asset.disposed_on is not None:
        end = min(end, midnight_unix_seconds(asset.disposed_on, timezone))
    return Interval(start, end) if start < end else None


def count(slots: Sequence[int], interval: Interval | None) -> int:
    """Return how many of some slots, in order and each once, are in an interval."""
    if interval is None:
        return 0
    first, end = interval.slots
    return bisect_left(slots, end) - bisect_left(slots, first)


def coverage(slots: Sequence[int], interval: Interval | None) -> Fraction | None:
    """Return the share of an expected time that was seen; None where nothing is expected."""
    if interval is None:
        return None
    first, end = interval.slots
    return Fraction(count(slots, interval), end - first) if end > first else None


def tier(asset: Asset | None, read: Iterable[Quality], share: Fraction | None) -> Quality:
    """Return how well energy is known: the worst of the meters, and modelled where time lacks.

    Energy of which no meter is known is as bad as can be.
    """
    worst = max(read, key=_ORDER.index, default=Quality.DEFAULT)
    lacks = share is not None and share < COVERAGE_MIN
    if asset is not None and asset.role in ALWAYS_ON and lacks:
        return max(worst, Quality.MODELLED, key=_ORDER.index)
    return worst


def seen_of(
    agent_id: str,
    host: str,
    slots: Sequence[int],
    times: Sequence[Interval],
    filled: Sequence[tuple[Interval, int]],
    period: ReportPeriod,
) -> Iterator[Seen]:
    """Yield a row for each month in which an agent was seen or expected.

    `slots`: those seen, in order and each once; `times`: those expected, apart from each other;
    `filled`: times with how many seconds of them were filled, each shared out by its own length.
    """
    for month in period.months():
        inside = [during for one in times if (during := one.overlap(month)) is not None]
        first, end = month.slots
        mine = slots[bisect_left(slots, first) : bisect_left(slots, end)]
        if not inside and not mine:
            continue
        at = datetime.fromtimestamp(month.start_unix_seconds, UTC)
        yield Seen(
            agent_id=agent_id,
            host=host,
            month=at.astimezone(ZoneInfo(period.timezone)).strftime("%Y-%m"),
            expected_seconds=sum(one.end_unix_seconds - one.start_unix_seconds for one in inside),
            observed_seconds=len(mine) * ACCOUNTING_SLOT_SECONDS,
            filled_seconds=sum(seconds for gap, seconds in filled if gap.overlap(month)),
            first_seen_unix_seconds=mine[0] * ACCOUNTING_SLOT_SECONDS if mine else None,
            last_seen_unix_seconds=(mine[-1] + 1) * ACCOUNTING_SLOT_SECONDS if mine else None,
            clock_skew_max_seconds=None,
        )
