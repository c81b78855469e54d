"""What the pages on security name is there: tests, settings, commands, files, metrics."""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import pytest

from promises import NAMED_TEST, ROOT, missing
from wattgram.settings import named_section
from wattgram_agent import __main__ as agent
from wattgram_agent.config import AgentConfig
from wattgram_collector import __main__ as collector
from wattgram_collector.config import CollectorConfig, RedfishSettings
from wattgram_collector.exposition.families import HOST_FAMILIES

PAGES = {
    name: (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    for name in ("SECURITY", "threat-model", "guarantees", "access")
}
ROWS = [
    line
    for part in re.split(r"^## ", PAGES["threat-model"], flags=re.MULTILINE)
    if "| tried by |" in part
    for line in part.splitlines()
    if line.startswith("| ") and "tried by" not in line
]
CODE = re.compile(r"`([^`\n]+)`")
EXPOSED = "".join(
    path.read_text(encoding="utf-8")
    for path in (ROOT / "collector" / "wattgram_collector" / "exposition").glob("*.py")
)

pages = pytest.mark.parametrize("name", PAGES)


@pages
def test_every_test_that_is_named_is_collected(name: str) -> None:
    assert missing(PAGES[name]) == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[2:50])
def test_every_threat_is_tried_by_a_test(row: str) -> None:
    cells = [cell.strip() for cell in row.strip("|").split(" | ")]

    assert len(cells) == 3
    assert all(cells)
    assert NAMED_TEST.search(cells[-1])


def test_every_letter_of_stride_has_its_threats() -> None:
    assert len(ROWS) > 35
    for word in ("Spoofing", "Tampering", "Repudiation", "Information disclosure",
                 "Denial of service", "Elevation of privilege"):  # fmt: skip
        assert f"\n## {word}: " in PAGES["threat-model"]


# ── settings ─────────────────────────────────────────────────────────────────────────────


def keys(kind: Any, at: str = "") -> Iterator[str]:
    for field in dataclasses.fields(kind):
        default = field.default_factory() if callable(field.default_factory) else None
        if dataclasses.is_dataclass(default):
            yield from keys(type(default), f"{at}{field.name}.")
        elif named := named_section(kind, field.name):
            yield from keys(named, f"{at}{field.name}.NAME.")
        yield f"{at}{field.name}"


KEYS = {*keys(AgentConfig), *keys(CollectorConfig)}
SECTIONS = {key.partition(".")[0] for key in KEYS if "." in key}
FILES_LIKE_KEYS = {"access.md", "limits.md"}


@pages
def test_every_setting_that_is_named_exists(name: str) -> None:
    named = {
        found[0]
        for text in CODE.findall(PAGES[name])
        if (found := re.match(r"[a-z_]+(\.[A-Za-z_]+)+(?= = |$)", text))
        and text.partition(".")[0] in SECTIONS
    }

    assert named - KEYS - FILES_LIKE_KEYS == set()
    if name in {"SECURITY", "access"}:
        assert len(named) > 8
    assert RedfishSettings.__dataclass_fields__["password_file"]


# ── commands ─────────────────────────────────────────────────────────────────────────────


def words_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


COMMANDS = re.compile(r"^\s*(wattgram-(?:agent|collector)) ([a-z][^#\n]*)", re.MULTILINE)
PARSERS = {"wattgram-agent": agent._parser(), "wattgram-collector": collector._parser()}


def named_commands(page: str) -> Iterator[tuple[str, list[str]]]:
    blocks = "\n".join(re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
    for text in (*CODE.findall(page), *blocks.splitlines()):
        found = COMMANDS.match(text)
        if found:
            yield found[1], found[2].split()


@pages
def test_every_command_that_is_named_exists_with_its_options(name: str) -> None:
    for program, words in named_commands(PAGES[name]):
        parser = PARSERS[program]
        while choices := words_of(parser):
            assert words, (program, choices)
            assert words[0] in choices, (program, words)
            parser = choices[words.pop(0)]
        known = {option for action in parser._actions for option in action.option_strings}
        options = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert options <= known, (program, words)


def test_commands_are_found_in_the_pages() -> None:
    assert sum(1 for _ in named_commands(PAGES["SECURITY"])) >= 6
    assert sum(1 for _ in named_commands(PAGES["access"])) >= 10


# ── files, targets, metrics ──────────────────────────────────────────────────────────────


@pages
def test_every_file_that_is_named_exists(name: str) -> None:
    tops = ("agent/", "collector/", "proto/", "deploy/", "docs/", "tests/", ".ci/", "Makefile")
    named = {
        text for text in CODE.findall(PAGES[name]) if text.startswith(tops) and "::" not in text
    }

    assert [text for text in named if not (ROOT / text).exists()] == []


@pages
def test_every_make_target_that_is_named_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert {
        text.split()[1] for text in CODE.findall(PAGES[name]) if text.startswith("make ")
    } <= targets


@pages
def test_every_metric_that_is_named_exists(name: str) -> None:
    families = {family.name for family in HOST_FAMILIES}
    for text in CODE.findall(PAGES[name]):
        if found := re.match(r"wattgram_[a-z_]+", text):
            metric = found[0].removesuffix("_total").removesuffix("_info")
            assert metric in families or f'"{metric}"' in EXPOSED, text


def test_the_pages_are_linked_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    for name in PAGES:
        assert f"](docs/{name}.md)" in readme
