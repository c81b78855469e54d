"""Stands before every HTTP route: who asks, whether he may, and how often he may be wrong.

A route is closed unless it says otherwise: one that declares no role needs an admin, one that does
not exist needs somebody who may read. Whoever is refused learns nothing else: the answer to an
unknown user is that to a wrong password, and takes as long.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import logging
import re
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from enum import StrEnum
from typing import Any, Final, TypeVar

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict

from wattgram_collector.access.budget import FailureBudget, peer_of
from wattgram_collector.access.credentials import Role, bearer, may
from wattgram_collector.access.credentials_file import LiveCredentials
from wattgram_collector.access.passwords import BusyError, PasswordCheck

LOG: Final = logging.getLogger("wattgram.access")
RETRY_SECONDS: Final = 10
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_PORT: Final = re.compile(r":[0-9]*$")
_NEEDS: Final = "wattgram_needs"
_IS_HEALTH: Final = "wattgram_is_health"
_ASKS_ITSELF: Final = "wattgram_asks_itself"
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Declared = TypeVar("Declared", bound=Callable[..., Any])


class Refused(StrEnum):
    """Why a request was not let in: a label of wattgram_http_refused_total."""

    NO_CREDENTIALS = "no_credentials"
    BAD_CREDENTIALS = "bad_credentials"
    FORBIDDEN = "forbidden"
    CROSS_ORIGIN = "cross_origin"
    FOREIGN_HOST = "foreign_host"
    SLOWED = "slowed"
    BUSY = "busy"


_ANSWERS: Final = {
    Refused.NO_CREDENTIALS: (401, "this needs a user or a token\n"),
    Refused.BAD_CREDENTIALS: (401, "this needs a user or a token\n"),
    Refused.FORBIDDEN: (403, "not with this role\n"),
    Refused.CROSS_ORIGIN: (403, "not from another site\n"),
    Refused.FOREIGN_HOST: (403, "not under this name: see access.names\n"),
    Refused.SLOWED: (429, "too many wrong answers from this address\n"),
    Refused.BUSY: (503, "busy\n"),
}


def needs(role: Role, *, is_health: bool = False) -> Callable[[Declared], Declared]:
    """Declare on a handler what role its routes need; without it they need an admin."""

    def declare(handler: Declared) -> Declared:
        setattr(handler, _NEEDS, role)
        setattr(handler, _IS_HEALTH, is_health)
        return handler

    return declare


def asks_itself(handler: Declared) -> Declared:
    """Declare that a handler asks for a proof of its own, as enrolment does for its token:
    everybody is let through to it. Nothing else is open.
    """
    setattr(handler, _ASKS_ITSELF, True)
    return handler


class Guard:
    """The middleware, and what it counts."""

    def __init__(
        self,
        live: LiveCredentials | None,
        *,
        open_health: bool = False,
        names: Iterable[str] = (),
        budget: FailureBudget | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Without `live` nobody is asked who he is, and everybody may read and no more: under an
        address, as localhost, or under one of `names`.
        """
        self.refused = dict.fromkeys(Refused, 0)
        self._live = live
        self._open_health = open_health
        self._names = frozenset(name.lower() for name in names)
        self._clock = clock
        self._budget = budget if budget is not None else FailureBudget()
        self._passwords = PasswordCheck(live, clock) if live is not None else None

    def stand_before(self, app: web.Application) -> None:
        """Close all of `app`, what is added later too, and put the headers on every answer."""
        logging.getLogger("aiohttp.server").addFilter(is_ours)
        app.middlewares.append(self._middleware)
        app.on_response_prepare.append(_add_headers)
        app.on_cleanup.append(self._close)

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        why = await self._why_not(request)
        if why is None:
            return await handler(request)
        self.refused[why] += 1
        return _answer(why)

    async def _why_not(self, request: web.Request) -> Refused | None:
        declared = request.match_info.handler
        exists = request.match_info.http_exception is None
        if exists and self._is_open(declared):
            return None
        held = await self._role_of(request)
        if isinstance(held, Refused):
            return held
        needed = getattr(declared, _NEEDS, Role.ADMIN) if exists else Role.READ
        if not may(held, needed):
            return Refused.FORBIDDEN
        return None if _is_own_site(request) else Refused.CROSS_ORIGIN

    def _is_open(self, handler: object) -> bool:
        if getattr(handler, _ASKS_ITSELF, False):
            return True
        return self._open_health and bool(getattr(handler, _IS_HEALTH, False))

    async def _role_of(self, request: web.Request) -> Role | Refused:
        if self._live is None or self._passwords is None:
            is_ours = is_own_name(request.headers.get("Host", ""), self._names)
            return Role.READ if is_ours else Refused.FOREIGN_HOST
        shown = request.headers.getall("Authorization", [])
        if not shown:
            return Refused.NO_CREDENTIALS
        authorization = shown[0] if len(shown) == 1 else ""
        # A right token gets in however many wrong answers came from its address: nobody guesses
        # one, so there is nothing to slow.
        token = bearer(authorization)
        found = self._live.current.token(token) if token else None
        if found is not None:
            return found.role
        return await self._role_by_password(peer_of(request.remote), authorization)

    async def _role_by_password(self, peer: str, authorization: str) -> Role | Refused:
        if self._passwords is None or not self._budget.take(peer, self._clock()):
            return Refused.SLOWED
        named = basic(authorization)
        if named is None:
            return Refused.BAD_CREDENTIALS
        try:
            user = await self._passwords.verify(*named)
        except BusyError:
            self._budget.give_back(peer, self._clock())
            return Refused.BUSY
        if user is None:
            return Refused.BAD_CREDENTIALS
        self._budget.give_back(peer, self._clock())
        return user.role

    async def _close(self, _: web.Application) -> None:
        if self._passwords is not None:
            self._passwords.close()


def is_ours(record: logging.LogRecord) -> bool:
    """Return whether a line of the HTTP server is about us. What peers send that is no HTTP would
    fill the disk with tracebacks: it is answered 400, and not logged.
    """
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def basic(authorization: str) -> tuple[str, str] | None:
    """PURE. Return name and password of an Authorization header, None where there are none."""
    scheme, _, packed = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(packed.strip(" "), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    name, colon, password = text.partition(":")
    return (name, password) if colon else None


def is_own_name(host: str, names: Collection[str]) -> bool:
    """PURE. Return whether the header Host names us: an address, localhost, one of `names`.

    The page of another site can have a browser on this host ask loopback under that site's name,
    once that name leads there, and then reads the answer as its own (DNS rebinding).
    """
    name = _PORT.sub("", host).lower()
    if not name or name == "localhost" or name.endswith(".localhost") or name in names:
        return True  # a browser always says a name
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _is_own_site(request: web.Request) -> bool:
    """Return whether what would change something was asked for by our own page, or by no page.

    A browser sends a password along whichever site asks; it also says which one that was.
    """
    if request.method in _SAFE_METHODS:
        return True
    origin = request.headers.get("Origin")
    return origin is None or origin.partition("://")[2].lower() == request.host.lower()


def _answer(why: Refused) -> web.Response:
    status, text = _ANSWERS[why]
    headers: CIMultiDict[str] = CIMultiDict()
    if status == web.HTTPUnauthorized.status_code:
        headers.add("WWW-Authenticate", 'Basic realm="wattgram", charset="UTF-8"')
        headers.add("WWW-Authenticate", 'Bearer realm="wattgram"')
    if why in {Refused.SLOWED, Refused.BUSY}:
        headers.add("Retry-After", str(RETRY_SECONDS))
    return web.Response(status=status, text=text, headers=headers)


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "wattgram"
