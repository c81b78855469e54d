"""pyRAPL as a reader of registers: what it gives is what our own reader gives."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pyrapl_machine import NEEDS_PYRAPL, PyRaplMachine
from wattgram.readings import State
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_agent.composition import compose, series_of
from wattgram_agent.meter import Meter
from wattgram_agent.source import (
    CounterSample,
    FailedSample,
    HostPaths,
    Point,
    Source,
    SourceUnavailableError,
)
from wattgram_agent.sources import pyrapl, rapl

pytestmark = NEEDS_PYRAPL

PACKAGE = 262_143_328_850
DRAM = 65_712_999_613


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PyRaplMachine]:
    machine = PyRaplMachine(tmp_path, monkeypatch)
    yield machine
    machine.close()


@pytest.fixture
def server(machine: PyRaplMachine) -> PyRaplMachine:
    machine.sockets(0, 0, 1, 1)
    for socket in (0, 1):
        machine.add(f"intel-rapl:{socket}", f"package-{socket}", start=PACKAGE - 40_000_000)
        machine.add(f"intel-rapl:{socket}:0", "core")
        machine.add(f"intel-rapl:{socket}:1", "dram", start=7, wraps_at=DRAM)
    return machine


def joules(source: Source, use: Callable[[], None], beats: int) -> dict[tuple[str, str], int]:
    """Return what a meter makes of a source, by domain and instance."""
    found = {decision.zone.point: series_of(decision) for decision in compose(source.zones())}
    meter = Meter(found)
    booked: dict[tuple[str, str], int] = {}
    for beat in range(beats):
        for reading in meter.advance(source.sample(), beat * NANOSECONDS_PER_SECOND).readings:
            key = (reading.series.domain, reading.series.instance)
            booked[key] = booked.get(key, 0) + reading.quantity
        use()
    return booked


def test_both_readers_book_the_same_joules_over_wraps_of_package_and_memory(
    machine: PyRaplMachine,
) -> None:
    machine.sockets(0, 0, 1, 1)
    for socket in (0, 1):
        machine.add(f"intel-rapl:{socket}", f"package-{socket}", start=PACKAGE - 40_000_000)
        machine.add(f"intel-rapl:{socket}:0", "dram", start=DRAM - 5_000_001, wraps_at=DRAM)

    def use() -> None:
        for socket in (0, 1):
            machine.use(f"intel-rapl:{socket}", 13_000_001 + socket)
            machine.use(f"intel-rapl:{socket}:0", 3_000_001 + socket)

    theirs = joules(machine.source(), use, 10)
    for socket in (0, 1):  # the same again for the other reader: back to before the wrap
        machine.use(f"intel-rapl:{socket}", PACKAGE - machine.truth[f"intel-rapl:{socket}"])
        machine.use(f"intel-rapl:{socket}:0", DRAM - machine.truth[f"intel-rapl:{socket}:0"])
    ours = joules(rapl.discover(machine.paths), use, 10)

    assert theirs == ours == {
        ("package", "0"): 9 * 13_000_001,
        ("dram", "0"): 9 * 3_000_001,
        ("package", "1"): 9 * 13_000_002,
        ("dram", "1"): 9 * 3_000_002,
    }  # fmt: skip


def test_the_zones_are_packages_and_memories_with_their_own_ranges(server: PyRaplMachine) -> None:
    source = server.source()

    assert source.sample() == [
        CounterSample(Point("pyrapl", "package", "0"), PACKAGE - 40_000_000, PACKAGE),
        CounterSample(Point("pyrapl", "dram", "0"), 7, DRAM),
        CounterSample(Point("pyrapl", "package", "1"), PACKAGE - 40_000_000, PACKAGE),
        CounterSample(Point("pyrapl", "dram", "1"), 7, DRAM),
    ]
    assert all(decision.counted for decision in compose(source.zones()))
    source.close()


def test_without_memory_there_are_packages_alone(machine: PyRaplMachine) -> None:
    machine.sockets(0)
    machine.add("intel-rapl:0", "package-0")

    assert [zone.point.domain for zone in machine.source().zones()] == ["package"]


def test_psys_between_two_packages_is_no_package(machine: PyRaplMachine) -> None:
    machine.sockets(0, 1)
    for index, name in enumerate(("package-0", "psys", "package-1")):
        machine.add(f"intel-rapl:{index}", name, start=index)

    assert [(s.point.instance, s.value) for s in machine.source().sample()] == [  # type: ignore[union-attr]
        ("0", 0), ("1", 2)
    ]  # fmt: skip


def test_a_register_that_is_unreadable_fails_until_it_is_back(server: PyRaplMachine) -> None:
    source = server.source()
    register = server.directory("intel-rapl:0") / "energy_uj"
    register.write_text("")
    assert [type(sample) for sample in source.sample()] == [FailedSample] * 4
    register.unlink()
    assert [type(sample) for sample in source.sample()] == [FailedSample] * 4
    server.use("intel-rapl:0", 1)

    assert [type(sample) for sample in source.sample()] == [CounterSample] * 4
    source.close()
    source.close()


def test_a_register_of_root_alone_is_denied_with_the_same_fix_as_ours(
    server: PyRaplMachine,
) -> None:
    def denied(path: str, mode: str = "r") -> Any:
        raise PermissionError(13, "Permission denied", path)

    server.library.device_api.open = denied
    with pytest.raises(SourceUnavailableError) as caught:
        server.source()
    assert (caught.value.state, caught.value.fix) == (State.PERMISSION_DENIED, rapl.UDEV_FIX)
    assert caught.value.reason == "/sys/devices/system/cpu/present is readable by root only"


def test_a_machine_that_pyrapl_cannot_use_points_to_our_own_reader(machine: PyRaplMachine) -> None:
    machine.sockets(0)
    with pytest.raises(SourceUnavailableError) as caught:
        machine.source()
    assert caught.value.state is State.ERROR
    assert "PyRAPLCantRecordEnergyConsumption" in caught.value.reason
    assert caught.value.fix == 'set sources.cpu_backend = "rapl"'


def test_what_is_not_installed_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyRAPL", None)
    with pytest.raises(SourceUnavailableError) as caught:
        pyrapl.discover(HostPaths())
    assert (caught.value.state, caught.value.fix) == (
        State.ABSENT,
        "pip install 'wattgram[pyrapl]'",
    )


def test_a_sysfs_elsewhere_is_not_pyrapls(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailableError, match="pyRAPL reads /sys only") as caught:
        pyrapl.discover(HostPaths(sysfs=tmp_path))
    assert caught.value.state is State.ABSENT


def test_its_import_neither_warns_nor_logs_nor_sets_up_logging() -> None:
    """It logs of pandas and pymongo on the root logger: unconfigured, that configures it."""
    script = (
        "import logging, warnings; warnings.simplefilter('error')\n"
        "from wattgram_agent.sources import pyrapl\n"
        "root = logging.getLogger(); before = root.level, root.handlers[:], root.filters[:]\n"
        "pyrapl.import_pyrapl()\n"
        "after = root.level, root.handlers, root.filters\n"
        "assert after == before == (30, [], []), after\n"
        "logging.basicConfig(level='INFO', format='%(message)s'); logging.info('heard')\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "heard\n")
