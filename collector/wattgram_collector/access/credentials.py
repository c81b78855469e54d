"""Users, tokens and their roles, and how what a peer shows is compared with what is kept.

A **password** is chosen by a human, so it is kept as scrypt with its own salt: 16 MiB and a fifth
of a second for each guess. A **token** is 256 bits from the system's random source, so nobody
guesses one however fast the hash is: it is kept as a plain SHA-256, which is enough that who reads
the file cannot use it, and cheap enough to check on every request. Nothing here does IO.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, NamedTuple

from wattgram.readings import require_label

TOKEN_BYTES: Final = 32
TOKEN_PREFIX: Final = "wgb_"  # noqa: S105  # so that a scanner for leaked secrets knows it
PASSWORD_LENGTH_MIN: Final = 12
PASSWORD_LENGTH_MAX: Final = 256
SALT_BYTES: Final = 16
KEY_BYTES: Final = 32
_SCRYPT_BYTES_MAX: Final = 256 * 1024 * 1024
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]{1,256}={0,2}")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class Role(StrEnum):
    READ = "read"
    """Sees everything that is shown, changes nothing."""
    ADMIN = "admin"
    """Whatever HTTP offers."""
    AGENT = "agent"
    """Reports for one agent over gRPC, and nothing over HTTP."""


_MAY: Final[Mapping[Role, frozenset[Role]]] = {
    Role.READ: frozenset({Role.READ}),
    Role.ADMIN: frozenset({Role.READ, Role.ADMIN}),
    Role.AGENT: frozenset({Role.AGENT}),
}


def may(held: Role, needed: Role) -> bool:
    """PURE. Return whether who holds one role may do what needs the other."""
    return needed in _MAY[held]


class Cost(NamedTuple):
    """scrypt's parameters: `n` and `r` make memory (128·n·r bytes), `p` repeats it."""

    n: int
    r: int
    p: int


COST: Final = Cost(n=1 << 14, r=8, p=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A password that cannot be read back; what made it is beside it."""

    cost: Cost
    salt: bytes
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        n, r, p = self.cost
        memory_bytes = 128 * r * (n + p)
        if n < 2 or n & (n - 1) or r < 1 or p < 1 or memory_bytes > _SCRYPT_BYTES_MAX:  # noqa: PLR2004
            raise ValueError(f"scrypt n={n} r={r} p={p} cannot be computed here")
        if len(self.salt) != SALT_BYTES or len(self.key) != KEY_BYTES:
            raise ValueError(f"salt must be {SALT_BYTES} bytes and key {KEY_BYTES}")

    @classmethod
    def of(cls, password: str, cost: Cost = COST) -> Secret:
        """Hash a new password, which takes `cost`; raises ValueError when it is too weak."""
        if not PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX:
            raise ValueError(
                f"a password has {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters"
            )
        if not password.isprintable():
            raise ValueError("a password is printable")
        salt = secrets.token_bytes(SALT_BYTES)
        return cls(cost=cost, salt=salt, key=_scrypt(password, salt, cost))

    def matches(self, password: str) -> bool:
        """Return whether it is this password. Slow: not for the event loop."""
        return hmac.compare_digest(_scrypt(password, self.salt, self.cost), self.key)


def decoy(cost: Cost = COST) -> Secret:
    """Return a secret that no password matches, for users that do not exist: they cost as much."""
    return Secret(cost=cost, salt=bytes(SALT_BYTES), key=secrets.token_bytes(KEY_BYTES))


def _scrypt(password: str, salt: bytes, cost: Cost) -> bytes:
    n, r, p = cost
    shown = unicodedata.normalize("NFC", password).encode()
    return hashlib.scrypt(
        shown, salt=salt, n=n, r=r, p=p, maxmem=2 * _SCRYPT_BYTES_MAX, dklen=KEY_BYTES
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    name: str
    role: Role
    secret: Secret

    def __post_init__(self) -> None:
        require_name(self.name)
        if self.role is Role.AGENT:
            raise ValueError("an agent has a token, not a password")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """`agent_id` is whom a token of role agent speaks for; '' for the other roles."""

    name: str
    role: Role
    digest: bytes = field(repr=False)
    agent_id: str = ""
    made_unix_seconds: int = 0

    def __post_init__(self) -> None:
        require_name(self.name)
        if len(self.digest) != hashlib.sha256().digest_size:
            raise ValueError("sha256 must be 32 bytes")
        if (self.role is Role.AGENT) != bool(self.agent_id):
            raise ValueError("role agent and an agent id go together")
        if self.agent_id:
            require_label("agent_id", self.agent_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Everything that lets somebody in, at one instant."""

    users: Mapping[str, User] = field(default_factory=dict)
    tokens: Mapping[bytes, Token] = field(default_factory=dict)

    @classmethod
    def of(cls, users: Iterable[User], tokens: Iterable[Token]) -> Credentials:
        """Raises ValueError where a name or a token stands twice."""
        by_name: dict[str, User] = {}
        by_digest: dict[bytes, Token] = {}
        names: set[str] = set()
        for user in users:
            if by_name.setdefault(user.name, user) is not user:
                raise ValueError(f"user {user.name} is there twice")
        for token in tokens:
            if token.name in names or by_digest.setdefault(token.digest, token) is not token:
                raise ValueError(f"token {token.name} is there twice")
            names.add(token.name)
        return cls(users=by_name, tokens=by_digest)

    def with_user(self, user: User) -> Credentials:
        return replace(self, users={**self.users, user.name: user})

    def without_user(self, name: str) -> Credentials:
        if name not in self.users:
            raise ValueError(f"there is no user {name}")
        return replace(self, users={key: one for key, one in self.users.items() if key != name})

    def with_token(self, token: Token) -> Credentials:
        return self.of(self.users.values(), [*self.tokens.values(), token])

    def without_token(self, name: str) -> Credentials:
        kept = [one for one in self.tokens.values() if one.name != name]
        if len(kept) == len(self.tokens):
            raise ValueError(f"there is no token {name}")
        return self.of(self.users.values(), kept)

    def token(self, shown: str) -> Token | None:
        """Return the token that a peer shows. The look-up is by hash, so its time tells nothing
        of use: nobody can choose how a hash begins.
        """
        digest = token_digest(shown)
        found = self.tokens.get(digest)
        return found if found and hmac.compare_digest(found.digest, digest) else None


NOBODY: Final = Credentials()


def require_name(name: str) -> None:
    """Raise ValueError unless `name` can name a user or a token."""
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"a name is 1 to 64 of A-Z a-z 0-9 . _ @ -, not {name!r}")


def new_token() -> str:
    return TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)


def token_digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def bearer(authorization: str) -> str | None:
    """PURE. Return the token in the value of an Authorization header, None where there is none."""
    scheme, _, shown = authorization.partition(" ")
    shown = shown.strip(" ")
    return shown if scheme.lower() == "bearer" and _TOKEN.fullmatch(shown) else None


def authenticate_token(
    metadata: Iterable[tuple[str, str | bytes]], credentials: Credentials
) -> str | None:
    """PURE. Return the agent that the metadata of a gRPC call speaks for, None where nobody.

    Two authorizations are none: which of them was meant is not guessed.
    """
    shown = [value for key, value in metadata if key == "authorization"]
    if len(shown) != 1 or not isinstance(shown[0], str):
        return None
    token = bearer(shown[0])
    found = credentials.token(token) if token else None
    return found.agent_id if found and found.role is Role.AGENT else None
