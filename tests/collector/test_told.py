"""Where a host is while batches come late, and after a restart of the collector."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import closing
from pathlib import Path

from builders import PACKAGE, SECOND, batch, table
from collector_fakes import calling, configured, page
from wattgram.handshake import HostFacts
from wattgram.wire import encode_batch, encode_series
from wattgram_collector.accounting.site_settings import SiteSettings
from wattgram_collector.config import CollectorConfig, LedgerSettings
from wattgram_collector.daemon import serving
from wattgram_collector.ledger.sqlite import SqliteLedger

HOUR = 3_600 * SECOND


def settings(directory: Path) -> CollectorConfig:
    return configured(
        directory,
        ledger=LedgerSettings(commit_tick_seconds=0.005),
        sites={"hall": SiteSettings(hosts=("host-of-*",))},
    )


async def place(http_port: int, host: str = "host-of-agent-1") -> tuple[str, str]:
    """Return the grid zone and the site of the host, once the views know of it."""
    while True:
        found = json.loads(await page(http_port, f"/api/v1/hosts?search={host}"))["hosts"]
        if found:
            return found[0]["zone"], found[0]["site"]
        await asyncio.sleep(0.05)


def moments(boot: str) -> dict[str, object]:
    now = time.time_ns()
    return {
        "boot_id": boot, "wall_unix_nanoseconds": now, "boottime_nanoseconds": 100 * HOUR,
        "facts": HostFacts(host="host-of-agent-1"),
    }  # fmt: skip


async def test_what_comes_late_does_not_move_a_host_back(tmp_path: Path) -> None:
    now = time.time_ns()
    with closing(SqliteLedger(tmp_path / "ledger.sqlite")) as ledger:
        async with serving(settings(tmp_path), ledger) as (grpc_port, http_port):
            here = table(PACKAGE, grid_zone="FR", boot_id="this")
            async with calling(grpc_port, of=here, **moments("this")) as caller:
                await caller.send(
                    encode_batch(batch(start_unix_nanoseconds=now - 2 * SECOND,
                                       start_boottime_nanoseconds=100 * HOUR - 2 * SECOND))
                )  # fmt: skip
                await caller.until(1)
                before = table(PACKAGE, grid_zone="DE", boot_id="before", number=2)
                await caller.send(
                    encode_series(before),
                    encode_batch(batch(start_unix_nanoseconds=now - 9 * HOUR, sequence=2,
                                       series_number=2)),
                )  # fmt: skip
                await caller.until(2)
            assert await place(http_port) == ("FR", "hall")
            assert 'grid_zone="FR",site="hall"' in await page(http_port, "/metrics")


async def test_a_host_is_where_it_was_after_a_restart_though_it_is_silent(tmp_path: Path) -> None:
    with closing(SqliteLedger(tmp_path / "ledger.sqlite")) as ledger:
        async with serving(settings(tmp_path), ledger) as (grpc_port, http_port):
            there = table(PACKAGE, grid_zone="FR", boot_id="before")
            async with calling(grpc_port, of=there, **moments("this")) as caller:
                await caller.send(
                    encode_batch(batch(start_unix_nanoseconds=time.time_ns() - HOUR))
                )
                await caller.until(1)
            assert await place(http_port) == ("FR", "hall")
    with closing(SqliteLedger(tmp_path / "ledger.sqlite")) as ledger:
        async with serving(settings(tmp_path), ledger) as (_, http_port):
            assert await place(http_port) == ("FR", "hall")
            found = json.loads(await page(http_port, "/api/v1/problems"))["problems"]
    assert not {one["kind"] for one in found} & {"power-unknown", "energy-unpriced"}
