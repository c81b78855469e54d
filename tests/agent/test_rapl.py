"""The zones of powercap trees, as kernels, fixtures and containers lay them out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fakes import RaplTree, two_socket_tree
from wattgram.readings import Component, Kind, Quality
from wattgram_agent.composition import compose
from wattgram_agent.counters import Increase, energy_increase
from wattgram_agent.source import CounterSample, HostPaths, Point
from wattgram_agent.sources import rapl
from wattgram_agent.sources.rapl import RaplSource

DRAM_RANGE = 65_712_999_613
LAYOUTS = ["flat", "nested", "kernel"]


def names(source: RaplSource) -> list[str]:
    return [f"{zone.point.domain} {zone.point.instance}" for zone in source.zones()]


def counted(source: RaplSource) -> list[str]:
    return [
        f"{decision.zone.point.domain} {decision.zone.point.instance}"
        for decision in compose(source.zones())
        if decision.counted
    ]


def ranges(source: RaplSource) -> list[int | None]:
    return [zone.wraps_at for zone in source.discovery.zones]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_of_a_tree_gives_every_zone_once(tmp_path: Path, layout: str) -> None:
    tree = RaplTree(tmp_path, layout)
    for socket in (0, 1):
        tree.add(f"intel-rapl:{socket}", f"package-{socket}", start=socket)
        tree.add(f"intel-rapl:{socket}:0", "core")
        tree.add(f"intel-rapl:{socket}:1", "uncore")
        tree.add(f"intel-rapl:{socket}:2", "dram", wraps_at=DRAM_RANGE)
    source = rapl.discover(tree.paths)

    assert names(source) == [
        f"{domain} {socket}"
        for socket in (0, 1)
        for domain in ("package", "core", "uncore", "dram")
    ]
    assert counted(source) == ["package 0", "dram 0", "package 1", "dram 1"]
    assert ranges(source)[:4] == [262_143_328_850] * 3 + [DRAM_RANGE]
    assert [sample.value for sample in source.sample()][4] == 1  # type: ignore[union-attr]
    source.close()


def test_a_tree_that_was_copied_with_its_links_followed_gives_every_zone_once(
    tmp_path: Path,
) -> None:
    tree = RaplTree(tmp_path / "host", "kernel")
    tree.add("intel-rapl:0", "package-0")
    tree.add("intel-rapl:0:0", "dram")
    powercap = tree.sysfs / "class" / "powercap"
    (powercap / "intel-rapl:f").symlink_to(tree.directory("intel-rapl:0"))
    copy = tmp_path / "copy" / "class" / "powercap"
    shutil.copytree(powercap, copy, ignore=shutil.ignore_patterns("*:f"))

    assert names(rapl.discover(tree.paths)) == ["package 0", "dram 0"]
    assert names(rapl.discover(HostPaths(sysfs=tmp_path / "copy", procfs=tree.procfs))) == [
        "package 0",
        "dram 0",
    ]


def test_a_class_directory_that_is_gone_is_found_among_the_devices(tmp_path: Path) -> None:
    tree = RaplTree(tmp_path, "kernel")
    tree.add("intel-rapl:0", "package-0")
    for link in (tree.sysfs / "class" / "powercap").iterdir():
        link.unlink()

    assert names(rapl.discover(tree.paths)) == ["package 0"]


def test_a_zone_says_what_it_is_and_where_it_is_read(tmp_path: Path) -> None:
    tree = two_socket_tree(tmp_path)
    zones = {zone.point: zone for zone in rapl.discover(tree.paths).zones()}
    dram = zones[Point("rapl", "dram", "1")]

    assert (dram.kind, dram.quality, dram.component) == (
        Kind.ENERGY,
        Quality.MEASURED,
        Component.DRAM,
    )
    assert dram.location == str(tree.directory("intel-rapl:1:1"))
    assert zones[Point("rapl", "package", "0")].component is Component.CPU
    assert zones[Point("rapl", "psys", "0")].component is Component.OTHER


def test_the_index_of_a_zone_is_hexadecimal_and_in_order(tmp_path: Path) -> None:
    tree = RaplTree(tmp_path)
    for socket in (10, 9, 16, 0):
        tree.add(f"intel-rapl:{socket:x}", f"package-{socket}")

    assert names(rapl.discover(tree.paths)) == ["package 0", "package 9", "package 10",
                                                "package 16"]  # fmt: skip


def test_psys_between_two_packages_is_neither_a_package_nor_counted(tmp_path: Path) -> None:
    """As on Sapphire Rapids: the index is not the socket, and psys counts whole joules."""
    tree = RaplTree(tmp_path, "kernel")
    tree.add("intel-rapl:0", "package-0")
    tree.add("intel-rapl:1", "psys", start=9_000_000, wraps_at=4_294_967_295_000_000)
    tree.add("intel-rapl:2", "package-1")
    tree.add("intel-rapl:2:0", "dram", wraps_at=DRAM_RANGE)
    source = rapl.discover(tree.paths)

    assert names(source) == ["package 0", "psys 0", "package 1", "dram 1"]
    assert counted(source) == ["package 0", "package 1", "dram 1"]
    assert ranges(source)[1] == 4_294_967_295_000_000


def test_four_memories_of_one_name_are_four_zones(tmp_path: Path) -> None:
    tree = RaplTree(tmp_path)
    for socket in range(4):
        tree.add(f"intel-rapl:{socket}", f"package-{socket}")
        tree.add(f"intel-rapl:{socket}:0", "dram", start=socket)
    samples = rapl.discover(tree.paths).sample()

    assert [sample for sample in samples if sample.point.domain == "dram"] == [
        CounterSample(Point("rapl", "dram", str(socket)), socket, 262_143_328_850)
        for socket in range(4)
    ]


@pytest.mark.parametrize("twin", ["intel-rapl-mmio", "intel-rapl-tpmi"])
def test_of_two_views_of_a_package_the_registers_own_is_counted(tmp_path: Path, twin: str) -> None:
    """Counting both would report exactly twice the energy."""
    tree = RaplTree(tmp_path, "kernel")
    tree.add(f"{twin}:0", "package-0")
    tree.add("intel-rapl:0", "package-0")
    tree.add("intel-rapl:0:0", "dram")
    source = rapl.discover(tree.paths)

    assert names(source) == ["package 0", "dram 0", f"package 0@{twin}:0"]
    assert counted(source) == ["package 0", "dram 0"]
    assert source.zones()[2].refusal == "a second view of package 0, already at intel-rapl:0"


def test_a_second_view_alone_is_counted(tmp_path: Path) -> None:
    tree = RaplTree(tmp_path, "kernel")
    tree.add("intel-rapl-mmio:0", "package-0")

    assert counted(rapl.discover(tree.paths)) == ["package 0"]


@pytest.mark.parametrize(
    ("vendor", "expected"),
    [
        ("GenuineIntel", ["package 0-die-0", "package 0-die-1", "package 1-die-0"]),
        ("AuthenticAMD", ["package 0-die-0", "package 1-die-0"]),
        ("HygonGenuine", ["package 0-die-0", "package 1-die-0"]),
    ],
)
def test_dies_are_summed_on_intel_and_mirrors_on_amd(
    tmp_path: Path, vendor: str, expected: list[str]
) -> None:
    """Every die of an AMD socket shows the socket's register: 137 W for 68 W if summed."""
    tree = RaplTree(tmp_path)
    tree.vendor(vendor)
    for index, name in enumerate(("package-0-die-0", "package-0-die-1", "package-1-die-0")):
        tree.add(f"intel-rapl:{index}", name)
    source = rapl.discover(tree.paths)

    assert counted(source) == expected
    assert len(source.zones()) == 3


