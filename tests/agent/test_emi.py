"""Energy meters of Windows: bytes as emi.h lays them out, and meters that a test turns by hand."""

from __future__ import annotations

import errno
import struct
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.readings import Component, Quality, State
from wattgram_agent.composition import compose
from wattgram_agent.source import (
    CounterSample,
    FailedSample,
    HostPaths,
    Point,
    Source,
    SourceUnavailableError,
)
from wattgram_agent.sources import emi, emi_meters
from wattgram_agent.sources.emi_format import (
    Channel,
    FormatError,
    microjoules,
    parse_measurement,
    parse_metadata,
)

PATHS = HostPaths(sysfs=Path("/nowhere"), procfs=Path("/nowhere"))
INTEL = ("RAPL_Package0_PKG", "RAPL_Package0_DRAM", "RAPL_Package0_PP0", "RAPL_Package0_PP1")
INTEL_CPU = "Intel64 Family 6 Model 154 Stepping 3, GenuineIntel"
AMD_CPU = "AMD64 Family 23 Model 1 Stepping 1, AuthenticAMD"
HOUR = 10_000  # picowatt-hours that are 36 microjoules


def text16(text: str, size: int | None = None) -> bytes:
    """Return a text as Windows keeps it, in a field of `size` bytes or of its own size."""
    raw = f"{text}\0".encode("utf-16-le")
    return raw if size is None else raw.ljust(size, b"\0")


def metadata_1(name: str, unit: int = 0) -> bytes:
    raw = text16(name)
    head = struct.pack("<I", unit) + text16("OEM", 32) + text16("Model", 32)
    return head + struct.pack("<HH", 1, len(raw)) + raw


def metadata_2(names: Sequence[str], unit: int = 0) -> bytes:
    data = text16("OEM", 32) + text16("Model", 32) + struct.pack("<HH", 1, len(names))
    for name in names:
        raw = text16(name)
        data += struct.pack("<IH", unit, len(raw)) + raw
    return data


def measurement(counts: Sequence[int]) -> bytes:
    return b"".join(struct.pack("<QQ", count, 133_000_000) for count in counts)


class FakeMeter:
    def __init__(self, *names: str, version: int = 2, unit: int = 0) -> None:
        self.counts = [HOUR * (index + 1) for index, _ in enumerate(names)]
        self.metadata = metadata_2(names, unit) if version == 2 else metadata_1(names[0], unit)
        self.answers = {emi_meters.GET_VERSION: struct.pack("<H", version)}
        self.error: OSError | None = None
        self.closed = 0
        self.asked: list[int] = []

    def ask(self, code: int, size: int) -> bytes:
        self.asked.append(code)
        if self.error is not None:
            raise self.error
        usual = {
            emi_meters.GET_METADATA_SIZE: struct.pack("<I", len(self.metadata)),
            emi_meters.GET_METADATA: self.metadata,
            emi_meters.GET_MEASUREMENT: measurement(self.counts),
        }
        return {**usual, **self.answers}[code][:size]

    def close(self) -> None:
        self.closed += 1


class FakeMeters:
    def __init__(self, *meters: FakeMeter | OSError) -> None:
        self.meters = {f"meter-{index}": meter for index, meter in enumerate(meters)}
        self.error: OSError | None = None

    def paths(self) -> Sequence[str]:
        if self.error is not None:
            raise self.error
        return list(reversed(self.meters))  # in no order

    def open(self, path: str) -> FakeMeter:
        meter = self.meters[path]
        if isinstance(meter, OSError):
            raise meter
        return meter


def find(*meters: FakeMeter | OSError, vendor: str = INTEL_CPU) -> Source:
    return emi.discover(PATHS, FakeMeters(*meters), "win32", vendor)


def names(source: Source) -> list[str]:
    """Return the zones, a star before those that are counted."""
    return [
        f"{'*' * decision.counted}{decision.zone.point.domain} {decision.zone.point.instance}"
        for decision in compose(source.zones())
    ]


def test_the_package_and_its_memory_are_counted_and_its_parts_are_not() -> None:
    source = find(FakeMeter(*INTEL))
    zones = source.zones()

    assert names(source) == ["*package 0", "*dram 0", "core 0", "uncore 0"]
    assert [zone.component for zone in zones] == [
        Component.CPU,
        Component.DRAM,
        Component.CPU,
        Component.CPU,
    ]
    assert {zone.quality for zone in zones} == {Quality.MEASURED}
    assert zones[0].location == "channel RAPL_Package0_PKG of meter-0"
    assert [zone.refusal for zone in zones] == ["", "", *["inside the package"] * 2]
    assert source.problems() == []


