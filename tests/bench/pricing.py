"""What pricing costs: a slot of the whole fleet, and a month of a thousand hosts again."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from builders import intensity, terms
from wattgram.handshake import HostFacts
from wattgram.readings import Component, Kind, Series
from wattgram_collector.accounting.emissions import Account, Books, Columns, PostingKey, postings
from wattgram_collector.accounting.slots import slot_start_unix_seconds
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensities.history import History, HistoryBook
from wattgram_collector.intensity import Axes, Intensity, Signal, Status, Tier
from wattgram_collector.ledger import Entry
from wattgram_collector.ledger.restatement import Restatement
from wattgram_collector.ledger.sqlite import SqliteLedger

HOSTS = 10_000
ZONES = 40
ROUNDS = 5
PRICE_SECONDS_BUDGET = 1.0

MONTH_HOSTS = 1_000
MONTH_DAYS = 30
SLOTS_PER_DAY = 288
SLOTS_PER_VALUE = 6
RESTATE_SECONDS_BUDGET = 60.0
FIRST_SLOT = 1_748_736_000 // 300  # 2025-06-01T00:00:00Z


def run(directory: Path, days: int = MONTH_DAYS, hosts: int = MONTH_HOSTS) -> None:
    """Print both figures, and their budgets."""
    directory.mkdir(parents=True)
    print(
        f"\npricing: {HOSTS} hosts x 12 series, one slot, {ZONES} zones with live values, one core"
    )
    rounds = sorted(_prices() for _ in range(ROUNDS))
    print(f"  prices of the slot, median  {rounds[ROUNDS // 2]:8.2f} s   "
          f"budget {PRICE_SECONDS_BUDGET:.0f} s of CPU")  # fmt: skip
    with closing(_filled(directory / "ledger.sqlite", days, hosts)) as ledger:
        rows = days * SLOTS_PER_DAY * hosts * 3
        print(f"restating: {hosts} hosts x {days} days, {rows} postings, day by day")
        cpu, wall = time.process_time(), time.perf_counter()
        passes = [ledger.restate(one) for one in _passes(days, "50")]
        assert sum(one.slots for one in passes) == days * SLOTS_PER_DAY
        assert all(len(one.changes) == hosts for one in passes)
        seconds, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(f"  a value for every half-hour {seconds:8.2f} s   budget "
              f"{RESTATE_SECONDS_BUDGET:.0f} s ({cpu:.2f} s of CPU)")  # fmt: skip
        wall = time.perf_counter()
        assert not any(ledger.restate(one).number for one in _passes(days, "50"))
        print(f"  the same again: no change   {time.perf_counter() - wall:8.2f} s")


def _prices() -> float:
    """Return the CPU time of one slot of the fleet; no value is in the book's memory yet."""
    slot = FIRST_SLOT
    history = History()
    for zone in range(ZONES):
        history.add([_value(slot, f"Z{zone}", str(100 + zone))], slot_start_unix_seconds(slot))
    books = Books(HistoryBook(history, Axes()))
    agreed = [terms(f"Z{zone}") for zone in range(ZONES)]
    series = _series()
    columns = Columns(series)
    rows = [
        {slot: [1_000_000 + host + one for one in range(len(series))]} for host in range(HOSTS)
    ]
    begun = time.process_time()
    for host, row in enumerate(rows):
        found = postings(row, columns, agreed[host % ZONES], books)
        assert len(found) == 3
    return time.process_time() - begun


def _series() -> Sequence[Series]:
    """Eight meters of which five are counted, and two interfaces both ways."""
    meters = [
        Series(kind=Kind.ENERGY, source="rapl", domain="package", instance=str(one),
               counted=one < 5, component=Component.CPU)
        for one in range(8)
    ]  # fmt: skip
    return meters + [
        Series(kind=kind, source="network", domain="interface", instance=f"eth{one}", counted=True)
        for kind in (Kind.RECEIVE, Kind.TRANSMIT)
        for one in range(2)
    ]


def _value(slot: int, zone: str, grams: str) -> Intensity:
    start = slot_start_unix_seconds(slot)
    return intensity(
        zone,
        grams,
        tier=Tier.LIVE,
        status=Status.MEASURED,
        valid_from_unix_seconds=start,
        valid_until_unix_seconds=slot_start_unix_seconds(slot + SLOTS_PER_VALUE),
    )


def _filled(path: Path, days: int, hosts: int) -> SqliteLedger:
    """A ledger of so many hosts and days: one slot by the seam, its copies by SQL."""
    with closing(SqliteLedger(path)) as ledger:
        agreed: Terms = terms("FR")
        annual = intensity("FR", "44.18")
        for host in range(1, hosts + 1):
            record = ledger.enrol(f"agent-{host}", HostFacts(host=f"host-{host}"))
            ledger.open_session(record.key, "session-1", 1)
            accounts = (Account.HOST, Account.RECEIVE, Account.TRANSMIT)
            posted = {
                PostingKey(one, FIRST_SLOT, agreed, annual): 60_000_000 + host for one in accounts
            }
            if host == 1:
                ledger.apply([
                    Entry(agent_key=record.key, session="session-1", sequence=1,
                          received_unix_nanoseconds=0, newest_sample_unix_nanoseconds=0,
                          postings=posted)
                ])  # fmt: skip
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(
            "INSERT INTO postings WITH RECURSIVE later (n) AS"
            " (SELECT 0 UNION ALL SELECT n + 1 FROM later WHERE n + 1 < ?)"
            " SELECT a.key, p.account, p.slot + n, p.terms, p.factor, p.quantity + a.key"
            " FROM agents a, later, postings p WHERE p.agent = 1 AND (a.key, n) <> (1, 0)"
            " ORDER BY a.key, n, p.account",
            (days * SLOTS_PER_DAY,),
        )
        connection.commit()
    return SqliteLedger(path)


def _passes(days: int, grams: str) -> Iterator[Restatement]:
    """One pass for each day, newest first, as the collector does them."""
    for day in reversed(range(days)):
        first = FIRST_SLOT + day * SLOTS_PER_DAY
        factors = {
            slot: _value(slot - slot % SLOTS_PER_VALUE, "FR", f"{grams}.{slot // 6 % 48}")
            for slot in range(first, first + SLOTS_PER_DAY)
        }
        yield Restatement(
            signal=Signal.AVERAGE,
            zone="FR",
            factors=factors,
            begun_unix_seconds=slot_start_unix_seconds(first),
            reason=json.dumps("bench"),
            first_open_slot=0,
        )
