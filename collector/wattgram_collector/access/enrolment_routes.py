"""Enrolment over HTTPS: a token and a request in, a certificate out.

The token is the authentication, so these routes ask for no other. `GET /enroll/ca` gives what is
public: the agent compares it with the digest in its token, and then trusts nothing else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from aiohttp import web

from wattgram.certificates import (
    AUTHORITY_PATH,
    ENROL_PATH,
    MESSAGE_BYTES_MAX,
    CertificateMessageError,
    EnrolRequest,
)
from wattgram_collector.access.enrolment import Enrolment, RefusedError
from wattgram_collector.access.http import asks_itself

BODY_SECONDS: Final = 10.0
AT_ONCE_MAX: Final = 4
_STATUS: Final = {
    "token": 403,
    "request": 400,
    "identity": 409,
    "throttled": 429,
    "storage": 503,
}
_HEADERS: Final = {"Cache-Control": "no-store"}


def enrolment_routes(enrolment: Enrolment) -> Sequence[web.RouteDef]:
    """Return the routes over who decides."""
    turn = asyncio.Semaphore(AT_ONCE_MAX)

    @asks_itself
    async def authority(_: web.Request) -> web.Response:
        return web.Response(
            body=enrolment.authority.certificate_pem, content_type="application/x-pem-file"
        )

    @asks_itself
    async def enrol(request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _bounded(request)
        except (TimeoutError, _TooLongError):
            # An answer would mean to go on reading what comes, for it to arrive.
            if request.transport is not None:
                request.transport.abort()
            return _refusal(413, f"the body is more than {MESSAGE_BYTES_MAX} bytes, or too slow")
        try:
            asked = EnrolRequest.from_json(body)
        except CertificateMessageError as error:
            return _refusal(400, str(error))
        async with turn:
            try:
                issued = await asyncio.to_thread(
                    enrolment.enrol, asked, request.remote or "", int(time.time())
                )
            except RefusedError as error:
                return _refusal(_STATUS[error.reason], str(error))
        return web.Response(
            body=issued.to_json(), content_type="application/json", headers=_HEADERS
        )

    return (web.get(AUTHORITY_PATH, authority), web.post(ENROL_PATH, enrol))


class _TooLongError(Exception):
    pass


async def _bounded(request: web.Request) -> bytes:
    """Return the body; raises _TooLongError."""
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > MESSAGE_BYTES_MAX:
            raise _TooLongError
    return bytes(body)


def _refusal(status: int, detail: str) -> web.Response:
    return web.Response(status=status, text=detail + "\n", headers=_HEADERS)
