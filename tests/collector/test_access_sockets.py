"""Both sides under TLS on real sockets: tokens of agents, certificates, and reading them again."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import grpc.aio
import pytest

from builders import batch, hello
from certificates import Certificates, issue
from collector_fakes import Caller, configured, connected
from letting_in import (
    ADMIN_TOKEN,
    AGENT_ID,
    AGENT_TOKEN,
    READ_TOKEN,
    basic,
    bearing,
    everybody,
    live,
    token,
    written,
)
from wattgram.wire import DELIVER_METHOD, encode_batch
from wattgram_collector.access import tls
from wattgram_collector.access.credentials import Role
from wattgram_collector.access.tls import TlsError
from wattgram_collector.access.watch import LOOK_SECONDS, CredentialsWatch
from wattgram_collector.config import CollectorConfig, GrpcSettings, HttpSettings
from wattgram_collector.daemon import StartError, serving
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.reload import Reload


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issue(tmp_path_factory.mktemp("certificates"), AGENT_ID)


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issue(tmp_path_factory.mktemp("strangers"), AGENT_ID)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    with closing(SqliteLedger(tmp_path / "ledger.sqlite")) as opened:
        yield opened


@pytest.fixture
def config(tmp_path: Path, files: Certificates) -> CollectorConfig:
    """TLS and authentication on both sides, with a file that holds one of everybody."""
    config = configured(
        tmp_path,
        grpc=GrpcSettings(
            address="127.0.0.1:0",
            certificate_file=files.server_certificate,
            key_file=files.server_key,
            authentication="token",
        ),
        http=HttpSettings(
            address="127.0.0.1:0",
            certificate_file=files.server_certificate,
            key_file=files.server_key,
            authentication="required",
        ),
    )
    written(config.credentials_path)
    return config


# ── agents ───────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def calling(
    port: int, files: Certificates, *shown: tuple[str, str]
) -> AsyncIterator[Caller]:
    """Open a stream under TLS with this metadata."""
    credentials = grpc.ssl_channel_credentials(files.authority.read_bytes())
    async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials) as channel:
        call = channel.stream_stream(DELIVER_METHOD)(metadata=shown)
        yield Caller(call)
        call.cancel()


def with_token(shown: str) -> tuple[str, str]:
    return ("authorization", f"Bearer {shown}")


async def refusal(caller: Caller, agent_id: str = AGENT_ID) -> tuple[grpc.StatusCode, str]:
    """Return how the stream ends that must not be welcomed."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await caller.greet(hello(agent_id))
    return caught.value.code(), caught.value.details() or ""


async def ended(caller: Caller) -> tuple[grpc.StatusCode, str]:
    """Wait until the collector ends the stream; return how."""
    async with asyncio.timeout(5):
        return await caller.call.code(), await caller.call.details()


async def test_a_token_speaks_for_its_agent_and_for_no_other(
    config: CollectorConfig, ledger: SqliteLedger, files: Certificates
) -> None:
    async with serving(config, ledger) as (port, _):
        async with calling(port, files, with_token(AGENT_TOKEN)) as caller:
            await caller.greet(hello(AGENT_ID))
            await caller.send(encode_batch(batch()))
            assert (await caller.until(1)).applied_sequence == 1
        for other in ("agent-2", "redfish:rack1", AGENT_ID.upper()):
            async with calling(port, files, with_token(AGENT_TOKEN)) as caller:
                code, text = await refusal(caller, other)
                assert code is grpc.StatusCode.PERMISSION_DENIED
                assert AGENT_TOKEN not in text
    assert [one.agent_id for one in ledger.agents()] == [AGENT_ID]


async def test_without_a_token_of_an_agent_no_stream_is_opened(
    config: CollectorConfig, ledger: SqliteLedger, files: Certificates
) -> None:
    own = written(
        config.credentials_path,
        everybody().with_token(token("fake", Role.AGENT, "redfish", "redfish:rack1")),
    )
    assert own
    async with serving(config, ledger) as (port, http_port):
        for shown in (
            (),
            [with_token("wgb_unknown")],
            [with_token(READ_TOKEN)],
            [with_token(ADMIN_TOKEN)],
            [with_token(AGENT_TOKEN), with_token(AGENT_TOKEN)],
            [("authorization", AGENT_TOKEN)],
            [with_token("redfish")],
        ):
            async with calling(port, files, *shown) as caller:
                agent_id = "redfish:rack1" if shown == [with_token("redfish")] else AGENT_ID
                assert (await refusal(caller, agent_id))[0] is grpc.StatusCode.UNAUTHENTICATED
        async with connected(port) as caller:
            assert (await refusal(caller))[0] is grpc.StatusCode.UNAVAILABLE  # it is plaintext
        page = await _get(http_port, "/metrics", files, bearing(READ_TOKEN))
    assert "wattgram_ingest_refused_tokens_total 7.0" in page[1]
    assert ledger.agents() == []


