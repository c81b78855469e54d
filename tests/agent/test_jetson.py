"""The rails of a Jetson: which of them are the host, and which lie inside those."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.readings import Component, State
from wattgram_agent.composition import compose
from wattgram_agent.hwmon_chips import JETSON_RAILS
from wattgram_agent.source import (
    FailedSample,
    GaugeSample,
    HostPaths,
    Point,
    Sample,
    Scope,
    SourceUnavailableError,
)
from wattgram_agent.sources import jetson
from wattgram_agent.sources.jetson_rails import host_rails

ORIN_NANO = {
    "VDD_IN": ("19128", "416"),
    "VDD_CPU_GPU_CV": ("19128", "72"),
    "VDD_SOC": ("19120", "104"),
}
ORIN_AGX = {
    "VDD_GPU_SOC": ("19000", "300"),
    "VDD_CPU_CV": ("19000", "100"),
    "VIN_SYS_5V0": ("5000", "900"),
}
ORIN_AGX_MEMORY = {"NC": ("0", "0"), "VDDQ_VDD2_1V8AO": ("5000", "200")}
THOR = {
    "VDD_GPU": ("19000", "100"),
    "VDD_CPU_SOC_MSS": ("19000", "300"),
    "VIN_SYS_5V0": ("5000", "1300"),
}
XAVIER_AGX = ("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V")
TX2_MODULE = ("VDD_IN", "VDD_SYS_CPU", "VDD_SYS_DDR")
TX2_CARRIER = ("VDD_MUX", "VDD_5V0_IO_SYS", "VDD_3V3_SYS")

Discover = Callable[[], jetson.JetsonSource]


def point(label: str) -> Point:
    return Point("jetson", "rail", label)


def write_chip(
    sysfs: Path, address: str, rails: Mapping[str, tuple[str, str]], hwmon: str = "hwmon3"
) -> Path:
    """Write an INA3221 as the kernel has it: the fourth to seventh channels are no rails."""
    directory = sysfs / "bus" / "i2c" / "drivers" / "ina3221" / address / "hwmon" / hwmon
    directory.mkdir(parents=True)
    (directory / "name").write_text("ina3221\n")
    for number, (label, (millivolts, milliamperes)) in enumerate(rails.items(), 1):
        (directory / f"in{number}_label").write_text(f"{label}\n")
        (directory / f"in{number}_input").write_text(f"{millivolts}\n")
        (directory / f"curr{number}_input").write_text(f"{milliamperes}\n")
        (directory / f"in{number}_enable").write_text("1\n")
    for number in (4, 5, 6, 7):
        (directory / f"in{number}_input").write_text("832\n")
    (directory / "in7_label").write_text("sum of shunt voltages\n")
    (directory / "curr4_input").write_text("900\n")
    return directory


def write_old_chip(
    sysfs: Path, address: str, rails: Iterable[str], milliwatts: int = 1_500
) -> Path:
    drivers = sysfs / "bus" / "i2c" / "drivers" / "ina3221x"
    directory = drivers / address / "iio:device0"
    directory.mkdir(parents=True)
    for number, label in enumerate(rails):
        (directory / f"rail_name_{number}").write_text(f"{label}\n")
        (directory / f"in_power{number}_input").write_text(f"{milliwatts}\n")
        (directory / f"in_voltage{number}_input").write_text("5000\n")
    return directory


def write_input_chip(sysfs: Path, files: Mapping[str, str], address: str = "2-0044") -> Path:
    directory = sysfs / "bus" / "i2c" / "drivers" / "ina238" / address / "hwmon" / "hwmon5"
    directory.mkdir(parents=True)
    for name, text in {"name": "ina238", **files}.items():
        (directory / name).write_text(f"{text}\n")
    return directory


@pytest.fixture
def discover(tmp_path: Path) -> Discover:
    return lambda: jetson.discover(HostPaths(sysfs=tmp_path, procfs=tmp_path))


def powers(source: jetson.JetsonSource) -> dict[str, int]:
    found = {}
    for sample in source.sample():
        assert isinstance(sample, GaugeSample)
        assert not sample.averaged
        found[sample.point.instance] = sample.power_microwatts
    return found


def refusals(source: jetson.JetsonSource) -> dict[str, str]:
    """Return why each rail is not counted; empty for those that are the host."""
    decisions = compose(source.zones())
    assert all(d.counted == (d.zone.scope is Scope.HOST) for d in decisions)
    return {d.zone.point.instance: d.zone.refusal for d in decisions}


def sample_of(source: jetson.JetsonSource, label: str) -> Sample:
    (found,) = (sample for sample in source.sample() if sample.point == point(label))
    return found


def test_a_board_with_an_input_rail_is_metered_by_it_alone(
    tmp_path: Path, discover: Discover
) -> None:
    write_chip(tmp_path, "1-0040", ORIN_NANO)
    source = discover()

    assert powers(source) == {
        "VDD_IN": 19_128 * 416,
        "VDD_CPU_GPU_CV": 19_128 * 72,
        "VDD_SOC": 19_120 * 104,
    }
    assert refusals(source) == {
        "VDD_IN": "",
        "VDD_CPU_GPU_CV": "inside VDD_IN",
        "VDD_SOC": "inside VDD_IN",
    }
    assert source.zones()[0].location.endswith("1-0040/hwmon/hwmon3/in1_input")
    assert not source.problems()


def test_a_slow_bus_is_read_in_a_thread() -> None:
    assert jetson.JetsonSource.may_block


def test_without_an_input_rail_those_that_together_are_the_host_are_counted(
    tmp_path: Path, discover: Discover
) -> None:
    """The rail of the memory is drawn from the one of 5 V: NVIDIA's guide to the AGX Orin."""
    write_chip(tmp_path, "1-0040", ORIN_AGX)
    write_chip(tmp_path, "1-0041", ORIN_AGX_MEMORY, "hwmon4")
    source = discover()

    assert refusals(source) == {
        "VDD_GPU_SOC": "",
        "VDD_CPU_CV": "",
        "VIN_SYS_5V0": "",
        "VDDQ_VDD2_1V8AO": "inside VIN_SYS_5V0",
    }
    assert powers(source)["VDDQ_VDD2_1V8AO"] == 1_000_000


