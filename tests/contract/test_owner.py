"""Commands that root types in a directory of the daemon's, and small files that are never half."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from letting_in import everybody
from spooling import fill, open_spool
from wattgram import durable
from wattgram.durable import write_durably
from wattgram.owner import as_owner_of
from wattgram.private import write_private
from wattgram_agent.__main__ import main
from wattgram_collector.access import credentials_file
from wattgram_collector.access.register import Register, TokenRecord
from wattgram_collector.access.revocation import revoke

OWNER, GROUP = 12_345, 12_346
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another")


@pytest.fixture
def state() -> Iterator[Path]:
    """A state directory as systemd gives it to a dynamic user: below one for root only."""
    with TemporaryDirectory() as below:
        Path(below).chmod(0o711)
        private = Path(below, "private")
        private.mkdir(mode=0o700)
        (private / "daemon").mkdir(mode=0o700)
        os.chown(private / "daemon", OWNER, GROUP)
        Path(below, "daemon").symlink_to("private/daemon")
        yield Path(below, "daemon")


def owner_of(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_uid, status.st_gid


@needs_root
def test_what_root_types_for_a_dynamic_user_is_the_dynamic_users(state: Path) -> None:
    """Every file that a command writes there; also where its owner alone could not get to it."""
    token = TokenRecord("id", b"x" * 32, "web-1", int(time.time()) + 60)
    known = everybody()
    credentials_file.change(state / "credentials.jsonl", lambda _: known)
    with as_owner_of(state):
        revoke(state, 1, agent_id="web-1")
        Register(state / "enrolment.sqlite").add_token(token, int(time.time()))
        write_private(state / "agent.pem", b"key")
        (state / "tls").mkdir()
        assert os.geteuid() == OWNER
    assert os.geteuid() == 0
    made = {path.name: owner_of(path) for path in state.iterdir()}
    assert set(made) == {"credentials.jsonl", "revoked", "enrolment.sqlite", "agent.pem", "tls"}
    assert set(made.values()) == {(OWNER, GROUP)}
    assert credentials_file.read(state / "credentials.jsonl") == known


@needs_root
def test_a_link_that_the_daemon_laid_is_not_written_through(state: Path) -> None:
    """What root may write and the daemon may not stays so, whoever types the command."""
    target = state.parent / "roots"
    target.mkdir(mode=0o755)
    (state / "tls").symlink_to(target)
    (state / "enrolment.sqlite").symlink_to(target / "enrolment.sqlite")
    with as_owner_of(state):
        with pytest.raises(PermissionError):
            write_private(state / "tls" / "agent.pem", b"key")
        with pytest.raises(Exception, match=r"enrolment\.sqlite"):
            Register(state / "enrolment.sqlite").tokens()
    assert list(target.iterdir()) == []


@needs_root
def test_a_spool_that_root_purges_is_still_the_agents(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATTGRAM_AGENT__STATE_DIRECTORY", str(state))
    with as_owner_of(state):
        spool = open_spool(state / "spool")
        fill(spool, 4)
        spool.close()
    assert main(["spool", "purge", "--all"]) == 0
    assert {owner_of(path) for path in state.rglob("*")} == {(OWNER, GROUP)}


@needs_root
def test_a_directory_of_roots_is_worked_in_as_root(tmp_path: Path) -> None:
    with as_owner_of(tmp_path / "new"):
        assert os.geteuid() == 0
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


@needs_root
def test_root_is_root_again_also_after_a_failure(state: Path) -> None:
    with pytest.raises(KeyError), as_owner_of(state):
        raise KeyError
    assert (os.geteuid(), os.getegid()) == (0, 0)
    os.scandir(state.parent / "private").close()


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    (tmp_path / "file.new").write_text("left by one who was killed")
    write_durably(path, "one\n")
    write_durably(path, "two\n")
    assert path.read_text() == "two\n"
    assert os.listdir(tmp_path) == ["file"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "file"
    write_durably(path, "old")
    write_private(tmp_path / "secret", b"old")
    monkeypatch.setattr(durable.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_durably(path, "new")
    with pytest.raises(OSError, match="No space"):
        write_private(tmp_path / "secret", b"new")
    assert path.read_text() == (tmp_path / "secret").read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["file", "secret"]
