"""PURE. Quantities per slot to postings: each joule once, with the factor of its own time.

A posting is a quantity, the factor that prices it and the terms that it was posted under; energy
beyond the meter and grams follow from them and are never stored, so that no rounding is either.
What no factor covers is posted without one: energy is priced plus unpriced.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram.readings import Kind, Series
from wattgram.units import (
    BYTES_PER_GIGABYTE,
    MICROJOULES_PER_KILOWATT_HOUR,
)
from wattgram_collector.accounting.bought import MarketBook, shared_out
from wattgram_collector.accounting.slots import SlotQuantities, slot_start_unix_seconds
from wattgram_collector.accounting.terms import Counts, Terms
from wattgram_collector.intensity import Intensity, IntensityBook, Losses, Scope, Tier

_PATTERNS_REMEMBERED: Final = 16


class Account(StrEnum):
    """What a posting is about, and so its unit."""

    HOST = "host_microjoules"
    NETWORK = "network_bytes"
    """Both directions at once, as ledgers of schema 2 and before have them."""
    RECEIVE = "receive_bytes"
    TRANSMIT = "transmit_bytes"
    OBSERVED = "observed_microseconds"
    """How long the host was seen, where network equipment stands by for it."""
    MARKET = "market_microjoules"
    """The host's energy again, at the factor of what was bought."""
    MARGINAL = "marginal_microjoules"
    """The host's energy again, at the factor of one more kilowatt-hour."""

    __hash__ = str.__hash__  # in C: it is asked for with every batch


NETWORK_ACCOUNTS = (Account.NETWORK, Account.RECEIVE, Account.TRANSMIT, Account.OBSERVED)


class PostingKey(NamedTuple):
    """Where a quantity is posted. `factor` is None for what cannot be priced."""

    account: Account
    slot: int
    terms: Terms
    factor: Intensity | None


class Books(NamedTuple):
    """Who says a factor: one book for every question. None: it is not asked here."""

    location: IntensityBook
    market: IntensityBook | MarketBook | None = None
    marginal: IntensityBook | None = None


class Columns:
    """Which columns of a series table are posted, and where. Made once per table."""

    __slots__ = ("_beyond", "_names", "energy", "host", "network", "receive", "transmit")

    def __init__(self, series: Sequence[Series]) -> None:
        counted = [(index, one.kind) for index, one in enumerate(series) if one.counted]
        self.energy = [i for i, one in enumerate(series) if one.kind is Kind.ENERGY]
        self.host = [index for index, kind in counted if kind is Kind.ENERGY]
        self.receive = [index for index, kind in counted if kind is Kind.RECEIVE]
        self.transmit = [index for index, kind in counted if kind is Kind.TRANSMIT]
        self.network = self.receive + self.transmit
        self._names = {index: series[index].instance for index in self.network}
        self._beyond: dict[tuple[str, ...], Sequence[Sequence[int]]] = {}

    def beyond(self, internal: tuple[str, ...]) -> Sequence[Sequence[int]]:
        """Return the columns received and transmitted by interfaces that no pattern names."""
        if not internal:
            return self.receive, self.transmit
        if internal not in self._beyond:
            if len(self._beyond) >= _PATTERNS_REMEMBERED:
                self._beyond.clear()
            self._beyond[internal] = [
                [one for one in columns if not _is_named(self._names[one], internal)]
                for columns in (self.receive, self.transmit)
            ]
        return self._beyond[internal]


def _is_named(interface: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(interface, pattern) for pattern in patterns)


def postings(
    found: SlotQuantities, columns: Columns, terms: Terms, books: Books
) -> dict[PostingKey, int]:
    """Return the counted energy and the traffic of one batch, priced where a factor is known."""
    posted: dict[PostingKey, int] = {}
    receive, transmit = columns.beyond(terms.internal_interfaces)
    for slot, row in found.items():
        at = slot_start_unix_seconds(slot)
        energy = _present(row, columns.host)
        if energy is not None:
            factor = _factor(books.location, terms.asked_place, at)
            posted[PostingKey(Account.HOST, slot, terms, factor)] = energy
            if books.market is not None:
                posted |= _market_postings(books.market, terms, slot, energy)
            if books.marginal is not None:
                more = _factor(books.marginal, terms.zone, at)
                if more is not None:  # no factor is no claim
                    posted[PostingKey(Account.MARGINAL, slot, terms, more)] = energy
        received, transmitted = _present(row, receive), _present(row, transmit)
        if received is None and transmitted is None:
            continue
        factor = _factor(books.location, terms.network_zone, at)
        if received is not None:
            posted[PostingKey(Account.RECEIVE, slot, terms, factor)] = received
        if transmitted is not None:
            posted[PostingKey(Account.TRANSMIT, slot, terms, factor)] = transmitted
    return posted


def _market_postings(
    book: IntensityBook | MarketBook, terms: Terms, slot: int, energy_microjoules: int
) -> dict[PostingKey, int]:
    """Return the energy once more, shared out to what was bought for it."""
    at = slot_start_unix_seconds(slot)
    if not isinstance(book, MarketBook):
        factor = _factor(book, terms.zone, at)
        return {PostingKey(Account.MARKET, slot, terms, factor): energy_microjoules}
    parts = book.bought(terms, at)
    posted: dict[PostingKey, int] = {}
    quantities = shared_out(energy_microjoules, [one.share for one in parts])
    for (factor, _), quantity in zip(parts, quantities, strict=True):
        if quantity or len(parts) == 1:
            key = PostingKey(Account.MARKET, slot, terms, factor)
            posted[key] = posted.get(key, 0) + quantity
    return posted


