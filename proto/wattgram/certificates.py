"""What agent and collector say to each other about certificates.

Values and their two forms, JSON for enrolment and protobuf for renewal. Nothing here signs or
checks a signature.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final, TypeVar

from google.protobuf.message import DecodeError

from wattgram.v1 import telemetry_pb2 as pb

Kind = TypeVar("Kind")

RENEW_METHOD: Final = "/wattgram.v1.Telemetry/Renew"
ENROL_PATH: Final = "/enroll"
AUTHORITY_PATH: Final = "/enroll/ca"
MESSAGE_BYTES_MAX: Final = 16 * 1024
"""More than any request or answer about a certificate needs."""

_AGENT_ID: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")


class CertificateMessageError(ValueError):
    """A token or message that cannot be read; the text says what is wrong, never what is in it."""


def require_agent_id(agent_id: str) -> None:
    """Raise ValueError unless a certificate can name the agent as a DNS name does."""
    if not _AGENT_ID.fullmatch(agent_id):
        raise ValueError(
            "the agent id in a certificate is 1 to 128 of A-Z a-z 0-9 . _ -, and begins and ends "
            f"with a letter or digit: {agent_id!r}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolRequest:
    """`agent_id` is what the host is called already, '' if it has no name yet."""

    token: str
    csr_pem: str
    agent_id: str = ""

    def to_json(self) -> bytes:
        value = {"token": self.token, "csr": self.csr_pem, "agent_id": self.agent_id}
        return json.dumps(value).encode()

    @staticmethod
    def from_json(data: bytes) -> EnrolRequest:
        """Raises CertificateMessageError."""
        value = _object(data)
        return EnrolRequest(
            token=_field(value, "token", str),
            csr_pem=_field(value, "csr", str),
            agent_id=_field({"agent_id": "", **value}, "agent_id", str),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate as its agent gets it. Times are the collector's; the lifetime is between."""

    agent_id: str
    certificate_pem: bytes
    authority_pem: bytes
    issued_unix_seconds: int
    expires_unix_seconds: int

    def __post_init__(self) -> None:
        require_agent_id(self.agent_id)
        if not 0 < self.issued_unix_seconds < self.expires_unix_seconds:
            raise ValueError("a certificate that ends before it begins")
        for pem in (self.certificate_pem, self.authority_pem):
            if not pem.startswith(b"-----BEGIN CERTIFICATE-----\n"):
                raise ValueError("a certificate that is not PEM")

    def to_json(self) -> bytes:
        value = {
            "agent_id": self.agent_id,
            "certificate": self.certificate_pem.decode(),
            "ca": self.authority_pem.decode(),
            "issued": self.issued_unix_seconds,
            "expiry": self.expires_unix_seconds,
        }
        return json.dumps(value).encode()

    @staticmethod
    def from_json(data: bytes) -> Issued:
        """Raises CertificateMessageError."""
        value = _object(data)
        try:
            return Issued(
                agent_id=_field(value, "agent_id", str),
                certificate_pem=_field(value, "certificate", str).encode(),
                authority_pem=_field(value, "ca", str).encode(),
                issued_unix_seconds=_field(value, "issued", int),
                expires_unix_seconds=_field(value, "expiry", int),
            )
        except ValueError as error:
            raise CertificateMessageError(str(error)) from error

    def encode(self) -> bytes:
        """Return the answer to a renewal."""
        return pb.RenewResponse(
            agent_id=self.agent_id,
            certificate=self.certificate_pem,
            authority=self.authority_pem,
            issued_unix_seconds=self.issued_unix_seconds,
            expires_unix_seconds=self.expires_unix_seconds,
        ).SerializeToString()

    @staticmethod
    def decode(data: bytes) -> Issued:
        """Read the answer to a renewal; raises CertificateMessageError."""
        try:
            message = pb.RenewResponse.FromString(data)
            return Issued(
                agent_id=message.agent_id,
                certificate_pem=message.certificate,
                authority_pem=message.authority,
                issued_unix_seconds=message.issued_unix_seconds,
                expires_unix_seconds=message.expires_unix_seconds,
            )
        except (DecodeError, ValueError) as error:
            raise CertificateMessageError(str(error)) from error


def encode_renewal(csr_der: bytes) -> bytes:
    return pb.RenewRequest(certificate_request=csr_der).SerializeToString()


def decode_renewal(data: bytes) -> bytes:
    """Return the certificate request (DER); raises CertificateMessageError."""
    if len(data) > MESSAGE_BYTES_MAX:
        raise CertificateMessageError(f"a renewal of {len(data)} bytes")
    try:
        return pb.RenewRequest.FromString(data).certificate_request
    except DecodeError as error:
        raise CertificateMessageError(str(error)) from error


def _object(data: bytes) -> dict[str, object]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CertificateMessageError("not JSON") from error
    if not isinstance(value, dict):
        raise CertificateMessageError("not a JSON object")
    return value


def _field(value: dict[str, object], key: str, kind: type[Kind]) -> Kind:
    found = value.get(key)
    if type(found) is not kind or (isinstance(found, str) and not found.isascii()):
        raise CertificateMessageError(f"{key} is missing, or is something else")
    return found
