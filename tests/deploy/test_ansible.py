"""The roles: that their files are there and that what they write is a good configuration."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

import wattgram_agent
from wattgram_agent.config import load_config as agent_config
from wattgram_collector.config import load_config as collector_config

ROOT = Path(__file__).parents[2]
ANSIBLE = ROOT / "deploy" / "ansible"
ROLES = ("wattgram_agent", "wattgram_collector")


def tasks(role: str) -> list[dict[str, Any]]:
    return [
        task
        for file in sorted((ANSIBLE / "roles" / role / "tasks").glob("*.yml"))
        for task in yaml.safe_load(file.read_text())
    ]


def defaults(role: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(
        (ANSIBLE / "roles" / role / "defaults" / "main.yml").read_text()
    )
    return found


def written(role: str, **variables: Any) -> str:
    """Return the configuration that a role writes, as Ansible's own filters would."""
    told = {**defaults(role), "ansible_managed": "Ansible managed", **variables}
    environment = jinja2.Environment(  # noqa: S701 - TOML
        trim_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["to_json"] = json.dumps
    (name,) = (path.name for path in (ANSIBLE / "roles" / role / "templates").glob("*.toml.j2"))
    text = (ANSIBLE / "roles" / role / "templates" / name).read_text()
    return environment.from_string(text).render(told, lookup=lambda _, name: told[name])


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_refers_to_is_there(role: str) -> None:
    folder = ANSIBLE / "roles" / role
    handlers = {one["name"] for one in yaml.safe_load((folder / "handlers/main.yml").read_text())}
    included = set()
    for task in tasks(role):
        assert task.get("notify", next(iter(handlers))) in handlers, task["name"]
        for module in ("ansible.builtin.template", "ansible.builtin.copy"):
            if module not in task:
                continue
            source = task[module]["src"]
            if source.startswith("{{ " + role + "_files }}"):
                assert (ROOT / "deploy" / source.split("}}/")[1]).is_file(), source
            elif "{{" not in source:
                assert (folder / "templates" / source).is_file(), source
            assert re.fullmatch("0[67][0-5]4|0755", task[module]["mode"])
        included |= {task.get("ansible.builtin.include_tasks", "main.yml")}

    assert included == {path.name for path in (folder / "tasks").iterdir()}
    assert defaults(role)[f"{role}_package"].endswith(f"=={wattgram_agent.__version__}")


@pytest.mark.parametrize("role", ROLES)
def test_every_variable_that_is_used_has_a_default(role: str) -> None:
    text = "\n".join(
        path.read_text()
        for path in (ANSIBLE / "roles" / role).rglob("*")
        if path.is_file() and "defaults" not in path.parts
    )
    used = set(re.findall(rf"\b{role}_\w+", text))
    made = {task.get("register", "") for task in tasks(role)} | {
        name for task in tasks(role) for name in task.get("ansible.builtin.set_fact", {})
    }
    prefix = {f"{role}_"}  # what the template looks up by its name

    assert used - prefix <= set(defaults(role)) | made
    example = yaml.safe_load((ANSIBLE / "inventory.example.yml").read_text())
    group = "wattgram_agents" if role == "wattgram_agent" else role
    assert set(example[group]["vars"]) <= set(defaults(role))


def test_the_agents_configuration_is_good_and_says_what_was_asked(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(
        written(
            "wattgram_agent",
            wattgram_agent_collector="collector.example",
            wattgram_agent_site='a "quoted" site',
            wattgram_agent_settings={"sampling": {"interval_seconds": 0.5}},
        )
    )
    config = agent_config(file, {})

    assert config.collector.address == "collector.example:9880"
    assert config.tls.directory == config.tls_directory
    assert config.site == 'a "quoted" site'
    assert config.sampling.interval_seconds == 0.5
    file.write_text(written("wattgram_agent"))
    assert agent_config(file, {}) == agent_config(None, {})


def test_the_collectors_configuration_is_good_and_closed(tmp_path: Path) -> None:
    file = tmp_path / "collector.toml"
    file.write_text(
        written("wattgram_collector", wattgram_collector_names=["a.example", "b.example"])
    )
    config = collector_config(file, {})

    assert config.access.names == ("a.example", "b.example")
    assert config.access.enrolment
    assert config.http.needs_proof
    assert config.access.directory == config.state_directory / "ca"
    assert tomllib.loads(file.read_text())["grid_zone"] == "WORLD"


def test_a_token_is_not_logged_and_no_argument() -> None:
    enrolling = yaml.safe_load((ANSIBLE / "roles/wattgram_agent/tasks/enrol.yml").read_text())
    (made,) = [one for one in enrolling if one.get("register") == "wattgram_agent_token"]
    (used,) = [one for one in enrolling if "stdin" in one.get("ansible.builtin.command", {})]

    assert made["no_log"] is True
    assert made["delegate_to"] == "{{ wattgram_agent_enrol_on }}"
    assert "wattgram_agent_token" in used["ansible.builtin.command"]["stdin"]
    assert not any("token" in part for part in used["ansible.builtin.command"]["argv"])
