"""What a Raspberry Pi 5 draws, from the currents and voltages of its power management chip.

The chip measures twelve rails; what is fed straight from the 5 V input (USB, HATs, NVMe, the
fan) passes it by. One person has published a fit of the whole board to the sum of the rails, on
one board: it is used for the host, and called a model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from wattgram.readings import Quality, State
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
from wattgram_agent.sysfs import read_text

NAME: Final = "raspberry_pi"
BOARD: Final = Point(NAME, "board", "0")
PMIC: Final = Point(NAME, "pmic", "0")
REFUSAL: Final = "inside board; misses what is fed straight from 5 V"

PROGRAM: Final = "vcgencmd"
TIMEOUT_SECONDS: Final = 2.0
RAILS: Final = 12
WATTS_MAX: Final = 100  # its supply gives 27

# Board = slope x rails + offset, in watts: github.com/jfikar/RPi5-power, one board.
FIT_SLOPE: Final = "1.1451"
FIT_OFFSET_WATTS: Final = "0.5879"

INSTALL_FIX: Final = "apt install raspi-utils"
_DROP_IN: Final = "/etc/systemd/system/wattgram-agent.service.d"
GROUP_FIX: Final = (
    f"mkdir -p {_DROP_IN} && printf '[Service]\\nSupplementaryGroups=video\\n' > "
    f"{_DROP_IN}/video.conf && systemctl daemon-reload && systemctl restart wattgram-agent"
)

_ANY_PI: Final = re.compile(r"Raspberry Pi\b")
_SENSING_PI: Final = re.compile(r"Raspberry Pi (?:5|500\+?|Compute Module 5)(?: |$)")
_LINE: Final = re.compile(
    r"(?P<rail>\w+)_(?P<unit>[AV]) (?:current|volt)\(\d{1,3}\)="
    r"(?P<value>\d{1,4}\.\d{1,12})(?P=unit)",
    re.ASCII,
)
# What vcgencmd prints, old and new, of a device that it may not open.
_DENIED: Final = ("/dev/vcio", "/dev/vchiq", "VCHI initialization failed")


class MalformedError(Exception):
    """What was printed is not what this board prints; the text says in what."""


class Power(NamedTuple):
    """Microwatts of the rails together, and of the board by the fit."""

    rails: int
    board: int


def parse_power(text: str) -> Power:
    """Return the power of all rails, each current with its voltage; raises MalformedError."""
    from decimal import Decimal  # noqa: PLC0415 - 5 ms, and only this board needs it

    currents: dict[str, Decimal] = {}
    voltages: dict[str, Decimal] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        match = _LINE.fullmatch(line)
        if match is None:
            raise MalformedError(f"no rail: {line[:60]!r}")
        table = currents if match["unit"] == "A" else voltages
        if match["rail"] in table:
            raise MalformedError(f"{match['rail']} comes twice")
        table[match["rail"]] = Decimal(match["value"])
    unpaired = sorted(currents.keys() - voltages.keys())
    if unpaired:
        raise MalformedError(f"a current without a voltage: {', '.join(unpaired)[:100]}")
    if len(currents) < RAILS:
        raise MalformedError(f"{len(currents)} rails of {RAILS}")
    watts = sum((current * voltages[rail] for rail, current in currents.items()), Decimal(0))
    board = Decimal(FIT_SLOPE) * watts + Decimal(FIT_OFFSET_WATTS)
    return Power(round(watts * MICROWATTS_PER_WATT), round(board * MICROWATTS_PER_WATT))


class RaspberryPiSource(Source):
    """The board by the fit, and the rails as they are measured."""

    name = NAME
    period_seconds = 5.0
    may_block = True

    def __init__(self, program: str, model: str) -> None:
        self._program = program
        self._model = model

    def zones(self) -> Sequence[Zone]:
        fit = f"{FIT_SLOPE} x rails + {FIT_OFFSET_WATTS} W, fitted on one board"
        return [
            Zone(
                point=BOARD,
                scope=Scope.HOST,
                quality=Quality.MODELLED,
                location=f"{self._model}: {fit}",
            ),
            Zone(
                point=PMIC,
                location=f"{self._model}: {PROGRAM} pmic_read_adc, {RAILS} rails",
                refusal=REFUSAL,
            ),
        ]

    def sample(self) -> Sequence[Sample]:
        try:
            power = read_power(self._program)
        except CommandError as error:
            return [FailedSample(point, error.reason, error.detail) for point in (BOARD, PMIC)]
        return [
            GaugeSample(BOARD, power.board, averaged=False),
            GaugeSample(PMIC, power.rails, averaged=False),
        ]

    def close(self) -> None:
        """Nothing is held open."""


def read_power(program: str) -> Power:
    """Ask the chip once; raises CommandError."""
    try:
        power = parse_power(run((program, "pmic_read_adc"), TIMEOUT_SECONDS))
    except CommandError as error:
        if any(word in error.detail for word in _DENIED):
            raise CommandError("permission_denied", error.detail) from error
        raise
    except MalformedError as error:
        is_denied = any(word in str(error) for word in _DENIED)
        reason = "permission_denied" if is_denied else "unreadable"
        raise CommandError(reason, f"{PROGRAM} pmic_read_adc: {error}") from error
    if not 0 < power.rails <= WATTS_MAX * MICROWATTS_PER_WATT:
        raise CommandError("implausible", f"{power.rails} uW on {RAILS} rails")
    return power


def discover(paths: HostPaths) -> RaspberryPiSource:
    """Return the chip of a board that has one and answers; raises SourceUnavailableError."""
    model = board_model(paths)
    if not _SENSING_PI.match(model):
        raise SourceUnavailableError(
            State.ABSENT,
            "no current sensing on this board: the model is used"
            if _ANY_PI.match(model)
            else "not a Raspberry Pi",
        )
    program = find_program(PROGRAM)
    if program is None:
        raise SourceUnavailableError(State.ABSENT, f"{PROGRAM} is not installed", INSTALL_FIX)
    try:
        read_power(program)
    except CommandError as error:
        if error.reason == "permission_denied":
            raise SourceUnavailableError(
                State.PERMISSION_DENIED, error.detail, GROUP_FIX
            ) from error
        raise SourceUnavailableError(State.ERROR, error.detail) from error
    return RaspberryPiSource(program, model)


def board_model(paths: HostPaths) -> str:
    """Return what the device tree calls the board, or nothing."""
    for path in (
        paths.procfs / "device-tree" / "model",
        paths.sysfs / "firmware" / "devicetree" / "base" / "model",
    ):
        text = read_text(path)
        if text:
            model = text.rstrip("\0").strip()
            return "".join(c if c.isprintable() else "?" for c in model)[:100]
    return ""
