"""What the whole server draws, as its management controller (BMC) measures it: IPMI's DCMI.

`ipmitool` or FreeIPMI asks, through the kernel's device. Some controllers fail first and answer
on the third try. One that does not measure says "deactivated" and 0 W, which is no power; some
say "deactivated" and measure all the same.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from wattgram.readings import State
from wattgram.units import MICROWATTS_PER_WATT
from wattgram_agent.commands import CommandError, find_program, run
from wattgram_agent.source import (
    FailedSample,
    GaugeSample,
    HostPaths,
    Point,
    Sample,
    Scope,
    Source,
    SourceUnavailableError,
    Zone,
)

NAME: Final = "ipmi"
POINT: Final = Point(NAME, "dcmi", "0")

# Where OpenIPMI's driver has put its device over the years; ipmitool looks at the same three.
DEVICES: Final = (Path("/dev/ipmi0"), Path("/dev/ipmi/0"), Path("/dev/ipmidev/0"))
TOOLS: Final = {
    "ipmitool": ("-I", "open", "dcmi", "power", "reading"),
    "ipmi-dcmi": ("--driver-type=OPENIPMI", "--get-system-power-statistics"),
}
BUDGET_SECONDS: Final = 4.0
TRIES_MAX: Final = 3

WATTS_MAX: Final = 100_000
NO_VALUE: Final = 0xFFFF  # all sixteen bits of the field

UDEV_RULE: Final = 'KERNEL=="ipmi[0-9]*", GROUP="wattgram", MODE="0660"'
UDEV_FIX: Final = (
    f"groupadd -rf wattgram && echo '{UDEV_RULE}' > /etc/udev/rules.d/60-wattgram-ipmi.rules && "
    "udevadm control --reload && udevadm trigger --sysname-match='ipmi[0-9]*'"
    "; then run the agent in the group wattgram"
)
INSTALL_FIX: Final = "apt install ipmitool"
DRIVER_FIX: Final = "modprobe -a ipmi_si ipmi_devintf"

_POWER: Final = re.compile(
    r"^[ \t]*(?:Instantaneous power reading|Current Power)[ \t]*:"
    r"[ \t]*(\d{1,10})[ \t]*Watts[ \t]*$",
    re.IGNORECASE | re.MULTILINE | re.ASCII,
)
_STATE: Final = re.compile(
    r"^[ \t]*(?:Power reading state is|Power Measurement)[ \t]*:[ \t]*(\S[^\r\n]*?)[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
# What ipmitool and FreeIPMI print of a controller that does not know the command.
_UNKNOWN_COMMAND: Final = ("invalid command", "command invalid", "not supported")


class NoPowerError(Exception):
    """The controller gave no power. `reason` is a gap's reason.

    `state` is what it says of the source; `is_final`: to ask again at once is of no use.
    """

    def __init__(
        self, reason: str, detail: str, state: State = State.ERROR, *, is_final: bool = False
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.state = state
        self.is_final = is_final


def parse_power(text: str) -> int:
    """Return the power in microwatts from what either tool prints; raises NoPowerError."""
    powers, states = _POWER.findall(text), _STATE.findall(text)
    if len(powers) != 1 or len(states) != 1:
        first = next((line.strip() for line in text.splitlines() if line.strip()), "nothing")
        raise _unanswered("unreadable", f"no power in: {first[:100]}")
    watts, state = int(powers[0]), states[0].lower()
    if state not in {"activated", "active"} and (state != "deactivated" or not watts):
        detail = f"the BMC does not measure: {state[:50]}, {watts} W"
        raise NoPowerError("unreadable", detail, State.ABSENT)
    if not 0 < watts <= WATTS_MAX or watts == NO_VALUE:
        raise NoPowerError("implausible", f"{watts} W")
    return watts * MICROWATTS_PER_WATT


def read_power(command: Sequence[str], budget_seconds: float = BUDGET_SECONDS) -> int:
    """Ask up to three times; return microwatts or raise the last NoPowerError."""
    deadline = time.monotonic() + budget_seconds
    failure = NoPowerError("timeout", "no time to ask")
    for _ in range(TRIES_MAX):
        left = deadline - time.monotonic()
        if left <= 0 or failure.is_final:
            break
        try:
            return parse_power(run(command, left))
        except NoPowerError as error:
            failure = error
        except CommandError as error:
            failure = _unanswered(error.reason, error.detail)
    raise failure


def _unanswered(reason: str, detail: str) -> NoPowerError:
    if reason == "permission_denied":
        return NoPowerError(reason, detail, State.PERMISSION_DENIED, is_final=True)
    if any(word in detail.lower() for word in _UNKNOWN_COMMAND):
        return NoPowerError(reason, detail, State.ABSENT, is_final=True)
    return NoPowerError(reason, detail)


class IpmiSource(Source):
    """One controller, asked four times a minute; its power has steps of 1 W."""

    name = NAME
    period_seconds = 15.0
    may_block = True

    def __init__(self, command: Sequence[str], device: Path, budget_seconds: float) -> None:
        self._command = tuple(command)
        self._budget_seconds = budget_seconds
        tool = os.path.basename(self._command[0])
        self._zone = Zone(point=POINT, scope=Scope.HOST, location=f"{tool}, {device}")

    def zones(self) -> Sequence[Zone]:
        return [self._zone]

    def sample(self) -> Sequence[Sample]:
        try:
            power = read_power(self._command, self._budget_seconds)
        except NoPowerError as error:
            return [FailedSample(POINT, error.reason, error.detail)]
        return [GaugeSample(POINT, power, averaged=False)]

    def close(self) -> None:
        """Nothing is held open."""


def discover(
    paths: HostPaths,
    devices: Sequence[Path] = DEVICES,
    budget_seconds: float = BUDGET_SECONDS,
) -> IpmiSource:
    """Return the controller if it measures power now; raises SourceUnavailableError."""
    device = next((path for path in devices if os.path.exists(path)), None)
    if device is None:
        # SMBIOS says whether there is a controller (structure 38), driver or not.
        has_controller = os.path.exists(paths.sysfs / "firmware" / "dmi" / "entries" / "38-0")
        raise SourceUnavailableError(
            State.ABSENT, f"no {devices[0]}", DRIVER_FIX if has_controller else ""
        )
    if not os.access(device, os.R_OK | os.W_OK, effective_ids=True):
        raise SourceUnavailableError(
            State.PERMISSION_DENIED, f"{device} is readable by root only", UDEV_FIX
        )
    command = _find_tool()
    if command is None:
        raise SourceUnavailableError(
            State.ABSENT, f"{device} is there, but no {' or '.join(TOOLS)}", INSTALL_FIX
        )
    try:
        read_power(command, budget_seconds)
    except NoPowerError as error:
        fix = UDEV_FIX if error.state is State.PERMISSION_DENIED else ""
        raise SourceUnavailableError(error.state, error.detail, fix) from error
    return IpmiSource(command, device, budget_seconds)


def _find_tool() -> tuple[str, ...] | None:
    for name, arguments in TOOLS.items():
        path = find_program(name)
        if path is not None:
            return (path, *arguments)
    return None
