"""The shipped rules: each alert is documented, has a runbook and tests, and names what exists."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from stack import whole
from wattgram_collector.exposition.families import HOST_FAMILIES, Type
from wattgram_collector.views.model import ProblemKind

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
ALERTMANAGER = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
RULE_FILES = ("wattgram.rules.yml", "wattgram.alerts.yml")
TESTS = sorted((PROMETHEUS / "tests").glob("*.test.yml"))
RUNBOOK = "docs/runbooks.md#"
SUFFIX = {Type.COUNTER: "_total", Type.INFO: "_info"}
METRIC = re.compile(r"(?<![\w:])wattgram_\w+")


def rules(*names: str) -> list[dict[str, Any]]:
    return [
        rule
        for name in names or RULE_FILES
        for group in yaml.safe_load((PROMETHEUS / name).read_text())["groups"]
        for rule in group["rules"]
    ]


ALERTS = [rule for rule in rules() if "alert" in rule]
KINDS = {(one["alert"], one["labels"]["severity"]) for one in ALERTS}


def anchors() -> list[str]:
    page = (ROOT / "docs" / "runbooks.md").read_text()
    return re.findall(r"^## (.+)$", page, re.MULTILINE)


def test_every_rule_is_of_one_of_two_kinds() -> None:
    assert len(ALERTS) > 20
    assert all(("alert" in one) != ("record" in one) for one in rules())
    assert {one["labels"]["severity"] for one in ALERTS} == {"critical", "warning", "info"}
    assert len(KINDS) == len(ALERTS)
    for one in rules(RULE_FILES[0]):
        assert re.fullmatch(r"[a-z_]+:wattgram_[a-z0-9_]+:[a-z0-9_]+", one["record"])


@pytest.mark.parametrize("rule", ALERTS, ids=lambda one: f"{one['alert']}-{one['labels']}")
def test_every_alert_says_what_is_wrong_how_much_and_what_to_do(rule: dict[str, Any]) -> None:
    said = rule["annotations"]

    assert set(said) == {"summary", "description", "runbook_url"}
    assert len(said["summary"]) < len(said["description"])
    assert said["runbook_url"].startswith(RUNBOOK)
    assert said["runbook_url"].removeprefix(RUNBOOK) in anchors()


def test_every_runbook_is_of_a_problem_or_of_an_alert() -> None:
    found = anchors()
    of_alerts = {one["annotations"]["runbook_url"].removeprefix(RUNBOOK) for one in ALERTS}

    assert len(found) == len(set(found))
    assert set(found) == {kind.value for kind in ProblemKind} | of_alerts


def test_every_runbook_says_what_to_do() -> None:
    page = (ROOT / "docs" / "runbooks.md").read_text()
    for section in page.split("\n## ")[1:]:
        assert "`" in section, section
        assert len(section.split()) > 40, section


def test_a_sed_gives_every_alert_a_link_of_your_own() -> None:
    file = PROMETHEUS / "wattgram.alerts.yml"
    (told,) = re.findall(r"^#   sed '(s\|.+\|)' ", file.read_text(), re.MULTILINE)
    said = subprocess.run(["sed", told, file], capture_output=True, text=True, check=True)  # noqa: S607
    links = re.findall(r"runbook_url: (\S+)$", said.stdout, re.MULTILINE)

    assert len(links) == len(ALERTS)
    assert all(re.fullmatch(r"https://wiki\.example/\S+#[a-z-]+", one) for one in links)


def test_the_page_of_alerts_has_all_of_them() -> None:
    page = (ROOT / "docs" / "alerts.md").read_text()
    row = re.compile(r"^\| \[`(\w+)`\]\((\S+)\) \| (\w+) \| .+ \|$", re.MULTILINE)
    said = {(name, severity, link) for name, link, severity in row.findall(page)}

    assert said == {
        (
            one["alert"],
            one["labels"]["severity"],
            one["annotations"]["runbook_url"].removeprefix("docs/"),
        )
        for one in ALERTS
    }


# ── what they ask for ────────────────────────────────────────────────────────────────────────


def exposed() -> Iterator[str]:
    """Yield what /metrics may show: of the hosts by the table, of the collector by its modules."""
    for family in HOST_FAMILIES:
        yield family.name + SUFFIX.get(family.type, "")
    for module in (ROOT / "collector" / "wattgram_collector" / "exposition").glob("own*.py"):
        for name in re.findall(r'"(wattgram_\w+)"', module.read_text()):
            yield from (name, f"{name}_total")


def test_every_metric_that_is_asked_for_exists() -> None:
    labels = {"wattgram_power_source_state"}
    named = {name for rule in rules() for name in METRIC.findall(rule["expr"])}

    assert len(named) > 20
    assert named - labels <= set(exposed())


def test_every_recorded_series_that_is_asked_for_is_recorded() -> None:
    recorded = [one["record"] for one in rules() if "record" in one]
    named = {name for rule in rules() for name in re.findall(r"\w+:\w+:\w+", rule["expr"])}

    assert len(recorded) == len(set(recorded))
    assert named <= set(recorded)


def test_hosts_are_joined_with_what_they_are_by_a_maximum() -> None:
    """Scraped by two jobs, or just moved to another zone, a host has two such series."""
    for rule in rules():
        every = len(re.findall(r"wattgram_host_info", rule["expr"]))
        by_maximum = re.findall(r"max by \(host, \w+\) \(wattgram_host_info\)", rule["expr"])
        assert every == len(by_maximum), rule


def test_the_scrape_job_is_the_one_that_the_alerts_ask_for() -> None:
    jobs = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    asked = {job for one in ALERTS for job in re.findall(r'job="(\w+)"', one["expr"])}

    assert asked == {jobs[0]["job_name"]}
    assert jobs[0]["honor_labels"] is True


# ── that they are tested ─────────────────────────────────────────────────────────────────────


def test_every_alert_is_tested_to_come_and_not_to_come() -> None:
    comes, stays_away = set(), set()
    for file in TESTS:
        for test in yaml.safe_load(file.read_text())["tests"]:
            for check in test.get("alert_rule_test", ()):
                found = {one["exp_labels"]["severity"] for one in check["exp_alerts"]}
                comes |= {(check["alertname"], severity) for severity in found}
                stays_away |= {
                    (check["alertname"], severity)
                    for severity in {"critical", "warning", "info"} - found
                } & KINDS

    assert comes == KINDS
    assert stays_away == KINDS


def test_every_recording_rule_is_tested_for_its_value() -> None:
    tested = {
        name
        for file in TESTS
        for test in yaml.safe_load(file.read_text())["tests"]
        for check in test.get("promql_expr_test", ())
        for name in re.findall(r"\w+:\w+:\w+", check["expr"])
        if check["exp_samples"]
    }

    assert tested == {one["record"] for one in rules() if "record" in one}


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(
            f"needs {name} (Debian: prometheus, prometheus-alertmanager, victoria-metrics)"
        )
    return found


def said_by(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_promtool_finds_nothing_wrong_with_the_configuration() -> None:
    said = said_by(
        program("promtool"), "check", "config", "--lint=all", PROMETHEUS / "prometheus.yml"
    )
    assert "2 rule files found" in said
    assert "FAILED" not in said


def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    files = [PROMETHEUS / name for name in RULE_FILES]
    said = said_by(program("promtool"), "check", "rules", "--lint=all", *files)
    assert f"{len(ALERTS)} rules found" in said


@pytest.mark.servers
@pytest.mark.parametrize("file", TESTS, ids=lambda one: one.name)
def test_every_alert_comes_when_it_should_and_not_when_it_should_not(file: Path) -> None:
    assert "SUCCESS" in said_by(program("promtool"), "test", "rules", file)


def test_vmalert_takes_the_rules_too() -> None:
    said = said_by(program("vmalert"), "-dryRun", f"-rule={PROMETHEUS}/wattgram.*.yml")
    assert "error" not in said.replace("error-", "")


def test_alertmanager_takes_its_example() -> None:
    assert "SUCCESS" in said_by(program("amtool"), "check-config", ALERTMANAGER)


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ({"severity": "critical"}, "on-call"),
        ({"severity": "warning", "site": "hall-1"}, "everybody"),
        ({"severity": "info"}, "everybody"),
    ],
)
def test_what_is_critical_goes_to_who_is_on_call(labels: dict[str, str], receiver: str) -> None:
    words = [f"{key}={value}" for key, value in labels.items()]
    config = f"--config.file={ALERTMANAGER}"
    said = said_by(program("amtool"), "config", "routes", "test", config, *words)
    assert receiver in said.splitlines()


def test_alerts_that_are_inhibited_exist() -> None:
    names = {one["alert"] for one in ALERTS}
    text = ALERTMANAGER.read_text()
    for pattern in re.findall(r'alertname=~?"([^"]+)"', text):
        assert any(re.fullmatch(pattern, name) for name in names), pattern
    rule = yaml.safe_load(text)["inhibit_rules"][0]
    assert rule["source_matchers"] == ['alertname="WattgramCollectorDown"']
    assert re.fullmatch("Wattgram.*", "WattgramAgentLate")


def test_what_is_hastened_for_a_demonstration_asks_the_same() -> None:
    for name in RULE_FILES:
        before = yaml.safe_load((PROMETHEUS / name).read_text())
        now = yaml.safe_load(whole.hastened((PROMETHEUS / name).read_text()))
        for group, quick in zip(before["groups"], now["groups"], strict=True):
            for rule, other in zip(group["rules"], quick["rules"], strict=True):
                waits = {"for": "2s"} if "for" in rule else {}
                assert other == {**rule, **waits}
    scraping = yaml.safe_load(whole.hastened((PROMETHEUS / "prometheus.yml").read_text()))
    assert scraping["global"] == {"scrape_interval": "1s", "evaluation_interval": "1s"}
    assert scraping["scrape_configs"][0]["scrape_interval"] == "1s"
    route = yaml.safe_load(whole.hastened(ALERTMANAGER.read_text()))["route"]
    assert (route["group_wait"], route["group_interval"]) == ("1s", "1s")
