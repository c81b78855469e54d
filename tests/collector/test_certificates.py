"""Certificates on real sockets: who gets through to which method, and who is shown out."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import grpc.aio
import pytest

from builders import batch, hello
from certificates import issue
from collector_fakes import Caller, configured
from house import DAY, House, Identity, housed
from wattgram.certificates import (
    AUTHORITY_PATH,
    ENROL_PATH,
    MESSAGE_BYTES_MAX,
    RENEW_METHOD,
    EnrolRequest,
    Issued,
)
from wattgram.wire import DELIVER_METHOD, encode_batch, encode_hello
from wattgram_agent.key_pair import KeyPair
from wattgram_collector.access import authority, authority_files
from wattgram_collector.access.certificates import ServerPair, server_names, with_authority
from wattgram_collector.access.pem_files import PemFiles
from wattgram_collector.access.revocation import revoke
from wattgram_collector.config import AccessSettings, GrpcSettings, HttpSettings
from wattgram_collector.daemon import StartError, serving
from wattgram_collector.ledger.sqlite import SqliteLedger

DENIED = grpc.StatusCode.PERMISSION_DENIED
AWAY = grpc.StatusCode.UNAVAILABLE


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweep at once: what takes a second in a collector takes none here."""
    monkeypatch.setattr("wattgram_collector.ingest.identity.SWEEP_SECONDS", 0.01)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with housed(tmp_path) as made:
        yield made


# ── every method, every kind of caller ───────────────────────────────────────────────────


async def test_with_a_certificate_of_its_own_every_method_succeeds(house: House) -> None:
    me = house.identity()
    assert await house.deliver(me) is grpc.StatusCode.OK
    issued = await house.renew(me)
    assert isinstance(issued, Issued)
    assert issued.agent_id == "agent-1"


async def test_without_one_no_method_does(house: House, tmp_path: Path) -> None:
    strangers = issue(tmp_path / "strangers", "agent-1")
    stranger = Identity(strangers.agent_key.read_bytes(), strangers.agent_certificate.read_bytes())
    expired = house.identity(now=time.time() - 2 * DAY)
    not_yet = house.identity(now=time.time() + DAY)
    server = house.authority.make_server_pair(["agent-1"], int(time.time()))
    a_server = Identity(server.key_pem, server.certificate_pem)
    self_made = authority.Authority(*authority.make_authority(int(time.time())))
    own_key = KeyPair()
    self_signed = Identity(
        own_key.pem,
        self_made.sign_agent(own_key.request_der, "agent-1", int(time.time()), DAY)
        .issued.certificate_pem,
    )  # fmt: skip
    for shown in (None, Identity(), stranger, self_signed, expired, not_yet, a_server):
        assert await house.deliver(shown) is AWAY
        assert await house.renew(shown) is AWAY
    assert house.register.certificates() == []


async def test_a_collector_of_another_authority_is_not_talked_to(
    house: House, tmp_path: Path
) -> None:
    other = issue(tmp_path / "strangers", "agent-1").authority.read_bytes()
    assert await house.deliver(house.identity(), trusted=other) is AWAY
    assert await house.renew(house.identity(), trusted=other) is AWAY


async def test_a_certificate_speaks_for_nobody_else(house: House) -> None:
    assert await house.deliver(house.identity("agent-2"), "agent-1") is DENIED
    issued = await house.renew(house.identity("agent-2"))
    assert isinstance(issued, Issued)
    assert issued.agent_id == "agent-2"


async def test_a_revoked_one_is_let_into_no_method(house: House) -> None:
    me, same_agent = house.identity(), house.identity()
    revoke(house.directory, int(time.time()), agent_id="agent-1")
    await until(lambda: house.deliver(me), DENIED)
    assert await house.renew(me) is DENIED
    assert await house.deliver(same_agent) is DENIED
    assert await house.deliver(house.identity("agent-2"), "agent-2") is grpc.StatusCode.OK


async def test_what_is_enrolled_after_the_revocation_is_let_in(house: House) -> None:
    revoke(house.directory, int(time.time()) - 1, agent_id="agent-1")
    key = KeyPair()
    asked = EnrolRequest(token=str(house.token()), csr_pem=key.request_pem)
    status, answer = await house.http("POST", ENROL_PATH, asked.to_json())
    assert status == 200
    me = Identity(key.pem, Issued.from_json(answer).certificate_pem)
    assert await house.deliver(me) is grpc.StatusCode.OK


async def test_an_open_stream_of_a_revoked_one_ends_within_seconds(house: House) -> None:
    async with AsyncExitStack() as stack:
        callers = []
        for agent_id in ("agent-1", "agent-2"):
            channel = await stack.enter_async_context(house.channel(house.identity(agent_id)))
            caller = Caller(channel.stream_stream(DELIVER_METHOD)())
            await caller.greet(hello(agent_id, f"host-of-{agent_id}"))
            callers.append(caller)
        bad, good = callers
        revoke(house.directory, int(time.time()), agent_id="agent-1")
        async with asyncio.timeout(10):
            assert await bad.call.code() is DENIED
        assert await bad.call.details() == "the certificate is revoked"
        await good.send(encode_batch(batch([1], sequence=1)))
        await good.until(1)


