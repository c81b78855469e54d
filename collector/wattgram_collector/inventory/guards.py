"""PURE. What two parts of a run say of the same thing: one of them counts, the other is shown.

An agent meters an asset, and a bill of the same asset comes as an activity; the register has what
a sold gateway will use in its life, or the end of a server, and so has an activity. Each pair is
in the ledger, and one of each is an `allocation`: it says which other posting has it, and is in no
total (one primary posting of each thing, stage and time).

What an agent metered or the register holds goes before an activity of the same asset, since the
decision table put it in its place. (Hosts behind a generator are allocations of its fuel from the
start.) Only where both are in one and the same total do they meet: the year's use of what was sold
is in the TCS, its lifetime in the GHG inventory, and both stand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import NamedTuple

from wattgram_collector.inventory.activities.activity import Activity
from wattgram_collector.inventory.metering.cutting import interval_of, split
from wattgram_collector.inventory.periods import Interval
from wattgram_collector.inventory.places import SCOPE_1, SCOPE_2, scope_3
from wattgram_collector.inventory.postings import Posting, Role, Stage
from wattgram_collector.inventory.register.assets import Register
from wattgram_collector.inventory.result import Unknown

_OF_ELECTRICITY = frozenset({Stage.USE, Stage.ELECTRICITY_SUPPLY, Stage.LOSSES})
_OF_A_LIFE = frozenset({Stage.TRANSPORT, Stage.END_OF_LIFE, Stage.EMBODIED_ACQUIRED})
_MOVED = (4, 9)
_LIFETIME = "lifetime"
_SERVICES = (scope_3(1, "cloud"), scope_3(1, "managed"))
"""What a provider runs: a bill has the energy and the making that agents and the register have."""
_AT_OTHERS = (7, 8, 11, 12, 13)
"""Categories of things that the register has, and that activities may be about as well."""


class Reckoned(NamedTuple):
    """An activity and what it comes to in the period."""

    activity: Activity
    postings: Sequence[Posting]


@dataclass(slots=True)
class Once:
    """Postings of which no two primary ones are of the same thing, and what was done for it."""

    postings: list[Posting] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def once(of_assets: Iterable[Posting], reckoned: Iterable[Reckoned]) -> Once:
    """Return all postings, each thing counted once; a warning names each pair."""
    found = Once()
    found.postings += of_assets
    known = _by_asset(found.postings)
    for one in reckoned:
        theirs = known.get(one.activity.asset_id, {}) if one.activity.asset_id else {}
        clashing = [other for posting in one.postings if (concern := _concern(posting)) is not None
                    for other in theirs.get(concern, ())
                    if _share_a_total(posting, other)]  # fmt: skip
        if not clashing:
            found.postings += one.postings
            continue
        found.postings += _behind(one, theirs, found)
    return found


def _behind(
    one: Reckoned, theirs: Mapping[str, Sequence[Posting]], found: Once
) -> Iterator[Posting]:
    """Yield the postings of an activity; what others of the same asset have is an allocation."""
    note = f"counted at asset/{one.activity.asset_id}"
    is_told = False
    for posting in one.postings:
        concern = _concern(posting)
        covered = [interval_of(other) for other in theirs.get(concern or "", ())
                   if _share_a_total(posting, other)]  # fmt: skip
        inside, outside = split(posting, _widened(posting, covered))
        yield from (_allocation(part, note) for part in inside)
        yield from outside
        if inside and not is_told:
            is_told = True
            found.warnings.append(
                f"{posting.subject} and asset/{one.activity.asset_id} say the same"
                f" ({concern}) of the same time: the activity is shown and not counted"
            )


def _widened(posting: Posting, covered: Sequence[Interval]) -> Sequence[Interval]:
    """Return the intervals; of what is posted at an instant for a whole life, all of its time."""
    is_whole = _concern(posting) in _OF_A_LIFE or _is_lifetime(posting)
    if is_whole and covered:
        return [interval_of(posting)]
    return covered


def _by_asset(postings: Iterable[Posting]) -> dict[str, dict[str, list[Posting]]]:
    """Return the primary postings of each asset, by what they are about."""
    found: dict[str, dict[str, list[Posting]]] = defaultdict(lambda: defaultdict(list))
    for one in postings:
        kind, _, name = one.subject.partition("/")
        concern = _concern(one)
        if kind == "asset" and concern is not None and one.role is Role.PRIMARY:
            found[name][concern].append(one)
    return found


def _concern(one: Posting) -> str | None:
    """Return what a posting is about, for another to be about the same; None: of nothing else."""
    if one.role is not Role.PRIMARY:
        return None
    if _is_lifetime(one):
        return "use over its life"
    if one.place is not None and one.place.category in _MOVED and one.stage is not Stage.NETWORK:
        return str(Stage.TRANSPORT)
    if one.stage in _OF_ELECTRICITY and one.unit == "kWh" and one.place != SCOPE_1:
        return "electricity"
    if one.stage is Stage.PURCHASED and one.place in _SERVICES:
        return "electricity"
    return str(one.stage) if one.stage in _OF_A_LIFE else None


def _is_lifetime(one: Posting) -> bool:
    return one.place is not None and one.place.subcategory == _LIFETIME


def _share_a_total(one: Posting, other: Posting) -> bool:
    if interval_of(one).overlap(interval_of(other)) is None:
        return False
    return (one.in_ghg and other.in_ghg) or (one.in_tcs and other.in_tcs)


def bills_of_metered_sites(
    postings: Iterable[Posting], reckoned: Iterable[Reckoned], register: Register
) -> Iterator[str]:
    """Yield a warning for each bill of a site at which agents meter hosts for the same time.

    It may be of what no agent meters, as it should be: nobody but its owner knows.
    """
    metered: dict[str, dict[str, list[Interval]]] = defaultdict(lambda: defaultdict(list))
    for posting in postings:
        kind, _, name = posting.subject.partition("/")
        is_used = posting.place == SCOPE_2 and posting.role is Role.PRIMARY
        if kind == "asset" and name in register and is_used:
            site = register.versions(name)[-1].site
            for where in {site, ""}:
                metered[where][name].append(interval_of(posting))
    for one in reckoned:
        activity = one.activity
        words = _of_a_bill(one)
        if words is None:
            continue
        there = [name for name, times in metered.get(activity.site, {}).items()
                 if any(activity.interval.overlap(time) for time in times)]  # fmt: skip
        if there:
            where = f"site {activity.site!r}, where" if activity.site else "no site, and"
            yield (
                f"activity/{activity.activity_id} is {words} of {where}"
                f" {len(there)} assets are metered at the same time: say only what no agent meters"
            )


def _of_a_bill(one: Reckoned) -> str | None:
    """Return what a row is, if meters may have the same; None: it is of one asset, or no bill."""
    is_used = any(posting.place == SCOPE_2 for posting in one.postings)
    if not is_used and any(posting.stage is Stage.RESOLD for posting in one.postings):
        return "electricity sold on"
    if one.activity.site:
        return "electricity" if is_used else None
    is_bill = one.activity.kind == "electricity" and not one.activity.asset_id
    return "electricity" if is_used and is_bill else None


def both_without_a_name(postings: Iterable[Posting]) -> Iterator[str]:
    """Yield a warning for each place that assets and activities of no asset are both at.

    A bill of the cloud beside metered machines in it, analytics of bytes beside metered networks,
    the end of what was sold in a row and in the register: one thing in twice, or two things, and
    nobody but their owner knows. Both count; an activity that names its asset is no question.
    """
    places: dict[str, tuple[dict[str, list[Interval]], dict[str, list[Interval]]]] = {}
    for one in postings:
        where = _where(one)
        if where is not None:
            kind, _, _ = one.subject.partition("/")
            of_assets, of_activities = places.setdefault(where, ({}, {}))
            side = of_activities if kind == "activity" else of_assets
            side.setdefault(one.subject, []).append(interval_of(one))
    for where, (of_assets, of_activities) in sorted(places.items()):
        if not of_assets or not of_activities:
            continue
        spans = [_hull(times) for times in of_assets.values()]
        whole = _hull(spans)
        beside = [name for name, times in of_activities.items()
                  if any(time.overlap(whole) for time in times)]  # fmt: skip
        if beside:
            yield (
                f"{_and_more(beside)} and {_and_more(list(of_assets))} are both at {where}: where"
                " they are the same, say asset_id; both are counted"
            )


def _where(one: Posting) -> str | None:
    """Return where a posting could be in by two ways; None: it could not, or is in no total."""
    if not (one.in_ghg or one.in_tcs):
        return None
    if one.stage is Stage.NETWORK:
        return f"the bytes of {one.leaf.code}" if one.leaf else None
    if one.place is None:
        is_use = one.stage is Stage.USE and one.leaf is not None
        return f"{one.leaf.code}" if is_use and one.leaf else None
    if one.place.category in _AT_OTHERS:
        is_commute = one.place == scope_3(7) and one.leaf is None
        return None if is_commute else str(one.place)
    if one.stage is Stage.EMBODIED_ACQUIRED and one.leaf is not None:
        return f"{one.place} ({one.leaf.code})"
    return str(one.place) if one.place in _SERVICES else None


def _hull(times: Sequence[Interval]) -> Interval:
    return Interval(
        min(one.start_unix_seconds for one in times), max(one.end_unix_seconds for one in times)
    )


def _and_more(names: Sequence[str]) -> str:
    first, *others = sorted(names)
    return f"{first} and {len(others)} more" if others else first


def unfuelled(
    postings: Iterable[Posting], reckoned: Iterable[Reckoned], register: Register
) -> Iterator[Unknown]:
    """Yield each generator that hosts were metered behind, and whose fuel nobody booked."""
    fuelled = {
        one.activity.asset_id
        for one in reckoned
        for posting in one.postings
        if posting.place == SCOPE_1 and posting.stage is Stage.USE
    }
    behind: dict[str, Fraction] = defaultdict(Fraction)
    for posting in postings:
        kind, _, name = posting.subject.partition("/")
        is_behind = posting.place == SCOPE_1 and posting.role is Role.ALLOCATION
        if kind == "asset" and name in register and is_behind:
            for generator in {one.generator for one in register.versions(name)} - {"", *fuelled}:
                behind[generator] += posting.quantity or 0
    for generator, kilowatt_hours in sorted(behind.items()):
        why = "it supplied metered hosts, and no fuel activity of it is in the period"
        yield Unknown(f"asset/{generator}", why, kilowatt_hours)


def _allocation(posting: Posting, note: str) -> Posting:
    notes = "; ".join(one for one in (posting.note, note) if one)
    return replace(posting, role=Role.ALLOCATION, in_ghg=False, in_tcs=False, note=notes)
