"""The token by which an agent without a certificate says who it is. Never in plaintext, never
logged: gRPC itself sends it, and only over TLS.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path
from typing import Final

import grpc

TOKEN_LENGTH_MAX: Final = 256
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+={0,2}")


def with_token(tls: grpc.ChannelCredentials, path: Path) -> grpc.ChannelCredentials:
    """Return credentials that show the token in `path` with every call; raises OSError."""
    return grpc.composite_channel_credentials(
        tls, grpc.access_token_call_credentials(read_token(path))
    )


def read_token(path: Path) -> str:
    """Return the token that a file of mode 0600 holds; raises OSError, which never quotes it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "not a file", str(path))
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise PermissionError(errno.EACCES, "others may use it; chmod 600", str(path))
        content = os.read(descriptor, TOKEN_LENGTH_MAX + 2)
    finally:
        os.close(descriptor)
    token = content.decode("ascii", errors="replace").rstrip("\r\n")
    if len(token) > TOKEN_LENGTH_MAX or _TOKEN.fullmatch(token) is None:
        raise OSError(errno.EINVAL, "no token in it", str(path))
    return token
