"""One small GET over plain HTTP, with a limit on its time as a whole and on its size.

HTTP/1.0, so that nobody answers in chunks or keeps the connection; no redirects, no TLS. The
standard library's client costs 1 MiB and has a limit on each read, not on their sum.
"""

from __future__ import annotations

import re
import socket
import time
from typing import Final, NamedTuple

BODY_BYTES_MAX: Final = 1 << 16
_HEAD_BYTES_MAX: Final = 1 << 13
_CHUNK_BYTES: Final = 1 << 13

_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3})(?: |\r|$)")
_LENGTH: Final = re.compile(rb"(?im)^content-length:[ \t]*(\d{1,9})[ \t]*\r?$")
_CHUNKED: Final = re.compile(rb"(?im)^transfer-encoding:[^\r\n]*chunked")


class HttpAddress(NamedTuple):
    """Where to ask. `target` is path and query, `authorization` a header's value or empty."""

    host: str
    port: int
    target: str
    authorization: str = ""


class HttpError(Exception):
    """No answer. `reason` is a gap's reason; the text names no address and no secret."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def get(address: HttpAddress, timeout_seconds: float) -> bytes:
    """Return the body of a 200 answer; raises HttpError.

    Only the look-up of a host name, which Python cannot interrupt, is outside of the time.
    """
    deadline = time.monotonic() + timeout_seconds
    try:
        with socket.create_connection((address.host, address.port), timeout_seconds) as connection:
            connection.sendall(_request(address))
            answer = _receive(connection, deadline)
    except TimeoutError as error:
        raise HttpError("timeout", f"no answer within {timeout_seconds:g} s") from error
    except (OSError, ValueError) as error:
        # ValueError: a host name that cannot be one.
        text = getattr(error, "strerror", None) or type(error).__name__
        raise HttpError("unreadable", f"no connection: {text}") from error
    return parse_answer(answer)


def parse_answer(answer: bytes) -> bytes:
    """Return the body of a whole answer; raises HttpError."""
    head, found, body = answer.partition(b"\r\n\r\n")
    status = _STATUS.match(head)
    if status is None or not found:
        raise HttpError("unreadable", "the answer is not HTTP")
    if status[1] in {b"401", b"403"}:
        raise HttpError("permission_denied", f"HTTP {status[1].decode()}: it wants a password")
    if status[1].startswith(b"3"):
        raise HttpError("unreadable", f"HTTP {status[1].decode()}: redirects are not followed")
    if status[1] != b"200":
        raise HttpError("unreadable", f"HTTP {status[1].decode()}")
    if _CHUNKED.search(head):
        raise HttpError("unreadable", "the answer is in chunks, which HTTP/1.0 does not have")
    length = _LENGTH.search(head)
    if length is not None and len(body) < int(length[1]):
        raise HttpError("unreadable", f"the answer ends after {len(body)} of {int(length[1])}")
    body = body if length is None else body[: int(length[1])]
    if len(body) > BODY_BYTES_MAX:
        raise HttpError("unreadable", f"the answer is longer than {BODY_BYTES_MAX} bytes")
    return body


def _request(address: HttpAddress) -> bytes:
    host = f"[{address.host}]" if ":" in address.host else address.host
    lines = [
        f"GET {address.target} HTTP/1.0",
        f"Host: {host}:{address.port}",
        "Accept: application/json",
        "Connection: close",
        *([f"Authorization: {address.authorization}"] if address.authorization else []),
    ]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("ascii")


def _receive(connection: socket.socket, deadline: float) -> bytes:
    """Return all that comes up to the end, to the length that is told, or to the limit."""
    answer = bytearray()
    while len(answer) <= _HEAD_BYTES_MAX + BODY_BYTES_MAX and not _is_whole(answer):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        chunk = connection.recv(_CHUNK_BYTES)
        if not chunk:
            break
        answer += chunk
    return bytes(answer)


def _is_whole(answer: bytearray) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    length = _LENGTH.search(head) if found else None
    return length is not None and len(body) >= int(length[1])
