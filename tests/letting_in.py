"""A file of users and tokens for tests: real in everything but the price of a password."""

from __future__ import annotations

import base64
from pathlib import Path

from wattgram_collector.access import credentials_file
from wattgram_collector.access.credentials import (
    Cost,
    Credentials,
    Role,
    Secret,
    Token,
    User,
    token_digest,
)
from wattgram_collector.access.credentials_file import LiveCredentials

CHEAP = Cost(n=2, r=1, p=1)
PASSWORD = "correct horse battery"  # noqa: S105
READ_TOKEN = "wgb_" + "r" * 43
ADMIN_TOKEN = "wgb_" + "a" * 43
AGENT_TOKEN = "wgb_" + "g" * 43
AGENT_ID = "agent-1"


def user(name: str, role: Role = Role.READ, password: str = PASSWORD) -> User:
    return User(name=name, role=role, secret=Secret.of(password, CHEAP))


def token(name: str, role: Role, shown: str, agent_id: str = "") -> Token:
    return Token(name=name, role=role, digest=token_digest(shown), agent_id=agent_id)


def everybody() -> Credentials:
    """One of each: users reader and boss, and a token of every role."""
    return Credentials.of(
        [user("reader"), user("boss", Role.ADMIN)],
        [
            token("scraper", Role.READ, READ_TOKEN),
            token("machinery", Role.ADMIN, ADMIN_TOKEN),
            token("host", Role.AGENT, AGENT_TOKEN, AGENT_ID),
        ],
    )


def written(path: Path, credentials: Credentials | None = None) -> Path:
    """Put the credentials into a file, as the commands do."""
    wanted = everybody() if credentials is None else credentials
    credentials_file.change(path, lambda _: wanted)
    return path


def live(directory: Path) -> LiveCredentials:
    return LiveCredentials(written(directory / "credentials.jsonl"))


def basic(name: str, password: str = PASSWORD) -> dict[str, str]:
    packed = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {packed}"}


def bearing(shown: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {shown}"}
