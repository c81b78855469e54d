"""A bare Debian as a tar file, made once by debootstrap: installing and building is tried there.

It is kept below XDG_CACHE_HOME, so that only the first run pays for it (about a minute), and made
from the mirror that this machine's apt uses.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

SUITE: Final = "bookworm"
INCLUDED: Final = ("ca-certificates", "python3", "python3-venv", "systemd-standalone-sysusers")
MAKING_SECONDS: Final = 240


def cache_directory() -> Path:
    """Return where tests keep what is dear to make and says nothing of this checkout."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    directory = Path(home) / "wattgram-tests"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def debian_rootfs(include: tuple[str, ...] = INCLUDED) -> Path:
    """Return a tar file of Debian's minimal variant with `include`; skip where none can be made.

    Several tests may ask at once: one makes it, the others wait.
    """
    name = hashlib.sha256(" ".join(sorted(include)).encode()).hexdigest()[:12]
    kept = cache_directory() / f"{SUITE}-{name}.tar"
    with (cache_directory() / f"{SUITE}-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            _make(kept, include)
    return kept


def _make(kept: Path, include: tuple[str, ...]) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, for debootstrap makes a tree of root's files")
    debootstrap, tar = shutil.which("debootstrap"), shutil.which("tar")
    if debootstrap is None or tar is None:
        pytest.skip("needs Debian's debootstrap (apt-get install debootstrap)")
    tree = kept.with_suffix(".tree")
    shutil.rmtree(tree, ignore_errors=True)
    command = [debootstrap, "--variant=minbase", f"--include={','.join(include)}"]
    try:
        done = subprocess.run(
            [*command, SUITE, str(tree), *_mirror()],
            capture_output=True, text=True, check=False, timeout=MAKING_SECONDS,
        )  # fmt: skip
        if done.returncode:
            pytest.skip(f"debootstrap made no Debian, is there a mirror? {done.stdout[-300:]}")
        part = kept.with_suffix(".part")
        without = ("--exclude=./var/cache/apt/*", "--exclude=./var/lib/apt/lists/*")
        subprocess.run(
            [tar, "--numeric-owner", "--one-file-system", *without, "-C", tree, "-cf", part, "."],
            check=True, timeout=MAKING_SECONDS,
        )  # fmt: skip
        part.rename(kept)
    except subprocess.TimeoutExpired:
        pytest.skip(f"debootstrap was not done within {MAKING_SECONDS} s")
    finally:
        shutil.rmtree(tree, ignore_errors=True)


def _mirror() -> list[str]:
    """Return the mirror of the suite that apt uses; nothing where it has none: the usual one."""
    apt = shutil.which("apt-get")
    if apt is None:
        return []
    listed = subprocess.run(
        [apt, "indextargets", "--format", "$(SUITE) $(CODENAME) $(REPO_URI)"],
        capture_output=True, text=True, check=False, timeout=30,
    ).stdout.splitlines()  # fmt: skip
    return next(([words[-1]] for line in listed if SUITE in (words := line.split())), [])
