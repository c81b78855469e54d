"""The energy meters of a Windows host: opened, asked what they are, and sampled.

An AMD host may have one meter per core, of which the first holds the package too: what is counted
is decided by the names of all channels, never by a meter alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from wattgram.readings import State
from wattgram_agent.source import (
    CounterSample,
    FailedSample,
    Sample,
    Source,
    SourceUnavailableError,
    Zone,
)
from wattgram_agent.sources.emi_channels import Register, describe
from wattgram_agent.sources.emi_format import (
    MEASUREMENT,
    METADATA_SIZE,
    PICOWATT_HOURS,
    VERSION,
    FormatError,
    parse_measurement,
    parse_metadata,
    parse_number,
)

GET_VERSION: Final = 0x224000
GET_METADATA_SIZE: Final = 0x224004
GET_METADATA: Final = 0x224008
GET_MEASUREMENT: Final = 0x22400C
METADATA_BYTES_MAX: Final = 1 << 20


class Meter(Protocol):
    """An open device."""

    def ask(self, code: int, size: int) -> bytes:
        """Return the answer to a control code, at most `size` bytes; raises OSError."""

    def close(self) -> None:
        """Give it back."""


class Meters(Protocol):
    """The energy meters of a host."""

    def paths(self) -> Sequence[str]:
        """Return where they are; raises OSError."""

    def open(self, path: str) -> Meter:
        """Open one; raises OSError."""


class Opened(NamedTuple):
    """A meter that answers, and its channels; None for one that does not count energy."""

    path: str
    meter: Meter
    registers: tuple[Register | None, ...]


class Sampled(NamedTuple):
    """An open meter and the zones of its channels, None where a channel is not sampled."""

    meter: Meter
    zones: tuple[Zone | None, ...]


class EmiSource(Source):
    """The channels of the meters, each meter asked once for all of its own."""

    name = "emi"
    may_block = True  # a driver answers, and not one of ours

    def __init__(self, meters: Sequence[Sampled], problems: Sequence[str]) -> None:
        self._meters = meters
        self._problems = problems

    def zones(self) -> Sequence[Zone]:
        return [zone for meter in self._meters for zone in meter.zones if zone is not None]

    def problems(self) -> Sequence[str]:
        return self._problems

    def sample(self) -> Sequence[Sample]:
        return [sample for meter in self._meters for sample in sample_meter(meter)]

    def close(self) -> None:
        for meter in self._meters:
            meter.meter.close()


def sample_meter(meter: Sampled) -> Sequence[Sample]:
    """Return a sample of each zone of one meter; all of them fail together."""
    try:
        counts = measure(meter.meter, len(meter.zones))
    except (OSError, FormatError) as error:
        reason = "permission_denied" if isinstance(error, PermissionError) else "unreadable"
        return [FailedSample(zone.point, reason, str(error)) for zone in meter.zones if zone]
    return [
        CounterSample(zone.point, count, None)
        for zone, count in zip(meter.zones, counts, strict=True)
        if zone is not None
    ]


def find_source(meters: Meters, vendor: str) -> EmiSource:
    """Return the channels that say what they meter; raises SourceUnavailableError."""
    try:
        paths = sorted(meters.paths())
    except OSError as error:
        raise SourceUnavailableError(State.ERROR, str(error)) from error
    opened, errors = open_all(meters, paths)
    described = describe([meter.registers for meter in opened], vendor)
    sampled = []
    for meter, zones in zip(opened, described, strict=True):
        if any(zones):
            sampled.append(Sampled(meter.meter, zones))
        else:
            meter.meter.close()
    if not sampled:
        raise why_none(paths, errors)
    return EmiSource(sampled, [f"{path}: {error}" for path, error in errors])


def open_all(
    meters: Meters, paths: Sequence[str]
) -> tuple[list[Opened], list[tuple[str, Exception]]]:
    """Open and ask every meter; return those that answer, and why the others do not."""
    opened: list[Opened] = []
    errors: list[tuple[str, Exception]] = []
    for path in paths:
        try:
            meter = meters.open(path)
        except OSError as error:
            errors.append((path, error))
            continue
        try:
            opened.append(Opened(path, meter, read_registers(path, meter)))
        except (OSError, FormatError) as error:
            meter.close()
            errors.append((path, error))
    return opened, errors


def read_registers(path: str, meter: Meter) -> tuple[Register | None, ...]:
    """Return the channels of a meter and their counts; raises OSError or FormatError."""
    version = parse_number(VERSION, meter.ask(GET_VERSION, VERSION.size))
    size = parse_number(METADATA_SIZE, meter.ask(GET_METADATA_SIZE, METADATA_SIZE.size))
    if size > METADATA_BYTES_MAX:
        raise FormatError(f"{size} bytes of metadata")
    channels = parse_metadata(version, meter.ask(GET_METADATA, size))
    return tuple(
        Register(channel.name, count, path) if channel.unit == PICOWATT_HOURS else None
        for channel, count in zip(channels, measure(meter, len(channels)), strict=True)
    )


def measure(meter: Meter, channels: int) -> tuple[int, ...]:
    """Return the counts of a meter's channels in microjoules; raises OSError or FormatError."""
    return parse_measurement(meter.ask(GET_MEASUREMENT, channels * MEASUREMENT.size), channels)


def why_none(
    paths: Sequence[str], errors: Sequence[tuple[str, Exception]]
) -> SourceUnavailableError:
    """Return what to say of a host none of whose meters is of use."""
    if not errors:
        seen = f"{len(paths)} meters name no package" if paths else "no energy meter"
        return SourceUnavailableError(
            State.ABSENT, f"{seen}: Windows 11 gives one where the processor's driver does"
        )
    for path, error in errors:
        if isinstance(error, PermissionError):
            return SourceUnavailableError(
                State.PERMISSION_DENIED,
                f"{path}: {error}",
                "run the agent as an administrator",
            )
    return SourceUnavailableError(State.ERROR, f"{errors[0][0]}: {errors[0][1]}")
