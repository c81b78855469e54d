"""The whole server through its controller: what two tools print, and a BMC that needs patience."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_programs import printing, write_program
from wattgram.readings import Quality, State
from wattgram_agent.source import (
    FailedSample,
    GaugeSample,
    HostPaths,
    Point,
    Scope,
    SourceUnavailableError,
)
from wattgram_agent.sources import ipmi

POINT = Point("ipmi", "dcmi", "0")
BUDGET = 20.0
NOBODY = 65_534

# Both as their sources print it.
IPMITOOL = """
    Instantaneous power reading:              {watts:8} Watts
    Minimum during sampling period:                124 Watts
    Maximum during sampling period:                422 Watts
    Average power reading over sample period:      156 Watts
    IPMI timestamp:                           11/21/25 08:58:00 UTC    \
Sampling period:                          00000005 Seconds.
    Power reading state is:                   {state}

"""
FREEIPMI = """Current Power                        : {watts} Watts
Minimum Power over sampling duration : 68 watts
Maximum Power over sampling duration : 504 watts
Average Power over sampling duration : 348 watts
Time Stamp                           : 11/21/2025 - 08:58:00
Statistics reporting time period     : 1000 milliseconds
Power Measurement                    : {state}
"""


class Server:
    """A machine with a device and the tools that a test gives it."""

    def __init__(self, root: Path) -> None:
        self.bin = root / "bin"
        self.bin.mkdir()
        self.state = root / "state"
        self.state.mkdir()
        self.device = root / "ipmi0"
        self.device.touch(mode=0o666)
        self.paths = HostPaths(sysfs=root / "sys", procfs=root / "proc")
        self.calls = root / "calls"

    def install(self, name: str, script: str) -> None:
        write_program(self.bin, name, f'echo "$0 $@" >> {self.calls}\n{script}')

    def answers(self, *scripts: str) -> None:
        """Let ipmitool do each in turn, and the last one from then on."""
        parts = [
            f"if [ ! -e {self.state}/{n} ]; then : > {self.state}/{n}; {script}; exit; fi"
            for n, script in enumerate(scripts[:-1])
        ]
        self.install("ipmitool", "\n".join([*parts, scripts[-1]]))

    @property
    def asked(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []

    def discover(self, budget_seconds: float = BUDGET) -> ipmi.IpmiSource:
        return ipmi.discover(self.paths, [self.device], budget_seconds)

    def unavailable(self, budget_seconds: float = BUDGET) -> SourceUnavailableError:
        with pytest.raises(SourceUnavailableError) as caught:
            self.discover(budget_seconds)
        return caught.value


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server(tmp_path)
    monkeypatch.setenv("PATH", str(server.bin))
    return server


def good(watts: int = 167, state: str = "activated") -> str:
    return printing(IPMITOOL.format(watts=watts, state=state))


BROKEN = "echo 'Get Device ID command failed' >&2; exit 1"


@pytest.mark.parametrize(
    ("text", "watts"),
    [
        (IPMITOOL.format(watts=167, state="activated"), 167),
        (IPMITOOL.format(watts=235, state="deactivated"), 235),
        (FREEIPMI.format(watts=332, state="Active"), 332),
        (FREEIPMI.format(watts=332, state="Active").replace("332 Watts", "332 watts"), 332),
        (FREEIPMI.format(watts=332, state="Active").replace("\n", "\r\n").strip("\r\n"), 332),
        (IPMITOOL.format(watts=1, state="activated"), 1),
        (IPMITOOL.format(watts=65_534, state="activated"), 65_534),
    ],
)
def test_both_tools_say_the_power_in_whole_watts(text: str, watts: int) -> None:
    assert ipmi.parse_power(text.replace("\r", "")) == watts * 1_000_000


@pytest.mark.parametrize(
    ("text", "reason", "state"),
    [
        (IPMITOOL.format(watts=0, state="deactivated"), "unreadable", State.ABSENT),
        (FREEIPMI.format(watts=0, state="Not Available"), "unreadable", State.ABSENT),
        (FREEIPMI.format(watts=41, state="Not Available"), "unreadable", State.ABSENT),
        (IPMITOOL.format(watts=200, state="unknown"), "unreadable", State.ABSENT),
        (IPMITOOL.format(watts=0, state="activated"), "implausible", State.ERROR),
        (IPMITOOL.format(watts=65_535, state="activated"), "implausible", State.ERROR),
        (IPMITOOL.format(watts=100_001, state="activated"), "implausible", State.ERROR),
        (IPMITOOL.format(watts=-4, state="activated"), "unreadable", State.ERROR),
        (IPMITOOL.format(watts="4x", state="activated"), "unreadable", State.ERROR),
        (IPMITOOL.format(watts=9, state="activated").split("IPMI")[0], "unreadable", State.ERROR),
        (IPMITOOL.format(watts=9, state="activated") * 2, "unreadable", State.ERROR),
        (
            IPMITOOL.format(watts=9, state="activated") + "Current Power : 8 Watts",
            "unreadable",
            State.ERROR,
        ),
        ("Power reading state is: activated", "unreadable", State.ERROR),
        ("Power Measurement                    : Disable\n", "unreadable", State.ERROR),
        ("\n    DCMI request failed because: Invalid command (c1)", "unreadable", State.ABSENT),
        ("", "unreadable", State.ERROR),
    ],
)
def test_what_is_no_power_is_never_zero(text: str, reason: str, state: State) -> None:
    with pytest.raises(ipmi.NoPowerError) as caught:
        ipmi.parse_power(text)

    assert (caught.value.reason, caught.value.state) == (reason, state)


@pytest.mark.parametrize(
    ("name", "watts"),
    [
        ("freeipmi_ipmi_dcmi_get_system_power_statistics.txt", 332),
        ("freeipmi_ipmi_dcmi_not_available.txt", None),
        ("ipmitool_dcmi_deactivated_zero.txt", None),
        ("captured", 167),
    ],
)
def test_captured_output(shared: Path, name: str, watts: int | None) -> None:
    fixtures = shared / "fixtures"
    if name == "captured":
        text = (fixtures / "telegraf" / "ipmi" / "ipmitool_dcmi_power_reading.txt").read_text()
    else:
        text = json.loads((fixtures / "synthetic_trees.json").read_text())["text"][name]

    if watts is not None:
        assert ipmi.parse_power(text) == watts * 1_000_000
        return
    with pytest.raises(ipmi.NoPowerError, match="does not measure"):
        ipmi.parse_power(text)


def test_the_controller_is_a_meter_of_the_whole_host(server: Server) -> None:
    server.answers(good())

    source = server.discover()
    (zone,) = source.zones()

    assert zone.point == POINT
    assert zone.scope is Scope.HOST
    assert zone.quality is Quality.MEASURED
    assert zone.location == f"ipmitool, {server.device}"
    assert not zone.refusal
    assert source.may_block
    assert source.period_seconds == 15.0
    assert source.problems() == ()


def test_the_power_is_of_this_instant(server: Server) -> None:
    server.answers(good(167), good(180))
    source = server.discover()

    assert source.sample() == [GaugeSample(POINT, 180_000_000, averaged=False)]
    source.close()


def test_ipmitool_goes_first_and_freeipmi_does_it_too(server: Server) -> None:
    server.install("ipmi-dcmi", printing(FREEIPMI.format(watts=332, state="Active")))
    source = server.discover()

    assert source.sample() == [GaugeSample(POINT, 332_000_000, averaged=False)]
    assert server.asked[-1].endswith(
        "ipmi-dcmi --driver-type=OPENIPMI --get-system-power-statistics"
    )

    server.answers(good())
    assert server.discover().zones()[0].location.startswith("ipmitool")
    assert server.asked[-1].endswith("ipmitool -I open dcmi power reading")


def test_a_controller_that_answers_on_the_third_try_is_found(server: Server) -> None:
    server.answers(BROKEN, good(0, "deactivated"), good())

    server.discover()

    assert len(server.asked) == 3


def test_a_controller_is_not_asked_a_fourth_time(server: Server) -> None:
    server.answers(BROKEN)

    error = server.unavailable()

    assert error.state is State.ERROR
    assert error.reason == "ipmitool failed (1): Get Device ID command failed"
    assert len(server.asked) == 3


def test_a_sample_has_three_tries_too_and_then_it_fails(server: Server) -> None:
    server.answers(good(), BROKEN, BROKEN, good(99), BROKEN)
    source = server.discover()

    assert source.sample() == [GaugeSample(POINT, 99_000_000, averaged=False)]
    assert source.sample() == [
        FailedSample(POINT, "unreadable", "ipmitool failed (1): Get Device ID command failed")
    ]


def test_a_controller_that_stops_measuring_is_a_failure(server: Server) -> None:
    server.answers(good(), good(0, "deactivated"))
    source = server.discover()

    assert source.sample() == [
        FailedSample(POINT, "unreadable", "the BMC does not measure: deactivated, 0 W")
    ]


def test_a_controller_that_never_measures_is_absent(server: Server) -> None:
    server.answers(good(0, "deactivated"))

    error = server.unavailable()

    assert error.state is State.ABSENT
    assert error.reason == "the BMC does not measure: deactivated, 0 W"


@pytest.mark.parametrize("script", ["exit 1", "exit 0"])
def test_a_controller_without_the_command_is_absent_and_asked_once(
    server: Server, script: str
) -> None:
    """Older versions of ipmitool end well all the same."""
    server.answers(f"echo '    DCMI request failed because: Invalid command (c1)'; {script}")

    assert server.unavailable().state is State.ABSENT
    assert len(server.asked) == 1


def test_a_controller_that_hangs_costs_no_more_than_the_budget(server: Server) -> None:
    server.answers("exec /bin/sleep 60")

    error = server.unavailable(0.2)

    assert error.state is State.ERROR
    assert "did not end" in error.reason
    assert len(server.asked) == 1


def test_a_sample_that_hangs_is_a_timeout(server: Server) -> None:
    server.answers(good(), "exec /bin/sleep 60")
    source = server.discover(0.5)

    (sample,) = source.sample()

    assert isinstance(sample, FailedSample)
    assert sample.reason == "timeout"


def test_no_device_is_absent(server: Server) -> None:
    server.device.unlink()

    error = server.unavailable()

    assert (error.state, error.reason, error.fix) == (State.ABSENT, f"no {server.device}", "")


def test_a_controller_without_a_driver_is_told_from_the_firmware(server: Server) -> None:
    server.device.unlink()
    (server.paths.sysfs / "firmware" / "dmi" / "entries" / "38-0").mkdir(parents=True)

    assert server.unavailable().fix == "modprobe -a ipmi_si ipmi_devintf"


def test_the_second_place_of_the_device_is_looked_at_too(server: Server) -> None:
    server.answers(good())
    missing = server.device.with_name("missing")

    source = ipmi.discover(server.paths, [missing, server.device], BUDGET)

    assert source.zones()[0].location == f"ipmitool, {server.device}"


def test_no_tool_is_absent_and_says_what_to_install(server: Server) -> None:
    error = server.unavailable()

    assert error.state is State.ABSENT
    assert error.reason == f"{server.device} is there, but no ipmitool or ipmi-dcmi"
    assert error.fix == "apt install ipmitool"


def test_a_device_that_may_not_be_opened_is_denied_and_nothing_is_run(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers(good())
    server.device.chmod(0o444)
    # From inside: the directories above a test's own are root's only.
    server.device.parent.chmod(0o755)
    monkeypatch.chdir(server.device.parent)
    mine = os.geteuid()
    if mine == 0:
        try:
            os.seteuid(NOBODY)
        except OSError as error:
            pytest.skip(f"permissions do not apply to root, who cannot be another: {error}")
    try:
        with pytest.raises(SourceUnavailableError) as caught:
            ipmi.discover(server.paths, [Path(server.device.name)], BUDGET)
    finally:
        os.seteuid(mine)

    assert caught.value.state is State.PERMISSION_DENIED
    assert caught.value.reason == "ipmi0 is readable by root only"
    assert ipmi.UDEV_RULE in caught.value.fix
    assert server.asked == []


def test_a_tool_that_is_denied_is_denied(server: Server) -> None:
    server.answers("echo 'Could not open device at /dev/ipmi0: Permission denied' >&2; exit 1")

    error = server.unavailable()

    assert error.state is State.PERMISSION_DENIED
    assert error.fix == ipmi.UDEV_FIX
    assert len(server.asked) == 1


@given(text=st.text() | st.binary().map(lambda raw: raw.decode(errors="replace")))
def test_no_text_raises_anything_else(text: str) -> None:
    with pytest.raises(ipmi.NoPowerError) as caught:
        ipmi.parse_power(text)

    assert caught.value.reason == "unreadable"
    assert len(caught.value.detail) <= 200


@given(
    watts=st.integers(-5, 200_000) | st.just(10**30),
    state=st.sampled_from(["activated", "deactivated", "", "Not Available", "?"]),
    form=st.sampled_from([IPMITOOL, FREEIPMI]),
)
def test_a_power_is_what_was_printed_or_nothing(watts: int, state: str, form: str) -> None:
    try:
        power = ipmi.parse_power(form.format(watts=watts, state=state))
    except ipmi.NoPowerError:
        is_sane = 0 < watts <= 100_000 and watts != 0xFFFF
        assert not (state in {"activated", "deactivated"} and is_sane)
    else:
        assert power == watts * 1_000_000


@pytest.mark.parametrize("script", [r"printf '\377\000\033'", "kill -SEGV $$", ":", "exit 77"])
def test_whatever_the_tool_does_discovery_raises_one_error(server: Server, script: str) -> None:
    server.answers(script)

    assert server.unavailable().state is State.ERROR