@pytest.mark.parametrize("missing", ORIN_AGX)
@pytest.mark.parametrize("how", ["no channel", "switched off", "no current"])
def test_if_one_of_them_is_missing_the_others_are_not_the_host(
    tmp_path: Path, discover: Discover, missing: str, how: str
) -> None:
    rails = {label: values for label, values in ORIN_AGX.items() if label != missing}
    directory = write_chip(tmp_path, "1-0040", rails if how == "no channel" else ORIN_AGX)
    number = list(ORIN_AGX).index(missing) + 1
    if how == "switched off":
        (directory / f"in{number}_enable").write_text("0\n")
    if how == "no current":
        (directory / f"curr{number}_input").unlink()
    source = discover()

    assert refusals(source) == dict.fromkeys(
        rails, "not all the rails are there that together are the host"
    )
    assert (
        list(source.problems())
        == {
            "no channel": [],
            "switched off": [f"{missing}: switched off"],
            "no current": [f"{missing}: has no voltage or no current"],
        }[how]
    )


@pytest.mark.parametrize(
    "files",
    [
        {"power1_input": "23100000"},
        {"power1_input": "23100000", "in1_label": "VIN", "in1_input": "1", "curr1_input": "1"},
        {"in1_input": "23100", "curr1_input": "1000", "curr1_label": "VIN"},
    ],
)
def test_the_input_of_a_thor_is_on_a_chip_of_its_own(
    tmp_path: Path, discover: Discover, files: dict[str, str]
) -> None:
    write_chip(tmp_path, "2-0040", THOR)
    write_input_chip(tmp_path, files)
    source = discover()

    assert powers(source)["VIN"] == 23_100_000
    assert refusals(source) == {"VIN": "", **dict.fromkeys(THOR, "inside VIN")}


@pytest.mark.parametrize(
    "chips", [[], [{"power1_label": "FAN"}], [{}, {}], [{"temp1_input": "5"}]]
)
def test_a_thor_whose_input_is_not_sure_is_the_sum_of_its_rails(
    tmp_path: Path, discover: Discover, chips: list[dict[str, str]]
) -> None:
    write_chip(tmp_path, "2-0040", THOR)
    for number, files in enumerate(chips):
        power = {} if "temp1_input" in files else {"power1_input": "1"}
        write_input_chip(tmp_path, {**power, **files}, f"2-004{number}")

    assert refusals(discover()) == dict.fromkeys(THOR, "")


@pytest.mark.parametrize("rails", [ORIN_NANO, ORIN_AGX])
def test_an_input_chip_on_another_jetson_is_not_its_input(
    tmp_path: Path, discover: Discover, rails: dict[str, tuple[str, str]]
) -> None:
    write_chip(tmp_path, "1-0040", rails)
    write_input_chip(tmp_path, {"power1_input": "23100000"})

    assert "VIN" not in refusals(discover())


