"""Chips of real machines, each with the zones that it must give."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from hwmon_trees import HwmonTree, write
from wattgram.readings import State
from wattgram_agent.composition import compose, zone_name
from wattgram_agent.source import HostPaths, IdleSample, SourceUnavailableError
from wattgram_agent.sources import hwmon

INTEL = {
    "a380-i915": ("0000:0b:00.0", 25_637_161_804),
    "a380-xe": ("0000:08:00.0", 59_540_970_520),
    "b580": ("0000:09:00.0", 19_014_248_107),
}

# In milliwatts, or in joules for what is a register.
KEPLER = {
    "k10temp/k10temp/Package": 45_000,
    "k10temp/k10temp/Core": 15_000,
    "platform_sensor/platform_sensor/power1": 30_000,
    "energy_meter/energy_meter/Total": 500_000,
    "ina226/ina226/curr1": 60_000,
    "ina3221/ina3221/curr1": 12_000,
    "ina3221/ina3221/curr2": 2_500,
    "ina3221/ina3221/curr3": 660,
    "max20730/max20730/curr1": 120_000,
    "multi_sensor/multi_sensor/power1": 50_000,
    "multi_sensor/multi_sensor/power2": 30_000,
    "unnamed/hwmon_device_path/device_path_test": 25_000,
    "unnamed/hwmon_dir_fallback/dir_fallback_test": 35_000,
    "multi_energy/multi_energy/Sensor_A": 500_000,
    "multi_energy/multi_energy/Sensor_B": 200_000,
    "multi_energy/multi_energy/Sensor_C": 100_000,
    "test_power_chip/test_power_chip/PSU_Rail_A": 45_000,
    "test_power_chip/test_power_chip/PSU_Rail_B": 15_000,
    "energy_with_enable/energy_with_enable/Rail_A": 500_000,
    "energy_with_enable/energy_with_enable/Rail_B": 200_000,
    "power_chip/power_chip/energy1": 300_000,
}


def values(paths: HostPaths) -> dict[str, int]:
    """Return the value of every zone in thousandths of its unit, * for the counted ones."""
    source = hwmon.discover(paths)
    samples = source.sample()
    decisions = compose(source.zones())
    source.close()
    return {
        "*" * decision.counted + zone_name(sample.point): sample[1] // 1000
        for decision, sample in zip(decisions, samples, strict=True)
        if isinstance(sample[1], int)
    }


def test_the_chips_of_kepler_are_shown_and_none_is_counted(shared: Path) -> None:
    """All but those with labels: one has a rail of a Jetson, so that all are a Jetson's."""
    paths = HostPaths(sysfs=shared / "fixtures" / "kepler_hwmon" / "sys")

    assert values(paths) == {f"hwmon/{name}": value for name, value in KEPLER.items()}
    assert hwmon.discover(paths).problems() == [
        "unknown_chip unknown_chip curr1: its voltage is not known",
        "unknown_chip unknown_chip curr2: its voltage is not known",
        "test_power_chip test_power_chip power3: switched off",
        "energy_with_enable energy_with_enable energy3: switched off",
        "ina226 ina226#2 curr1: its voltage is not known",
    ]


def test_a_host_with_thermometers_alone_has_no_power(shared: Path) -> None:
    with pytest.raises(SourceUnavailableError) as caught:
        hwmon.discover(HostPaths(sysfs=shared / "fixtures" / "node_exporter" / "sys"))

    assert caught.value.state is State.ABSENT
    assert caught.value.reason == "no chip tells a power or an energy"


@pytest.mark.parametrize("name", INTEL)
@pytest.mark.parametrize("where", ["capture", "class/drm", "class/hwmon"])
def test_an_intel_card_is_its_best_register_wherever_it_is_found(
    shared: Path, tmp_path: Path, name: str, where: str
) -> None:
    capture = shared / "fixtures" / "lact_gpu" / "intel" / name
    paths = HostPaths(sysfs=capture if where == "capture" else tmp_path)
    if where == "class/drm":
        shutil.copytree(capture, tmp_path / "class" / "drm")
    elif where == "class/hwmon":
        (directory,) = capture.glob("card*/device/hwmon/*")
        tree = HwmonTree(tmp_path)
        home = tree.add("pci0000:00/card", {}).parent.parent
        shutil.copytree(directory, home / "hwmon" / "hwmon0", dirs_exist_ok=True)
        shutil.copy(directory.parent.parent / "uevent", home)
    address, energy = INTEL[name]

    assert values(paths) == {f"*hwmon/gpu/{address}": energy // 1000}


def test_every_intel_capture_is_expected_here(shared: Path) -> None:
    captures = {path.name for path in (shared / "fixtures" / "lact_gpu" / "intel").iterdir()}

    assert captures == set(INTEL)


def test_the_amd_cards_are_left_to_their_own_source(shared: Path) -> None:
    captures = [
        path
        for path in (shared / "fixtures" / "lact_gpu" / "amd").iterdir()
        if list(path.glob("card*/device/hwmon/*/name"))
    ]
    assert captures
    for capture in captures:
        with pytest.raises(SourceUnavailableError):
            hwmon.discover(HostPaths(sysfs=capture))


@pytest.mark.parametrize("tree", ["jetson_orin_ina3221_hwmon", "acpi_power_meter_ok"])
def test_the_boards_of_other_sources_are_left_to_them(
    shared: Path, tmp_path: Path, tree: str
) -> None:
    text = (shared / "fixtures" / "synthetic_trees.json").read_text(encoding="utf-8")
    for path, content in json.loads(text)["sys_trees"][tree].items():
        file = tmp_path / path
        write(file.parent, {file.name: content})
    for directory in tmp_path.glob("bus/i2c/drivers/*/*/hwmon/*"):
        link = tmp_path / "class" / "hwmon" / directory.name
        link.parent.mkdir(parents=True)
        link.symlink_to(directory)
    with pytest.raises(SourceUnavailableError) as caught:
        hwmon.discover(HostPaths(sysfs=tmp_path))

    assert "read by other sources" in caught.value.reason


def test_a_captured_card_that_sleeps_is_not_asked(shared: Path, tmp_path: Path) -> None:
    capture = shared / "fixtures" / "lact_gpu" / "intel" / "b580"
    shutil.copytree(capture, tmp_path, dirs_exist_ok=True)
    write(tmp_path / "card1" / "device", {"power/runtime_status": "suspended"})
    source = hwmon.discover(HostPaths(sysfs=tmp_path))

    assert [type(sample) for sample in source.sample()] == [IdleSample]
    source.close()
