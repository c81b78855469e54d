"""Pushing, made of the configuration: who is pushed to, and what runs for it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Final, Protocol

import aiohttp
from prometheus_client import CollectorRegistry

from wattgram.durable import write_durably
from wattgram.units import ACCOUNTING_SLOT_NANOSECONDS, NANOSECONDS_PER_SECOND
from wattgram_collector.config import CollectorConfig
from wattgram_collector.ingest.agents import Agent
from wattgram_collector.ledger import Ledger
from wattgram_collector.push.outbox import Outbox
from wattgram_collector.push.pusher import Encoder, Pusher, Source
from wattgram_collector.push.sender import Counts, Encoding, Sender, Target
from wattgram_collector.push.settings import OtlpSettings, RemoteWriteSettings, TargetSettings

LOG: Final = logging.getLogger("wattgram.push")
REMOTE_WRITE: Final = "remote_write"
OTLP: Final = "otlp"
LIBRARIES: Final = {REMOTE_WRITE: "cramjam", OTLP: "opentelemetry.proto"}
SINCE_FILE: Final = "counted-since"


class PushError(Exception):
    """What the configuration asks for cannot be pushed; the text says why."""


class _Protocol(Encoder, Encoding, Protocol):
    """Both sides of an encoder."""


class Pushing:
    """All targets of a configuration; none where nothing is to be pushed."""

    def __init__(self, config: CollectorConfig) -> None:
        """Raises PushError for what is missing: a library, or a file of certificates."""
        self._config = config
        self.targets = [
            Target(name, settings, _trust(name, settings), Outbox(settings.queue_bytes), Counts())
            for name, settings in _asked(config).items()
        ]
        if missing := problems(config):
            raise PushError(missing[0])

    @contextlib.asynccontextmanager
    async def running(
        self, fleet: Iterable[Agent], registry: CollectorRegistry, ledger: Ledger
    ) -> AsyncIterator[None]:
        """Push until left. What dies of a bug is said, and nothing else ends for it."""
        if not self.targets:
            yield
            return
        exposition = self._config.exposition
        source = Source(
            fleet,
            registry,
            int(exposition.zero_seconds * NANOSECONDS_PER_SECOND),
            sensors=exposition.sensors,
        )
        tasks = []
        async with _session() as session:
            for target in self.targets:
                encoder = self._encoder(target, ledger)
                sender = Sender(target, encoder, session)
                pusher = Pusher(
                    source, encoder, target.outbox, target.counts, target.settings.interval_seconds
                )
                for work in (pusher.run(), sender.run()):
                    tasks.append(asyncio.ensure_future(work))
                    tasks[-1].add_done_callback(_Ended(target))
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def _encoder(self, target: Target, ledger: Ledger) -> _Protocol:
        if isinstance(target.settings, RemoteWriteSettings):
            from wattgram_collector.push.remote_write import RemoteWrite

            usual = {"job": "wattgram", "instance": socket.gethostname()}
            return RemoteWrite({**usual, **target.settings.external_labels})
        from wattgram_collector.push.otlp import Otlp

        now = time.time_ns()
        settings = self._config.push.otlp
        return Otlp(
            instance=socket.gethostname(),
            fleet_since_unix_nanoseconds=counted_since(
                self._config.state_directory / SINCE_FILE, ledger, now
            ),
            own_since_unix_nanoseconds=now,
            hardware_conventions=settings.hardware_conventions,
        )


class _Ended:
    """Says that a task of a target died."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def __call__(self, task: asyncio.Future[None]) -> None:
        if task.cancelled():
            return
        self._target.counts.is_working = False
        LOG.error("push_ended target=%s", self._target.name, exc_info=task.exception())


def counted_since(path: Path, ledger: Ledger, now_unix_nanoseconds: int) -> int:
    """Return since when the hosts' counters count, in unix nanoseconds; kept in `path`.

    It must not change from start to start: a cumulative sum that begins at another time is a
    new one, and all of it would be added again.
    """
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text(encoding="ascii"))
    span = ledger.posted_span()
    first = span[0] * ACCOUNTING_SLOT_NANOSECONDS if span else now_unix_nanoseconds
    since = min(first, now_unix_nanoseconds)
    try:
        write_durably(path, f"{since}\n")
    except OSError as error:
        LOG.warning("counted_since_not_kept file=%s reason=%r", path, error.strerror)
    return since


def problems(config: CollectorConfig) -> list[str]:
    """Return what is missing for what the configuration asks for."""
    return [
        f"push.{name} needs a library that is not installed: "
        "pip install 'wattgram[collector,push]'"
        for name in _asked(config)
        if not _is_installed(LIBRARIES[name])
    ]


def _asked(config: CollectorConfig) -> Mapping[str, RemoteWriteSettings | OtlpSettings]:
    sections: Mapping[str, RemoteWriteSettings | OtlpSettings] = {
        REMOTE_WRITE: config.push.remote_write,
        OTLP: config.push.otlp,
    }
    return {name: settings for name, settings in sections.items() if settings.url}


def _trust(name: str, settings: TargetSettings) -> ssl.SSLContext | bool:
    if settings.ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(settings.ca_file))
    except (OSError, ssl.SSLError) as error:
        raise PushError(f"push.{name}.ca_file {settings.ca_file}: {error}") from error


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _session() -> aiohttp.ClientSession:
    """Return the session of all targets: no cookies, no netrc, nothing unpacked."""
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False
    )