@pytest.mark.parametrize(
    ("vendor", "first", "second", "counted"),
    [
        ("AuthenticAMD", 38_620_000_000, 38_620_400_000, 1),
        ("AuthenticAMD", 111_111_111_111, 99_999_999_999, 2),
        ("GenuineIntel", 111_111_111_111, 99_999_999_999, 2),
        ("GenuineIntel", 38_620_000_000, 38_620_100_000, 1),
        ("GenuineIntel", 38_620_000_000, 38_630_000_000, 2),
        ("GenuineIntel", 500, 500, 2),
        ("GenuineIntel", 123_456_789, 123_456_789, 1),
        ("GenuineIntel", 123_456_789, 123_456_790, 2),
        ("AuthenticAMD", 500, 9_000_000, 1),
        ("AuthenticAMD", 123_456_789, 99_999_999, 2),
        ("", 38_620_000_000, 38_620_000_000, 1),
    ],
)
def test_registers_that_hold_enough_tell_whether_dies_mirror_each_other(
    tmp_path: Path, vendor: str, first: int, second: int, counted: int
) -> None:
    """What the vendor's dies do is only a guess: a tree may be another machine's."""
    tree = RaplTree(tmp_path)
    tree.vendor(vendor)
    tree.add("intel-rapl:0", "package-0-die-0", start=first)
    tree.add("intel-rapl:1", "package-0-die-1", start=second)
    zones = rapl.discover(tree.paths).zones()

    assert sum(not zone.refusal for zone in zones) == counted


