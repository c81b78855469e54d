"""Milliseconds to write the page of metrics for a thousand hosts, and how long it holds the loop.

Every host says what the usual agent says: two sockets, an interface, workloads, sources. Cold is
the first page ever; warm is a page after every host has sent another batch, as at most scrapes.
"""

from __future__ import annotations

import asyncio
import gc
import gzip
import random
import sys
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Final

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from wattgram.handshake import Hello, HostFacts
from wattgram.readings import (
    AgentStatus,
    Batch,
    Component,
    Kind,
    Series,
    SeriesTable,
    SourceState,
    State,
)
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram.workloads import BUCKETS, Workload, WorkloadKind, series_of
from wattgram_collector.accounting.emissions import Books, Columns
from wattgram_collector.accounting.sites import Sites
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.config import CollectorConfig
from wattgram_collector.daemon import GARBAGE_THRESHOLDS
from wattgram_collector.exposition.encoder import Encoder
from wattgram_collector.exposition.metrics import collect
from wattgram_collector.exposition.text import render
from wattgram_collector.ingest.agents import Agent, seen_of
from wattgram_collector.ingest.reckoning import AgentClock, Told, reckon
from wattgram_collector.intensities import annual
from wattgram_collector.intensities.places import Places
from wattgram_collector.ledger import AgentRecord, AgentTotals, Outcome

HOSTS: Final = 1_000
WORKLOADS: Final = 8
SAMPLES: Final = 10
ROUNDS: Final = 7
TENTH: Final = 10
BUDGET_MILLISECONDS: Final = 50
HOLD_BUDGET_MILLISECONDS: Final = 10


def table() -> SeriesTable:
    """Five meters, one interface, eight workloads and what none of them used."""
    meters = [("package", "0"), ("package", "1"), ("dram", "0"), ("dram", "1"), ("psys", "0")]
    return SeriesTable(
        number=1,
        boot_id="boot",
        grid_zone="DE",
        series=(
            *(
                Series(
                    kind=Kind.ENERGY,
                    source="rapl",
                    domain=domain,
                    instance=instance,
                    counted=domain != "psys",
                    component=Component.DRAM if domain == "dram" else Component.CPU,
                )
                for domain, instance in meters
            ),
            *(
                Series(kind=kind, source="network", domain=kind, instance="eno1", counted=True)
                for kind in (Kind.RECEIVE, Kind.TRANSMIT)
            ),
            *(
                series_of(Workload(WorkloadKind.SYSTEMD, f"service-{number}.service"))
                for number in range(WORKLOADS)
            ),
            *map(series_of, BUCKETS),
        ),
        sources=(
            SourceState(source="rapl", state=State.ACTIVE),
            SourceState(source="nvml", state=State.ABSENT),
        ),
    )


class Fleet:
    """Hosts that take batches without a ledger between."""

    def __init__(self, hosts: int) -> None:
        config = CollectorConfig(grid_zone="DE")
        self._books = Books(annual.load())
        sites = Sites(config, Places())
        columns = table()
        series = columns.series
        self._chance = random.Random(7)
        self._now = time.time_ns()
        self.sequence = 0
        self.agents: list[Agent] = []
        self._told: list[Told] = []
        self._terms: list[Terms] = []
        for number in range(hosts):
            facts = HostFacts(host=f"host-{number:04}", os="linux 6.1", device_class="server")
            record = AgentRecord(key=number, agent_id=f"agent-{number}", host=facts.host,
                                 facts=facts)  # fmt: skip
            agent = Agent(record, AgentTotals())
            agent.greet(_hello(record, self._now), record, self._now, 1_000 * number)
            agent.zone = "DE"
            keys = tuple(range(number * len(series), (number + 1) * len(series)))
            agent.totals.series.update(zip(keys, series, strict=True))
            self.agents.append(agent)
            self._told.append(Told(columns, keys, Columns(series)))
            self._terms.append(sites.terms(facts.host, facts, "DE"))

    def report(self, every: int = 1) -> None:
        """Every host sends another batch, or every tenth."""
        self.sequence += 1
        width = len(table().series)
        for agent, told, terms in islice(
            zip(self.agents, self._told, self._terms, strict=True), None, None, every
        ):
            batch = self._batch(width)
            entry = reckon(
                batch, told, agent_key=agent.record.key, session="s", terms=terms,
                clock=AgentClock.of(_hello(agent.record, self._now), self._now),
                books=self._books, now_unix_nanoseconds=self._now,
            )  # fmt: skip
            factor = self._books.location.at(terms.asked_place, 0)
            agent.note(seen_of(batch, told), Outcome(entry, is_new=True, missing=0), factor, 1)

    def _batch(self, width: int) -> Batch:
        chance = self._chance
        columns = [[chance.randrange(100_000_000) for _ in range(SAMPLES)] for _ in range(width)]
        start = self._now - 20 * NANOSECONDS_PER_SECOND + self.sequence
        return Batch(
            sequence=self.sequence,
            series_number=1,
            start_unix_nanoseconds=start,
            start_boottime_nanoseconds=start,
            interval_microseconds=(1_000_000,) * SAMPLES,
            columns=tuple(columns),
            status=AgentStatus(
                cpu_microseconds=chance.randrange(10**8), resident_memory_bytes=40_000_000
            ),
        )