async def test_a_removed_token_ends_its_stream_and_no_other(
    config: CollectorConfig, ledger: SqliteLedger, files: Certificates
) -> None:
    second = token("second", Role.AGENT, "second-token", "agent-2")
    written(config.credentials_path, everybody().with_token(second))
    reload = Reload()
    async with (
        serving(config, ledger, reload) as (port, _),
        calling(port, files, with_token(AGENT_TOKEN)) as removed,
        calling(port, files, with_token("second-token")) as kept,
    ):
        await removed.greet(hello(AGENT_ID))
        await kept.greet(hello("agent-2", "host-2"))
        written(config.credentials_path, everybody().with_token(second).without_token("host"))
        reload.now()
        code, text = await ended(removed)
        await kept.send(encode_batch(batch()))
        assert (await kept.until(1)).applied_sequence == 1
        async with calling(port, files, with_token(AGENT_TOKEN)) as again:
            assert (await refusal(again))[0] is grpc.StatusCode.UNAUTHENTICATED
    assert (code, text) == (grpc.StatusCode.UNAUTHENTICATED, "the token was removed")


async def test_a_token_is_replaced_without_ending_what_another_of_the_same_agent_opened(
    config: CollectorConfig, ledger: SqliteLedger, files: Certificates
) -> None:
    both = everybody().with_token(token("new", Role.AGENT, "new-token", AGENT_ID))
    written(config.credentials_path, both)
    reload = Reload()
    async with (
        serving(config, ledger, reload) as (port, _),
        calling(port, files, with_token("new-token")) as caller,
    ):
        await caller.greet(hello(AGENT_ID))
        written(config.credentials_path, both.without_token("host"))
        reload.now()
        await caller.send(encode_batch(batch()))
        assert (await caller.until(1)).applied_sequence == 1
        written(config.credentials_path)
        reload.now()
        code, _ = await ended(caller)
    assert code is grpc.StatusCode.UNAUTHENTICATED


async def test_a_token_that_is_given_to_another_agent_ends_the_stream_of_the_first(
    config: CollectorConfig, ledger: SqliteLedger, files: Certificates
) -> None:
    reload = Reload()
    async with (
        serving(config, ledger, reload) as (port, _),
        calling(port, files, with_token(AGENT_TOKEN)) as caller,
    ):
        await caller.greet(hello(AGENT_ID))
        given = token("host", Role.AGENT, AGENT_TOKEN, "agent-2")
        written(config.credentials_path, everybody().without_token("host").with_token(given))
        reload.now()
        assert (await ended(caller))[0] is grpc.StatusCode.UNAUTHENTICATED


# ── HTTP ─────────────────────────────────────────────────────────────────────────────────


async def _get(
    port: int, path: str, files: Certificates, headers: dict[str, str] | None = None
) -> tuple[int, str]:
    context = ssl.create_default_context(cafile=files.authority)
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"https://127.0.0.1:{port}{path}", ssl=context, headers=headers) as answer,
    ):
        return answer.status, await answer.text()


async def test_every_route_of_a_running_collector_is_closed(
    config: CollectorConfig, ledger: SqliteLedger, files: Certificates
) -> None:
    async with serving(config, ledger) as (_, port):
        for path in ("/", "/metrics", "/healthz", "/readyz", "/nowhere"):
            assert (await _get(port, path, files))[0] == 401
            assert (await _get(port, path, files, basic("reader", "wrong")))[0] == 401
            assert (await _get(port, path, files, bearing(AGENT_TOKEN)))[0] == 403
            good = 404 if path == "/nowhere" else 200
            assert (await _get(port, path, files, bearing(READ_TOKEN)))[0] == good
        status, page = await _get(port, "/metrics", files, bearing(READ_TOKEN))
    assert 'wattgram_http_refused_total{reason="no_credentials"} 5.0' in page
    assert 'wattgram_http_refused_total{reason="bad_credentials"} 5.0' in page
    assert 'wattgram_http_refused_total{reason="forbidden"} 5.0' in page
    assert status == 200


async def test_a_client_that_trusts_another_authority_does_not_talk_to_it(
    config: CollectorConfig, ledger: SqliteLedger, strangers: Certificates
) -> None:
    async with serving(config, ledger) as (_, port):
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await _get(port, "/metrics", strangers, bearing(READ_TOKEN))


