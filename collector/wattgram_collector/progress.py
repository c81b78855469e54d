"""How far a long command is: a bar on a terminal, and nothing anywhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TextIO, TypeVar

Tell = Callable[[int, int], None]
"""Told how much is done, of how much."""

_EVERY_SECONDS: Final = 0.2
_WIDTH: Final = 24
_CLEARED: Final = "\r\x1b[K"
_T = TypeVar("_T")


def nobody(_done: int, _of: int) -> None:
    """Tell nobody how far it is."""


def bar(name: str, done: int, of: int) -> str:
    """PURE. Return a line of text, as wide for every share."""
    share = done / of if of else 0.0
    filled = int(_WIDTH * share)
    return f"{name} [{'#' * filled}{'.' * (_WIDTH - filled)}] {100 * share:3.0f} %"


@contextmanager
def shown(name: str, screen: TextIO) -> Iterator[Tell]:
    """Give who shows on a terminal how far it is; the line is gone in the end."""
    if not screen.isatty():
        yield nobody
        return
    last = [0.0]

    def tell(done: int, of: int) -> None:
        now = time.monotonic()
        if now - last[0] >= _EVERY_SECONDS:
            last[0] = now
            screen.write(f"\r{bar(name, done, of)}")
            screen.flush()

    try:
        yield tell
    finally:
        screen.write(_CLEARED)
        screen.flush()


def told(items: Sequence[_T], tell: Tell) -> Iterable[_T]:
    """Yield the items, and tell before each how many are done."""
    for done, item in enumerate(items):
        tell(done, len(items))
        yield item
