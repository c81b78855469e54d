"""AMD graphics: a card is a GPU, what shares a package with the cores is a meter of the CPU."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.readings import Component, Quality, State
from wattgram_agent.composition import compose
from wattgram_agent.source import (
    FailedSample,
    GaugeSample,
    HostPaths,
    IdleSample,
    Point,
    Sample,
    Scope,
    SourceUnavailableError,
    Zone,
)
from wattgram_agent.sources import amdgpu

CARD = Point("amdgpu", "gpu", "0000:03:00.0")
APU = Point("amdgpu", "apu", "0000:64:00.0")
DISCRETE = {"power1_label": "PPT", "power1_average": "32000000", "power1_cap": "236000000"}
INTEGRATED = {
    "power1_label": "PPT",
    "power1_average": "3103000",
    "power1_input": "3142000",
    "in0_label": "vddgfx",
    "in1_label": "vddnb",
}

Discover = Callable[[], amdgpu.AmdGpuSource]


def write(directory: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(f"{text}\n")


class Device:
    """One PCI device and its hwmon, linked as the kernel links them."""

    def __init__(
        self,
        sysfs: Path,
        slot: str = "0000:03:00.0",
        files: dict[str, str] | None = None,
        pci_id: str = "1002:747E",
        number: int = 1,
    ) -> None:
        self.directory = sysfs / "devices" / "pci0000:00" / slot
        self.hwmon = self.directory / "hwmon" / f"hwmon{number}"
        self.write({"uevent": f"DRIVER=amdgpu\nPCI_ID={pci_id}\nPCI_SLOT_NAME={slot}"})
        write(self.hwmon, {"name": "amdgpu", **(DISCRETE if files is None else files)})
        (self.hwmon / "device").symlink_to(self.directory)
        card = sysfs / "class" / "drm" / f"card{number}"
        card.mkdir(parents=True)
        (card / "device").symlink_to(self.directory)
        monitors = sysfs / "class" / "hwmon"
        monitors.mkdir(parents=True, exist_ok=True)
        (monitors / self.hwmon.name).symlink_to(self.hwmon)

    def write(self, files: dict[str, str]) -> None:
        write(self.directory, files)

    def power(self, microwatts: str) -> None:
        write(self.hwmon, {"power1_average": microwatts})


@pytest.fixture
def discover(tmp_path: Path) -> Discover:
    return lambda: amdgpu.discover(HostPaths(sysfs=tmp_path, procfs=tmp_path))


def only(source: amdgpu.AmdGpuSource) -> Sample:
    (sample,) = source.sample()
    return sample


def test_a_card_is_a_gpu_named_by_its_slot(tmp_path: Path, discover: Discover) -> None:
    device = Device(tmp_path)
    source = discover()
    (zone,) = source.zones()

    assert zone.point == CARD
    assert (zone.scope, zone.component, zone.quality) == (
        Scope.GPU,
        Component.GPU,
        Quality.MEASURED,
    )
    assert Path(zone.location).resolve() == device.hwmon
    assert only(source) == GaugeSample(CARD, 32_000_000, averaged=True)
    assert not source.problems()


def test_a_driver_that_waits_for_a_reset_is_read_in_a_thread() -> None:
    assert amdgpu.AmdGpuSource.may_block


def test_a_card_without_a_mean_is_read_by_the_instant(tmp_path: Path, discover: Discover) -> None:
    Device(tmp_path, files={"power1_input": "5000000", "power1_cap": "1"})

    assert only(discover()) == GaugeSample(CARD, 5_000_000, averaged=False)


def test_an_apu_is_a_meter_of_the_package(tmp_path: Path, discover: Discover) -> None:
    Device(tmp_path, "0000:64:00.0", INTEGRATED, "1002:15BF")
    source = discover()
    (zone,) = source.zones()

    assert (zone.point, zone.scope, zone.component) == (APU, Scope.CPU, Component.CPU)
    assert only(source) == GaugeSample(APU, 3_103_000, averaged=True)


def test_an_apu_is_not_added_to_the_package_of_rapl(tmp_path: Path, discover: Discover) -> None:
    Device(tmp_path, "0000:64:00.0", INTEGRATED)
    Device(tmp_path, number=2)
    rapl = Zone(point=Point("rapl", "package", "0"), scope=Scope.CPU)
    zones = discover().zones()

    assert [zone.point for zone in zones] == [APU, CARD]
    assert [decision.counted for decision in compose([rapl, *zones])] == [True, False, True]
    assert [decision.counted for decision in compose(zones)] == [True, True]


def test_an_apu_with_a_limit_of_its_power_is_one_still(tmp_path: Path, discover: Discover) -> None:
    Device(tmp_path, "0000:64:00.0", INTEGRATED | {"power1_cap": "1", "freq2_input": "1"})

    assert discover().zones()[0].point == APU


@pytest.mark.parametrize("told", ["uevent", "device"])
def test_an_apu_of_the_data_centre_is_known_by_its_number(
    tmp_path: Path, discover: Discover, told: str
) -> None:
    device = Device(tmp_path, "0000:64:00.0", pci_id="1002:74A0")
    if told == "device":
        device.write({"uevent": "PCI_SLOT_NAME=0000:64:00.0", "device": "0x74a0"})

    assert discover().zones()[0].point == APU


@pytest.mark.parametrize("file", ["power1_cap", "freq2_input"])
def test_what_only_cards_have_makes_a_card(tmp_path: Path, discover: Discover, file: str) -> None:
    Device(tmp_path, files={"power1_average": "1", "in1_label": "vddboard", file: "1"})

    assert discover().zones()[0].scope is Scope.GPU


def test_what_may_hold_the_cores_is_never_counted(tmp_path: Path, discover: Discover) -> None:
    Device(tmp_path, files={"power1_average": "5000000"})
    (zone,) = discover().zones()

    assert zone.scope is Scope.PART
    assert zone.refusal == "not known whether it holds the cores of the CPU"
    assert not compose([zone])[0].counted


def test_an_old_card_that_tells_no_power_is_a_problem(tmp_path: Path, discover: Discover) -> None:
    Device(tmp_path, "0000:07:00.0", {"power1_label": "PPT"}, number=2)
    with pytest.raises(SourceUnavailableError) as caught:
        discover()
    assert (caught.value.state, caught.value.reason) == (
        State.ABSENT,
        "0000:07:00.0: tells no power",
    )
    Device(tmp_path)
    source = discover()
    assert [zone.point for zone in source.zones()] == [CARD]
    assert list(source.problems()) == ["0000:07:00.0: tells no power"]


def test_a_host_without_such_a_device_has_no_such_source(
    tmp_path: Path, discover: Discover
) -> None:
    write(tmp_path / "class" / "hwmon" / "hwmon0", {"name": "coretemp", "power1_average": "1"})
    with pytest.raises(SourceUnavailableError, match="no device of amdgpu") as caught:
        discover()
    assert caught.value.state is State.ABSENT


def test_a_card_that_sleeps_is_not_touched(tmp_path: Path, discover: Discover) -> None:
    device = Device(tmp_path)
    source = discover()
    device.write({"power/runtime_status": "suspended"})
    (device.hwmon / "power1_average").unlink()

    assert only(source) == IdleSample(CARD, "asleep, and not woken to ask")
    device.write({"power/runtime_status": "active"})
    device.power("7000000")
    assert only(source) == GaugeSample(CARD, 7_000_000, averaged=True)


@pytest.mark.parametrize(
    ("control", "delay", "seconds"),
    [
        ("auto", "5000", 8),
        ("auto", "1000", 4),
        ("auto", "60000", 12),
        ("auto", "9" * 40, 12),
        ("auto", "-1", 0),
        ("auto", "", 0),
        ("on", "5000", 0),
    ],
)
def test_a_card_that_may_fall_asleep_is_asked_after_it_would(
    tmp_path: Path, discover: Discover, control: str, delay: str, seconds: float
) -> None:
    """Every read puts its sleep off: asked each second it would never sleep."""
    device = Device(tmp_path)
    device.write({"power/control": control, "power/autosuspend_delay_ms": delay})

    assert discover().period_seconds == seconds


def test_a_card_that_never_sleeps_is_asked_at_every_beat(
    tmp_path: Path, discover: Discover
) -> None:
    Device(tmp_path)

    assert discover().period_seconds == 0


def test_no_power_is_not_believed(tmp_path: Path, discover: Discover) -> None:
    Device(tmp_path).power("0")
    sample = only(discover())

    assert isinstance(sample, FailedSample)
    assert sample.reason == "implausible"


@pytest.mark.parametrize("pci_id", ["1002:7408", "1002:740c"])
def test_the_second_die_of_a_board_is_told_by_the_first(
    tmp_path: Path, discover: Discover, pci_id: str
) -> None:
    first = Device(tmp_path, pci_id=pci_id)
    Device(tmp_path, "0000:04:00.0", pci_id=pci_id, number=2).power("0")
    source = discover()
    samples = source.sample()

    assert samples[0] == GaugeSample(CARD, 32_000_000, averaged=True)
    assert samples[1] == IdleSample(
        Point("amdgpu", "gpu", "0000:04:00.0"), "told by the other die of its board"
    )
    first.power("0")
    assert [type(sample) for sample in source.sample()] == [FailedSample, FailedSample]


@pytest.mark.parametrize("pci_ids", [("1002:7408", "1002:740F"), ("1002:740F", "1002:7408")])
def test_a_card_of_one_die_has_no_other_that_tells(
    tmp_path: Path, discover: Discover, pci_ids: tuple[str, str]
) -> None:
    Device(tmp_path, pci_id=pci_ids[0])
    Device(tmp_path, "0000:04:00.0", pci_id=pci_ids[1], number=2).power("0")

    assert isinstance(discover().sample()[1], FailedSample)


@pytest.mark.parametrize("power", ["3000000001", "65535000000", "-1", "4294967295"])
def test_a_power_that_no_board_has_is_not_believed(
    tmp_path: Path, discover: Discover, power: str
) -> None:
    Device(tmp_path).power(power)
    sample = only(discover())

    assert isinstance(sample, FailedSample)
    assert sample.reason == "implausible"


def test_a_power_that_cannot_be_read_fails_and_recovers(
    tmp_path: Path, discover: Discover
) -> None:
    device = Device(tmp_path)
    source = discover()
    device.power("?")
    sample = only(source)
    assert isinstance(sample, FailedSample)
    assert sample.reason == "unreadable"
    device.power("7000000")
    assert only(source) == GaugeSample(CARD, 7_000_000, averaged=True)


@pytest.fixture
def deny(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Answer reads as the driver does of a card that is being reset or falls asleep."""

    def deny(meanwhile: Callable[[], None]) -> None:
        def pread(*_: object) -> bytes:
            meanwhile()
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "pread", pread)

    return deny


