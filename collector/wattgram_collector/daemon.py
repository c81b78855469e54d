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
from prometheus_client import CollectorRegistry

from wattgram.notify import notify_systemd
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_collector.access.certificates import Certificates, CertificatesError
from wattgram_collector.access.credentials_file import CredentialsError
from wattgram_collector.access.porch import Porch
from wattgram_collector.access.tls import TlsError
from wattgram_collector.access.wiring import Access
from wattgram_collector.accounting.sites import Sites
from wattgram_collector.advising import advisor
from wattgram_collector.budgeting import Budgeting
from wattgram_collector.config import CollectorConfig, LimitSettings
from wattgram_collector.exposition.advice_routes import advice_routes
from wattgram_collector.exposition.api.activity_posts import ActivitiesDesk
from wattgram_collector.exposition.api.reports import Desk
from wattgram_collector.exposition.api.routes import api_routes
from wattgram_collector.exposition.api.units_posts import UnitsDesk
from wattgram_collector.exposition.discovery import discovery_routes
from wattgram_collector.exposition.export_routes import Exports
from wattgram_collector.exposition.own import AccessMetrics, CertificateMetrics, registry
from wattgram_collector.exposition.own_budgets import BudgetMetrics
from wattgram_collector.exposition.own_inventory import InventoryMetrics
from wattgram_collector.exposition.own_providers import PricingMetrics, ProviderMetrics
from wattgram_collector.exposition.own_push import PushMetrics
from wattgram_collector.exposition.pages.routes import page_routes
from wattgram_collector.exposition.web import application
from wattgram_collector.ingest.agents import Fleet
from wattgram_collector.ingest.committer import Committer
from wattgram_collector.ingest.intake import Intake
from wattgram_collector.ingest.service import IngestService
from wattgram_collector.ingest.turns import Turns
from wattgram_collector.inventorying import Inventorying
from wattgram_collector.ledger import Ledger, storage
from wattgram_collector.open_files import allow_open_files
from wattgram_collector.pricing import Pricing
from wattgram_collector.push.wiring import PushError, Pushing
from wattgram_collector.redfish.watch import hosts_of_meters, watching
from wattgram_collector.reload import Reload
from wattgram_collector.views.source import Surroundings, Views
from wattgram_collector.watchdog import beating_until

LOG: Final = logging.getLogger("wattgram.collector")
GRACE_SECONDS: Final = 5.0
SPARE_CONNECTIONS: Final = 1_000
"""For agents that renew, and for those that are to be told that there are too many streams."""
GARBAGE_THRESHOLDS: Final = (100_000, 50, 50)
SERVER_OPTIONS: Final = (
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.so_reuseport", 0),
    ("grpc.max_connection_idle_ms", 60_000),
    # An agent has one stream, a proxy one for each agent behind it, and more connections at need.
    # What a peer has opened beyond that waits at its own end, and not here before the others.
    ("grpc.max_concurrent_streams", 100),
    # A connection on which nobody begins to speak is closed; the default is two minutes.
    ("grpc.server_handshake_timeout_ms", 20_000),
    # A stream that is not read holds 64 KiB, and not the megabytes that a fast peer could earn.
    ("grpc.http2.bdp_probe", 0),
)


class StartError(Exception):
    """The collector cannot start; the text says what is in the way."""


async def run(config: CollectorConfig) -> None:
    """Serve until SIGTERM or SIGINT; raises StartError or LedgerError when that cannot begin."""
    # Batches are many small containers and no cycles: with the defaults the collector of cycles
    # takes a quarter of the CPU to find none.
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    allow_open_files(config.limits.max_streams + SPARE_CONNECTIONS + config.http.max_connections)
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop_or_die, asked)
    reload = Reload()
    loop.add_signal_handler(signal.SIGHUP, reload.now)
    ledger = storage.opened(config)
    async with serving(config, ledger, reload) as (grpc_port, http_port):
        LOG.info("serving grpc=%s http=%s", _at(config.grpc.address, grpc_port),
                 _at(config.http.address, http_port))  # fmt: skip
        notify_systemd("READY=1")
        await beating_until(asked)
        notify_systemd("STOPPING=1")
    ledger.close()
    LOG.info("stopped")


