"""Files that hold a secret: written for their owner only, read with an eye on who else may."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from wattgram import durable

PRIVATE_BYTES_MAX: Final = 1 << 20
_PRIVATE: Final = 0o600
_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
_READABLE_BY_OTHERS: Final = stat.S_IRGRP | stat.S_IROTH


def read_private(path: Path, exposed: Callable[[Path], None] | None = None) -> bytes:
    """Return what is in a file; `exposed` is called for one that others may read.

    Raises PermissionError for a file that others may write, as what is in it may be theirs, and
    OSError for one that cannot be read.
    """
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if mode & _WRITABLE_BY_OTHERS:
            raise PermissionError(1, "others than its owner may write it (chmod 0600)", str(path))
        if exposed is not None and mode & _READABLE_BY_OTHERS and not _is_credential(path):
            exposed(path)
        return file.read(PRIVATE_BYTES_MAX)


def write_private(path: Path, data: bytes) -> None:
    """Put `data` in place of the file, whole or not at all, for its owner only (0600).

    Two processes at once do not harm each other: one of them is the last. Raises OSError.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    temporary.unlink(missing_ok=True)
    durable.replace(path, temporary, data, _PRIVATE)


def create_private(path: Path, data: bytes) -> None:
    """Write a file that is not there yet, for its owner only; raises FileExistsError, OSError."""
    durable.create(path, data, _PRIVATE)
    durable.sync_directory(path.parent)


def _is_credential(path: Path) -> bool:
    """Whether systemd put the file there for this process: others cannot enter the folder, though
    the mode of the file, where its reader is named in an ACL, looks as if its group could read it.
    """
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    return bool(directory) and path.parent == Path(directory or "")
