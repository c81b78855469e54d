"""Which chips there are, how each is known, and what a channel has."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwmon_trees import I2C, PCI, HwmonTree, write
from wattgram_agent import hwmon_pairs
from wattgram_agent.hwmon_chips import (
    PowerFile,
    PowerProduct,
    clean,
    find_chips,
    is_suspended,
    parse_channels,
    read_channels,
)
from wattgram_agent.sysfs import UnreadableError

NAMES = st.text(alphabet=st.characters(blacklist_characters="/\0", codec="utf-8"), max_size=60)


@pytest.fixture
def tree(tmp_path: Path) -> HwmonTree:
    return HwmonTree(tmp_path)


def names(tree: HwmonTree) -> list[tuple[str, str]]:
    return [(chip.name, chip.identity) for chip in find_chips(tree.root)]


def test_a_chip_is_known_by_its_device_whatever_its_number(tree: HwmonTree) -> None:
    tree.add(I2C, {"name": "ina226", "power1_input": 1}, number=7)
    tree.add(PCI, {"name": "xe", "energy1_input": 1}, number=2)
    (tree.root / "devices" / PCI / "uevent").write_text("DRIVER=xe\nPCI_SLOT_NAME=0000:0b:00.0\n")

    assert names(tree) == [("xe", "0000:0b:00.0"), ("ina226", "1-0040")]


def test_chips_are_in_the_order_of_their_numbers(tree: HwmonTree) -> None:
    for number in (10, 9, 2):
        tree.add(f"platform/p.{number}", {"name": "c"}, number=number)

    assert names(tree) == [("c", "p.2"), ("c", "p.9"), ("c", "p.10")]


def test_a_card_is_known_by_what_it_is_a_card_of(tree: HwmonTree) -> None:
    tree.add(f"{PCI}/drm/card1", {"name": "xe"})

    assert names(tree) == [("xe", "0000:0b:00.0")]


def test_two_chips_of_one_device_and_name_are_told_apart(tree: HwmonTree) -> None:
    tree.add("platform/wmi", {"name": "asus"})
    tree.add("platform/wmi", {"name": "asus"})
    tree.add("platform/wmi", {"name": "other"})

    assert names(tree) == [("asus", "wmi"), ("asus", "wmi#2"), ("other", "wmi")]


def test_a_chip_without_a_device_is_known_by_its_name(tmp_path: Path) -> None:
    write(tmp_path / "devices/virtual/hwmon/hwmon3", {"name": "my chip", "power1_input": 1})
    write(tmp_path / "class/hwmon/hwmon4", {"power1_input": 1})
    (tmp_path / "class/hwmon/hwmon3").symlink_to("../../devices/virtual/hwmon/hwmon3")

    assert names(HwmonTree(tmp_path)) == [("my_chip", "my_chip"), ("", "hwmon4")]


def test_a_chip_whose_device_is_its_parent_is_known_by_it_without_a_link(tmp_path: Path) -> None:
    home = tmp_path / "bus/i2c/drivers/ina3221/1-0041/hwmon/hwmon1"
    write(home, {"name": "ina3221"})

    assert [chip.identity for chip in find_chips(tmp_path, [home, home])] == ["1-0041"]


def test_an_old_driver_has_its_name_and_values_in_the_device(tree: HwmonTree) -> None:
    """As acpi_power_meter until Linux 6.14."""
    home = tree.add("acpi/ACPI000D:00", {"name": "power_meter", "power1_average": 5}, old=True)
    (chip,) = find_chips(tree.root)

    assert (chip.name, chip.identity) == ("power_meter", "ACPI000D:00")
    assert (chip.directory / "power1_average").samefile(home / "power1_average")


def test_a_chip_that_is_seen_twice_is_one(tree: HwmonTree) -> None:
    """Below the class of chips, and below the card that has it."""
    tree.add(PCI, {"name": "xe", "energy1_input": 1})
    card = tree.root / "class" / "drm" / "card0"
    card.mkdir(parents=True)
    (card / "device").symlink_to(tree.root / "devices" / PCI)

    (chip,) = find_chips(tree.root)
    assert (chip.identity, chip.directory) == (
        "0000:0b:00.0",
        tree.root / "class" / "hwmon" / "hwmon0",
    )


@pytest.mark.parametrize("root", ["class/drm", "."])
def test_the_chips_of_a_capture_of_cards_are_found(tmp_path: Path, root: str) -> None:
    write(tmp_path / root / "card0/device/hwmon/hwmon5", {"name": "xe"})
    write(tmp_path / root / "card0-DP-1/device/hwmon/hwmon6", {"name": "no"})
    write(tmp_path / root / "card0/device", {"uevent": "PCI_SLOT_NAME=0000:03:00.0"})

    assert names(HwmonTree(tmp_path)) == [("xe", "0000:03:00.0")]


def test_in_a_copy_without_links_a_chip_of_one_number_and_name_is_one(tmp_path: Path) -> None:
    tree = HwmonTree(tmp_path)
    of_card = tmp_path / "class" / "drm" / "card0" / "device" / "hwmon"
    of_class = tmp_path / "class" / "hwmon"
    for directory, name in (
        (of_class / "hwmon3", "amdgpu"),
        (of_card / "hwmon3", "amdgpu"),
        (of_card / "hwmon4", "amdgpu"),
        (of_class / "hwmon5", "nvme"),
        (of_card / "hwmon5", "xe"),
    ):
        write(directory, {"name": name, "power1_average": 1})

    assert [name for name, _ in names(tree)] == ["amdgpu", "nvme", "amdgpu", "xe"]


def test_links_that_lead_nowhere_and_files_are_no_chips(tmp_path: Path) -> None:
    root = tmp_path / "class" / "hwmon"
    root.mkdir(parents=True)
    (root / "hwmon0").symlink_to("../../devices/gone")
    (root / "hwmon1").symlink_to("hwmon1")
    (root / "hwmon2").write_text("text")

    assert names(HwmonTree(tmp_path)) == []


def test_a_channel_has_its_label_and_its_switch(tree: HwmonTree) -> None:
    tree.add(
        I2C,
        {"power2_input": 1, "power2_label": " A b\n", "power2_enable": 0, "power10_average": 1}
        | {"power2_max": 1, "in0_input": 1, "temp1_input": 1},
    )
    (chip,) = find_chips(tree.root)
    second, tenth = read_channels(chip, ("power",))

    assert (second.name, second.label, second.enabled) == ("power2", "A_b", False)
    assert (tenth.name, tenth.label, tenth.enabled) == ("power10", "", True)
    assert second.value_file(chip) == chip.directory / "power2_input"
    assert [channel.name for channel in read_channels(chip)] == ["in0", "power2", "power10"]


def test_the_mean_is_preferred_and_a_label_alone_has_no_value(tree: HwmonTree) -> None:
    tree.add(I2C, {"power1_input": 1, "power1_average": 1, "power2_label": "PPT"})
    (chip,) = find_chips(tree.root)
    first, second = read_channels(chip)

    assert first.value_file(chip) == chip.directory / "power1_average"
    assert second.value_file(chip) is None


@pytest.mark.parametrize(("status", "suspended"), [("suspended", True), ("active", False)])
def test_a_device_that_sleeps_is_known(tmp_path: Path, status: str, *, suspended: bool) -> None:
    write(tmp_path, {"power/runtime_status": status})

    assert is_suspended(tmp_path) is suspended
    assert not is_suspended(tmp_path / "power")
    assert not is_suspended(None)


@pytest.mark.parametrize(
    ("chip", "current", "voltage"),
    [
        ("ina3221", 3, 3),
        ("ina3221", 4, None),
        ("ina226", 1, 1),
        ("ltc2947", 1, 0),
        ("ltc2992", 2, 2),
        ("max20730", 1, 2),
        ("adm1275", 1, 1),
        ("nobody", 1, None),
    ],
)
def test_which_voltage_belongs_to_a_current(chip: str, current: int, voltage: int | None) -> None:
    assert hwmon_pairs.voltage_index(chip, current) == voltage


@pytest.mark.parametrize(
    ("chip", "label", "voltage"),
    [
        ("pmbus", "iout1", "vout1"),
        ("pmbus", "iin", "vin"),
        ("nobody", "iin", ""),
        ("pmbus", "", ""),
    ],
)
def test_the_labels_of_pmbus_say_which_voltage_belongs(
    chip: str, label: str, voltage: str
) -> None:
    assert hwmon_pairs.voltage_label(chip, label) == voltage


def test_a_product_is_exact_and_keeps_its_sign(tmp_path: Path) -> None:
    write(tmp_path, {"in1_input": 12_001, "curr1_input": 1_999})
    reader = PowerProduct(tmp_path / "in1_input", tmp_path / "curr1_input")

    assert reader.read() == 23_989_999
    write(tmp_path, {"curr1_input": -3})
    assert reader.read() == -36_003
    reader.close()


@pytest.mark.parametrize(
    ("voltage", "current"), [(-5, 1), (2**32 - 1, 1), (12_000, 2**32 - 1), (10**7, 10**6)]
)
def test_volts_and_amperes_that_are_none_are_no_power(
    tmp_path: Path, voltage: int, current: int
) -> None:
    write(tmp_path, {"in1_input": voltage, "curr1_input": current})
    reader = PowerProduct(tmp_path / "in1_input", tmp_path / "curr1_input")

    with pytest.raises(UnreadableError) as caught:
        reader.read()
    assert caught.value.reason == "implausible"
    reader.close()


@pytest.mark.parametrize("value", [4_294_967_295_000, 2**32 - 1, 2**63 - 1, 2**64 - 1, -(10**13)])
def test_a_word_for_unknown_is_no_power(tmp_path: Path, value: int) -> None:
    write(tmp_path, {"power1_input": value})
    reader = PowerFile(tmp_path / "power1_input")

    with pytest.raises(UnreadableError) as caught:
        reader.read()
    assert caught.value.reason == "implausible"
    reader.close()


@given(st.text())
def test_what_is_cleaned_is_short_and_has_no_spaces(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.:+-]{0,64}", clean(text))


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [("\0\0amdgpu\n", "amdgpu"), (" VDD CPU (0) ", "VDD_CPU_0_"), ("\x1b", "")],
)
def test_what_cannot_be_printed_is_dropped(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@given(st.lists(NAMES))
def test_any_names_of_files_can_be_parsed(files: list[str]) -> None:
    parse_channels(files)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(content=st.binary(max_size=80), kind=st.sampled_from(["file", "fifo", "directory", "link"]))
def test_any_content_of_any_file_can_be_described(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, kind: str
) -> None:
    directory = tmp_path_factory.mktemp("sys") / "class" / "hwmon" / "hwmon0"
    directory.mkdir(parents=True)
    for name in ("name", "power1_label", "power1_enable", "power1_input", "device"):
        path = directory / name
        match kind:
            case "file":
                path.write_bytes(content)
            case "fifo":
                os.mkfifo(path)
            case "directory":
                path.mkdir()
            case _:
                path.symlink_to("nowhere")
    (chip,) = find_chips(directory.parent.parent.parent)
    (channel,) = read_channels(chip)

    assert chip.identity.isprintable()
    assert channel.label.isprintable()
