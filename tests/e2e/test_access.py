"""Users and tokens with the real daemons and Debian's Prometheus, all under TLS."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from certificates import Certificates, issue
from daemons import Agent, Collector, Process, Prometheus, running, wait_until
from fakes import two_socket_tree
from letting_in import PASSWORD, basic, bearing

pytestmark = pytest.mark.servers

AGENT_ID = "host-1"


class ClosedCollector(Collector):
    """TLS and authentication on both sides; tests read it with a token of their own."""

    def __init__(self, directory: Path, files: Certificates) -> None:
        self._files = files
        self._state = directory / "state"
        super().__init__(
            directory,
            WATTGRAM_COLLECTOR__GRPC__AUTHENTICATION="token",
            WATTGRAM_COLLECTOR__GRPC__CERTIFICATE_FILE=str(files.server_certificate),
            WATTGRAM_COLLECTOR__GRPC__KEY_FILE=str(files.server_key),
            WATTGRAM_COLLECTOR__HTTP__AUTHENTICATION="required",
            WATTGRAM_COLLECTOR__HTTP__CERTIFICATE_FILE=str(files.server_certificate),
            WATTGRAM_COLLECTOR__HTTP__KEY_FILE=str(files.server_key),
        )
        self.own_token = self.command("token", "add", "tests").strip()

    def command(self, *arguments: str, typed: str = "") -> str:
        """Run a subcommand on this collector's state; return what it prints."""
        environment = {**os.environ, "WATTGRAM_COLLECTOR__STATE_DIRECTORY": str(self._state)}
        return subprocess.run(
            [sys.executable, "-m", "wattgram_collector", *arguments],
            env=environment, input=typed, capture_output=True, text=True, check=True, timeout=30,
        ).stdout  # fmt: skip

    def start(self) -> None:
        Process.start(self)
        wait_until(lambda: self.ask("/readyz", bearing(self.own_token))[0] == 200, 20, self.log)

    def ask(self, path: str, headers: dict[str, str]) -> tuple[int, str]:
        """Return status and text, (0, '') where there is no connection."""
        request = urllib.request.Request(
            f"https://127.0.0.1:{self.http_port}{path}", headers=headers
        )
        context = ssl.create_default_context(cafile=self._files.authority)
        try:
            with urllib.request.urlopen(request, timeout=5, context=context) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return 0, ""

    def metrics(self) -> str:
        return self.ask("/metrics", bearing(self.own_token))[1]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issue(tmp_path_factory.mktemp("certificates"), AGENT_ID)


