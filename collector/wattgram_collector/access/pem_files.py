"""gRPC's TLS from files that may change: a connection that is made after a change uses it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import grpc

from wattgram.private import read_private
from wattgram_collector.access.pem import certificate_of, require_certificates

LOG: Final = logging.getLogger("wattgram.access")

Stamp = tuple[tuple[int, int, int], ...]


class PemFiles:
    """A certificate, its key and, for client certificates, the authorities that vouch for them."""

    def __init__(
        self, certificate_file: Path, key_file: Path, client_ca_file: Path | None
    ) -> None:
        self._certificate_file = certificate_file
        self._key_file = key_file
        self._client_ca_file = client_ca_file
        self._seen: Stamp = ()
        self._is_broken = False

    def credentials(self) -> grpc.ServerCredentials:
        """Return what a server needs to speak TLS; raises OSError and ValueError."""
        self._seen = _stamp(self._paths)
        return grpc.dynamic_ssl_server_credentials(
            self._read(),
            self.changed,  # type: ignore[arg-type]  # None: as before; the stubs do not know it
            require_client_authentication=self._client_ca_file is not None,
        )

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return what the files hold if they changed; gRPC asks at every handshake.

        Files that cannot be used change nothing, which is said once.
        """
        try:
            stamp = _stamp(self._paths)
            if stamp == self._seen:
                return None
            found = self._read()
        except (OSError, ValueError) as error:
            if not self._is_broken:
                LOG.error("certificate_unusable reason=%r: the last one stays", str(error))  # noqa: TRY400
            self._is_broken = True
            return None
        self._seen, self._is_broken = stamp, False
        LOG.info("certificate_read file=%s", self._certificate_file)
        return found

    @property
    def _paths(self) -> tuple[Path, ...]:
        every = (self._key_file, self._certificate_file, self._client_ca_file)
        return tuple(path for path in every if path is not None)

    def _read(self) -> grpc.ServerCertificateConfiguration:
        key = read_private(self._key_file, _say_exposed)
        certificate = self._certificate_file.read_bytes()
        authorities = self._client_ca_file.read_bytes() if self._client_ca_file else None
        for name, pem in (
            (self._certificate_file, certificate),
            (self._client_ca_file, authorities),
        ):
            if pem is not None:
                _require_certificates(name, pem)
        return grpc.ssl_server_certificate_configuration([(key, certificate)], authorities)


def expiries(files: Mapping[str, Path | None]) -> dict[str, int]:
    """Return by name when the first certificate in each file ends, Unix seconds.

    A file that cannot be read has no end to show.
    """
    found = {}
    for name, path in files.items():
        if path is None:
            continue
        try:
            certificate = certificate_of(path.read_bytes())
        except (OSError, ValueError):
            continue
        found[name] = int(certificate.not_valid_after_utc.timestamp())
    return found


def _require_certificates(name: Path | None, pem: bytes) -> None:
    """Raise ValueError naming the file unless it holds certificates: gRPC would only say no."""
    try:
        require_certificates(pem)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _stamp(paths: Iterable[Path]) -> Stamp:
    found = (os.stat(path) for path in paths)
    return tuple((status.st_ino, status.st_size, status.st_mtime_ns) for status in found)


def _say_exposed(path: Path) -> None:
    LOG.warning("key_exposed file=%s: others than its owner may read it (chmod 0600)", path)
