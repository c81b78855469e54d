"""What an enrolled agent keeps: its key and certificate in one file, the authority in another.

Key and certificate change together, so they are one file that is put in place whole: no crash
leaves a key without its certificate. Before them stands, as text that PEM readers pass over, when
the certificate was issued and when it ends, by the collector's clock: so the running agent knows
when to renew without the library that reads certificates.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Final, NamedTuple

from wattgram.certificates import Issued
from wattgram.private import read_private, write_private

LOG: Final = logging.getLogger("wattgram.tls")
PAIR_FILE: Final = "agent.pem"
AUTHORITY_FILE: Final = "ca.pem"
_HEAD: Final = re.compile(rb"agent_id: ([!-~]+)\nissued: (\d{1,12})\nexpires: (\d{1,12})\n")


class Validity(NamedTuple):
    """Whom a certificate names, and for how long: Unix seconds of the collector's clock."""

    agent_id: str
    issued_unix_seconds: int
    expires_unix_seconds: int

    @property
    def lifetime_seconds(self) -> int:
        return self.expires_unix_seconds - self.issued_unix_seconds


def write(directory: Path, key_pem: bytes, issued: Issued) -> None:
    """Keep what was issued for a key; raises OSError, and then the old files are in place."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    head = (
        f"agent_id: {issued.agent_id}\n"
        f"issued: {issued.issued_unix_seconds}\n"
        f"expires: {issued.expires_unix_seconds}\n"
    )
    write_private(directory / AUTHORITY_FILE, issued.authority_pem)
    write_private(directory / PAIR_FILE, head.encode() + key_pem + issued.certificate_pem)


def validity(directory: Path) -> Validity | None:
    """Return how long the certificate in a directory is good; None: none is there, or not said."""
    try:
        found = _HEAD.match(read_private(directory / PAIR_FILE))
    except OSError:
        return None
    return Validity(found[1].decode(), int(found[2]), int(found[3])) if found else None


def say_exposed(key_file: Path | None) -> None:
    """Say if others may read a key; what is wrong with a file that is used is said then."""
    if key_file is None:
        return
    try:
        read_private(key_file, _exposed)
    except OSError:
        return


def _exposed(path: Path) -> None:
    LOG.warning("key_exposed file=%s: others than its owner may read it (chmod 0600)", path)
