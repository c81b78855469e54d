"""Secrets that systemd hands over: their mode says less than the folder that they are in."""

from __future__ import annotations

from pathlib import Path

import pytest

from wattgram.private import read_private


def exposed(path: Path) -> list[Path]:
    """Return which files `read_private` complains of."""
    found: list[Path] = []
    assert read_private(path, found.append) == b"secret"
    return found


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_bytes(b"secret")
    path.chmod(0o440)  # as systemd leaves it, where the reader is named in an ACL
    return path


def test_a_credential_is_not_exposed(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(secret.parent))

    assert exposed(secret) == []


def test_the_same_file_elsewhere_is(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(secret.parent / "other"))
    assert exposed(secret) == [secret]

    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert exposed(secret) == [secret]


def test_one_that_others_may_write_is_refused_wherever_it_is(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(secret.parent))
    secret.chmod(0o460)

    with pytest.raises(PermissionError):
        read_private(secret)
