"""The manual: `docs/cli.md`, manual pages and completions are made from the parsers."""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
import shtab
from argparse_manpage.manpage import Manpage

from wattgram.manual import COMMON_EXIT_CODES, Examples, commands
from wattgram_agent import __main__ as agent
from wattgram_agent.examples import EXAMPLES as AGENT_EXAMPLES
from wattgram_collector import __main__ as collector
from wattgram_collector.examples import EXAMPLES as COLLECTOR_EXAMPLES
from wattgram_collector.reports.times import joined

ROOT = Path(__file__).parents[2]
WIDTH = "96"
PROGRAMS: list[tuple[Callable[[], argparse.ArgumentParser], Examples]] = [
    (agent._parser, AGENT_EXAMPLES),
    (collector._parser, COLLECTOR_EXAMPLES),
]
PROGRAM_IDS = ["agent", "collector"]

ONE_VERSION = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="argparse prints otherwise in every Python version"
)

Golden = Callable[[Path, str], None]


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", WIDTH)


@ONE_VERSION
def test_the_page_of_commands_is_made_from_the_parsers(golden: Golden) -> None:
    lines = ["# Commands", "", "Made from the parsers by `make docs`.", "", "## Exit codes", ""]
    lines += [f"- {code}: {meaning}" for code, meaning in COMMON_EXIT_CODES.items()]
    lines += ["", "What a command has beside these stands with it.", ""]
    for make, _ in PROGRAMS:
        program = make()
        lines += [f"## {program.prog}", "", str(program.description), ""]
        for words, parser in commands(program):
            text = parser.format_help().rstrip()
            lines += [f"### {program.prog} {' '.join(words)}", "", "```text", text, "```", ""]
    golden(ROOT / "docs" / "cli.md", "\n".join(lines))


@pytest.mark.parametrize(("make", "examples"), PROGRAMS, ids=PROGRAM_IDS)
def test_every_command_has_an_example_and_every_example_is_understood(
    make: Callable[[], argparse.ArgumentParser], examples: Examples
) -> None:
    program = make()
    names = {" ".join(words) for words, _ in commands(program)}

    assert set(examples) == names
    for name, lines in examples.items():
        for _, line in lines:
            first, *words = shlex.split(line)
            assert first == program.prog
            assert " ".join(words).startswith(name)
            assert program.parse_args(joined(words)).command


@pytest.mark.parametrize(("make", "examples"), PROGRAMS, ids=PROGRAM_IDS)
def test_what_prints_prints_json_when_it_is_asked(
    make: Callable[[], argparse.ArgumentParser], examples: Examples
) -> None:
    """Only what runs, asks, or writes files has no `--json`."""
    silent = {
        " ".join(words)
        for words, parser in commands(make())
        if not {"--json", "--format", "--csv"} & set(parser._option_string_actions)
    }

    assert silent <= {
        "run", "enroll", "renew", "spool purge", "user add", "user remove", "token remove",
        "ca init", "revoke", "ledger backup", "ledger restore",
    }  # fmt: skip


MACROS = {".B", ".RE", ".RS", ".SH", ".SS", ".TH", ".TP"}


@ONE_VERSION
@pytest.mark.parametrize(("make", "examples"), PROGRAMS, ids=PROGRAM_IDS)
def test_manual_pages_are_made_from_the_parsers(
    make: Callable[[], argparse.ArgumentParser], examples: Examples, golden: Golden
) -> None:
    program = make()
    about = {
        "project_name": "Wattgram",
        "version": "",
        "author": "The Wattgram authors",
        "date": " ",  # nothing that changes from day to day
        "manual_title": "Wattgram",
        "description": str(program.description).rstrip("."),
        "url": None,
        "long_description": None,
    }

    program.epilog = None

    page = str(Manpage(program, format="single-commands-section", _data=about)).rstrip()

    lines = [page, ".SH EXIT STATUS", *_roff_list(COMMON_EXIT_CODES.items()), ".SH EXAMPLES"]
    for found in examples.values():
        lines += _roff_list(found, bold=False)
    text = "\n".join([*lines, ""])
    macros = {line.split()[0] for line in text.splitlines() if line.startswith((".", "'"))}
    assert macros <= MACROS  # a text that begins with a dot is not shown
    golden(ROOT / "deploy" / "man" / f"{program.prog}.1", text)


def _roff_list(rows: Iterable[tuple[object, str]], *, bold: bool = True) -> Iterator[str]:
    for tag, text in rows:
        yield from (".TP", f".B {tag}" if bold else f"{tag}:", text.replace("-", "\\-"))


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize(("make", "examples"), PROGRAMS, ids=PROGRAM_IDS)
def test_completions_are_made_from_the_parsers(
    make: Callable[[], argparse.ArgumentParser], examples: Examples, shell: str, golden: Golden
) -> None:
    program = make()
    file = {"bash": program.prog, "zsh": f"_{program.prog}"}[shell]

    golden(ROOT / "deploy" / "completions" / shell / file, shtab.complete(program, shell))


def test_bash_completes_a_command() -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("needs bash")
    script = ROOT / "deploy" / "completions" / "bash" / "wattgram-agent"
    lines = f"""
source {shlex.quote(str(script))}
COMP_WORDS=(wattgram-agent do); COMP_CWORD=1
$(complete -p wattgram-agent | sed 's/.*-F \\([^ ]*\\).*/\\1/') wattgram-agent do wattgram-agent
echo "${{COMPREPLY[@]}}"
"""
    found = subprocess.run(
        [bash, "--norc", "-c", lines], capture_output=True, text=True, check=True, timeout=30
    )

    assert found.stdout.split() == ["doctor"]
    assert found.stderr == ""
