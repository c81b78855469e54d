"""`wattgram-agent sample` over a tree whose registers another thread rewrites meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from daemons import wait_until
from fakes import RaplTree

pytestmark = pytest.mark.servers

RANGE = 30_000_000
ZONES = {
    "intel-rapl:0": ("package", "0", True, 3_000_003),
    "intel-rapl:0:0": ("core", "0", False, 1_400_000),
    "intel-rapl:0:1": ("dram", "0", True, 300_001),
    "intel-rapl:1": ("package", "1", True, 1_000_007),
    "intel-rapl:2": ("psys", "0", False, 5_000_000),
}


def machine(root: Path) -> RaplTree:
    tree = RaplTree(root)
    for number, (zone, (domain, instance, _, _)) in enumerate(ZONES.items()):
        name = f"package-{instance}" if domain == "package" else domain
        tree.add(zone, name, start=RANGE - 1 - number, wraps_at=RANGE)
    return tree


def sample(tree: RaplTree, *, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "wattgram_agent", "sample", "--json"),
            *("--path.sysfs", str(tree.sysfs), "--path.procfs", str(tree.procfs)),
            *("--interval", "0.2", "--count", str(count)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_every_domain_is_exact_over_wraps(tmp_path: Path) -> None:
    """What the readings add up to is what the registers counted between first and last."""
    tree = machine(tmp_path)
    allowed = threading.Semaphore(0)

    def use() -> None:
        while allowed.acquire():
            for zone, (_, _, _, step) in ZONES.items():
                tree.use(zone, step)

    process = sample(tree, count=15)
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())  # the baseline is taken, and one interval
    threading.Thread(target=use, daemon=True).start()
    lines = [first]
    allowed.release(2)
    for line in process.stdout:
        lines.append(json.loads(line))
        if len(lines) < 13:  # the registers stand still for the last intervals
            allowed.release(2)  # however late this process is, none wraps twice in between
    assert process.wait(10) == 0

    for zone, (domain, instance, counted, _) in ZONES.items():
        mine = [
            reading
            for line in lines
            for reading in line["readings"]
            if (reading["domain"], reading["instance"]) == (domain, instance)
        ]
        assert {reading["counted"] for reading in mine} == {counted}
        assert sum(reading["energy_microjoules"] for reading in mine) == tree.truth[zone]
    process.stdout.close()
    wraps = tree.truth["intel-rapl:0"] // RANGE
    assert wraps >= 2
    total = sum(line["counted_energy_microjoules"] or 0 for line in lines)
    assert total == sum(tree.truth[zone] for zone, facts in ZONES.items() if facts[2])
    assert all(
        before["end_unix_nanoseconds"] == after["start_unix_nanoseconds"]
        for before, after in pairwise(lines)
    )


def test_a_file_that_is_away_for_a_while_loses_and_invents_nothing(tmp_path: Path) -> None:
    tree = machine(tmp_path)
    process = sample(tree, count=16)
    assert process.stdout is not None
    lines = [json.loads(process.stdout.readline())]
    energy = tree.directory("intel-rapl:0") / "energy_uj"
    tree.use("intel-rapl:0", 5_000_000)
    energy.rename(energy.with_name("away"))
    for line in process.stdout:
        lines.append(json.loads(line))
        if len(lines) == 11:  # two seconds later
            tree.use("intel-rapl:0", 7_000_000)
    assert process.wait(10) == 0
    process.stdout.close()

    package = [
        reading["energy_microjoules"]
        for line in lines
        for reading in line["readings"]
        if (reading["domain"], reading["instance"]) == ("package", "0")
    ]
    assert sum(package) == 12_000_000
    away = [gap for line in lines for gap in line["gaps"] if gap["source"] == "rapl"]
    assert {gap["reason"] for gap in away} == {"unreadable"}
    assert 1.5 < sum(gap["seconds"] for gap in away) < 3
    others = [line for line in lines if len(line["readings"]) >= len(ZONES) - 1]
    assert len(others) == len(lines)


def test_text_output_names_watts_and_what_is_counted(tmp_path: Path) -> None:
    tree = machine(tmp_path)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "wattgram_agent", "sample", "--interval", "0.1"),
            *("--path.sysfs", str(tree.sysfs), "--path.procfs", str(tree.procfs)),
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "0.000 W counted" in done.stdout
    assert "rapl psys 0" in done.stdout
    assert "(not counted)" in done.stdout


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path: Path) -> None:
    process = sample(machine(tmp_path), count=0)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()

    assert wait_until(lambda: process.poll() is not None, 10, "the command ends")
    assert process.returncode == 0
