"""The two files of an authority: its key, for its owner, its certificate, for everybody."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from wattgram.private import create_private, read_private
from wattgram_collector.access.authority import Authority, fingerprint, make_authority

LOG: Final = logging.getLogger("wattgram.access")

KEY_FILE: Final = "ca.key"
CERTIFICATE_FILE: Final = "ca.pem"


class AuthorityError(Exception):
    """The authority's files cannot be used; the text names the file and what is wrong."""


def init(directory: Path, now_unix_seconds: int) -> bytes:
    """Make an authority in a directory; return its certificate's SHA-256.

    Raises FileExistsError where one is, since what it signed would be worth nothing, and OSError.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    key_pem, certificate_pem = make_authority(now_unix_seconds)
    for name in (KEY_FILE, CERTIFICATE_FILE):
        if (directory / name).exists():
            message = "an authority is here already, and is not overwritten"
            raise FileExistsError(17, message, str(directory / name))
    create_private(directory / KEY_FILE, key_pem)
    create_private(directory / CERTIFICATE_FILE, certificate_pem)
    (directory / CERTIFICATE_FILE).chmod(0o644)
    return fingerprint(certificate_pem)


def load(directory: Path) -> Authority:
    """Return the authority of a directory; raises AuthorityError."""
    try:
        key_pem = read_private(directory / KEY_FILE, _say_exposed)
        certificate_pem = (directory / CERTIFICATE_FILE).read_bytes()
    except OSError as error:
        there = any((directory / name).exists() for name in (KEY_FILE, CERTIFICATE_FILE))
        hint = "" if there else "; `wattgram-collector ca init` makes an authority"
        raise AuthorityError(f"{error.filename}: {error.strerror}{hint}") from error
    try:
        return Authority(key_pem, certificate_pem)
    except ValueError as error:
        raise AuthorityError(f"{directory}: {error}") from error


def _say_exposed(path: Path) -> None:
    LOG.warning("key_exposed file=%s: others than its owner may read it (chmod 0600)", path)
