"""Who gets a certificate: whoever holds a token, once; nobody else, however often he asks."""

from __future__ import annotations

import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509

from wattgram.certificates import EnrolRequest
from wattgram.token import Token
from wattgram_agent.key_pair import KeyPair
from wattgram_collector.access.authority import Authority, make_authority
from wattgram_collector.access.enrolment import Enrolment, RefusedError, make_token
from wattgram_collector.access.register import (
    CertificateRecord,
    Register,
    RegisterError,
    TokenRecord,
)
from wattgram_collector.access.revocation import Revoked
from wattgram_collector.ingest.identity import Peer

NOW = 1_750_000_000
HOUR = 3_600
AUTHORITY = Authority(*make_authority(NOW))
KEY = KeyPair()


class Office:
    """An enrolment over a real register, and the tokens that are made for it."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "enrolment.sqlite"
        self.register = Register(self.path)
        self.known = {"old-agent"}
        self.revoked = Revoked()
        self.enrolment = Enrolment(
            AUTHORITY, self.register, lambda: self.revoked, 30 * 86_400.0, self.known.__contains__
        )

    def token(self, agent_id: str = "web-1", hours: float = 24.0) -> Token:
        token, record = make_token(AUTHORITY.sha256, agent_id, NOW, hours)
        self.register.add_token(record, NOW)
        return token

    def enrol(
        self, token: object, agent_id: str = "", now: int = NOW, csr: str = "", caller: str = ""
    ) -> str:
        """Return the id in the certificate, or the reason of the refusal."""
        asked = EnrolRequest(token=str(token), csr_pem=csr or KEY.request_pem, agent_id=agent_id)
        try:
            return self.enrolment.enrol(asked, caller or "10.0.0.1", now).agent_id
        except RefusedError as error:
            return f"refused: {error.reason}"

    def renew(self, peer: Peer | None, request: bytes = b"", now: int = NOW) -> str:
        try:
            return self.enrolment.renew(peer, request or KEY.request_der, now).agent_id
        except RefusedError as error:
            return f"refused: {error.reason}"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def peer(*names: str) -> Peer:
    return Peer(names, 7, NOW, NOW + HOUR)


def test_a_token_gets_one_certificate_in_its_agents_name(office: Office) -> None:
    token = office.token()
    assert office.enrol(token) == "web-1"
    ((serial, agent_id, issued, expires),) = office.register.certificates()
    assert serial > 0
    assert (agent_id, issued, expires) == ("web-1", NOW, NOW + 30 * 86_400)
    assert office.enrolment.issued == {"enrolment": 1, "renewal": 0}


def test_a_replayed_token_is_refused(office: Office) -> None:
    token = office.token()
    assert office.enrol(token) == "web-1"
    assert office.enrol(token) == "refused: token"
    assert office.enrol(token, csr=KeyPair().request_pem) == "refused: token"
    assert len(office.register.certificates()) == 1
    assert office.enrolment.refused == {"token": 2}


def test_of_many_at_once_with_one_token_one_is_served(office: Office) -> None:
    """Each stands before the same open token; only the medium decides."""
    token = office.token()
    together = threading.Barrier(8)

    def enrol(number: int) -> str:
        together.wait()
        return office.enrol(token, caller=f"10.0.0.{number}")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(enrol, range(8)))
    assert sorted(set(answers)) == ["refused: token", "web-1"]
    assert answers.count("web-1") == 1
    assert len(office.register.certificates()) == 1


def test_of_two_that_have_read_the_same_open_token_one_redeems_it(office: Office) -> None:
    record = office.register.token(office.token().identifier)
    assert record is not None
    mine, other = (CertificateRecord(number, "web-1", NOW, NOW + 1) for number in (1, 2))
    assert office.register.redeem(record, mine, NOW)
    assert not office.register.redeem(record, other, NOW)
    assert office.register.certificates() == [mine]


def test_of_two_tokens_for_any_id_one_gets_an_id(office: Office) -> None:
    first, second = (office.register.token(office.token("").identifier) for _ in range(2))
    assert first is not None
    assert second is not None
    assert office.register.redeem(first, CertificateRecord(1, "new", NOW, NOW + 1), NOW)
    assert not office.register.redeem(second, CertificateRecord(2, "new", NOW, NOW + 1), NOW)
    assert second.identifier in {one.identifier for one in office.register.tokens()}


@pytest.mark.parametrize(("seconds", "answer"), [(-1, "web-1"), (0, "refused: token")])
def test_a_token_is_good_until_it_expires(office: Office, seconds: int, answer: str) -> None:
    token = office.token(hours=2)
    assert office.enrol(token, now=NOW + 2 * HOUR + seconds) == answer


def test_a_wrong_secret_under_the_right_name_is_refused(office: Office) -> None:
    """The name is a part of the digest: it may be said, and is no proof."""
    token = office.token()
    with closing(sqlite3.connect(office.path)) as database:
        database.execute("UPDATE tokens SET secret_sha256 = zeroblob(32)")
        database.commit()
    assert office.enrol(token) == "refused: token"


@pytest.mark.parametrize("text", ["", "wge1", "wge1.x.y", "wge1." + "A" * 43 + "." + "A" * 43])
def test_what_is_no_token_is_refused(office: Office, text: str) -> None:
    assert office.enrol(text) == "refused: token"


def test_the_authority_in_a_token_is_the_agents_to_check(office: Office) -> None:
    assert office.enrol(replace(office.token(), authority_sha256=b"?" * 32)) == "web-1"


def test_the_register_does_not_hold_what_a_thief_could_use(office: Office) -> None:
    token = office.token()
    kept = office.path.read_bytes()
    assert token.secret_sha256 in kept
    assert token.secret not in kept
    assert str(token).encode() not in kept
    assert stat.S_IMODE(office.path.stat().st_mode) == 0o600


def test_a_refused_request_does_not_use_the_token_up(office: Office) -> None:
    token = office.token()
    assert office.enrol(token, csr="-----BEGIN nothing") == "refused: request"
    assert office.enrol(token, agent_id="other") == "refused: identity"
    assert office.enrol(token) == "web-1"


def test_a_host_that_has_a_name_is_not_given_another(office: Office) -> None:
    assert office.enrol(office.token("web-1"), agent_id="web-2") == "refused: identity"
    assert office.enrol(office.token("web-2"), agent_id="web-2") == "web-2"


def test_a_token_for_a_new_agent_takes_the_hosts_own_name_or_makes_one(office: Office) -> None:
    assert office.enrol(office.token(""), agent_id="its-own") == "its-own"
    made = office.enrol(office.token(""))
    assert len(made) == 36
    assert made != office.enrol(office.token(""))


@pytest.mark.parametrize("agent_id", ["old-agent", "web-1", "redfish:rack1", "*", "a b"])
def test_a_token_for_a_new_agent_does_not_take_over_a_known_one(
    office: Office, agent_id: str
) -> None:
    """One has reported, one has a certificate; the rest are no agents' names at all."""
    assert office.enrol(office.token("web-1")) == "web-1"
    assert office.enrol(office.token(""), agent_id=agent_id) == "refused: identity"


