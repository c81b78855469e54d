"""A fresh system in a folder, to install packages into."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from rootfs import debian_rootfs

PROGRAMS = ("debootstrap", "setpriv", "unshare", "tar", "dpkg-deb", "dh")


def why_none() -> str:
    """Return why there can be no chroot here, '' where there can."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"needs {', '.join(missing)} (debootstrap, util-linux, debhelper)"
    if os.geteuid() != 0:
        return "only root can make a chroot"
    command = ["unshare", "--mount", "--net", "--pid", "--fork", "true"]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        return "namespaces may not be made here"
    return ""


class Chroot:
    """Debian's minimal variant under a folder; root's commands run in it."""

    def __init__(self, root: Path) -> None:
        why = why_none()
        if why:
            pytest.skip(why)
        packed = debian_rootfs()
        self.root = root
        root.mkdir()
        unpacking = ["tar", "-C", str(root), "-xf", str(packed)]
        subprocess.run(unpacking, check=True)

    def remove(self) -> None:
        removing = ["rm", "-rf", "--one-file-system", str(self.root)]
        subprocess.run(removing, check=True)

    def run(self, *command: str) -> str:
        """Return what a command prints; fail with all that it said where it fails."""
        inside = ["/usr/sbin/chroot", str(self.root), *command]
        done = subprocess.run(
            inside,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
        )
        assert done.returncode == 0, f"{command}: {done.stdout}"
        return done.stdout

    def files(self) -> dict[str, bytes]:
        """Return every path, with what is in it where that is an operator's: /etc."""
        found: dict[str, bytes] = {}
        for folder, folders, names in os.walk(self.root):
            at = Path(folder)
            if at == self.root:
                folders[:] = [name for name in folders if name not in {"proc", "sys", "dev"}]
            for name in (*folders, *names):
                path = at / name
                key = str(path.relative_to(self.root))
                is_setting = key.startswith("etc/") and path.is_file() and not path.is_symlink()
                found[key] = path.read_bytes() if is_setting else b""
        return found
