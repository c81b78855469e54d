"""The seam of sums: what a period comes to, added up where it is stored.

A day of a thousand hosts is a million rows. Whoever shows it needs a few thousand sums.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

from wattgram.readings import Quality
from wattgram_collector.accounting.emissions import Account, Amount
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensity import (
    Accounting,
    Boundary,
    Intensity,
    Losses,
    Scope,
    Signal,
    Status,
    Tier,
)

if TYPE_CHECKING:
    from wattgram_collector.ledger import AgentRecord
    from wattgram_collector.ledger.columns import Posted
    from wattgram_collector.ledger.journal import JournalEntry


class PostedSum(NamedTuple):
    """Postings that were priced alike, as they stand now: restatements are in."""

    group: int
    """The agent's key, unless agents were grouped; 0 where all are one."""
    slot: int | None
    """None where slots were not asked for."""
    account: Account
    terms: Terms
    factor: Intensity | None
    """Which prices it now; None where nothing does."""
    quantity: int
    """In the unit of the account."""


class Family(NamedTuple):
    """What factors have in common that differ in value, version and time only."""

    zone: str
    tier: Tier
    provider: str
    signal: Signal
    scope: Scope
    boundary: Boundary
    losses: Losses
    accounting: Accounting
    status: Status

    @classmethod
    def of(cls, factor: Intensity) -> Family:
        return cls(
            factor.zone, factor.tier, factor.provider, factor.signal, factor.scope,
            factor.boundary, factor.losses, factor.accounting, factor.status,
        )  # fmt: skip


class WeighedSum(NamedTuple):
    """What one agent posted, with the factors that price it now already in: exactly."""

    agent_key: int
    account: Account
    terms: Terms
    family: Family | None
    """None where nothing prices it."""
    factor: Intensity | None
    """The one that prices all of it; None where there are more, or none."""
    amount: Amount


class CountedSum(NamedTuple):
    """Microjoules of counted meters that are known equally well."""

    group: int
    slot: int | None
    quality: Quality
    quantity: int


class WorkloadSum(NamedTuple):
    """Microjoules that a workload of one name used on all hosts together."""

    kind: str
    name: str
    hosts: int
    quantity: int


class Sums(Protocol):
    """One instant of a ledger, on a connection of its own: from any thread, one at a time.

    `groups`: which sum each agent belongs to, by its key; agents that are not in it are left out.
    Without it each agent is by itself, or with `by_slot` all are one. Everything raises
    LedgerError.
    """

    def posted_sums(
        self,
        first_slot: int,
        end_slot: int,
        *,
        by_slot: bool,
        groups: Mapping[int, int] | None = None,
    ) -> Iterator[PostedSum]:
        """Yield the postings of `[first_slot, end_slot)`, summed."""

    def weighed_sums(
        self,
        first_slot: int,
        end_slot: int,
        *,
        accounts: Collection[Account],
        agents: Iterable[int] | None = None,
    ) -> Iterator[WeighedSum]:
        """Yield what was posted in `[first_slot, end_slot)`, agent by agent: of a year, say.

        In the order of `agents`, or of all of them by key; of each there is something before the
        next is looked at, so that progress can be shown.
        """

    def posted_columns(
        self,
        first_slot: int,
        end_slot: int,
        *,
        accounts: Collection[Account],
        agents: Iterable[int],
    ) -> Iterator[Posted]:
        """Yield all that was posted in `[first_slot, end_slot)`, agent by agent, as columns.

        In the order of `agents`, with the factors that price it now: one reading for whoever
        needs sums of several kinds. An agent without postings has no columns.
        """

    def posted_spans(self, agents: Iterable[int]) -> dict[int, tuple[int, int]]:
        """Return the first and the last slot of what agents ever posted, by their keys."""

    def agents(self) -> list[AgentRecord]:
        """Return every agent that was ever enrolled: quickly, however much there is of them."""

    def journal(self) -> Iterator[JournalEntry]:
        """Yield the entries of the journal, in order."""

    def counted_qualities(self, agent: int, first_slot: int, end_slot: int) -> frozenset[Quality]:
        """Return how well the counted energy of an agent in `[first_slot, end_slot)` is known."""

    def counted_sums(
        self,
        first_slot: int,
        end_slot: int,
        *,
        by_slot: bool,
        groups: Mapping[int, int] | None = None,
    ) -> Iterator[CountedSum]:
        """Yield the energy of counted meters in `[first_slot, end_slot)`, summed by quality."""

    def workload_sums(self, first_slot: int, end_slot: int, most: int) -> list[WorkloadSum]:
        """Return the `most` workloads that used most in `[first_slot, end_slot)`, in order."""

    def close(self) -> None:
        """Let go of the instant."""
