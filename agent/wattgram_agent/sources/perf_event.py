"""One counter of the kernel's performance events, by the system call that has no wrapper.

Calling `perf_event_open` without the right to do so may be more than refused: a systemd unit
that filters system calls kills for it. So the right is looked up first (`why_denied`).
"""

from __future__ import annotations

import errno
import os
import re
import struct
import sys
from pathlib import Path
from typing import Final

from wattgram_agent.sysfs import read_text

_NUMBERS: Final = {"x86_64": 298, "aarch64": 241}
_ATTRIBUTES: Final = struct.Struct("=IIQQQQQIIQ")  # perf_event_attr as it was first published
_ANY_PROCESS: Final = -1
_NO_GROUP: Final = -1
_CLOSE_ON_EXEC: Final = 8
_COUNT_BYTES: Final = 8

_LEVEL: Final = re.compile("-?[0-9]{1,9}")
_CAPABILITY_SYS_ADMIN: Final = 21
_CAPABILITY_PERFMON: Final = 38


PERMISSION_FIX: Final = (
    "mkdir -p /etc/systemd/system/wattgram-agent.service.d && printf '%s\\n' '[Service]' "
    "CapabilityBoundingSet=CAP_PERFMON AmbientCapabilities=CAP_PERFMON "
    "SystemCallFilter=perf_event_open > /etc/systemd/system/wattgram-agent.service.d/perf.conf && "
    "systemctl daemon-reload && systemctl restart wattgram-agent; or for every user of this host: "
    "sysctl kernel.perf_event_paranoid=0"
)


class PerfEvent:
    """An event that counts since it was opened."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self) -> int:
        """Return the count now; raises OSError, also where the event is no longer on a CPU."""
        count = os.read(self._descriptor, _COUNT_BYTES)
        if len(count) != _COUNT_BYTES:
            raise OSError(errno.ENODATA, f"{len(count)} bytes and no count")
        return int.from_bytes(count, sys.byteorder)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def open_event(kind: int, config: int, cpu: int) -> PerfEvent:
    """Count event `config` of the unit `kind` on one CPU, whoever runs there; raises OSError."""
    import ctypes  # noqa: PLC0415 -- 3 ms that hosts without the unit need not pay

    number = _NUMBERS.get(os.uname().machine) if sys.maxsize > 1 << 32 else None
    if number is None:
        raise OSError(errno.ENOSYS, f"no number of perf_event_open for {os.uname().machine}")
    attributes = ctypes.create_string_buffer(
        _ATTRIBUTES.pack(kind, _ATTRIBUTES.size, config, *(0,) * 7)
    )
    numbers = (_ANY_PROCESS, cpu, _NO_GROUP, _CLOSE_ON_EXEC)
    descriptor = ctypes.CDLL(None, use_errno=True).syscall(
        ctypes.c_long(number), attributes, *map(ctypes.c_long, numbers)
    )
    if descriptor < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return PerfEvent(descriptor)


def why_denied(procfs: Path) -> str:
    """Return why this process may not count a whole CPU, empty if nothing forbids it."""
    paranoid = read_text(procfs / "sys" / "kernel" / "perf_event_paranoid") or ""
    if _LEVEL.fullmatch(paranoid) and int(paranoid) <= 0:
        return ""
    if _capabilities(read_text(procfs / "self" / "status") or "") & (
        1 << _CAPABILITY_PERFMON | 1 << _CAPABILITY_SYS_ADMIN
    ):
        return ""
    return f"kernel.perf_event_paranoid is {paranoid[:8] or 'not known'}, without CAP_PERFMON"


def _capabilities(status: str) -> int:
    """Return the effective set of /proc/self/status, empty where it cannot be read."""
    for line in status.splitlines():
        key, _, value = line.partition(":")
        if key == "CapEff":
            try:
                return int(value, 16)
            except ValueError:
                return 0
    return 0
