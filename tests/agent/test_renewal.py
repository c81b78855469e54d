"""A certificate is renewed in time, spread out, again if it fails; its files change as one."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.certificates import Issued
from wattgram.settings import SettingsError
from wattgram_agent import tls_files
from wattgram_agent.config import AgentConfig, TlsSettings, load_config
from wattgram_agent.enrolment import EnrolmentError, address_of
from wattgram_agent.renewal import (
    LOOK_SECONDS,
    RETRY_SECONDS_MAX,
    RenewalError,
    Renewer,
    due_unix_seconds,
    renew_in_child,
    retry_seconds,
)
from wattgram_agent.tls_files import Validity

DAY = 86_400
ISSUED = 1_750_000_000
PEM = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
KEY = b"-----BEGIN PRIVATE KEY-----\nBBBB\n-----END PRIVATE KEY-----\n"
JITTER = st.floats(0, 1, exclude_max=True)


def issued(at: int = ISSUED, lifetime_seconds: int = 30 * DAY) -> Issued:
    return Issued(
        agent_id="web-1",
        certificate_pem=PEM,
        authority_pem=PEM,
        issued_unix_seconds=at,
        expires_unix_seconds=at + lifetime_seconds,
    )


class Host:
    """A renewer, its clock, and a collector that renews or does not."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.now = float(ISSUED)
        self.works = True
        self.asked = 0
        self.reopened = 0
        self.renewer = Renewer(
            directory,
            self._renew,
            self._reopen,
            unix_seconds=lambda: self.now,
            jitter=lambda: 0.5,
        )

    async def _renew(self) -> None:
        self.asked += 1
        if not self.works:
            raise RenewalError("collector away")
        tls_files.write(self.directory, KEY, issued(int(self.now)))

    def _reopen(self) -> None:
        self.reopened += 1

    async def live_until(self, unix_seconds: float) -> None:
        while self.now < unix_seconds:
            wait = await self.renewer.step()
            assert 0 < wait <= LOOK_SECONDS
            self.now = min(self.now + wait, unix_seconds)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    tls_files.write(tmp_path / "tls", KEY, issued())
    return Host(tmp_path / "tls")


async def test_a_certificate_is_renewed_once_between_two_thirds_and_five_sixths(
    host: Host,
) -> None:
    due = ISSUED + 30 * DAY * 0.75
    await host.live_until(due)
    assert host.asked == 0
    await host.live_until(due + DAY)
    assert (host.asked, host.reopened) == (1, 1)
    found = tls_files.validity(host.directory)
    assert found is not None
    assert found.issued_unix_seconds == due


@given(JITTER, st.integers(2, 1_000 * DAY))
def test_a_fleet_that_was_enrolled_together_is_spread_out(jitter: float, lifetime: int) -> None:
    validity = Validity("web-1", ISSUED, ISSUED + lifetime)
    due = (due_unix_seconds(validity, jitter) - ISSUED) / lifetime
    assert due == pytest.approx(2 / 3 + jitter / 6, abs=1e-3)
    assert due_unix_seconds(validity, jitter) < validity.expires_unix_seconds


@given(st.integers(1, 10_000), st.integers(2, 1_000 * DAY), JITTER)
def test_a_retry_waits_anything_up_to_a_growing_time(
    failures: int, lifetime: int, jitter: float
) -> None:
    most = retry_seconds(failures, lifetime, 1.0)
    assert retry_seconds(failures, lifetime, jitter) == pytest.approx(most * jitter)
    assert most == min(60.0 * 2 ** min(failures - 1, 16), RETRY_SECONDS_MAX, lifetime / 20)


async def test_what_fails_is_tried_again_and_said_once(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    host.works = False
    await host.live_until(ISSUED + 29 * DAY)
    assert host.asked > 100
    assert host.reopened == 0
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "collector away" in caplog.text
    host.works = True
    await host.live_until(ISSUED + 29.2 * DAY)
    assert host.reopened == 1
    host.works = False
    await host.live_until(ISSUED + 53 * DAY)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "WARNING"]


