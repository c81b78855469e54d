"""One process per spool: two would give the same numbers to different batches."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class SpoolLock:
    """Held from construction to `close`, or to the end of the process, however it ends."""

    def __init__(self, directory: Path) -> None:
        """Raise OSError saying so when another process has the spool.

        On a medium that takes no file there is nothing to lock, and nothing that two could write.
        """
        self._descriptor = -1
        try:
            self._descriptor = os.open(
                directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        except OSError:
            return
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.close()
            message = "the spool is in use by another process"
            raise OSError(error.errno, message, str(directory)) from error

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
