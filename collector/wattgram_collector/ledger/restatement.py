"""What is asked of a ledger when better intensities are known, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from wattgram.readings import Series
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensity import Intensity, Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class Restatement:
    """From now on the energy of a grid has these factors in these slots."""

    signal: Signal
    zone: str
    factors: Mapping[int, Intensity]
    """By accounting slot."""
    begun_unix_seconds: int
    reason: str
    first_open_slot: int
    """Slots before it are frozen: a change of theirs is noted as a prior period's."""


class Restated(NamedTuple):
    """What a pass changed. `changes`: microjoules times g/kWh, by agent key."""

    number: int
    """Of the pass; 0 when nothing was to be changed."""
    slots: int
    prior_period_slots: int
    changes: Mapping[int, Fraction]


class Posted(NamedTuple):
    """One row of the ledger as it stands now."""

    agent_key: int
    account: Account
    slot: int
    terms: Terms
    factor: Intensity | None
    """Which priced it when it came."""
    restated: Intensity | None
    """Which prices it now; the same where nothing was restated."""
    restated_by_pass: int
    """0 where nothing was restated."""
    quantity: int
    noted: Intensity | None = None
    """Which would price it now were its period not frozen; None where there is no such."""


class Used(NamedTuple):
    """What one series used in one slot."""

    series: Series
    slot: int
    quantity: int