async def test_plaintext_and_old_tls_get_nothing_from_the_tls_port(
    config: CollectorConfig, ledger: SqliteLedger, files: Certificates
) -> None:
    async with serving(config, ledger) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        said = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        assert b"HTTP" not in said
        old = ssl.create_default_context(cafile=files.authority)
        old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(ssl.SSLError):
            await asyncio.open_connection("127.0.0.1", port, ssl=old)
        assert (await _get(port, "/healthz", files, bearing(READ_TOKEN)))[0] == 200


async def test_users_and_the_certificate_are_read_again(
    config: CollectorConfig, ledger: SqliteLedger, files: Certificates, tmp_path: Path
) -> None:
    """A renewed certificate serves the next connection; one that does not fit changes nothing."""
    renewed = issue(tmp_path / "renewed", AGENT_ID)
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    shutil.copy(files.server_certificate, certificate)
    shutil.copy(files.server_key, key)
    http = HttpSettings(address="127.0.0.1:0", certificate_file=certificate, key_file=key,
                        authentication="required")  # fmt: skip
    reload = Reload()
    changed = configured(tmp_path, http=http)
    async with serving(changed, ledger, reload) as (_, port):
        shutil.copy(renewed.server_certificate, certificate)
        reload.now()  # the key is not there yet
        assert not reload.was_successful
        status, page = await _get(port, "/metrics", files, bearing(READ_TOKEN))
        assert (status, "wattgram_config_last_reload_successful 0.0" in page) == (200, True)
        shutil.copy(renewed.server_key, key)
        reload.now()
        assert reload.was_successful
        assert (await _get(port, "/healthz", renewed, bearing(READ_TOKEN)))[0] == 200
        written(changed.credentials_path, everybody().without_token("scraper"))
        reload.now()
        async with asyncio.timeout(5):
            while (await _get(port, "/healthz", renewed, bearing(READ_TOKEN)))[0] == 200:
                pass


async def test_a_file_that_changes_is_read_without_being_told_to(tmp_path: Path) -> None:
    reviews: asyncio.Queue[int] = asyncio.Queue()
    credentials = live(tmp_path)

    async def review() -> None:
        reviews.put_nowait(len(credentials.current.tokens))

    patient = CredentialsWatch(credentials, review, 1_000)
    waiting = asyncio.ensure_future(patient.run())
    patient.wake()
    assert await asyncio.wait_for(reviews.get(), 5) == 3
    waiting.cancel()
    watching = asyncio.ensure_future(CredentialsWatch(credentials, review, 0.001).run())
    written(credentials.path, everybody().without_token("host"))
    assert await asyncio.wait_for(reviews.get(), 5) == 2
    written(credentials.path, everybody())
    assert await asyncio.wait_for(reviews.get(), 5) == 3
    assert LOOK_SECONDS <= 2
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching


# ── what it does not start with ──────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda config: config.credentials_path.chmod(0o644), "chmod 600"),
        (lambda config: config.credentials_path.write_text("?"), "line 1: not JSON"),
    ],
)
async def test_it_does_not_start_on_credentials_that_it_cannot_trust(
    config: CollectorConfig, ledger: SqliteLedger, spoil: Any, complaint: str
) -> None:
    spoil(config)
    with pytest.raises(StartError, match=complaint):
        async with serving(config, ledger):
            pass


def test_a_certificate_is_refused_with_the_name_of_the_file_at_fault(
    tmp_path: Path, files: Certificates, strangers: Certificates
) -> None:
    none, open_key, empty = tmp_path / "none", tmp_path / "open.key", tmp_path / "empty"
    shutil.copy(files.server_key, open_key)
    open_key.chmod(0o640)
    empty.touch(mode=0o600)
    for certificate, key, complaint in (
        (none, files.server_key, f"{none}: No such file"),
        (files.server_certificate, none, f"{none}: No such file"),
        (files.server_certificate, open_key, f"{open_key}: mode 0640"),
        (files.server_certificate, strangers.server_key, "MISMATCH"),
        (empty, files.server_key, f"{empty}, "),
        (files.server_certificate, empty, f"{empty}"),
    ):
        with pytest.raises(TlsError) as caught:
            tls.server_context(certificate, key)
        assert complaint in str(caught.value)


def test_a_part_that_cannot_be_read_again_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    reload, done = Reload(), []
    broken = [True]

    def first() -> None:
        if broken[0]:
            raise TlsError("half written")

    reload.add("certificate", first)
    reload.add("credentials", lambda: done.append(1))
    reload.now()
    assert done == [1]
    assert not reload.was_successful
    assert "half written" in caplog.text
    broken.clear()
    broken.append(False)
    reload.now()
    assert reload.was_successful
