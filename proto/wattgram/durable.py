"""Small files that a power cut leaves as they were or as they became, never half."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

ORDINARY: Final = 0o666
"""What the umask leaves of it."""


def write_durably(path: Path, text: str) -> None:
    """Put `text` in place of the file, whole or not at all; raises OSError.

    One at a time for a path: the temporary file beside it has one name, so that who is killed
    again and again leaves one behind and not many.
    """
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    replace(path, temporary, text.encode(), ORDINARY)


def replace(path: Path, temporary: Path, data: bytes, mode: int) -> None:
    """Put `data` in place of `path` by way of `temporary`, which is not there yet.

    Raises OSError; `path` is then as it was, and `temporary` gone.
    """
    try:
        create(temporary, data, mode)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def create(path: Path, data: bytes, mode: int) -> None:
    """Write a file that is not there yet, on the medium when this returns.

    Raises FileExistsError, also for a link to nowhere, and OSError.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_directory(path: Path) -> None:
    """Let the names in a directory outlive a power cut; raises OSError."""
    directory = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