def test_an_agent_that_is_known_is_enrolled_again_by_name(office: Office) -> None:
    assert office.enrol(office.token("old-agent"), agent_id="old-agent") == "old-agent"
    assert office.enrol(office.token("old-agent")) == "old-agent"


def test_a_certificate_that_is_made_after_a_revocation_is_not_revoked_by_it(
    office: Office,
) -> None:
    office.revoked = Revoked().with_agent("web-1", NOW)
    asked = EnrolRequest(token=str(office.token()), csr_pem=KEY.request_pem)
    issued = office.enrolment.enrol(asked, "", NOW + 1)
    begins = begins_of(issued.certificate_pem)
    assert not office.revoked.covers(Peer(("web-1",), 1, begins, begins + 1))


def begins_of(pem: bytes) -> int:
    return int(x509.load_pem_x509_certificate(pem).not_valid_before_utc.timestamp())


def test_guessing_is_slowed_for_the_guesser_and_for_nobody_else(office: Office) -> None:
    guess = Token(b"g" * 32, AUTHORITY.sha256)
    answers = [office.enrol(guess, caller="10.0.0.66") for _ in range(12)]
    assert answers == ["refused: token"] * 10 + ["refused: throttled"] * 2
    assert office.enrol(office.token(), caller="10.0.0.66") == "refused: throttled"
    assert office.enrol(office.token("web-2"), caller="10.0.0.1") == "web-2"
    assert office.enrol(office.token(), caller="10.0.0.66", now=NOW + 11) == "web-1"


