"""The running collector: gRPC in, HTTP out, one committer between them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable
from typing import Final

import grpc
import grpc.aio
from aiohttp import web

from wattgram.notify import notify_systemd
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_collector.config import CollectorConfig
from wattgram_collector.exposition.own import registry
from wattgram_collector.exposition.web import application
from wattgram_collector.ingest.agents import Fleet
from wattgram_collector.ingest.committer import Committer
from wattgram_collector.ingest.intake import Intake
from wattgram_collector.ingest.service import IngestService
from wattgram_collector.ingest.turns import Turns
from wattgram_collector.intensities import annual
from wattgram_collector.intensities.operator import OperatorTable
from wattgram_collector.intensity import Chain
from wattgram_collector.ledger import Ledger
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.redfish.watch import hosts_of_meters, watching

LOG: Final = logging.getLogger("wattgram.collector")
GRACE_SECONDS: Final = 5.0
GARBAGE_THRESHOLDS: Final = (100_000, 50, 50)
SERVER_OPTIONS: Final = (
    ("grpc.max_receive_message_length", 1024 * 1024),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.so_reuseport", 0),
    # With the defaults thousands of agents that connect at once are silently never served.
    ("grpc.server.max_pending_requests", 100_000),
    ("grpc.server.max_pending_requests_hard_limit", 100_000),
)


class StartError(Exception):
    """The collector cannot start; the text says what is in the way."""


async def run(config: CollectorConfig) -> None:
    """Serve until SIGTERM or SIGINT; raises StartError or LedgerError when that cannot begin."""
    # Batches are many small containers and no cycles: with the defaults the collector of cycles
    # takes a quarter of the CPU to find none.
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop_or_die, asked)
    ledger = SqliteLedger(config.state_directory / "ledger.sqlite")
    async with serving(config, ledger) as (grpc_port, http_port):
        LOG.info("serving grpc=%s http=%s", _at(config.grpc.address, grpc_port),
                 _at(config.http.address, http_port))  # fmt: skip
        notify_systemd("READY=1")
        await asked.wait()
        notify_systemd("STOPPING=1")
    ledger.close()
    LOG.info("stopped")


@contextlib.asynccontextmanager
async def serving(config: CollectorConfig, ledger: Ledger) -> AsyncIterator[tuple[int, int]]:
    """Serve both sides; give the ports that were bound. Port 0 binds a free one."""
    committer = Committer(ledger, tick_seconds=config.ledger.commit_tick_seconds)
    records = {record.key: record for record in ledger.agents()}
    fleet = Fleet(records, ledger.totals())
    book = Chain(OperatorTable(config.intensity.override_grams_per_kilowatt_hour), annual.load())
    turns = Turns(hosts_of_meters(config.redfish))
    turns.load(ledger, records.values())
    intake = Intake(ledger, committer, fleet, book, config.zone_of, config.limits.as_sent, turns,
                    max_workloads=config.limits.max_workloads)  # fmt: skip
    server = grpc.aio.server(options=SERVER_OPTIONS)
    service = IngestService(intake)
    service.add_to(server)
    grpc_port = _bind(server, config)
    await server.start()
    app = application(
        fleet,
        registry(intake, committer),
        lambda: committer.is_healthy,
        int(config.exposition.zero_seconds * NANOSECONDS_PER_SECOND),
        sensors=config.exposition.sensors,
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    committing = asyncio.ensure_future(committer.run())
    stop = _stop_with(asyncio.current_task())
    committing.add_done_callback(stop)
    try:
        http_port = await _listen(runner, config.http.address)
        async with watching(config, service, intake, stop):
            yield grpc_port, http_port
    finally:
        await server.stop(GRACE_SECONDS)
        await runner.cleanup()
        committing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await committing
        await committer.close()


def _stop_with(task: asyncio.Task[object] | None) -> Callable[[asyncio.Future[None]], None]:
    """Return what ends `task` when another dies of a bug: without the committer, say, nothing
    would be acknowledged.
    """

    def ended(other: asyncio.Future[None]) -> None:
        if task is not None and not other.cancelled():
            task.cancel()

    return ended


async def _listen(runner: web.AppRunner, address: str) -> int:
    host, _, port = address.rpartition(":")
    site = web.TCPSite(runner, host.strip("[]"), int(port))
    try:
        await site.start()
    except OSError as error:
        raise StartError(f"http.address {address}: {error.strerror}") from error
    return int(runner.addresses[0][1])


def _bind(server: grpc.aio.Server, config: CollectorConfig) -> int:
    settings = config.grpc
    try:
        if settings.certificate_file is None or settings.key_file is None:
            return int(server.add_insecure_port(settings.address))
        ca = settings.client_ca_file
        credentials = grpc.ssl_server_credentials(
            [(settings.key_file.read_bytes(), settings.certificate_file.read_bytes())],
            root_certificates=ca.read_bytes() if ca else None,
            require_client_auth=ca is not None,
        )
        return int(server.add_secure_port(settings.address, credentials))
    except OSError as error:
        raise StartError(f"{error.filename}: {error.strerror}") from error
    except RuntimeError as error:
        raise StartError(f"grpc.address {settings.address}: {error}") from error


def _at(address: str, port: int) -> str:
    return f"{address.rpartition(':')[0]}:{port}"


def _stop_or_die(asked: asyncio.Event) -> None:
    if asked.is_set():
        os._exit(1)
    asked.set()