def test_the_older_driver_tells_milliwatts(tmp_path: Path, discover: Discover) -> None:
    write_old_chip(tmp_path, "6-0040", ["POM_5V_IN", "POM_5V_GPU", "POM_5V_CPU"])
    source = discover()

    assert powers(source) == dict.fromkeys(("POM_5V_IN", "POM_5V_GPU", "POM_5V_CPU"), 1_500_000)
    assert refusals(source) == {
        "POM_5V_IN": "",
        "POM_5V_GPU": "inside POM_5V_IN",
        "POM_5V_CPU": "inside POM_5V_IN",
    }
    assert [zone.component for zone in source.zones()] == [
        Component.OTHER,
        Component.GPU,
        Component.CPU,
    ]


def test_an_agx_xavier_is_its_six_rails(tmp_path: Path, discover: Discover) -> None:
    write_old_chip(tmp_path, "1-0040", XAVIER_AGX[:3])
    write_old_chip(tmp_path, "1-0041", XAVIER_AGX[3:])

    assert refusals(discover()) == dict.fromkeys(XAVIER_AGX, "")


def test_what_feeds_the_carrier_board_may_hold_the_module(
    tmp_path: Path, discover: Discover
) -> None:
    write_old_chip(tmp_path, "0-0041", TX2_MODULE)
    write_old_chip(tmp_path, "0-0042", TX2_CARRIER)

    assert refusals(discover()) == {
        "VDD_IN": "",
        "VDD_SYS_CPU": "inside VDD_IN",
        "VDD_SYS_DDR": "inside VDD_IN",
        **dict.fromkeys(TX2_CARRIER, "not known whether it is inside VDD_IN"),
    }


def test_a_rail_that_is_there_twice_is_counted_once(tmp_path: Path, discover: Discover) -> None:
    write_chip(tmp_path, "1-0040", ORIN_NANO)
    write_chip(tmp_path, "1-0041", {"VDD_IN": ("5000", "100")}, "hwmon4")

    assert refusals(discover())["VDD_IN@1-0041"] == "a second rail of this name"


def test_one_chip_seen_in_two_places_is_one(tmp_path: Path, discover: Discover) -> None:
    directory = write_chip(tmp_path, "1-0040", ORIN_NANO)
    (tmp_path / "class" / "hwmon").mkdir(parents=True)
    (tmp_path / "class" / "hwmon" / "hwmon3").symlink_to(directory)

    assert list(refusals(discover())) == list(ORIN_NANO)


@pytest.mark.parametrize(
    "rails",
    [
        {},
        {"VDD_IN_X": ("1", "1")},
        {"X_VDD_IN": ("1", "1")},
        {"CPU": ("1", "1")},
        {"VIN": ("1", "1")},
        {"NC": ("1", "1")},
    ],
)
def test_a_board_without_rails_of_a_jetson_is_none(
    tmp_path: Path, discover: Discover, rails: dict[str, tuple[str, str]]
) -> None:
    write_chip(tmp_path, "1-0040", rails)
    with pytest.raises(SourceUnavailableError, match="no rails of a Jetson") as caught:
        discover()
    assert caught.value.state is State.ABSENT


@pytest.mark.parametrize("label", sorted(JETSON_RAILS))
def test_what_other_sources_leave_to_this_one_is_taken(
    tmp_path: Path, discover: Discover, label: str
) -> None:
    write_chip(tmp_path, "1-0040", {label: ("5000", "100")})

    assert powers(discover()) == {label: 500_000}


def test_a_name_of_another_chip_is_not_believed(tmp_path: Path, discover: Discover) -> None:
    (write_chip(tmp_path, "1-0040", ORIN_NANO) / "name").write_text("ina219\n")
    with pytest.raises(SourceUnavailableError):
        discover()


@pytest.mark.parametrize(
    ("milliamperes", "microwatts"), [("0", 0), ("-20", 0), ("-50", 0), ("50000", 1_000_000_000)]
)
def test_a_rail_that_is_off_reads_around_nothing(
    tmp_path: Path, discover: Discover, milliamperes: str, microwatts: int
) -> None:
    write_chip(tmp_path, "1-0040", {**ORIN_AGX, "VDD_CPU_CV": ("20000", milliamperes)})

    assert powers(discover())["VDD_CPU_CV"] == microwatts


@pytest.mark.parametrize("milliamperes", ["-51", "50001", "4294967295"])
def test_a_power_that_no_rail_has_is_not_believed(
    tmp_path: Path, discover: Discover, milliamperes: str
) -> None:
    write_chip(tmp_path, "1-0040", {**ORIN_AGX, "VDD_CPU_CV": ("20000", milliamperes)})
    sample = sample_of(discover(), "VDD_CPU_CV")

    assert isinstance(sample, FailedSample)
    assert sample.reason == "implausible"


