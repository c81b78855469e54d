"""Assets as they usually are, and a ledger in memory that keeps their register."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from wattgram.handshake import HostFacts
from wattgram_collector.inventory.register.assets import Asset, AssetRole, Party, SiteKind
from wattgram_collector.ledger import AgentRecord
from wattgram_collector.ledger.journal import (
    GENESIS,
    JournalEntry,
    JournalKind,
    JournalRecord,
    chained,
)

SERVER = Asset(
    asset_id="s1",
    device_class="server",
    role=AssetRole.SERVER,
    site_kind=SiteKind.ONSITE,
    owner=Party.ORG,
    controller=Party.ORG,
    electricity_payer=Party.ORG,
    acquired_on=date(2025, 3, 1),
)


def asset(asset_id: str, **said: Any) -> Asset:
    return replace(SERVER, asset_id=asset_id, **said)


def agent(host: str, **facts: Any) -> AgentRecord:
    return AgentRecord(
        key=1, agent_id=f"id-of-{host}", host=host, facts=HostFacts(host=host, **facts)
    )


class MemoryLedger:
    """Keeps a journal as the ledger does: entries in order, each bound to the one before."""

    def __init__(self, agents: Iterable[AgentRecord] = ()) -> None:
        self.entries: list[JournalEntry] = []
        self.is_closed = False
        self._agents = list(agents)

    def append(
        self, records: Sequence[JournalRecord], recorded_unix_nanoseconds: int
    ) -> list[JournalEntry]:
        previous = self.entries[-1].hash if self.entries else GENESIS
        added = list(chained(records, recorded_unix_nanoseconds, len(self.entries), previous))
        self.entries += added
        return added

    def journal(
        self, kinds: Collection[JournalKind] | None = None, after: int = 0
    ) -> list[JournalEntry]:
        return [one for one in self.entries[after:] if kinds is None or one.kind in kinds]

    def agents(self) -> list[AgentRecord]:
        return list(self._agents)

    def close(self) -> None:
        self.is_closed = True
