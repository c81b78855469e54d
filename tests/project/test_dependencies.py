"""What is imported is declared, what is declared is imported, pinned, and free to be used."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
OURS = {"wattgram", "wattgram_agent", "wattgram_collector"}
PARTS = {
    "proto/wattgram": PROJECT["project"]["dependencies"],
    "agent/wattgram_agent": [
        *PROJECT["project"]["dependencies"], *EXTRAS["agent"], *EXTRAS["pyrapl"],
    ],
    "collector/wattgram_collector": [
        *PROJECT["project"]["dependencies"], *EXTRAS["collector"], *EXTRAS["push"],
    ],
}  # fmt: skip
NOT_IMPORTED = {"proto/wattgram": {"grpcio"}}
"""Declared for both daemons at once, and used by them."""
NOT_PINNED = {"pip", "setuptools"}
"""They come with the environment."""
LOOKS_IMPORTED = re.compile(r"^\s*(?:from|import)\s+(\w+)", re.MULTILINE)
PERMISSIVE = re.compile(
    r"(?i)\b(MIT|BSD|Apache|ISC|PSF|Python Software Foundation|0BSD|Unlicense|Zlib)\b"
)
COPYLEFT = re.compile(r"(?i)\b(A?GPL|LGPL|MPL|EUPL|CDDL|SSPL|BUSL|GNU)\b")


def name_of(requirement: str) -> str:
    return canonicalize_name(Requirement(requirement).name)


@cache
def provided() -> dict[str, set[str]]:
    """Return which distributions give a top-level module."""
    return {
        module: {canonicalize_name(name) for name in names}
        for module, names in metadata.packages_distributions().items()
    }


def imported(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (file, top-level module) of every import that is neither ours nor Python's."""
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if set(LOOKS_IMPORTED.findall(text)) <= sys.stdlib_module_names | OURS:
            continue  # parsing takes longer
        for node in ast.walk(ast.parse(text)):
            names = []
            if isinstance(node, ast.Import):
                names = [one.name for one in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            for name in names:
                top = "google.protobuf" if name.startswith("google.") else name.partition(".")[0]
                if top not in sys.stdlib_module_names | OURS:
                    yield str(path.relative_to(ROOT)), top


def distribution_of(module: str) -> str:
    if module == "google.protobuf":
        return "protobuf"
    (name,) = provided()[module]
    return name


@pytest.mark.parametrize("part", PARTS)
def test_every_import_is_declared_for_its_part_and_every_declared_one_is_imported(
    part: str,
) -> None:
    """What comes along with another library today may not do so tomorrow."""
    found = {distribution_of(module): file for file, module in imported(ROOT / part)}
    declared = {name_of(one) for one in PARTS[part]}
    base = {name_of(one) for one in PARTS["proto/wattgram"]}

    assert {name: file for name, file in found.items() if name not in declared} == {}
    needed = declared if part == "proto/wattgram" else declared - base
    assert needed - set(found) == NOT_IMPORTED.get(part, set())


def closure(requirements: Iterable[str]) -> set[str]:
    """Return what is installed of these and of what they need, by canonical name."""
    found: set[str] = set()
    todo = [Requirement(one) for one in requirements]
    while todo:
        one = todo.pop()
        name = canonicalize_name(one.name)
        if name in found or (one.marker and not one.marker.evaluate({"extra": ""})):
            continue
        try:
            needs = metadata.distribution(name).requires or []
        except metadata.PackageNotFoundError:
            continue
        found.add(name)
        for need in map(Requirement, needs):
            extras = one.extras or {""}
            if need.marker is None or any(need.marker.evaluate({"extra": x}) for x in extras):
                need.marker = None
                todo.append(need)
    return found


def groups() -> list[str]:
    """Return what tests and development need, as far as it is written out."""
    every = [one for group in PROJECT["dependency-groups"].values() for one in group]
    return [one for one in every if isinstance(one, str)]


RUNTIME = sorted({one for part in PARTS.values() for one in part})


def test_all_that_can_be_installed_is_pinned_to_what_was_tested() -> None:
    """So that the audit is of what is used, and a day's upload is not run unseen."""
    lines = (ROOT / ".ci" / "constraints.txt").read_text().split()
    pinned = dict(line.split("==") for line in lines)
    by_name = {canonicalize_name(name): version for name, version in pinned.items()}
    installed = closure([*RUNTIME, *groups(), *PROJECT["build-system"]["requires"]])

    assert len(by_name) == len(lines)
    assert installed - set(by_name) == NOT_PINNED & installed
    wrong = {name for name in installed - NOT_PINNED if metadata.version(name) != by_name[name]}
    assert wrong == set()


@pytest.mark.parametrize("name", sorted(closure(RUNTIME)))
def test_what_runs_with_us_is_under_a_permissive_licence(name: str) -> None:
    """Said by the package itself: its licence expression, its classifiers, its licence field."""
    about = metadata.metadata(name)
    said = [about.get("License-Expression") or ""]
    said += [one for one in about.get_all("Classifier") or [] if one.startswith("License ::")]
    said += [(about.get("License") or "").partition("\n")[0]]
    text = " ; ".join(one for one in said if one)

    assert PERMISSIVE.search(text), text
    assert not COPYLEFT.search(text), text


# ── what ruff is told not to look at ─────────────────────────────────────────────────────

NOQA = re.compile(r"#\s*noqa:[^#\n]*\b(S\d{3})\b(.*)")
SHIPPED = ("agent/wattgram_agent", "collector/wattgram_collector", "proto/wattgram")
EXPECTED = {"S603": 2, "S608": 40, "S314": 1, "S105": 3, "S104": 1, "S302": 1}
"""Rules of security that a line of the product is exempt from, and how many lines at most."""


def test_what_is_exempt_from_the_rules_of_security_is_little_and_known() -> None:
    """S608 is SQL put together of constants; S603 a program without a shell; S105 no password;
    S104 an address that is compared with; S314 the one XML reader, which refuses any document type
    before it parses; S302 what a run itself put away in a file without a name. Another rule, or
    one line more, is to be judged first.
    """
    counted: dict[str, int] = {}
    for part in SHIPPED:
        for path in (ROOT / part).rglob("*.py"):
            for code, _ in NOQA.findall(path.read_text(encoding="utf-8")):
                counted[code] = counted.get(code, 0) + 1
    assert {code: n for code, n in counted.items() if n > EXPECTED.get(code, 0)} == {}
    exempt = PROJECT["tool"]["ruff"]["lint"]["per-file-ignores"]
    by_folder = {
        pattern: {code for code in codes if re.fullmatch(r"S\d*", code)}
        for pattern, codes in exempt.items()
    }
    assert not any(codes for at, codes in by_folder.items() if at.startswith(SHIPPED))
    assert "S" in PROJECT["tool"]["ruff"]["lint"]["select"] + ["S"] * (
        PROJECT["tool"]["ruff"]["lint"]["select"] == ["ALL"]
    )
    assert not any(one.startswith("S") for one in PROJECT["tool"]["ruff"]["lint"]["ignore"])
