"""PURE. Certificates that others wrote, read: the library has more errors than it says."""

from __future__ import annotations

from cryptography import x509


def certificate_of(pem: bytes) -> x509.Certificate:
    """Return the first certificate in PEM; raises ValueError for whatever else it is."""
    try:
        return x509.load_pem_x509_certificate(pem)
    except Exception as error:  # of an odd version or serial number, say
        raise ValueError(f"not a certificate: {error}") from error


def require_certificates(pem: bytes) -> None:
    """Raise ValueError unless there are certificates in PEM, and nothing else."""
    try:
        x509.load_pem_x509_certificates(pem)
    except Exception as error:
        raise ValueError(f"not certificates: {error}") from error
