"""PURE. The structures of Microsoft's Energy Meter Interface (emi.h), from bytes.

Little-endian, without gaps. Text is UTF-16 with a terminating zero, its size is in bytes and
counts the zero. A meter of version 1 has one channel, one of version 2 has several.

    EMI_METADATA_V1  unit u32, OEM wchar[16], model wchar[16], revision u16, size u16, name
    EMI_METADATA_V2  OEM wchar[16], model wchar[16], revision u16, channels u16, channel...
    EMI_CHANNEL_V2   unit u32, size u16, name; the next begins where the name ends
    EMI_CHANNEL_MEASUREMENT_DATA  energy u64 in picowatt-hours, time u64 in 100 ns
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from wattgram.units import MICROJOULES_PER_KILOWATT_HOUR, PICOWATT_HOURS_PER_KILOWATT_HOUR

VERSION_1: Final = 1
VERSION_2: Final = 2
PICOWATT_HOURS: Final = 0
CHANNELS_MAX: Final = 1024

VERSION: Final = struct.Struct("<H")
METADATA_SIZE: Final = struct.Struct("<I")
MEASUREMENT: Final = struct.Struct("<QQ")
_METADATA_1: Final = struct.Struct("<I32s32sHH")
_METADATA_2: Final = struct.Struct("<32s32sHH")
_CHANNEL: Final = struct.Struct("<IH")


class FormatError(ValueError):
    """A meter gave bytes that are not what its version promises."""


class Channel(NamedTuple):
    """One counter of a meter, in the order of its measurements."""

    name: str
    unit: int


def parse_metadata(version: int, data: bytes) -> tuple[Channel, ...]:
    """Return the channels of a meter; raises FormatError."""
    if version == VERSION_1:
        unit, _, _, _, size = _unpack(_METADATA_1, data, 0)
        return (Channel(_name(data, _METADATA_1.size, size), unit),)
    if version != VERSION_2:
        raise FormatError(f"version {version} is not known")
    _, _, _, count = _unpack(_METADATA_2, data, 0)
    if count > CHANNELS_MAX:
        raise FormatError(f"{count} channels")
    channels = []
    offset = _METADATA_2.size
    for _ in range(count):
        unit, size = _unpack(_CHANNEL, data, offset)
        offset += _CHANNEL.size
        channels.append(Channel(_name(data, offset, size), unit))
        offset += size
    return tuple(channels)


def parse_measurement(data: bytes, channels: int) -> tuple[int, ...]:
    """Return the energy of each channel in microjoules, rounded down; raises FormatError."""
    return tuple(
        microjoules(_unpack(MEASUREMENT, data, index * MEASUREMENT.size)[0])
        for index in range(channels)
    )


def microjoules(picowatt_hours: int) -> int:
    """Return a whole count in microjoules: 36 for every 10 000, rounded down, never falling."""
    return picowatt_hours * MICROJOULES_PER_KILOWATT_HOUR // PICOWATT_HOURS_PER_KILOWATT_HOUR


def parse_number(layout: struct.Struct, data: bytes) -> int:
    """Return the one number of a structure; raises FormatError."""
    return int(_unpack(layout, data, 0)[0])


def _unpack(layout: struct.Struct, data: bytes, offset: int) -> tuple[int, ...]:
    if len(data) < offset + layout.size:
        raise FormatError(f"{len(data)} bytes end before {offset + layout.size}")
    return layout.unpack_from(data, offset)


def _name(data: bytes, offset: int, size: int) -> str:
    """Return a text without its zero and the blanks that some firmware pads it with."""
    if len(data) < offset + size:
        raise FormatError(f"{len(data)} bytes end before {offset + size}")
    text = data[offset : offset + size].decode("utf-16-le", "replace")
    return text.partition("\0")[0].strip()
