"""PURE. What lies beside a batch: the registers at its end, and how the spool stood."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Final, NamedTuple

from wattgram.readings import Series, SeriesTable
from wattgram_agent.meter import Register
from wattgram_agent.source import Point

_REGISTER: Final = struct.Struct("<qq?")
_TRAILER: Final = struct.Struct("<QI")  # first sequence that waited, tag of the session
_NO_VALUE: Final = -1


class Checkpoint(NamedTuple):
    """The registers at the end of the last batch, and in which boot and grid they were read."""

    boot_id: str
    registers: Mapping[Point, Register]
    grid_zone: str = ""


def pack(table: SeriesTable, registers: Mapping[Point, Register]) -> bytes:
    """Return the registers in the order of the table's series."""
    return b"".join(
        _REGISTER.pack(*registers.get(_point(series), Register(_NO_VALUE, 0)))
        for series in table.series
    )


def unpack(table: SeriesTable, packed: bytes) -> Checkpoint | None:
    """Return the registers; None when they are not those of this table."""
    if len(packed) != len(table.series) * _REGISTER.size:
        return None
    registers = {
        _point(series): Register(*fields)
        for series, fields in zip(table.series, _REGISTER.iter_unpack(packed), strict=True)
        if fields[0] != _NO_VALUE
    }
    return Checkpoint(table.boot_id, registers, table.grid_zone)


class Stored(NamedTuple):
    """What goes with a batch: packed registers, and how the spool stood when they were written."""

    registers: bytes
    first_waiting: int = 0
    """The oldest sequence that was not done with; 0 where a record does not say."""
    session_tag: int = 0
    """Tells sessions apart, not for certain; 0 where a record does not say."""


def join(stored: Stored) -> bytes:
    return stored.registers + _TRAILER.pack(stored.first_waiting, stored.session_tag)


def split(data: bytes) -> Stored:
    """Return what `join` was given; older agents wrote registers alone."""
    if len(data) % _REGISTER.size != _TRAILER.size:
        return Stored(data)
    end = len(data) - _TRAILER.size
    return Stored(data[:end], *_TRAILER.unpack_from(data, end))


def tag_of(session: str) -> int:
    return zlib.crc32(session.encode())


def _point(series: Series) -> Point:
    return Point(series.source, series.domain, series.instance)
