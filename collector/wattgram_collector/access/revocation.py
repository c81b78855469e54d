"""The list of what is no longer let in, and who is on it.

A text file, one line each: `agent ID WHEN` or `serial HEX WHEN`, WHEN in Unix seconds. An agent's
line ends every certificate of its that began up to then; one that is made later, because an
operator gave a new token, is good. A serial's line ends that certificate. The running collector
looks at the file every second. A list that cannot be read is never taken for an empty one: the
last good one stays.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from wattgram.certificates import require_agent_id
from wattgram.private import write_private
from wattgram_collector.ingest.identity import Peer

LOG: Final = logging.getLogger("wattgram.access")
FILE_NAME: Final = "revoked"
_BYTES_MAX: Final = 16 * 1024 * 1024
_SERIAL: Final = re.compile(r"[0-9a-f]{1,40}")
_HEADER: Final = "# Revoked certificates: wattgram-collector revoke\n"


class RevocationError(Exception):
    """The list cannot be used; the text names the file, the line and what is wrong."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """What is revoked, and when (Unix seconds): agents by id, certificates by serial number."""

    agents: Mapping[str, int] = field(default_factory=dict)
    serials: Mapping[int, int] = field(default_factory=dict)

    def covers(self, peer: Peer) -> bool:
        """PURE. Return whether the peer's certificate is revoked."""
        return peer.serial in self.serials or any(
            peer.begins_unix_seconds <= self.agents.get(name, -1) for name in peer.names
        )

    def with_agent(self, agent_id: str, now_unix_seconds: int) -> Revoked:
        return Revoked({**self.agents, agent_id: now_unix_seconds}, self.serials)

    def with_serial(self, serial: int, now_unix_seconds: int) -> Revoked:
        return Revoked(self.agents, {serial: now_unix_seconds, **self.serials})


def parse(text: str) -> Revoked:
    """PURE. Read the list; raises ValueError naming the line."""
    agents: dict[str, int] = {}
    serials: dict[int, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            kind, value, when = line.split()
            if kind == "agent":
                require_agent_id(value)
                agents[value] = max(int(when), agents.get(value, 0))
            elif kind == "serial":
                serials[parse_serial(value)] = int(when)
            else:
                raise ValueError(f"{kind!r} is neither agent nor serial")
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
    return Revoked(agents, serials)


def dump(revoked: Revoked) -> str:
    """PURE. Return the list as `parse` reads it."""
    lines = [f"agent {name} {when}\n" for name, when in sorted(revoked.agents.items())]
    lines += [f"serial {number:x} {when}\n" for number, when in sorted(revoked.serials.items())]
    return _HEADER + "".join(lines)


def parse_serial(text: str) -> int:
    """PURE. Return a serial number written in hex, colons allowed; raises ValueError."""
    digits = text.replace(":", "").lower()
    if not _SERIAL.fullmatch(digits):
        raise ValueError(f"not a serial number in hex: {text!r}")
    return int(digits, 16)


def read(path: Path) -> Revoked:
    """Return the list in a file, nothing where there is none; raises RevocationError."""
    try:
        with path.open("rb") as file:
            return parse(file.read(_BYTES_MAX).decode())
    except FileNotFoundError:
        return Revoked()
    except OSError as error:
        raise RevocationError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise RevocationError(f"{path}: {error}") from error


def revoke(
    directory: Path, now_unix_seconds: int, *, agent_id: str = "", serial: int | None = None
) -> None:
    """Add to the list in a directory, durably; two at once both count.

    Raises ValueError for an id that no list can hold, RevocationError and OSError.
    """
    if agent_id:
        require_agent_id(agent_id)
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        revoked = read(directory / FILE_NAME)
        if agent_id:
            revoked = revoked.with_agent(agent_id, now_unix_seconds)
        if serial is not None:
            revoked = revoked.with_serial(serial, now_unix_seconds)
        write_private(directory / FILE_NAME, dump(revoked).encode())
    finally:
        os.close(descriptor)


class Revocations:
    """The list in a file, read again whenever the file changes."""

    def __init__(self, path: Path) -> None:
        """Raises RevocationError: with a list that cannot be read nobody is let in."""
        self._path = path
        self._is_broken = False
        self._seen = _stamp(path)
        self.now = read(path)

    def covers(self, peer: Peer) -> bool:
        """Return whether the peer's certificate is revoked, as far as was read."""
        return self.now.covers(peer)

    def newest(self) -> Revoked:
        """Return the list as it is in the file now."""
        self.refresh()
        return self.now

    def refresh(self) -> None:
        """Read the file again if it changed; what goes wrong is said once."""
        stamp = _stamp(self._path)
        if stamp == self._seen:
            return
        try:
            if stamp is None:
                raise RevocationError(f"{self._path}: it is gone")
            self.now = read(self._path)
        except RevocationError as error:
            if not self._is_broken:
                LOG.error("revocations_unreadable reason=%r: the last list stays", str(error))  # noqa: TRY400
            self._is_broken = True
            return
        self._seen, self._is_broken = stamp, False
        LOG.info("revocations_read agents=%d serials=%d", len(self.now.agents),
                 len(self.now.serials))  # fmt: skip


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when the file does; None while there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
