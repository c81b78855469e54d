"""Enrolment: with a one-time token this host gets the certificate that speaks for it.

The token holds the digest of the authority's certificate. That certificate is fetched first, from
whoever answers, and is of no use to anybody but the right one; the token itself is sent only over
TLS to a server for which that authority vouches.
"""

from __future__ import annotations

import argparse
import http.client
import json
import ssl
import sys
import urllib.parse
from pathlib import Path
from typing import Final

from wattgram.certificates import (
    AUTHORITY_PATH,
    ENROL_PATH,
    MESSAGE_BYTES_MAX,
    CertificateMessageError,
    EnrolRequest,
    Issued,
)
from wattgram.durable import write_durably
from wattgram.owner import as_owner_of
from wattgram.settings import PORT_MAX
from wattgram.token import Token
from wattgram_agent import tls_files
from wattgram_agent.config import AgentConfig
from wattgram_agent.key_pair import KeyPair, is_authority
from wattgram_agent.sysfs import read_text

ANSWER_SECONDS: Final = 20.0
HTTP_PORT: Final = 9881
GRPC_PORT: Final = 9880
_OK: Final = 200
_DETAIL_LENGTH_MAX: Final = 300


class EnrolmentError(OSError):
    """No certificate; the text says who refused it and why."""


def command(config: AgentConfig, options: argparse.Namespace) -> int:
    """Enrol this host and say how to go on. Raises EnrolmentError and OSError."""
    token_text = options.token or sys.stdin.readline()
    directory: Path = options.directory or config.tls.directory or config.tls_directory
    with as_owner_of(config.state_directory):
        issued = enrol(config, options.collector, token_text, directory, options.https_ca)
    host = address_of(options.collector)[0]
    at = f"[{host}]" if ":" in host else host
    print(f"# agent {issued.agent_id} is enrolled. In the agent's configuration:")
    print(f'[collector]\naddress = "{at}:{GRPC_PORT}"  # where grpc.address of the collector is')
    print(f"\n[tls]\ndirectory = {json.dumps(str(directory.absolute()))}")
    return 0


def enrol(
    config: AgentConfig,
    collector: str,
    token_text: str,
    directory: Path,
    https_ca_file: Path | None = None,
) -> Issued:
    """Get a certificate and keep it, with its key, in `directory`; raises EnrolmentError, OSError.

    The token is used up when this raises after the collector has answered.
    """
    host, port = address_of(collector)
    try:
        token = Token.parse(token_text)
    except CertificateMessageError as error:
        raise EnrolmentError(str(error)) from error
    authority_pem = _authority(host, port, token)
    key = KeyPair()
    known_as = config.agent_id or (read_text(config.state_directory / "agent_id") or "")
    asked = EnrolRequest(token=str(token), csr_pem=key.request_pem, agent_id=known_as)
    answer = _ask(host, port, _trusting(authority_pem, https_ca_file), asked.to_json())
    try:
        issued = Issued.from_json(answer)
        key.require_own(issued)
        if not is_authority(issued.authority_pem, token.authority_sha256):
            raise ValueError("the certificate comes from another authority")
    except ValueError as error:
        raise EnrolmentError(f"{host}:{port}: {error}") from error
    if not known_as:
        config.state_directory.mkdir(parents=True, exist_ok=True)
        write_durably(config.state_directory / "agent_id", issued.agent_id + "\n")
    tls_files.write(directory, key.pem, issued)
    return issued


def address_of(url: str) -> tuple[str, int]:
    """PURE. Return host and port of https://host or https://host:port; raises EnrolmentError."""
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname or "", parts.port or HTTP_PORT
    except ValueError as error:
        raise EnrolmentError(f"not https://host:port: {url!r}") from error
    extra = parts.path.strip("/") or parts.query or parts.fragment or parts.username
    if parts.scheme != "https" or not host or extra or port > PORT_MAX:
        raise EnrolmentError(f"not https://host:port: {url!r}")
    return host, port


def _authority(host: str, port: int, token: Token) -> bytes:
    """Return the certificate of the authority that the token is of; raises EnrolmentError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Nothing secret is sent, and what comes is worth its digest, whoever sends it.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    pem = _ask(host, port, context, None)
    try:
        is_it = is_authority(pem, token.authority_sha256)
    except ValueError as error:
        raise EnrolmentError(f"{host}:{port}: the answer is not a certificate") from error
    if not is_it:
        raise EnrolmentError(
            f"{host}:{port} is not the collector that the token is for, or somebody stands between"
        )
    return pem


def _trusting(authority_pem: bytes, https_ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=authority_pem.decode())
    if https_ca_file is not None:
        try:
            context.load_verify_locations(cafile=https_ca_file)
        except ssl.SSLError as error:
            raise EnrolmentError(f"{https_ca_file}: no certificate (PEM) in it") from error
        except OSError as error:
            raise EnrolmentError(f"{https_ca_file}: {error.strerror}") from error
    return context


def _ask(host: str, port: int, context: ssl.SSLContext, body: bytes | None) -> bytes:
    """Return the answer to a POST of `body`, or to a GET of the authority without one."""
    connection = http.client.HTTPSConnection(host, port, timeout=ANSWER_SECONDS, context=context)
    try:
        if body is None:
            connection.request("GET", AUTHORITY_PATH)
        else:
            connection.request("POST", ENROL_PATH, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        data = answer.read(MESSAGE_BYTES_MAX)
    except (OSError, http.client.HTTPException) as error:
        raise EnrolmentError(f"{host}:{port}: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if answer.status != _OK:
        said = "".join(c if c.isprintable() else " " for c in data.decode(errors="replace"))
        detail = said.strip()[:_DETAIL_LENGTH_MAX]
        raise EnrolmentError(f"{host}:{port} refused ({answer.status}): {detail}")
    return data
