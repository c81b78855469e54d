"""Renewal over gRPC: an agent whose certificate is in force asks for the next one."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

import grpc
import grpc.aio

from wattgram.certificates import RENEW_METHOD, CertificateMessageError, decode_renewal
from wattgram_collector.access.enrolment import Enrolment, RefusedError
from wattgram_collector.ingest.identity import Context, Doorman

AT_ONCE_MAX: Final = 4
_CODE: Final = {
    "identity": grpc.StatusCode.PERMISSION_DENIED,
    "request": grpc.StatusCode.INVALID_ARGUMENT,
    "throttled": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "storage": grpc.StatusCode.UNAVAILABLE,
}


class RenewalService:
    """The method `Renew`, beside the ingest's of the same service."""

    def __init__(self, enrolment: Enrolment, doorman: Doorman) -> None:
        self._enrolment = enrolment
        self._doorman = doorman
        self._turn = asyncio.Semaphore(AT_ONCE_MAX)

    def add_to(self, server: grpc.aio.Server) -> None:
        _, service, method = RENEW_METHOD.split("/")
        handler: Any = grpc.unary_unary_rpc_method_handler(self.renew)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {method: handler}),)
        )

    async def renew(self, data: bytes, context: Context) -> bytes:
        async with self._doorman.inside(context) as peer, self._turn:
            try:
                issued = await asyncio.to_thread(
                    self._enrolment.renew, peer, decode_renewal(data), int(time.time())
                )
            except CertificateMessageError as error:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            except RefusedError as error:
                await context.abort(_CODE[error.reason], str(error))
            return issued.encode()
