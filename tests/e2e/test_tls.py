"""mTLS between the real daemons: who may speak, and for whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from certificates import Certificates, issue
from daemons import Agent, Collector, running, wait_until
from fakes import two_socket_tree

pytestmark = pytest.mark.servers


def collector_with(directory: Path, files: Certificates) -> Collector:
    return Collector(
        directory,
        WATTGRAM_COLLECTOR__GRPC__CERTIFICATE_FILE=str(files.server_certificate),
        WATTGRAM_COLLECTOR__GRPC__KEY_FILE=str(files.server_key),
        WATTGRAM_COLLECTOR__GRPC__CLIENT_CA_FILE=str(files.authority),
    )


def agent_with(
    directory: Path, collector: Collector, files: Certificates, agent_id: str, **more: str
) -> Agent:
    tree = two_socket_tree(directory / "machine")
    return Agent(
        directory,
        collector,
        tree.sysfs,
        tree.procfs,
        WATTGRAM_AGENT__HOST=agent_id,
        WATTGRAM_AGENT__AGENT_ID=agent_id,
        WATTGRAM_AGENT__SAMPLING__INTERVAL_SECONDS="0.2",
        WATTGRAM_AGENT__SAMPLING__BATCH_SECONDS="0.4",
        **{
            "WATTGRAM_AGENT__TLS__CA_FILE": str(files.authority),
            "WATTGRAM_AGENT__TLS__CERTIFICATE_FILE": str(files.agent_certificate),
            "WATTGRAM_AGENT__TLS__KEY_FILE": str(files.agent_key),
            **more,
        },
    )


def test_a_certificate_speaks_for_its_agent_only(tmp_path: Path) -> None:
    files = issue(tmp_path / "certificates", "honest")
    collector = collector_with(tmp_path / "collector", files)
    honest = agent_with(tmp_path / "honest", collector, files, "honest")
    liar = agent_with(tmp_path / "liar", collector, files, "somebody-else")
    with running(collector, honest, liar):
        wait_until(lambda: collector.total("wattgram_agent_up", host="honest"), 20, honest.log)
        wait_until(lambda: "PERMISSION_DENIED" in liar.log, 20, liar.log)

        assert collector.total("wattgram_agent_up", host="somebody-else") is None


def test_a_stranger_authority_is_not_let_in(tmp_path: Path) -> None:
    files = issue(tmp_path / "certificates", "honest")
    strangers = issue(tmp_path / "strangers", "stranger")
    collector = collector_with(tmp_path / "collector", files)
    stranger = agent_with(
        tmp_path / "stranger",
        collector,
        strangers,
        "stranger",
        WATTGRAM_AGENT__TLS__CA_FILE=str(files.authority),
    )
    with running(collector, stranger):
        wait_until(lambda: "collector_unreachable" in stranger.log, 20, stranger.log)

        assert collector.total("wattgram_agent_up") is None
