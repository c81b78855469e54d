"""What each site used in each hour, gathered agent by agent: rows of energy.csv.

The columns of agents that are alike are added up as they are, and only their sums are sorted into
hours. A site has a row for every hour of the year: what is gathered of sites beyond a few waits
in a temporary file, on disk where it is large, until somebody asks for the rows.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import accumulate, compress, pairwise
from operator import add, mul
from os import SEEK_END
from tempfile import SpooledTemporaryFile
from typing import Final, NamedTuple

from wattgram.units import (
    ACCOUNTING_SLOT_SECONDS,
    MICROJOULES_PER_KILOWATT_HOUR,
    SECONDS_PER_HOUR,
)
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.inventory.result import SiteHour
from wattgram_collector.ledger.columns import Pattern, Rates

_GATHERED_MAX: Final = 96
"""Columns of a year that are held at a time."""
_IN_MEMORY_BYTES: Final = 64 * 1024 * 1024
_SLOTS_PER_HOUR: Final = SECONDS_PER_HOUR // ACCOUNTING_SLOT_SECONDS


class Place(NamedTuple):
    """Where energy is used: a row of energy.csv is of one."""

    site: str
    zone: str


class Ratios(NamedTuple):
    """What a metered joule is at the wall of the IT, and at that of the facility."""

    equipment: Fraction
    facility: Fraction


class _Kind(NamedTuple):
    """What sums are of that may be added as they are."""

    place: Place
    account: str
    ratios: Ratios


class _Gathered(NamedTuple):
    pattern: Pattern
    quantities: list[int]


class HourBook:
    """The hours of every site; to be closed, since a large one has a temporary file."""

    def __init__(self) -> None:
        self._gathered: dict[tuple[_Kind, int], _Gathered] = {}
        self._file: SpooledTemporaryFile[bytes] | None = None
        self._chunks: dict[Place, list[tuple[int, int]]] = {}
        """Where in the file what is known of a place stands, and how long that is."""

    def add(
        self,
        place: Place,
        account: Account,
        ratios: Ratios,
        pattern: Pattern,
        quantities: Sequence[int],
    ) -> None:
        """Add what an agent posted to the account HOST or MARKET, in microjoules."""
        key = _Kind(place, account.value, ratios), id(pattern)
        before = self._gathered.get(key)
        if before is not None:
            self._gathered[key] = _Gathered(pattern, list(map(add, before.quantities, quantities)))
            return
        if len(self._gathered) >= _GATHERED_MAX:
            self._put_away()
        self._gathered[key] = _Gathered(pattern, list(quantities))

    def close(self) -> None:
        """Let go of the temporary file."""
        if self._file is not None:
            self._file.close()

    def __iter__(self) -> Iterator[SiteHour]:
        """Yield the rows by site, zone and hour."""
        gathered = self._by_place()
        for place in sorted(self._chunks.keys() | gathered.keys()):
            sums: dict[_Same, _Sums] = {}
            for chunk in (*self._put_away_of(place), gathered.get(place, [])):
                for same, *columns in chunk:
                    sums.setdefault(same, _Sums({}, {})).add(*columns)
            yield from _rows(place, sums)

    def _by_place(self) -> dict[Place, list[_Chunk]]:
        found: dict[Place, list[_Chunk]] = {}
        for (kind, _), one in self._gathered.items():
            chunks = found.setdefault(kind.place, [])
            chunks += (_chunk(kind, rates, one) for rates in one.pattern.rates)
        return found

    def _put_away(self) -> None:
        if self._file is None:
            self._file = SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 -- close
        self._file.seek(0, SEEK_END)
        for place, chunks in self._by_place().items():
            said = marshal.dumps(chunks)
            self._chunks.setdefault(place, []).append((self._file.tell(), len(said)))
            self._file.write(said)
        self._gathered.clear()

    def _put_away_of(self, place: Place) -> Iterator[list[_Chunk]]:
        if self._file is None:
            return
        for at, length in self._chunks.get(place, ()):
            self._file.seek(at)
            yield marshal.loads(self._file.read(length))  # noqa: S302 -- our own bytes


_Same = tuple[str, int, int, int, int, bool, int]
"""Account; both ratios, as numerator and denominator; whether it is priced; scale of weights."""


_Chunk = tuple[_Same, list[int], list[int], list[int]]
"""What is the same, hours since the epoch, and of each its energy and its weight."""


class _Sums(NamedTuple):
    """By hour since the epoch: microjoules at the meter, and those times their factors."""

    energies: dict[int, int]
    weights: dict[int, int]

    def add(self, hours: list[int], energies: list[int], weights: list[int]) -> None:
        for hour, energy, weight in zip(hours, energies, weights, strict=True):
            self.energies[hour] = self.energies.get(hour, 0) + energy
            self.weights[hour] = self.weights.get(hour, 0) + weight


def _chunk(kind: _Kind, rates: Rates, one: _Gathered) -> _Chunk:
    """Return the sums of the rows of one family, as plain values."""
    slots, quantities = one.pattern.slots, one.quantities
    if rates.mask is not None:
        slots = list(compress(slots, rates.mask))
        quantities = list(compress(quantities, rates.mask))
    hours = [slot // _SLOTS_PER_HOUR for slot in slots]
    ends = [at for at, (before, after) in enumerate(pairwise(hours), 1) if before != after]
    borders = [0, *ends, len(hours)]
    energies = list(accumulate(quantities, initial=0))
    weights = list(accumulate(map(mul, quantities, rates.numbers), initial=0))
    equipment, facility = kind.ratios
    same: _Same = (
        kind.account, equipment.numerator, equipment.denominator, facility.numerator,
        facility.denominator, rates.family is not None, rates.scale,
    )  # fmt: skip
    return (
        same,
        [hours[at] for at in borders[:-1]],
        [energies[until] - energies[at] for at, until in pairwise(borders)],
        [weights[until] - weights[at] for at, until in pairwise(borders)],
    )


class _Total:
    """Of one hour and account, at the facility. Grams are None where a part has no factor."""

    __slots__ = ("grams", "kilowatt_hours")

    def __init__(self) -> None:
        self.kilowatt_hours = Fraction(0)
        self.grams: Fraction | None = Fraction(0)

    def add(self, same: _Same, energy: int, weight: int) -> None:
        *_, over, under, is_priced, scale = same
        below = under * MICROJOULES_PER_KILOWATT_HOUR
        self.kilowatt_hours += Fraction(energy * over, below)
        if not is_priced:
            self.grams = None
        elif self.grams is not None:
            self.grams += Fraction(weight * over, below * scale)


def _rows(place: Place, sums: Mapping[_Same, _Sums]) -> Iterator[SiteHour]:
    """Yield the hours of a site; without what was bought the grid's factor holds for it too."""
    hours = sorted({hour for one in sums.values() for hour in one.energies})
    for hour in hours:
        equipment = Fraction(0)
        host, market = _Total(), _Total()
        for same, one in sums.items():
            energy = one.energies.get(hour)
            if energy is None:
                continue
            is_host = same[0] == Account.HOST.value
            (host if is_host else market).add(same, energy, one.weights[hour])
            if is_host:
                below = same[2] * MICROJOULES_PER_KILOWATT_HOUR
                equipment += Fraction(energy * same[1], below)
        bought = host.grams
        if market.kilowatt_hours:
            is_whole = market.kilowatt_hours == host.kilowatt_hours
            bought = market.grams if is_whole else None
        yield SiteHour(
            site=place.site,
            hour_unix_seconds=hour * SECONDS_PER_HOUR,
            zone=place.zone,
            it_kilowatt_hours=equipment,
            facility_kilowatt_hours=host.kilowatt_hours,
            location_grams=host.grams,
            market_grams=bought,
        )
