"""Who gets a certificate: a host with a one-time token, and an agent that has one already.

Decides; what is asked over HTTPS comes from `enrolment_routes`, over gRPC from `renewal`. The
certificate names the token's agent or the peer's own, whatever the request says. A token is used
up, durably, before its certificate leaves. Time is an argument.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Final

from wattgram.certificates import (
    CertificateMessageError,
    EnrolRequest,
    Issued,
    require_agent_id,
)
from wattgram.token import SECRET_BYTES, Token
from wattgram_collector.access.authority import Authority, RequestError, Signed
from wattgram_collector.access.budget import FailureBudget, peer_of
from wattgram_collector.access.register import (
    CertificateRecord,
    Register,
    RegisterError,
    TokenRecord,
)
from wattgram_collector.access.revocation import Revoked
from wattgram_collector.ingest.identity import Peer

LOG: Final = logging.getLogger("wattgram.access")
TOKEN_HOURS: Final = 24.0
TOKEN_HOURS_MAX: Final = 720.0
_TOKEN_IS_NOTHING: Final = "the token is unknown, used or expired"  # noqa: S105

_RENEWALS_BURST: Final = 10
_RENEWALS_SECONDS_EACH: Final = 60.0


class RefusedError(Exception):
    """No certificate. `reason` is counted, the text is for who asked."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Enrolment:
    """One of it; its methods block on the disk and are called from any thread."""

    def __init__(
        self,
        authority: Authority,
        register: Register,
        revoked: Callable[[], Revoked],
        lifetime_seconds: float,
        is_known: Callable[[str], bool],
    ) -> None:
        """`is_known` says whether the ledger has an agent of an id already."""
        self.authority = authority
        self.issued: Counter[str] = Counter({"enrolment": 0, "renewal": 0})
        self.refused: Counter[str] = Counter()
        self._register = register
        self._revoked = revoked
        self._lifetime_seconds = lifetime_seconds
        self._is_known = is_known
        self._guesses = FailureBudget()
        self._renewals = FailureBudget(
            burst=_RENEWALS_BURST, refill_seconds=_RENEWALS_SECONDS_EACH
        )
        # Asked from several threads; one at a time is fast enough.
        self._budgets = threading.Lock()

    def enrol(self, request: EnrolRequest, caller: str, now_unix_seconds: int) -> Issued:
        """Redeem a token for a certificate; raises RefusedError."""
        try:
            return self._enrol(request, caller, now_unix_seconds)
        except RefusedError as error:
            # Without a token anybody can be refused: said once, so that nobody floods the log.
            if error.reason in {"identity", "storage"} or not self.refused[error.reason]:
                LOG.warning("enrolment_refused caller=%s reason=%s detail=%r", caller,
                            error.reason, str(error))  # fmt: skip
            self.refused[error.reason] += 1
            raise

    def renew(self, peer: Peer | None, request: bytes, now_unix_seconds: int) -> Issued:
        """Give a peer a new certificate in its own name; raises RefusedError.

        That the peer's certificate is in force is the doorman's care.
        """
        try:
            return self._renew(peer, request, now_unix_seconds)
        except RefusedError as error:
            self.refused[error.reason] += 1
            raise

    def _enrol(self, request: EnrolRequest, caller: str, now: int) -> Issued:
        caller = peer_of(caller)
        with self._budgets:
            if not self._guesses.take(caller, now):
                raise RefusedError("throttled", "too many wrong tokens from this address")
        try:
            record = self._open_token(request.token, now)
            if record is None:
                raise RefusedError("token", _TOKEN_IS_NOTHING)
            with self._budgets:
                self._guesses.give_back(caller, now)
            agent_id = self._name(record, request.agent_id)
            signed = self._sign(request.csr_pem.encode(), agent_id, now)
            if not self._register.redeem(record, _record(signed), now):
                raise RefusedError("token", _TOKEN_IS_NOTHING)
        except RegisterError as error:
            raise RefusedError("storage", str(error)) from error
        self.issued["enrolment"] += 1
        LOG.info("agent_enrolled agent_id=%s token=%s caller=%s serial=%x", agent_id,
                 record.identifier, caller, signed.serial)  # fmt: skip
        return signed.issued

    def _open_token(self, text: str, now: int) -> TokenRecord | None:
        try:
            token = Token.parse(text)
        except CertificateMessageError:
            return None
        record = self._register.token(token.identifier)
        if record is None or not hmac.compare_digest(record.secret_sha256, token.secret_sha256):
            return None
        return record if record.is_open(now) else None

    def _name(self, record: TokenRecord, said: str) -> str:
        """Return whom the certificate names: the token's agent, else a new one."""
        if record.agent_id:
            if said and said != record.agent_id:
                detail = f"the token is for agent {record.agent_id}, this host is {said}"
                raise RefusedError("identity", detail)
            return record.agent_id
        agent_id = said or str(uuid.uuid4())
        try:
            require_agent_id(agent_id)
        except ValueError as error:
            raise RefusedError("identity", str(error)) from error
        if self._is_known(agent_id) or self._register.has_certificate(agent_id):
            detail = (
                f"agent {agent_id} is known already, and the token is for a new one: "
                f"make another with `wattgram-collector enroll {agent_id}`"
            )
            raise RefusedError("identity", detail)
        return agent_id

    def _renew(self, peer: Peer | None, request: bytes, now: int) -> Issued:
        if peer is None or len(peer.names) != 1:
            raise RefusedError("identity", "a renewal needs a certificate that names one agent")
        (agent_id,) = peer.names
        with self._budgets:
            if not self._renewals.take(agent_id, now):
                raise RefusedError("throttled", "too many renewals")
        signed = self._sign(request, agent_id, now)
        try:
            self._register.record(_record(signed))
        except RegisterError as error:
            raise RefusedError("storage", str(error)) from error
        self.issued["renewal"] += 1
        return signed.issued

    def _sign(self, request: bytes, agent_id: str, now: int) -> Signed:
        revoked_at = self._revoked().agents.get(agent_id, -1)
        try:
            return self.authority.sign_agent(
                request, agent_id, now, self._lifetime_seconds, valid_from_min=revoked_at + 1
            )
        except RequestError as error:
            raise RefusedError("request", str(error)) from error
        except ValueError as error:
            raise RefusedError("identity", str(error)) from error


def make_token(
    authority_sha256: bytes, agent_id: str, now_unix_seconds: int, hours: float
) -> tuple[Token, TokenRecord]:
    """Make a token, '' for any new agent id, and what is kept of it; raises ValueError."""
    if agent_id:
        require_agent_id(agent_id)
    if not 0 < hours <= TOKEN_HOURS_MAX:
        raise ValueError(f"a token lives more than 0 and up to {TOKEN_HOURS_MAX:g} hours: {hours}")
    token = Token(secrets.token_bytes(SECRET_BYTES), authority_sha256)
    expires = now_unix_seconds + max(1, int(hours * 3600))
    return token, TokenRecord(token.identifier, token.secret_sha256, agent_id, expires)


def _record(signed: Signed) -> CertificateRecord:
    issued = signed.issued
    return CertificateRecord(
        signed.serial, issued.agent_id, issued.issued_unix_seconds, issued.expires_unix_seconds
    )
