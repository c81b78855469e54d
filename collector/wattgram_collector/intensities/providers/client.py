"""The way to a provider's server: TLS, time and size limits, one host, nothing secret in any text.

Keys travel in query parameters or headers, so no text of this module is ever made from a URL, a
header or the text of another library's exception: provider, path-free kind of trouble, no more.
"""

from __future__ import annotations

import errno
import os
import socket
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple
from urllib.request import getproxies_environment, proxy_bypass

import aiohttp
from yarl import URL

from wattgram.units import BYTES_PER_MEBIBYTE
from wattgram_collector import __version__
from wattgram_collector.intensities.providers.answers import (
    outcome_of_status,
    retry_after_seconds,
)
from wattgram_collector.intensities.providers.provider import Answer, Outcome, ProviderError

USER_AGENT: Final = f"wattgram-collector/{__version__}"
REDIRECTS_MAX: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_DNS_SECONDS: Final = 300


class Limits(NamedTuple):
    """How long to wait for a connection and for everything, and for how much of a body."""

    connect_seconds: float = 10.0
    total_seconds: float = 20.0
    body_bytes: int = 2 * BYTES_PER_MEBIBYTE


def session() -> aiohttp.ClientSession:
    """Return the session that all providers share: no cookies, no netrc, nothing unpacked."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ttl_dns_cache=_DNS_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate"},
    )


class HttpClient:
    """One provider's server. Implements the seam `Client`."""

    def __init__(
        self,
        aiohttp_session: aiohttp.ClientSession,
        base_url: str,
        *,
        limits: Limits | None = None,
        proxy: str | None = None,
        unix_seconds: Callable[[], float] = time.time,
    ) -> None:
        self._session = aiohttp_session
        self._base_url = base_url.rstrip("/")
        self._limits = limits or Limits()
        self._proxy = proxy
        self._unix_seconds = unix_seconds
        self._timeout = aiohttp.ClientTimeout(
            total=self._limits.total_seconds,
            connect=self._limits.connect_seconds,
            sock_connect=self._limits.connect_seconds,
        )

    async def get(
        self,
        path: str,
        *,
        parameters: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """See `Client.get`. Redirects are followed within the host only, with the same headers."""
        try:
            url = URL(self._base_url + path)
            if parameters:
                url = url.with_query(list(parameters))
            return await self._get(url, headers or {}, REDIRECTS_MAX)
        except TimeoutError:
            text = f"no answer in {self._limits.total_seconds:g} s"
            raise ProviderError(Outcome.TIMEOUT, text) from None
        except (aiohttp.ClientResponseError, aiohttp.InvalidURL) as error:
            raise ProviderError(Outcome.INVALID, type(error).__name__) from None
        except (aiohttp.ClientError, OSError) as error:
            raise ProviderError(Outcome.UNREACHABLE, why(error)) from None
        except ValueError:  # of a header or a URL that is none, and might hold a key
            raise ProviderError(Outcome.INVALID, "the request cannot be made") from None

    async def _get(self, url: URL, headers: Mapping[str, str], redirects: int) -> Answer:
        async with self._session.get(
            url,
            headers=headers,
            allow_redirects=False,
            timeout=self._timeout,
            proxy=self._proxy,
        ) as answer:
            status = answer.status
            lower = {name.lower(): value for name, value in answer.headers.items()}
            if status not in _REDIRECTS:
                self._require_ok(status, lower)
                return Answer(status, lower, await self._body(answer, lower))
        return await self._get(_target(url, lower, redirects), headers, redirects - 1)

    def _require_ok(self, status: int, headers: Mapping[str, str]) -> None:
        outcome = outcome_of_status(status)
        if outcome is not Outcome.OK:
            wait = retry_after_seconds(headers.get("retry-after"), self._unix_seconds())
            raise ProviderError(outcome, f"HTTP {status}", retry_after_seconds=wait)

    async def _body(self, answer: aiohttp.ClientResponse, headers: Mapping[str, str]) -> bytes:
        limit = self._limits.body_bytes
        if (answer.content_length or 0) > limit:
            raise oversized(limit)
        body = bytearray()
        async for chunk in answer.content.iter_any():
            body += chunk
            if len(body) > limit:
                raise oversized(limit)
        return unpacked(bytes(body), headers.get("content-encoding", ""), limit)


def _target(url: URL, headers: Mapping[str, str], redirects: int) -> URL:
    """Return where a redirect leads; raises ProviderError unless to the same host, and soon."""
    target = url.join(URL(headers.get("location", "")))
    if target.origin() != url.origin():
        raise ProviderError(Outcome.INVALID, "a redirect to another host is not followed")
    if not redirects:
        raise ProviderError(Outcome.INVALID, f"more than {REDIRECTS_MAX} redirects")
    return target


def oversized(limit_bytes: int) -> ProviderError:
    return ProviderError(Outcome.OVERSIZED, f"more than {limit_bytes} bytes")


def unpacked(body: bytes, encoding: str, limit_bytes: int) -> bytes:
    """PURE. Undo a content encoding, never to more than the limit; raises ProviderError."""
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"}:
        return body
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise ProviderError(Outcome.INVALID, "a content encoding that was not asked for")
    # Some servers send "deflate" without its header of two bytes.
    bare = encoding == "deflate" and body[:1] and body[0] & 0x0F != zlib.DEFLATED
    machine = zlib.decompressobj(-zlib.MAX_WBITS if bare else _GZIP_OR_ZLIB)
    try:
        plain = machine.decompress(body, limit_bytes + 1)
    except zlib.error:
        raise ProviderError(Outcome.INVALID, "compressed badly") from None
    if len(plain) > limit_bytes:
        raise oversized(limit_bytes)
    if not machine.eof:
        raise ProviderError(Outcome.INVALID, "compressed, and cut off")
    return plain


def why(error: Exception) -> str:
    """PURE. Return what a network's exception is, without its text, which may hold an address."""
    cause = getattr(error, "os_error", error)
    name = type(error).__name__
    if isinstance(cause, socket.gaierror):
        return f"{name}: {cause.strerror}"
    number = (isinstance(cause, OSError) and cause.errno) or 0
    return f"{name}: {os.strerror(number)}" if number in errno.errorcode else name


def proxy_of(url: str, variables: Mapping[str, str] | None = None) -> str | None:
    """Return the proxy that the environment names for this URL, with no_proxy honoured."""
    proxies = dict(variables) if variables is not None else getproxies_environment()
    target = URL(url)
    if proxy_bypass(target.raw_host or "", proxies):
        return None
    return proxies.get(target.scheme)
