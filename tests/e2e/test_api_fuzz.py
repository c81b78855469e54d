"""schemathesis asks a real collector everything that its description allows, and what it does not.

`make api-fuzz` is the same for five minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from api_scene import filled
from daemons import Collector, running, wait_until
from daemons import get as page

pytestmark = pytest.mark.servers

SECONDS = int(os.environ.get("WATTGRAM_API_FUZZ_SECONDS", "20"))
ASKED_FOR = "WATTGRAM_API_FUZZ_SECONDS" in os.environ
"""Whether somebody wants to find something new. The short form asks the same every time, so that
what it says is about the change that is tested."""
CHECKS = (
    *(() if ASKED_FOR else ("--seed=1",)),
    # That one time must be before another is nothing that a description can say.
    "--exclude-checks=positive_data_acceptance",
)


@pytest.mark.timeout(SECONDS + 150)
def test_nothing_that_is_asked_of_the_api_breaks_it(tmp_path: Path) -> None:
    """A day of three hosts is in the ledger. An answer must be as described, none may be a 5xx."""
    pytest.importorskip("schemathesis")
    state = tmp_path / "collector" / "state"
    desk = filled(state, int(time.time()))
    desk.ledger.close()
    collector = Collector(tmp_path / "collector", WATTGRAM_COLLECTOR__GRID_ZONE="DE")
    base = f"http://127.0.0.1:{collector.http_port}"
    with running(collector):
        wait_until(lambda: '"grams": 0.' in page(f"{base}/api/v1/fleet"), 20, "the last day")
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run"),
                f"{base}/api/openapi.json",
                *CHECKS,
                f"--max-time={SECONDS}",
                "--generation-database=none",
                "--no-color",
                f"--report-dir={tmp_path / 'report'}",
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            timeout=SECONDS + 90,
        )
        still_there = page(f"{base}/readyz")
        assert collector.stop() == 0
    report = done.stdout[-8_000:]
    print(report)
    assert done.returncode == 0, report
    assert "Tested: " in report
    assert still_there == "ready\n"
    assert "Traceback" not in collector.log, collector.log[-4_000:]
