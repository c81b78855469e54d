"""A gRPC channel to one address, with what vouches for both sides."""

from __future__ import annotations

from typing import Final

import grpc
import grpc.aio

from wattgram.private import read_private
from wattgram_agent.bearer import with_token
from wattgram_agent.config import AgentConfig

CHANNEL_OPTIONS: Final = (
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # A stream between two deliveries an hour apart is found dead all the same.
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.enable_retries", 0),
    ("grpc.max_receive_message_length", 1024 * 1024),
    # The backoff is ours; gRPC's own would sit on top of it.
    ("grpc.initial_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 10_000),
)
_NEEDS_SOMEBODY: Final = {
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.UNIMPLEMENTED,
}


class DeliveryError(Exception):
    """The collector could not be reached, or said something that is not the protocol.

    `patience` is how many failures it counts for: what heals by itself is tried again soon.
    """

    def __init__(self, reason: str, patience: int = 0) -> None:
        super().__init__(reason)
        self.patience = patience


def as_delivery_error(error: grpc.aio.AioRpcError) -> DeliveryError:
    """Return what the end of a call means; one that asks for less gets it, at half a minute."""
    return ended_as(error.code(), error.details())


def ended_as(code: grpc.StatusCode, details: str | None) -> DeliveryError:
    """PURE. Return what a status means."""
    patience = 0
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        patience = 3
    elif code in _NEEDS_SOMEBODY:
        patience = 5
    return DeliveryError(f"{code.name}: {details}", patience)


def open_channel(config: AgentConfig, address: str = "") -> grpc.aio.Channel:
    """Open a channel: TLS where a CA is configured, plaintext (loopback only) where not.

    Raises DeliveryError when a certificate file cannot be read.
    """
    tls, address = config.tls, address or config.collector.address
    if tls.ca_file is None:
        return grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
    try:
        credentials = grpc.ssl_channel_credentials(
            root_certificates=tls.ca_file.read_bytes(),
            private_key=read_private(tls.key_file) if tls.key_file else None,
            certificate_chain=tls.certificate_file.read_bytes() if tls.certificate_file else None,
        )
        if tls.token_file is not None:
            credentials = with_token(credentials, tls.token_file)
    except OSError as error:
        raise DeliveryError(f"{error.filename}: {error.strerror}") from error
    return grpc.aio.secure_channel(address, credentials, options=CHANNEL_OPTIONS)
