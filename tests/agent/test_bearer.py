"""The token of an agent: read from a private file, sent over TLS and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.settings import SettingsError
from wattgram_agent.bearer import read_token
from wattgram_agent.config import load_config
from wattgram_agent.uplink import DeliveryError, open_channel

TOKEN = "wgb_" + "t" * 43


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.touch(mode=0o600)
    path.write_text(TOKEN + "\n")
    return path


def test_the_token_is_the_line_in_the_file(file: Path) -> None:
    assert read_token(file) == TOKEN
    file.write_bytes(TOKEN.encode() + b"\r\n")
    assert read_token(file) == TOKEN
    file.write_text(TOKEN)
    assert read_token(file) == TOKEN


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644])
def test_a_file_that_others_may_use_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(PermissionError, match="chmod 600"):
        read_token(file)


@pytest.mark.parametrize("content", ["", "\n", "two words", f"{TOKEN}\n{TOKEN}", "é", "x" * 300])
def test_what_is_no_token_is_refused_and_never_quoted(file: Path, content: str) -> None:
    file.write_text(content)
    with pytest.raises(OSError, match="no token in it") as caught:
        read_token(file)
    assert TOKEN not in str(caught.value)


def test_what_is_not_a_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "none"):
        with pytest.raises(OSError, match=path.name):
            read_token(path)


@given(st.binary(max_size=300))
def test_no_content_gives_a_token_that_a_header_cannot_carry(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "anything"
    path.touch(mode=0o600)
    path.write_bytes(content)
    try:
        token = read_token(path)
    except OSError:
        return
    assert token.isascii()
    assert token.isprintable()
    assert " " not in token


@pytest.mark.parametrize("also", [{}, {"CA_FILE": "a", "CERTIFICATE_FILE": "c", "KEY_FILE": "k"}])
def test_a_token_is_never_sent_in_plaintext_nor_beside_a_certificate(
    also: dict[str, str],
) -> None:
    settings = {"TOKEN_FILE": "t", **also}
    with pytest.raises(SettingsError, match="never sent in plaintext"):
        load_config(None, {f"WATTGRAM_AGENT__TLS__{k}": v for k, v in settings.items()})


def test_a_token_that_cannot_be_read_is_why_nothing_is_delivered(
    file: Path, tmp_path: Path
) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("whatever")
    file.chmod(0o644)
    config = load_config(
        None,
        {
            "WATTGRAM_AGENT__TLS__TOKEN_FILE": str(file),
            "WATTGRAM_AGENT__TLS__CA_FILE": str(authority),
        },
    )
    with pytest.raises(DeliveryError, match=f"{file}: others may use it; chmod 600"):
        open_channel(config)