@pytest.mark.parametrize("milliamperes", ["0", "-1"])
def test_an_input_that_gives_nothing_is_not_believed(
    tmp_path: Path, discover: Discover, milliamperes: str
) -> None:
    write_chip(tmp_path, "1-0040", {**ORIN_NANO, "VDD_IN": ("19000", milliamperes)})
    sample = sample_of(discover(), "VDD_IN")

    assert isinstance(sample, FailedSample)
    assert sample.reason == "implausible"


def test_a_rail_that_cannot_be_read_does_not_stop_the_others(
    tmp_path: Path, discover: Discover
) -> None:
    write_chip(tmp_path, "1-0040", {**ORIN_NANO, "VDD_SOC": ("19120", "")})
    source = discover()
    samples = source.sample()

    assert [type(sample) for sample in samples] == [GaugeSample, GaugeSample, FailedSample]


def test_rails_that_together_are_the_host_fail_together(
    tmp_path: Path, discover: Discover
) -> None:
    """Two of three are not the host, and nothing may be counted as if they were."""
    write_chip(tmp_path, "1-0040", {**ORIN_AGX, "VDD_CPU_CV": ("19000", "")})
    write_chip(tmp_path, "1-0041", ORIN_AGX_MEMORY, "hwmon4")
    samples = {sample.point.instance: sample for sample in discover().sample()}

    assert isinstance(samples.pop("VDDQ_VDD2_1V8AO"), GaugeSample)
    details = [sample.detail for sample in samples.values() if isinstance(sample, FailedSample)]
    assert len(details) == 3
    assert details.count("what another rail gives is not known") == 2


def test_descriptors_are_given_back(tmp_path: Path, discover: Discover) -> None:
    write_chip(tmp_path, "1-0040", ORIN_NANO)
    write_old_chip(tmp_path, "1-0041", ["POM_5V_CPU"])
    before = len(os.listdir("/proc/self/fd"))
    source = discover()
    source.sample()
    assert len(os.listdir("/proc/self/fd")) > before
    source.close()
    assert len(os.listdir("/proc/self/fd")) == before


@given(st.sets(st.sampled_from([*ORIN_NANO, *ORIN_AGX, *THOR, *XAVIER_AGX, "VIN", "POM_5V_IN"])))
def test_no_rail_of_the_host_lies_inside_another(labels: set[str]) -> None:
    host = host_rails(labels)

    assert host <= labels
    assert len(host) == 1 or not host & {"VIN", "VDD_IN", "POM_5V_IN"}
    assert "VIN" not in host or "VDD_CPU_SOC_MSS" in labels
    assert "VDDQ_VDD2_1V8AO" not in host


GARBAGE = st.one_of(
    st.binary(max_size=80), st.sampled_from([b"VDD_IN", b"0", b"1", b"-5", b"VIN"])
)
FILES = (
    "name",
    "in1_label",
    "in1_input",
    "curr1_input",
    "in1_enable",
    "in2_label",
    "power1_input",
)


@given(st.dictionaries(st.sampled_from(FILES), GARBAGE), st.sampled_from(["", "fifo", "link"]))
def test_no_garbage_raises(
    tmp_path_factory: pytest.TempPathFactory, garbage: dict[str, bytes], what: str
) -> None:
    tmp_path = tmp_path_factory.mktemp("sys")
    directories = [
        write_chip(tmp_path, "1-0040", THOR),
        write_input_chip(tmp_path, {"power1_input": "5"}),
        write_old_chip(tmp_path, "1-0041", ["VDD_IN"]),
    ]
    for directory in directories:
        for name, content in garbage.items():
            path = directory / name
            path.unlink(missing_ok=True)
            if what == "fifo":
                os.mkfifo(path)
            elif what == "link":
                path.symlink_to("nowhere")
            else:
                path.write_bytes(content)
    with contextlib.suppress(SourceUnavailableError):
        source = jetson.discover(HostPaths(sysfs=tmp_path, procfs=tmp_path))
        zones = source.zones()
        assert len({zone.point for zone in zones}) == len(zones)
        assert [sample.point for sample in source.sample()] == [zone.point for zone in zones]
        assert all(zone.refusal for zone in zones if zone.scope is Scope.PART)
        source.close()


def test_a_synthetic_orin_gives_its_rails(
    shared: Path, tmp_path: Path, discover: Discover
) -> None:
    text = (shared / "fixtures" / "synthetic_trees.json").read_text(encoding="utf-8")
    for path, content in json.loads(text)["sys_trees"]["jetson_orin_ina3221_hwmon"].items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    assert powers(discover()) == {
        "VDD_IN": 7_957_248,
        "VDD_CPU_GPU_CV": 1_377_216,
        "VDD_SOC": 1_988_480,
    }
