"""What is read again on SIGHUP: each part adds itself, and one that fails stops no other."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

LOG: Final = logging.getLogger("wattgram.collector")


class Reload:
    """A list of parts and how each reads its files again."""

    def __init__(self) -> None:
        self._parts: list[tuple[str, Callable[[], object]]] = []
        self._failed: set[str] = set()

    def add(self, name: str, read_again: Callable[[], object]) -> None:
        """`read_again` is called on the event loop and must be quick; it raises when what it
        finds cannot be used, and then goes on with what it had.
        """
        self._parts.append((name, read_again))

    @property
    def was_successful(self) -> bool:
        """Whether every part could use what it found last time."""
        return not self._failed

    def now(self) -> None:
        """Read everything again; for the signal."""
        for name, read_again in self._parts:
            try:
                read_again()
            except Exception as error:  # noqa: BLE001  # a part's own mistake must not end the daemon
                self._failed.add(name)
                LOG.error("reload_failed part=%s reason=%r", name, str(error))  # noqa: TRY400
            else:
                self._failed.discard(name)
        LOG.info("reloaded parts=%s failed=%d", ",".join(name for name, _ in self._parts),
                 len(self._failed))  # fmt: skip
