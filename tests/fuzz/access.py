"""Who is let in: the files that say it, headers that show it, what asks for a certificate."""

from __future__ import annotations

import contextlib
from functools import cache

from builders import NOW
from fuzz.inputs import empty_directory, pieces, scratch_file
from letting_in import everybody
from wattgram.certificates import (
    MESSAGE_BYTES_MAX,
    CertificateMessageError,
    EnrolRequest,
    Issued,
    decode_renewal,
    encode_renewal,
    require_agent_id,
)
from wattgram.token import Token
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_agent.enrolment import EnrolmentError, address_of
from wattgram_agent.key_pair import KeyPair, is_authority
from wattgram_collector.access import credentials_file, revocation
from wattgram_collector.access.authority import (
    Authority,
    RequestError,
    fingerprint,
    make_authority,
    requested_key,
)
from wattgram_collector.access.budget import peer_of as peer_of_address
from wattgram_collector.access.credentials import NOBODY, authenticate_token, bearer
from wattgram_collector.access.credentials_file import CredentialsError
from wattgram_collector.access.enrolment import Enrolment, RefusedError, make_token
from wattgram_collector.access.enrolment_routes import _refusal
from wattgram_collector.access.http import basic
from wattgram_collector.access.pem_files import PemFiles, expiries
from wattgram_collector.access.register import Register
from wattgram_collector.access.revocation import RevocationError, Revoked
from wattgram_collector.ingest.identity import Peer, peer_of

PIECES_MAX = 4
NOW_SECONDS = NOW // NANOSECONDS_PER_SECOND
DAY_SECONDS = 86_400
KNOWN = "known-agent"
SECRET = bytes(range(32))
"""What the token of the input is; a fixed one, so that inputs stay good."""


def credentials(data: bytes) -> bool:
    """The file of users and tokens is refused whole, or is what `render` writes again."""
    try:
        found = credentials_file.parse(data, "credentials.jsonl")
    except CredentialsError as error:
        assert str(error).startswith("credentials.jsonl")
        assert str(error).isprintable()
        return False
    assert credentials_file.parse(credentials_file.render(found), "again") == found
    assert credentials_file.read(scratch_file("credentials.jsonl", data)) == found
    return found != NOBODY


def authorization(data: bytes) -> bool:
    """Headers, metadata, tokens and names let nobody in who is not there, and harm nobody."""
    known = _everybody()
    found = False
    for piece in pieces(data, PIECES_MAX):
        # As aiohttp and gRPC give them.
        header = piece.decode(errors="surrogateescape")
        metadata = piece.decode("latin-1")
        named = basic(header)
        if named is not None:
            known.users.get(named[0])
        shown = bearer(header)
        token = known.token(shown) if shown else None
        agent = authenticate_token((("authorization", metadata),), known)
        assert agent is None or (token is not None and agent == token.agent_id)
        assert authenticate_token((("authorization", piece),), known) is None
        assert peer_of_address(metadata)
        with contextlib.suppress(EnrolmentError):
            address_of(metadata)
        with contextlib.suppress(ValueError):
            require_agent_id(header)
        with contextlib.suppress(CertificateMessageError):
            one_time = Token.parse(header)
            assert Token.parse(str(one_time)) == one_time
            found = True
        found |= agent is not None or named is not None
    return found


@cache
def _everybody() -> credentials_file.Credentials:
    return everybody()


def revocations(data: bytes) -> bool:
    """The list is refused with its line, or is what `dump` writes again."""
    path = scratch_file("revoked", data)
    try:
        found = revocation.read(path)
    except RevocationError as error:
        assert str(error)
        return False
    assert revocation.parse(revocation.dump(found)) == found
    peers = [Peer((name,), 0, when, when + 1) for name, when in found.agents.items()]
    peers += [Peer((), serial, 0, 1) for serial in found.serials]
    assert all(map(found.covers, peers))
    return bool(peers)


def certificates(data: bytes) -> bool:
    """Keys, certificates and requests, PEM or DER, are read or refused as documented."""
    first, *others = pieces(data, 2)
    second = others[0] if others else first
    found = False
    with contextlib.suppress(ValueError):
        found = len(fingerprint(first)) > 0
    with contextlib.suppress(ValueError):
        assert is_authority(first, fingerprint(first))
    with contextlib.suppress(ValueError):
        authority = Authority(first, second)
        authority.make_server_pair(["collector.example", "192.0.2.1"], NOW_SECONDS)
        found = True
    with contextlib.suppress(ValueError):
        peer_of({"x509_pem_cert": [first], "x509_subject_alternative_name": [second]})
    path, key = scratch_file("server.pem", first), scratch_file("server.key", second)
    expiries({"grpc": path})
    with contextlib.suppress(ValueError, OSError):
        PemFiles(path, key, path)._read()
    with contextlib.suppress(RequestError):
        requested_key(first)
        found = True
    return found


def enrolment(data: bytes) -> bool:
    """Whatever is posted gets a certificate for its own key, or an answer that can be sent."""
    body = data.replace(b"TOKEN", _token_text().encode())[:MESSAGE_BYTES_MAX]
    try:
        asked = EnrolRequest.from_json(body)
    except CertificateMessageError as error:
        _refusal(400, str(error))
        return False
    desk = _desk()
    try:
        issued = desk.enrol(asked, "127.0.0.1", NOW_SECONDS)
    except RefusedError as error:
        _refusal(400, str(error))
        return error.reason != "token"
    assert Issued.from_json(issued.to_json()) == issued
    assert Issued.decode(issued.encode()) == issued
    return True


@cache
def _authority() -> Authority:
    return Authority(*make_authority(NOW_SECONDS))


@cache
def _token_text() -> str:
    return str(Token(SECRET, _authority().sha256))


def _desk() -> Enrolment:
    """An enrolment that has one token, for anybody, and one for an agent; nothing is used up."""
    register = Register(empty_directory("register") / "enrolment.sqlite")
    _, record = make_token(_authority().sha256, "", NOW_SECONDS, 1)
    token = Token(SECRET, _authority().sha256)
    kept = record._replace(identifier=token.identifier, secret_sha256=token.secret_sha256)
    register.add_token(kept, NOW_SECONDS)
    return Enrolment(_authority(), register, Revoked, DAY_SECONDS, lambda name: name == KNOWN)


def issued(data: bytes) -> bool:
    """What an agent is answered, and what is asked over gRPC: read, and the same when written."""
    found = False
    for read, write in ((Issued.from_json, Issued.to_json), (Issued.decode, Issued.encode)):
        with contextlib.suppress(CertificateMessageError):
            one = read(data)
            assert read(write(one)) == one
            found = True
            with contextlib.suppress(ValueError):
                _key().require_own(one)
    with contextlib.suppress(CertificateMessageError):
        request = decode_renewal(data)
        assert decode_renewal(encode_renewal(request)) == request
        with contextlib.suppress(RequestError):
            requested_key(request)
            found = True
    return found


@cache
def _key() -> KeyPair:
    return KeyPair()
