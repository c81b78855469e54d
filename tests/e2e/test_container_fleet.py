"""What compose and Kubernetes would run, run here: the commands and settings of their files.

Only paths inside the containers and ports are others.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from composing import services
from daemons import Process, free_port, running, wait_until
from fakes import two_socket_tree

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[2]
CONTAINER = ROOT / "deploy" / "container"
KUBERNETES = ROOT / "deploy" / "kubernetes"
BIN = str(Path(sys.executable).parent)


@dataclass
class Machine:
    """Where the paths and ports of the containers are on this machine."""

    directory: Path
    grpc: int = field(default_factory=free_port)
    http: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        tree = two_socket_tree(self.directory / "host")
        self.replaced = {
            "/var/lib/wattgram-collector": str(self.directory / "collector"),
            "/var/lib/wattgram-agent": str(self.directory / "agent"),
            "/usr/share/wattgram": str(CONTAINER),
            "/etc/wattgram": str(self.directory / "etc"),
            "/var/run/wattgram/tokens": str(self.directory / "cluster/secrets/wattgram-enrolment"),
            "/host/sys": str(tree.sysfs),
            "/host/proc": str(tree.procfs),
            "wattgram-collector.wattgram.svc:": "127.0.0.1:",
            "0.0.0.0:": "127.0.0.1:",
            ":9880": f":{self.grpc}",
            ":9881": f":{self.http}",
        }
        (self.directory / "collector").mkdir(parents=True)

    def here(self, text: str) -> str:
        for inside, outside in self.replaced.items():
            text = text.replace(inside, outside)
        return text

    def environment(self, given: dict[str, str]) -> dict[str, str]:
        image = dict(re.findall(r"(WATTGRAM_AGENT\w+)=(\S+)", dockerfile()))
        image["WATTGRAM_AGENT__STATE_DIRECTORY"] = "/var/lib/wattgram-agent"  # the default
        plain = {name: value for name, value in os.environ.items() if "WATTGRAM" not in name}
        told = {name: self.here(value) for name, value in {**image, **given}.items()}
        return {**plain, "PATH": f"{BIN}:{os.environ['PATH']}", **told}

    def run(self, command: list[str], given: dict[str, str], code: int = 0) -> str:
        """Run a command of a container to its end; return all that it said."""
        done = subprocess.run(
            [self.here(part) for part in command],
            env=self.environment(given), capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def process(self, name: str, command: list[str], given: dict[str, str]) -> Process:
        return Process(
            *(self.here(part) for part in command),
            log=self.directory / f"{name}.log", **self.environment(given),
        )  # fmt: skip

    def page(self, path: str, authority: Path, token: str) -> str:
        """Return a page of the collector, '' while there is none."""
        request = urllib.request.Request(
            f"https://127.0.0.1:{self.http}{path}", headers={"Authorization": f"Bearer {token}"}
        )
        try:
            context = ssl.create_default_context(cafile=str(authority))
            with urllib.request.urlopen(request, timeout=5, context=context) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, OSError):
            return ""


def dockerfile() -> str:
    return (CONTAINER / "Dockerfile").read_text().replace("\\\n", " ")


def checks() -> Iterator[list[str]]:
    """Return the commands of the health checks, in the order of the file."""
    for found in re.findall(r"^HEALTHCHECK .*?CMD (\[.*\])$", dockerfile(), re.MULTILINE):
        yield json.loads(found)


def test_a_compose_fleet_from_the_authority_to_a_host_on_the_metrics(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    is_alive, is_healthy = checks()
    served = services("collector.yaml", WATTGRAM_NAME="127.0.0.1")
    default = {"WATTGRAM_COLLECTOR__STATE_DIRECTORY": "/var/lib/wattgram-collector"}
    given = {**served["collector"]["environment"], **default}
    for _ in range(2):  # the second time there is one
        made = served["authority"]
        machine.run([*made["entrypoint"], *made["command"]], made["environment"])
    authority = tmp_path / "collector" / "ca" / "ca.pem"
    collector = machine.process("collector", ["wattgram-collector", "run"], given)
    machine.run(is_healthy, given, code=1)

    def typed(*command: str) -> str:
        return machine.run(["wattgram-collector", *command], given).splitlines()[0]

    reader = typed("token", "add", "reader")
    with running(collector):
        wait_until(lambda: machine.page("/readyz", authority, reader), 20, collector.log)
        machine.run(is_healthy, given)

        def host(token: str) -> dict[str, dict[str, Any]]:
            return services("agent.yaml", WATTGRAM_COLLECTOR="127.0.0.1",
                            WATTGRAM_ENROL_TOKEN=token)  # fmt: skip

        enrolment = host(typed("enroll", "web-1"))["enrolment"]
        machine.run(enrolment["entrypoint"], enrolment["environment"])
        again = host("")
        said = machine.run(enrolment["entrypoint"], again["enrolment"]["environment"])
        assert "enrolled until" in said

        fast = {"WATTGRAM_AGENT__SAMPLING__BATCH_SECONDS": "1", "WATTGRAM_AGENT__HOST": "web-1"}
        agent = machine.process(
            "agent", ["wattgram-agent", "run"], {**again["agent"]["environment"], **fast}
        )
        with running(agent):
            wait_until(
                lambda: 'agent_up{host="web-1"} 1' in machine.page("/metrics", authority, reader),
                30,
                agent.log,
            )
            machine.run(is_alive, {})
    for file in (tmp_path / "agent" / "spool").iterdir():
        os.utime(file, (1, 1))
    machine.run(is_alive, {}, code=1)


def test_setup_gives_each_new_node_a_token_and_prometheus_its_own(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    cluster = tmp_path / "cluster"
    cluster.mkdir()
    (cluster / "nodes").write_text("node-1 false\nnode-2 true\n")
    (cluster / "replaced").write_text(json.dumps(machine.replaced))
    (tmp_path / "etc").mkdir()
    for name in ("collector.toml", "agent.toml"):
        text = (KUBERNETES / "base" / name).read_text()
        (tmp_path / "etc" / name).write_text(
            machine.here(text).replace("names = [", 'names = ["127.0.0.1", ')
        )
    kubectl = tmp_path / "bin" / "kubectl"
    kubectl.parent.mkdir()
    kubectl.write_text(
        f'#!/bin/sh\nexec {sys.executable} {Path(__file__).parents[1]}/fake_kubectl.py "$@"\n'
    )
    kubectl.chmod(0o755)
    path = {"PATH": f"{kubectl.parent}:{BIN}:{os.environ['PATH']}", "FAKE_CLUSTER": str(cluster)}
    pods = {
        kind: yaml.safe_load_all((KUBERNETES / "base" / f"{kind}.yaml").read_text())
        for kind in ("collector", "agent")
    }
    specs = {
        kind: next(one for one in found if "template" in one.get("spec", {}))["spec"]["template"]
        for kind, found in pods.items()
    }
    first = specs["collector"]["spec"]["initContainers"][0]
    machine.run([*first["command"], *first["args"]], {})
    served = specs["collector"]["spec"]["containers"][0]
    collector = machine.process("log", ["wattgram-collector", *served["args"]], {})
    with running(collector):
        setup = ["sh", str(KUBERNETES / "setup.sh")]
        said = machine.run(setup, path)
        tokens = cluster / "secrets" / "wattgram-enrolment"
        scrape = cluster / "secrets" / "wattgram-scrape"
        assert "1 nodes get a token" in said
        assert [file.name for file in tokens.iterdir()] == ["node-1"]
        assert (tokens / "node-1").read_text().strip() not in said
        token = (scrape / "token").read_text()
        shutil.copy(scrape / "ca.pem", tmp_path / "ca.pem")

        def shown() -> str:
            return machine.page("/metrics", tmp_path / "ca.pem", token)

        wait_until(shown, 20, collector.log)
        assert "wattgram-scrape" not in machine.run(setup, path)  # once
        assert (scrape / "token").read_text() == token

        pod = specs["agent"]["spec"]
        given = {
            entry["name"]: entry.get("value", "node-1").replace("$(NODE_NAME)", "node-1")
            for container in (pod["initContainers"][0], pod["containers"][0])
            for entry in container["env"]
        }
        machine.run(pod["initContainers"][0]["command"], given)
        agent = machine.process(
            "agent",
            ["wattgram-agent", *pod["containers"][0]["args"]],
            {**given, "WATTGRAM_AGENT__SAMPLING__BATCH_SECONDS": "1"},
        )
        with running(agent):
            wait_until(lambda: 'agent_up{host="node-1"} 1' in shown(), 30, agent.log)
