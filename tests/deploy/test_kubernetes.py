"""The manifests: strictly valid, wired to each other, and of a configuration that is good."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

import wattgram_agent
from wattgram_agent.config import load_config as agent_config
from wattgram_collector.config import load_config as collector_config

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
BASE = KUBERNETES / "base"
OVERLAYS = sorted(path.parent for path in KUBERNETES.glob("overlays/*/kustomization.yaml"))
VERSIONS = ("1.30", "1.33", "1.37")  # the oldest with recursiveReadOnly, and what came since
SETUP = (KUBERNETES / "setup.sh").read_text()
OPERATOR = KUBERNETES / "overlays" / "prometheus-operator"

Golden = Callable[[Path, str], None]


def documents(path: Path) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(path.read_text()) if one]


@cache
def built(directory: Path) -> tuple[dict[str, Any], ...]:
    """Return what kustomize makes of a directory; skip where it is not there."""
    if shutil.which("kubectl"):
        command = ["kubectl", "kustomize", str(directory)]
    elif shutil.which("kustomize"):
        command = ["kustomize", "build", str(directory)]
    else:
        pytest.skip("needs kubectl or kustomize")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def resources() -> Iterator[dict[str, Any]]:
    for name in yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]:
        yield from documents(BASE / name)


def one(kind: str, name: str) -> dict[str, Any]:
    (found,) = [
        resource
        for resource in resources()
        if resource["kind"] == kind and resource["metadata"]["name"] == name
    ]
    return found


AGENT = one("DaemonSet", "wattgram-agent")["spec"]["template"]["spec"]
COLLECTOR = one("Deployment", "wattgram-collector")["spec"]["template"]["spec"]
SERVED = collector_config(BASE / "collector.toml", {})
EVERY = [
    pytest.param(pod, container, id=container["name"])
    for pod in (AGENT, COLLECTOR)
    for container in [*pod["initContainers"], *pod["containers"]]
]


def mounts(container: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {mount["mountPath"]: mount for mount in container["volumeMounts"]}


def environment(container: dict[str, Any], node: str) -> dict[str, str]:
    """Return what a container is given on a node, as Kubernetes fills it in."""
    return {
        entry["name"]: entry.get("value", node).replace("$(NODE_NAME)", node)
        for entry in container["env"]
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_every_resource_is_strictly_valid(version: str) -> None:
    for resource in resources():
        kubernetes_validate.validate(resource, version, strict=True)


def test_the_validation_sees_a_key_that_is_misspelt() -> None:
    wrong = one("DaemonSet", "wattgram-agent")
    wrong["spec"]["template"]["spec"]["hostNetwrok"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("directory", [BASE, *OVERLAYS], ids=lambda path: path.name)
def test_a_kustomization_names_files_that_are_there_and_all_of_them(directory: Path) -> None:
    content = yaml.safe_load((directory / "kustomization.yaml").read_text())
    named = {
        *content["resources"],
        *(file for made in content.get("configMapGenerator", []) for file in made["files"]),
    }

    for name in named:
        assert (directory / name).exists(), name
    assert {path.name for path in directory.iterdir()} == {
        "kustomization.yaml", *(name for name in named if "/" not in name),
    }  # fmt: skip


@pytest.mark.parametrize("directory", [BASE, *OVERLAYS], ids=lambda path: path.name)
def test_kustomize_builds_it_and_every_reference_leads_somewhere(directory: Path) -> None:
    made = built(directory)
    names = {(item["kind"], item["metadata"]["name"]) for item in made}

    for item in made:
        if "monitoring.coreos.com" not in item["apiVersion"]:
            kubernetes_validate.validate(item, VERSIONS[-1], strict=True)
        if item["kind"] != "Namespace":
            assert item["metadata"]["namespace"] == "wattgram"
        if item["kind"] not in {"Deployment", "DaemonSet"}:
            continue
        pod = item["spec"]["template"]["spec"]
        assert ("ServiceAccount", pod["serviceAccountName"]) in names
        for volume in pod["volumes"]:
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in names
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                assert ("PersistentVolumeClaim", claim) in names
        for container in [*pod["initContainers"], *pod["containers"]]:
            assert container["image"].endswith(f":{wattgram_agent.__version__}")


def test_the_live_overlay_lets_the_collector_out_and_asks_a_provider() -> None:
    policies = {
        item["metadata"]["name"]: item["spec"]["egress"]
        for item in built(KUBERNETES / "overlays" / "live-intensities")
        if item["kind"] == "NetworkPolicy"
    }
    live = collector_config(KUBERNETES / "overlays" / "live-intensities" / "collector.toml", {})

    assert {port["port"] for port in policies["wattgram-collector"][0]["ports"]} == {53, 443}
    assert one("NetworkPolicy", "wattgram-collector")["spec"]["egress"] == []
    assert [name for name, it in live.providers.items() if it.enabled] == ["neso"]
    for section in ("grpc", "http", "access", "limits", "state_directory"):
        assert getattr(live, section) == getattr(SERVED, section)


@pytest.mark.parametrize(("pod", "container"), EVERY)
def test_no_container_has_a_right_that_it_does_not_need(
    pod: dict[str, Any], container: dict[str, Any]
) -> None:
    rights = {**pod["securityContext"], **container["securityContext"]}

    assert rights["capabilities"] == {"drop": ["ALL"]}
    assert rights["readOnlyRootFilesystem"] is True
    assert rights["allowPrivilegeEscalation"] is False
    assert not rights.get("privileged")
    assert rights["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert not any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC"))
    assert {"requests", "limits"} == set(container["resources"])
    assert {volume["name"] for volume in pod["volumes"]} >= {
        mount["name"] for mount in container["volumeMounts"]
    }


def test_the_agent_is_root_without_a_capability_and_only_reads_its_node() -> None:
    assert AGENT["securityContext"]["runAsUser"] == 0
    writable = {"/var/lib/wattgram-agent"}
    hosts = {volume["name"] for volume in AGENT["volumes"] if "hostPath" in volume}
    for path, mount in mounts(AGENT["containers"][0]).items():
        assert mount.get("readOnly", False) is (path not in writable)
        if path.startswith("/host/"):
            assert mount["name"] in hosts
            assert mount["recursiveReadOnly"] == "IfPossible"  # or cgroups below could be written


def test_the_collector_is_nobody_and_owns_its_volume() -> None:
    rights = COLLECTOR["securityContext"]
    assert rights["runAsNonRoot"] is True
    assert rights["runAsUser"] == rights["runAsGroup"] == rights["fsGroup"]
    assert (
        f"USER {rights['runAsUser']}:{rights['runAsGroup']}"
        in (ROOT / "deploy" / "container" / "Dockerfile").read_text()
    )
    assert rights["fsGroupChangePolicy"] == "OnRootMismatch"
    state = next(path for path in mounts(COLLECTOR["containers"][0]) if "lib" in path)
    # Below the volume's root, whose mode is the kubelet's.
    assert Path(state) in SERVED.state_directory.parents
    assert SERVED.access.directory is not None
    assert Path(state) in SERVED.access.directory.parents
    assert str(SERVED.access.directory / "ca.pem") in COLLECTOR["initContainers"][0]["args"][0]
    assert str(SERVED.access.directory / "ca.pem") in SETUP


def test_the_agents_configuration_is_good_whatever_its_node_is_called() -> None:
    agent = AGENT["containers"][0]
    for node in ("web-1.example", "12345", "true", "1e5"):
        config = agent_config(BASE / "agent.toml", environment(agent, node))
        assert config.host == node
    assert config.tls.directory == config.state_directory / "tls"
    assert str(config.state_directory) in mounts(agent)
    assert {str(config.path.sysfs), str(config.path.procfs)} <= set(mounts(agent))
    assert f"find {config.state_directory}/spool " in agent["livenessProbe"]["exec"]["command"][2]
    told = environment(AGENT["initContainers"][0], "node-1")
    assert told["WATTGRAM_ENROL_TOKEN_FILE"] == "/var/run/wattgram/tokens/node-1"  # noqa: S105
    assert "/var/run/wattgram/tokens" in mounts(AGENT["initContainers"][0])
    for address in (config.collector.address, told["WATTGRAM_ENROL_COLLECTOR"]):
        assert re.sub(r"^https://|:\d+$", "", address) in SERVED.access.names
        assert int(address.rpartition(":")[2]) in {
            port["port"] for port in one("Service", "wattgram-collector")["spec"]["ports"]
        }


def test_ports_are_those_that_the_collector_listens_on() -> None:
    container = COLLECTOR["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}

    assert ports == {
        "grpc": int(SERVED.grpc.address.rpartition(":")[2]),
        "http": int(SERVED.http.address.rpartition(":")[2]),
    }
    for port in one("Service", "wattgram-collector")["spec"]["ports"]:
        assert ports[port["targetPort"]] == port["port"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["port"] in ports
        assert container[probe]["httpGet"]["scheme"] == "HTTPS"
    assert SERVED.http.open_health
    assert SERVED.http.needs_proof
    for rule in one("NetworkPolicy", "wattgram-collector")["spec"]["ingress"]:
        assert {port["port"] for port in rule["ports"]} <= set(ports)


def test_the_collector_stays_below_what_the_pod_may_have() -> None:
    limit = COLLECTOR["containers"][0]["resources"]["limits"]["memory"]
    assert limit.endswith("Gi")
    assert SERVED.limits.max_resident_bytes == int(limit[:-2]) * (1 << 30) * 3 // 4


@pytest.mark.parametrize(
    ("kind", "name"), [("DaemonSet", "wattgram-agent"), ("Deployment", "wattgram-collector")]
)
def test_what_selects_finds_its_pods(kind: str, name: str) -> None:
    spec = one(kind, name)["spec"]
    labels = spec["template"]["metadata"]["labels"]

    assert spec["selector"]["matchLabels"].items() <= labels.items()
    policy = one("NetworkPolicy", name)["spec"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    if kind == "Deployment":
        assert spec["strategy"] == {"type": "Recreate"}
        assert spec["replicas"] == 1
        assert one("Service", name)["spec"]["selector"].items() <= labels.items()
        budget = one("PodDisruptionBudget", name)["spec"]
        assert budget["selector"]["matchLabels"].items() <= labels.items()
        assert budget["maxUnavailable"] == 1
    else:
        assert f"-l app.kubernetes.io/name={labels['app.kubernetes.io/name']}" in SETUP


def test_the_operator_scrapes_what_setup_made_a_token_for() -> None:
    (monitor,) = documents(OPERATOR / "service-monitor.yaml")
    service = one("Service", "wattgram-collector")
    (endpoint,) = monitor["spec"]["endpoints"]
    jobs = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())

    assert (
        monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    )
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert endpoint["tlsConfig"]["serverName"] in SERVED.access.names
    for secret in (
        endpoint["authorization"]["credentials"],
        endpoint["tlsConfig"]["ca"]["secret"],
    ):
        assert f"keep {secret['name']} " in SETUP
        assert f"$work/scrape/{secret['key']}" in SETUP
    (label,) = yaml.safe_load((BASE / "kustomization.yaml").read_text())["labels"]
    job = label["pairs"][monitor["spec"]["jobLabel"]]
    assert job in {scraped["job_name"] for scraped in jobs["scrape_configs"]}


def test_the_operators_rules_are_the_shipped_ones(golden: Golden) -> None:
    parts = ["# Made from deploy/prometheus by `make golden`: change the rules there."]
    for name in ("wattgram.rules.yml", "wattgram.alerts.yml"):
        text = (ROOT / "deploy" / "prometheus" / name).read_text()
        parts.append(
            "---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n"
            f"  name: {name.removesuffix('.yml').replace('.', '-')}\nspec:"
        )
        parts += [
            f"  {line}" if line else "" for line in text[text.index("groups:") :].splitlines()
        ]
    golden(OPERATOR / "rules.yaml", "\n".join([*parts, ""]))

    for document in documents(OPERATOR / "rules.yaml"):
        for group in document["spec"]["groups"]:
            assert group["name"]
            for rule in group["rules"]:
                assert ("alert" in rule) != ("record" in rule)
                assert rule["expr"]
