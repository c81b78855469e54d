"""The way to a provider's server: every way in which it can fail, and that no key is ever said."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import traceback
import zlib
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from certificates import issue
from fake_providers import Bodies, Handler, asking, says, serving
from wattgram_collector import __version__
from wattgram_collector.intensities.providers.answers import (
    outcome_of_status,
    retry_after_seconds,
)
from wattgram_collector.intensities.providers.client import Limits, proxy_of, unpacked, why
from wattgram_collector.intensities.providers.provider import Answer, Outcome, ProviderError

KEY = "key-that-no-text-may-hold"
SMALL = Limits(connect_seconds=5.0, total_seconds=5.0, body_bytes=1_000)
WEDNESDAY = 1_445_412_480  # 2015-10-21T07:28:00Z


async def ask(handler: Handler, limits: Limits = SMALL, path: str = "/api") -> Answer:
    """Ask with a key in the query and one in a header, as providers want it."""
    async with serving(handler) as server, asking(server.url, limits, WEDNESDAY) as client:
        return await client.get(path, parameters=[("key", KEY)], headers={"auth-token": KEY})


async def refused(handler: Handler, limits: Limits = SMALL) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await ask(handler, limits)
    text = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert KEY not in text
    assert "127.0.0.1" not in str(caught.value)
    return caught.value


async def test_an_answer_has_status_headers_and_body() -> None:
    answer = await ask(says(203, b'{"a": 1}', X_Mark="yes"))

    assert (answer.status, answer.headers["x-mark"], answer.body) == (203, "yes", b'{"a": 1}')


async def test_the_request_says_who_asks_and_what() -> None:
    async with serving(says()) as server, asking(server.url + "/base/") as client:
        await client.get("/v1/x", parameters=[("a", "1 &2"), ("a", "3")], headers={"H": "v"})

    (request,) = server.asked
    assert request.path == "/base/v1/x"
    assert request.query.getall("a") == ["1 &2", "3"]
    assert request.headers["User-Agent"] == f"wattgram-collector/{__version__}"
    assert request.headers["H"] == "v"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, "client_error"), (401, "unauthorized"), (403, "unauthorized"), (404, "not_found"),
        (408, "timeout"), (410, "not_found"), (422, "client_error"), (429, "rate_limited"),
        (500, "server_error"), (502, "server_error"), (503, "server_error"), (504, "timeout"),
        (304, "invalid"),
    ],
)  # fmt: skip
async def test_a_status_has_an_outcome(status: int, outcome: str) -> None:
    body = b"" if status == 304 else b"<html>nginx</html>"
    error = await refused(says(status, body))

    assert error.outcome.value == outcome
    assert str(error) == f"HTTP {status}"


@given(st.integers(-1_000, 10_000))
def test_every_status_has_an_outcome_and_only_2xx_are_good(status: int) -> None:
    assert (outcome_of_status(status) is Outcome.OK) is (200 <= status < 300)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Wed, 21 Oct 2015 07:30:00 GMT", 120.0),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0.0),
        ("9" * 400, 86_400.0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 86_400.0),
        ("-5", None),
        ("soon", None),
        ("1.5", None),
        ("٣", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(text, WEDNESDAY) == seconds


@given(st.text())
def test_any_retry_after_is_a_wait_of_a_day_at_most_or_none(text: str) -> None:
    found = retry_after_seconds(text, WEDNESDAY)

    assert found is None or 0 <= found <= 86_400


@pytest.mark.parametrize("status", [401, 429, 503])
async def test_a_refusal_says_how_long_to_wait(status: int) -> None:
    error = await refused(says(status, Retry_After="Wed, 21 Oct 2015 07:29:00 GMT"))

    assert error.retry_after_seconds == 60.0


@pytest.mark.parametrize(
    ("body", "length"), [([b"x" * 600] * 2, None), ([b"x"], 1_001), ([b"x" * 1_001], 1_001)]
)
async def test_a_body_over_the_cap_is_oversized(body: list[bytes], length: int | None) -> None:
    error = await refused(lambda _: Bodies(body, length=length))

    assert error.outcome is Outcome.OVERSIZED


async def test_a_body_of_the_cap_is_read() -> None:
    assert len((await ask(says(body=b"x" * 1_000))).body) == 1_000


async def test_a_body_that_is_cut_off_is_no_answer() -> None:
    error = await refused(lambda _: Bodies([b"[1, 2"], length=100))

    assert error.outcome is Outcome.UNREACHABLE


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (gzip.compress(b"[1, 2]"), "gzip"),
        (zlib.compress(b"[1, 2]"), "deflate"),
        (zlib.compress(b"[1, 2]")[2:-4], "deflate"),
        (b"[1, 2]", "identity"),
    ],
    ids=["gzip", "deflate", "deflate_without_header", "identity"],
)
async def test_a_compressed_body_is_unpacked(packed: bytes, encoding: str) -> None:
    assert (await ask(says(body=packed, Content_Encoding=encoding))).body == b"[1, 2]"


@pytest.mark.parametrize(
    ("packed", "encoding", "outcome"),
    [
        (gzip.compress(b"\0" * 900_000), "gzip", Outcome.OVERSIZED),
        (zlib.compress(b"\0" * 900_000), "deflate", Outcome.OVERSIZED),
        (gzip.compress(b"[1, 2]")[:-3], "gzip", Outcome.INVALID),
        (b"no gzip", "gzip", Outcome.INVALID),
        (b"", "gzip", Outcome.INVALID),
        (b"anything", "br", Outcome.INVALID),
    ],
    ids=["bomb", "bomb_of_zlib", "cut_off", "not_packed", "empty", "not_asked_for"],
)
async def test_a_bomb_and_what_cannot_be_unpacked(
    packed: bytes, encoding: str, outcome: Outcome
) -> None:
    assert len(packed) < 1_000
    assert (await refused(says(body=packed, Content_Encoding=encoding))).outcome is outcome


@given(st.binary(), st.sampled_from(["gzip", "deflate", "", "br"]))
def test_unpacking_is_total_and_never_beyond_the_limit(body: bytes, encoding: str) -> None:
    try:
        size = len(unpacked(body, encoding, 100))
    except ProviderError:
        return
    assert size <= max(100, len(body))


@given(st.binary(max_size=500))
def test_what_was_packed_is_unpacked(body: bytes) -> None:
    assert unpacked(gzip.compress(body), "GZIP", 500) == body


async def test_a_server_that_is_slow_times_out() -> None:
    error = await refused(lambda _: None, Limits(5.0, 0.05, 1_000))

    assert error.outcome is Outcome.TIMEOUT


async def test_a_body_that_never_ends_times_out() -> None:
    error = await refused(lambda _: Bodies([b"[1,"], hangs=True), Limits(5.0, 0.05, 1_000))

    assert error.outcome is Outcome.TIMEOUT


async def test_nobody_there_is_unreachable() -> None:
    async with serving(says()) as server:
        url = server.url
    async with asking(url) as client:
        with pytest.raises(ProviderError) as caught:
            await client.get("/", parameters=[("key", KEY)])

    text = "".join(traceback.format_exception(caught.value))
    assert caught.value.outcome is Outcome.UNREACHABLE
    assert "refused" in str(caught.value)
    assert "127.0.0.1" not in text
    assert KEY not in text


async def test_what_is_no_http_is_invalid() -> None:

    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 smtp.example ready\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, asking(f"http://127.0.0.1:{port}") as client:
        with pytest.raises(ProviderError) as caught:
            await client.get("/", parameters=[("key", KEY)])

    assert caught.value.outcome is Outcome.INVALID
    assert KEY not in str(caught.value)


async def test_a_redirect_within_the_host_is_followed() -> None:
    def handler(request: web.Request) -> web.StreamResponse:
        if request.path == "/api":
            return web.Response(status=307, headers={"Location": "/v2?key=" + KEY})
        return web.Response(body=b"there " + request.headers["auth-token"].encode())

    assert (await ask(handler)).body == b"there " + KEY.encode()


async def test_a_redirect_to_another_host_is_not() -> None:
    """It would be given the key."""
    async with serving(says()) as other:
        elsewhere = f"http://localhost:{other.port}/"
        error = await refused(lambda _: web.Response(status=302, headers={"Location": elsewhere}))

        assert error.outcome is Outcome.INVALID
        assert "another host" in str(error)
        assert other.asked == []


@pytest.mark.parametrize("location", ["/api", None, "https://127.0.0.1:1/", "http://[", "//x:y/"])
async def test_a_redirect_that_leads_nowhere_is_invalid(location: str | None) -> None:
    headers = {} if location is None else {"Location": location}
    error = await refused(lambda _: web.Response(status=301, headers=headers))

    assert error.outcome is Outcome.INVALID


async def test_a_key_that_is_no_header_is_not_repeated() -> None:
    async with serving(says()) as server, asking(server.url) as client:
        with pytest.raises(ProviderError) as caught:
            await client.get("/", headers={"auth-token": f"{KEY}\r\nX: y"})

    assert caught.value.outcome is Outcome.INVALID
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert server.asked == []


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    files = issue(tmp_path, "agent")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(files.server_certificate, files.server_key)
    async with serving(says(), tls) as server:
        async with asking(server.url.replace("http:", "https:")) as client:
            with pytest.raises(ProviderError) as caught:
                await client.get("/", parameters=[("key", KEY)])

        assert caught.value.outcome is Outcome.UNREACHABLE
        assert server.asked == []


async def test_a_proxy_is_used_where_one_is_given() -> None:
    def proxy(request: web.Request) -> web.StreamResponse:
        return web.Response(body=str(request.url).encode())

    async with (
        serving(proxy) as server,
        asking("http://provider.invalid", proxy=server.url) as client,
    ):
        assert (await client.get("/x")).body == b"http://provider.invalid/x"


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://api.example/x", "http://proxy:3128"),
        ("http://api.example/x", None),
        ("https://intern.example/x", None),
    ],
)
def test_the_proxy_is_the_one_of_the_scheme_but_for_no_proxy(url: str, found: str | None) -> None:
    variables = {"https": "http://proxy:3128", "no": "intern.example"}

    assert proxy_of(url, variables) == found


async def test_the_environment_names_no_proxy_unless_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    assert (await ask(says())).body == b"{}"
    assert proxy_of("http://api.example") == "http://127.0.0.1:1"


def test_why_never_repeats_a_url() -> None:
    leaky = aiohttp.ClientError(f"GET https://host/?key={KEY}")

    assert why(leaky) == "ClientError"
    assert why(OSError(111, "Connection refused")) == "ConnectionRefusedError: Connection refused"
