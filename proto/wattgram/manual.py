"""What `--help` and the manual pages say beside the options: examples and exit codes.

A test parses every example with the very parser that shows it, and wants one for every command.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

Examples = Mapping[str, Sequence[tuple[str, str]]]
"""By command, as `ledger check`: what it does in words, and the command line."""

COMMON_EXIT_CODES: Final = {0: "done", 1: "failed", 2: "bad configuration or usage"}


class Command(NamedTuple):
    """A command of a program that does something: its words, and the parser of its arguments."""

    words: tuple[str, ...]
    parser: argparse.ArgumentParser


def commands(parser: argparse.ArgumentParser) -> Iterator[Command]:
    """Yield every command of a program, those of commands with them, in the order of `--help`."""
    yield from _commands((), parser)


def _commands(words: tuple[str, ...], parser: argparse.ArgumentParser) -> Iterator[Command]:
    # argparse has no other way to walk what it was told.
    kind = argparse._SubParsersAction  # noqa: SLF001
    nested = [action for action in parser._actions if isinstance(action, kind)]  # noqa: SLF001
    if not nested:
        yield Command(words, parser)
    for action in nested:
        for name, child in action.choices.items():
            yield from _commands((*words, name), child)


def illustrate(
    parser: argparse.ArgumentParser,
    examples: Examples,
    exit_codes: Mapping[str, Mapping[int, str]],
) -> None:
    """Add examples to the help of every command, and exit codes to that of the program.

    `exit_codes` are those that a command has beside the common ones.
    """
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _exit_codes(COMMON_EXIT_CODES)
    for words, command in commands(parser):
        name = " ".join(words)
        paragraphs = []
        if name in examples:
            lines = [f"  # {does}\n  {line}" for does, line in examples[name]]
            paragraphs.append("examples:\n" + "\n".join(lines))
        if name in exit_codes:
            paragraphs.append(_exit_codes({**COMMON_EXIT_CODES, **exit_codes[name]}))
        if paragraphs:
            command.formatter_class = argparse.RawDescriptionHelpFormatter
            command.epilog = "\n\n".join(paragraphs)


def _exit_codes(codes: Mapping[int, str]) -> str:
    return "exit codes:\n" + "\n".join(f"  {code}  {meaning}" for code, meaning in codes.items())