def test_the_memory_of_a_die_belongs_to_that_die(tmp_path: Path) -> None:
    tree = RaplTree(tmp_path)
    for die in (0, 1):
        tree.add(f"intel-rapl:{die}", f"package-0-die-{die}")
        tree.add(f"intel-rapl:{die}:0", "dram")

    assert counted(rapl.discover(tree.paths)) == [
        "package 0-die-0", "dram 0-die-0", "package 0-die-1", "dram 0-die-1"
    ]  # fmt: skip


def test_the_core_of_amd_is_shown_and_not_counted(tmp_path: Path) -> None:
    tree = RaplTree(tmp_path)
    tree.vendor("AuthenticAMD")
    tree.add("intel-rapl:0", "package-0", wraps_at=65_532_610_987)
    tree.add("intel-rapl:0:0", "core", wraps_at=65_532_610_987)
    source = rapl.discover(tree.paths)

    assert (names(source), counted(source)) == (["package 0", "core 0"], ["package 0"])


def test_a_zone_of_an_unknown_name_is_shown_under_a_name_that_can_be_a_label(
    tmp_path: Path,
) -> None:
    tree = RaplTree(tmp_path)
    tree.add("intel-rapl:0", "package-0")
    tree.add("intel-rapl:0:0", "name*of 1 " + "x" * 300)
    tree.add("intel-rapl:1", "package-x")
    source = rapl.discover(tree.paths)

    assert counted(source) == ["package 0"]
    assert names(source)[1].startswith("name_of_1_x")
    assert names(source)[2] == "package-x intel-rapl:1"
    assert "is not known" in source.zones()[1].refusal
    assert len(names(source)[1]) < 80


def test_a_memory_of_no_package_is_not_counted(tmp_path: Path) -> None:
    tree = RaplTree(tmp_path)
    tree.add("intel-rapl:0", "package-0")
    tree.add("intel-rapl:1", "dram")
    source = rapl.discover(tree.paths)

    assert counted(source) == ["package 0"]
    assert source.zones()[1].refusal == "belongs to no package"


@pytest.mark.parametrize("text", ["abcdef", "0", "", "-1", "1.5", "²", None])
def test_a_range_that_is_none_makes_every_fall_a_reset(tmp_path: Path, text: str | None) -> None:
    tree = RaplTree(tmp_path)
    tree.add("intel-rapl:0", "package-0", start=100)
    path = tree.directory("intel-rapl:0") / "max_energy_range_uj"
    if text is None:
        path.unlink()
    else:
        path.write_text(f"{text}\n")
    source = rapl.discover(tree.paths)

    assert ranges(source) == [None]
    assert source.sample() == [CounterSample(Point("rapl", "package", "0"), 100, None)]
    assert not isinstance(energy_increase(100, 99, ranges(source)[0], 1), Increase)