def test_a_sample_is_each_channel_in_microjoules() -> None:
    meter = FakeMeter(*INTEL[:2])
    source = find(meter)
    meter.counts = [10 * HOUR, 3]

    assert source.sample() == [
        CounterSample(Point("emi", "package", "0"), 360, None),
        CounterSample(Point("emi", "dram", "0"), 0, None),
    ]


def test_a_beat_asks_each_meter_once() -> None:
    meter = FakeMeter(*INTEL)
    source = find(meter)
    meter.asked.clear()
    source.sample()

    assert meter.asked == [emi_meters.GET_MEASUREMENT]


def test_two_sockets_are_both_counted() -> None:
    source = find(FakeMeter("RAPL_Package0_PKG"), FakeMeter("RAPL_Package1_PKG"))

    assert names(source) == ["*package 0", "*package 1"]


def test_single_cores_with_meters_of_their_own_are_left_out() -> None:
    """As on AMD: one meter per core, the first of which holds the package too."""
    first = FakeMeter("RAPL_Package0_PKG", "RAPL_Package0_Core0_CORE")
    others = [FakeMeter(f"RAPL_Package0_Core{core}_CORE") for core in (1, 2, 15)]
    source = find(first, *others, vendor=AMD_CPU)

    assert names(source) == ["*package 0"]
    assert [sample.point.domain for sample in source.sample()] == ["package"]
    assert [meter.closed for meter in others] == [1, 1, 1]
    assert first.closed == 0


def test_a_second_channel_of_one_name_is_shown_and_not_counted() -> None:
    source = find(FakeMeter("RAPL_Package0_PKG"), FakeMeter("rapl_package00_pkg"))

    assert names(source) == ["*package 0", "package 0@1.0"]
    assert source.zones()[1].refusal == "a second view of package 0"


@pytest.mark.parametrize(
    ("vendor", "counts", "counted"),
    [
        (AMD_CPU, (10**9, 10**9 + 10**5), False),
        (AMD_CPU, (10**9, 10**9 + 10**6), True),
        (INTEL_CPU, (10**9, 10**9), True),
    ],
)
def test_packages_of_amd_that_count_alike_are_one(
    vendor: str, counts: tuple[int, int], *, counted: bool
) -> None:
    first, second = FakeMeter("RAPL_Package0_PKG"), FakeMeter("RAPL_Package1_PKG")
    first.counts, second.counts = [counts[0] * HOUR], [counts[1] * HOUR]

    assert names(find(first, second, vendor=vendor)) == [
        "*package 0",
        f"{'*' * counted}package 1",
    ]


def test_a_channel_of_an_unknown_name_is_shown_and_takes_no_place() -> None:
    source = find(FakeMeter("package", "Current Socket Energy", "", *INTEL))

    assert names(source)[:4] == [
        "unknown_package 0",
        "unknown_Current_Socket_Energy 0",
        "unknown_ 0",
        "*package 0",
    ]
    assert "is not known" in source.zones()[1].refusal


def test_a_meter_of_version_1_has_one_channel() -> None:
    source = find(FakeMeter("RAPL_Package0_PKG", version=1))

    assert names(source) == ["*package 0"]
    assert source.sample() == [CounterSample(Point("emi", "package", "0"), 36, None)]


def test_a_meter_that_fails_later_fails_alone() -> None:
    first, second = FakeMeter("RAPL_Package0_PKG"), FakeMeter("RAPL_Package1_PKG")
    source = find(first, second)
    first.error = OSError(errno.EIO, "gone")
    second.error = PermissionError(errno.EACCES, "no")

    assert source.sample() == [
        FailedSample(Point("emi", "package", "0"), "unreadable", "[Errno 5] gone"),
        FailedSample(Point("emi", "package", "1"), "permission_denied", "[Errno 13] no"),
    ]
    first.error = second.error = None
    second.counts = []
    assert [type(sample) for sample in source.sample()] == [CounterSample, FailedSample]


def test_closing_closes_every_meter() -> None:
    meters = FakeMeter("RAPL_Package0_PKG"), FakeMeter("RAPL_Package1_PKG")
    find(*meters).close()

    assert [meter.closed for meter in meters] == [1, 1]


def test_a_meter_that_cannot_be_used_is_told_and_closed() -> None:
    broken = FakeMeter("RAPL_Package1_PKG")
    broken.answers[emi_meters.GET_VERSION] = struct.pack("<H", 3)
    source = find(FakeMeter(*INTEL), OSError(errno.EIO, "no"), broken)

    assert source.problems() == ["meter-1: [Errno 5] no", "meter-2: version 3 is not known"]
    assert broken.closed == 1