def _hello(record: AgentRecord, now: int) -> Hello:
    return Hello(
        agent_id=record.agent_id, session="s", boot_id="boot", agent_version="bench",
        first_sequence=1, wall_unix_nanoseconds=now, boottime_nanoseconds=now,
        batch_interval_nanoseconds=10 * NANOSECONDS_PER_SECOND, facts=record.facts,
    )  # fmt: skip


async def _page(encoder: Encoder, agents: Sequence[Agent]) -> tuple[str, float]:
    """Return a page and the milliseconds of CPU that it took."""
    began = time.process_time()
    text = await encoder.encode(agents, time.time_ns(), 2, openmetrics=False)
    return text, (time.process_time() - began) * 1e3


async def _held(encoder: Encoder, agents: Sequence[Agent]) -> float:
    """Return the most milliseconds of CPU between two turns of the loop while a page is made."""
    held, last = 0.0, time.process_time()

    async def watch() -> None:
        nonlocal held, last
        while True:
            await asyncio.sleep(0)
            now = time.process_time()
            held, last = max(held, now - last), now

    watching = asyncio.ensure_future(watch())
    await asyncio.sleep(0)
    await encoder.encode(agents, time.time_ns(), 2, openmetrics=False)
    await asyncio.sleep(0)
    watching.cancel()
    return held * 1e3


def run() -> None:
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)  # as the daemon does
    fleet = Fleet(HOSTS)
    fleet.report()
    encoder = Encoder()
    cold, first = asyncio.run(_page(encoder, fleet.agents))
    lines = cold.count("\n")
    print(f"\nexposition: {HOSTS} hosts, {lines / HOSTS:.0f} lines each, "
          f"{len(cold) / 1e6:.1f} MB")  # fmt: skip
    warm, few, same, held = [], [], [], []
    for _ in range(ROUNDS):
        fleet.report()
        warm.append(asyncio.run(_page(encoder, fleet.agents))[1])
        fleet.report(every=TENTH)
        few.append(asyncio.run(_page(encoder, fleet.agents))[1])
        page, spent = asyncio.run(_page(encoder, fleet.agents))
        same.append(spent)
        fleet.report()
        held.append(asyncio.run(_held(encoder, fleet.agents)))
    page, _ = asyncio.run(_page(encoder, fleet.agents))
    began = time.process_time()
    plain = render(collect(fleet.agents, time.time_ns(), 2), openmetrics=False)
    spent = (time.process_time() - began) * 1e3
    if len(plain) != len(page):
        raise SystemExit("the page is not what the plain way makes of the same fleet")
    began = time.process_time()
    packed = gzip.compress(page.encode(), 1)
    zipped = (time.process_time() - began) * 1e3
    print(f"  first page                  {first:8.1f} ms of CPU")
    for what, took in (("everything", warm), ("a tenth", few), ("nothing", same)):
        print(f"  {what + ' has changed':26}  {sorted(took)[ROUNDS // 2]:8.1f} ms of CPU, "
              f"the median; budget {BUDGET_MILLISECONDS}")  # fmt: skip
    print(f"  the plain way               {spent:8.1f} ms of CPU")
    print(f"  the loop is held for        {max(held):8.1f} ms at most; "
          f"budget {HOLD_BUDGET_MILLISECONDS}")  # fmt: skip
    print(f"  gzip, in another thread     {zipped:8.1f} ms of CPU to {len(packed) / 1e3:.0f} kB")


if __name__ == "__main__":
    run()
