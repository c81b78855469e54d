"""Chips that are absent, closed to us, or hold anything at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwmon_trees import I2C, HwmonTree, write
from wattgram.readings import State
from wattgram_agent.source import (
    FailedSample,
    GaugeSample,
    HostPaths,
    SourceUnavailableError,
)
from wattgram_agent.sources import hwmon

NOBODY = 65_534


@pytest.fixture
def tree(tmp_path: Path) -> HwmonTree:
    return HwmonTree(tmp_path)


def unavailable(paths: HostPaths) -> SourceUnavailableError:
    with pytest.raises(SourceUnavailableError) as caught:
        hwmon.discover(paths)
    return caught.value


def test_a_host_without_hwmon_says_so(tmp_path: Path) -> None:
    error = unavailable(HostPaths(sysfs=tmp_path))

    assert error.state is State.ABSENT
    assert error.reason == f"{tmp_path}/class/hwmon does not exist"


def test_registers_that_root_alone_may_read_are_said_at_once_with_the_fix(
    tree: HwmonTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    chip = tree.add("platform/a", {"name": "amd_energy", "energy1_input": 5})
    (chip / "energy1_input").chmod(0o400)
    tree.root.chmod(0o755)
    monkeypatch.chdir(tree.root)
    mine = os.geteuid()
    if mine == 0:
        try:
            os.seteuid(NOBODY)
        except OSError as error:
            pytest.skip(f"permissions do not apply to root, who cannot be another: {error}")
    else:
        (chip / "energy1_input").chmod(0)
    try:
        denied = unavailable(HostPaths(sysfs=Path()))
    finally:
        os.seteuid(mine)

    assert denied.state is State.PERMISSION_DENIED
    assert denied.reason == "class/hwmon/hwmon0/energy1_input is not readable"
    assert denied.fix == "chmod a+r class/hwmon/hwmon0/energy1_input"


def remove(path: Path) -> None:
    path.unlink()


def make_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def make_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def make_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


@pytest.mark.parametrize("harm", [remove, make_fifo, make_directory, make_link])
def test_a_file_that_is_no_file_is_a_failure_until_it_is_back(
    tree: HwmonTree, harm: Callable[[Path], None]
) -> None:
    chip = tree.add(I2C, {"name": "c", "power1_input": 5, "energy1_input": 5})
    source = hwmon.discover(tree.paths)
    before = source.sample()
    for name in ("power1_input", "energy1_input"):
        harm(chip / name)

    assert {type(sample) for sample in source.sample()} == {FailedSample}
    for name in ("power1_input", "energy1_input"):
        path = chip / name
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
    write(chip, {"power1_input": 5, "energy1_input": 5})
    assert source.sample() == before
    source.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    files=st.dictionaries(
        st.sampled_from(
            [
                "name",
                "power1_input",
                "power1_average",
                "power1_label",
                "power1_enable",
                "energy1_input",
                "energy1_label",
                "curr1_input",
                "curr1_label",
                "in1_input",
                "in0_input",
                "in1_label",
                "uevent",
            ]
        ),
        st.one_of(
            st.binary(max_size=90),
            st.integers(-(2**70), 2**70).map(lambda number: str(number).encode()),
            st.sampled_from([b"xe", b"i915", b"amd_energy", b"ina226", b"Esocket0", b"card"]),
        ),
    )
)
def test_any_garbage_gives_a_sample_or_a_reason(
    tmp_path_factory: pytest.TempPathFactory, files: Mapping[str, bytes]
) -> None:
    root = tmp_path_factory.mktemp("sys")
    chip = root / "class" / "hwmon" / "hwmon0"
    chip.mkdir(parents=True)
    for name, content in files.items():
        (chip / name).write_bytes(content)
    try:
        source = hwmon.discover(HostPaths(sysfs=root))
    except SourceUnavailableError:
        return
    points = [zone.point for zone in source.zones()]

    assert [sample.point for sample in source.sample()] == points
    assert len(set(points)) == len(points)
    assert all(0 < len(part) <= 200 and part.isprintable() for point in points for part in point)
    for sample in source.sample():
        if isinstance(sample, GaugeSample):
            assert sample.power_microwatts >= 0
    source.close()