def test_a_meter_that_says_it_has_too_much_to_say_is_not_asked() -> None:
    meter = FakeMeter(*INTEL)
    meter.answers[emi_meters.GET_METADATA_SIZE] = struct.pack("<I", 2**32 - 1)

    with pytest.raises(SourceUnavailableError, match="bytes of metadata") as caught:
        find(meter)
    assert caught.value.state is State.ERROR
    assert emi_meters.GET_METADATA not in meter.asked


@pytest.mark.parametrize(
    ("meters", "state", "reason", "fix"),
    [
        ((), State.ABSENT, "no energy meter", ""),
        ((FakeMeter("RAPL_Package0_Core0_CORE"),), State.ABSENT, "1 meters name no package", ""),
        ((FakeMeter(*INTEL, unit=7),), State.ABSENT, "1 meters name no package", ""),
        ((OSError(errno.EIO, "broken"),), State.ERROR, "broken", ""),
        (
            (OSError(errno.EIO, "broken"), PermissionError(errno.EACCES, "denied")),
            State.PERMISSION_DENIED,
            "denied",
            "run the agent as an administrator",
        ),
    ],
)
def test_why_nothing_can_be_sampled_is_said(
    meters: tuple[FakeMeter | OSError, ...], state: State, reason: str, fix: str
) -> None:
    with pytest.raises(SourceUnavailableError, match=reason) as caught:
        find(*meters)
    assert (caught.value.state, caught.value.fix) == (state, fix)
    assert all(meter.closed for meter in meters if isinstance(meter, FakeMeter))


def test_a_list_that_cannot_be_read_is_an_error() -> None:
    meters = FakeMeters()
    meters.error = OSError(errno.EIO, "no list")

    with pytest.raises(SourceUnavailableError, match="no list") as caught:
        emi.discover(PATHS, meters, "win32", INTEL_CPU)
    assert caught.value.state is State.ERROR


@pytest.mark.parametrize("platform", ["linux", "darwin", "cygwin"])
def test_other_systems_are_told_apart_before_anything_else(platform: str) -> None:
    with pytest.raises(SourceUnavailableError, match="not Windows") as caught:
        emi.discover(PATHS, None, platform)
    assert caught.value.state is State.ABSENT


@pytest.mark.skipif(sys.platform == "win32", reason="this is about all other systems")
def test_this_system_is_not_windows() -> None:
    with pytest.raises(SourceUnavailableError, match="not Windows"):
        emi.discover(PATHS)


def test_names_lose_their_zero_and_their_padding() -> None:
    padded = metadata_2(["RAPL_Package0_PKG   "])

    assert parse_metadata(2, padded) == (Channel("RAPL_Package0_PKG", 0),)
    assert parse_metadata(1, metadata_1("Board", unit=1)) == (Channel("Board", 1),)


def test_channels_lie_one_after_the_other_at_odd_places() -> None:
    channels = parse_metadata(2, metadata_2(["a", "", "long name", "é"]))

    assert [channel.name for channel in channels] == ["a", "", "long name", "é"]


@pytest.mark.parametrize("version", [1, 2])
def test_metadata_that_ends_early_is_an_error(version: int) -> None:
    whole = metadata_1("name") if version == 1 else metadata_2(["name", "other"])
    parse_metadata(version, whole)

    for size in range(len(whole)):
        with pytest.raises(FormatError):
            parse_metadata(version, whole[:size])


def test_too_many_channels_are_an_error() -> None:
    with pytest.raises(FormatError, match="1025 channels"):
        parse_metadata(2, metadata_2(["a"] * 1025))


def test_a_measurement_that_ends_early_is_an_error() -> None:
    with pytest.raises(FormatError):
        parse_measurement(measurement([1, 2])[:-1], 2)


@given(st.integers(0, 65_535), st.binary(max_size=200))
def test_no_bytes_make_parsing_raise_anything_else(version: int, data: bytes) -> None:
    for number in (version, 1, 2):
        try:
            parse_metadata(number, data)
            parse_measurement(data, len(data) // 16 + 1)
        except FormatError:
            pass


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_microjoules_never_fall_and_lose_less_than_one(first: int, second: int) -> None:
    less, more = sorted((first, second))

    assert microjoules(less) <= microjoules(more)
    assert 0 <= Fraction(more * 36, 10_000) - microjoules(more) < 1


@given(st.dictionaries(st.sampled_from([0x224000, 0x224004, 0x224008, 0x22400C]), st.binary()))
def test_no_answer_of_a_meter_makes_discovery_fail_otherwise(answers: dict[int, bytes]) -> None:
    meter = FakeMeter(*INTEL)
    meter.answers.update(answers)
    try:
        source = find(meter)
    except SourceUnavailableError:
        return
    assert len(source.sample()) == len(source.zones()) > 0
