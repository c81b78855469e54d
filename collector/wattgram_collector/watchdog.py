"""Tells systemd that the event loop turns: a collector that hangs is started again."""

from __future__ import annotations

import asyncio
import os

from wattgram.notify import WATCHDOG, notify_systemd, watchdog_period_seconds


async def beating_until(asked: asyncio.Event) -> None:
    """Wait for `asked`; meanwhile say WATCHDOG=1 as often as the unit's WatchdogSec needs it."""
    period_seconds = watchdog_period_seconds(os.environ, os.getpid())
    while not asked.is_set():
        if period_seconds is not None:
            notify_systemd(WATCHDOG)
        try:
            await asyncio.wait_for(asked.wait(), period_seconds)
        except TimeoutError:
            continue
