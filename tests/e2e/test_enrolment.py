"""The whole road of a certificate, by the commands that an operator types."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from daemons import free_port, running, wait_until
from enrolling import Host, SecureCollector, typed
from wattgram_agent import tls_files

pytestmark = pytest.mark.servers


def test_the_whole_road(tmp_path: Path) -> None:
    collector = SecureCollector(tmp_path / "collector")
    assert "a new authority" in collector.command("ca", "init")
    with running(collector):
        host = Host(tmp_path / "web-1", collector)
        token = collector.token("web-1")
        said = host.enroll(token)
        assert f'[tls]\ndirectory = "{host.tls}"' in said
        assert (host.state / "agent_id").read_text() == "web-1\n"
        assert "403" in host.enroll(token, code=1)  # replayed

        with running(host.agent):
            wait_until(host.is_up, 30, host.agent.log)
            collector.command("revoke", "web-1")
            wait_until(lambda: "PERMISSION_DENIED" in host.agent.log, 30, host.agent.log)
            assert "the certificate is revoked" in host.agent.log
            seen = collector.total("wattgram_ingest_refused_certificates_total", reason="revoked")
            assert seen
            failed = typed("wattgram_agent", "renew", "--directory", str(host.tls),
                           "--collector", f"127.0.0.1:{collector.grpc_port}", code=1)  # fmt: skip
            assert "PERMISSION_DENIED: the certificate is revoked" in failed.stderr

            # The operator gives it another chance while the agent runs and spools.
            host.enroll(collector.token("web-1"))
            wait_until(lambda: "collector_reachable_again" in host.agent.log, 90, host.agent.log)


def test_a_token_for_any_host_and_one_that_leads_elsewhere(tmp_path: Path) -> None:
    collector = SecureCollector(tmp_path / "collector")
    other = SecureCollector(tmp_path / "other")
    for one in (collector, other):
        one.command("ca", "init")
    with running(collector, other):
        host = Host(tmp_path / "some", collector)
        token = collector.token()
        said = host.enroll(token, code=1, url=other.url)
        assert "is not the collector that the token is for" in said
        assert not host.tls.exists()
        host.enroll(token)
        agent_id = (host.state / "agent_id").read_text().strip()
        assert json.loads(collector.command("enrolments", "--json"))["certificates"][0][
            "agent_id"
        ] == agent_id  # fmt: skip
        with running(host.agent):
            wait_until(host.is_up, 30, host.agent.log)

        named = collector.token("web-9")
        said = host.enroll(named, code=1)
        assert f"the token is for agent web-9, this host is {agent_id}" in said
        dead = f"https://127.0.0.1:{free_port()}"
        assert "refused" in Host(tmp_path / "late", collector).enroll(named, code=1, url=dead)


def test_a_running_agent_renews_and_goes_on_past_the_first_certificates_end(
    tmp_path: Path,
) -> None:
    """A certificate of nine seconds, and an agent that delivers for longer."""
    collector = SecureCollector(
        tmp_path / "collector", WATTGRAM_COLLECTOR__ACCESS__CERTIFICATE_DAYS="0.000105"
    )
    collector.command("ca", "init")
    with running(collector):
        host = Host(tmp_path / "web-1", collector)
        host.enroll(collector.token("web-1"))
        first = tls_files.validity(host.tls)
        assert first is not None
        with running(host.agent):
            wait_until(host.is_up, 30, host.agent.log)
            wait_until(lambda: host.agent.log.count("certificate_renewed") >= 2, 40,
                       host.agent.log)  # fmt: skip
            later = tls_files.validity(host.tls)
            assert later is not None
            assert later.issued_unix_seconds >= first.expires_unix_seconds - 3
            batches = collector.total("wattgram_ingest_batches_total") or 0
            wait_until(
                lambda: (collector.total("wattgram_ingest_batches_total") or 0) > batches + 3,
                20,
                host.agent.log,
            )
            assert "collector_unreachable" not in host.agent.log
            assert host.is_up()
        kept = collector.total("wattgram_ingest_refused_certificates_total")
        assert not kept, collector.log