def private(path: Path, content: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(content)
    return path


def test_prometheus_scrapes_with_a_password_or_a_token_and_not_without(
    tmp_path: Path, files: Certificates
) -> None:
    strangers = issue(tmp_path / "strangers", AGENT_ID)
    collector = ClosedCollector(tmp_path / "collector", files)
    collector.command("user", "add", "prometheus", typed=PASSWORD + "\n")
    password = private(tmp_path / "password", PASSWORD)
    token = private(tmp_path / "token", collector.own_token)
    scraper = Prometheus(tmp_path / "prometheus", collector.http_port, 1)
    ways = {
        "password": (
            "https",
            files,
            f"basic_auth: {{username: prometheus, password_file: {password}}}",
        ),
        "token": ("https", files, f"authorization: {{credentials_file: {token}}}"),
        "nobody": ("https", files, ""),
        "plaintext": ("http", files, f"authorization: {{credentials_file: {token}}}"),
        "stranger": ("https", strangers, f"authorization: {{credentials_file: {token}}}"),
    }
    (tmp_path / "prometheus" / "prometheus.yml").write_text(
        "scrape_configs:\n"
        + "".join(
            f"- job_name: {name}\n"
            f"  scheme: {scheme}\n"
            f"  scrape_interval: 1s\n  scrape_timeout: 1s\n"
            f"  tls_config: {{ca_file: {trusted.authority}}}\n"
            f"  static_configs: [{{targets: ['127.0.0.1:{collector.http_port}']}}]\n"
            + (f"  {proof}\n" if proof else "")
            for name, (scheme, trusted, proof) in ways.items()
        )
    )
    with running(collector, scraper):
        found = wait_until(
            lambda: (
                (up := {one["metric"]["job"]: one["value"][1] for one in scraper.query("up")})
                and len(up) == len(ways)
                and scraper.value('up{job="token"}') == 1
                and up
            ),
            30,
            "every job scraped once",
        )
        assert found == {
            "password": "1", "token": "1", "nobody": "0", "plaintext": "0", "stranger": "0",
        }  # fmt: skip
        collector.command("user", "remove", "prometheus")
        wait_until(lambda: scraper.value('up{job="password"}') == 0, 15, "the user is removed")

        assert scraper.value('up{job="token"}') == 1
    assert PASSWORD not in collector.log
    assert collector.own_token not in collector.log


def test_an_agent_reports_with_its_token_until_that_is_removed(
    tmp_path: Path, files: Certificates
) -> None:
    collector = ClosedCollector(tmp_path / "collector", files)
    shown = collector.command("token", "add", "host", "--role", "agent", "--agent-id", AGENT_ID)
    token = private(tmp_path / "token", shown)
    tree = two_socket_tree(tmp_path / "machine")

    def agent(directory: str, agent_id: str) -> Agent:
        return Agent(
            tmp_path / directory,
            collector,
            tree.sysfs,
            tree.procfs,
            WATTGRAM_AGENT__HOST=agent_id,
            WATTGRAM_AGENT__AGENT_ID=agent_id,
            WATTGRAM_AGENT__SAMPLING__INTERVAL_SECONDS="0.2",
            WATTGRAM_AGENT__SAMPLING__BATCH_SECONDS="0.4",
            WATTGRAM_AGENT__TLS__CA_FILE=str(files.authority),
            WATTGRAM_AGENT__TLS__TOKEN_FILE=str(token),
        )

    honest, liar = agent("honest", AGENT_ID), agent("liar", "somebody-else")
    with running(collector, honest, liar):
        wait_until(lambda: collector.total("wattgram_agent_up", host=AGENT_ID), 20, honest.log)
        wait_until(lambda: "PERMISSION_DENIED" in liar.log, 20, liar.log)
        assert collector.total("wattgram_agent_up", host="somebody-else") is None
        assert collector.ask("/metrics", bearing(shown.strip()))[0] == 403

        collector.command("token", "remove", "host")
        wait_until(lambda: "UNAUTHENTICATED" in honest.log, 10, honest.log)
        wait_until(lambda: "the token was removed" in honest.log, 10, honest.log)
        again = collector.command(
            "token", "add", "host", "--role", "agent", "--agent-id", AGENT_ID
        )
        token.write_text(again)
        honest.kill()  # or it tries again by itself, in its own time
        honest.start()
        wait_until(lambda: (collector.total("wattgram_ingest_streams") or 0) > 0, 90, honest.log)
        assert collector.stop() == 0
    for secret in (shown.strip(), again.strip(), collector.own_token):
        assert secret not in collector.log + honest.log + liar.log


def test_every_route_is_closed_to_whom_has_no_right_to_it(
    tmp_path: Path, files: Certificates
) -> None:
    collector = ClosedCollector(tmp_path / "collector", files)
    with running(collector):
        for path in ("/", "/metrics", "/healthz", "/readyz", "/enroll", "/nowhere"):
            assert collector.ask(path, {})[0] == 401
            assert collector.ask(path, bearing(collector.own_token[:-1]))[0] in {401, 429}
            assert collector.ask(path, basic("tests", collector.own_token))[0] in {401, 429}
        assert collector.ask("/metrics", bearing(collector.own_token))[0] == 200
        os.kill(collector.pid, signal.SIGHUP)
        wait_until(lambda: "reloaded parts=" in collector.log, 10, collector.log)
        assert collector.ask("/metrics", bearing(collector.own_token))[0] == 200
