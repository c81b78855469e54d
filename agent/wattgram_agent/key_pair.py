"""A key that never leaves this host, and the request to have it certified.

Imported only where one is made: by `enroll`, and by the short-lived child that renews.
"""

from __future__ import annotations

import hashlib
import hmac

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from wattgram.certificates import Issued


class KeyPair:
    """A new P-256 key."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def pem(self) -> bytes:
        return self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def request(self) -> x509.CertificateSigningRequest:
        """Return a request that says nothing but the key: who it is for, the collector knows."""
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        return builder.sign(self._key, hashes.SHA256())

    @property
    def request_pem(self) -> str:
        return self.request().public_bytes(serialization.Encoding.PEM).decode()

    @property
    def request_der(self) -> bytes:
        return self.request().public_bytes(serialization.Encoding.DER)

    def require_own(self, issued: Issued) -> None:
        """Raise ValueError unless what was issued is for this key and names who it says."""
        try:
            certificate = x509.load_pem_x509_certificate(issued.certificate_pem)
            key = certificate.public_key()
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except Exception as error:  # whatever the parser makes of bytes from outside
            raise ValueError("the certificate cannot be read") from error
        if key != self._key.public_key():
            raise ValueError("the certificate is for another key")
        if names.value.get_values_for_type(x509.DNSName) != [issued.agent_id]:
            raise ValueError(f"the certificate does not name agent {issued.agent_id}")


def is_authority(certificate_pem: bytes, sha256: bytes) -> bool:
    """PURE. Return whether a certificate (PEM) has this digest; raises ValueError."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        der = certificate.public_bytes(serialization.Encoding.DER)
    except Exception as error:  # as above
        raise ValueError("not a certificate") from error
    return hmac.compare_digest(hashlib.sha256(der).digest(), sha256)
