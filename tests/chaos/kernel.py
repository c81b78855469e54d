"""What the chaos needs of Linux: namespaces of its own, a device that is a network, small disks.

Nothing here leaves a trace: the namespaces go when the last process in them does, and what was
mounted or plugged in goes with them.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import struct
import subprocess
import threading
from pathlib import Path
from typing import Final, NamedTuple

_CLONE_NEWNS: Final = 0x00020000
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000
_MS_REC_PRIVATE: Final = 0x4000 | 0x40000
_MNT_DETACH: Final = 2
_TUNSETIFF: Final = 0x400454CA
_IFF_TUN_NO_PI: Final = 0x0001 | 0x1000

_libc = ctypes.CDLL(None, use_errno=True)


class Wire(NamedTuple):
    """A network namespace and the device in it: whoever reads the device sees its packets."""

    namespace: int
    device: int


def enter_own_namespaces() -> None:
    """Move this process, before it has threads, to mounts and a network of its own.

    Without root the two are in a user namespace in which this user is root. Raises OSError where
    the system does not allow that; then nothing has changed.
    """
    for program in ("ip", "nsenter"):
        if shutil.which(program) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), program)
    user, group = os.getuid(), os.getgid()
    _unshare(_CLONE_NEWNS | _CLONE_NEWNET | (_CLONE_NEWUSER if user else 0))
    if user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    if _libc.mount(None, b"/", None, ctypes.c_ulong(_MS_REC_PRIVATE), None):
        raise _error("mount")
    _ip("link", "set", "lo", "up")


def mount_small_disk(directory: Path, size_bytes: int) -> None:
    """Put a disk of its own under `directory`; raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    options = f"size={size_bytes}".encode()
    if _libc.mount(b"tmpfs", os.fsencode(directory), b"tmpfs", ctypes.c_ulong(0), options):
        raise _error(f"mount {directory}")


def unmount(directory: Path) -> None:
    """Take a disk away, whoever still looks at it; raises OSError."""
    if _libc.umount2(os.fsencode(directory), _MNT_DETACH):
        raise _error(f"unmount {directory}")


def plug_in(address: str) -> Wire:
    """Give the network namespace of this process a device with an address; raises OSError."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", b"chaos0", _IFF_TUN_NO_PI))
        _ip("address", "add", f"{address}/24", "dev", "chaos0")
        _ip("link", "set", "chaos0", "up")
        return Wire(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC), device)
    except OSError:
        os.close(device)
        raise


def new_host(address: str) -> Wire:
    """Make a network namespace with loopback and one device; raises OSError."""
    made: list[Wire | OSError] = []

    def make() -> None:
        try:
            _unshare(_CLONE_NEWNET)  # of this thread only
            _ip("link", "set", "lo", "up")
            made.append(plug_in(address))
        except OSError as error:
            made.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    (wire,) = made
    if isinstance(wire, OSError):
        raise wire
    return wire


def _unshare(flags: int) -> None:
    if _libc.unshare(flags):
        raise _error("unshare")


def _error(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")


def _ip(*arguments: str) -> None:
    command = [shutil.which("ip") or "ip", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
