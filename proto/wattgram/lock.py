"""One daemon per state directory: two would book the same energy twice, or over each other."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def only_one(directory: Path) -> Iterator[None]:
    """Hold the directory for this process; raises OSError saying so when another has it."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = "state_directory is in use by another process"
            raise OSError(error.errno, message, str(directory)) from error
        yield
