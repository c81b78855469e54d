"""PURE. What is in no total, gathered: of each thing and reason one row, with what it comes to."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from wattgram_collector.accounting.terms import Terms
from wattgram_collector.inventory.metering.energy import (
    FUEL_NOTE,
    NO_ASSET,
    NO_CONTRACT,
    NOT_DIRECT_NOTE,
)
from wattgram_collector.inventory.postings import Method, Posting, Role, Stage
from wattgram_collector.inventory.result import Unknown

_NO_ZONE: Final = "nobody says which grid it draws from: energy without a factor"
_NO_FACTOR: Final = "no factor of grid {} is known for its time"
_REGISTER: Final = f"{NO_ASSET}; add it to the register (wattgram-collector assets suggest)"


_DIRECT: Final = 'price with [intensity] scope = "direct"'


class Unknowns:
    """Sums of what no total has, by subject and reason."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], tuple[Fraction, Fraction | None]] = {}
        self._plain: list[Unknown] = []

    def add(self, unknown: Unknown) -> None:
        self._plain.append(unknown)

    def look(self, posting: Posting, terms: Terms) -> None:
        """Take note of a posting if it is, or if its grams are, in no total."""
        if posting.stage not in (Stage.USE, Stage.NETWORK) or NO_CONTRACT in posting.note:
            return
        is_bought = posting.method is Method.MARKET
        if posting.note == FUEL_NOTE:
            self._count(posting.subject, FUEL_NOTE, posting)
        elif posting.role is Role.MEMO and posting.stage is Stage.USE:
            self._count(posting.subject, posting.note.replace(NO_ASSET, _REGISTER), posting)
        elif posting.role is Role.PRIMARY and posting.grams is None:
            self._count(posting.subject, _why_unpriced(posting, terms), posting)
        elif posting.role is Role.PRIMARY and posting.note == NOT_DIRECT_NOTE and not is_bought:
            self._count(f"factor/{posting.factor}", f"{NOT_DIRECT_NOTE}; {_DIRECT}", posting)

    def _count(self, subject: str, why: str, posting: Posting) -> None:
        energy, grams = self._sums.get((subject, why), (Fraction(0), Fraction(0)))
        both = None if grams is None or posting.grams is None else grams + posting.grams
        self._sums[subject, why] = energy + (posting.quantity or 0), both

    def rows(self) -> list[Unknown]:
        """Return the rows, by subject."""
        summed = [Unknown(*key, *found) for key, found in self._sums.items()]
        return sorted([*summed, *self._plain], key=lambda one: (one.subject, one.why))


def _why_unpriced(posting: Posting, terms: Terms) -> str:
    is_network = posting.stage is Stage.NETWORK
    zone = terms.network_zone if is_network else terms.zone
    why = _NO_FACTOR.format(zone) if zone else _NO_ZONE
    if is_network:
        return f"network: {why}"
    if posting.method is Method.MARKET:
        return f"by market: {why}"
    return posting.note or why
