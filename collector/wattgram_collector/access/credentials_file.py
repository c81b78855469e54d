"""The file that keeps users and tokens: one JSON object a line, for its owner's eyes only.

Lines, so that thousands of tokens are read without holding up the streams, and so that `diff` and
`grep` work. It is replaced whole, durably, by `wattgram-collector user` and `token`, and read
again by the running collector when it changes.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from wattgram.owner import as_owner_of
from wattgram.private import write_private
from wattgram_collector.access.credentials import (
    NOBODY,
    Cost,
    Credentials,
    Role,
    Secret,
    Token,
    User,
)

LOG: Final = logging.getLogger("wattgram.access")

BYTES_MAX: Final = 64 * 1024 * 1024
_HEADER: Final = {"wattgram_credentials": 1}


class CredentialsError(Exception):
    """The file cannot be used; the text names it, the line and what is wrong. Never a secret."""


def read(path: Path) -> Credentials:
    """Return what the file holds, nobody where there is none; raises CredentialsError."""
    try:
        content = read_guarded(path, BYTES_MAX)
    except FileNotFoundError:
        return NOBODY
    except OSError as error:
        raise CredentialsError(f"{path}: {error.strerror}") from error
    return parse(content, str(path))


def read_guarded(path: Path, bytes_max: int) -> bytes:
    """Return a file that nobody else may read or write.

    Raises OSError when it cannot be read, CredentialsError when others could, or it is too large.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise CredentialsError(f"{path}: not a file")
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise CredentialsError(
                f"{path}: mode {stat.S_IMODE(mode):04o}: others may use it; chmod 600 {path}"
            )
        content = file.read(bytes_max + 1)
    if len(content) > bytes_max:
        raise CredentialsError(f"{path}: more than {bytes_max} bytes")
    return content


def parse(content: bytes, name: str) -> Credentials:
    """PURE. Raises CredentialsError naming the line of the file `name`."""
    users: list[User] = []
    tokens: list[Token] = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        if number > 1 and not line.strip():
            continue
        try:
            entry = json.loads(line)
            if number == 1:
                if entry != _HEADER:
                    raise ValueError(f"the first line is {json.dumps(_HEADER)}")
            elif "user" in entry:
                users.append(_user(entry))
            else:
                tokens.append(_token(entry))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise CredentialsError(f"{name}: line {number}: {_said(error)}") from None
    try:
        return Credentials.of(users, tokens)
    except ValueError as error:
        raise CredentialsError(f"{name}: {error}") from None


def _said(error: Exception) -> str:
    """Return an error without what it quotes of the line, which may be a secret."""
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {error.msg}"
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    if isinstance(error, UnicodeDecodeError | TypeError | RecursionError):
        return "not an entry"
    return str(error)


def _user(entry: dict[str, Any]) -> User:
    scrypt = entry["scrypt"]
    cost = Cost(*(_whole(scrypt, name) for name in Cost._fields))
    secret = Secret(cost=cost, salt=_bytes(scrypt, "salt"), key=_bytes(scrypt, "key"))
    return User(name=_text(entry, "user"), role=_role(entry), secret=secret)


def _token(entry: dict[str, Any]) -> Token:
    return Token(
        name=_text(entry, "token"),
        role=_role(entry),
        digest=_bytes(entry, "sha256"),
        agent_id=_text(entry, "agent_id") if "agent_id" in entry else "",
        made_unix_seconds=_whole(entry, "made_unix_seconds"),
    )


def _role(entry: dict[str, Any]) -> Role:
    try:
        return Role(_text(entry, "role"))
    except ValueError:
        raise ValueError(f"role is one of {', '.join(Role)}") from None


def _text(entry: dict[str, Any], key: str) -> str:
    value = entry[key]
    if isinstance(value, str):
        return value
    raise ValueError(f"{key} must be text")


def _bytes(entry: dict[str, Any], key: str) -> bytes:
    try:
        return bytes.fromhex(_text(entry, key))
    except ValueError:
        raise ValueError(f"{key} must be hex") from None


def _whole(entry: dict[str, Any], key: str) -> int:
    value = entry[key]
    if type(value) is not int:
        raise ValueError(f"{key} must be a whole number")
    return value


def render(credentials: Credentials) -> bytes:
    """PURE. Return the file that `parse` reads back."""
    entries: list[dict[str, Any]] = [dict(_HEADER)]
    for _, user in sorted(credentials.users.items()):
        secret = user.secret
        scrypt = {**secret.cost._asdict(), "salt": secret.salt.hex(), "key": secret.key.hex()}
        entries.append({"user": user.name, "role": user.role, "scrypt": scrypt})
    for token in sorted(credentials.tokens.values(), key=lambda one: one.name):
        entry = {"token": token.name, "role": token.role, "sha256": token.digest.hex(),
                 "made_unix_seconds": token.made_unix_seconds}  # fmt: skip
        entries.append({**entry, "agent_id": token.agent_id} if token.agent_id else entry)
    return "".join(json.dumps(entry) + "\n" for entry in entries).encode()


def change(path: Path, how: Callable[[Credentials], Credentials]) -> None:
    """Replace the file by what `how` makes of it; two at once wait for each other.

    A power cut leaves the old file or the new one. Typed by root it belongs to who owns the
    directory: the collector, which is not root, must read it. Raises OSError, CredentialsError, or
    whatever `how` raises: then the file is as it was.
    """
    with as_owner_of(path.parent), _locked(path.parent):
        write_private(path, render(how(read(path))))


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold a directory; who waits for it may wait long."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class LiveCredentials:
    """What the file says now; where it became unusable, what it said last."""

    def __init__(self, path: Path) -> None:
        """Raises CredentialsError: a collector does not start on a file that it cannot trust."""
        self.path = path
        self.error = ""
        self._seen = self._signature()
        self.current = read(path)

    def has_changed(self) -> bool:
        return self._signature() != self._seen

    def refresh(self) -> None:
        """Read the file again; call it in a thread, for it may be long."""
        self._seen = self._signature()
        try:
            self.current = read(self.path)
        except CredentialsError as error:
            if str(error) != self.error:
                LOG.error("credentials_refused reason=%r: what was read before holds", str(error))  # noqa: TRY400
            self.error = str(error)
            return
        self.error = ""
        LOG.info("credentials_read users=%d tokens=%d",
                 len(self.current.users), len(self.current.tokens))  # fmt: skip

    def _signature(self) -> tuple[int, ...]:
        """Return what changes with the file: its owner and mode too, which are in its ctime."""
        try:
            found = os.stat(self.path)
        except OSError:
            return ()
        return (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)
