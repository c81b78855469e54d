"""The authority: one key that vouches for agents towards the collector, and the other way round.

PURE over bytes; `authority_files` keeps them. Of a certificate request only the public key is
used, and only if the request is signed with its private half: whom a certificate names is the
collector's decision, never the request's. What is signed for an agent is good for clients only,
what is signed for the collector for servers only, so that no agent can stand in for the collector.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
from collections.abc import Iterable
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wattgram.certificates import Issued, require_agent_id
from wattgram.units import SECONDS_PER_DAY
from wattgram_collector.access.pem import certificate_of

BACKDATED_SECONDS: Final = 300
"""How far a host's clock may be behind the collector's and still find a new certificate valid."""
AUTHORITY_SECONDS: Final = 10 * 365 * SECONDS_PER_DAY
SERVER_SECONDS: Final = 90 * SECONDS_PER_DAY
REQUEST_BYTES_MAX: Final = 4096
_PEM: Final = serialization.Encoding.PEM


class RequestError(ValueError):
    """A certificate request that is not signed; the text is for who sent it."""


class Signed(NamedTuple):
    """A certificate for an agent, and the number by which it is known and revoked."""

    issued: Issued
    serial: int


class ServerPair(NamedTuple):
    """The collector's key and certificate, PEM, and when it ends."""

    key_pem: bytes
    certificate_pem: bytes
    expires_unix_seconds: int


class Authority:
    """Signs. Keeps its key to itself."""

    def __init__(self, key_pem: bytes, certificate_pem: bytes) -> None:
        """Raises ValueError for what is not a P-256 key, not a certificate, or not its pair."""
        try:
            key = serialization.load_pem_private_key(key_pem, password=None)
            certificate = certificate_of(certificate_pem)
            public_key = certificate.public_key()
            named = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        except Exception as error:  # whatever the parser makes of what is in the files
            raise ValueError(f"not an authority's key and certificate: {error}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("the key is not an EC key")  # noqa: TRY004 - of the file, not a type
        if key.public_key() != public_key:
            raise ValueError("the key is not that of the certificate")
        self._key = key
        self._certificate = certificate
        self._identifier = named.value
        self.certificate_pem: Final = certificate.public_bytes(_PEM)
        self.sha256: Final = fingerprint(self.certificate_pem)
        self.expires_unix_seconds: Final = int(certificate.not_valid_after_utc.timestamp())

    def sign_agent(
        self,
        request: bytes,
        agent_id: str,
        now_unix_seconds: int,
        lifetime_seconds: float,
        *,
        valid_from_min: int = 0,
    ) -> Signed:
        """Return a certificate that names `agent_id` for the key of a request (PEM or DER).

        It begins a little earlier, but not before `valid_from_min`. Raises RequestError, and
        ValueError for an id that no certificate can hold.
        """
        require_agent_id(agent_id)
        public_key = requested_key(request)
        expires = self._end(now_unix_seconds, lifetime_seconds)
        begins = max(now_unix_seconds - BACKDATED_SECONDS, valid_from_min)
        serial = x509.random_serial_number()
        certificate = self._sign(
            public_key, (x509.DNSName(agent_id),), serial, begins, expires, is_server=False
        )
        issued = Issued(
            agent_id=agent_id,
            certificate_pem=certificate,
            authority_pem=self.certificate_pem,
            issued_unix_seconds=now_unix_seconds,
            expires_unix_seconds=expires,
        )
        return Signed(issued, serial)

    def make_server_pair(
        self, names: Iterable[str], now_unix_seconds: int, lifetime_seconds: float = SERVER_SECONDS
    ) -> ServerPair:
        """Make a key and a certificate for a server that is called by these names or addresses.

        Raises ValueError for a name that is none.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        expires = self._end(now_unix_seconds, lifetime_seconds)
        certificate = self._sign(
            key.public_key(),
            tuple(_general_name(name) for name in dict.fromkeys(names)),
            x509.random_serial_number(),
            now_unix_seconds - BACKDATED_SECONDS,
            expires,
            is_server=True,
        )
        return ServerPair(_key_pem(key), certificate, expires)

    def _end(self, now_unix_seconds: int, lifetime_seconds: float) -> int:
        """Return when a certificate ends that is made now: not after the authority's own.

        Raises RequestError when the authority has ended.
        """
        if now_unix_seconds >= self.expires_unix_seconds:
            raise RequestError("the authority's certificate has expired")
        return min(now_unix_seconds + max(1, int(lifetime_seconds)), self.expires_unix_seconds)

    def _sign(
        self,
        public_key: ec.EllipticCurvePublicKey,
        names: tuple[x509.GeneralName, ...],
        serial: int,
        begins_unix_seconds: int,
        expires_unix_seconds: int,
        *,
        is_server: bool,
    ) -> bytes:
        usage = ExtendedKeyUsageOID.SERVER_AUTH if is_server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self._certificate.subject)
            .public_key(public_key)
            .serial_number(serial)
            .not_valid_before(_instant(begins_unix_seconds))
            .not_valid_after(_instant(expires_unix_seconds))
            # Critical, as RFC 5280 asks of a certificate whose subject is empty.
            .add_extension(x509.SubjectAlternativeName(names), critical=True)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self._identifier),
                critical=False,
            )
        )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(_PEM)


def requested_key(request: bytes) -> ec.EllipticCurvePublicKey:
    """PURE. Return the public key of a request, PEM or DER, whose sender holds the private one.

    Raises RequestError.
    """
    if len(request) > REQUEST_BYTES_MAX:
        raise RequestError(f"a certificate request of {len(request)} bytes")
    try:
        if request.startswith(b"-----"):
            csr = x509.load_pem_x509_csr(request)
        else:
            csr = x509.load_der_x509_csr(request)
        key = csr.public_key()
        is_proven = csr.is_signature_valid
    except Exception as error:  # whatever the parser makes of bytes from outside
        raise RequestError("not a certificate request") from error
    if not is_proven:
        raise RequestError("the certificate request is not signed with its own key")
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise RequestError("the certificate request is not for a P-256 key")
    return key


def make_authority(now_unix_seconds: int) -> tuple[bytes, bytes]:
    """Make a new key and the certificate that it signs for itself: both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    common_name = f"Wattgram authority {identifier.digest[:4].hex()}"
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_instant(now_unix_seconds - BACKDATED_SECONDS))
        .not_valid_after(_instant(now_unix_seconds + int(AUTHORITY_SECONDS)))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    return _key_pem(key), certificate.public_bytes(_PEM)


def fingerprint(certificate_pem: bytes) -> bytes:
    """PURE. Return the SHA-256 of a certificate's DER; raises ValueError."""
    certificate = certificate_of(certificate_pem)
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).digest()


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        if not name or not name.isascii() or not name.isprintable() or " " in name:
            raise ValueError(f"not a host name or address: {name!r}") from None
        return x509.DNSName(name)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _instant(unix_seconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(unix_seconds, dt.UTC)
