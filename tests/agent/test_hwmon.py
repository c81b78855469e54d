"""Rails of any chip: read, shown, and never counted unless the operator declares it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from hwmon_trees import I2C, PCI, HwmonTree, write
from wattgram.readings import Component, State
from wattgram_agent.composition import Preferences, compose, zone_name
from wattgram_agent.source import (
    CounterSample,
    FailedSample,
    GaugeSample,
    HostPaths,
    IdleSample,
    Point,
    Sample,
    Scope,
    SourceUnavailableError,
)
from wattgram_agent.sources import hwmon

WATT = 1_000_000
Files = Mapping[str, str | int]


@pytest.fixture
def tree(tmp_path: Path) -> HwmonTree:
    return HwmonTree(tmp_path)


def sampled(tree: HwmonTree) -> dict[str, Sample]:
    source = hwmon.discover(tree.paths)
    samples = {zone_name(sample.point): sample for sample in source.sample()}
    source.close()
    return samples


def problems(tree: HwmonTree) -> list[str]:
    source = hwmon.discover(tree.paths)
    source.close()
    return list(source.problems())


def unavailable(paths: HostPaths) -> SourceUnavailableError:
    with pytest.raises(SourceUnavailableError) as caught:
        hwmon.discover(paths)
    return caught.value


def one(tree: HwmonTree) -> Sample:
    (sample,) = sampled(tree).values()
    return sample


def test_a_power_is_read_in_microwatts_and_named_by_chip_device_and_channel(
    tree: HwmonTree,
) -> None:
    tree.add(I2C, {"name": "ina260", "power1_input": 4_990_000})

    assert sampled(tree) == {
        "hwmon/ina260/1-0040/power1": GaugeSample(
            Point("hwmon", "ina260", "1-0040/power1"), 4_990_000, averaged=False
        )
    }


def test_an_energy_is_a_register_whose_range_is_unknown(tree: HwmonTree) -> None:
    tree.add(I2C, {"name": "ltc2947", "energy1_input": 77})

    assert one(tree) == CounterSample(Point("hwmon", "ltc2947", "1-0040/energy1"), 77, None)


def test_a_mean_is_read_before_an_instant(tree: HwmonTree) -> None:
    tree.add(I2C, {"name": "c", "power1_input": 5, "power1_average": 4})

    assert one(tree)[1:] == (4, True)


def test_an_instant_is_read_where_the_mean_holds_nothing_and_stays_the_only_one(
    tree: HwmonTree,
) -> None:
    chip = tree.add(I2C, {"name": "c", "power1_input": 5, "power1_average": ""})
    source = hwmon.discover(tree.paths)

    assert source.sample()[0][1:] == (5, False)
    write(chip, {"power1_average": 4})
    assert source.sample()[0][1:] == (5, False)
    (chip / "power1_input").unlink()
    assert isinstance(source.sample()[0], FailedSample)
    source.close()


def test_a_label_names_a_rail_if_no_other_has_it(tree: HwmonTree) -> None:
    tree.add(
        I2C,
        {"name": "c", "power1_input": 1, "power2_input": 2, "power3_input": 3, "power4_input": 4}
        | {"power1_label": "same", "power2_label": "same", "power3_label": "own rail"}
        | {"power4_label": "power1"},
    )

    assert [name.rpartition("/")[2] for name in sampled(tree)] == [
        "power1",
        "power2",
        "own_rail",
        "power4",
    ]


def test_a_label_without_a_value_is_no_rail(tree: HwmonTree) -> None:
    tree.add(I2C, {"name": "radeon", "power1_label": "PPT", "power1_cap": 5, "energy1_label": "e"})

    assert unavailable(tree.paths).state is State.ABSENT


def test_a_rail_that_is_switched_off_is_a_problem_and_no_zone(tree: HwmonTree) -> None:
    tree.add(
        I2C,
        {
            "name": "c",
            "power1_input": 1,
            "power1_enable": 1,
            "power2_input": 2,
            "power2_enable": 0,
        },
    )

    assert list(sampled(tree)) == ["hwmon/c/1-0040/power1"]
    assert problems(tree) == ["c 1-0040 power2: switched off"]


@pytest.mark.parametrize(
    "text", ["4294967295000", "4294967295", "18446744073709551615", "nonsense", "", "1" * 70]
)
def test_a_word_for_unknown_is_a_failure(tree: HwmonTree, text: str) -> None:
    tree.add(I2C, {"name": "c", "power1_input": text, "energy1_input": 7})
    energy, power = sampled(tree).values()

    assert isinstance(energy, CounterSample)
    assert isinstance(power, FailedSample)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("18446744073709551615", "implausible"),
        ("9223372036854775807", "implausible"),
        ("-5", "unreadable"),
    ],
)
def test_an_energy_that_is_none_is_a_failure(tree: HwmonTree, text: str, reason: str) -> None:
    tree.add(I2C, {"name": "c", "energy1_input": text})
    sample = one(tree)

    assert isinstance(sample, FailedSample)
    assert sample.reason == reason


def test_a_power_of_zero_is_a_power(tree: HwmonTree) -> None:
    tree.add(I2C, {"name": "c", "power1_input": 0})

    assert one(tree)[1:] == (0, False)


def test_a_current_that_flows_back_is_no_energy(tree: HwmonTree) -> None:
    tree.add(I2C, {"name": "ina219", "power1_input": -500})

    assert one(tree)[1:] == ("the current flows back",)


def test_a_chip_that_drops_the_sign_is_given_that_of_its_current(tree: HwmonTree) -> None:
    chip = tree.add(I2C, {"name": "ina226", "power1_input": 500, "curr1_input": -2})

    assert isinstance(one(tree), IdleSample)
    write(chip, {"curr1_input": 2})
    assert one(tree)[1:] == (500, False)


def test_volts_and_amperes_are_multiplied_only_where_no_power_is_told(tree: HwmonTree) -> None:
    pair = {"in1_input": 12_000, "curr1_input": 500}
    tree.add("i2c/1-0040", {"name": "ina219", **pair})
    tree.add("i2c/1-0041", {"name": "ina219", "power1_input": 7, **pair})

    assert {name: sample[1] for name, sample in sampled(tree).items()} == {
        "hwmon/ina219/1-0040/curr1": 6 * WATT,
        "hwmon/ina219/1-0041/power1": 7,
    }


@pytest.mark.parametrize(
    ("chip", "voltages", "watts"),
    [
        ("ina226", {"in0_input": 80, "in1_input": 5_000}, 10),
        ("ltc2947", {"in0_input": 5_000, "in1_input": 80}, 10),
        ("max20730", {"in1_input": 48_000, "in2_input": 1_000}, 2),
        ("adm1278", {"in1_input": 12_000, "in2_input": 80}, 24),
    ],
)
def test_the_voltage_of_a_current_is_known_by_the_chip(
    tree: HwmonTree, chip: str, voltages: Files, watts: int
) -> None:
    tree.add(I2C, {"name": chip, "curr1_input": 2_000, **voltages})

    assert one(tree)[1:] == (watts * WATT, False)


def test_the_labels_of_pmbus_pair_an_output_with_an_output(tree: HwmonTree) -> None:
    tree.add(
        I2C,
        {"name": "pmbus", "in1_input": 12_000, "in1_label": "vin", "in2_input": 900}
        | {"in2_label": "vout1", "curr1_input": 10_000, "curr1_label": "iout1"},
    )

    assert {name: sample[1] for name, sample in sampled(tree).items()} == {
        "hwmon/pmbus/1-0040/iout1": 9 * WATT
    }


@pytest.mark.parametrize(
    "files",
    [
        {"name": "unknown", "in1_input": 12_000, "curr1_input": 1},
        {"name": "ina226", "in0_input": 12_000, "curr1_input": 1},
        {"name": "pmbus", "in1_input": 12_000, "curr1_input": 1},
    ],
)
def test_volts_and_amperes_that_may_not_belong_together_are_no_power(
    tree: HwmonTree, files: Files
) -> None:
    tree.add(I2C, files)

    assert unavailable(tree.paths).reason == (
        "no chip tells a power or an energy; "
        f"{files['name']} 1-0040 curr1: its voltage is not known"
    )


def test_an_ina3221_has_three_rails_and_its_sums_are_none(tree: HwmonTree) -> None:
    voltages = {f"in{index}_input": 5_000 for index in range(1, 8)}
    currents = {f"curr{index}_input": index * 1_000 for index in range(1, 5)}
    tree.add(I2C, {"name": "ina3221", "in2_enable": 0, "in3_label": "fan", **voltages, **currents})

    assert {name.rpartition("/")[2]: sample[1] for name, sample in sampled(tree).items()} == {
        "curr1": 5 * WATT,
        "fan": 15 * WATT,
    }
    assert problems(tree) == [
        "ina3221 1-0040 curr2: switched off",
        "ina3221 1-0040 curr4: its voltage is not known",
    ]


def test_rails_of_one_label_are_named_by_their_number(tree: HwmonTree) -> None:
    rails = {f"in{index}_label": "12V" for index in (1, 2)}
    values = {f"{kind}{index}_input": 1 for index in (1, 2) for kind in ("in", "curr")}
    tree.add(I2C, {"name": "ina3221", **rails, **values})

    assert [name.rpartition("/")[2] for name in sampled(tree)] == ["curr1", "curr2"]


@pytest.mark.parametrize("label", ["VDD_IN", "VDD_SOC", "VDD_GPU_SOC"])
def test_on_a_jetson_all_rails_with_labels_are_left_to_it(tree: HwmonTree, label: str) -> None:
    pair = {"name": "ina3221", "in1_input": 5, "curr1_input": 5}
    tree.add("i2c/1-0040", {**pair, "in1_label": label})
    tree.add("i2c/1-0041", {**pair, "in1_label": "VDDQ"})
    tree.add("i2c/1-0042", pair)
    tree.add("i2c/1-0043", {**pair, "name": "ina226", "in1_label": "VDD_SOC"})

    assert list(sampled(tree)) == ["hwmon/ina3221/1-0042/curr1", "hwmon/ina226/1-0043/VDD_SOC"]


def test_on_a_thor_the_chip_at_its_input_is_left_to_it_too(tree: HwmonTree) -> None:
    pair = {"name": "ina3221", "in1_input": 5, "curr1_input": 5}
    tree.add("i2c/2-0040", {**pair, "in1_label": "VDD_CPU_SOC_MSS"})
    tree.add("i2c/2-0044", {"name": "ina238", "power1_input": 45_000_000})

    assert "ina238 2-0044 (jetson)" in unavailable(tree.paths).reason


def test_it_is_asked_in_a_thread_as_a_bus_may_hang(tree: HwmonTree) -> None:
    tree.add(I2C, {"name": "ina260", "power1_input": 1})

    assert hwmon.discover(tree.paths).may_block


def test_a_mean_is_multiplied_with_a_mean_only(tree: HwmonTree) -> None:
    chip = tree.add(I2C, {"name": "ina226", "in1_input": 10, "curr1_input": 10, "in1_average": 9})
    assert one(tree)[1:] == (100, False)
    write(chip, {"curr1_average": 9})

    assert one(tree)[1:] == (81, True)


@pytest.mark.parametrize(
    ("files", "owner"),
    [
        ({"name": "amdgpu", "power1_average": 1}, "amdgpu"),
        ({"name": "power_meter", "power1_average": 1}, "acpi_meter"),
        ({"name": "ina3221", "in1_label": "VDD_IN", "in1_input": 1, "curr1_input": 1}, "jetson"),
        ({"name": "BAT0", "power1_input": 1}, "battery"),
        ({"name": "ucsi_source_psy_USBC000:001", "curr1_input": 1, "in0_input": 1}, "battery"),
        ({"name": "AC", "in0_input": 1, "curr1_input": 1}, "battery"),
    ],
)
def test_what_another_source_reads_is_left_to_it(
    tree: HwmonTree, files: Files, owner: str
) -> None:
    tree.add(I2C, files)
    error = unavailable(tree.paths)

    assert error.state is State.ABSENT
    assert error.reason == (
        "no chip tells a power or an energy; read by other sources: "
        f"{files['name']} 1-0040 ({owner})"
    )


def test_a_battery_is_known_by_where_it_is_too(tree: HwmonTree) -> None:
    tree.add("acpi/PNP0C0A:00/power_supply/qcom", {"name": "qcom", "power1_input": 1})

    assert unavailable(tree.paths).reason.endswith("qcom qcom (battery)")


def test_a_rail_is_never_counted_and_says_how_it_would_be(tree: HwmonTree) -> None:
    tree.add(I2C, {"name": "ina260", "power1_input": 1, "power1_label": "VDD_IN"})
    tree.add("i2c/1-0041", {"name": "ina260", "power1_input": 1})
    zones = hwmon.discover(tree.paths).zones()

    assert {zone.scope for zone in zones} == {Scope.PART}
    declare = "if it meters the whole host, name it in sources.host_meters: hwmon/ina260"
    assert [zone.refusal for zone in zones] == [
        f"VDD_IN sounds like the input of a board, which is not certain: {declare}/1-0040/VDD_IN",
        f"what it feeds is not known: {declare}/1-0041/power1",
    ]
    assert not any(decision.counted for decision in compose(zones))
    declared = Preferences(host_meters=("hwmon/ina260/1-0040/VDD_IN",))
    assert [one.counted for one in compose(zones, preferences=declared)] == [True, False]


def test_a_socket_of_the_old_amd_driver_is_counted_and_its_cores_are_inside(
    tree: HwmonTree,
) -> None:
    tree.add(
        "platform/amd_energy.0",
        {"name": "amd_energy", "energy1_label": "Ecore000", "energy1_input": 5}
        | {"energy2_label": "Esocket0", "energy2_input": 90},
    )
    socket, core = hwmon.discover(tree.paths).zones()

    assert socket.point == Point("hwmon", "package", "0")
    assert (socket.scope, socket.component, socket.refusal) == (Scope.CPU, Component.CPU, "")
    assert core.point == Point("hwmon", "amd_energy", "amd_energy.0/Ecore000")
    assert (core.scope, core.refusal) == (Scope.PART, "inside the package")
    assert list(sampled(tree).values()) == [
        CounterSample(socket.point, 90, None),
        CounterSample(core.point, 5, None),
    ]


def test_a_chip_has_so_many_rails_and_the_socket_is_among_them(tree: HwmonTree) -> None:
    cores = {f"energy{n}_label": f"Ecore{n:03}" for n in range(1, 129)}
    values = {f"energy{n}_input": n for n in range(1, 130)}
    chip = {"name": "amd_energy", **cores, **values, "energy129_label": "Esocket0"}
    tree.add("platform/amd_energy.0", chip)

    assert next(iter(sampled(tree))) == "hwmon/package/0"
    assert len(sampled(tree)) == hwmon.METERS_PER_CHIP_MAX
    assert problems(tree) == ["amd_energy amd_energy.0: 65 more are left out"]


def test_two_that_are_called_the_same_are_one_zone(tree: HwmonTree) -> None:
    files = {"name": "amd_energy", "energy1_label": "Esocket0", "energy1_input": 5}
    tree.add("platform/amd_energy.0", files)
    tree.add("platform/amd_energy.1", {**files, "energy1_input": 6})

    assert one(tree)[1] == 5


def test_zones_are_the_same_when_they_are_found_again(tree: HwmonTree) -> None:
    chip = tree.add(PCI, {"name": "xe", "energy1_input": 5, "energy2_input": 9})
    tree.add(I2C, {"name": "ina260", "power1_input": 1})
    before = list(hwmon.discover(tree.paths).zones())
    write(chip, {"energy1_input": 50, "energy2_input": 9})

    assert list(hwmon.discover(tree.paths).zones()) == before
