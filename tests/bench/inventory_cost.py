"""What an inventory costs: a year of a large fleet, hour by hour, from the ledger to its files.

The ledger is made by SQL: agents, factors and restatements with their controls, the postings as
rows only (nothing here asks for the control totals of sessions). One host in twenty has gaps of
its own, so that it shares its slots with nobody; one in a hundred changes its payer at midyear.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

import sqlite3

from builders import intensity, terms
from wattgram.units import SECONDS_PER_HOUR
from wattgram_collector.intensity import Intensity, Scope, Tier
from wattgram_collector.inventory.metering.metered import metered_postings
from wattgram_collector.inventory.periods import parse_period
from wattgram_collector.inventory.register.assets import (
    Asset,
    AssetRole,
    Party,
    Register,
    SiteKind,
)
from wattgram_collector.inventory.register.writing import journal_text
from wattgram_collector.inventory.settings import InventorySettings
from wattgram_collector.ledger import statements as sql
from wattgram_collector.ledger.journal import JournalKind, JournalRecord
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.ledger.sqlite_file import SqliteFile
from wattgram_collector.ledger.sqlite_journal import SqliteJournal
from wattgram_collector.ledger.sqlite_sums import SqliteSums

HOSTS = 10_000
HOURS = 8_760
ZONES = 40
YEAR = parse_period("2025", "UTC")
START = YEAR.interval.start_unix_seconds
SLOTS_PER_HOUR = 12
SECONDS_BUDGET = 120.0
MEBIBYTES_BUDGET = 2_048
MIDYEAR = date(2025, 7, 1)


def run(directory: Path, hosts: int = HOSTS) -> None:
    """Print both figures, and their budgets."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "ledger.sqlite"
    begun = time.perf_counter()
    _build(path, hosts)
    size = path.stat().st_size / 2**20
    print(f"\ninventory: {hosts} hosts x {HOURS} hours, {ZONES} grids with hourly factors, "
          f"{size:.0f} MiB (made in {time.perf_counter() - begun:.0f} s)")  # fmt: skip
    _metered(path, hosts)
    _report(directory, path)


def _metered(path: Path, hosts: int) -> None:
    with closing(SqliteSums(path)) as ledger:
        agents = ledger.agents()
    register = Register(_assets(hosts))
    cpu, wall = time.process_time(), time.perf_counter()
    with closing(SqliteSums(path)) as sums:
        found = metered_postings(sums, agents, register, YEAR, InventorySettings(organisation="x"))
        read = time.perf_counter() - wall
        hours = sum(1 for _ in found.site_hours())
    seconds, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert len(found.postings) >= 4 * hosts * 0.9
    assert len(found.seen) == 12 * hosts
    print(f"  energy to postings          {read:8.2f} s   {len(found.postings)} postings, "
          f"{len(found.seen)} agent-months")  # fmt: skip
    print(f"  and {hours} hours of sites {seconds:10.2f} s   ({cpu:.2f} s of CPU), peak memory "
          f"{_peak(resource.RUSAGE_SELF):.0f} MiB")  # fmt: skip


def _report(directory: Path, path: Path) -> None:
    config = directory / "collector.toml"
    config.write_text(
        f'state_directory = "{path.parent}"\n[inventory]\norganisation = "Bench"\n',
        encoding="utf-8",
    )
    command = [
        sys.executable, "-m", "wattgram_collector", "report", "--config", str(config),
        "--period", "2025", "--format", "csv,json", "--out", str(directory / "out"),
    ]  # fmt: skip
    wall = time.perf_counter()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    seconds = time.perf_counter() - wall
    if done.returncode:
        raise RuntimeError(f"report: exit {done.returncode}: {done.stderr[-2000:]}")
    peak = _peak(resource.RUSAGE_CHILDREN)
    print(f"  report, all files           {seconds:8.2f} s   budget {SECONDS_BUDGET:.0f} s; "
          f"peak memory {peak:.0f} MiB of {MEBIBYTES_BUDGET}")  # fmt: skip


def _peak(whose: int) -> float:
    return resource.getrusage(whose).ru_maxrss / 1024


