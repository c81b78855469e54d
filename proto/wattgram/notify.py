"""sd_notify(3): tell systemd that we are ready, alive or stopping. A no-op elsewhere."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from typing import Final

from wattgram.units import MICROSECONDS_PER_SECOND

WATCHDOG: Final = "WATCHDOG=1"
_PATIENCE_SECONDS: Final = 5.0
_BEATS: Final = 3
"""Within the time after which we would be taken for dead: one may be late."""


def notify_systemd(state: str) -> None:
    """Send `state` to the manager that started us, if it asked to be told.

    One that does not listen just now misses a sign of life, which is repeated; for the rest it is
    waited a little. Nobody hangs with it.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    path = "\0" + address[1:] if address.startswith("@") else address
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender,
    ):
        sender.settimeout(0 if state == WATCHDOG else _PATIENCE_SECONDS)
        sender.sendto(state.encode(), path)


def watchdog_period_seconds(environment: Mapping[str, str], own_pid: int) -> float | None:
    """Return how often to say WATCHDOG=1; None: nobody waits for it, or not from this process."""
    waits, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not waits.isdecimal() or int(waits) == 0 or pid not in {"", str(own_pid)}:
        return None
    return int(waits) / MICROSECONDS_PER_SECOND / _BEATS
