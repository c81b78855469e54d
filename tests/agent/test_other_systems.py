"""What the agent needs of Linux it does not ask of another system."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from wattgram.settings import SettingsError
from wattgram_agent import host
from wattgram_agent.config import AgentConfig, require_directories


def test_the_kernel_s_directories_are_asked_for_on_linux_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    paths = replace(AgentConfig().path, sysfs=tmp_path / "none")
    config = replace(AgentConfig(), path=paths)
    with pytest.raises(SettingsError, match=r"path\.sysfs"):
        require_directories(config)

    monkeypatch.setattr("sys.platform", "darwin")
    require_directories(config)


def test_without_a_clock_of_the_boot_the_monotonic_one_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert host.boot_clock() == time.CLOCK_BOOTTIME
    monkeypatch.delattr(time, "CLOCK_BOOTTIME")

    assert host.boot_clock() == time.CLOCK_MONOTONIC
    assert abs(host.SystemClock().boottime_nanoseconds() - time.monotonic_ns()) < 10**9