def test_replaying_is_slowed_as_guessing_is(office: Office) -> None:
    token = office.token()
    answers = [office.enrol(token) for _ in range(12)]
    assert answers == ["web-1"] + ["refused: token"] * 10 + ["refused: throttled"]


def test_hosts_behind_one_address_that_have_tokens_are_not_slowed(office: Office) -> None:
    for number in range(20):
        assert office.enrol(office.token(f"web-{number}")) == f"web-{number}"


@pytest.mark.parametrize("hours", [0.0, -1.0, 721.0])
def test_a_token_lives_for_a_limited_time(hours: float) -> None:
    with pytest.raises(ValueError, match="hours"):
        make_token(AUTHORITY.sha256, "web-1", NOW, hours)


def test_tokens_are_not_alike() -> None:
    assert len({str(make_token(b"d" * 32, "", NOW, 1)[0]) for _ in range(50)}) == 50


# ── renewal ──────────────────────────────────────────────────────────────────────────────


def test_a_renewal_is_in_the_name_of_the_peer(office: Office) -> None:
    assert office.renew(peer("web-1")) == "web-1"
    assert [one.agent_id for one in office.register.certificates()] == ["web-1"]
    assert office.enrolment.issued == {"enrolment": 0, "renewal": 1}


@pytest.mark.parametrize("names", [(), ("web-1", "web-2"), ("*",), ("büro",)])
def test_a_peer_without_one_name_renews_nothing(office: Office, names: tuple[str, ...]) -> None:
    assert office.renew(peer(*names)) == "refused: identity"
    assert office.renew(None) == "refused: identity"


def test_a_renewal_proves_its_key_too(office: Office) -> None:
    assert office.renew(peer("web-1"), b"noise") == "refused: request"


def test_an_agent_that_renews_without_end_is_slowed_alone(office: Office) -> None:
    answers = [office.renew(peer("web-1")) for _ in range(11)]
    assert answers == ["web-1"] * 10 + ["refused: throttled"]
    assert office.renew(peer("web-2")) == "web-2"
    assert office.renew(peer("web-1"), now=NOW + 60) == "web-1"


# ── the register ─────────────────────────────────────────────────────────────────────────


def test_a_withdrawn_token_is_refused(office: Office) -> None:
    first, second, third = (office.token(one) for one in ("web-1", "web-1", ""))
    assert office.register.withdraw(identifier=third.identifier) == 1
    assert office.register.withdraw(agent_id="web-1") == 2
    assert office.register.withdraw(agent_id="web-1") == 0
    for token in (first, second, third):
        assert office.enrol(token) == "refused: token"


def test_withdrawing_for_nobody_does_not_withdraw_tokens_for_anybody(office: Office) -> None:
    token = office.token("")
    assert office.register.withdraw(agent_id="") == 0
    assert len(office.enrol(token)) == 36


def test_open_tokens_are_limited_and_what_is_long_over_is_forgotten(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wattgram_collector.access.register.TOKENS_MAX", 3)
    for _ in range(3):
        office.token()
    with pytest.raises(RegisterError, match="3 tokens are open"):
        office.token()
    later = TokenRecord("later", b"", "web-1", NOW + 200 * 86_400)
    office.register.add_token(later, NOW + 199 * 86_400)
    assert [one.identifier for one in office.register.tokens()] == ["later"]


def test_a_register_that_is_none_refuses_and_says_so(office: Office) -> None:
    token = office.token()
    office.path.write_bytes(b"no database at all" * 99)
    assert office.enrol(token) == "refused: storage"
    assert office.renew(peer("web-1")) == "refused: storage"
