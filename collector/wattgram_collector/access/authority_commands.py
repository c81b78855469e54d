"""The subcommands about certificates: `ca`, `enroll`, `enrolments`, `revoke`, `revoked`.

They work on files, whether or not the collector runs, and as the owner of the state directory
where root types them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from wattgram.owner import as_owner_of
from wattgram_collector.access import authority_files, revocation
from wattgram_collector.access.enrolment import TOKEN_HOURS, make_token
from wattgram_collector.access.register import FILE_NAME, Register, RegisterError
from wattgram_collector.access.revocation import RevocationError
from wattgram_collector.config import CollectorConfig

EXIT_FAILURE: Final = 1

Command = Callable[[CollectorConfig, argparse.Namespace], int]


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add them to the subparsers `commands`; `common` holds what every one takes."""

    def command(name: str, function: Command, text: str, to: Any) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = to.add_parser(
            name, parents=[common], help=text, description=text
        )
        added.set_defaults(command=_said(function))
        return added

    text = "The authority that certificates come from."
    actions = commands.add_parser("ca", help=text, description=text).add_subparsers(
        required=True, metavar="ACTION"
    )
    made = command("init", _init, "Make an authority: a key and its certificate.", actions)
    made.add_argument(
        "--directory", type=Path, metavar="DIR", help="default: access.directory of the config"
    )
    enroll = command(
        "enroll", _enroll, "Make a one-time token for a host and print it, once.", commands
    )
    enroll.add_argument(
        "agent_id", nargs="?", default="", metavar="AGENT_ID", help="default: any that is new"
    )
    enroll.add_argument(
        "--hours", type=float, default=TOKEN_HOURS, help=f"how long it is good: {TOKEN_HOURS:g}"
    )
    enroll.add_argument("--json", action="store_true", help="as JSON")
    listed = command("enrolments", _enrolments, "List open tokens and certificates.", commands)
    listed.add_argument("--json", action="store_true", help="as JSON")
    revoke = command("revoke", _revoke, "End certificates or a token, for good.", commands)
    which = revoke.add_mutually_exclusive_group(required=True)
    which.add_argument("agent_id", nargs="?", metavar="AGENT_ID", help="all that it has until now")
    which.add_argument("--serial", metavar="HEX", help="one certificate")
    which.add_argument("--token", metavar="ID", help="a token that is not used yet")
    listed = command("revoked", _revoked, "List what is revoked.", commands)
    listed.add_argument("--json", action="store_true", help="as JSON")


def _said(command: Command) -> Command:
    """Return the command with what it cannot do said on stderr."""

    def run(config: CollectorConfig, options: argparse.Namespace) -> int:
        try:
            return command(config, options)
        except (
            authority_files.AuthorityError,
            RegisterError,
            RevocationError,
            ValueError,
        ) as error:
            print(f"wattgram-collector: {error}", file=sys.stderr)
            return EXIT_FAILURE

    return run


def _init(config: CollectorConfig, options: argparse.Namespace) -> int:
    directory = options.directory or config.access.directory
    if directory is None:
        raise ValueError("where? give --directory, or set access.directory")
    digest = authority_files.init(directory, int(time.time()))
    print(f"# {directory}: a new authority, SHA-256 {digest.hex()}")
    print("# Keep a copy of ca.key where nobody else reads it. The collector's configuration:")
    print(f"[access]\ndirectory = {json.dumps(str(directory.absolute()))}\nenrolment = true")
    return 0


def _enroll(config: CollectorConfig, options: argparse.Namespace) -> int:
    if config.access.directory is None:
        raise ValueError("access.directory is not set: there is no authority")
    digest = authority_files.load(config.access.directory).sha256
    now = int(time.time())
    token, record = make_token(digest, options.agent_id, now, options.hours)
    with as_owner_of(config.state_directory):
        _register(config).add_token(record, now)
    if options.json:
        shown = {
            "token": str(token),
            "id": record.identifier,
            "agent_id": record.agent_id,
            "expires_unix_seconds": record.expires_unix_seconds,
        }
        print(json.dumps(shown))
        return 0
    print(token)
    who = f"agent {record.agent_id}" if record.agent_id else "one new agent"
    print(f"token {record.identifier} for {who}, good once, until "
          f"{_when(record.expires_unix_seconds)}. On the host:", file=sys.stderr)  # fmt: skip
    name = next(iter(config.access.names), "THIS-COLLECTOR")
    print(f"  wattgram-agent enroll --collector https://{name}:"
          f"{config.http.address.rpartition(':')[2]} --token TOKEN", file=sys.stderr)  # fmt: skip
    if not config.access.enrolment:
        print("access.enrolment is not set: nobody takes the token yet", file=sys.stderr)
    return 0


def _enrolments(config: CollectorConfig, options: argparse.Namespace) -> int:
    now = int(time.time())
    with as_owner_of(config.state_directory):
        register = _register(config)
        tokens = [token for token in register.tokens() if token.is_open(now)]
        certificates = [one for one in register.certificates() if one.expires_unix_seconds > now]
        revoked = revocation.read(config.state_directory / revocation.FILE_NAME)
    open_tokens: list[dict[str, Any]] = [
        {
            "id": one.identifier,
            "agent_id": one.agent_id or None,
            "expires_unix_seconds": one.expires_unix_seconds,
        }
        for one in tokens
    ]
    in_force: list[dict[str, Any]] = [
        {
            "serial": f"{one.serial:x}",
            "agent_id": one.agent_id,
            "expires_unix_seconds": one.expires_unix_seconds,
        }
        for one in certificates
        if one.serial not in revoked.serials
        and one.issued_unix_seconds > revoked.agents.get(one.agent_id, -1)
    ]
    if options.json:
        print(json.dumps({"tokens": open_tokens, "certificates": in_force}))
        return 0
    for kind, key, rows in (("token", "id", open_tokens), ("certificate", "serial", in_force)):
        for row in rows:
            until = _when(row["expires_unix_seconds"])
            print(f"{kind:<12} {row[key]!s:<42} {row['agent_id'] or 'any new':<38} until {until}")
    return 0


def _revoke(config: CollectorConfig, options: argparse.Namespace) -> int:
    now = int(time.time())
    directory = config.state_directory
    serial = revocation.parse_serial(options.serial) if options.serial else None
    with as_owner_of(directory):
        if options.token:
            if not _register(config).withdraw(identifier=options.token):
                raise ValueError(f"no open token {options.token}")
            return 0
        revocation.revoke(directory, now, agent_id=options.agent_id or "", serial=serial)
        if options.agent_id:
            _register(config).withdraw(agent_id=options.agent_id)
    print("revoked; a running collector ends what is open within seconds", file=sys.stderr)
    return 0


def _revoked(config: CollectorConfig, options: argparse.Namespace) -> int:
    found = revocation.read(config.state_directory / revocation.FILE_NAME)
    rows = [
        *(("agent", name, when) for name, when in sorted(found.agents.items())),
        *(("serial", f"{serial:x}", when) for serial, when in sorted(found.serials.items())),
    ]
    if options.json:
        print(json.dumps([{kind: value, "unix_seconds": when} for kind, value, when in rows]))
        return 0
    for kind, value, when in rows:
        print(f"{kind:<7} {value:<42} {_when(when)}")
    return 0


def _register(config: CollectorConfig) -> Register:
    return Register(config.state_directory / FILE_NAME)


def _when(unix_seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(unix_seconds))