async def until(what: Any, wanted: object) -> None:
    """Ask until the answer is the wanted one, ten seconds at most."""
    async with asyncio.timeout(10):
        while (found := await what()) is not wanted:
            assert found is not None


async def test_noise_is_refused_as_such(house: House) -> None:
    me = house.identity()
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    assert await house.renew(me, b"noise") is invalid
    assert await house.renew(me, b"x" * MESSAGE_BYTES_MAX) is invalid
    async with house.channel(me) as channel:
        call = channel.unary_unary(RENEW_METHOD)(b"\xff\xff", timeout=10)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
    assert refused.value.code() is invalid


async def test_who_was_turned_away_and_when_certificates_end_is_shown(house: House) -> None:
    revoke(house.directory, int(time.time()), agent_id="agent-1")
    await until(lambda: house.deliver(house.identity()), DENIED)
    shown = (await house.http("GET", "/metrics"))[1].decode()
    assert 'wattgram_ingest_refused_certificates_total{reason="revoked"}' in shown
    assert 'wattgram_certificates_issued_total{road="enrolment"} 0.0' in shown
    for name in ("authority", "grpc", "http"):
        assert f'wattgram_certificate_expiry_timestamp_seconds{{certificate="{name}"}}' in shown


# ── enrolment over HTTPS ─────────────────────────────────────────────────────────────────


async def test_a_token_becomes_a_certificate_that_delivers(house: House) -> None:
    key = KeyPair()
    asked = EnrolRequest(token=str(house.token()), csr_pem=key.request_pem, agent_id="agent-1")
    status, answer = await house.http("POST", ENROL_PATH, asked.to_json())
    issued = Issued.from_json(answer)
    assert (status, issued.agent_id) == (200, "agent-1")
    assert issued.authority_pem == house.authority.certificate_pem
    me = Identity(key.pem, issued.certificate_pem)
    assert await house.deliver(me) is grpc.StatusCode.OK
    assert (await house.http("POST", ENROL_PATH, asked.to_json()))[0] == 403


async def test_an_id_that_has_reported_is_not_taken_over(house: House) -> None:
    assert await house.deliver(house.identity("agent-7"), "agent-7") is grpc.StatusCode.OK
    asked = EnrolRequest(
        token=str(house.token("")), csr_pem=KeyPair().request_pem, agent_id="agent-7"
    )
    status, answer = await house.http("POST", ENROL_PATH, asked.to_json())
    assert status == 409
    assert b"wattgram-collector enroll agent-7" in answer


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{}", 400),
        (b"x" * MESSAGE_BYTES_MAX, 400),
        (EnrolRequest(token="wge1.x.y", csr_pem="z").to_json(), 403),  # noqa: S106
    ],
    ids=["nothing", "no fields", "as much as may be", "no token"],
)
async def test_a_body_that_is_none_is_refused(house: House, body: bytes, status: int) -> None:
    assert (await house.http("POST", ENROL_PATH, body))[0] == status
    assert house.register.certificates() == []


async def test_an_endless_body_is_cut_off(house: House) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 1 << 26:
            sent += 1 << 12
            yield b"x" * (1 << 12)

    with pytest.raises(aiohttp.ClientError):
        await house.http("POST", ENROL_PATH, endless())
    assert sent < 1 << 24


async def test_the_authority_is_shown_to_everybody_and_the_rest_of_the_side_needs_tls(
    house: House,
) -> None:
    assert await house.http("GET", AUTHORITY_PATH) == (200, house.authority.certificate_pem)
    url = f"http://127.0.0.1:{house.http_port}{ENROL_PATH}"
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.post(url, data=b"{}")


async def test_without_being_configured_there_is_no_enrolment(tmp_path: Path) -> None:
    async with housed(tmp_path, enrolment=False) as house, aiohttp.ClientSession() as session:
        for method, path in (("POST", ENROL_PATH), ("GET", AUTHORITY_PATH)):
            url = f"http://127.0.0.1:{house.http_port}{path}"
            async with session.request(method, url) as answer:
                assert answer.status in {404, 405}
        assert isinstance(await house.renew(house.identity()), Issued)