def _assets(hosts: int) -> Iterator[Asset]:
    """Nine of ten are servers of one's own, the others gateways at customers."""
    for key in range(1, hosts + 1):
        server = Asset(
            asset_id=f"asset-{key}",
            device_class="server",
            role=AssetRole.SERVER,
            site=f"hall-{key % ZONES}",
            site_kind=SiteKind.ONSITE,
            country="DE",
            owner=Party.ORG,
            controller=Party.ORG,
            electricity_payer=Party.ORG,
            agent_ids=(f"agent-{key}",),
        )
        if key % 10:
            yield server
            continue
        gateway = replace(
            server,
            device_class="iot_gateway",
            role=AssetRole.CUSTOMER_INFRA,
            site_kind=SiteKind.CUSTOMER_SITE,
            electricity_payer=Party.CUSTOMER,
        )
        yield gateway
        if key % 100 == 0:
            yield replace(gateway, valid_from=MIDYEAR, electricity_payer=Party.ORG)


def _factor(zone: int, hour: int, grams: int) -> Intensity:
    start = START + hour * SECONDS_PER_HOUR
    return intensity(
        f"Z{zone}",
        f"{grams}.5",
        tier=Tier.ESTIMATED if hour % 50 == 0 else Tier.LIVE,
        provider="grid",
        version=f"v{hour % 3}",
        valid_from_unix_seconds=start,
        valid_until_unix_seconds=start + SECONDS_PER_HOUR,
        scope=Scope.DIRECT,
    )


def _build(path: Path, hosts: int) -> None:
    with closing(SqliteLedger(path)):
        pass
    with closing(SqliteFile(path)) as file, file.transaction():
        file.execute_many(
            "INSERT INTO agents (key, agent_id, host, facts) VALUES (?, ?, ?, ?)",
            ((key, f"agent-{key}", f"host-{key}", f'{{"host":"host-{key}"}}')
             for key in range(1, hosts + 1)),
        )  # fmt: skip
        for zone in range(ZONES):
            agreed = terms(f"Z{zone}", pue="1.5", pue_source="stated", loss_share="0.06",
                           loss_source="grid", upstream_grams_per_kilowatt_hour="45.9",
                           upstream_source="table")  # fmt: skip
            file.execute("INSERT INTO terms (key, zone, network_zone, text) VALUES (?, ?, ?, ?)",
                         zone + 1, agreed.zone, agreed.network_zone, agreed.as_text())  # fmt: skip
        file.execute_many(
            sql.INSERT_FACTOR,
            ([getattr(_factor(zone, hour, 100 + (zone + hour) % 300), name)
              for name in sql.FACTOR_COLUMNS]
             for zone in range(ZONES) for hour in range(HOURS)),
        )  # fmt: skip
        _restate(file)
    first = START // 300
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(
            "INSERT INTO postings WITH RECURSIVE later (n) AS"
            " (SELECT 0 UNION ALL SELECT n + 1 FROM later WHERE n + 1 < ?1)"
            " SELECT a.key, 'host_microjoules', ?2 + ?3 * n, a.key % ?4 + 1,"
            " a.key % ?4 * ?1 + n + 1, 800000000000 + n % 24 * 1000000007 + a.key * 13"
            " FROM agents a CROSS JOIN later"
            " WHERE a.key % 20 <> 1 OR (a.key * 7919 + n * (a.key % 97 + 1)) % 50 <> 0",
            (HOURS, first, SLOTS_PER_HOUR, ZONES),
        )
        connection.commit()
        connection.execute("PRAGMA journal_mode = WAL")
    with closing(SqliteJournal(path)) as journal:
        journal.append(
            [JournalRecord(JournalKind.ASSET, one.asset_id, journal_text(one))
             for one in _assets(hosts)],
            0,
        )  # fmt: skip


def _restate(file: SqliteFile) -> None:
    """Every tenth hour of every grid is another one's now."""
    file.execute("INSERT INTO passes VALUES (1, 0, 'bench')")
    file.execute(
        "INSERT INTO repricings SELECT 'average', f.zone,"
        " f.valid_from_unix_seconds / 300, 1, f.key - 1, 0 FROM factors f"
        " WHERE f.valid_from_unix_seconds / 3600 % 10 = 3 AND f.key > 1",
    )
