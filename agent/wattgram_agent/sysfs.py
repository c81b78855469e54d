"""Small files of the kernel: read once, or kept open and read each time they are asked."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

from wattgram.readings import State

_READ_BYTES: Final = 64
# The device tree ends its strings with a NUL; copies of sysfs may be padded to a page.
_PADDING: Final = " \t\r\n\0"
# A writer that truncates first leaves a file empty for some microseconds: look again.
_EMPTY_READS_MAX: Final = 100


class UnreadableError(Exception):
    """A file could not be read now. `reason` is a gap's reason, the text is for people."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def read_text(path: Path) -> str | None:
    """Return the stripped text of a file, None when it cannot be read or is not text.

    Never waits: what stands in place of a file and is none (a FIFO) cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb", buffering=0) as file:
            require_regular(file.fileno())
            return file.read().decode().strip(_PADDING)
    except (OSError, UnicodeDecodeError):
        return None


def require_regular(path: Path | int) -> None:
    """Raise OSError unless this is a regular file: reading anything else may never end."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))


def state_of(error: OSError) -> State:
    """Return what it says of a source that its file cannot be opened."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return State.ABSENT
    return State.PERMISSION_DENIED if isinstance(error, PermissionError) else State.ERROR


class KeptFile:
    """One integer behind a descriptor that stays open: a sixteenth of the price of `open`.

    `signed` allows one below zero, as a current that flows back has.

    A descriptor outlives its file. When a value has not moved the path is looked at again, so
    that a file that was removed or put in place of another is noticed.
    """

    def __init__(self, path: Path, *, signed: bool = False) -> None:
        self._path = str(path)
        self._sign = b"-" if signed else b""
        self._descriptor = -1
        self._inode = (0, 0)
        self._last = b""

    def read(self) -> int:
        """Return the integer in the file now; raises UnreadableError."""
        try:
            text = self._pread()
            if text == self._last and not self._is_in_place():
                self.close()
                text = self._pread()
        except OSError as error:
            self.close()
            raise UnreadableError(
                "permission_denied" if isinstance(error, PermissionError) else "unreadable",
                f"{self._path}: {error.strerror}",
            ) from error
        self._last = text
        digits = text.partition(b"\0")[0].strip()
        if not digits.removeprefix(self._sign).isdigit():
            raise UnreadableError("unreadable", f"{self._path}: no count but {text[:32]!r}")
        return int(digits)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _pread(self) -> bytes:
        if self._descriptor < 0:
            # Without O_NONBLOCK a FIFO in place of the file would hang the sampler.
            self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            status = os.fstat(self._descriptor)
            self._inode = (status.st_dev, status.st_ino)
        for _ in range(_EMPTY_READS_MAX):
            text = os.pread(self._descriptor, _READ_BYTES, 0)
            if text:
                return text
        return b""

    def _is_in_place(self) -> bool:
        status = os.stat(self._path)
        return (status.st_dev, status.st_ino) == self._inode
