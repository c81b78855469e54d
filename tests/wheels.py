"""What the images are built from, as files: fetched once by pip, and kept for the next run."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest

from rootfs import cache_directory

ROOT: Final = Path(__file__).parents[1]
CONSTRAINTS: Final = ROOT / ".ci" / "constraints.txt"
EXTRAS: Final = ("agent", "collector", "push")
FETCHING_SECONDS: Final = 180


def wheelhouse(python: str = "3.11") -> Path:
    """Return a directory with wheels of all that is installed and built with; skip without any."""
    wanted = _requirements()
    key = "\n".join([python, *wanted, CONSTRAINTS.read_text()])
    directory = cache_directory() / f"wheels-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    if (directory / "complete").exists():
        return directory
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(directory)]
    binary = ["--only-binary=:all:", "--python-version", python, "-c", str(CONSTRAINTS)]
    try:
        done = subprocess.run(
            [*command, *binary, *wanted],
            capture_output=True, text=True, check=False, timeout=FETCHING_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        pytest.skip(f"pip was not done within {FETCHING_SECONDS} s")
    if done.returncode:
        pytest.skip(f"pip fetched no wheels, is there a package index? {done.stderr[-300:]}")
    (directory / "complete").touch()
    return directory


def _requirements() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    optional = project["project"]["optional-dependencies"]
    return [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *(one for extra in EXTRAS for one in optional[extra]),
    ]
