"""Numbered files that are only appended to, in one directory: where bytes lie, not what they say.

A write is whole, or what is there of it is no record. A file that fails is closed, and the next
write begins another one. Names that this module does not give are not its files.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from wattgram.durable import write_durably
from wattgram_agent.spool.frames import BODY_BYTES_MAX

SEGMENT_BYTES: Final = 256 * 1024
SYNC_SECONDS: Final = 60.0
_SUFFIX: Final = ".segment"


class Medium:
    """What is asked of a disk; every method raises OSError. Tests put in one that fails."""

    def create(self, path: Path) -> int:
        """Return a descriptor of a new file."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, descriptor: int, data: bytes, offset: int) -> None:
        """Write all of it, or raise."""
        if os.pwrite(descriptor, data, offset) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def force(self, descriptor: int) -> None:
        """Return when what was written outlives a power cut."""
        os.fdatasync(descriptor)

    def force_directory(self, path: Path) -> None:
        """Let the names in a directory outlive a power cut; not every file system can."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def cut(self, descriptor: int, length: int) -> None:
        os.ftruncate(descriptor, length)

    def remove(self, path: Path) -> None:
        path.unlink()

    def replace(self, path: Path, text: str) -> None:
        """Put a small file in place of another: the old one or the new one, never half."""
        write_durably(path, text)


class Segments:
    """The files of one directory, by number; the newest is written to."""

    def __init__(
        self,
        directory: Path,
        *,
        sync: str,
        medium: Medium | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open or create `directory`; raises OSError when it cannot be used.

        `sync` is when a write is forced to the medium: always, interval (once a minute) or never.
        """
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.newest = 0
        self.total_bytes = 0
        self.has_remains = False
        """Whether a write that failed may be read back: what of it is there could not be cut."""
        self._sync = sync
        self._medium = medium or Medium()
        self._clock = clock
        self._forced_at = clock()
        self._is_forced = True
        self._sizes: dict[int, int] = {}
        self._descriptor = -1

    def __len__(self) -> int:
        return len(self._sizes)

    @property
    def size(self) -> int:
        """How long the newest file is."""
        return self._sizes[self.newest]

    def sizes(self) -> list[tuple[int, int]]:
        """Return number and length of every file, oldest first."""
        return sorted(self._sizes.items())

    def scan(self) -> Iterator[tuple[int, bytes]]:
        """Yield the number and the bytes of every file of an earlier run, oldest first."""
        for number, length, data in read_all(self.directory):
            self._sizes[number] = length
            self.total_bytes += length
            self.newest = number
            yield number, data

    def read(self, number: int, offset: int, length: int) -> bytes:
        """Return bytes of a file; raises OSError."""
        return read_at(self.directory, number, offset, length)

    def is_new_file_due(self) -> bool:
        """Return whether the next write has to begin a file."""
        return (
            self._descriptor < 0
            or self._sizes[self.newest] >= SEGMENT_BYTES
            or os.fstat(self._descriptor).st_nlink == 0  # removed by hand: nobody can read it
        )

    def begin_file(self) -> None:
        """Begin the file that the next write goes to; raises OSError."""
        self.close()
        self.directory.mkdir(parents=True, exist_ok=True)
        number = self.newest + 1
        while os.path.lexists(self.path(number)):  # somebody else's
            number += 1
        self._descriptor = self._medium.create(self.path(number))
        self.newest = number
        self._sizes[number] = 0
        if self._sync != "never":
            with contextlib.suppress(OSError):
                self._medium.force_directory(self.directory)

    def write(self, data: bytes) -> int:
        """Append to the newest file; return where it begins. Raises OSError: it is not there."""
        offset = self._sizes[self.newest]
        try:
            self._medium.write(self._descriptor, data, offset)
            self._is_forced = False
            if self._is_force_due():
                self._force()
        except OSError:
            is_cut = False
            with contextlib.suppress(OSError):
                self._medium.cut(self._descriptor, offset)
                is_cut = True
            self.close()
            if not is_cut and os.path.lexists(self.path(self.newest)):
                self.has_remains = True
            raise
        self._sizes[self.newest] = offset + len(data)
        self.total_bytes += len(data)
        return offset

    def remove_before(self, number: int) -> None:
        """Remove the files older than `number`, never the newest."""
        for old in [n for n in self._sizes if n < min(number, self.newest)]:
            with contextlib.suppress(OSError):  # one that stays is looked at again at a start
                self._medium.remove(self.path(old))
            self.total_bytes -= self._sizes.pop(old)

    def remove_from(self, number: int) -> None:
        """Remove the files from `number` on, the newest too: the next write begins one."""
        self.close()
        for new in [n for n in self._sizes if n >= number]:
            with contextlib.suppress(OSError):
                self._medium.remove(self.path(new))
            self.total_bytes -= self._sizes.pop(new)

    def replace(self, name: str, text: str) -> None:
        """Put a small file beside the segments; raises OSError."""
        self._medium.replace(self.directory / name, text)

    def close(self) -> None:
        """Force and close the newest file; one that nothing was written to is removed."""
        if self._descriptor < 0:
            return
        with contextlib.suppress(OSError):
            if not self._is_forced and self._sync != "never":
                self._force()
        os.close(self._descriptor)
        self._descriptor = -1
        self._is_forced = True
        if not self._sizes[self.newest]:
            del self._sizes[self.newest]
            with contextlib.suppress(OSError):
                self._medium.remove(self.path(self.newest))

    def path(self, number: int) -> Path:
        return self.directory / _name(number)

    def _is_force_due(self) -> bool:
        if self._sync == "interval":
            return self._clock() - self._forced_at >= SYNC_SECONDS
        return self._sync == "always"

    def _force(self) -> None:
        self._forced_at = self._clock()
        self._medium.force(self._descriptor)
        self._is_forced = True


def read_all(directory: Path) -> Iterator[tuple[int, int, bytes]]:
    """Yield number, length and bytes of every segment; a NUL where it cannot be read.

    Only reads. A file that is longer than any that is written here is read up to that length.
    """
    names = [path.name for path in directory.iterdir()] if directory.is_dir() else []
    for number in sorted(filter(None, map(_number, names))):
        try:
            path = directory / _name(number)
            if not stat.S_ISREG(path.lstat().st_mode):  # a FIFO would never end
                continue
            with path.open("rb", buffering=0) as file:
                length = os.fstat(file.fileno()).st_size
                data = file.read(min(length, SEGMENT_BYTES + BODY_BYTES_MAX))
        except FileNotFoundError:  # removed since, by the agent beside which this reads
            continue
        except OSError:
            length, data = 1, b"\0"  # which is no record
        yield number, length, data


def read_at(directory: Path, number: int, offset: int, length: int) -> bytes:
    """Return bytes of a segment; raises OSError."""
    with (directory / _name(number)).open("rb", buffering=0) as file:
        file.seek(offset)
        return file.read(length)


def _name(number: int) -> str:
    return f"{number:012d}{_SUFFIX}"


def _number(name: str) -> int | None:
    stem = name.removesuffix(_SUFFIX)
    is_ours = stem.isdecimal() and stem.isascii() and name == _name(int(stem))
    return int(stem) if is_ours else None
