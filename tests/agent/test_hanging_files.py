"""A FIFO in place of a file of the kernel: reading it would never end. Nobody waits for it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from fakes import ManualClock, RaplTree
from wattgram_agent.config import AgentConfig, PathSettings, SourceSettings
from wattgram_agent.observer import Observer
from wattgram_agent.roster import find_sources
from wattgram_agent.source import Point
from wattgram_agent.sysfs import read_text

PATIENCE_SECONDS = 3.0
PACKAGE = Point("rapl", "package", "0")
CPU_TIMES = "100 0 100 1000 0 0 0 0 0 0"
NET_DEV = (
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs "
    "drop fifo colls carrier compressed\n"
    "  eth0: 1000000   10    0    0    0     0          0         0  1000000   10    0    0    0"
    "     0       0          0\n"
)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RaplTree:
    monkeypatch.setattr(psutil, "PROCFS_PATH", "/proc", raising=False)
    tree = RaplTree(tmp_path)
    tree.add("intel-rapl:0", "package-0")
    tree.add("intel-rapl:0:0", "dram")
    files = {
        tree.procfs / "stat": f"cpu  {CPU_TIMES}\ncpu0 {CPU_TIMES}\n",
        tree.procfs / "cpuinfo": "processor\t: 0\nvendor_id\t: GenuineIntel\n",
        tree.procfs / "net" / "dev": NET_DEV,
        tree.sysfs / "class/power_supply/BAT0/type": "Battery\n",
        tree.sysfs / "class/power_supply/BAT0/status": "Discharging\n",
        tree.sysfs / "class/power_supply/BAT0/power_now": "9000000\n",
        tree.sysfs / "class/hwmon/hwmon0/name": "power_meter\n",
        tree.sysfs / "class/hwmon/hwmon0/power1_average": "90000000\n",
        tree.sysfs / "class/hwmon/hwmon1/name": "ina226\n",
        tree.sysfs / "class/hwmon/hwmon1/power1_input": "5000000\n",
        tree.sysfs / "class/dmi/id/sys_vendor": "QEMU\n",
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tree


@contextmanager
def in_time() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < PATIENCE_SECONDS


def observer_of(tree: RaplTree) -> tuple[Observer, ManualClock]:
    config = AgentConfig(
        path=PathSettings(sysfs=tree.sysfs, procfs=tree.procfs),
        sources=SourceSettings(disabled=("nvml", "acpi_meter", "battery")),
    )
    clock = ManualClock()
    return Observer(find_sources(config), clock), clock


def with_fifo(path: Path) -> bytes:
    """Put a FIFO in place of a file; return what was in it."""
    text = path.read_bytes()
    path.unlink()
    os.mkfifo(path)
    return text


def every_file(tree: RaplTree) -> list[Path]:
    return sorted(path for path in tree.sysfs.parent.rglob("*") if path.is_file())


def test_a_file_that_is_none_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")

    with in_time():
        assert read_text(tmp_path / "fifo") is None
    assert read_text(tmp_path) is None


def test_whichever_file_is_a_fifo_from_the_start_nobody_waits(tree: RaplTree) -> None:
    config = AgentConfig(
        path=PathSettings(sysfs=tree.sysfs, procfs=tree.procfs),
        sources=SourceSettings(disabled=("nvml",)),
    )
    for path in every_file(tree):
        text = with_fifo(path)
        with in_time():
            observer = Observer(find_sources(config), ManualClock())
            observer.beat()
            observer.close()
        path.unlink()
        path.write_bytes(text)


def test_a_register_that_becomes_a_fifo_fails_and_is_read_again_when_it_is_back(
    tree: RaplTree,
) -> None:
    observer, clock = observer_of(tree)
    register = tree.directory("intel-rapl:0") / "energy_uj"
    with in_time():
        for _ in range(2):
            clock.advance(1)
            observer.beat()
        text = with_fifo(register)
        clock.advance(1)
        step = observer.beat()
    assert step.lost[PACKAGE].reason == "unreadable"
    assert {reading.series.domain for reading in step.readings} >= {"dram", "receive"}
    register.unlink()
    register.write_bytes(text)
    tree.use("intel-rapl:0", 7)
    clock.advance(1)
    (reading,) = (one for one in observer.beat().readings if one.series.domain == "package")

    assert (reading.quantity, reading.end_nanoseconds - reading.start_nanoseconds) == (
        7,
        2 * 10**9,
    )
    observer.close()


def test_every_file_becomes_a_fifo_while_it_is_watched_and_the_beat_goes_on(
    tree: RaplTree,
) -> None:
    config = AgentConfig(
        path=PathSettings(sysfs=tree.sysfs, procfs=tree.procfs),
        sources=SourceSettings(disabled=("nvml",)),
    )
    clock = ManualClock()
    observer = Observer(find_sources(config), clock)
    observer.beat()
    for path in every_file(tree):
        with_fifo(path)
        clock.advance(1)
        with in_time():
            observer.beat()
    observer.look_again()
    with in_time():
        observer.wait_for_search()
    clock.advance(1)
    with in_time():
        observer.beat()
    observer.close()
