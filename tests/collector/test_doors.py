"""Every gRPC method against every kind of caller: without a right to it none succeeds.

The methods come from the .proto, so that one that is added is tried here without being told to.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, closing, suppress
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from builders import hello
from certificates import issue
from collector_fakes import configured
from house import DAY, House, Identity, housed
from letting_in import ADMIN_TOKEN, AGENT_ID, AGENT_TOKEN, READ_TOKEN, written
from wattgram.certificates import ENROL_PATH, EnrolRequest, Issued, encode_renewal
from wattgram.token import Token
from wattgram.v1 import telemetry_pb2
from wattgram.wire import SERVICE, encode_hello
from wattgram_agent.key_pair import KeyPair
from wattgram_collector import daemon
from wattgram_collector.access import authority
from wattgram_collector.access.enrolment import make_token
from wattgram_collector.access.revocation import revoke
from wattgram_collector.config import GrpcSettings, LimitSettings
from wattgram_collector.daemon import serving
from wattgram_collector.ledger.sqlite import SqliteLedger

Code = grpc.StatusCode
OURS = tuple(
    f"/{service.full_name}/{method.name}"
    for service in telemetry_pb2.DESCRIPTOR.services_by_name.values()
    for method in service.methods
)
OTHERS = (
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.channelz.v1.Channelz/GetServers",
    f"/{SERVICE}/Nothing",
    f"/{SERVICE}/deliver",
    f"/{SERVICE}//Deliver",
    f"//{SERVICE}/Deliver",
    f"/{SERVICE}/Deliver/",
    f"/x/../{SERVICE}/Deliver",
    "/",
)
BODIES = (b"", encode_hello(hello("agent-1")), encode_renewal(KeyPair().request_der), b"\xff" * 64)


async def tried(channel: grpc.aio.Channel, method: str, body: bytes, **more: Any) -> Code:
    """Return how a call ends, as a stream and, if that is not refused, as a single call."""
    stream = channel.stream_stream(method)(timeout=10, **more)
    try:
        await stream.write(body)
        await stream.done_writing()
        while await stream.read() is not grpc.aio.EOF:
            pass
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
        pass
    code = await stream.code()
    if code is Code.OK:
        return code
    single = channel.unary_unary(method)(body, timeout=10, **more)
    return await single.code()


async def all_tried(channel: grpc.aio.Channel, **more: Any) -> set[Code]:
    return {
        await tried(channel, method, body, **more)
        for method in (*OURS, *OTHERS)
        for body in BODIES
    }


def test_the_methods_are_those_of_the_proto() -> None:
    assert set(OURS) == {f"/{SERVICE}/Deliver", f"/{SERVICE}/Renew"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wattgram_collector.ingest.identity.SWEEP_SECONDS", 0.01)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with housed(tmp_path) as made:
        yield made


# ── certificates ─────────────────────────────────────────────────────────────────────────


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def signed_by(signer: Identity, agent_id: str) -> Identity:
    """What an agent signs with its own key as if it were an authority, and the whole chain."""
    parent = x509.load_pem_x509_certificate(signer.certificate)
    key = serialization.load_pem_private_key(signer.key, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    own, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, agent_id)]))
        .issuer_name(parent.subject)
        .public_key(own.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(agent_id)]), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = own.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Identity(private, pem(leaf) + signer.certificate)


def self_signed(house: House) -> Identity:
    """Right in every name, that of the authority too, but for who signed it."""
    made = authority.Authority(*authority.make_authority(int(time.time())))
    key = KeyPair()
    signed = made.sign_agent(key.request_der, "agent-1", int(time.time()), DAY)
    return Identity(key.pem, signed.issued.certificate_pem + house.authority.certificate_pem)


def callers(house: House, directory: Path) -> dict[str, Identity | None]:
    strangers = issue(directory / "strangers", "agent-1")
    server = house.authority.make_server_pair(["agent-1", "127.0.0.1"], int(time.time()))
    return {
        "in plaintext": None,
        "without a certificate": Identity(),
        "of another authority": Identity(
            strangers.agent_key.read_bytes(), strangers.agent_certificate.read_bytes()
        ),
        "self signed": self_signed(house),
        "signed by an agent": signed_by(house.identity("agent-2"), "agent-1"),
        "expired": house.identity(now=time.time() - 2 * DAY),
        "not yet valid": house.identity(now=time.time() + DAY),
        "the collector's own": Identity(server.key_pem, server.certificate_pem),
    }


async def test_without_a_right_certificate_no_method_of_any_service_is_reached(
    house: House, tmp_path: Path
) -> None:
    """It ends in the handshake: nothing of ours is asked, and nothing is written."""
    for kind, shown in callers(house, tmp_path).items():
        async with house.channel(shown) as channel:
            assert await all_tried(channel) == {Code.UNAVAILABLE}, kind
    assert house.register.certificates() == []
    assert b"agent-1" not in (await house.http("GET", "/metrics"))[1]


async def test_a_revoked_certificate_reaches_no_method(house: House) -> None:
    me = house.identity()
    revoke(house.directory, int(time.time()), agent_id="agent-1")
    async with house.channel(me) as channel:
        async with asyncio.timeout(10):
            while await tried(channel, OURS[0], BODIES[1]) is not Code.PERMISSION_DENIED:
                pass
        found = {await tried(channel, method, body) for method in OURS for body in BODIES}
        assert found == {Code.PERMISSION_DENIED}
        others = {await tried(channel, method, b"") for method in OTHERS}
        assert others <= {Code.UNIMPLEMENTED, Code.INVALID_ARGUMENT, Code.INTERNAL, Code.UNKNOWN}
    assert house.register.certificates() == []


async def test_nothing_but_what_the_proto_says_answers_a_right_certificate(house: House) -> None:
    """No reflection, no health, no channelz: what is not there tells nothing."""
    async with house.channel(house.identity()) as channel:
        for method in OTHERS:
            for body in BODIES:
                assert await tried(channel, method, body) is not Code.OK, method


async def test_a_right_certificate_opens_a_method_and_speaks_for_its_own_agent(
    house: House,
) -> None:
    """So that the refusals above are not those of a collector that refuses everybody."""
    assert await house.deliver(house.identity()) is Code.OK
    assert isinstance(await house.renew(house.identity()), Issued)
    for other in ("agent-2", "AGENT-1", "agent-1 ", "redfish:rack-1"):
        assert await house.deliver(house.identity(), other) is Code.PERMISSION_DENIED


def request_for(key: Any, *names: x509.GeneralName, **more: Any) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "agent-2")])
    )
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)  # noqa: FBT003
    request = builder.sign(key, more.get("algorithm", hashes.SHA256()))
    return request.public_bytes(serialization.Encoding.DER)


async def test_a_renewal_that_asks_for_more_gets_what_its_own_certificate_says(
    house: House,
) -> None:
    """Names of others, of the collector, and the right to sign: none of it is granted."""
    key = ec.generate_private_key(ec.SECP256R1())
    asked = request_for(key, x509.DNSName("agent-2"), x509.DNSName("localhost"))
    issued = await house.renew(house.identity(), asked)
    assert isinstance(issued, Issued)
    extensions = x509.load_pem_x509_certificate(issued.certificate_pem).extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.DNSName("agent-1")]
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.ExtendedKeyUsageOID.CLIENT_AUTH]


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(public_exponent=65_537, key_size=1024),  # noqa: S505
        ec.generate_private_key(ec.SECP192R1()),
        ec.generate_private_key(ec.SECP384R1()),
    ],
    ids=["rsa-1024", "p-192", "p-384"],
)
async def test_a_renewal_with_another_kind_of_key_is_refused(house: House, key: Any) -> None:
    asked = request_for(key, x509.DNSName("agent-1"))
    assert await house.renew(house.identity(), asked) is Code.INVALID_ARGUMENT
    assert house.register.certificates() == []


# ── enrolment ────────────────────────────────────────────────────────────────────────────


async def test_a_token_that_is_used_over_or_of_another_collector_gets_nothing(
    house: House, tmp_path: Path
) -> None:
    now = int(time.time())
    expired, record = make_token(house.authority.sha256, "agent-1", now - 7_200, 1)
    house.register.add_token(record, now - 7_200)
    foreign, _ = make_token(b"f" * 32, "agent-1", now, 1)
    used = house.token()
    crossed = Token(used.secret, b"f" * 32)

    async def status(token: Token | str) -> int:
        asked = EnrolRequest(token=str(token), csr_pem=KeyPair().request_pem)
        return (await house.http("POST", ENROL_PATH, asked.to_json()))[0]

    for wrong in (expired, foreign, str(used)[:-60], str(used)[5:], ""):
        assert await status(wrong) == 403
    # The digest is the agent's to check: the collector knows the secret, and that is right.
    assert await status(crossed) == 200
    assert await status(used) == 403
    assert [one.agent_id for one in house.register.certificates()] == ["agent-1"]


# ── tokens ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    with closing(SqliteLedger(tmp_path / "ledger.sqlite")) as opened:
        yield opened


async def test_without_a_token_of_an_agent_no_method_succeeds(
    tmp_path: Path, ledger: SqliteLedger
) -> None:
    files = issue(tmp_path / "certificates", AGENT_ID)
    config = configured(
        tmp_path,
        grpc=GrpcSettings(
            address="127.0.0.1:0",
            certificate_file=files.server_certificate,
            key_file=files.server_key,
            authentication="token",
        ),
    )
    written(config.credentials_path)
    trusting = grpc.ssl_channel_credentials(files.authority.read_bytes())
    ours = grpc.ssl_channel_credentials(
        files.authority.read_bytes(),
        files.agent_key.read_bytes(),
        files.agent_certificate.read_bytes(),
    )
    async with serving(config, ledger) as (port, _):
        at = f"127.0.0.1:{port}"
        async with grpc.aio.insecure_channel(at) as channel:
            shown = (("authorization", f"Bearer {AGENT_TOKEN}"),)
            assert await all_tried(channel, metadata=shown) == {Code.UNAVAILABLE}
        for credentials in (trusting, ours):
            async with grpc.aio.secure_channel(at, credentials) as channel:
                for token in ("", READ_TOKEN, ADMIN_TOKEN, AGENT_TOKEN[:-1]):
                    shown = (("authorization", f"Bearer {token}"),) if token else ()
                    found = await tried(channel, OURS[0], BODIES[1], metadata=shown)
                    assert found is Code.UNAUTHENTICATED
        async with grpc.aio.secure_channel(at, trusting) as channel:
            assert Code.OK not in await all_tried(channel)
    assert ledger.agents() == []


async def test_tls_to_a_plaintext_port_says_nothing(tmp_path: Path, ledger: SqliteLedger) -> None:
    """An agent that is to encrypt does not go on without."""
    files = issue(tmp_path / "certificates", AGENT_ID)
    trusting = grpc.ssl_channel_credentials(files.authority.read_bytes())
    async with (
        serving(configured(tmp_path), ledger) as (port, _),
        grpc.aio.secure_channel(f"127.0.0.1:{port}", trusting) as channel,
    ):
        assert await tried(channel, OURS[0], BODIES[1]) is Code.UNAVAILABLE
    assert ledger.agents() == []


async def test_connections_beyond_the_limit_are_closed(
    tmp_path: Path, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that strangers who connect and say nothing leave descriptors for the ledger."""
    monkeypatch.setattr(daemon, "SPARE_CONNECTIONS", 2)
    config = configured(tmp_path, limits=LimitSettings(max_streams=1))
    async with serving(config, ledger) as (port, _), AsyncExitStack() as stack:
        greeted = 0
        for _ in range(6):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
            with suppress(ConnectionError):
                greeted += await asyncio.wait_for(reader.read(9), 10) != b""
    assert greeted == 3
