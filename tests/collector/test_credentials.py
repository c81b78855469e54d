"""Users and tokens, and the file that keeps them: nothing readable, half or leaked."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from letting_in import (
    ADMIN_TOKEN,
    AGENT_ID,
    AGENT_TOKEN,
    CHEAP,
    PASSWORD,
    READ_TOKEN,
    everybody,
    live,
    token,
    user,
    written,
)
from wattgram_collector.access import credentials_file
from wattgram_collector.access.credentials import (
    COST,
    NOBODY,
    Cost,
    Credentials,
    Role,
    Secret,
    Token,
    User,
    authenticate_token,
    bearer,
    decoy,
    may,
    new_token,
    token_digest,
)
from wattgram_collector.access.credentials_file import CredentialsError, LiveCredentials, parse

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,20}", fullmatch=True)
SECRETS = st.builds(
    Secret,
    cost=st.builds(
        Cost, n=st.sampled_from([2, 1 << 14]), r=st.integers(1, 8), p=st.integers(1, 8)
    ),
    salt=st.binary(min_size=16, max_size=16),
    key=st.binary(min_size=32, max_size=32),
)
USERS = st.builds(User, name=NAMES, role=st.sampled_from([Role.READ, Role.ADMIN]), secret=SECRETS)
DIGESTS = st.binary(min_size=32, max_size=32)
TOKENS = st.builds(
    Token,
    name=NAMES,
    role=st.sampled_from([Role.READ, Role.ADMIN]),
    digest=DIGESTS,
    made_unix_seconds=st.integers(0, 1 << 40),
) | st.builds(
    Token,
    name=NAMES,
    role=st.just(Role.AGENT),
    digest=DIGESTS,
    agent_id=st.text("abcé-:.ø0", min_size=1, max_size=20),
)


# ── tokens and passwords ─────────────────────────────────────────────────────────────────


def test_a_token_is_256_bits_and_no_two_are_the_same() -> None:
    made = {new_token() for _ in range(100)}
    assert len(made) == 100
    assert all(bearer(f"Bearer {one}") == one for one in made)
    assert all(len(one.removeprefix("wgb_")) * 6 >= 256 for one in made)


def test_a_password_matches_itself_in_whatever_way_its_letters_are_put_together() -> None:
    secret = Secret.of("Bücherregal im Flur", CHEAP)
    assert secret.matches("Bücherregal im Flur")
    assert secret.matches("Bu\u0308cherregal im Flur")
    assert not secret.matches("Bucherregal im Flur")
    assert secret.salt != Secret.of("Bücherregal im Flur", CHEAP).salt
    assert "key" not in repr(secret)


def test_what_protects_a_password_costs_what_is_recommended() -> None:
    """OWASP, Password Storage: N=2^14, r=8, p=5 (16 MiB) or more."""
    assert COST.n * COST.r * COST.p >= 2**14 * 8 * 5
    assert Secret.of(PASSWORD).cost == COST == decoy().cost


@pytest.mark.parametrize(
    "password", ["", "short", "x" * 257, "with a\nnew line", "nul\0nul nul nul"]
)
def test_a_weak_password_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match="password"):
        Secret.of(password, CHEAP)


def test_roles_hold_what_they_say() -> None:
    allowed = {(held, needed) for held in Role for needed in Role if may(held, needed)}
    assert allowed == {
        (Role.READ, Role.READ), (Role.ADMIN, Role.READ), (Role.ADMIN, Role.ADMIN),
        (Role.AGENT, Role.AGENT),
    }  # fmt: skip


# ── who a call speaks for ────────────────────────────────────────────────────────────────


def shown(value: str | bytes) -> tuple[tuple[str, str | bytes], ...]:
    return (("user-agent", "grpc"), ("authorization", value))


def test_a_token_speaks_for_its_agent() -> None:
    assert authenticate_token(shown(f"Bearer {AGENT_TOKEN}"), everybody()) == AGENT_ID
    assert authenticate_token(shown(f"bearer {AGENT_TOKEN}"), everybody()) == AGENT_ID


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("user-agent", "grpc"),),
        shown(""),
        shown(AGENT_TOKEN),
        shown(f"Bearer {AGENT_TOKEN}x"),
        shown(f"Bearer {AGENT_TOKEN[:-1]}"),
        shown(f"Basic {AGENT_TOKEN}"),
        shown(f"Bearer {AGENT_TOKEN}".encode()),
        shown(f"Bearer {READ_TOKEN}"),
        shown(f"Bearer {ADMIN_TOKEN}"),
        shown(f"Bearer {token_digest(AGENT_TOKEN).hex()}"),
        shown(f"Bearer {AGENT_TOKEN}") + shown(f"Bearer {AGENT_TOKEN}"),
        (("authorization-bin", f"Bearer {AGENT_TOKEN}"),),
    ],
    ids=str,
)
def test_nothing_else_speaks_for_anybody(metadata: tuple[tuple[str, str], ...]) -> None:
    assert authenticate_token(metadata, everybody()) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["authorization", "Authorization", "x"]), st.text() | st.binary()
        ),
        max_size=3,
    )
)
def test_no_random_metadata_speaks_for_anybody_or_raises(
    metadata: list[tuple[str, str | bytes]],
) -> None:
    credentials = Credentials.of([], [token("host", Role.AGENT, AGENT_TOKEN, AGENT_ID)])
    assert authenticate_token(metadata, credentials) is None


# ── the file ─────────────────────────────────────────────────────────────────────────────


@given(
    st.lists(USERS, max_size=5, unique_by=lambda one: one.name),
    st.lists(TOKENS, max_size=5, unique_by=(lambda one: one.name, lambda one: one.digest)),
)
def test_the_file_holds_what_was_put_into_it(users: list[User], tokens: list[Token]) -> None:
    credentials = Credentials.of(users, tokens)
    content = credentials_file.render(credentials)
    assert parse(content, "file") == credentials
    assert credentials_file.render(parse(content, "file")) == content


def test_the_file_is_private_and_holds_no_secret_that_can_be_used(tmp_path: Path) -> None:
    path = written(tmp_path / "state" / "credentials.jsonl")
    assert path.stat().st_mode & 0o777 == 0o600
    content = path.read_text()
    for secret in (PASSWORD, READ_TOKEN, ADMIN_TOKEN, AGENT_TOKEN):
        assert secret not in content
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o666])
def test_a_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path / "credentials.jsonl")
    path.chmod(mode)
    with pytest.raises(CredentialsError, match=f"mode {mode:04o}.*chmod 600"):
        LiveCredentials(path)
    with pytest.raises(CredentialsError, match="chmod 600"):
        credentials_file.change(path, lambda credentials: credentials)


def test_a_file_that_is_not_there_lets_nobody_in(tmp_path: Path) -> None:
    assert credentials_file.read(tmp_path / "none") == NOBODY


def test_what_is_not_a_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(CredentialsError):
            credentials_file.read(path)


def test_a_file_without_end_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "credentials.jsonl")
    with pytest.raises(CredentialsError, match="more than 10 bytes"):
        credentials_file.read_guarded(path, 10)


HEADER = '{"wattgram_credentials": 1}\n'
ENTRY = {"token": "t", "role": "read", "sha256": "ab" * 32, "made_unix_seconds": 0}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "line 1: not JSON"),
        ("{}", "line 1: the first line is"),
        ('{"wattgram_credentials": 2}', "line 1: the first line is"),
        (HEADER + "{", "line 2: not JSON"),
        (HEADER + "\n\n[]", "line 4: not an entry"),
        (HEADER + "7", "line 2: not an entry"),
        (HEADER + "{}", "line 2: token is missing"),
        (HEADER + '{"user": "u"}', "line 2: scrypt is missing"),
        (HEADER + '{"user": "u", "scrypt": 1}', "line 2: not an entry"),
        (HEADER + json.dumps({**ENTRY, "role": "king"}), "role is one of read, admin, agent"),
        (HEADER + json.dumps({**ENTRY, "role": 1}), "role is one of"),
        (HEADER + json.dumps({**ENTRY, "role": "agent"}), "go together"),
        (HEADER + json.dumps({**ENTRY, "agent_id": "a"}), "go together"),
        (HEADER + json.dumps({**ENTRY, "sha256": "secret?"}), "sha256 must be hex"),
        (HEADER + json.dumps({**ENTRY, "sha256": "ab"}), "sha256 must be 32 bytes"),
        (HEADER + json.dumps({**ENTRY, "token": "a b"}), "a name is"),
        (HEADER + json.dumps({**ENTRY, "made_unix_seconds": "x"}), "must be a whole number"),
        (HEADER + f"{json.dumps(ENTRY)}\n" * 2, "token t is there twice"),
        (HEADER + "[" * 100_000, "line 2: not"),
    ],
)  # fmt: skip
def test_a_file_that_makes_no_sense_names_the_line_and_quotes_nothing(
    tmp_path: Path, content: str, complaint: str
) -> None:
    path = written(tmp_path / "credentials.jsonl")
    path.write_text(content)
    with pytest.raises(CredentialsError) as caught:
        credentials_file.read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert complaint in str(caught.value)
    assert "secret?" not in str(caught.value)


@given(st.binary(max_size=200))
def test_no_content_does_more_than_be_refused(content: bytes) -> None:
    for whole in (content, HEADER.encode() + content):
        with contextlib.suppress(CredentialsError):
            assert parse(whole, "file") == NOBODY


def test_a_password_that_would_take_all_memory_to_check_is_refused() -> None:
    for cost in (
        Cost(1 << 30, 8, 1),
        Cost(3, 8, 1),
        Cost(1, 8, 1),
        Cost(2, 0, 1),
        Cost(2, 1, 1 << 40),
    ):
        with pytest.raises(ValueError, match="cannot be computed"):
            Secret(cost=cost, salt=bytes(16), key=bytes(32))


def test_a_user_cannot_be_an_agent_and_no_name_is_there_twice() -> None:
    with pytest.raises(ValueError, match="token, not a password"):
        user("u", Role.AGENT)
    with pytest.raises(ValueError, match="there twice"):
        everybody().with_token(token("scraper", Role.READ, "another"))
    with pytest.raises(ValueError, match="there twice"):
        everybody().with_token(token("another", Role.READ, READ_TOKEN))
    with pytest.raises(ValueError, match="no token x"):
        everybody().without_token("x")
    with pytest.raises(ValueError, match="no user x"):
        everybody().without_user("x")


def test_two_that_change_the_file_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "credentials.jsonl"

    def add(number: int) -> None:
        one = token(f"t{number}", Role.READ, f"shown-{number}")
        credentials_file.change(path, lambda credentials: credentials.with_token(one))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(credentials_file.read(path).tokens) == 8


def test_a_change_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = written(tmp_path / "credentials.jsonl")
    before = path.read_bytes()
    with pytest.raises(ValueError, match="no user"):
        credentials_file.change(path, lambda credentials: credentials.without_user("nobody"))
    assert path.read_bytes() == before


# ── read again ───────────────────────────────────────────────────────────────────────────


def test_a_change_is_seen_and_a_look_alone_reads_nothing(tmp_path: Path) -> None:
    credentials = live(tmp_path)
    assert not credentials.has_changed()
    written(credentials.path, replace(everybody(), users={}))
    assert credentials.has_changed()
    credentials.refresh()
    assert not credentials.has_changed()
    assert credentials.current.users == {}


def test_a_file_that_became_bad_changes_nothing_and_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    credentials = live(tmp_path)
    before = credentials.current
    credentials.path.chmod(0o644)
    assert credentials.has_changed()
    credentials.refresh()
    credentials.refresh()
    assert credentials.current is before
    assert "others may use it" in credentials.error
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    credentials.path.chmod(0o600)
    assert credentials.has_changed()
    credentials.refresh()
    assert credentials.error == ""


def test_a_file_that_is_removed_lets_nobody_in(tmp_path: Path) -> None:
    credentials = live(tmp_path)
    credentials.path.unlink()
    assert credentials.has_changed()
    credentials.refresh()
    assert credentials.current == NOBODY
