"""Batteries: only what flows out of them while nothing else feeds the host is its use."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.readings import Quality, State
from wattgram_agent.composition import Silence, compose
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
from wattgram_agent.sources import battery
from wattgram_agent.sources.battery_meters import STEP_MAX_MICROJOULES

NOBODY = 65_534
BAT0 = Point("battery", "battery", "BAT0")
BAT1 = Point("battery", "battery", "BAT1")
UNPLUGGED = {"AC": {"type": "Mains", "online": "0"}}
PLUGGED = {"AC": {"type": "Mains", "online": "1"}}

Tree = Callable[[dict[str, dict[str, str]]], battery.BatterySource]


def write(sysfs: Path, supplies: dict[str, dict[str, str]]) -> None:
    for supply, files in supplies.items():
        directory = sysfs / "class" / "power_supply" / supply
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (directory / name).write_text(f"{text}\n")


@pytest.fixture
def start(tmp_path: Path) -> Tree:
    def start(supplies: dict[str, dict[str, str]]) -> battery.BatterySource:
        write(tmp_path, supplies)
        return battery.discover(HostPaths(sysfs=tmp_path, procfs=tmp_path))

    return start


def discharging(**files: str) -> dict[str, str]:
    return {"type": "Battery", "status": "Discharging", **files}


def only(source: battery.BatterySource) -> Sample:
    (sample,) = source.sample()
    return sample


def energy_drawn(source: battery.BatterySource) -> int:
    sample = only(source)
    assert isinstance(sample, CounterSample)
    assert sample.wraps_at is None
    return sample.value


def test_batteries_that_may_not_be_read_are_said_at_once_with_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"BAT0": discharging(power_now="8250000", voltage_now="12000000")})
    (tmp_path / "class" / "power_supply" / "BAT0" / "power_now").chmod(0)
    # What lies above tmp_path is root's own; from inside nobody has to pass it.
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    mine = os.geteuid()
    if mine == 0:
        try:
            os.seteuid(NOBODY)
        except OSError as error:
            pytest.skip(f"permissions do not apply to root, who cannot be another: {error}")
    try:
        with pytest.raises(SourceUnavailableError) as caught:
            battery.discover(HostPaths(sysfs=Path(), procfs=Path()))
    finally:
        os.seteuid(mine)

    assert caught.value.state is State.PERMISSION_DENIED
    assert caught.value.fix == "chmod a+r class/power_supply/BAT0/power_now"


def test_supplies_that_may_not_be_listed_are_said_with_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(_: Path) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(battery.os, "listdir", closed)
    with pytest.raises(SourceUnavailableError) as caught:
        battery.discover(HostPaths(sysfs=tmp_path, procfs=tmp_path))

    assert caught.value.state is State.PERMISSION_DENIED
    assert caught.value.fix == f"chmod a+rx {tmp_path}/class/power_supply"


def test_a_battery_is_a_meter_of_the_whole_host(start: Tree) -> None:
    (zone,) = start({"BAT0": discharging(power_now="8250000")}).zones()

    assert (zone.point, zone.scope, zone.quality) == (BAT0, Scope.HOST, Quality.MEASURED)
    assert zone.location.endswith("class/power_supply/BAT0")


def test_a_slow_controller_is_asked_seldom_and_in_a_thread() -> None:
    assert battery.BatterySource.may_block
    assert battery.BatterySource.period_seconds == 5


def test_a_power_is_read_in_microwatts(start: Tree) -> None:
    source = start({"BAT0": discharging(power_now="8250000"), **UNPLUGGED})

    assert only(source) == GaugeSample(BAT0, 8_250_000, averaged=False)


@pytest.mark.parametrize("files", [{"power_now": "-8250000"}, {"power_now": "8250000"}])
def test_the_sign_of_a_power_says_nothing(start: Tree, files: dict[str, str]) -> None:
    assert only(start({"BAT0": discharging(**files)})) == GaugeSample(
        BAT0, 8_250_000, averaged=False
    )


@pytest.mark.parametrize("sign", ["", "-"])
def test_a_current_is_multiplied_by_the_voltage(start: Tree, sign: str) -> None:
    files = discharging(current_now=f"{sign}1100000", voltage_now="7600000")

    assert only(start({"BAT0": files})) == GaugeSample(BAT0, 8_360_000, averaged=False)


def test_a_power_goes_before_a_current(start: Tree) -> None:
    files = discharging(power_now="5000000", current_now="1", voltage_now="1", energy_now="9")

    assert only(start({"BAT0": files})) == GaugeSample(BAT0, 5_000_000, averaged=False)


@pytest.mark.parametrize("kind", ["Mains", "USB", "USB_PD", "Wireless", "made up"])
@pytest.mark.parametrize("online", ["1", "2"])
def test_on_mains_power_a_battery_says_nothing(start: Tree, kind: str, online: str) -> None:
    """Programmable USB supplies are online with a 2."""
    adapter = {"type": kind, "online": online}
    sample = only(start({"BAT0": discharging(power_now="9000000"), "X": adapter}))

    assert sample == IdleSample(BAT0, "on mains power (X): what the battery takes is not use")


@pytest.mark.parametrize(
    "adapter",
    [
        {"type": "USB", "scope": "Device", "online": "1"},
        {"type": "UPS", "online": "1"},
        {"type": "Battery", "scope": "Device", "online": "1"},
        {"type": "USB", "online": "0"},
        {"type": "Mains"},
    ],
)
def test_what_does_not_feed_the_host_is_no_mains_power(
    start: Tree, adapter: dict[str, str]
) -> None:
    source = start({"BAT0": discharging(power_now="9000000"), "X": adapter, **UNPLUGGED})

    assert source.sample() == [GaugeSample(BAT0, 9_000_000, averaged=False)]


@pytest.mark.parametrize("status", ["Charging", "Full", "Not charging"])
def test_a_battery_that_does_not_discharge_says_nothing(start: Tree, status: str) -> None:
    files = {"type": "Battery", "status": status, "power_now": "9000000"}

    assert only(start({"BAT0": files, **UNPLUGGED})) == IdleSample(
        BAT0, f"not discharging: {status}"
    )


def test_an_empty_bay_says_nothing(start: Tree) -> None:
    files = discharging(present="0", power_now="9000000")

    assert only(start({"BAT0": files})) == IdleSample(BAT0, "no battery in the bay")


def test_the_plug_is_seen_as_it_is_pulled_and_put_back(start: Tree, tmp_path: Path) -> None:
    source = start({"BAT0": discharging(power_now="9000000"), **PLUGGED})
    assert isinstance(only(source), IdleSample)
    write(tmp_path, UNPLUGGED)
    assert isinstance(only(source), GaugeSample)
    write(tmp_path, PLUGGED)
    assert isinstance(only(source), IdleSample)


def test_a_charger_that_is_plugged_in_later_is_seen(start: Tree, tmp_path: Path) -> None:
    source = start({"BAT0": discharging(power_now="9000000")})
    assert isinstance(only(source), GaugeSample)
    write(tmp_path, {"ucsi-source-psy-1": {"type": "USB", "online": "1"}})
    assert isinstance(only(source), IdleSample)


def test_where_mains_power_cannot_be_read_nothing_is_claimed(start: Tree, tmp_path: Path) -> None:
    adapter = {"type": "Mains", "online": "what"}
    source = start({"BAT0": discharging(power_now="9000000"), "AC": adapter})
    sample = only(source)

    assert isinstance(sample, FailedSample)
    assert sample.reason == "unreadable"
    assert "AC/online" in sample.detail
    write(tmp_path, {"USB": {"type": "USB", "online": "1"}})
    assert isinstance(only(source), IdleSample)


def test_an_unknown_status_is_discharge_where_nothing_can_charge(start: Tree) -> None:
    files = {"type": "Battery", "status": "Unknown", "power_now": "9000000"}
    source = start({"BAT0": files, **UNPLUGGED})

    assert only(source) == GaugeSample(BAT0, 9_000_000, averaged=False)


@pytest.mark.parametrize(
    "supplies",
    [
        {"BAT0": {"power_now": "9000000"}},
        {"BAT0": {"power_now": "0"}, **UNPLUGGED},
        {"BAT0": {"power_now": "?"}, **UNPLUGGED},
        {"BAT0": {"energy_now": "36580000"}, **UNPLUGGED},
    ],
)
def test_an_unknown_status_is_no_discharge_without_more(
    start: Tree, supplies: dict[str, dict[str, str]]
) -> None:
    supplies["BAT0"] |= {"type": "Battery", "status": "Unknown"}

    assert isinstance(only(start(supplies)), IdleSample)


@pytest.mark.parametrize("status", ["", "discharging", "x" * 5_000, "\N{SNOWMAN}"])
def test_a_status_that_is_none_is_a_failure(start: Tree, status: str) -> None:
    files = {"type": "Battery", "status": status, "power_now": "9000000"}
    sample = only(start({"BAT0": files}))

    assert isinstance(sample, FailedSample)
    assert sample.reason == "unreadable"
    assert len(sample.detail) < 100


def test_two_batteries_are_two_zones_of_one_host(start: Tree) -> None:
    """While one feeds the host the other is idle, and both together are what it draws."""
    idle = {"type": "Battery", "status": "Not charging", "power_now": "0"}
    source = start({"BAT0": idle, "BAT1": discharging(power_now="7000000"), **UNPLUGGED})

    assert [type(sample) for sample in source.sample()] == [IdleSample, GaugeSample]
    assert [decision.counted for decision in compose(source.zones())] == [True, True]
    assert [decision.counted for decision in compose(source.zones(), {BAT0: Silence("idle")})] == [
        False,
        True,
    ]


@pytest.mark.parametrize("other", [{"power_now": "7000000"}, {"energy_now": "36580000"}])
def test_no_power_is_believed_while_another_battery_feeds_the_host(
    start: Tree, other: dict[str, str]
) -> None:
    source = start({"BAT0": discharging(power_now="0"), "BAT1": discharging(**other)})

    assert source.sample()[0] == GaugeSample(BAT0, 0, averaged=False)


@pytest.mark.parametrize("other", [{"power_now": "?"}, {"power_now": "1", "status": "?"}])
def test_one_battery_is_not_the_host_while_another_cannot_be_read(
    start: Tree, other: dict[str, str]
) -> None:
    idle = {"type": "Battery", "status": "Full", "power_now": "0"}
    batteries = {"BAT0": discharging(power_now="5000000"), "BAT1": discharging(**other)}
    samples = start({**batteries, "BAT2": idle}).sample()

    assert [type(sample) for sample in samples] == [FailedSample, FailedSample, IdleSample]
    assert samples[0] == FailedSample(
        BAT0, "unreadable", "what another battery gives is not known"
    )


def test_a_battery_that_is_taken_out_does_not_stop_the_other(start: Tree, tmp_path: Path) -> None:
    both = {"BAT0": discharging(power_now="5000000"), "BAT1": discharging(power_now="6000000")}
    source = start(both)
    source.sample()
    shutil.rmtree(tmp_path / "class" / "power_supply" / "BAT1")

    assert source.sample() == [
        GaugeSample(BAT0, 5_000_000, averaged=False),
        IdleSample(BAT1, "is no longer there"),
    ]


def test_no_power_is_not_believed_of_the_only_battery(start: Tree) -> None:
    source = start({"BAT0": discharging(power_now="0"), "BAT1": discharging(power_now="0")})
    samples = source.sample()

    assert [type(sample) for sample in samples] == [FailedSample, FailedSample]
    assert {sample.reason for sample in samples if isinstance(sample, FailedSample)} == {
        "implausible"
    }


@pytest.mark.parametrize(
    "files",
    [
        {"power_now": "1000000001"},
        {"power_now": "-4294967295000"},
        {"current_now": "100000000", "voltage_now": "10000001"},
    ],
)
def test_more_than_a_kilowatt_is_not_believed(start: Tree, files: dict[str, str]) -> None:
    sample = only(start({"BAT0": discharging(**files)}))

    assert isinstance(sample, FailedSample)
    assert sample.reason == "implausible"


def test_a_kilowatt_is_believed(start: Tree) -> None:
    sample = only(start({"BAT0": discharging(power_now="1000000000")}))

    assert sample == GaugeSample(BAT0, 1_000_000_000, averaged=False)


def test_a_power_that_cannot_be_read_fails_and_recovers(start: Tree, tmp_path: Path) -> None:
    source = start({"BAT0": discharging(power_now="9000000", energy_now="36580000")})
    only(source)
    write(tmp_path, {"BAT0": {"power_now": ""}})
    assert isinstance(only(source), FailedSample)
    write(tmp_path, {"BAT0": {"power_now": "9000000"}})
    assert only(source) == GaugeSample(BAT0, 9_000_000, averaged=False)


def test_a_battery_that_was_never_able_to_tell_its_power_tells_its_energy(
    start: Tree, tmp_path: Path
) -> None:
    """Some firmware has a power_now that gives ENODEV for ever."""
    source = start({"BAT0": discharging(power_now="", energy_now="36580000")})
    assert energy_drawn(source) == 0
    write(tmp_path, {"BAT0": {"energy_now": "36570000", "power_now": "5000000"}})
    assert energy_drawn(source) == 36_000_000


def test_a_power_that_stays_at_0_is_given_up_for_the_energy(start: Tree) -> None:
    source = start({"BAT0": discharging(power_now="0", energy_now="36580000")})

    assert all(isinstance(only(source), FailedSample) for _ in range(12))
    assert isinstance(only(source), CounterSample)


def test_energy_is_counted_as_it_leaves(start: Tree, tmp_path: Path) -> None:
    source = start({"BAT0": discharging(energy_now="36580000"), **UNPLUGGED})
    assert energy_drawn(source) == 0
    assert energy_drawn(source) == 0
    write(tmp_path, {"BAT0": {"energy_now": "36570000"}})
    assert energy_drawn(source) == 36_000_000
    write(tmp_path, {"BAT0": {"energy_now": "36560000"}})
    assert energy_drawn(source) == 72_000_000


def test_energy_that_rises_is_the_next_baseline(start: Tree, tmp_path: Path) -> None:
    source = start({"BAT0": discharging(energy_now="1000000")})
    energy_drawn(source)
    write(tmp_path, {"BAT0": {"energy_now": "2000000"}})
    assert energy_drawn(source) == 0
    write(tmp_path, {"BAT0": {"energy_now": "1999999"}})
    assert energy_drawn(source) == 3_600


def test_what_leaves_on_mains_power_is_not_counted_later(start: Tree, tmp_path: Path) -> None:
    source = start({"BAT0": discharging(energy_now="1000000"), **UNPLUGGED})
    energy_drawn(source)
    write(tmp_path, {"BAT0": {"energy_now": "999999"}, **PLUGGED})
    assert isinstance(only(source), IdleSample)
    write(tmp_path, {"BAT0": {"energy_now": "999000"}, **UNPLUGGED})
    assert energy_drawn(source) == 0
    write(tmp_path, {"BAT0": {"energy_now": "998999"}})
    assert energy_drawn(source) == 3_600


def test_what_leaves_while_it_cannot_be_read_is_counted_later(start: Tree, tmp_path: Path) -> None:
    source = start({"BAT0": discharging(energy_now="1000000")})
    energy_drawn(source)
    write(tmp_path, {"BAT0": {"energy_now": "?"}})
    assert isinstance(only(source), FailedSample)
    write(tmp_path, {"BAT0": {"energy_now": "999999"}})
    assert energy_drawn(source) == 3_600


def test_a_leap_of_the_energy_is_not_counted(start: Tree, tmp_path: Path) -> None:
    source = start({"BAT0": discharging(energy_now="36580000")})
    energy_drawn(source)
    leap = STEP_MAX_MICROJOULES // 3_600 + 1
    write(tmp_path, {"BAT0": {"energy_now": str(36_580_000 - leap)}})
    sample = only(source)
    assert isinstance(sample, FailedSample)
    assert sample.reason == "implausible"
    assert energy_drawn(source) == 0


@pytest.mark.parametrize(
    ("volts", "microjoules"),
    [
        ({"voltage_now": "12000000", "voltage_min_design": "10000000"}, 43_200),
        ({"voltage_now": "?", "voltage_min_design": "10000000"}, 36_000),
        ({"voltage_min_design": "10000000"}, 36_000),
    ],
)
def test_charge_is_counted_at_the_voltage_at_which_it_leaves(
    start: Tree, tmp_path: Path, volts: dict[str, str], microjoules: int
) -> None:
    source = start({"BAT0": discharging(charge_now="3000000", **volts)})
    energy_drawn(source)
    write(tmp_path, {"BAT0": {"charge_now": "2999999"}})

    assert energy_drawn(source) == microjoules


def test_charge_whose_voltage_is_not_told_is_counted_when_it_is(
    start: Tree, tmp_path: Path
) -> None:
    source = start({"BAT0": discharging(charge_now="3000000", voltage_now="12000000")})
    energy_drawn(source)
    write(tmp_path, {"BAT0": {"charge_now": "2999999", "voltage_now": "?"}})
    assert isinstance(only(source), FailedSample)
    write(tmp_path, {"BAT0": {"voltage_now": "12000000"}})
    assert energy_drawn(source) == 43_200


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=8))
def test_the_count_is_the_sum_of_the_falls(
    tmp_path_factory: pytest.TempPathFactory, left: list[int]
) -> None:
    tmp_path = tmp_path_factory.mktemp("sys")
    write(tmp_path, {"BAT0": discharging(energy_now=str(left[0]))})
    source = battery.discover(HostPaths(sysfs=tmp_path, procfs=tmp_path))
    counts = []
    for value in left:
        write(tmp_path, {"BAT0": {"energy_now": str(value)}})
        counts.append(energy_drawn(source))
    source.close()

    falls = sum(max(0, before - after) for before, after in pairwise(left))
    assert counts == sorted(counts)
    assert counts[-1] == falls * 3_600


@pytest.mark.parametrize(
    "supplies",
    [
        {},
        UNPLUGGED,
        {"mouse": discharging(scope="Device", power_now="1")},
        {"what": discharging(scope="Unknown", power_now="1")},
        {"ups": {"type": "UPS", "status": "Discharging", "power_now": "1"}},
        {"ucsi-source-psy-1": {"type": "USB", "online": "1", "current_now": "1"}},
    ],
)
def test_a_host_without_a_battery_of_its_own_has_no_such_source(
    start: Tree, tmp_path: Path, supplies: dict[str, dict[str, str]]
) -> None:
    (tmp_path / "class" / "power_supply").mkdir(parents=True)
    with pytest.raises(SourceUnavailableError, match="no battery of the host") as caught:
        start(supplies)
    assert caught.value.state is State.ABSENT


def test_a_host_without_power_supplies_has_no_such_source(start: Tree) -> None:
    with pytest.raises(SourceUnavailableError, match="No such file") as caught:
        start({})
    assert caught.value.state is State.ABSENT


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"power_now": "1"}, "'BAT1': does not say whether it discharges"),
        ({"status": "Full", "charge_now": "5"}, "'BAT1': tells neither power nor energy"),
        ({"status": "Full", "current_now": "5"}, "'BAT1': tells neither power nor energy"),
    ],
)
def test_a_battery_that_cannot_be_sampled_is_a_problem(
    start: Tree, files: dict[str, str], reason: str
) -> None:
    unusable = {"BAT1": {"type": "Battery", **files}}
    with pytest.raises(SourceUnavailableError) as caught:
        start(unusable)
    assert (caught.value.state, caught.value.reason) == (State.ERROR, reason)
    source = start({"BAT0": discharging(power_now="1"), **unusable})
    assert list(source.problems()) == [reason]
    assert [zone.point for zone in source.zones()] == [BAT0]


@pytest.mark.parametrize("name", ["BAT\n0", "B" * 201])
def test_a_name_that_cannot_be_shown_is_a_problem(start: Tree, name: str) -> None:
    with pytest.raises(SourceUnavailableError, match="a name that cannot be shown"):
        start({name: discharging(power_now="1")})


def test_descriptors_are_given_back(start: Tree) -> None:
    before = len(os.listdir("/proc/self/fd"))
    source = start(
        {
            "BAT0": discharging(power_now="0", current_now="1", voltage_now="1", charge_now="1"),
            "BAT1": discharging(energy_now="5"),
            "BAT2": discharging(charge_now="5", voltage_now="1"),
            "BAT3": discharging(power_now="", energy_now="5"),
            **UNPLUGGED,
        }
    )
    source.sample()
    source.close()

    assert len(os.listdir("/proc/self/fd")) == before


GARBAGE = st.one_of(
    st.binary(max_size=80),
    st.integers(-(10**25), 10**25).map(lambda number: str(number).encode()),
    st.sampled_from([b"Discharging", b"Battery", b"System", b"0", b"1", b"Mains", b"directory"]),
)
FILES = ("type", "scope", "status", "present", "online", "power_now", "current_now",
         "voltage_now", "voltage_min_design", "energy_now", "charge_now")  # fmt: skip


@given(st.dictionaries(st.sampled_from(FILES), st.lists(GARBAGE, min_size=2, max_size=2)))
def test_no_garbage_raises(
    tmp_path_factory: pytest.TempPathFactory, garbage: dict[str, list[bytes]]
) -> None:
    tmp_path = tmp_path_factory.mktemp("sys")
    write(tmp_path, {"BAT0": discharging(energy_now="5", power_now="1")})
    supplies = tmp_path / "class" / "power_supply"
    (supplies / "AC").mkdir()
    (supplies / "dangling").symlink_to("nowhere")
    os.mkfifo(supplies / "AC" / "type")
    source = battery.discover(HostPaths(sysfs=tmp_path, procfs=tmp_path))
    for turn in range(2):
        for name, contents in garbage.items():
            for file in (supplies / "BAT0" / name, supplies / "AC" / name):
                if file.is_dir() or file.is_fifo():
                    continue
                if contents[turn] == b"directory":
                    file.unlink(missing_ok=True)
                    file.mkdir()
                else:
                    file.write_bytes(contents[turn])
        (sample,) = source.sample()
        assert sample.point == BAT0
        if isinstance(sample, GaugeSample):
            assert 0 < sample.power_microwatts <= 1_000_000_000
        elif isinstance(sample, CounterSample):
            assert sample.value >= 0
        with contextlib.suppress(SourceUnavailableError):
            battery.discover(HostPaths(sysfs=tmp_path, procfs=tmp_path)).close()
    source.close()


def captured(shared: Path, tree: str) -> dict[str, str]:
    text = (shared / "fixtures" / "synthetic_trees.json").read_text(encoding="utf-8")
    files: dict[str, str] = json.loads(text)["sys_trees"][tree]
    return files


SYNTHETIC: dict[str, Sample] = {
    "battery_energy_discharging": GaugeSample(BAT0, 8_250_000, averaged=False),
    "battery_charge_only": GaugeSample(BAT1, 8_360_000, averaged=False),
    "battery_on_ac_not_charging_power0": IdleSample(
        BAT0, "on mains power (AC): what the battery takes is not use"
    ),
}


@pytest.mark.parametrize("tree", SYNTHETIC)
def test_a_synthetic_tree_gives_its_power(shared: Path, tmp_path: Path, tree: str) -> None:
    for path, text in captured(shared, tree).items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    source = battery.discover(HostPaths(sysfs=tmp_path, procfs=tmp_path))

    assert only(source) == SYNTHETIC[tree]


def test_a_captured_laptop_gives_its_power(shared: Path) -> None:
    sysfs = shared / "fixtures" / "node_exporter" / "sys"
    source = battery.discover(HostPaths(sysfs=sysfs, procfs=sysfs))

    assert only(source) == GaugeSample(BAT0, 5_002_000, averaged=False)
    source.close()
