"""The compose files: that what they mount, run and set is there, and that they keep their word."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

import composing
import wattgram_agent
from composing import COMPOSE, mounts, services
from wattgram.settings import is_loopback
from wattgram_agent.config import load_config as agent_config
from wattgram_collector.config import load_config as collector_config

ROOT = COMPOSE.parents[1]
FILES = {
    "compose.yaml": {},
    "collector.yaml": {"WATTGRAM_NAME": "collector.example"},
    "agent.yaml": {"WATTGRAM_COLLECTOR": "collector.example", "WATTGRAM_ENROL_TOKEN": "wge1.a.b"},
}
EVERY = [
    pytest.param(name, service, id=f"{file}-{name}")
    for file, variables in FILES.items()
    for name, service in services(file, **variables).items()
]
DEMO = services("compose.yaml")


def flag(service: dict[str, Any], name: str) -> str:
    return next(one.split("=", 1)[1] for one in service["command"] if one.startswith(f"{name}="))


@pytest.mark.parametrize(("name", "service"), EVERY)
def test_no_service_has_a_right_that_it_does_not_need(name: str, service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "pid", "user", "devices"} & set(service)
    for target, (source, may_write) in mounts(service).items():
        assert not (source.startswith((".", "/")) and may_write), target


@pytest.mark.parametrize(("name", "service"), EVERY)
def test_what_is_built_and_mounted_is_there(name: str, service: dict[str, Any]) -> None:
    for source, _ in mounts(service).values():
        if source.startswith("."):
            assert (COMPOSE / source).is_dir(), source
    if "build" not in service:
        assert re.fullmatch(r"docker\.io/[\w/]+:v?\d+\.\d+\.\d+", service["image"])
        return
    build = service["build"]
    dockerfile = COMPOSE / build["context"] / build["dockerfile"]
    assert f" AS {build['target']}\n" in dockerfile.read_text()
    assert service["image"] == f"wattgram-{build['target']}:{wattgram_agent.__version__}"


@pytest.mark.parametrize("file", FILES)
def test_volumes_are_declared_and_used_and_services_are_waited_for_that_exist(file: str) -> None:
    content = yaml.safe_load((COMPOSE / file).read_text())
    found = services(file, **FILES[file])
    named = {
        source
        for service in found.values()
        for source, _ in mounts(service).values()
        if not source.startswith((".", "/"))
    }

    assert named == set(content["volumes"])
    for service in found.values():
        assert set(service.get("depends_on", {})) <= set(found)


def test_the_demo_listens_on_loopback_only() -> None:
    assert all(service["network_mode"] == "host" for service in DEMO.values())
    assert not any("ports" in service for service in DEMO.values())
    config = collector_config(None, DEMO["collector"]["environment"])
    assert is_loopback(config.grpc.address)
    assert is_loopback(config.http.address)
    assert config.grid_zone == "WORLD"
    for name in ("prometheus", "alertmanager"):
        assert is_loopback(flag(DEMO[name], "--web.listen-address"))
    assert flag(DEMO["alertmanager"], "--cluster.listen-address") == ""
    assert is_loopback(DEMO["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] + ":3000")


def test_the_demo_is_wired_by_the_files_that_it_mounts() -> None:
    scraping = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    targets = [
        target
        for job in scraping["scrape_configs"]
        for one in job["static_configs"]
        for target in one["targets"]
    ]
    told = [
        target
        for manager in scraping["alerting"]["alertmanagers"]
        for one in manager["static_configs"]
        for target in one["targets"]
    ]

    assert targets == [collector_config(None, {}).http.address]
    assert told == [flag(DEMO["alertmanager"], "--web.listen-address")]
    for name in ("prometheus", "alertmanager"):
        folder, file = flag(DEMO[name], "--config.file").rsplit("/", 1)
        source, _ = mounts(DEMO[name])[folder]
        assert (COMPOSE / source / file).is_file()
    assert flag(DEMO["prometheus"], "--storage.tsdb.path") in mounts(DEMO["prometheus"])
    assert agent_config(None, {}).collector.address == collector_config(None, {}).grpc.address


def test_grafana_finds_its_source_of_data_and_its_dashboards() -> None:
    mounted = mounts(DEMO["grafana"])
    provisioning = COMPOSE / mounted["/etc/grafana/provisioning"][0]
    sources = [
        source
        for file in sorted((provisioning / "datasources").glob("*.y*ml"))
        for source in yaml.safe_load(file.read_text())["datasources"]
    ]
    folders = [
        provider["options"]["path"]
        for file in sorted((provisioning / "dashboards").glob("*.y*ml"))
        for provider in yaml.safe_load(file.read_text())["providers"]
    ]

    listening = flag(DEMO["prometheus"], "--web.listen-address")
    assert f"http://{listening}" in [one["url"].rstrip("/") for one in sources]
    assert folders
    for folder in folders:
        assert folder in mounted
        assert list((COMPOSE / mounted[folder][0]).glob("*.json"))


def test_a_collector_for_several_hosts_is_closed_to_whom_it_does_not_know() -> None:
    found = services("collector.yaml", WATTGRAM_NAME="collector.example")
    config = collector_config(None, found["collector"]["environment"])

    assert config.access.names == ("collector.example",)
    assert config.access.enrolment
    assert config.http.needs_proof
    assert config.http.open_health
    assert str(config.access.directory).startswith(str(config.state_directory))
    assert found["authority"]["environment"] == found["collector"]["environment"]
    assert str(config.access.directory) in found["authority"]["command"][0]
    assert found["collector"]["ports"] == [
        f"{port}:{port}"
        for port in (address.rpartition(":")[2] for address in (
            config.grpc.address, config.http.address,
        ))
    ]  # fmt: skip


def test_an_agent_reads_its_host_and_uses_what_the_enrolment_left() -> None:
    found = services("agent.yaml", **FILES["agent.yaml"])
    config = agent_config(None, found["agent"]["environment"])
    enrolment = found["enrolment"]

    assert config.collector.address == "collector.example:9880"
    assert config.tls.directory == agent_config(None, {}).tls_directory
    assert enrolment["environment"]["WATTGRAM_ENROL_COLLECTOR"] == "https://collector.example:9881"
    assert enrolment["volumes"][0] == "state:/var/lib/wattgram-agent"
    assert enrolment["volumes"][0] in found["agent"]["volumes"]
    for agent in (found["agent"], DEMO["agent"]):
        assert mounts(agent)["/host/sys"] == ("/sys", False)
        assert mounts(agent)["/host/proc"] == ("/proc", False)


@pytest.mark.parametrize(
    ("file", "needed"), [("collector.yaml", "WATTGRAM_NAME"), ("agent.yaml", "WATTGRAM_COLLECTOR")]
)
def test_a_name_that_must_be_given_is_asked_for(file: str, needed: str) -> None:
    with pytest.raises(composing.MissingVariableError, match=needed):
        services(file)
