"""Tokens and messages about certificates: what is written is read back, the rest is refused."""

from __future__ import annotations

import base64
import json
import os
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.certificates import (
    MESSAGE_BYTES_MAX,
    CertificateMessageError,
    EnrolRequest,
    Issued,
    decode_renewal,
    encode_renewal,
    require_agent_id,
)
from wattgram.owner import as_owner_of
from wattgram.private import create_private, read_private, write_private
from wattgram.token import Token

PEM = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
ISSUED = Issued(
    agent_id="web-1",
    certificate_pem=PEM,
    authority_pem=PEM,
    issued_unix_seconds=1_000,
    expires_unix_seconds=2_000,
)
SECRETS = st.binary(min_size=32, max_size=32)


@given(SECRETS, SECRETS)
def test_a_token_is_read_back_as_it_was_written(secret: bytes, digest: bytes) -> None:
    token = Token(secret, digest)
    assert Token.parse(f" {token}\n") == token
    assert base64.urlsafe_b64encode(secret).decode().rstrip("=") not in repr(token)


@given(SECRETS, st.data())
def test_half_a_token_is_none(secret: bytes, data: st.DataObject) -> None:
    text = str(Token(secret, secret))
    cut = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(CertificateMessageError):
        Token.parse(text[:cut])


@given(st.text(max_size=200))
def test_what_is_no_token_is_refused_and_not_repeated(text: str) -> None:
    for shown in (text, f"wge1.{text}", f"wge1.{text}.{text}"):
        with pytest.raises(CertificateMessageError) as refused:
            Token.parse(shown)
        assert len(str(refused.value)) < 80


def test_a_token_does_not_show_its_secret_in_what_is_kept_of_it() -> None:
    token = Token(b"s" * 32, b"d" * 32)
    assert token.secret not in token.secret_sha256
    assert token.identifier == token.secret_sha256.hex()[:12]


def test_an_answer_is_read_back_in_both_forms() -> None:
    assert Issued.from_json(ISSUED.to_json()) == ISSUED
    assert Issued.decode(ISSUED.encode()) == ISSUED
    assert decode_renewal(encode_renewal(b"request")) == b"request"
    asked = EnrolRequest(token="t", csr_pem="c", agent_id="a")  # noqa: S106
    assert EnrolRequest.from_json(asked.to_json()) == asked


def test_a_request_need_not_say_who_the_host_is() -> None:
    assert EnrolRequest.from_json(b'{"token": "t", "csr": "c"}').agent_id == ""


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b"[]", b"7", b'{"token": 7, "csr": "c"}', b'{"csr": "c"}', b"[" * 9_000,
     b'{"token": "t", "csr": null}', b'{"token": "t", "csr": "c", "agent_id": 7}'],
)  # fmt: skip
def test_a_request_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(CertificateMessageError):
        EnrolRequest.from_json(body)


@pytest.mark.parametrize(
    "changes",
    [{"agent_id": "a b"}, {"certificate": "none"}, {"ca": ""}, {"expiry": 1_000}, {"issued": 0},
     {"issued": "1"}, {"expiry": True}],
)  # fmt: skip
def test_an_answer_that_makes_no_sense_is_refused(changes: dict[str, object]) -> None:
    value = {**json.loads(ISSUED.to_json()), **changes}
    with pytest.raises(CertificateMessageError):
        Issued.from_json(json.dumps(value).encode())


@given(st.binary(max_size=300))
def test_noise_on_the_wire_is_refused_or_read(data: bytes) -> None:
    for read in (Issued.decode, decode_renewal):
        try:
            read(data)
        except CertificateMessageError:
            continue


def test_a_renewal_is_bounded() -> None:
    with pytest.raises(CertificateMessageError, match="bytes"):
        decode_renewal(encode_renewal(b"x" * MESSAGE_BYTES_MAX))


@pytest.mark.parametrize("agent_id", ["a", "web-1.example.org", "4f_7", "A" * 128])
def test_an_id_that_a_certificate_can_hold(agent_id: str) -> None:
    require_agent_id(agent_id)


@pytest.mark.parametrize(
    "agent_id",
    ["", "*", "*.org", "a b", "büro", "redfish:1", "a\n", "-a", "a.", "A" * 129, "a\0b", "a,b"],
)
def test_an_id_that_it_cannot(agent_id: str) -> None:
    with pytest.raises(ValueError, match="agent id"):
        require_agent_id(agent_id)


# ── private files ────────────────────────────────────────────────────────────────────────


def test_a_private_file_is_its_owners_from_the_first_byte_on(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_private(tmp_path / "key", b"first")
        write_private(tmp_path / "key", b"second")
        create_private(tmp_path / "other", b"third")
    finally:
        os.umask(before)
    assert read_private(tmp_path / "key") == b"second"
    assert sorted(os.listdir(tmp_path)) == ["key", "other"]
    for name in ("key", "other"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_a_private_file_is_not_made_over_another(tmp_path: Path) -> None:
    create_private(tmp_path / "key", b"first")
    with pytest.raises(FileExistsError):
        create_private(tmp_path / "key", b"second")
    assert read_private(tmp_path / "key") == b"first"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_key_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "key").write_bytes(b"whose?")
    (tmp_path / "key").chmod(mode)
    with pytest.raises(PermissionError, match="others than its owner may write it"):
        read_private(tmp_path / "key")


@pytest.mark.parametrize(("mode", "said"), [(0o600, 0), (0o400, 0), (0o440, 1), (0o644, 1)])
def test_a_key_that_others_may_read_is_used_and_said(tmp_path: Path, mode: int, said: int) -> None:
    (tmp_path / "key").write_bytes(b"mine")
    (tmp_path / "key").chmod(mode)
    exposed: list[Path] = []
    assert read_private(tmp_path / "key", exposed.append) == b"mine"
    assert len(exposed) == said


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another")
def test_what_root_types_belongs_to_the_owner_of_the_directory(tmp_path: Path) -> None:
    for directory in (tmp_path, *tmp_path.parents):
        if directory == Path(tempfile.gettempdir()):
            break
        directory.chmod(0o755)
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, 12_345, 12_346)
    with as_owner_of(state):
        write_private(state / "file", b"x")
    status = (state / "file").stat()
    assert (status.st_uid, status.st_gid, os.geteuid()) == (12_345, 12_346, 0)
