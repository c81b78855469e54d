"""What a host is made of: trees as real machines have them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest

from wattgram_agent.hardware import Made, made_of
from wattgram_agent.host import facts
from wattgram_agent.source import HostPaths

GIB = 1 << 30


def tree(root: Path, files: Mapping[str, str]) -> HostPaths:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return HostPaths(sysfs=root / "sys", procfs=root / "proc")


def disk(name: str, *, turns: bool, removable: bool = False, size: int = 100) -> dict[str, str]:
    return {
        f"sys/block/{name}/queue/rotational": str(int(turns)),
        f"sys/block/{name}/removable": str(int(removable)),
        f"sys/block/{name}/size": str(size),
    }


def pci(address: str, kind: str, vendor: str) -> dict[str, str]:
    at = f"sys/bus/pci/devices/{address}"
    return {f"{at}/class": kind, f"{at}/vendor": vendor}


SERVER = {
    "sys/class/dmi/id/sys_vendor": "Dell Inc.",
    "sys/class/dmi/id/product_name": "PowerEdge R740",
    "sys/class/dmi/id/chassis_type": "23",
    "sys/class/dmi/id/product_serial": "SECRET-1",
    "sys/class/dmi/id/product_uuid": "SECRET-2",
    "sys/class/dmi/id/chassis_asset_tag": "SECRET-3",
    "sys/devices/system/cpu/cpu0/topology/physical_package_id": "0",
    "sys/devices/system/cpu/cpu1/topology/physical_package_id": "1",
    "sys/devices/system/cpu/cpu2/topology/physical_package_id": "0",
    "sys/devices/system/cpu/cpufreq/topology/physical_package_id": "7",
    "proc/meminfo": "MemTotal:       394264924 kB\nMemFree: 1 kB",
    **disk("sda", turns=True),
    **disk("sdb", turns=True),
    **disk("nvme0n1", turns=False),
    **disk("sdc", turns=False, removable=True),
    **disk("sdd", turns=False, size=0),
    **disk("dm-0", turns=False),
    **disk("nvme0c0n1", turns=False),
    **disk("loop0", turns=False),
    **pci("0000:03:00.0", "0x030200", "0x10de"),
    **pci("0000:04:00.0", "0x030200", "0x10de"),
    **pci("0000:04:00.1", "0x040300", "0x10de"),  # its sound
    **pci("0000:05:00.0", "0x120000", "0x1da3"),
    **pci("0000:06:00.0", "0x030000", "0x1a03"),  # of the management controller
}


def test_a_server(tmp_path: Path) -> None:
    assert made_of(tree(tmp_path, SERVER), "") == Made(
        manufacturer="Dell Inc.",
        product_model="PowerEdge R740",
        chassis="rack",
        processors=2,
        memory_bytes=394264924 * 1024,
        hdds=2,
        ssds=1,
        gpus=3,
    )


def test_no_identifier_leaves_the_host(tmp_path: Path) -> None:
    said = dataclasses.asdict(facts(tree(tmp_path, SERVER), host="h"))

    assert said["product_model"] == "PowerEdge R740"
    assert "SECRET" not in str(said)


def test_a_virtual_machine_is_made_of_nothing(tmp_path: Path) -> None:
    assert made_of(tree(tmp_path, SERVER), "amazon") == Made()


def test_a_host_that_says_nothing(tmp_path: Path) -> None:
    assert made_of(tree(tmp_path, {}), "") == Made()


@pytest.mark.parametrize(
    ("vendor", "name", "version", "model"),
    [
        ("LENOVO", "20XW0026GE", "ThinkPad X1 Carbon Gen 9", "ThinkPad X1 Carbon Gen 9"),
        ("LENOVO", "20XW0026GE", "Not Specified", "20XW0026GE"),
        ("Lenovo", "ThinkSystem SR650 -[7X06CTO1WW]-", "07",
         "ThinkSystem SR650 -[7X06CTO1WW]-"),
        ("HP", "HP EliteBook 840 G5", "", "HP EliteBook 840 G5"),
        ("ASUS", "System Product Name", "1.0", ""),
        ("ASUS", "To Be Filled By O.E.M.", "", ""),
        ("ASUS", "Default string", "", ""),
        ("ASUS", "   ", "", ""),
        ("ASUS", "x" * 150, "", ""),
        ("ASUS", "A" * 150, "", "A" * 100),
    ],
)  # fmt: skip
def test_the_name_of_a_product(
    tmp_path: Path, vendor: str, name: str, version: str, model: str
) -> None:
    files = {"sys_vendor": vendor, "product_name": name, "product_version": version}
    paths = tree(tmp_path, {f"sys/class/dmi/id/{key}": text for key, text in files.items()})

    assert made_of(paths, "").product_model == model


def test_a_board_says_its_name_in_the_device_tree(tmp_path: Path) -> None:
    base = "sys/firmware/devicetree/base"
    made = made_of(
        tree(
            tmp_path,
            {
                f"{base}/model": "Raspberry Pi 4 Model B Rev 1.4\0",
                f"{base}/compatible": "raspberrypi,4-model-b\0brcm,bcm2711\0",
                "proc/cpuinfo": "processor : 0\nprocessor : 1",
                **disk("mmcblk0", turns=False),
            },
        ),
        "",
    )

    assert (made.manufacturer, made.product_model) == (
        "raspberrypi", "Raspberry Pi 4 Model B Rev 1.4",
    )  # fmt: skip
    assert made.processors == 1
    assert (made.hdds, made.ssds) == (0, 0)


def test_what_hangs_on_usb_is_not_built_in(tmp_path: Path) -> None:
    files = {name.replace("sys/block/sda", "sys/devices/usb1/sda"): text
             for name, text in disk("sda", turns=True).items()}  # fmt: skip
    paths = tree(tmp_path, {**files, **disk("sdb", turns=True)})
    (tmp_path / "sys/block/sda").symlink_to(tmp_path / "sys/devices/usb1/sda")

    assert made_of(paths, "").hdds == 1


@pytest.mark.parametrize(
    ("kind", "vendor", "more", "cards"),
    [
        ("0x030000", "0x8086", {}, 0),
        ("0x030000", "0x1002", {"hwmon/hwmon3/in0_label": "vddnb"}, 0),
        ("0x030000", "0x1002", {"hwmon/hwmon3/power1_cap": "1"}, 1),
        ("0x038000", "0x1002", {}, 1),
        ("0x030000", "0x10de", {}, 1),
        ("0x030200", "0x10de", {"physfn": ""}, 0),
        ("0x030000", "0x102b", {}, 0),
    ],
)
def test_what_is_a_card(
    tmp_path: Path, kind: str, vendor: str, more: Mapping[str, str], cards: int
) -> None:
    files = {**pci("0000:01:00.0", kind, vendor),
             **{f"sys/bus/pci/devices/0000:01:00.0/{name}": text
                for name, text in more.items()}}  # fmt: skip

    assert made_of(tree(tmp_path, files), "").gpus == cards


@pytest.mark.parametrize(
    ("meminfo", "size"),
    [
        ("MemTotal: 16384 kB", 16384 * 1024),
        ("MemTotal: 0 kB", None),
        ("MemTotal: x kB", None),
        ("MemTotal: 99999999999999999999999 kB", None),
        ("MemTotal: 999999999999999999 kB", None),
    ],
)
def test_memory(tmp_path: Path, meminfo: str, size: int | None) -> None:
    assert made_of(tree(tmp_path, {"proc/meminfo": meminfo}), "").memory_bytes == size
