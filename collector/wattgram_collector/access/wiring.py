"""What stands before both sides of a collector, made of its configuration."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Final

from wattgram_collector.access import tls
from wattgram_collector.access.credentials_file import LiveCredentials
from wattgram_collector.access.http import Guard
from wattgram_collector.access.porch import Porch
from wattgram_collector.access.token_door import TokenDoor
from wattgram_collector.access.watch import CredentialsWatch
from wattgram_collector.config import CollectorConfig, HttpSettings
from wattgram_collector.reload import Reload

LOG: Final = logging.getLogger("wattgram.access")


class Access:
    """The porch and the guard of the HTTP side, and the door for agents with tokens."""

    def __init__(self, config: CollectorConfig, reload: Reload) -> None:
        """Raises CredentialsError or TlsError where a file cannot be used."""
        http = config.http
        self.live = (
            LiveCredentials(config.credentials_path)
            if http.needs_proof or config.grpc.takes_tokens
            else None
        )
        self.guard = Guard(
            self.live if http.needs_proof else None,
            open_health=http.open_health,
            names=config.access.names,
        )
        self.tokens = (
            TokenDoor(self.live) if self.live is not None and config.grpc.takes_tokens else None
        )
        self.porch = Porch(http.max_connections, _http_tls(http, reload))
        self._reload = reload
        if self.live is not None and not (self.live.current.users or self.live.current.tokens):
            LOG.warning("nobody_let_in file=%s: add a user or a token", self.live.path)

    @property
    def is_as_configured(self) -> bool:
        """Whether what was read again last could be used, all of it."""
        return self._reload.was_successful and not (self.live and self.live.error)

    @contextlib.asynccontextmanager
    async def watching(self, ended: Callable[[asyncio.Future[None]], None]) -> AsyncIterator[None]:
        """Follow the file of credentials; `ended` is called when that dies of a bug."""
        if self.live is None:
            yield
            return
        watch = CredentialsWatch(self.live, self._review)
        self._reload.add("credentials", watch.wake)
        task = asyncio.ensure_future(watch.run())
        task.add_done_callback(ended)
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _review(self) -> None:
        if self.tokens is not None:
            await self.tokens.review()


def _http_tls(http: HttpSettings, reload: Reload) -> ssl.SSLContext | None:
    certificate_file, key_file = http.certificate_file, http.key_file
    if certificate_file is None or key_file is None:
        return None
    context = tls.server_context(certificate_file, key_file)
    reload.add("http_certificate", lambda: tls.renew(context, certificate_file, key_file))
    return context
