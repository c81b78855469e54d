"""Looks for sources, and waits only so long for each: one that hangs hides no other."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from wattgram.readings import State
from wattgram_agent.source import HostPaths, Source, SourceUnavailableError

# An ipmitool that fails twice and answers then, or a driver that starts its boards.
ANSWER_SECONDS: Final = 5.0

Discoverer = Callable[[HostPaths], Source]
Found = Source | SourceUnavailableError


class _Sweep:
    """A thread that runs one discoverer after the other, until it is given up."""

    def __init__(self, discoverers: Mapping[str, Discoverer], paths: HostPaths) -> None:
        self._discoverers = dict(discoverers)
        self._paths = paths
        self._found: queue.SimpleQueue[tuple[str, Found]] = queue.SimpleQueue()
        self._is_given_up = False
        self._thread = threading.Thread(target=self._work, name="wattgram-scout", daemon=True)
        self._thread.start()

    def next(self, seconds: float) -> tuple[str, Found] | None:
        """Return the next source and what became of it; None when that takes longer."""
        try:
            return self._found.get(timeout=seconds) if seconds else self._found.get_nowait()
        except queue.Empty:
            return None

    def give_up(self) -> None:
        """Let what runs now be the last."""
        self._is_given_up = True

    def _work(self) -> None:
        for name, discover in self._discoverers.items():
            if self._is_given_up:
                return
            self._found.put((name, _discovered(discover, self._paths)))


class Scout:
    """The discoverers of one host. A search that hangs is not begun again until it ends."""

    def __init__(
        self,
        discoverers: Mapping[str, Discoverer],
        paths: HostPaths,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._discoverers = discoverers
        self._paths = paths
        self._answer_seconds = answer_seconds
        self._hanging: dict[str, _Sweep] = {}

    def look(self) -> dict[str, Found]:
        """Return what became of each source, by name."""
        found = dict(self._late())
        waiting = {
            name: discover
            for name, discover in self._discoverers.items()
            if name not in found and name not in self._hanging
        }
        while waiting:
            self._sweep(waiting, found)
        for name in self._hanging:
            found[name] = SourceUnavailableError(
                State.ERROR, f"has not answered within {self._answer_seconds:g} s"
            )
        return found

    def _late(self) -> Iterator[tuple[str, Found]]:
        """Yield the answers of searches that hung."""
        for name, sweep in list(self._hanging.items()):
            answer = sweep.next(0.0)
            if answer is not None:
                del self._hanging[name]
                yield answer

    def _sweep(self, waiting: dict[str, Discoverer], found: dict[str, Found]) -> None:
        """Move sources from `waiting` to `found`, up to and with one that hangs."""
        sweep = _Sweep(waiting, self._paths)
        while waiting:
            answer = sweep.next(self._answer_seconds)
            if answer is None:
                sweep.give_up()
                hanging = next(iter(waiting))
                del waiting[hanging]
                self._hanging[hanging] = sweep
                return
            name, found[answer[0]] = answer
            del waiting[name]


def _discovered(discover: Discoverer, paths: HostPaths) -> Found:
    try:
        return discover(paths)
    except SourceUnavailableError as error:
        return error
    except Exception as error:  # noqa: BLE001 -- what a source did not foresee costs only it
        return SourceUnavailableError(State.ERROR, f"not foreseen: {error!r}")
