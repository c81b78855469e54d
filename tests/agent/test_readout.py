"""What `sample` prints: JSON of a fixed shape, and lines for a person."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from fakes import FakeSource, ManualClock
from wattgram.readings import Component, Gap, Kind, Quality, Reading, Series
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_agent import readout
from wattgram_agent.meter import Step
from wattgram_agent.observer import Observer
from wattgram_agent.roster import build_roster
from wattgram_agent.source import (
    CounterSample,
    FailedSample,
    HostPaths,
    Point,
    Sample,
    Scope,
    Zone,
)

SECOND = NANOSECONDS_PER_SECOND
PACKAGE = Point("rapl", "package", "0")


def reading(
    source: str,
    domain: str,
    quantity: int,
    *,
    seconds: int = 1,
    kind: Kind = Kind.ENERGY,
    **of: object,
) -> Reading:
    series = Series(kind=kind, source=source, domain=domain, instance="0", **of)  # type: ignore[arg-type]
    return Reading(
        series=series,
        quantity=quantity,
        start_nanoseconds=(10 - seconds) * SECOND,
        end_nanoseconds=10 * SECOND,
    )


STEP = Step(
    [
        reading("rapl", "package", 15_500_000, counted=True),
        reading("rapl", "dram", 4_000_000, seconds=2, counted=True),
        reading("rapl", "core", 9_000_000),
        reading("model", "host", 30_000_000, quality=Quality.MODELLED),
        reading("network", "receive", 1_234, kind=Kind.RECEIVE, counted=True),
        reading("network", "transmit", 0, kind=Kind.TRANSMIT, counted=True),
    ],
    [Gap(source="nvml", reason="gpu_lost", duration_nanoseconds=1_500_000_000, detail="fell off")],
)


def energy(domain: str, microjoules: int, *, source: str = "rapl", counted: bool, seconds: int = 1,
           quality: str = "measured") -> dict[str, object]:  # fmt: skip
    return {
        "source": source,
        "domain": domain,
        "instance": "0",
        "energy_microjoules": microjoules,
        "covered_nanoseconds": seconds * SECOND,
        "quality": quality,
        "counted": counted,
    }


def test_an_interval_is_an_object_of_this_shape() -> None:
    """Others read it: a name is only added, never taken away or changed."""
    described = readout.describe(STEP, 9 * SECOND, 10 * SECOND)

    assert json.loads(json.dumps(described)) == described == {
        "start_unix_nanoseconds": 9 * SECOND,
        "end_unix_nanoseconds": 10 * SECOND,
        "grid_zone": "",
        "counted_energy_microjoules": 19_500_000,
        "readings": [
            energy("package", 15_500_000, counted=True),
            energy("dram", 4_000_000, counted=True, seconds=2),
            energy("core", 9_000_000, counted=False),
            energy("host", 30_000_000, source="model", counted=False, quality="modelled"),
        ],
        "network": [{"device": "0", "receive_bytes": 1_234, "transmit_bytes": 0}],
        "gaps": [
            {"source": "nvml", "reason": "gpu_lost", "seconds": 1.5, "detail": "fell off"}
        ],
    }  # fmt: skip


def test_what_was_not_measured_is_null_and_not_zero() -> None:
    described = readout.describe(
        Step([reading("network", "receive", 5, kind=Kind.RECEIVE)], []), 0, SECOND
    )

    assert described["counted_energy_microjoules"] is None
    assert described["network"] == [{"device": "0", "receive_bytes": 5, "transmit_bytes": None}]
    assert readout.describe(Step([reading("rapl", "package", 0, counted=True)], []), 0, SECOND)[
        "counted_energy_microjoules"
    ] == 0  # fmt: skip


def test_a_person_sees_watts_over_the_time_that_each_covers() -> None:
    lines = readout.as_text(readout.describe(STEP, 9 * SECOND, 10 * SECOND)).splitlines()
    words = [" ".join(line.split()) for line in lines]

    assert words[0].endswith("19.500 W counted")
    assert words[1:] == [
        "rapl package 0 15.500 W measured",
        "rapl dram 0 2.000 W measured",
        "rapl core 0 9.000 W measured (not counted)",
        "model host 0 30.000 W modelled (not counted)",
        "network 0 1234 B in 0 B out",
        "gap: nvml gpu_lost 1.500 s fell off",
    ]


def test_a_person_and_a_program_are_told_in_which_grid_it_was() -> None:
    described = readout.describe(STEP, 9 * SECOND, 10 * SECOND, "FR")

    assert described["grid_zone"] == "FR"
    assert readout.as_text(described).splitlines()[0].endswith(" W counted  in FR")


def test_a_person_is_told_that_the_power_is_unknown() -> None:
    assert readout.as_text(readout.describe(Step([], []), 0, SECOND)).endswith("power unknown")


def observer(samples: Sequence[Sample], clock: ManualClock) -> Observer:
    """Return a host of one package that says `samples`, one after the other."""
    said = iter(samples)
    source = FakeSource(
        "rapl",
        [Zone(point=PACKAGE, scope=Scope.CPU, component=Component.CPU)],
        lambda: [next(said)],
    )
    return Observer(lambda: build_roster({"rapl": lambda paths: source}, HostPaths()), clock)


def count(value: int) -> Sample:
    return CounterSample(PACKAGE, value, None)


def test_intervals_follow_each_other_from_the_first_sample_on() -> None:
    said = [count(100), count(130), FailedSample(PACKAGE, "unreadable", ""), count(190)]
    clock = ManualClock()
    began = clock.unix
    found = list(readout.intervals(observer(said, clock), clock, 2, 3, clock.advance))

    assert [
        (one["start_unix_nanoseconds"] - began, one["end_unix_nanoseconds"] - began)
        for one in found
    ] == [(0, 2 * SECOND), (2 * SECOND, 4 * SECOND), (4 * SECOND, 6 * SECOND)]
    assert [one["counted_energy_microjoules"] for one in found] == [30, None, 60]
    assert [one["readings"][0]["covered_nanoseconds"] for one in found if one["readings"]] == [
        2 * SECOND,
        4 * SECOND,
    ]
    assert [gap["seconds"] for one in found for gap in one["gaps"]] == [2.0]


def test_without_a_number_intervals_go_on_for_ever() -> None:
    clock = ManualClock()
    said = [count(n) for n in range(50)]
    endless = readout.intervals(observer(said, clock), clock, 1, 0, clock.advance)

    assert [next(endless)["counted_energy_microjoules"] for _ in range(49)] == [1] * 49


@pytest.mark.parametrize("as_json", [True, False])
def test_each_interval_is_printed_at_once(
    capsys: pytest.CaptureFixture[str], *, as_json: bool
) -> None:
    described = readout.describe(STEP, 9 * SECOND, 10 * SECOND)
    readout.print_intervals([described, described], as_json=as_json)
    printed = capsys.readouterr().out

    if as_json:
        assert [json.loads(line) for line in printed.splitlines()] == [described] * 2
    else:
        assert printed == f"{readout.as_text(described)}\n" * 2
