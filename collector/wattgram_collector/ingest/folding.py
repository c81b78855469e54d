"""PURE. How many workloads of one host are kept apart: each is a series for ever.

A host that starts containers all day, or one that means harm, would otherwise fill the ledger
and the page of metrics. What is beyond the limit is summed as `other`: no joule is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from wattgram.readings import Series
from wattgram.workloads import BUCKETS, OTHER, is_share, series_of

WORKLOADS_MAX: Final = 1_000

_OTHER: Final = series_of(OTHER)
_BUCKETS: Final = frozenset(map(series_of, BUCKETS))


def fold(told: Sequence[Series], known: Iterable[Series], limit: int) -> tuple[Series, ...]:
    """Return the series under which each that was told is kept.

    `known` are those that the host has had; they stay. New workloads are let in up to `limit`,
    in the order in which they are told.
    """
    kept = {one for one in known if is_share(one)} - _BUCKETS
    filed = []
    for one in told:
        is_workload = is_share(one) and one not in _BUCKETS
        if is_workload and one not in kept and len(kept) >= limit:
            filed.append(_OTHER)
            continue
        if is_workload:
            kept.add(one)
        filed.append(one)
    return tuple(filed)
