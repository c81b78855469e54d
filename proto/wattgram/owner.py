"""Working in a directory as the one it belongs to: for commands that root types.

What root wrote as root, the daemon could not read; and a daemon that was taken over could lay
links for root to write through. Imported only by commands: the running agent needs none of it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_CAPABILITIES_VERSION: Final = 0x20080522  # _LINUX_CAPABILITY_VERSION_3, capget(2)
_MAY_READ_AND_ENTER: Final = 1 << 2  # CAP_DAC_READ_SEARCH


@contextlib.contextmanager
def as_owner_of(directory: Path) -> Iterator[None]:
    """Make a directory if there is none, and work in it as its owner; nothing but root changes.

    Root still gets to the directory, though its owner may not: systemd keeps those of its dynamic
    users below /var/lib/private, which only root enters. Raises OSError.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = os.stat(directory)
    if os.geteuid() != 0 or owner.st_uid == 0:
        yield
        return
    group = os.getegid()
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    _keep_entering()
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def _keep_entering() -> None:
    """Take back of root's rights the one to enter directories, which `seteuid` took away.

    Where that is not to be had, as in a container without it, a directory that its owner cannot
    reach is not reached.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = _Header(_CAPABILITIES_VERSION, 0), (_Sets * 2)()
    if libc.capget(ctypes.byref(header), sets) == 0:
        sets[0].effective |= sets[0].permitted & _MAY_READ_AND_ENTER
        libc.capset(ctypes.byref(header), sets)
