"""`wattgram-collector user` and `token`: what they print, keep, and refuse."""

from __future__ import annotations

import io
import json
import os
import stat
import tempfile
from pathlib import Path

import pytest

from letting_in import CHEAP, PASSWORD, written
from wattgram_collector.__main__ import main
from wattgram_collector.access import commands, credentials_file
from wattgram_collector.access.credentials import Role, token_digest

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in os.environ:
        if name.startswith("WATTGRAM_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("WATTGRAM_COLLECTOR__STATE_DIRECTORY", str(tmp_path / "state"))
    return tmp_path / "state" / "credentials.jsonl"


def typing(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_a_user_is_added_changed_and_removed(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr(commands, "COST", CHEAP)
    typing(monkeypatch, PASSWORD + "\n")
    assert main(["user", "add", "alice", "--role", "admin"]) == 0
    made = credentials_file.read(path).users["alice"]
    assert (made.role, made.secret.matches(PASSWORD)) == (Role.ADMIN, True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    typing(monkeypatch, PASSWORD)
    assert main(["user", "add", "alice"]) == 1
    assert "--replace changes it" in capsys.readouterr().err
    typing(monkeypatch, "another " + PASSWORD)
    assert main(["user", "add", "alice", "--replace"]) == 0
    changed = credentials_file.read(path).users["alice"]
    assert changed.role is Role.READ
    assert changed.secret.matches("another " + PASSWORD)

    assert main(["user", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"name": "alice", "role": "read"}]
    assert main(["user", "remove", "alice"]) == 0
    assert main(["user", "remove", "alice"]) == 1
    assert credentials_file.read(path).users == {}
    said = capsys.readouterr()
    assert "no user alice" in said.err
    assert PASSWORD not in said.err + said.out


def test_a_user_whom_somebody_else_adds_meanwhile_is_not_replaced(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    class Typing(io.StringIO):
        def readline(self, *_: object) -> str:
            written(path)
            return PASSWORD

    monkeypatch.setattr(commands, "COST", CHEAP)
    monkeypatch.setattr("sys.stdin", Typing())
    assert main(["user", "add", "boss"]) == 1
    assert "there already" in capsys.readouterr().err
    assert credentials_file.read(path).users["boss"].role is Role.ADMIN


@pytest.mark.parametrize(
    ("arguments", "typed", "complaint"),
    [
        (["user", "add", "bob"], "", "12 to 256 characters"),
        (["user", "add", "bob"], "short", "12 to 256 characters"),
        (["user", "add", "bob", "--replace"], PASSWORD, "user bob is not there"),
        (["user", "add", "b b"], PASSWORD, "a name is"),
        (["token", "add", "b:b"], "", "a name is"),
        (["token", "add", "web", "--role", "agent"], "", "go together"),
        (["token", "add", "web", "--agent-id", "web-1"], "", "go together"),
        (["token", "add", "web", "--role", "agent", "--agent-id", "a\nb"], "", "agent_id"),
        (["token", "add", "scraper"], "", "token scraper is there twice"),
        (["token", "remove", "web"], "", "there is no token web"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Output,
    arguments: list[str],
    typed: str,
    complaint: str,
) -> None:
    before = written(path).read_bytes()
    typing(monkeypatch, typed)
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert complaint in said.err
    assert said.err.startswith("wattgram-collector: ")
    assert said.out == ""
    assert path.read_bytes() == before


def test_a_token_is_shown_once_and_kept_as_a_hash(path: Path, capsys: Output) -> None:
    assert main(["token", "add", "web", "--role", "agent", "--agent-id", "web-1"]) == 0
    shown = capsys.readouterr().out.strip()
    kept = credentials_file.read(path).tokens[token_digest(shown)]
    assert (kept.name, kept.role, kept.agent_id) == ("web", Role.AGENT, "web-1")
    assert shown not in path.read_text()
    assert main(["token", "add", "prometheus", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert credentials_file.read(path).token(made["token"]) is not None
    assert main(["token", "list"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[:2] for line in out.splitlines()] == [
        ["prometheus", "read"],
        ["web", "agent"],
    ]
    assert shown not in out
    assert main(["token", "list", "--json"]) == 0
    assert [one["agent_id"] for one in json.loads(capsys.readouterr().out)] == ["", "web-1"]
    assert main(["token", "remove", "web"]) == 0
    assert credentials_file.read(path).token(shown) is None


def test_a_file_that_others_may_read_is_not_touched(path: Path, capsys: Output) -> None:
    written(path).chmod(0o644)
    for arguments in (["token", "add", "x"], ["token", "list"], ["user", "list"]):
        assert main(arguments) == 1
        assert "chmod 600" in capsys.readouterr().err


def test_the_file_may_be_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    elsewhere = tmp_path / "elsewhere" / "who.jsonl"
    monkeypatch.setenv("WATTGRAM_COLLECTOR__ACCESS__CREDENTIALS_FILE", str(elsewhere))
    assert main(["token", "add", "x"]) == 0
    assert len(credentials_file.read(elsewhere).tokens) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_root_gives_the_file_to_whom_the_directory_belongs(
    monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """Below one that only root may enter, as systemd has it for dynamic users."""
    with tempfile.TemporaryDirectory() as made:
        state = Path(made) / "private" / "state"
        state.parent.mkdir(mode=0o700)
        state.mkdir()
        os.chown(state, 65534, 65534)
        monkeypatch.setenv("WATTGRAM_COLLECTOR__STATE_DIRECTORY", str(state))
        assert main(["token", "add", "x"]) == 0
        found = (state / "credentials.jsonl").stat()
        assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (65534, 0o600)


# ── the settings ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"HTTP__ADDRESS": "0.0.0.0:9881"}, "http.address 0.0.0.0:9881 is not on this host"),
        ({"HTTP__ADDRESS": "[::]:9881", "HTTP__AUTHENTICATION": "required"}, "certificate_file"),
        (
            {"HTTP__ADDRESS": "0.0.0.0:1", "HTTP__CERTIFICATE_FILE": "c", "HTTP__KEY_FILE": "k"},
            'authentication = "required"',
        ),
        ({"HTTP__KEY_FILE": "k"}, "go together"),
        ({"HTTP__AUTHENTICATION": "on"}, "must be one of off, required"),
        ({"GRPC__AUTHENTICATION": "token"}, "never sent in plaintext"),
        (
            {
                "GRPC__AUTHENTICATION": "token",
                "GRPC__CERTIFICATE_FILE": "c",
                "GRPC__KEY_FILE": "k",
                "GRPC__CLIENT_CA_FILE": "ca",
            },
            "exclude each other",
        ),
        ({"GRPC__ADDRESS": "0.0.0.0:9880"}, "plaintext is for loopback only"),
    ],
)
def test_what_would_let_anybody_in_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: Output, settings: dict[str, str], complaint: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"WATTGRAM_COLLECTOR__{name}", value)
    assert main(["check-config"]) == 2
    assert complaint in capsys.readouterr().err


def test_with_tls_and_authentication_it_may_be_reached_from_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for side, authentication in (("HTTP", "required"), ("GRPC", "token")):
        for name, value in (
            ("ADDRESS", "0.0.0.0:9881"), ("CERTIFICATE_FILE", "c"), ("KEY_FILE", "k"),
            ("AUTHENTICATION", authentication),
        ):  # fmt: skip
            monkeypatch.setenv(f"WATTGRAM_COLLECTOR__{side}__{name}", value)
    assert main(["check-config"]) == 0
