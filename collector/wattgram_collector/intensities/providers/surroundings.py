"""What a feed works with: its provider, and the rest of the collector as callables."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple

from wattgram_collector.intensities.providers.counts import ProviderCounts
from wattgram_collector.intensities.providers.provider import Client, Provider, Window
from wattgram_collector.intensities.providers.schedule import Manners
from wattgram_collector.intensity import Intensity, Status

Sleep = Callable[[float], Awaitable[None]]


class Kept(NamedTuple):
    """Of which time a value is kept, and of what status."""

    window: Window
    status: Status


class Surroundings(NamedTuple):
    """What a feed works with; tests bring their own."""

    zones: Callable[[], Iterable[str]]
    """The grid zones that hosts are in."""
    kept: Callable[[str, str, Window], Iterable[Kept]]
    """What is kept of a provider's values for a zone, that touches a window."""
    sink: Callable[[Sequence[Intensity]], Awaitable[None]]
    """Takes what was found, in order of time; what it has already is nothing new."""
    counts: ProviderCounts
    unix_seconds: Callable[[], float] = time.time
    steady_seconds: Callable[[], float] = time.monotonic
    dice: Callable[[], float] = random.random
    sleep: Sleep = asyncio.sleep


class Source(NamedTuple):
    """One provider as configured. `zones`: the only ones to ask for; empty: those in use."""

    provider: Provider
    client: Client
    manners: Manners
    zones: tuple[str, ...] = ()
