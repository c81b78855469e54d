"""The whole stack of `deploy/demo/whole.py` for a test: with a real Prometheus.

    with stack(tmp_path / "stack", victoria_metrics=True) as running:
        running.load(400)
        running.value("sum(wattgram_host_power_watts)", running.victoria_metrics_url)

A program that is not installed makes the test skip, and say so.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "deploy" / "demo"))

import alert
import whole

show = alert.show
wait_until = whole.wait_until


@contextmanager
def stack(directory: Path, **changes: Any) -> Iterator[whole.Stack]:
    """Run everything in `directory`; `changes` are arguments of Stack."""
    try:
        made = whole.Stack(directory, **changes)
    except whole.MissingError as error:
        pytest.skip(str(error))
    with made as running:
        yield running