def standby_postings(
    seen_microseconds: Mapping[int, int], terms: Terms, book: IntensityBook
) -> dict[PostingKey, int]:
    """Return for how long the host was seen in each slot, where something stands by for it."""
    if not terms.stands_by:
        return {}
    return {
        PostingKey(
            Account.OBSERVED,
            slot,
            terms,
            _factor(book, terms.network_zone, slot_start_unix_seconds(slot)),
        ): microseconds
        for slot, microseconds in seen_microseconds.items()
    }


def _present(row: Sequence[int | None], indices: Sequence[int]) -> int | None:
    present = [quantity for index in indices if (quantity := row[index]) is not None]
    return sum(present) if present else None


def _factor(book: IntensityBook, zone: str, unix_seconds: int) -> Intensity | None:
    return book.at(zone, unix_seconds) if zone else None


# ── sums ─────────────────────────────────────────────────────────────────────────────────────


class Pricing(NamedTuple):
    """How quantities were posted that may be summed. All are None for what is unpriced."""

    account: Account
    terms: Terms
    tier: Tier | None
    scope: Scope | None
    losses: Losses | None

    @classmethod
    def of(cls, account: Account, terms: Terms, factor: Intensity | None) -> Pricing:
        if factor is None:
            return cls(account, terms, None, None, None)
        return cls(account, terms, factor.tier, factor.scope, factor.losses)


class Amount(NamedTuple):
    """A sum of postings, exactly: of quantities, and of quantities times their intensities."""

    quantity: int
    """In the unit of the account."""
    weighted: Fraction = Fraction(0)
    """In that unit times g/kWh."""

    def plus(self, quantity: int, factor: Intensity | None) -> Amount:
        if factor is None:
            return Amount(self.quantity + quantity, self.weighted)
        return Amount(self.quantity + quantity, self.weighted + quantity * factor.value)


class Part(StrEnum):
    """What the energy and the grams of a posting are about. No two overlap in one total."""

    HOST = "host"
    OVERHEAD = "facility_overhead"
    """Cooling and power supply of the facility, by its PUE."""
    LOSSES = "transmission_losses"
    UPSTREAM = "upstream"
    """Fuel supply; inside the host's own grams where the factor is a lifecycle one."""
    NETWORK = "network"
    MARKET = "market"
    """The host and its overhead at what was bought, instead of at the grid's."""
    MARGINAL = "marginal"


class Share(NamedTuple):
    """Energy and grams of one part. `grams` is None where nothing prices it."""

    part: Part
    segment: str
    """Of the network; empty for the other parts."""
    energy_microjoules: Fraction
    grams: Fraction | None


def shares(pricing: Pricing, amount: Amount) -> Iterator[Share]:
    """Yield what a sum of postings comes to, part by part.

    g = (J / 3.6e6) x I. Overhead is energy x (PUE - 1). Losses are energy x L / (1 - L), and
    nothing where the factor has them inside; upstream is added to direct factors only.
    """
    account, terms = pricing.account, pricing.terms
    if account in NETWORK_ACCOUNTS:
        yield from _network(pricing, amount)
        return
    if account in (Account.MARKET, Account.MARGINAL):
        part = Part.MARKET if account is Account.MARKET else Part.MARGINAL
        yield _share(part, amount, 1 + terms.overhead_ratio, pricing)
        return
    yield _share(Part.HOST, amount, Fraction(1), pricing)
    if terms.overhead_ratio:
        yield _share(Part.OVERHEAD, amount, terms.overhead_ratio, pricing)
    facility = 1 + terms.overhead_ratio
    if terms.loss_ratio is not None and pricing.losses is Losses.BUSBAR:
        yield _share(Part.LOSSES, amount, facility * terms.loss_ratio, pricing)
    if pricing.scope is Scope.DIRECT and terms.upstream_grams_per_kilowatt_hour:
        energy = facility * amount.quantity
        intensity = Fraction(terms.upstream_grams_per_kilowatt_hour)
        intensity += Fraction(terms.upstream_loss_grams_per_kilowatt_hour or "0")
        yield Share(Part.UPSTREAM, "", Fraction(0), emissions_grams(energy, intensity))


def _share(part: Part, amount: Amount, ratio: Fraction, pricing: Pricing) -> Share:
    grams = amount.weighted * ratio / MICROJOULES_PER_KILOWATT_HOUR
    is_priced = pricing.tier is not None
    return Share(part, "", amount.quantity * ratio, grams if is_priced else None)


def _network(pricing: Pricing, amount: Amount) -> Iterator[Share]:
    for segment in pricing.terms.segments:
        if pricing.account is Account.OBSERVED:
            ratio = Fraction(segment.standby_watts)  # a watt is a microjoule per microsecond
        elif pricing.account is Account.RECEIVE and segment.counts is Counts.TRANSMIT:
            continue
        else:
            ratio = (
                Fraction(segment.kilowatt_hours_per_gigabyte)
                * MICROJOULES_PER_KILOWATT_HOUR
                / BYTES_PER_GIGABYTE
            )
        if ratio:
            share = _share(Part.NETWORK, amount, ratio, pricing)
            yield share._replace(segment=segment.name)


def emissions_grams(
    energy_microjoules: Fraction, intensity_grams_per_kilowatt_hour: Fraction
) -> Fraction:
    """Return g = (J / 3.6e6) x I, exactly."""
    return energy_microjoules * intensity_grams_per_kilowatt_hour / MICROJOULES_PER_KILOWATT_HOUR
