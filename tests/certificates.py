"""A throw-away authority, and certificates for one collector on loopback and one agent."""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LIFETIME = dt.timedelta(days=1)


class Certificates(NamedTuple):
    authority: Path
    server_certificate: Path
    server_key: Path
    agent_certificate: Path
    agent_key: Path


def issue(
    directory: Path, agent_id: str, *others: str, address: str = "127.0.0.1"
) -> Certificates:
    """Write PEM files for the collector's `address` and for `agent_id` into `directory`.

    Each of the `others` gets a pair that is named after it, such as other.pem and other.key.
    """
    directory.mkdir(parents=True, exist_ok=True)
    files = Certificates(
        *(
            directory / name
            for name in ("ca.pem", "server.pem", "server.key", "agent.pem", "agent.key")
        )
    )
    key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("test authority", key.public_key(), None, key, is_authority=True)
    files.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    for name, certificate_file, key_file in (
        (x509.IPAddress(ipaddress.ip_address(address)), files.server_certificate,
         files.server_key),
        (x509.DNSName(agent_id), files.agent_certificate, files.agent_key),
        *((x509.DNSName(one), directory / f"{one}.pem", directory / f"{one}.key")
          for one in others),
    ):  # fmt: skip
        own = ec.generate_private_key(ec.SECP256R1())
        leaf = _certificate("leaf", own.public_key(), name, key, is_authority=False)
        certificate_file.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(
            own.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        key_file.chmod(0o600)
    return files


def _certificate(
    common_name: str,
    public_key: ec.EllipticCurvePublicKey,
    alternative_name: x509.GeneralName | None,
    signer: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - LIFETIME)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if alternative_name is not None:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([alternative_name]), critical=False
        )
    return builder.sign(signer, hashes.SHA256())
