"""Agents with slots in a ledger that is a list of rows, and the metering of a period of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from builders import intensity, record
from register_scenes import SERVER
from wattgram.readings import Quality
from wattgram.units import MICROJOULES_PER_KILOWATT_HOUR
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensity import Intensity, Scope
from wattgram_collector.inventory.metering.metered import Metering, metered_postings
from wattgram_collector.inventory.periods import parse_period
from wattgram_collector.inventory.register.assets import (
    Asset,
    AssetRole,
    Party,
    Register,
    SiteKind,
)
from wattgram_collector.inventory.settings import InventorySettings
from wattgram_collector.ledger.columns import Column, Pattern, Posted, Pricer

KILOWATT_HOUR = MICROJOULES_PER_KILOWATT_HOUR
JULY = parse_period("2025-07", "UTC")
FIRST = JULY.interval.slots[0]
SLOTS_PER_DAY = 288
UK = Terms(
    zone="GB",
    network_zone="GB",
    site="hall",
    pue="1.5",
    pue_source="stated",
    loss_share="0.06",
    loss_source="grid",
    upstream_grams_per_kilowatt_hour="45.9",
    upstream_loss_grams_per_kilowatt_hour="3.97",
    upstream_source="DESNZ 2025",
)
DIRECT = intensity("GB", "177", scope=Scope.DIRECT)
LIFECYCLE = intensity("GB", "230", scope=Scope.LIFECYCLE)
HOST = replace(SERVER, asset_id="a1", acquired_on=None, agent_ids=("agent-1",))
GATEWAY = replace(
    HOST,
    device_class="iot_gateway",
    role=AssetRole.CUSTOMER_INFRA,
    site_kind=SiteKind.CUSTOMER_SITE,
    country="GB",
    electricity_payer=Party.CUSTOMER,
)


class Row(NamedTuple):
    """One posting of the ledger, as it stands now."""

    agent: int
    slot: int
    quantity: int
    account: Account = Account.HOST
    terms: Terms = UK
    factor: Intensity | None = DIRECT


class MemorySums:
    """The rows of a ledger, summed as a ledger does."""

    def __init__(
        self, rows: Iterable[Row], qualities: Mapping[int, Quality] | None = None
    ) -> None:
        self.rows = sorted(rows, key=lambda one: (one.agent, one.slot))
        self.qualities = qualities or {}
        self.asked: list[tuple[int, int]] = []
        self._pricer = Pricer()

    def posted_columns(
        self,
        first_slot: int,
        end_slot: int,
        *,
        accounts: Collection[Account],
        agents: Iterable[int],
    ) -> Iterator[Posted]:
        self.asked.append((first_slot, end_slot))
        for agent in agents:
            groups: dict[tuple[Account, Terms], list[Row]] = {}
            for one in self.rows:
                is_asked = one.agent == agent and one.account in accounts
                if is_asked and first_slot <= one.slot < end_slot:
                    groups.setdefault((one.account, one.terms), []).append(one)
            yield Posted(agent, [self._column(key, rows) for key, rows in groups.items()])

    def _column(self, key: tuple[Account, Terms], rows: list[Row]) -> Column:
        factors = [self._pricer.of(one.factor) for one in rows]
        pattern = Pattern([one.slot for one in rows], factors)
        return Column(*key, pattern, [one.quantity for one in rows])

    def posted_spans(self, agents: Iterable[int]) -> dict[int, tuple[int, int]]:
        found = {}
        for agent in agents:
            slots = [one.slot for one in self.rows if one.agent == agent]
            if slots:
                found[agent] = min(slots), max(slots)
        return found

    def counted_qualities(self, agent: int, first_slot: int, end_slot: int) -> frozenset[Quality]:
        slots = [one.slot for one in self.rows if one.agent == agent]
        if not any(first_slot <= slot < end_slot for slot in slots):
            return frozenset()
        return frozenset({self.qualities.get(agent, Quality.MEASURED)})


def whole(agent: int = 1, quantity: int = KILOWATT_HOUR, days: int = 31, **said: Any) -> list[Row]:
    """Return a row in every slot of the first days of July."""
    return [Row(agent, FIRST + at, quantity, **said) for at in range(days * SLOTS_PER_DAY)]


def metering(
    rows: Iterable[Row],
    *assets: Asset,
    qualities: Mapping[int, Quality] | None = None,
    period: str = "2025-07",
    **settings: Any,
) -> Metering:
    """Return what agents `agent-1` … metered; their hosts are `host-1` …."""
    sums = MemorySums(rows, qualities)
    numbers = sorted({one.agent for one in sums.rows} | {1})
    agents = [record(number, f"host-{number}") for number in numbers]
    said = InventorySettings(organisation="Test", **settings)
    return metered_postings(
        sums, agents, Register(assets), parse_period(period, said.timezone), said
    )
