"""The child that renews finds the agent where its parent did: in a package, in a zip file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import grpc

ROOT = Path(__file__).parents[2]
PARENT = """
import asyncio, pathlib, sys
sys.path[:0] = sys.argv[2:]
from wattgram_agent.renewal import RenewalError, renew_in_child
try:
    asyncio.run(renew_in_child(pathlib.Path(sys.argv[1]), "127.0.0.1:1"))
except RenewalError as error:
    print(error)
"""


def test_the_child_has_the_path_of_its_parent(tmp_path: Path) -> None:
    """The parent sees no environment, and no folder of libraries but those that it is given."""
    libraries = Path(grpc.__file__).parents[1]
    places = [str(ROOT / "agent"), str(ROOT / "proto"), str(libraries)]
    done = subprocess.run(
        [sys.executable, "-IS", "-c", PARENT, str(tmp_path), *places],
        capture_output=True, text=True, check=True, timeout=60, env={}, cwd=tmp_path,
    )  # fmt: skip

    assert "agent.pem" in done.stdout
    assert "No module" not in done.stdout + done.stderr
