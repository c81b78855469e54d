"""One small GET: what servers answer, and how long and how much of it is listened to."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram_agent.http_get import BODY_BYTES_MAX, HttpAddress, HttpError, get, parse_answer

SOON = 0.3
LONG = 20.0
OK = b"HTTP/1.1 200 OK\r\n"

Serve = Callable[..., HttpAddress]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Answer one connection with these bytes; `then` says what to do before it is closed."""
    threads: list[threading.Thread] = []
    stop = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def start(
        answer: bytes = b"",
        then: Callable[[socket.socket, threading.Event], None] = lambda *_: None,
        requests: list[bytes] | None = None,
    ) -> HttpAddress:
        def serve_one() -> None:
            connection, _ = listener.accept()
            with connection:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += connection.recv(4096)
                if requests is not None:
                    requests.append(request)
                try:
                    connection.sendall(answer)
                    then(connection, stop)
                except OSError:
                    pass  # the other side has heard enough

        threads.append(threading.Thread(target=serve_one))
        threads[-1].start()
        return HttpAddress("127.0.0.1", listener.getsockname()[1], "/status?id=0")

    with closing(listener):
        yield start
        stop.set()
        for thread in threads:
            thread.join()


def keep_open(_: socket.socket, stop: threading.Event) -> None:
    stop.wait()


def drip(connection: socket.socket, stop: threading.Event) -> None:
    while not stop.wait(0.02):
        connection.sendall(b"x")


def flood(connection: socket.socket, stop: threading.Event) -> None:
    while not stop.is_set():
        connection.sendall(b"x" * 10_000)


def failure(address: HttpAddress, timeout_seconds: float = LONG) -> HttpError:
    with pytest.raises(HttpError) as caught:
        get(address, timeout_seconds)
    return caught.value


def test_a_request_is_plain_and_complete(serve: Serve) -> None:
    requests: list[bytes] = []
    address = serve(OK + b"\r\n{}", requests=requests)

    assert get(address, LONG) == b"{}"
    assert requests == [
        b"GET /status?id=0 HTTP/1.0\r\n"
        b"Host: 127.0.0.1:%d\r\n"
        b"Accept: application/json\r\n"
        b"Connection: close\r\n"
        b"\r\n" % address.port
    ]


def test_a_password_goes_with_the_request(serve: Serve) -> None:
    requests: list[bytes] = []
    address = serve(OK + b"\r\n{}", requests=requests)._replace(authorization="Basic eDp5")

    get(address, LONG)

    assert b"\r\nAuthorization: Basic eDp5\r\n" in requests[0]


def test_an_answer_of_known_length_ends_where_it_ends(serve: Serve) -> None:
    """Whoever keeps the connection open must not cost the whole time."""
    answer = OK + b"Content-Length: 2\r\n\r\n{}"

    assert get(serve(answer, keep_open), LONG) == b"{}"


def test_what_follows_the_length_is_not_the_body() -> None:
    assert parse_answer(OK + b"content-length:  2 \r\n\r\n{}rest") == b"{}"


@pytest.mark.parametrize(
    ("answer", "reason", "detail"),
    [
        (b"", "unreadable", "the answer is not HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "unreadable", "the answer is not HTTP"),
        (OK, "unreadable", "the answer is not HTTP"),
        (b"HTTP/1.1 2000 OK\r\n\r\n{}", "unreadable", "the answer is not HTTP"),
        (b"HTTP/1.1 401 No\r\n\r\n", "permission_denied", "HTTP 401: it wants a password"),
        (b"HTTP/1.1 403 No\r\n\r\n", "permission_denied", "HTTP 403: it wants a password"),
        (b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", "unreadable",
         "HTTP 302: redirects are not followed"),
        (b"HTTP/1.1 404\r\n\r\n", "unreadable", "HTTP 404"),
        (b"HTTP/1.1 500 Oh\r\n\r\n{}", "unreadable", "HTTP 500"),
        (b"HTTP/1.1 204 None\r\n\r\n", "unreadable", "HTTP 204"),
        (OK + b"Content-Length: 3\r\n\r\n{}", "unreadable", "the answer ends after 2 of 3"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", "unreadable",
         "the answer is in chunks, which HTTP/1.0 does not have"),
        (OK + b"\r\n" + b"x" * (BODY_BYTES_MAX + 1), "unreadable",
         f"the answer is longer than {BODY_BYTES_MAX} bytes"),
    ],
)  # fmt: skip
def test_what_is_not_a_good_answer_is_told(answer: bytes, reason: str, detail: str) -> None:
    with pytest.raises(HttpError) as caught:
        parse_answer(answer)

    assert (caught.value.reason, caught.value.detail) == (reason, detail)


def test_a_body_of_just_the_limit_is_taken(serve: Serve) -> None:
    body = b"x" * BODY_BYTES_MAX

    assert get(serve(OK + b"\r\n" + body), LONG) == body


def test_a_server_that_says_nothing_is_a_timeout(serve: Serve) -> None:
    error = failure(serve(b"", keep_open), SOON)

    assert (error.reason, error.detail) == ("timeout", "no answer within 0.3 s")


def test_a_server_that_falls_silent_costs_the_time_and_no_more(serve: Serve) -> None:
    begin = time.monotonic()

    assert failure(serve(OK, keep_open), SOON).reason == "timeout"
    assert time.monotonic() - begin < 2.0


@pytest.mark.parametrize("answer", [b"", OK, OK + b"\r\n", OK + b"Content-Length: 99999\r\n\r\n"])
def test_a_server_that_goes_on_dripping_is_a_timeout(serve: Serve, answer: bytes) -> None:
    assert failure(serve(answer, drip), SOON).reason == "timeout"


@pytest.mark.parametrize(
    "answer", [b"", OK, OK + b"\r\n", OK + b"Content-Length: 999999999\r\n\r\n"]
)
def test_a_server_that_sends_without_end_is_cut_off(serve: Serve, answer: bytes) -> None:
    assert failure(serve(answer, flood)).reason == "unreadable"


def test_nobody_there_is_a_failure() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]

    error = failure(HttpAddress("127.0.0.1", port, "/"))

    assert (error.reason, error.detail) == ("unreadable", "no connection: Connection refused")


@pytest.mark.parametrize("host", ["a..b", "x" * 70, "."])
def test_a_host_that_cannot_be_is_a_failure(host: str) -> None:
    assert failure(HttpAddress(host, 80, "/")).reason == "unreadable"


@given(st.binary() | st.binary().map(lambda rest: OK + rest) | st.binary().map(
    lambda rest: OK + b"Content-Length: 4\r\n\r\n" + rest))  # fmt: skip
def test_no_bytes_raise_anything_else(answer: bytes) -> None:
    try:
        body = parse_answer(answer)
    except HttpError:
        return
    assert body in answer
