"""The running agent: a sampler in a thread, an uplink on the event loop, signals."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from wattgram.durable import write_durably
from wattgram.handshake import Hello
from wattgram.notify import WATCHDOG, notify_systemd
from wattgram.readings import LABEL_LENGTH_MAX, State
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_agent import __version__, tls_files
from wattgram_agent.apportioner import Apportioner
from wattgram_agent.channel import DeliveryError
from wattgram_agent.config import AgentConfig
from wattgram_agent.host import (
    Clock,
    SystemClock,
    boot_id,
    facts,
    unix_and_boottime_nanoseconds,
)
from wattgram_agent.renewal import Renewer, renew_in_child
from wattgram_agent.roster import find_sources
from wattgram_agent.sampler import Sampler
from wattgram_agent.spool.letters import DIRECTORY_NAME, DeadLetters
from wattgram_agent.spool.queue import Spool
from wattgram_agent.sysfs import read_text
from wattgram_agent.uplink import Uplink

LOG: Final = logging.getLogger("wattgram.agent")
FLUSH_SECONDS: Final = 5.0


def open_spool(config: AgentConfig, this_boot: str) -> Spool:
    """Open the spool of the state directory; raises OSError when it cannot be used."""
    settings, directory = config.spool, config.state_directory / "spool"
    letters = DeadLetters(
        directory / DIRECTORY_NAME,
        max_bytes=settings.dead_max_bytes,
        max_age_seconds=settings.dead_max_age_seconds,
    )
    return Spool(
        directory,
        max_bytes=settings.max_bytes,
        sync=settings.sync,
        boot_id=this_boot,
        letters=letters,
    )


async def run(config: AgentConfig) -> None:
    """Sample and deliver until SIGTERM or SIGINT, then flush once. A second signal ends it.

    Raises OSError when the state directory cannot be used.
    """
    tls_directory = config.tls.directory
    config = replace(config, tls=config.tls.as_files)
    tls_files.say_exposed(config.tls.key_file)
    clock = SystemClock()
    this_boot = boot_id()
    agent_id = config.agent_id or kept_agent_id(config.state_directory)
    spool = open_spool(config, this_boot)
    apportioner = None
    if config.attribution.level != "off":
        apportioner = Apportioner(
            config.host_paths, config.attribution.level, config.attribution.max_workloads
        )
    sampler = Sampler(config, clock, this_boot, spool, find_sources(config), apportioner)
    for finding in sampler.observer.roster.findings:
        level = logging.DEBUG if finding.state is State.ABSENT else logging.INFO
        LOG.log(level, "source name=%s state=%s reason=%r", finding.name, finding.state,
                finding.reason)  # fmt: skip
    uplink = Uplink(config, spool, _greeter(config, agent_id, this_boot, spool, clock))
    async with _renewing(tls_directory, uplink):
        await _run_until_signal(sampler, uplink)
    with contextlib.suppress(DeliveryError, TimeoutError):
        await asyncio.wait_for(uplink.deliver(keep=False), FLUSH_SECONDS)
    spool.close()
    LOG.info("stopped spooled_batches=%d", len(spool))


@contextlib.asynccontextmanager
async def _renewing(directory: Path | None, uplink: Uplink) -> AsyncIterator[None]:
    """Keep the certificate of an enrolled agent in force."""
    if directory is None:
        yield
        return
    renewer = Renewer(directory, lambda: renew_in_child(directory, uplink.address), uplink.reopen)
    renewing = asyncio.ensure_future(renewer.run())
    try:
        yield
    finally:
        renewing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await renewing


async def _run_until_signal(sampler: Sampler, uplink: Uplink) -> None:
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop_or_die, asked)

    def on_batch() -> None:
        loop.call_soon_threadsafe(uplink.notify)

    def on_beat() -> None:
        notify_systemd(WATCHDOG)

    sampling = asyncio.ensure_future(asyncio.to_thread(sampler.run, stop, on_batch, on_beat))
    delivering = asyncio.ensure_future(uplink.run())
    waiting = asyncio.ensure_future(asked.wait())
    notify_systemd("READY=1")
    await asyncio.wait({sampling, delivering, waiting}, return_when=asyncio.FIRST_COMPLETED)
    notify_systemd("STOPPING=1")
    stop.set()
    await sampling
    delivering.cancel()
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await delivering  # one that ended by itself has failed, and says so here


def _stop_or_die(asked: asyncio.Event) -> None:
    if asked.is_set():
        os._exit(1)
    asked.set()


def _greeter(
    config: AgentConfig, agent_id: str, this_boot: str, spool: Spool, clock: Clock
) -> Callable[[], Hello]:
    """Return what makes a Hello: what does not change is read once, clocks each time."""
    host_facts = facts(
        config.host_paths, host=config.host, site=config.site, device_class=config.device_class
    )
    digest = config.digest

    def hello() -> Hello:
        wall, boottime = unix_and_boottime_nanoseconds(clock)
        return Hello(
            agent_id=agent_id,
            session=spool.session,
            boot_id=this_boot,
            agent_version=__version__,
            first_sequence=spool.first_sequence,
            wall_unix_nanoseconds=wall,
            boottime_nanoseconds=boottime,
            batch_interval_nanoseconds=int(config.sampling.batch_seconds * NANOSECONDS_PER_SECOND),
            config_digest=digest,
            facts=host_facts,
        )

    return hello


def kept_agent_id(state_directory: Path) -> str:
    """Return the identity in the state directory; the first time, make one."""
    path = state_directory / "agent_id"
    kept = read_text(path)
    if kept and kept.isprintable() and len(kept) <= LABEL_LENGTH_MAX:
        return kept
    state_directory.mkdir(parents=True, exist_ok=True)
    agent_id = str(uuid.uuid4())
    write_durably(path, agent_id + "\n")
    return agent_id
