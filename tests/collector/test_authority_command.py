"""The commands about certificates: what they print, what they leave in the files."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from wattgram.token import Token
from wattgram_collector.__main__ import main
from wattgram_collector.access.register import CertificateRecord, Register

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in os.environ:
        if name.startswith("WATTGRAM_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("WATTGRAM_COLLECTOR__STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setenv("WATTGRAM_COLLECTOR__ACCESS__DIRECTORY", str(tmp_path / "ca"))
    return tmp_path / "state"


@pytest.fixture
def _authority(state: Path, capsys: Output) -> None:
    assert main(["ca", "init"]) == 0
    capsys.readouterr()


def printed(capsys: Output, *arguments: str) -> object:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_an_authority_is_made_and_said_how_to_use(tmp_path: Path, capsys: Output) -> None:
    assert main(["ca", "init", "--directory", str(tmp_path / "other")]) == 0
    assert f'[access]\ndirectory = "{tmp_path}/other"\n' in capsys.readouterr().out
    assert main(["ca", "init", "--directory", str(tmp_path / "other")]) == 1
    said = capsys.readouterr().err
    assert "not overwritten" in said
    assert f"{tmp_path}/other/ca.key" in said


def test_without_a_directory_nothing_is_made(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WATTGRAM_COLLECTOR__ACCESS__DIRECTORY")
    for arguments in (["ca", "init"], ["enroll", "web-1"]):
        assert main(arguments) == 1
        assert "access.directory" in capsys.readouterr().err


@pytest.mark.usefixtures("_authority")
def test_what_to_type_on_the_host_names_the_collector(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["enroll", "web-1"]) == 0
    assert "https://THIS-COLLECTOR:9881 " in capsys.readouterr().err
    monkeypatch.setenv(
        "WATTGRAM_COLLECTOR__ACCESS__NAMES", '["collector.example", "other.example"]'
    )
    assert main(["enroll", "web-1"]) == 0
    assert "https://collector.example:9881 " in capsys.readouterr().err


@pytest.mark.usefixtures("_authority")
def test_a_token_is_printed_alone_and_kept_as_a_digest(state: Path, capsys: Output) -> None:
    assert main(["enroll", "web-1"]) == 0
    output = capsys.readouterr()
    token = Token.parse(output.out)
    assert output.out == f"{token}\n"
    assert str(token) not in output.err
    (kept,) = Register(state / "enrolment.sqlite").tokens()
    assert kept.secret_sha256 == token.secret_sha256
    assert kept.agent_id == "web-1"
    assert 0 <= kept.expires_unix_seconds - time.time() - 86_400 + 60 <= 60


@pytest.mark.usefixtures("_authority")
@pytest.mark.parametrize("arguments", [["web 1"], ["*"], ["web-1", "--hours", "0"],
                                       ["--hours", "9999"]])  # fmt: skip
def test_a_token_that_cannot_be_is_not_made(
    state: Path, capsys: Output, arguments: list[str]
) -> None:
    assert main(["enroll", *arguments]) == 1
    assert "wattgram-collector: " in capsys.readouterr().err
    assert not (state / "enrolment.sqlite").exists()


@pytest.mark.usefixtures("_authority")
def test_what_is_out_is_listed_until_it_is_revoked(state: Path, capsys: Output) -> None:
    register = Register(state / "enrolment.sqlite")
    now = int(time.time())
    token = printed(capsys, "enroll", "web-1")
    assert isinstance(token, dict)
    for serial, agent_id in ((0xA1, "web-1"), (0xB2, "web-2"), (0xC3, "web-3")):
        register.record(CertificateRecord(serial, agent_id, now - 1, now + 100))
    register.record(CertificateRecord(0xD4, "old", now - 9, now - 1))

    listed = printed(capsys, "enrolments")
    assert isinstance(listed, dict)
    assert [one["id"] for one in listed["tokens"]] == [token["id"]]
    assert [one["serial"] for one in listed["certificates"]] == ["a1", "b2", "c3"]

    assert main(["revoke", "web-1"]) == 0
    assert main(["revoke", "--serial", "B2"]) == 0
    listed = printed(capsys, "enrolments")
    assert isinstance(listed, dict)
    assert listed["tokens"] == []
    assert [one["serial"] for one in listed["certificates"]] == ["c3"]
    assert main(["enrolments"]) == 0
    assert capsys.readouterr().out.split()[:3] == ["certificate", "c3", "web-3"]
    revoked = printed(capsys, "revoked")
    assert isinstance(revoked, list)
    assert [next(iter(one)) for one in revoked] == ["agent", "serial"]
    assert main(["revoked"]) == 0
    assert "web-1" in capsys.readouterr().out


@pytest.mark.usefixtures("_authority")
def test_a_token_is_taken_back_by_its_name(capsys: Output) -> None:
    token = printed(capsys, "enroll")
    assert isinstance(token, dict)
    assert main(["revoke", "--token", token["id"]]) == 0
    assert main(["revoke", "--token", token["id"]]) == 1
    assert f"no open token {token['id']}" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["web 1"], ["--serial", "xyz"]])
def test_what_cannot_be_revoked_is_said(state: Path, capsys: Output, arguments: list[str]) -> None:
    assert main(["revoke", *arguments]) == 1
    assert "wattgram-collector: " in capsys.readouterr().err
    assert not (state / "revoked").exists()


@pytest.mark.parametrize("arguments", [["revoke"], ["revoke", "a", "--serial", "b"], ["ca"]])
def test_wrong_usage_ends_with_two(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