async def test_without_an_authority_there_is_no_renewal(tmp_path: Path) -> None:
    with closing(SqliteLedger(tmp_path / "ledger.sqlite")) as ledger:
        async with (
            serving(configured(tmp_path), ledger) as (port, _),
            grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await channel.unary_unary(RENEW_METHOD)(b"", timeout=10)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


# ── the collector's own ──────────────────────────────────────────────────────────────────


async def test_files_that_change_are_taken_up_by_the_next_connection(tmp_path: Path) -> None:
    """Those of an authority of one's own, too; a file that is damaged changes nothing."""
    first, second = issue(tmp_path / "one", "agent-1"), issue(tmp_path / "two", "agent-1")
    config = configured(
        tmp_path,
        grpc=GrpcSettings(
            address="127.0.0.1:0",
            certificate_file=first.server_certificate,
            key_file=first.server_key,
            client_ca_file=first.authority,
        ),
    )

    async def reaches(port: int, files: Any) -> bool:
        credentials = grpc.ssl_channel_credentials(
            files.authority.read_bytes(),
            files.agent_key.read_bytes(),
            files.agent_certificate.read_bytes(),
        )
        async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials) as channel:
            call = channel.stream_stream(DELIVER_METHOD)(timeout=10)
            await call.write(encode_hello(hello()))
            try:
                return await call.read() is not grpc.aio.EOF
            except grpc.aio.AioRpcError:
                return False

    with closing(SqliteLedger(tmp_path / "ledger.sqlite")) as ledger:
        async with serving(config, ledger) as (port, _):
            assert await reaches(port, first)
            first.server_certificate.write_text("-----BEGIN nonsense")
            assert await reaches(port, first)
            for name in ("server_certificate", "server_key", "authority"):
                getattr(second, name).replace(getattr(first, name))
            again = second._replace(authority=first.authority)
            assert await reaches(port, again)


def test_files_that_cannot_be_used_are_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    made = issue(tmp_path, "agent-1")
    files = PemFiles(made.server_certificate, made.server_key, made.authority)
    files.credentials()
    assert files.changed() is None
    good = made.authority.read_bytes()
    made.authority.write_bytes(b"-----BEGIN nonsense")
    assert files.changed() is files.changed() is None
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "ca.pem" in caplog.text
    made.authority.write_bytes(good)
    assert files.changed() is not None
    made.server_key.unlink()
    assert files.changed() is None
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO", "ERROR"]


def test_the_servers_own_pair_is_renewed_two_thirds_into_its_life(tmp_path: Path) -> None:
    now = 1_750_000_000
    signer = authority.Authority(*authority.make_authority(now))
    pair = ServerPair(signer, tmp_path / "server.pem", ["localhost"])
    pair.make(now)
    first = pair.path.read_bytes()
    assert not pair.make_if_due(now + 60 * DAY - 1)
    assert pair.path.read_bytes() == first
    assert pair.make_if_due(now + 60 * DAY)
    assert pair.path.read_bytes() != first
    assert not pair.make_if_due(now + 60 * DAY + 1)
    assert pair.path.stat().st_mode & 0o777 == 0o600


def test_where_the_authority_is_used(tmp_path: Path) -> None:
    """For gRPC always; over HTTP where tokens come in, or strangers, and nothing else is named."""
    server, ca = tmp_path / "server.pem", tmp_path / "ca.pem"
    access = AccessSettings(directory=tmp_path)
    plain = with_authority(configured(tmp_path, access=access), server, ca)
    assert (plain.grpc.certificate_file, plain.grpc.client_ca_file) == (server, ca)
    assert plain.http.certificate_file is None
    enrolling = configured(tmp_path, access=replace(access, enrolment=True))
    assert with_authority(enrolling, server, ca).http.certificate_file == server
    outside = configured(
        tmp_path,
        access=access,
        http=HttpSettings(address="0.0.0.0:0", authentication="required"),
    )
    assert with_authority(outside, server, ca).http.key_file == server
    by_token = replace(plain.grpc, client_ca_file=None, certificate_file=None, key_file=None,
                       authentication="token")  # fmt: skip
    taking = with_authority(configured(tmp_path, access=access, grpc=by_token), server, ca)
    assert (taking.grpc.certificate_file, taking.grpc.client_ca_file) == (server, None)


def test_the_collector_is_named_as_it_is_reached(tmp_path: Path) -> None:
    config = configured(
        tmp_path,
        access=AccessSettings(names=("box.example", "10.1.2.3"), directory=tmp_path),
        grpc=GrpcSettings(address="192.0.2.7:9880"),
        http=HttpSettings(address="0.0.0.0:9881", authentication="required"),
    )
    assert server_names(config) == (
        "box.example", "10.1.2.3", "192.0.2.7", "localhost", "127.0.0.1", "::1",
    )  # fmt: skip


@pytest.mark.parametrize("broken", ["revoked", "ca/ca.key"])
async def test_a_collector_that_cannot_tell_friend_from_foe_does_not_start(
    tmp_path: Path, broken: str
) -> None:
    authority_files.init(tmp_path / "ca", int(time.time()))
    (tmp_path / broken).write_text("nonsense")
    with pytest.raises(StartError):
        async with housed(tmp_path):
            pass
