"""The tutorial, as somebody who knows nothing else does it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = ("git", "make", "bash", "curl", "prometheus", "prometheus-alertmanager")
LIMIT_SECONDS = 900

pytestmark = [pytest.mark.servers, pytest.mark.timeout(LIMIT_SECONDS + 60)]


def test_the_tutorial_ends_with_an_alert_that_fired() -> None:
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing or not (ROOT / ".git").exists():
        pytest.skip(f"needs a clone to clone from, and {', '.join(missing) or 'git'}")

    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "newcomer.py"],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "from a clone to an alert: " in done.stdout