def test_a_card_that_is_reset_is_no_matter_of_permission(
    tmp_path: Path, discover: Discover, deny: Callable[[Callable[[], None]], None]
) -> None:
    Device(tmp_path)
    source = discover()
    deny(lambda: None)
    sample = only(source)

    assert isinstance(sample, FailedSample)
    assert sample.reason == "unreadable"
    assert sample.detail.endswith("being reset")


def test_a_card_that_falls_asleep_as_it_is_asked_is_asleep(
    tmp_path: Path, discover: Discover, deny: Callable[[Callable[[], None]], None]
) -> None:
    device = Device(tmp_path)
    source = discover()
    deny(lambda: device.write({"power/runtime_status": "suspended"}))

    assert only(source) == IdleSample(CARD, "fell asleep")


def test_a_power_that_may_not_be_read_is_said_with_the_fix(
    tmp_path: Path, discover: Discover, monkeypatch: pytest.MonkeyPatch
) -> None:
    Device(tmp_path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(SourceUnavailableError, match="may not be read") as caught:
        discover()
    assert caught.value.state is State.PERMISSION_DENIED
    assert caught.value.fix.startswith("chmod a+r ")
    assert caught.value.fix.endswith("/power1_average")


def test_a_capture_of_cards_can_be_looked_at(tmp_path: Path, discover: Discover) -> None:
    write(tmp_path / "card1" / "device" / "hwmon" / "hwmon3", {"name": "amdgpu", **DISCRETE})

    assert only(discover()) == GaugeSample(
        Point("amdgpu", "gpu", "amdgpu"), 32_000_000, averaged=True
    )


def test_two_cards_without_a_slot_are_told_apart(tmp_path: Path, discover: Discover) -> None:
    for card in ("card0", "card1"):
        write(tmp_path / card / "device" / "hwmon" / "hwmon3", {"name": "amdgpu", **DISCRETE})

    assert len({sample.point for sample in discover().sample()}) == 2


def test_descriptors_are_given_back(tmp_path: Path, discover: Discover) -> None:
    Device(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    source = discover()
    source.sample()
    assert len(os.listdir("/proc/self/fd")) == before + 1
    source.close()
    assert len(os.listdir("/proc/self/fd")) == before


GARBAGE = st.one_of(
    st.binary(max_size=80), st.sampled_from([b"suspended", b"auto", b"0", b"-5", b"vddnb"])
)
FILES = (
    "uevent",
    "device",
    "power/control",
    "power/autosuspend_delay_ms",
    "power/runtime_status",
    "hwmon/hwmon1/power1_average",
    "hwmon/hwmon1/power1_label",
    "hwmon/hwmon1/in1_label",
    "hwmon/hwmon1/name",
)


@given(st.dictionaries(st.sampled_from(FILES), GARBAGE), st.sampled_from(["", "fifo", "link"]))
def test_no_garbage_raises(
    tmp_path_factory: pytest.TempPathFactory, garbage: dict[str, bytes], what: str
) -> None:
    tmp_path = tmp_path_factory.mktemp("sys")
    device = Device(tmp_path)
    device.write({"power/control": "on"})
    for name, content in garbage.items():
        path = device.directory / name
        path.unlink(missing_ok=True)
        if what == "fifo":
            os.mkfifo(path)
        elif what == "link":
            path.symlink_to("nowhere")
        else:
            path.write_bytes(content)
    with contextlib.suppress(SourceUnavailableError):
        source = amdgpu.discover(HostPaths(sysfs=tmp_path, procfs=tmp_path))
        sample = only(source)
        assert sample.point == source.zones()[0].point
        assert 0 <= source.period_seconds <= 12
        if isinstance(sample, GaugeSample):
            assert 0 < sample.power_microwatts <= 3_000_000_000
        source.close()


CAPTURED: dict[str, tuple[str, int]] = {
    "phoenix": ("apu", 3_103_000),
    "strixpoint": ("apu", 9_087_000),
    "rx5500xt": ("gpu", 16_000_000),
    "rx580": ("gpu", 41_045_000),
    "rx6900xt": ("gpu", 36_000_000),
    "rx7600s": ("gpu", 1_000_000),
    "rx7800xt": ("gpu", 32_000_000),
    "rx9070xt": ("gpu", 55_000_000),
    "r7-240": ("", 0),
}


def copy_capture(source: Path, target: Path) -> None:
    """Copy a capture without the zeros with which one of them fills up its pages."""
    for path in source.rglob("*"):
        if path.is_file():
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes().rstrip(b"\0"))


@pytest.mark.parametrize("name", CAPTURED)
@pytest.mark.parametrize("below", ["", "class/drm"])
def test_a_captured_device_gives_its_power(
    shared: Path, tmp_path: Path, discover: Discover, name: str, below: str
) -> None:
    """The same whether the path leads to the capture itself or to a tree that holds it."""
    copy_capture(shared / "fixtures" / "lact_gpu" / "amd" / name, tmp_path / below)
    domain, power = CAPTURED[name]
    if not domain:
        with pytest.raises(SourceUnavailableError, match="tells no power"):
            discover()
        return
    sample = only(discover())

    assert sample == GaugeSample(sample.point, power, averaged=True)
    assert sample.point.domain == domain


def test_every_captured_device_is_expected_here(shared: Path) -> None:
    captured = (shared / "fixtures" / "lact_gpu" / "amd").iterdir()

    assert {path.name for path in captured} == set(CAPTURED)
