"""Whether a peer may speak for the agent that it says it is, and for how long it may stay.

Who a peer is, its certificate says; gRPC has checked it against the authority when the connection
was made. What gRPC does not check again is checked here, at every call and then every second:
that the certificate has neither expired nor been revoked meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import grpc

from wattgram_collector.access.pem import certificate_of

LOG: Final = logging.getLogger("wattgram.access")
REDFISH_PREFIX: Final = "redfish:"
"""How the ids begin of the agents that the collector itself is."""
SWEEP_SECONDS: Final = 1.0
_SAID_MAX: Final = 1_000

_SUBJECT_ALTERNATIVE_NAME = "x509_subject_alternative_name"
_CERTIFICATE = "x509_pem_cert"
_BEFORE_TIME: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

Context = Any  # grpc.aio.ServicerContext over bytes


def may_speak_for(agent_id: str, authentication: Mapping[str, Iterable[bytes]]) -> bool:
    """PURE. Return whether gRPC's authentication context vouches for `agent_id`.

    A client certificate binds: the id must be among its subject alternative names. Without one
    the connection is plaintext on loopback, or TLS that does not ask for certificates: then it
    may be any agent but one that the collector itself is.
    """
    names = authentication.get(_SUBJECT_ALTERNATIVE_NAME)
    if names is None:
        return not agent_id.startswith(REDFISH_PREFIX)
    return agent_id.encode() in set(names)


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, as its certificate says. Times are Unix seconds."""

    names: tuple[str, ...]
    serial: int
    begins_unix_seconds: int
    expires_unix_seconds: int


def peer_of(authentication: Mapping[str, Iterable[bytes]]) -> Peer | None:
    """PURE. Return the peer of a call, None where it showed no certificate; raises ValueError."""
    pem = b"".join(authentication.get(_CERTIFICATE, ()))
    if not pem:
        return None
    certificate = certificate_of(pem)
    names = authentication.get(_SUBJECT_ALTERNATIVE_NAME, ())
    return Peer(
        names=tuple(name.decode(errors="replace") for name in names),
        serial=certificate.serial_number,
        begins_unix_seconds=_unix_seconds(certificate.not_valid_before_utc),
        expires_unix_seconds=_unix_seconds(certificate.not_valid_after_utc),
    )


def _unix_seconds(instant: dt.datetime) -> int:
    return (instant - _BEFORE_TIME) // dt.timedelta(seconds=1)


class _Visit:
    """One open call of a peer."""

    __slots__ = ("peer", "task", "verdict")

    def __init__(self, peer: Peer, task: asyncio.Task[Any] | None) -> None:
        self.peer = peer
        self.task = task
        self.verdict = ""


class Doorman:
    """Lets calls in, and shows those out whose certificate has ended since."""

    def __init__(
        self,
        is_revoked: Callable[[Peer], bool] = lambda _: False,
        *,
        needs_certificate: bool = False,
        unix_seconds: Callable[[], float] = time.time,
    ) -> None:
        self.turned_away: Counter[str] = Counter()
        self._is_revoked = is_revoked
        self._needs_certificate = needs_certificate
        self._unix_seconds = unix_seconds
        self._visits: set[_Visit] = set()
        self._said: set[tuple[str, int]] = set()

    @contextlib.asynccontextmanager
    async def inside(self, context: Context) -> AsyncIterator[Peer | None]:
        """Give the peer of a call, for as long as it may stay; abort the call when it may not."""
        authentication = context.auth_context()
        peer, verdict = None, ""
        try:
            peer = peer_of(authentication)
        except ValueError:
            verdict = "unreadable"
        if peer is not None:
            verdict = self._verdict(peer)
        elif self._needs_certificate and _SUBJECT_ALTERNATIVE_NAME not in authentication:
            verdict = verdict or "missing"
        if verdict:
            await self._turn_away(context, peer, verdict)
        if peer is None:
            yield None
            return
        visit = _Visit(peer, asyncio.current_task())
        self._visits.add(visit)
        try:
            yield peer
        except asyncio.CancelledError:
            if not visit.verdict:
                raise
            visit.task = None
            await self._turn_away(context, peer, visit.verdict)
        finally:
            self._visits.discard(visit)

    async def run(self, refresh: Callable[[], None]) -> None:
        """Sweep until cancelled; `refresh` comes before each sweep."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            refresh()
            self.sweep()

    def sweep(self) -> None:
        """End every call whose peer may no longer stay."""
        for visit in self._visits:
            visit.verdict = visit.verdict or self._verdict(visit.peer)
            if visit.verdict and visit.task is not None:
                visit.task.cancel()  # again at the next sweep, should it be lost in a wait

    def _verdict(self, peer: Peer) -> str:
        """Return why a peer may not be here, '' if it may."""
        if self._unix_seconds() >= peer.expires_unix_seconds:
            return "expired"
        return "revoked" if self._is_revoked(peer) else ""

    async def _turn_away(self, context: Context, peer: Peer | None, verdict: str) -> NoReturn:
        serial = peer.serial if peer else 0
        if (verdict, serial) not in self._said and len(self._said) < _SAID_MAX:
            self._said.add((verdict, serial))
            names = ",".join(peer.names) if peer else ""
            LOG.warning("peer_turned_away reason=%s names=%r serial=%x", verdict, names, serial)
        self.turned_away[verdict] += 1
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, f"the certificate is {verdict}")
        raise AssertionError("abort does not return")