@contextlib.asynccontextmanager
async def serving(
    config: CollectorConfig, ledger: Ledger, reload: Reload | None = None
) -> AsyncIterator[tuple[int, int]]:
    """Serve both sides; give the ports that were bound. Port 0 binds a free one.

    What can be read again while it runs is added to `reload`.
    """
    reload = reload or Reload()
    committer = Committer(ledger, tick_seconds=config.ledger.commit_tick_seconds)
    fleet = Fleet({record.key: record for record in ledger.agents()}, ledger.totals())
    certificates = _certificates(config, fleet)
    config = certificates.config
    access = _access(config, reload)
    pushing = _pushing(config)
    pricing = Pricing(config, ledger, committer, fleet)
    sites = Sites(config, pricing.places)
    intake = Intake(ledger, committer, fleet, pricing.books, sites.terms, config.limits.as_sent,
                    _turns(config, ledger), bounds=config.limits)  # fmt: skip
    intake.facts_of = sites.facts
    budgeting, inventorying = _reckoning(config, fleet, committer, sites)
    server = grpc.aio.server(options=server_options(config.limits))
    service = IngestService(intake, access.tokens, certificates.doorman)
    service.add_to(server)
    certificates.add_to(server)
    grpc_port = _bind(server, config, certificates)
    await server.start()
    views = _views(config, fleet, committer, certificates, pricing, budgeting)
    about_itself = _registry(intake, committer, access, certificates, pricing, budgeting,
                             inventorying, pushing)  # fmt: skip
    runner = _pages(config, fleet, about_itself, committer, access, certificates, pricing, views)
    await runner.setup()
    await committer.probe()  # one that is to be read only says so before it is asked
    committing = asyncio.ensure_future(committer.run())
    stop = _stop_with(asyncio.current_task())
    committing.add_done_callback(stop)
    try:
        http_port = await _listen(runner, config.http.address, access.porch, stop)
        # The collector's own agents come through no door: nobody else can speak as they do.
        own = IngestService(intake)
        async with (
            pricing.running(stop),
            budgeting.running(stop),
            inventorying.running(stop),
            views.running(stop),
            watching(config, own, intake, stop),
            access.watching(stop),
            certificates.watching(reload, stop),
            service.letting_in(stop),
            pushing.running(fleet, about_itself, ledger),
        ):
            yield grpc_port, http_port
    finally:
        # Without the committer nothing would be acknowledged, however long it is waited.
        grace_seconds = 0.1 if committing.done() else GRACE_SECONDS
        await service.drain(grace_seconds)
        await server.stop(grace_seconds)
        await access.porch.close()
        await runner.cleanup()
        await _end(committing, committer)


def _reckoning(
    config: CollectorConfig, fleet: Fleet, committer: Committer, sites: Sites
) -> tuple[Budgeting, Inventorying]:
    """Return what sums up the ledger in the background."""
    summing = storage.summing(config)
    budgeting = Budgeting(config, fleet, committer, sites.terms, summing)
    return budgeting, Inventorying(config, committer)


async def _end(committing: asyncio.Future[None], committer: Committer) -> None:
    """Commit what waits; raises what the committer died of."""
    committing.cancel()
    await asyncio.wait({committing})
    await committer.close()
    if not committing.cancelled():
        committing.result()


def _pages(
    config: CollectorConfig,
    fleet: Fleet,
    about_itself: CollectorRegistry,
    committer: Committer,
    access: Access,
    certificates: Certificates,
    pricing: Pricing,
    views: Views,
) -> web.AppRunner:
    """Return the HTTP side, with all that stands before it."""
    reports = Desk(config)
    zero_nanoseconds = int(config.exposition.zero_seconds * NANOSECONDS_PER_SECOND)
    app = application(
        fleet,
        about_itself,
        lambda: committer.is_healthy,
        zero_nanoseconds,
        sensors=config.exposition.sensors,
        trouble=lambda: str(committer.trouble or ""),
        guard=access.guard,
        others=[
            *advice_routes(advisor(config, pricing.history, pricing.places.zone)),
            *api_routes(views, reports),
            *page_routes(
                views,
                runbook_url=config.exposition.runbook_url,
                sources=tuple(pricing.places.sources.values()),
            ),
        ],
    )
    exports = Exports(lambda: storage.reading(config))
    app.on_shutdown.append(reports.shut)
    app.on_shutdown.append(exports.shut)
    app.add_routes(certificates.routes())
    app.add_routes(discovery_routes(fleet, about_itself, config.exposition))
    app.add_routes(exports.routes())
    posts = UnitsDesk(lambda: storage.journalling(config), config.inventory.timezone)
    app.add_routes(posts.routes())
    desk = ActivitiesDesk(lambda: storage.journalling(config), config.inventory.timezone)
    app.add_routes(desk.routes())
    access.porch.stand_before(app)
    return web.AppRunner(app, access_log=None, shutdown_timeout=GRACE_SECONDS)


