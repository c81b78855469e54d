"""Documents that a machine can check: generated pages, links, versions, commands."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import wattgram_agent
import wattgram_collector
from wattgram.settings import as_toml, named_section
from wattgram_agent.config import AgentConfig
from wattgram_agent.sources import discoverers, ipmi, rapl
from wattgram_collector.config import CollectorConfig
from wattgram_collector.exposition.families import HOST_FAMILIES, Type

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
SUFFIX = {Type.COUNTER: "_total", Type.INFO: "_info"}

Golden = Callable[[Path, str], None]


def test_the_page_of_metrics_is_made_from_the_table(golden: Golden) -> None:
    lines = [
        "# Metrics",
        "",
        "Made from `collector/wattgram_collector/exposition/families.py` by `make docs`.",
        "",
        "| metric | type | labels | meaning |",
        "|---|---|---|---|",
    ]
    for family in HOST_FAMILIES:
        labels = ", ".join(family.labels)
        name = f"`{family.name}{SUFFIX.get(family.type, '')}`"
        lines.append(f"| {name} | {family.type} | {labels} | {family.help} |")
    lines += [
        "",
        "The collector's own: `wattgram_build_info`, `wattgram_ingest_*`, `wattgram_ledger_*`,",
        "`wattgram_http_refused_total{reason}`, `wattgram_config_last_reload_successful`,",
        "`wattgram_certificate_expiry_timestamp_seconds{certificate}`, `wattgram_certificates_*`,",
        "`wattgram_provider_*` ([providers](providers.md)),",
        "`wattgram_push_*` ([push](push.md)),",
        "`wattgram_carbon_budget_*` ([budgets](budgets.md)), `wattgram_emission_limit_*`",
        "([alerts](alerts.md)), `wattgram_inventory_*` ([inventory](inventory-report.md)),",
        "and its process's (`process_*`, `python_info`).",
        "",
        "A counter to which something is added for the first time is shown as 0 for",
        "`exposition.zero_seconds`, so that a scrape sees it start. A late agent loses its gauges",
        "at once and its counters after five minutes; `wattgram_agent_up` stays at 0.",
        "",
    ]
    golden(ROOT / "docs" / "metrics.md", "\n".join(lines))


def test_the_page_of_settings_is_made_from_the_dataclasses(golden: Golden) -> None:
    lines = [
        "# Configuration",
        "",
        "Made from the two `config.py` by `make docs`. TOML; `print-config` prints the effective",
        "configuration with comments, `check-config` says what is wrong with a file. A variable",
        "such as `WATTGRAM_AGENT__SAMPLING__INTERVAL_SECONDS` overrides the file. An unknown key",
        "is an error, exit code 2.",
    ]
    for title, config in (("Agent", AgentConfig()), ("Collector", CollectorConfig())):
        lines += ["", f"## {title}", "", "| key | default | meaning |", "|---|---|---|"]
        lines += [f"| `{key}` | `{value}` | {text} |" for key, value, text in _settings(config)]
    golden(ROOT / "docs" / "configuration.md", "\n".join([*lines, ""]))


def _settings(section: Any, at: str = "") -> Iterator[tuple[str, str, str]]:
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if dataclasses.is_dataclass(value):
            yield from _settings(value, f"{at}{field.name}.")
        elif named := named_section(type(section), field.name):
            yield f"{at}{field.name}.NAME", "none", field.metadata["help"]
            yield from _settings(_defaults(named), f"{at}{field.name}.NAME.")
        else:
            choices = field.metadata["choices"]
            text = field.metadata["help"] + (f" One of {', '.join(choices)}." if choices else "")
            yield f"{at}{field.name}", "unset" if value is None else as_toml(value), text


def _defaults(kind: Any) -> Any:
    """Return an instance of nothing but defaults, which some sections do not accept."""
    made = object.__new__(kind)
    for field in dataclasses.fields(kind):
        factory = field.default_factory
        default = field.default if factory is dataclasses.MISSING else factory()
        object.__setattr__(made, field.name, default)
    return made


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = [
        target
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]

    assert broken == []


def test_every_version_is_the_same() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.search(r"^## \[(\S+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert newest is not None
    assert {project, wattgram_agent.__version__, wattgram_collector.__version__} == {newest[1]}


SOURCES = ROOT / "docs" / "sources"
FACTS = ("Measures", "Counted as", "Quality", "Permission", "Period", "Checked on")
BESIDE_THE_AGENT = ("redfish",)  # read by the collector


def facts_of(name: str) -> dict[str, str]:
    """Return the table with which the page of a source begins, and its title."""
    lines = (SOURCES / f"{name}.md").read_text().splitlines()
    rows = [line.strip("|").split(" | ", 1) for line in lines[4 : 4 + len(FACTS)]]
    return {
        "title": lines[0].removeprefix(f"# `{name}`: "),
        **{row[0].strip(): row[-1].strip() for row in rows},
    }


def test_the_index_of_sources_is_made_from_their_pages(golden: Golden) -> None:
    names = [*discoverers(AgentConfig()), *BESIDE_THE_AGENT]
    lines = [
        "# Sources",
        "",
        "Made from the pages below by `make docs`. `wattgram-agent doctor` shows which of these a",
        "host has, in what state, what is counted and why, and what would change it.",
        "",
        "Everything that is found is shown; one set is counted, so that each joule is counted",
        "once: a meter of the whole host if one speaks; else packages, memory and GPUs; else the",
        "model. Which set it is may change while the agent runs, as when a laptop is unplugged:",
        "the interval in which it changes belongs to one of the two. A meter that fails keeps its",
        "place for as long as its next word would still cover the time (15 s for a power, 120 s",
        "for a register); then the next best takes over. What the operator knows better:",
        "`sources.host_meters` names zones that together meter the whole host, `sources.psys`",
        "believes RAPL's psys, `sources.disabled` looks away.",
        "",
        "| source | what | counted as | checked on |",
        "|---|---|---|---|",
    ]
    for name in names:
        facts = facts_of(name)
        assert tuple(facts)[1:] == FACTS, name
        assert all(facts.values()), name
        lines.append(
            f"| [`{name}`]({name}.md) | {facts['title']} | {facts['Counted as']} | "
            f"{facts['Checked on']} |"
        )
    assert {path.stem for path in SOURCES.glob("*.md")} - {"README"} == set(names)
    golden(SOURCES / "README.md", "\n".join([*lines, ""]))


def test_every_metric_that_the_readme_names_exists() -> None:
    named = set(re.findall(r"`(wattgram_\w+)", (ROOT / "README.md").read_text()))
    known = {family.name + SUFFIX.get(family.type, "") for family in HOST_FAMILIES}

    assert named
    assert named <= known


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        name
        for page in PAGES
        for name in re.findall(r"`?\bmake ([a-z-]+)\b[`\n ]", page.read_text())
        if f"`make {name}" in page.read_text() or f"\nmake {name}" in page.read_text()
    }

    assert {"run", "test", "check", "bench"} <= named
    assert named <= targets


@pytest.mark.parametrize(("name", "rule"), [("rapl", rapl.UDEV_RULE), ("ipmi", ipmi.UDEV_RULE)])
def test_the_udev_rule_that_doctor_prints_is_the_one_that_is_shipped(name: str, rule: str) -> None:
    rules = (ROOT / "deploy" / "udev" / f"60-wattgram-{name}.rules").read_text().splitlines()

    assert [line for line in rules if not line.startswith("#")] == [rule]


def test_continuous_integration_runs_the_readme_test_command() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text()
    assert "make test" in (ROOT / "README.md").read_text()


def test_every_decision_is_listed() -> None:
    listed = set(LINK.findall((ROOT / "docs" / "adr" / "README.md").read_text()))
    pages = {page.name for page in (ROOT / "docs" / "adr").glob("0*.md")}

    assert listed == pages
