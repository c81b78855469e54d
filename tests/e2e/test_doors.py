"""The real collector under attack by somebody who has no right to anything, and beside it an
agent that has: it delivers on, and neither the log nor the open files are filled.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import time
from pathlib import Path

import grpc
import pytest

from daemons import running, wait_until
from enrolling import Host, SecureCollector
from wattgram.certificates import RENEW_METHOD
from wattgram.wire import DELIVER_METHOD

pytestmark = pytest.mark.servers

PLACES = 20
NOISE = (
    b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 32,
    b"\x00" * 4096,
    b"",
)


def sat_down(stack: contextlib.ExitStack, port: int, count: int) -> list[socket.socket]:
    """Open connections that say something or nothing, and leave them."""
    ends = []
    for number in range(count):
        end = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
        with contextlib.suppress(OSError):
            end.sendall(NOISE[number % len(NOISE)])
        ends.append(end)
    return ends


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def grpc_refusal(port: int, method: str, trusted: bytes | None) -> grpc.StatusCode:
    """Return how a call without a certificate ends: in plaintext, or under TLS."""
    at = f"127.0.0.1:{port}"
    channel = (
        grpc.insecure_channel(at)
        if trusted is None
        else grpc.secure_channel(at, grpc.ssl_channel_credentials(trusted))
    )
    with channel, pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary(method)(b"", timeout=10)
    return refused.value.code()


def test_an_agent_delivers_while_strangers_sit_on_every_door(tmp_path: Path) -> None:
    collector = SecureCollector(
        tmp_path / "collector",
        WATTGRAM_COLLECTOR__HTTP__MAX_CONNECTIONS=str(PLACES),
        WATTGRAM_COLLECTOR__HTTP__AUTHENTICATION="required",
        WATTGRAM_COLLECTOR__HTTP__OPEN_HEALTH="true",
    )
    collector.command("ca", "init")
    token = collector.command("token", "add", "tests").strip()
    with running(collector), contextlib.ExitStack() as stack:
        host = Host(tmp_path / "web-1", collector)
        host.enroll(collector.token("web-1"))
        collector.bearer = token
        with running(host.agent):
            wait_until(host.is_up, 30, host.agent.log)
            before, booked = open_files(collector.pid), batches(collector)
            sat_down(stack, collector.http_port, 8 * PLACES)
            sat_down(stack, collector.grpc_port, 8 * PLACES)
            authority = (collector.authority / "ca.pem").read_bytes()
            for method in (DELIVER_METHOD, RENEW_METHOD, "/grpc.health.v1.Health/Check"):
                for trusted in (None, authority):
                    code = grpc_refusal(collector.grpc_port, method, trusted)
                    assert code is grpc.StatusCode.UNAVAILABLE
            began = time.monotonic()
            assert collector.page("/metrics")
            assert time.monotonic() - began < 5
            wait_until(lambda: batches(collector) > booked + 2, 20, host.agent.log)
            assert host.is_up()
            assert open_files(collector.pid) < before + PLACES + 8 * PLACES + 20
            cut = collector.total("wattgram_http_cut_connections_total", reason="full")
            assert cut is not None
            assert cut >= 6 * PLACES
            assert collector.page("/enroll/ca").encode() == authority
        collector.bearer = ""
        assert collector.page("/metrics") == ""
        assert collector.stop() == 0
    assert "Handshake failed" not in collector.log
    assert "Traceback" not in collector.log
    assert token not in collector.log
    assert len(collector.log.splitlines()) < 40


def test_the_https_side_speaks_no_old_tls_and_only_its_authority_vouches_for_it(
    tmp_path: Path,
) -> None:
    collector = SecureCollector(tmp_path / "collector")
    collector.command("ca", "init")
    with running(collector):
        for wrong in (ssl.create_default_context(), old_tls()):
            with (
                socket.create_connection(("127.0.0.1", collector.http_port)) as plain,
                pytest.raises((ssl.SSLError, ConnectionError)),
            ):
                wrong.wrap_socket(plain, server_hostname="127.0.0.1")
        assert collector.page("/readyz") == "ready\n"


def old_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def batches(collector: SecureCollector) -> float:
    return collector.total("wattgram_ingest_batches_total") or 0
