"""Who keeps the boards busy: what the library tells of processes, summed between two takings.

The library is asked by the thread that samples, the sums are taken by another; the lock is held
for neither longer than an addition. A thread that hangs in the driver holds nobody up.
"""

from __future__ import annotations

import threading
from typing import Any, Final

NOBODY_KNOWN: Final = 0
"""The process under which use goes of which only the sum, or not even that, is known."""

_WHOLE: Final = 1_000_000
_PER_PERCENT: Final = 10_000
_PERCENT_MAX: Final = 100
_SUCCESS, _NOT_SUPPORTED, _NOT_FOUND = 0, 3, 6


class ProcessUse:
    """Millionths of each board by process, a mean over the times that it was asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[str, dict[int, int]] = {}
        self._asked: dict[str, int] = {}
        self._newest: dict[str, int] = {}

    def take(self) -> dict[str, dict[int, int]]:
        """Return use by UUID and process since the last call.

        A board without anybody was idle; one that is not there could not be asked.
        """
        with self._lock:
            sums, self._sums = self._sums, {}
            asked, self._asked = self._asked, {}
        return {
            uuid: {pid: part // asked[uuid] for pid, part in parts.items()}
            for uuid, parts in sums.items()
        }

    def ask(self, library: Any, uuid: str, handle: Any) -> None:
        """Add what the library says of one board now; nothing when it says nothing."""
        use = self._use(library, uuid, handle)
        if use is None:
            return
        with self._lock:
            parts = self._sums.setdefault(uuid, {})
            for pid, part in use.items():
                parts[pid] = parts.get(pid, 0) + part
            self._asked[uuid] = self._asked.get(uuid, 0) + 1

    def _use(self, library: Any, uuid: str, handle: Any) -> dict[int, int] | None:
        call = getattr(library, "nvmlDeviceGetProcessUtilization", None)
        if call is None or handle is None:
            return None
        since = self._newest.get(uuid)
        try:
            samples = call(handle, since or 0)
        except library.NVMLError as error:
            if error.value in (_NOT_FOUND, _SUCCESS):
                self._newest.setdefault(uuid, 0)
                return {}
            return _from_lists(library, handle) if error.value == _NOT_SUPPORTED else None
        self._newest[uuid] = max((sample.timeStamp for sample in samples), default=since or 0)
        # The first answer is all that the driver remembers, of processes long gone too.
        return None if since is None else _latest(samples)


def _latest(samples: Any) -> dict[int, int]:
    """Return the newest sample of each process; a percentage that is none is nobody's."""
    use = {}
    for sample in sorted(samples, key=lambda one: int(one.timeStamp)):
        if not 0 <= sample.smUtil <= _PERCENT_MAX:
            return {NOBODY_KNOWN: _WHOLE}
        use[int(sample.pid)] = int(sample.smUtil) * _PER_PERCENT
    return use


def _from_lists(library: Any, handle: Any) -> dict[int, int] | None:
    """Return that nobody uses a board, or that it is not known who does how much."""
    try:
        is_used = any(
            getattr(library, function)(handle)
            for function in (
                "nvmlDeviceGetComputeRunningProcesses",
                "nvmlDeviceGetGraphicsRunningProcesses",
            )
        )
    except library.NVMLError:
        return None
    return {NOBODY_KNOWN: _WHOLE} if is_used else {}
