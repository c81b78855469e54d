"""The subcommands `user` and `token`: who is let in, kept in the file that the collector reads."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from wattgram_collector.access import credentials_file
from wattgram_collector.access.credentials import (
    COST,
    Credentials,
    Role,
    Secret,
    Token,
    User,
    new_token,
    require_name,
    token_digest,
)
from wattgram_collector.access.credentials_file import CredentialsError
from wattgram_collector.config import CollectorConfig

EXIT_FAILURE: Final = 1

Command = Callable[[CollectorConfig, argparse.Namespace], int]


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add `user` and `token` to the subparsers `commands`; `common` holds what every one takes."""

    def group(name: str, help_text: str) -> Callable[[str, Command, str], argparse.ArgumentParser]:
        parts = commands.add_parser(name, help=help_text, description=help_text).add_subparsers(
            required=True, metavar="ACTION"
        )

        def part(action: str, command: Command, text: str) -> argparse.ArgumentParser:
            added: argparse.ArgumentParser = parts.add_parser(
                action, parents=[common], help=text, description=text
            )
            added.set_defaults(command=_said(command))
            return added

        return part

    user = group("user", "Users with a password, for the HTTP side.")
    token = group("token", "Tokens, for programs on the HTTP side and for agents.")
    added = user("add", _add_user, "Add a user. The password is asked for, or read from stdin.")
    added.add_argument("name", metavar="NAME")
    added.add_argument("--role", choices=("read", "admin"), default="read", help="default: read")
    added.add_argument("--replace", action="store_true", help="change one that is there")
    added = token("add", _add_token, "Make a token and print it: it is not shown again.")
    added.add_argument("name", metavar="NAME")
    added.add_argument("--role", choices=tuple(Role), default="read", help="default: read")
    added.add_argument("--agent-id", default="", help="whom a token of role agent speaks for")
    added.add_argument("--json", action="store_true", help="as JSON")
    for part, command, noun in ((user, _remove_user, "user"), (token, _remove_token, "token")):
        removed = part("remove", command, f"Remove a {noun}; what it had opened ends.")
        removed.add_argument("name", metavar="NAME")
    for part, command in ((user, _list_users), (token, _list_tokens)):
        listed = part("list", command, "List all of them; never a secret.")
        listed.add_argument("--json", action="store_true", help="as JSON")


def _said(command: Command) -> Command:
    """Return the command with what it cannot do said on stderr."""

    def run(config: CollectorConfig, options: argparse.Namespace) -> int:
        try:
            return command(config, options)
        except (CredentialsError, ValueError) as error:
            print(f"wattgram-collector: {error}", file=sys.stderr)
            return EXIT_FAILURE

    return run


def _add_user(config: CollectorConfig, options: argparse.Namespace) -> int:
    path = config.credentials_path
    require_name(options.name)
    _require_state(credentials_file.read(path), options)  # before a password is asked for
    secret = Secret.of(_password(), COST)
    user = User(name=options.name, role=Role(options.role), secret=secret)

    def add(credentials: Credentials) -> Credentials:
        _require_state(credentials, options)
        return credentials.with_user(user)

    credentials_file.change(path, add)
    _hint(config.credentials_path)
    return 0


def _require_state(credentials: Credentials, options: argparse.Namespace) -> None:
    if (options.name in credentials.users) != options.replace:
        state = "not there" if options.replace else "there already; --replace changes it"
        raise ValueError(f"user {options.name} is {state}")


def _password() -> str:
    """Return what was typed twice, or the first line of stdin; raises ValueError."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    typed = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != typed:
        raise ValueError("the two passwords differ")
    return typed


def _add_token(config: CollectorConfig, options: argparse.Namespace) -> int:
    made = new_token()
    token = Token(
        name=options.name,
        role=Role(options.role),
        digest=token_digest(made),
        agent_id=options.agent_id,
        made_unix_seconds=int(time.time()),
    )
    credentials_file.change(
        config.credentials_path, lambda credentials: credentials.with_token(token)
    )
    shown = {"name": token.name, "role": token.role, "token": made}
    print(json.dumps(shown) if options.json else made)
    _hint(config.credentials_path)
    return 0


def _remove_user(config: CollectorConfig, options: argparse.Namespace) -> int:
    return _change(config, lambda credentials: credentials.without_user(options.name))


def _remove_token(config: CollectorConfig, options: argparse.Namespace) -> int:
    return _change(config, lambda credentials: credentials.without_token(options.name))


def _change(config: CollectorConfig, how: Callable[[Credentials], Credentials]) -> int:
    credentials_file.change(config.credentials_path, how)
    _hint(config.credentials_path)
    return 0


def _hint(path: Path) -> None:
    print(f"{path}: changed; a running collector sees it within seconds", file=sys.stderr)


def _list_users(config: CollectorConfig, options: argparse.Namespace) -> int:
    users = credentials_file.read(config.credentials_path).users
    _print(
        [{"name": user.name, "role": user.role} for _, user in sorted(users.items())],
        as_json=options.json,
    )
    return 0


def _list_tokens(config: CollectorConfig, options: argparse.Namespace) -> int:
    tokens = credentials_file.read(config.credentials_path).tokens.values()
    _print(
        [
            {
                "name": token.name,
                "role": token.role,
                "agent_id": token.agent_id,
                "made": time.strftime("%Y-%m-%d", time.gmtime(token.made_unix_seconds)),
            }
            for token in sorted(tokens, key=lambda one: one.name)
        ],
        as_json=options.json,
    )
    return 0


def _print(rows: list[dict[str, str]], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows))
        return
    for row in rows:
        print("  ".join(f"{value:<24}" for value in row.values()).rstrip())
