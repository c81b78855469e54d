"""What one beat costs on a large server: two sockets, eight GPUs, every source that it can have.

The registers are files of the machine's own disk or memory: sysfs answers slower (a read of
`energy_uj` wakes a core of its package), so the figure is the agent's own part. The NVIDIA
library is a fake that answers at once.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from fake_nvml import FakeGpu, FakeNvml, FakeUse
from fakes import RaplTree, two_socket_tree
from wattgram_agent.apportioner import Apportioner
from wattgram_agent.config import AgentConfig, PathSettings
from wattgram_agent.host import SystemClock
from wattgram_agent.observer import Observer
from wattgram_agent.roster import build_roster
from wattgram_agent.source import HostPaths, Source
from wattgram_agent.sources import discoverers, nvml

BEATS = 2_000
GROUPS = 500
PASSES = 40
BUDGET_MILLISECONDS = 3.0
PASS_SECONDS = 10


def server(root: Path) -> RaplTree:
    """Two packages with memory, a meter of the whole host, eight boards' rails, a battery."""
    tree = two_socket_tree(root)
    tree.vendor("GenuineIntel")
    (tree.procfs / "stat").write_text(
        "cpu  100 0 100 1000 0 0 0 0 0 0\ncpu0 100 0 100 1000 0 0 0 0 0 0\n"
    )
    chip(tree, 0, "power_meter", {"power1_average": 900_000_000, "power1_average_interval": 1000})
    for rail in range(8):
        chip(tree, rail + 1, f"pmbus{rail}", {"power1_input": 55_000_000, "power1_label": "pin"})
    battery = tree.sysfs / "class" / "power_supply" / "BAT0"
    battery.mkdir(parents=True)
    for name, text in {"type": "Battery", "status": "Full", "power_now": "0"}.items():
        (battery / name).write_text(f"{text}\n")
    return tree


def chip(tree: RaplTree, number: int, name: str, files: dict[str, object]) -> None:
    directory = tree.sysfs / "class" / "hwmon" / f"hwmon{number}"
    directory.mkdir(parents=True)
    for file, value in {"name": name, **files}.items():
        (directory / file).write_text(f"{value}\n")


def groups(tree: RaplTree) -> None:
    """Five hundred units under one slice, of control groups of the second version."""
    root = tree.sysfs / "fs" / "cgroup"
    for path in ("", "system.slice", *(f"system.slice/unit-{n}.service" for n in range(GROUPS))):
        (root / path).mkdir(parents=True, exist_ok=True)
        (root / path / "cpu.stat").write_text("usage_usec 1000\nuser_usec 500\nsystem_usec 500\n")
    (root / "cgroup.controllers").write_text("cpu memory\n")


def observer_of(tree: RaplTree) -> Observer:
    library = FakeNvml([FakeGpu(uuid=f"GPU-{n}", use=[FakeUse(1, 1, 50)]) for n in range(8)])
    config = AgentConfig(path=PathSettings(sysfs=tree.sysfs, procfs=tree.procfs))
    table: dict[str, Callable[[HostPaths], Source]] = {
        **discoverers(config),
        "nvml": partial(nvml.discover, library=library),
    }
    return Observer(lambda: build_roster(table, tree.paths), SystemClock())


def run(directory: Path) -> None:
    """Print the cost of a beat, and of sharing a batch out among 500 control groups."""
    directory.mkdir(parents=True)
    tree = server(directory)
    groups(tree)
    observer = observer_of(tree)
    print(f"\nbeat of a two-socket, 8-GPU server: {len(observer.series)} series from "
          f"{', '.join(source.name for source in observer.roster.sampled)}")  # fmt: skip
    observer.beat()
    wall, cpu = [], time.process_time()
    for _ in range(BEATS):
        began = time.perf_counter()
        observer.beat()
        wall.append(time.perf_counter() - began)
    cpu = (time.process_time() - cpu) / BEATS
    median = statistics.median(wall)
    print(f"  {cpu * 1e3:.2f} ms of CPU a beat; wall median {median * 1e3:.2f} ms, "
          f"99th percentile {sorted(wall)[BEATS * 99 // 100] * 1e3:.2f} ms")  # fmt: skip
    apportioner = Apportioner(tree.paths, "workloads", 50)
    apportioner.share(0, {})
    cpu = time.process_time()
    for _ in range(PASSES):
        apportioner.share(1_000_000, {})
    cpu = (time.process_time() - cpu) / PASSES
    print(f"sharing out among {GROUPS} control groups: {cpu * 1e3:.1f} ms a pass, every "
          f"{PASS_SECONDS} s {cpu / PASS_SECONDS * 1e3:.2f} ms/s "
          f"(budget {BUDGET_MILLISECONDS:.0f} ms/s)")  # fmt: skip
    observer.close()
    apportioner.close()
