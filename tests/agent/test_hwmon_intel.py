"""Discrete Intel cards: one register of two, and none that wakes the card."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwmon_trees import PCI, HwmonTree, write
from wattgram.readings import Component, Quality
from wattgram_agent.composition import compose
from wattgram_agent.source import (
    CounterSample,
    FailedSample,
    IdleSample,
    Point,
    Sample,
    Scope,
    SourceUnavailableError,
)
from wattgram_agent.sources import hwmon
from wattgram_agent.sources.hwmon_meters import STUCK_MICROJOULES

POINT = Point("hwmon", "gpu", "0000:0b:00.0")
BOTH = {"name": "xe", "energy1_label": "card", "energy2_label": "pkg"}


@pytest.fixture
def tree(tmp_path: Path) -> HwmonTree:
    return HwmonTree(tmp_path)


def one(tree: HwmonTree) -> Sample:
    source = hwmon.discover(tree.paths)
    (sample,) = source.sample()
    source.close()
    return sample


def test_a_card_is_one_counted_zone_named_by_its_pci_address(tree: HwmonTree) -> None:
    chip = tree.add(PCI, {"name": "i915", "energy1_input": 25_637_161_804, "power1_max": 1})
    (zone,) = hwmon.discover(tree.paths).zones()

    assert zone.point == POINT
    assert (zone.scope, zone.component) == (Scope.GPU, Component.GPU)
    assert zone.quality is Quality.MEASURED
    assert zone.location == f"{tree.root}/class/hwmon/{chip.name}/energy1_input (card)"
    assert compose([zone])[0].counted
    assert one(tree) == CounterSample(POINT, 25_637_161_804, None)


@pytest.mark.parametrize(
    ("card", "package", "chosen"),
    [
        ("20", "10", 20),
        ("10", "10", 10),
        ("0", "10", 10),
        ("8", "10", 10),
        ("", "10", 10),
        ("10", "nonsense", 10),
        (str(2**64 - 1), "10", 10),
    ],
)
def test_the_register_that_holds_more_is_the_only_one(
    tree: HwmonTree, card: str, package: str, chosen: int
) -> None:
    """The card's holds the package's; where it does not (B580), the package's is nearer."""
    tree.add(PCI, {**BOTH, "energy1_input": card, "energy2_input": package})

    assert one(tree) == CounterSample(POINT, chosen, None)


def test_without_labels_the_first_is_the_card_and_the_second_the_package(tree: HwmonTree) -> None:
    tree.add(PCI, {"name": "xe", "energy1_input": 9, "energy2_input": 8})

    assert one(tree)[1] == 9


@pytest.mark.parametrize(
    "files",
    [
        {"name": "xe", "energy2_label": "pkg", "energy2_input": 59},
        {**BOTH, "energy1_input": 99, "energy1_enable": 0, "energy2_input": 59},
    ],
)
def test_a_card_with_a_package_alone_is_read_by_it(
    tree: HwmonTree, files: dict[str, str | int]
) -> None:
    tree.add(PCI, files)
    (zone,) = hwmon.discover(tree.paths).zones()

    assert zone.location.endswith("energy2_input (package)")
    assert one(tree) == CounterSample(POINT, 59, None)


def test_the_choice_between_registers_stays(tree: HwmonTree) -> None:
    """The difference between two registers is not an energy."""
    chip = tree.add(PCI, {**BOTH, "energy1_input": 5, "energy2_input": 9})
    source = hwmon.discover(tree.paths)
    source.sample()
    write(chip, {"energy1_input": 50, "energy2_input": 10})

    assert source.sample() == [CounterSample(POINT, 10, None)]
    write(chip, {"energy2_input": ""})
    assert isinstance(source.sample()[0], FailedSample)
    source.close()


def test_of_two_that_hold_the_same_the_card_is_read_on(tree: HwmonTree) -> None:
    chip = tree.add(PCI, {**BOTH, "energy1_input": 9, "energy2_input": 9})
    source = hwmon.discover(tree.paths)
    source.sample()
    write(chip, {"energy1_input": 20, "energy2_input": 15})

    assert source.sample() == [CounterSample(POINT, 20, None)]
    source.close()


def test_no_register_is_chosen_while_both_are_at_zero(tree: HwmonTree) -> None:
    chip = tree.add(PCI, {**BOTH, "energy1_input": 0, "energy2_input": 0})
    source = hwmon.discover(tree.paths)
    (sample,) = source.sample()

    assert isinstance(sample, FailedSample)
    assert sample.reason == "implausible"
    write(chip, {"energy2_input": 7})
    assert source.sample() == [CounterSample(POINT, 7, None)]
    source.close()


def test_a_single_register_at_zero_is_no_energy(tree: HwmonTree) -> None:
    tree.add(PCI, {"name": "xe", "energy1_input": 0})

    assert isinstance(one(tree), FailedSample)


def test_a_card_whose_register_stands_still_while_the_package_draws_fails(
    tree: HwmonTree,
) -> None:
    chip = tree.add(PCI, {**BOTH, "energy1_input": 500, "energy2_input": 400})
    source = hwmon.discover(tree.paths)
    source.sample()
    write(chip, {"energy2_input": ""})
    assert source.sample() == [CounterSample(POINT, 500, None)]
    write(chip, {"energy2_input": 400 + STUCK_MICROJOULES})
    assert source.sample() == [CounterSample(POINT, 500, None)]
    write(chip, {"energy2_input": 401 + STUCK_MICROJOULES})
    (sample,) = source.sample()

    assert isinstance(sample, FailedSample)
    assert sample.reason == "implausible"
    write(chip, {"energy1_input": 501})
    assert source.sample() == [CounterSample(POINT, 501, None)]
    write(chip, {"energy2_input": 402 + STUCK_MICROJOULES})
    assert source.sample() == [CounterSample(POINT, 501, None)]
    source.close()


def test_a_card_that_sleeps_is_not_asked(tree: HwmonTree) -> None:
    chip = tree.add(PCI, {**BOTH, "energy1_input": 9, "energy2_input": 8})
    device = tree.root / "devices" / PCI
    write(device, {"power/runtime_status": "suspended"})
    source = hwmon.discover(tree.paths)

    assert source.sample() == [IdleSample(POINT, "asleep")]
    write(device, {"power/runtime_status": "active"})
    assert source.sample() == [CounterSample(POINT, 9, None)]
    (chip / "energy1_input").unlink()
    write(device, {"power/runtime_status": "suspended"})
    assert source.sample() == [IdleSample(POINT, "asleep")]
    source.close()


def test_graphics_without_a_register_are_no_zone(tree: HwmonTree) -> None:
    tree.add(PCI, {"name": "xe", "power1_max": 5, "in1_input": 5, "energy1_label": "card"})

    with pytest.raises(SourceUnavailableError):
        hwmon.discover(tree.paths)


def test_the_tiles_of_a_card_are_inside_it(tree: HwmonTree) -> None:
    tree.add(PCI, {"name": "i915", "energy1_input": 9})
    tree.add(PCI, {"name": "i915_gt0", "energy1_input": 8})
    card, tile = hwmon.discover(tree.paths).zones()

    assert card.point == POINT
    assert (tile.scope, tile.refusal) == (Scope.PART, "inside the card")
