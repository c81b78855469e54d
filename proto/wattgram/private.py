"""Files that hold a secret: written for their owner only, read with an eye on who else may."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

PRIVATE_BYTES_MAX: Final = 1 << 20
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
        if exposed is not None and mode & _READABLE_BY_OTHERS:
            exposed(path)
        return file.read(PRIVATE_BYTES_MAX)


def write_private(path: Path, data: bytes) -> None:
    """Put `data` in place of the file, whole or not at all, for its owner only (0600).

    Raises OSError.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    temporary.unlink(missing_ok=True)
    try:
        _write_new(temporary, data)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def create_private(path: Path, data: bytes) -> None:
    """Write a file that is not there yet, for its owner only; raises FileExistsError, OSError."""
    _write_new(path, data)
    _sync_directory(path.parent)


def _write_new(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextlib.contextmanager
def as_owner_of(directory: Path) -> Iterator[None]:
    """Make a directory if there is none, and work in it as its owner.

    A command that root types would otherwise leave files that the daemon cannot read. Raises
    OSError.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = os.stat(directory)
    if os.geteuid() != 0 or owner.st_uid == 0:
        yield
        return
    group = os.getegid()
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
