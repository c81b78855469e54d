"""The images: built from the one Dockerfile without an engine, and what their commands say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import wattgram_agent
import wattgram_collector
from daemons import free_port
from fakes import two_socket_tree
from images import Images

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

SITE = "/opt/wattgram/lib/python3.11/site-packages"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Images]:
    made = Images(tmp_path_factory.mktemp("images"))
    yield made
    made.close()


def test_the_image_of_the_agent_builds_and_reads_a_host_without_a_capability(
    images: Images, tmp_path: Path
) -> None:
    tree = two_socket_tree(tmp_path)
    for register in tree.sysfs.rglob("energy_uj"):
        register.chmod(0o400)  # as the kernel has it since 5.10
    image = images.build("agent")
    told = json.loads(images.inspected(image))["Docker"]["config"]
    agent = images.started(image)
    mounts = (f"{tree.sysfs}:/host/sys:ro", f"{tree.procfs}:/host/proc:ro")

    version = images.run(agent, *told["Entrypoint"], "--version").stdout
    # First, for what is mounted leaves its mount point behind.
    unmounted = images.run(agent, "wattgram-agent", "sample", code=2).stderr
    sampled = images.run(
        agent, "wattgram-agent", "sample", "--json", "--interval", "0.1", volumes=mounts
    ).stdout
    status = images.run(agent, "cat", "/proc/self/status").stdout

    assert version.strip() == wattgram_agent.__version__
    assert told["Cmd"] == ["run"]
    assert told["Healthcheck"]["Test"][0] == "CMD"
    assert told["Labels"]["org.opencontainers.image.title"] == "wattgram-agent"
    assert {(one["source"], one["domain"]) for one in json.loads(sampled)["readings"]} >= {
        ("rapl", "package"), ("rapl", "dram"),
    }  # fmt: skip
    assert "path.sysfs: /host/sys is not a directory" in unmounted
    assert "Uid:\t0\t" in status
    assert "CapEff:\t0000000000000000" in status
    images.run(agent, "python3", "/usr/share/wattgram/enrol_once.py", code=2)  # no collector given
    images.run(agent, "test", "-e", f"{SITE}/pip", code=1)
    images.run(agent, "test", "-e", f"{SITE}/aiohttp", code=1)
    images.run(agent, "test", "-e", "/src", code=1)


def test_the_image_of_the_collector_builds_and_is_nobody_in_particular(images: Images) -> None:
    image = images.build("collector")
    told = json.loads(images.inspected(image))["Docker"]["config"]
    collector = images.started(image)

    version = images.run(collector, *told["Entrypoint"], "--version").stdout
    status = images.run(collector, "cat", "/proc/self/status").stdout
    nobody = f"WATTGRAM_COLLECTOR__HTTP__ADDRESS=127.0.0.1:{free_port()}"
    unwell = images.run(collector, "env", nobody, *told["Healthcheck"]["Test"][1:], code=1).stdout

    assert version.strip() == wattgram_collector.__version__
    assert told["User"] == "10001:10001"
    assert set(told["ExposedPorts"]) == {"9880/tcp", "9881/tcp"}
    assert "Uid:\t10001\t" in status
    assert "no answer" in unwell
    images.run(collector, "wattgram-collector", "check-config")
    images.run(collector, "touch", "/var/lib/wattgram-collector/here")
    images.run(collector, "touch", "/opt/wattgram/here", code=1)
    images.run(collector, "wattgram-collector", "agents", code=1)  # no ledger yet
    images.run(collector, "test", "-e", f"{SITE}/pip", code=1)
