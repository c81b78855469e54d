"""What the authority signs: for whom the collector says, for so long, and for nothing else."""

from __future__ import annotations

import datetime as dt
import os
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from wattgram_agent.key_pair import KeyPair, is_authority
from wattgram_collector.access.authority import (
    AUTHORITY_SECONDS,
    Authority,
    RequestError,
    fingerprint,
    make_authority,
)
from wattgram_collector.access.authority_files import AuthorityError, init, load

NOW = 1_750_000_000
DAY = 86_400
AUTHORITY = Authority(*make_authority(NOW))
REQUEST = KeyPair().request_der
PEM = serialization.Encoding.PEM
DER = serialization.Encoding.DER


def signed(request: bytes, agent_id: str = "web-1", **changes: float) -> x509.Certificate:
    values = {"now_unix_seconds": NOW, "lifetime_seconds": 30 * DAY, **changes}
    issued = AUTHORITY.sign_agent(request, agent_id, **values).issued  # type: ignore[arg-type]
    return x509.load_pem_x509_certificate(issued.certificate_pem)


def instant(unix_seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(unix_seconds, dt.UTC)


def names_in(certificate: x509.Certificate) -> list[str]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in found]


def test_a_certificate_names_the_agent_and_is_for_clients_only() -> None:
    key = KeyPair()
    signing = AUTHORITY.sign_agent(key.request_der, "web-1", NOW, 30 * DAY)
    key.require_own(signing.issued)
    certificate = x509.load_pem_x509_certificate(signing.issued.certificate_pem)
    certificate.verify_directly_issued_by(
        x509.load_pem_x509_certificate(AUTHORITY.certificate_pem)
    )
    extensions = certificate.extensions
    assert names_in(certificate) == ["web-1"]
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CLIENT_AUTH
    ]
    assert extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert certificate.serial_number == signing.serial
    assert certificate.not_valid_before_utc == instant(NOW - 300)
    assert certificate.not_valid_after_utc == instant(NOW + 30 * DAY)
    assert signing.issued.expires_unix_seconds == NOW + 30 * DAY


def test_what_a_request_says_of_itself_is_not_signed() -> None:
    """A host with a token for one agent cannot become another, an authority, or a server."""
    key = ec.generate_private_key(ec.SECP256R1())
    greedy = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "collector")]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("other")]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate = signed(greedy.public_bytes(PEM))
    plain = signed(KeyPair().request_der)
    assert names_in(certificate) == ["web-1"]
    assert certificate.subject == plain.subject == x509.Name([])
    assert {one.oid: one.critical for one in certificate.extensions} == {
        one.oid: one.critical for one in plain.extensions
    }
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False


def test_serial_numbers_do_not_repeat() -> None:
    request = KeyPair().request_der
    assert len({signed(request).serial_number for _ in range(20)}) == 20


def test_nothing_is_signed_beyond_the_authoritys_own_end() -> None:
    end = AUTHORITY.expires_unix_seconds
    assert end == NOW + AUTHORITY_SECONDS
    late = signed(KeyPair().request_der, now_unix_seconds=end - 10)
    assert late.not_valid_after_utc == instant(end)
    with pytest.raises(RequestError, match="authority's certificate has expired"):
        signed(KeyPair().request_der, now_unix_seconds=end)


def test_a_certificate_does_not_begin_before_it_may() -> None:
    """Else one that is made after a revocation would be revoked with the others."""
    certificate = signed(KeyPair().request_der, valid_from_min=NOW - 5)
    assert certificate.not_valid_before_utc == instant(NOW - 5)