def _views(
    config: CollectorConfig,
    fleet: Fleet,
    committer: Committer,
    certificates: Certificates,
    pricing: Pricing,
    budgeting: Budgeting,
) -> Views:
    """Return what the pages and the API show."""
    return Views(
        fleet,
        storage.summing(config),
        Surroundings(
            terms_of=Sites(config, pricing.places).terms,
            book=pricing.books.location,
            advisor=advisor(config, pricing.history, pricing.places.zone),
            budgets=budgeting.reckoned,
            limits=budgeting.limits_now,
            trouble=lambda: committer.trouble,
            state_directory=str(config.state_directory),
            expiries=certificates.expiries,
        ),
    )


def _registry(
    intake: Intake,
    committer: Committer,
    access: Access,
    certificates: Certificates,
    pricing: Pricing,
    budgeting: Budgeting,
    inventorying: Inventorying,
    pushing: Pushing,
) -> CollectorRegistry:
    """Return what the collector says of itself, as metrics."""
    return registry(
        intake,
        committer,
        AccessMetrics(access),
        CertificateMetrics(certificates),
        PricingMetrics(pricing),
        ProviderMetrics(pricing.counts),
        BudgetMetrics(budgeting),
        InventoryMetrics(inventorying),
        PushMetrics(pushing),
    )


def _turns(config: CollectorConfig, ledger: Ledger) -> Turns:
    turns = Turns(hosts_of_meters(config.redfish))
    turns.load(ledger, ledger.agents())
    return turns


def _stop_with(task: asyncio.Task[object] | None) -> Callable[[asyncio.Future[None]], None]:
    """Return what ends `task` when another dies of a bug: without the committer, say, nothing
    would be acknowledged.
    """

    def ended(other: asyncio.Future[None]) -> None:
        if task is not None and not other.cancelled():
            task.cancel()

    return ended


def _certificates(config: CollectorConfig, fleet: Fleet) -> Certificates:
    try:
        return Certificates(config, fleet.knows)
    except CertificatesError as error:
        raise StartError(str(error)) from error


def _pushing(config: CollectorConfig) -> Pushing:
    try:
        return Pushing(config)
    except PushError as error:
        raise StartError(str(error)) from error


def _access(config: CollectorConfig, reload: Reload) -> Access:
    try:
        return Access(config, reload)
    except (CredentialsError, TlsError) as error:
        raise StartError(str(error)) from error


def server_options(limits: LimitSettings) -> tuple[tuple[str, int], ...]:
    """PURE. Return what gRPC itself is to hold to."""
    # With the defaults thousands of agents that connect at once are silently never served; with
    # no bound those that wait to be refused would fill the memory.
    return (
        *SERVER_OPTIONS,
        ("grpc.max_receive_message_length", limits.max_message_bytes),
        ("grpc.server.max_pending_requests", limits.max_streams),
        ("grpc.server.max_pending_requests_hard_limit", limits.max_streams),
        ("grpc.max_allowed_incoming_connections", limits.max_streams + SPARE_CONNECTIONS),
    )


async def _listen(
    runner: web.AppRunner,
    address: str,
    porch: Porch,
    stop: Callable[[asyncio.Future[None]], None],
) -> int:
    host, _, port = address.rpartition(":")
    if runner.server is None:
        raise AssertionError("set up before")
    try:
        return await porch.open(runner.server, host.strip("[]"), int(port), stop)
    except OSError as error:
        raise StartError(f"http.address {address}: {error.strerror}") from error


def _bind(server: grpc.aio.Server, config: CollectorConfig, certificates: Certificates) -> int:
    settings = config.grpc
    try:
        credentials = certificates.credentials()
        if credentials is None:
            return int(server.add_insecure_port(settings.address))
        return int(server.add_secure_port(settings.address, credentials))
    except OSError as error:
        raise StartError(f"{error.filename}: {error.strerror}") from error
    except ValueError as error:
        raise StartError(str(error)) from error
    except RuntimeError as error:
        reason = "cannot listen there; does another collector run on this host?"
        raise StartError(f"grpc.address {settings.address}: {reason}") from error


def _at(address: str, port: int) -> str:
    return f"{address.rpartition(':')[0]}:{port}"


def _stop_or_die(asked: asyncio.Event) -> None:
    if asked.is_set():
        os._exit(1)
    asked.set()
