"""What pyRAPL 0.2.3.1 gets wrong by itself: a release that mends it is noticed here.

Each is why its arithmetic is not used, or why our own reader is the default.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from pyrapl_machine import NEEDS_PYRAPL, PyRaplMachine

pytestmark = NEEDS_PYRAPL

PACKAGE = 262_143_328_850


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PyRaplMachine]:
    machine = PyRaplMachine(tmp_path, monkeypatch)
    yield machine
    machine.close()


def measure(machine: PyRaplMachine, **uses: int) -> Any:
    """Return pyRAPL's own result while each zone uses so many microjoules."""
    machine.library.setup()
    measurement = machine.library.Measurement("test")
    measurement.begin()
    for socket, microjoules in uses.items():
        machine.use(f"intel-rapl:{socket.removeprefix('socket')}", microjoules)
    measurement.end()
    return measurement.result


def test_the_release_is_the_one_that_these_pins_are_of() -> None:
    assert version("pyRAPL") == "0.2.3.1"


def test_it_loses_the_interval_in_which_the_one_package_wraps(machine: PyRaplMachine) -> None:
    machine.sockets(0)
    machine.add("intel-rapl:0", "package-0", start=PACKAGE - 2_000_000)

    assert measure(machine, socket0=12_000_000).pkg is None
    assert measure(machine, socket0=12_000_000).pkg == [12_000_000]


def test_it_reports_negative_energy_when_one_of_two_packages_wraps(
    machine: PyRaplMachine,
) -> None:
    machine.sockets(0, 1)
    machine.add("intel-rapl:0", "package-0")
    machine.add("intel-rapl:1", "package-1", start=PACKAGE - 2_000_000)

    assert measure(machine, socket0=5, socket1=12_000_000).pkg == [5, 12_000_000 - PACKAGE]


def test_it_refuses_a_host_of_several_dies(machine: PyRaplMachine) -> None:
    machine.sockets(0, 0)
    machine.add("intel-rapl:0", "package-0-die-0")
    machine.add("intel-rapl:1", "package-0-die-1")

    with pytest.raises(machine.library.PyRAPLCantRecordEnergyConsumption):
        machine.library.setup()


def test_it_refuses_a_host_whose_zones_have_a_hole(machine: PyRaplMachine) -> None:
    machine.sockets(0, 1)
    machine.add("intel-rapl:0", "package-0")
    machine.add("intel-rapl:2", "package-1")

    with pytest.raises(machine.library.PyRAPLCantRecordEnergyConsumption):
        machine.library.setup()


def test_it_fails_to_divide_a_result_without_memory(machine: PyRaplMachine) -> None:
    machine.sockets(0)
    machine.add("intel-rapl:0", "package-0")
    result = measure(machine, socket0=5)

    assert result.dram is None
    with pytest.raises(TypeError):
        result / 2


def test_a_cpu_that_is_offline_stops_it_with_a_raw_error(machine: PyRaplMachine) -> None:
    machine.sockets(0, 0)
    machine.add("intel-rapl:0", "package-0")
    cpus = machine.sysfs / "devices" / "system" / "cpu"
    (cpus / "cpu1" / "topology" / "physical_package_id").unlink()

    with pytest.raises(FileNotFoundError):
        machine.library.setup()