def request_of(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(DER)


def test_only_p256_keys_are_signed() -> None:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    edwards = builder.sign(ed25519.Ed25519PrivateKey.generate(), None).public_bytes(DER)
    for request in (
        request_of(ec.generate_private_key(ec.SECP384R1())),
        request_of(rsa.generate_private_key(65_537, 2_048)),
        edwards,
    ):
        with pytest.raises(RequestError, match="not for a P-256 key"):
            signed(request)


def test_a_request_for_the_key_of_another_is_not_signed() -> None:
    """Whoever asks holds the private half: the public one alone is no proof."""
    request, other = KeyPair().request_der, KeyPair().request_der
    key, other_key = (x509.load_der_x509_csr(one).public_key() for one in (request, other))
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    mixed = request.replace(key.public_bytes(DER, info), other_key.public_bytes(DER, info))
    assert mixed != request
    with pytest.raises(RequestError, match="not signed with its own key"):
        signed(mixed)


@given(st.data())
def test_a_tampered_request_is_not_signed(data: st.DataObject) -> None:
    request = bytearray(REQUEST)
    # How many bits of the signature's last byte do not count: where those are 0, it is the same.
    unused = len(REQUEST) - len(x509.load_der_x509_csr(REQUEST).signature) - 1
    at = data.draw(st.integers(0, len(request) - 1).filter(lambda at: at != unused))
    request[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(RequestError):
        signed(bytes(request))


@given(st.binary(max_size=5_000))
def test_noise_is_not_signed(request: bytes) -> None:
    for shown in (request, b"-----BEGIN CERTIFICATE REQUEST-----\n" + request):
        with pytest.raises(RequestError):
            signed(shown)


def test_an_id_that_no_certificate_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="agent id"):
        signed(KeyPair().request_der, "*")


def test_a_server_pair_is_for_servers_only_under_every_name() -> None:
    pair = AUTHORITY.make_server_pair(["box.example", "10.0.0.1", "[::1]", "10.0.0.1"], NOW)
    certificate = x509.load_pem_x509_certificate(pair.certificate_pem)
    key = serialization.load_pem_private_key(pair.key_pem, None)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert names_in(certificate) == ["box.example", "10.0.0.1", "::1"]
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert key.public_key() == certificate.public_key()
    assert certificate.not_valid_after_utc == instant(pair.expires_unix_seconds)


@pytest.mark.parametrize("name", ["", "a b", "büro", "a\n"])
def test_a_server_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a host name"):
        AUTHORITY.make_server_pair([name], NOW)


# ── files ────────────────────────────────────────────────────────────────────────────────


def test_an_authority_is_made_once(tmp_path: Path) -> None:
    digest = init(tmp_path / "ca", NOW)
    kept = (tmp_path / "ca" / "ca.key").read_bytes()
    assert stat.S_IMODE((tmp_path / "ca" / "ca.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "ca").stat().st_mode) == 0o700
    assert load(tmp_path / "ca").sha256 == digest
    assert is_authority((tmp_path / "ca" / "ca.pem").read_bytes(), digest)
    with pytest.raises(FileExistsError, match="not overwritten"):
        init(tmp_path / "ca", NOW)
    assert (tmp_path / "ca" / "ca.key").read_bytes() == kept


@pytest.mark.parametrize("left", ["ca.key", "ca.pem"])
def test_half_an_authority_is_not_overwritten_either(tmp_path: Path, left: str) -> None:
    (tmp_path / left).write_text("mine")
    with pytest.raises(FileExistsError):
        init(tmp_path, NOW)
    assert os.listdir(tmp_path) == [left]


def test_the_certificate_of_another_authority_does_not_fit(tmp_path: Path) -> None:
    init(tmp_path / "ca", NOW)
    init(tmp_path / "other", NOW)
    (tmp_path / "other" / "ca.pem").replace(tmp_path / "ca" / "ca.pem")
    with pytest.raises(AuthorityError, match="ca: the key is not that of the certificate"):
        load(tmp_path / "ca")


@pytest.mark.parametrize("name", ["ca.key", "ca.pem"])
def test_a_file_that_is_missing_or_damaged_is_named(tmp_path: Path, name: str) -> None:
    init(tmp_path / "ca", NOW)
    (tmp_path / "ca" / name).write_text("-----BEGIN nonsense")
    with pytest.raises(AuthorityError, match=r"/ca: "):
        load(tmp_path / "ca")
    (tmp_path / "ca" / name).unlink()
    with pytest.raises(AuthorityError, match=f"{name}: No such file"):
        load(tmp_path / "ca")


def test_without_an_authority_it_says_how_one_is_made(tmp_path: Path) -> None:
    with pytest.raises(AuthorityError, match=r"`wattgram-collector ca init` makes an authority$"):
        load(tmp_path / "ca")


def test_a_key_that_others_may_write_is_not_used(tmp_path: Path) -> None:
    init(tmp_path, NOW)
    (tmp_path / "ca.key").chmod(0o660)
    with pytest.raises(AuthorityError, match="others than its owner may write it"):
        load(tmp_path)


def test_a_fingerprint_is_of_the_certificate_not_of_its_text() -> None:
    pem = AUTHORITY.certificate_pem
    assert fingerprint(b"text before\n" + pem) == fingerprint(pem) == AUTHORITY.sha256
