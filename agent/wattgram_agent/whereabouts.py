"""In which grid this host is: as configured, or as a file of one line says that somebody keeps.

A laptop moves. Who knows where it is (a NetworkManager dispatcher, a login script, an MDM) writes
the zone into the file, and the time of the file says since when. A beat costs one stat; the file
is read when it has changed. A file that says nothing leaves the host in the configured zone.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from wattgram.readings import LABEL_LENGTH_MAX
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_agent.batches import whole_microseconds
from wattgram_agent.division import Heard, Interval, Left, Piece, late_pieces, pieces_of
from wattgram_agent.host import Clock, unix_and_boottime_nanoseconds
from wattgram_agent.sysfs import require_regular

LOG: Final = logging.getLogger("wattgram.zone")

# File systems keep times in steps: of a tick of the kernel, and of up to two seconds on FAT.
GRAIN_NANOSECONDS: Final = 2 * NANOSECONDS_PER_SECOND
_FILE_BYTES_MAX: Final = 4_096
_LEFT_MAX: Final = 8
_ZONE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/+-]*")

_Stamp = tuple[int, int, int, int]


class Said(NamedTuple):
    """In which zone the host is, since when, and why the file does not say it, if it does not."""

    zone: str
    since_unix_nanoseconds: int | None = None
    """When the file was written; None where nobody knows."""
    problem: str = ""


NOWHERE: Final = Said("")


class ZoneFile:
    """A file of one word that others write."""

    def __init__(self, path: Path, configured: str) -> None:
        self._path = path
        self._configured = configured
        self._stamp: _Stamp | None = None
        self._said: Said | None = None
        self._doubt = ""
        self._logged = ""

    def look(self, unix_nanoseconds: Callable[[], int]) -> Said:
        """Return what holds now; never raises."""
        try:
            status = os.stat(self._path)
        except OSError as error:
            return self._believe(Said(self._configured, problem=_why(error)))
        stamp = (status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size)
        if self._said is not None and stamp == self._stamp:
            return self._said
        # One that has only just changed may change again within the same step of its time.
        is_settled = abs(unix_nanoseconds() - status.st_ctime_ns) > GRAIN_NANOSECONDS
        self._stamp = stamp if is_settled else None
        return self._believe(read_zone(self._path, self._configured))

    def _believe(self, said: Said) -> Said:
        """Take what is said. That nothing is said must be so at two looks.

        A writer that truncates first, or removes, leaves nothing to read for a moment.
        """
        if said.problem and self._said is not None and said.problem != self._doubt:
            self._doubt = said.problem
            self._stamp = None
            return self._said
        self._doubt = said.problem
        self._said = said
        if said.problem != self._logged:
            if said.problem:
                LOG.warning("grid_zone_file path=%s problem=%r: the zone is %r, as configured",
                            self._path, said.problem, said.zone)  # fmt: skip
            else:
                LOG.info("grid_zone_file_good path=%s zone=%s", self._path, said.zone)
            self._logged = said.problem
        return said


class Whereabouts:
    """The zone in force, and those that this run has left."""

    def __init__(
        self, path: Path | None, configured: str, clock: Clock, before: str | None = None
    ) -> None:
        """`before` is the zone in which the last run left off and this one goes on; None: none."""
        self._clock = clock
        self._file = ZoneFile(path, configured) if path is not None else None
        self._said = Said(configured)
        if self._file is not None:
            self._said = self._file.look(clock.unix_nanoseconds)
        self.zone = self._said.zone if before is None else before
        self._left: list[Left] = []

    def pieces(self, heard: Heard, interval: Interval) -> list[Piece]:
        """Return what a beat gave, in the zones where it was used; nothing if that is `zone`.

        From then on `zone` is the one in which the host is at the end.
        """
        pieces: list[Piece] = []
        if self._left:
            pieces, heard = late_pieces(heard, self._left)
        at = self._left_at(interval)
        if at is not None:
            left = Left(self.zone, at)
            LOG.info("grid_zone from=%s to=%s", self.zone or "unset", self._said.zone or "unset")
            self._left = [*self._left, left][-_LEFT_MAX:]
            self.zone = self._said.zone
            pieces += pieces_of(heard, interval, left, self.zone)
        elif pieces:
            pieces.append(Piece(self.zone, *interval, heard.step, heard.now))
        return pieces

    def _left_at(self, interval: Interval) -> int | None:
        """Return when within the interval the host left its zone, None if it did not."""
        if self._file is not None:
            self._said = self._file.look(self._clock.unix_nanoseconds)
        said = self._said
        if said.zone == self.zone:
            return None
        if said.since_unix_nanoseconds is None:
            return whole_microseconds(interval.end)
        unix, boottime = unix_and_boottime_nanoseconds(self._clock)
        since = said.since_unix_nanoseconds - (unix - boottime)
        if interval.end < since <= boottime:
            return None  # it is of the next one
        return whole_microseconds(placed(since, *interval))


def placed(since: int, start: int, end: int) -> int:
    """PURE. Return when within `[start, end]` it was, that a file says was at `since`.

    A file that was written before, and only now put in its place, does not say since when.
    """
    if since < start - GRAIN_NANOSECONDS or since > end:
        return end
    return max(since, start)


def zone_of(data: bytes) -> str:
    """PURE. Return the zone that a file holds; raises ValueError when it holds none."""
    try:
        words = data.decode("utf-8-sig").split()
    except UnicodeDecodeError as error:
        raise ValueError("it is not text") from error
    if not words:
        raise ValueError("it is empty")
    zone = words[0]
    if len(words) > 1 or len(zone) > LABEL_LENGTH_MAX or not _ZONE.fullmatch(zone):
        raise ValueError("it is to hold one zone, such as DE, and nothing else")
    return zone


def zone_now(path: Path | None, configured: str) -> Said:
    """Return where the host is, for those who show it; never raises."""
    return Said(configured) if path is None else read_zone(path, configured)


def read_zone(path: Path, configured: str) -> Said:
    """Return what a file says; where it says nothing, what is configured. Never waits."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb", buffering=0) as file:
            require_regular(file.fileno())
            written = os.fstat(file.fileno()).st_mtime_ns
            return Said(zone_of(file.read(_FILE_BYTES_MAX)), written)
    except OSError as error:
        return Said(configured, problem=_why(error))
    except ValueError as error:
        return Said(configured, problem=str(error))


def in_words(said: Said, path: Path | None) -> str:
    """PURE. Return where the host is, and who says so, for a person."""
    if said.since_unix_nanoseconds is not None:
        return f"Its grid zone is {said.zone}, as {path} says."
    why = f", for {path}: {said.problem}" if said.problem else ""
    if not said.zone:
        return f"Its grid zone is not set{why}: the collector decides."
    return f"Its grid zone is {said.zone}, as configured{why}."


def _why(error: OSError) -> str:
    return error.strerror or "it cannot be read"
