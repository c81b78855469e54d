"""The power meters of a server's firmware: one is the host, a superchip's are its parts."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwmon_trees import HwmonTree, write
from wattgram.readings import Component, Quality, State
from wattgram_agent.composition import Preferences, compose, zone_name
from wattgram_agent.source import (
    FailedSample,
    GaugeSample,
    HostPaths,
    Point,
    Sample,
    Scope,
    SourceUnavailableError,
)
from wattgram_agent.sources import acpi_meter

NOBODY = 65_534
POINT = Point("acpi_meter", "power", "ACPI000D:00")
OK: Mapping[str, str | int] = {
    "name": "power_meter",
    "power1_average": 215_000_000,
    "power1_average_interval": 1_000,
    "power1_is_battery": 0,
}
GRACE = ("Module", "Grace", "CPU", "SysIO")


@pytest.fixture
def tree(tmp_path: Path) -> HwmonTree:
    return HwmonTree(tmp_path)


def add(tree: HwmonTree, **files: str | int) -> Path:
    return tree.add(f"acpi/ACPI000D:{tree.chips:02}", {**OK, **files})


def only(tree: HwmonTree) -> Sample:
    source = acpi_meter.discover(tree.paths)
    (sample,) = source.sample()
    source.close()
    return sample


def counted(tree: HwmonTree, preferences: Preferences | None = None) -> list[str]:
    zones = acpi_meter.discover(tree.paths).zones()
    return [
        zone_name(one.zone.point) for one in compose(zones, preferences=preferences) if one.counted
    ]


@pytest.mark.parametrize("old", [False, True])
def test_one_meter_is_the_whole_host(tree: HwmonTree, *, old: bool) -> None:
    """Until Linux 6.14 the driver had its files in the device."""
    tree.add("acpi/ACPI000D:00", OK, old=old)
    source = acpi_meter.discover(tree.paths)
    (zone,) = source.zones()

    assert zone.point == POINT
    assert (zone.scope, zone.component, zone.refusal) == (Scope.HOST, Component.OTHER, "")
    assert zone.quality is Quality.MEASURED
    assert source.sample() == [GaugeSample(POINT, 215_000_000, averaged=True)]
    assert source.may_block
    assert counted(tree) == ["acpi_meter/power/ACPI000D:00"]
    source.close()


def test_a_meter_without_a_mean_tells_its_instant(tree: HwmonTree) -> None:
    tree.add("acpi/ACPI000D:00", {"name": "power_meter", "power1_input": 7})

    assert only(tree) == GaugeSample(POINT, 7, averaged=False)


@pytest.mark.parametrize(
    ("interval", "period", "averaged"),
    [
        (1_000, 1.0, True),
        (5_000, 5.0, True),
        (50, 1.0, False),
        (0, 1.0, False),
        ("nonsense", 1.0, False),
        ("", 1.0, False),
        (4_294_967_295, 60.0, True),
    ],
)
def test_it_is_asked_as_often_as_it_averages_and_at_most_once_a_second(
    tree: HwmonTree, interval: str | int, period: float, *, averaged: bool
) -> None:
    add(tree, power1_average_interval=interval)

    assert acpi_meter.discover(tree.paths).period_seconds == period
    assert only(tree) == GaugeSample(POINT, 215_000_000, averaged)


def test_the_slowest_of_several_sets_the_period_and_the_others_tell_instants(
    tree: HwmonTree,
) -> None:
    add(tree, power1_average_interval=50)
    add(tree, power1_average_interval=3_000)
    source = acpi_meter.discover(tree.paths)

    assert source.period_seconds == 3.0
    assert [sample[2] for sample in source.sample()] == [False, True]
    source.close()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("4294967295000", "implausible"),
        ("4294967295", "implausible"),
        ("0", "implausible"),
        ("-5", "implausible"),
        ("", "unreadable"),
        ("nonsense", "unreadable"),
    ],
)
def test_no_value_is_a_failure_and_never_zero(tree: HwmonTree, text: str, reason: str) -> None:
    add(tree, power1_average=text)
    sample = only(tree)

    assert isinstance(sample, FailedSample)
    assert sample.reason == reason


def test_a_meter_that_fails_for_a_while_is_read_again(tree: HwmonTree) -> None:
    home = add(tree)
    source = acpi_meter.discover(tree.paths)
    (home / "power1_average").unlink()
    (home / "power1_average").mkdir()
    assert isinstance(source.sample()[0], FailedSample)
    (home / "power1_average").rmdir()
    write(home, {"power1_average": 5})

    assert source.sample() == [GaugeSample(POINT, 5, averaged=True)]
    source.close()


def test_a_battery_is_not_what_feeds_the_host_and_hides_no_meter(tree: HwmonTree) -> None:
    add(tree, power1_is_battery=1)
    add(tree)
    battery, meter = acpi_meter.discover(tree.paths).zones()

    assert (battery.scope, battery.refusal) == (
        Scope.HOST,
        "meters a battery, not what feeds the host",
    )
    assert not meter.refusal
    assert counted(tree) == ["acpi_meter/power/ACPI000D:01"]


def test_of_several_meters_none_is_counted_until_it_is_declared(tree: HwmonTree) -> None:
    add(tree)
    add(tree, power1_oem_info="Intel(R) Node Manager")
    first, second = acpi_meter.discover(tree.paths).zones()
    names = tuple(zone_name(zone.point) for zone in (first, second))

    assert (first.scope, second.scope) == (Scope.PART, Scope.PART)
    assert first.refusal.endswith(f"in sources.host_meters: {names[0]}")
    assert second.location.endswith("power1_average (Intel(R) Node Manager)")
    assert counted(tree) == []
    assert counted(tree, Preferences(host_meters=names)) == list(names)


@pytest.mark.parametrize("old", [False, True])
def test_of_a_superchip_the_sockets_are_counted_and_nothing_twice(
    tree: HwmonTree, *, old: bool
) -> None:
    for socket in (0, 1):
        for part in GRACE:
            files = {**OK, "power1_oem_info": f"{part} Power Socket {socket}"}
            tree.add(f"acpi/ACPI000D:{tree.chips:02}", files, old=old)
    zones = acpi_meter.discover(tree.paths).zones()

    assert [zone_name(zone.point) for zone in zones[:4]] == [
        "acpi_meter/module/0",
        "acpi_meter/grace/0",
        "acpi_meter/cpu/0",
        "acpi_meter/sysio/0",
    ]
    assert [(zone.scope, zone.refusal) for zone in zones[:4]] == [
        (Scope.PART, "holds the CPU, its memory and the GPU"),
        (Scope.CPU, ""),
        (Scope.PART, "inside the socket's power"),
        (Scope.PART, "inside the socket's power"),
    ]
    assert zones[1].component is Component.CPU
    assert counted(tree) == ["acpi_meter/grace/0", "acpi_meter/grace/1"]


def test_a_meter_of_the_host_beside_a_superchips_is_the_host(tree: HwmonTree) -> None:
    add(tree, power1_oem_info="Grace Power Socket 0")
    add(tree)

    assert counted(tree) == ["acpi_meter/power/ACPI000D:01"]


def test_a_part_of_a_socket_that_is_not_known_is_shown(tree: HwmonTree) -> None:
    add(tree, power1_oem_info="Total Power socket 1")
    (zone,) = acpi_meter.discover(tree.paths).zones()

    assert zone.point == Point("acpi_meter", "total", "1")
    assert (zone.scope, zone.refusal) == (Scope.PART, "what it holds is not known")


def test_a_socket_that_is_told_twice_is_counted_once(tree: HwmonTree) -> None:
    add(tree, power1_oem_info="Grace Power Socket 0")
    add(tree, power1_oem_info="grace power socket 0")
    _, second = acpi_meter.discover(tree.paths).zones()

    assert second.point == Point("acpi_meter", "grace", "0@ACPI000D:01")
    assert second.refusal == "a second view of grace 0"
    assert counted(tree) == ["acpi_meter/grace/0"]


def test_chips_of_other_drivers_are_no_meters(tree: HwmonTree) -> None:
    tree.add("platform/c", {"name": "ina260", "power1_input": 5})
    with pytest.raises(SourceUnavailableError) as caught:
        acpi_meter.discover(tree.paths)

    assert caught.value.state is State.ABSENT
    assert str(caught.value) == f"no ACPI power meter under {tree.root}/class/hwmon"
    assert caught.value.fix == ""


def test_a_meter_without_a_driver_is_said_with_the_fix(tree: HwmonTree) -> None:
    (tree.root / "bus/acpi/devices/ACPI000D:00").mkdir(parents=True)
    with pytest.raises(SourceUnavailableError) as caught:
        acpi_meter.discover(tree.paths)

    assert caught.value.state is State.ABSENT
    assert caught.value.fix == "modprobe acpi_power_meter"


def test_a_meter_that_tells_no_power_is_an_error(tree: HwmonTree) -> None:
    tree.add("acpi/ACPI000D:00", {"name": "power_meter", "power1_cap": 5})
    with pytest.raises(SourceUnavailableError) as caught:
        acpi_meter.discover(tree.paths)

    assert caught.value.state is State.ERROR


def test_a_meter_that_may_not_be_read_is_said_with_the_fix(
    tree: HwmonTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = add(tree)
    (home / "power1_average").chmod(0)
    tree.root.chmod(0o755)
    monkeypatch.chdir(tree.root)
    mine = os.geteuid()
    if mine == 0:
        try:
            os.seteuid(NOBODY)
        except OSError as error:
            pytest.skip(f"permissions do not apply to root, who cannot be another: {error}")
    try:
        with pytest.raises(SourceUnavailableError) as caught:
            acpi_meter.discover(HostPaths(sysfs=Path()))
    finally:
        os.seteuid(mine)

    assert caught.value.state is State.PERMISSION_DENIED
    assert caught.value.fix == "chmod a+r class/hwmon/hwmon0/power1_average"


def test_the_captured_meter_is_the_host(shared: Path, tmp_path: Path) -> None:
    text = (shared / "fixtures" / "synthetic_trees.json").read_text(encoding="utf-8")
    for path, content in json.loads(text)["sys_trees"]["acpi_power_meter_ok"].items():
        file = tmp_path / path
        write(file.parent, {file.name: content})
    sample = only(HwmonTree(tmp_path))

    assert sample == GaugeSample(
        Point("acpi_meter", "power", "power_meter"), 215_000_000, averaged=True
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    files=st.dictionaries(
        st.sampled_from(
            [
                "power1_average",
                "power1_input",
                "power1_average_interval",
                "power1_is_battery",
                "power1_oem_info",
                "uevent",
                "power2_average",
            ]
        ),
        st.one_of(
            st.binary(max_size=90),
            st.integers(-(2**70), 2**70).map(lambda number: str(number).encode()),
            st.sampled_from([b"Grace Power Socket 0", b"Module Power Socket 99999"]),
        ),
    )
)
def test_any_garbage_gives_a_sample_or_a_reason(
    tmp_path_factory: pytest.TempPathFactory, files: Mapping[str, bytes]
) -> None:
    root = tmp_path_factory.mktemp("sys")
    for index in range(2):
        chip = root / "class" / "hwmon" / f"hwmon{index}"
        chip.mkdir(parents=True)
        (chip / "name").write_text("power_meter")
        for name, content in files.items():
            (chip / name).write_bytes(content)
    try:
        source = acpi_meter.discover(HostPaths(sysfs=root))
    except SourceUnavailableError:
        return
    points = [zone.point for zone in source.zones()]

    assert [sample.point for sample in source.sample()] == points
    assert len(set(points)) == len(points)
    assert all(0 < len(part) <= 200 and part.isprintable() for point in points for part in point)
    for sample in source.sample():
        if isinstance(sample, GaugeSample):
            assert sample.power_microwatts > 0
    source.close()
