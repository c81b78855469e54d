"""Certificates in the running collector: its own kept in force, agents' given out and ended.

With `access.directory` the authority's files take the place of the files of `grpc`, and of `http`
where that needs TLS and names none; everything else reads files and need not know.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import grpc
import grpc.aio
from aiohttp import web

from wattgram.private import write_private
from wattgram.settings import is_loopback
from wattgram.units import SECONDS_PER_DAY
from wattgram_collector.access import authority_files
from wattgram_collector.access.authority import Authority, RequestError
from wattgram_collector.access.authority_files import AuthorityError
from wattgram_collector.access.enrolment import Enrolment
from wattgram_collector.access.enrolment_routes import enrolment_routes
from wattgram_collector.access.pem_files import PemFiles, expiries
from wattgram_collector.access.register import FILE_NAME as REGISTER_NAME
from wattgram_collector.access.register import Register
from wattgram_collector.access.renewal import RenewalService
from wattgram_collector.access.revocation import FILE_NAME as REVOKED_NAME
from wattgram_collector.access.revocation import RevocationError, Revocations
from wattgram_collector.config import CollectorConfig
from wattgram_collector.ingest.identity import Doorman
from wattgram_collector.reload import Reload

LOG: Final = logging.getLogger("wattgram.access")
SERVER_FILE: Final = "server.pem"
LOOK_SECONDS: Final = 60.0
ENDING_SECONDS: Final = 90 * SECONDS_PER_DAY
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_ANY: Final = frozenset({"0.0.0.0", "::", "*", ""})  # noqa: S104 - not bound here


class CertificatesError(Exception):
    """The collector cannot start: a file of certificates or of revocations cannot be used."""


class Certificates:
    """One of it. `config` is the configuration that the rest of the collector goes by."""

    def __init__(self, config: CollectorConfig, is_known: Callable[[str], bool]) -> None:
        """`is_known` says whether an agent id has reported already; raises CertificatesError."""
        self.enrolment: Enrolment | None = None
        self.config = config
        self._offers_enrolment = config.access.enrolment
        self._keeper: ServerPair | None = None
        self._authority_file: Path | None = None
        try:
            self.revocations = Revocations(config.state_directory / REVOKED_NAME)
            if config.access.directory is not None:
                self._found(config, config.access.directory, is_known)
        except (AuthorityError, RevocationError) as error:
            raise CertificatesError(str(error)) from error
        except OSError as error:
            raise CertificatesError(f"{error.filename}: {error.strerror}") from error
        except ValueError as error:
            raise CertificatesError(f"access: {error}") from error
        self.doorman = Doorman(
            self.revocations.covers,
            needs_certificate=self.config.grpc.client_ca_file is not None,
        )

    def _found(
        self, config: CollectorConfig, directory: Path, is_known: Callable[[str], bool]
    ) -> None:
        authority = authority_files.load(directory)
        left_seconds = authority.expires_unix_seconds - time.time()
        if left_seconds < ENDING_SECONDS:
            LOG.warning("authority_expires days=%.0f: make another in time, see docs/access.md",
                        left_seconds / SECONDS_PER_DAY)  # fmt: skip
        self._authority_file = directory / authority_files.CERTIFICATE_FILE
        self._keeper = ServerPair(
            authority, config.state_directory / SERVER_FILE, server_names(config)
        )
        self._keeper.make(int(time.time()))
        self.config = with_authority(config, self._keeper.path, self._authority_file)
        self.enrolment = Enrolment(
            authority,
            Register(config.state_directory / REGISTER_NAME),
            self.revocations.newest,
            config.access.certificate_days * SECONDS_PER_DAY,
            is_known,
        )

    def credentials(self) -> grpc.ServerCredentials | None:
        """Return gRPC's TLS, None for plaintext; raises OSError and ValueError."""
        files = self.config.grpc
        if files.certificate_file is None or files.key_file is None:
            return None
        return PemFiles(files.certificate_file, files.key_file, files.client_ca_file).credentials()

    def add_to(self, server: grpc.aio.Server) -> None:
        """Let agents renew, where there is an authority."""
        if self.enrolment is not None:
            RenewalService(self.enrolment, self.doorman).add_to(server)

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes of enrolment: none where it is not configured."""
        if self.enrolment is None or not self._offers_enrolment:
            return ()
        return enrolment_routes(self.enrolment)

    def expiries(self) -> dict[str, int]:
        """Return when each certificate of the collector ends, Unix seconds."""
        grpc_file, http_file = self.config.grpc.certificate_file, self.config.http.certificate_file
        return expiries({"authority": self._authority_file, "grpc": grpc_file, "http": http_file})

    @contextlib.asynccontextmanager
    async def watching(
        self, reload: Reload, ended: Callable[[asyncio.Future[None]], None]
    ) -> AsyncIterator[None]:
        """Sweep and renew; `ended` is called when one of these dies of a bug."""
        reload.add("revocations", self.revocations.refresh)
        working = [self.doorman.run(self.revocations.refresh)]
        if self._keeper is not None:
            working.append(self._keeper.run(reload.now))
        tasks = [asyncio.ensure_future(one) for one in working]
        for task in tasks:
            task.add_done_callback(ended)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class ServerPair:
    """The collector's own key and certificate, in one file so that they change together."""

    def __init__(self, authority: Authority, path: Path, names: Sequence[str]) -> None:
        self.path = path
        self._authority = authority
        self._names = tuple(names)
        self._due_unix_seconds = 0.0

    def make(self, now_unix_seconds: int) -> None:
        """Write a new pair; raises OSError, and ValueError for a name that is none."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        pair = self._authority.make_server_pair(self._names, now_unix_seconds)
        write_private(self.path, pair.key_pem + pair.certificate_pem)
        lifetime_seconds = pair.expires_unix_seconds - now_unix_seconds
        self._due_unix_seconds = now_unix_seconds + lifetime_seconds * 2 / 3

    def make_if_due(self, now_unix_seconds: int) -> bool:
        """Write a new pair once two thirds of the last one's life are over; say whether."""
        if now_unix_seconds < self._due_unix_seconds:
            return False
        try:
            self.make(now_unix_seconds)
        except (OSError, RequestError) as error:
            LOG.error("server_certificate_not_renewed reason=%r", str(error))  # noqa: TRY400
            return False
        LOG.info("server_certificate_renewed file=%s", self.path)
        return True

    async def run(self, renewed: Callable[[], object]) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self.make_if_due(int(time.time())):
                renewed()


def with_authority(
    config: CollectorConfig, server_file: Path, authority_file: Path
) -> CollectorConfig:
    """PURE. Return a configuration in which the authority's files are written out."""
    http = config.http
    needs_tls = config.access.enrolment or not is_loopback(http.address)
    if http.certificate_file is None and needs_tls:
        http = replace(http, certificate_file=server_file, key_file=server_file)
    return replace(
        config,
        grpc=replace(
            config.grpc,
            certificate_file=server_file,
            key_file=server_file,
            client_ca_file=None if config.grpc.takes_tokens else authority_file,
        ),
        http=http,
        access=replace(config.access, directory=None, enrolment=False),
    )


def server_names(config: CollectorConfig) -> tuple[str, ...]:
    """Return by what names and addresses the collector is reached."""
    listening = (
        address.rpartition(":")[0].strip("[]")
        for address in (config.grpc.address, config.http.address)
    )
    names = config.access.names or (socket.gethostname(),)
    return tuple(
        dict.fromkeys((*names, *(host for host in listening if host not in _ANY), *_LOOPBACK))
    )
