"""The one-time token of enrolment: what an operator carries from the collector to a host."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Final

from wattgram.certificates import CertificateMessageError

SECRET_BYTES: Final = 32
_DIGEST_BYTES: Final = 32
_TOKEN_VERSION: Final = "wge1"  # noqa: S105 - what every token begins with


@dataclass(frozen=True, slots=True)
class Token:
    """What an operator carries from the collector to a host, once.

    `secret` is the right to one certificate; `authority_sha256` is the digest of the authority's
    certificate (DER), by which the agent knows the collector before it has that certificate.
    """

    secret: bytes
    authority_sha256: bytes

    def __str__(self) -> str:
        return ".".join((_TOKEN_VERSION, _text(self.secret), _text(self.authority_sha256)))

    def __repr__(self) -> str:
        return f"Token({self.identifier})"

    @property
    def secret_sha256(self) -> bytes:
        """What the collector keeps of the secret."""
        return hashlib.sha256(self.secret).digest()

    @property
    def identifier(self) -> str:
        """The token's name, which may be said: it does not tell the secret."""
        return self.secret_sha256[:6].hex()

    @staticmethod
    def parse(text: str) -> Token:
        """Raises CertificateMessageError."""
        version, *parts = text.strip().split(".")
        if version != _TOKEN_VERSION:
            raise CertificateMessageError(f"not a token: it does not begin with {_TOKEN_VERSION}.")
        try:
            secret, digest = (_bytes(part) for part in parts)
        except ValueError as error:
            raise CertificateMessageError("not a whole token") from error
        if len(secret) != SECRET_BYTES or len(digest) != _DIGEST_BYTES:
            raise CertificateMessageError("not a whole token")
        return Token(secret, digest)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
