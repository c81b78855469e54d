"""The key of a provider: read from its file each time it is used, so that it can be replaced."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from wattgram_collector.intensities.providers.provider import Outcome, ProviderError

TOKEN_BYTES_MAX: Final = 4096


class TokenFile:
    """A callable that gives the key; its `repr` does not."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self) -> str:
        """Return the one line of the file; raises ProviderError naming the file, never the key."""
        return read_token(self._path)


def read_token(path: Path) -> str:
    """Return the key in a file of mode 0600: one line of printable ASCII.

    Raises ProviderError.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _refused(path, error.strerror) from None
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise _refused(path, "not a file")
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise _refused(path, f"mode {stat.S_IMODE(mode):04o}: chmod 600 {path}")
        content = os.read(descriptor, TOKEN_BYTES_MAX + 1)
    except OSError as error:
        raise _refused(path, error.strerror) from None
    finally:
        os.close(descriptor)
    try:
        token = content.decode("ascii").strip()
    except UnicodeDecodeError:
        token = ""
    if not token or not token.isprintable() or len(content) > TOKEN_BYTES_MAX:
        raise _refused(path, "no key in it: one line of printable ASCII")
    return token


def _refused(path: Path, text: str | None) -> ProviderError:
    return ProviderError(Outcome.UNAUTHORIZED, f"token_file {path}: {text}")
