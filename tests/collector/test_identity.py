"""A certificate binds an agent to its name; without one there is only loopback."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import NoReturn

import grpc
import pytest

from wattgram_agent.key_pair import KeyPair
from wattgram_collector.access.authority import Authority, make_authority
from wattgram_collector.ingest.identity import Doorman, Peer, may_speak_for, peer_of

NAMES = "x509_subject_alternative_name"


def test_without_a_certificate_anybody_may_speak() -> None:
    """The collector serves such connections on loopback only, or under TLS for all."""
    assert may_speak_for("agent-1", {})
    assert may_speak_for("agent-1", {"transport_security_type": [b"ssl"]})


@pytest.mark.parametrize("names", [[b"agent-1"], [b"other", b"agent-1"], (b"agent-1",)])
def test_a_certificate_that_names_the_agent_speaks_for_it(names: list[bytes]) -> None:
    assert may_speak_for("agent-1", {NAMES: names})


@pytest.mark.parametrize(
    "names",
    [[], [b"agent-2"], [b"agent-11"], [b"agent"], [b"AGENT-1"], [b"*"], [b"agent-1,agent-2"]],
)
def test_a_certificate_of_another_does_not(names: list[bytes]) -> None:
    assert not may_speak_for("agent-1", {NAMES: names})


def test_the_common_name_does_not_count() -> None:
    """Only subject alternative names bind: a common name says anything."""
    assert not may_speak_for("agent-1", {NAMES: [], "x509_common_name": [b"agent-1"]})


def test_a_name_is_compared_as_utf8() -> None:
    assert may_speak_for("büro-3", {NAMES: ["büro-3".encode()]})
    assert not may_speak_for("büro-3", {NAMES: ["büro-3".encode("latin-1")]})


def test_the_names_may_come_as_a_stream_that_is_read_once() -> None:
    assert may_speak_for("agent-1", {NAMES: iter([b"other", b"agent-1"])})


@pytest.mark.parametrize("agent_id", ["redfish:", "redfish:rack1"])
def test_nobody_speaks_for_the_collector_itself_without_a_certificate_of_that_name(
    agent_id: str,
) -> None:
    assert not may_speak_for(agent_id, {})
    assert not may_speak_for(agent_id, {NAMES: [b"agent-1"]})
    assert may_speak_for(agent_id, {NAMES: [agent_id.encode()]})
    assert may_speak_for(f"not-{agent_id}", {})


# ── the doorman ──────────────────────────────────────────────────────────────────────────

NOW = int(time.time())
AUTHORITY = Authority(*make_authority(NOW))


class AbortedError(Exception):
    """What a call ends with when the service ends it."""


class Call:
    """A call of a peer with these certificates, and with what it was ended."""

    def __init__(self, authentication: Mapping[str, list[bytes]]) -> None:
        self._authentication = authentication
        self.ended = ""

    def auth_context(self) -> Mapping[str, list[bytes]]:
        return self._authentication

    async def abort(self, code: grpc.StatusCode, reason: str) -> NoReturn:
        self.ended = f"{code.name}: {reason}"
        raise AbortedError


def authentication_of(agent_id: str = "agent-1", seconds: int = 100) -> dict[str, list[bytes]]:
    signed = AUTHORITY.sign_agent(KeyPair().request_der, agent_id, NOW, seconds)
    return {NAMES: [agent_id.encode()], "x509_pem_cert": [signed.issued.certificate_pem]}


async def visit(doorman: Doorman, call: Call, inside: asyncio.Event) -> None:
    async with doorman.inside(call):
        inside.set()
        await asyncio.Event().wait()


def test_a_peer_is_read_from_its_certificate() -> None:
    peer = peer_of(authentication_of(seconds=100))
    assert peer is not None
    assert peer == Peer(("agent-1",), peer.serial, NOW - 300, NOW + 100)
    assert peer_of({}) is None
    with pytest.raises(ValueError, match="PEM"):
        peer_of({"x509_pem_cert": [b"noise"]})


async def test_a_call_is_ended_when_its_certificate_is() -> None:
    """TLS looks at a certificate once, when the connection is made."""
    now = float(NOW)
    doorman = Doorman(unix_seconds=lambda: now)
    short, long = Call(authentication_of(seconds=10)), Call(authentication_of(seconds=20))
    inside = [asyncio.Event(), asyncio.Event()]
    visits = [
        asyncio.ensure_future(visit(doorman, call, event))
        for call, event in zip((short, long), inside, strict=True)
    ]
    for event in inside:
        await event.wait()
    now += 9
    doorman.sweep()
    await asyncio.sleep(0)
    assert not short.ended
    now += 1
    doorman.sweep()
    doorman.sweep()
    with pytest.raises(AbortedError):
        await visits[0]
    assert short.ended == "PERMISSION_DENIED: the certificate is expired"
    assert not visits[1].done()
    assert doorman.turned_away == {"expired": 1}
    visits[1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await visits[1]
    assert not long.ended


async def test_an_ended_certificate_opens_nothing() -> None:
    """As with a TLS session that is resumed: nobody has looked at the certificate again."""
    doorman = Doorman(unix_seconds=lambda: NOW + 10)
    call = Call(authentication_of(seconds=10))
    with pytest.raises(AbortedError):
        await visit(doorman, call, asyncio.Event())
    assert call.ended == "PERMISSION_DENIED: the certificate is expired"


@pytest.mark.parametrize(
    ("authentication", "verdict"),
    [({}, "missing"), ({"x509_pem_cert": [b"noise"]}, "unreadable"),
     ({NAMES: [b"agent-1"], "x509_pem_cert": [b"noise"]}, "unreadable")],
)  # fmt: skip
async def test_where_certificates_are_needed_there_is_no_way_without(
    authentication: dict[str, list[bytes]], verdict: str
) -> None:
    call = Call(authentication)
    with pytest.raises(AbortedError):
        await visit(Doorman(needs_certificate=True), call, asyncio.Event())
    assert call.ended == f"PERMISSION_DENIED: the certificate is {verdict}"


async def test_a_revoked_peer_is_told_so_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    doorman = Doorman(lambda peer: "agent-1" in peer.names, unix_seconds=lambda: NOW)
    shown = authentication_of()
    for _ in range(3):
        with pytest.raises(AbortedError):
            await visit(doorman, Call(shown), asyncio.Event())
    assert doorman.turned_away == {"revoked": 3}
    assert len(caplog.records) == 1


async def test_on_loopback_without_certificates_everybody_is_let_in() -> None:
    inside = asyncio.Event()
    visiting = asyncio.ensure_future(visit(Doorman(), Call({}), inside))
    await inside.wait()
    visiting.cancel()
