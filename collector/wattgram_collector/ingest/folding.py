"""PURE. How many names of one host are kept apart: each is a series, or a label, for ever.

A host that starts containers all day, or one that means harm, would otherwise fill the ledger
and the page of metrics. What is beyond the limit is summed as `other`: no joule is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from wattgram.readings import Series
from wattgram.workloads import BUCKETS, OTHER, is_share, series_of
from wattgram_collector.ledger import Tally, TallyKey

WORKLOADS_MAX: Final = 1_000

_OTHER: Final = series_of(OTHER)
_BUCKETS: Final = frozenset(map(series_of, BUCKETS))
OTHER_LABEL: Final = "other"
_LABELLED_BY_AGENT: Final = (Tally.GAP_NANOSECONDS, Tally.GAPS, Tally.COUNTER_RESETS)


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


def fold_labels(
    tallies: Mapping[TallyKey, int], known: set[TallyKey], limit: int
) -> dict[TallyKey, int]:
    """Return tallies with no more than `limit` different labels of each kind that an agent names.

    `known` are those that it has had; those that are let in are added. The rest is `other`.
    """
    kept: dict[TallyKey, int] = {}
    for (tally, label), count in tallies.items():
        key = tally, label
        if tally in _LABELLED_BY_AGENT and key not in known:
            if sum(one is tally for one, _ in known) >= limit:
                key = tally, OTHER_LABEL
            else:
                known.add(key)
        kept[key] = kept.get(key, 0) + count
    return kept