async def test_an_expired_certificate_is_said_once_and_not_shown_to_the_collector(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    host.now += 30 * DAY
    await host.live_until(host.now + DAY)
    assert host.asked == 0
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "wattgram-collector enroll web-1" in caplog.text


async def test_who_enrols_again_while_the_agent_runs_is_renewed_again(host: Host) -> None:
    host.now += 40 * DAY
    await host.live_until(host.now + DAY)
    tls_files.write(host.directory, KEY, issued(int(host.now)))
    await host.live_until(host.now + 24 * DAY)
    assert host.reopened == 1


async def test_a_host_that_is_not_enrolled_is_left_alone(tmp_path: Path) -> None:
    host = Host(tmp_path / "nothing")
    await host.live_until(ISSUED + DAY)
    assert host.asked == 0


async def test_a_child_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(RenewalError, match="No such file"):
        await renew_in_child(tmp_path, "127.0.0.1:1")


# ── files ────────────────────────────────────────────────────────────────────────────────


def test_key_and_certificate_are_one_file_for_the_owner_only(tmp_path: Path) -> None:
    directory = tmp_path / "state" / "tls"
    tls_files.write(directory, KEY, issued())
    assert sorted(os.listdir(directory)) == ["agent.pem", "ca.pem"]
    pair = directory / "agent.pem"
    assert pair.read_bytes().endswith(KEY + PEM)
    assert stat.S_IMODE(pair.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert tls_files.validity(directory) == Validity("web-1", ISSUED, ISSUED + 30 * DAY)


@pytest.mark.parametrize("text", [b"", KEY + PEM, b"agent_id: web-1\nissued: x\nexpires: 7\n"])
def test_a_file_that_does_not_say_how_long_it_is_good_is_not_guessed_at(
    tmp_path: Path, text: bytes
) -> None:
    (tmp_path / "agent.pem").write_bytes(text)
    assert tls_files.validity(tmp_path) is None


def test_a_key_that_others_may_read_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "key").write_bytes(KEY)
    for mode, said in ((0o600, 0), (0o644, 1)):
        (tmp_path / "key").chmod(mode)
        tls_files.say_exposed(tmp_path / "key")
        assert len(caplog.records) == said
    tls_files.say_exposed(None)
    tls_files.say_exposed(tmp_path / "absent")


# ── configuration ────────────────────────────────────────────────────────────────────────


def test_a_directory_stands_for_its_files(tmp_path: Path) -> None:
    files = TlsSettings(directory=tmp_path).as_files
    assert files.ca_file == tmp_path / "ca.pem"
    assert files.certificate_file == files.key_file == tmp_path / "agent.pem"
    assert TlsSettings().as_files == TlsSettings()
    assert AgentConfig(tls=TlsSettings(directory=tmp_path)).keeps_connection


def test_a_directory_and_files_are_two_answers_to_one_question(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text('[tls]\ndirectory = "/a"\nca_file = "/b"\n')
    with pytest.raises(SettingsError, match="directory and the files exclude each other"):
        load_config(file, {})


def test_an_enrolled_agent_may_talk_to_another_host(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text('[collector]\naddress = "box.example:9880"\n[tls]\ndirectory = "/a"\n')
    assert load_config(file, {}).tls.is_on


@pytest.mark.parametrize(
    ("url", "found"),
    [("https://box", ("box", 9881)), ("https://box:1/", ("box", 1)),
     ("https://[::1]:7", ("::1", 7))],
)  # fmt: skip
def test_where_to_enrol(url: str, found: tuple[str, int]) -> None:
    assert address_of(url) == found


@pytest.mark.parametrize(
    "url",
    ["http://box:9881", "box:9881", "https://", "https://box/x", "https://u@box", "https://box:x",
     "https://box:99999", "https://box?x", "https://[box"],
)  # fmt: skip
def test_where_not(url: str) -> None:
    with pytest.raises(EnrolmentError, match="not https://host:port"):
        address_of(url)
