"""Looks for sources, and waits only so long for each: one that hangs hides no other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final

from wattgram.readings import State
from wattgram_agent.source import HostPaths, Source, SourceUnavailableError

# An ipmitool that fails twice and answers then, or a driver that starts its boards.
ANSWER_SECONDS: Final = 5.0

Discoverer = Callable[[HostPaths], Source]


class _Search:
    """One discoverer at work in a thread."""

    def __init__(self, discover: Discoverer, paths: HostPaths) -> None:
        self._discover = discover
        self._paths = paths
        self._result: Source | SourceUnavailableError | None = None
        self._thread = threading.Thread(target=self._look, name="wattgram-scout", daemon=True)
        self._thread.start()

    def result(self, seconds: float) -> Source | SourceUnavailableError | None:
        """Return what was found, None while there is no answer."""
        self._thread.join(seconds)
        return self._result

    def _look(self) -> None:
        try:
            self._result = self._discover(self._paths)
        except SourceUnavailableError as error:
            self._result = error
        except Exception as error:  # noqa: BLE001 -- what a source did not foresee costs only it
            self._result = SourceUnavailableError(State.ERROR, f"not foreseen: {error!r}")


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
        self._hanging: dict[str, _Search] = {}

    def look(self) -> dict[str, Source | SourceUnavailableError]:
        """Return what became of each source, one after the other, by name."""
        return {name: self._one(name) for name in self._discoverers}

    def _one(self, name: str) -> Source | SourceUnavailableError:
        hanging = self._hanging.pop(name, None)
        search = hanging or _Search(self._discoverers[name], self._paths)
        found = search.result(0.0 if hanging else self._answer_seconds)
        if found is None:
            self._hanging[name] = search
            return SourceUnavailableError(
                State.ERROR, f"has not answered within {self._answer_seconds:g} s"
            )
        return found
