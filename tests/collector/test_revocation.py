"""The list of what is revoked: whom it covers, how it is kept, and that it never grows shorter."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram_collector.access.revocation import (
    RevocationError,
    Revocations,
    Revoked,
    dump,
    parse,
    parse_serial,
    read,
    revoke,
)
from wattgram_collector.ingest.identity import Peer

IDS = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True)
TIMES = st.integers(0, 1 << 40)


def peer(*names: str, serial: int = 7, begins: int = 1_000) -> Peer:
    return Peer(names, serial, begins, 1 << 40)


@given(st.dictionaries(IDS, TIMES), st.dictionaries(st.integers(0, 1 << 159), TIMES))
def test_a_list_is_read_back_as_it_was_written(
    agents: dict[str, int], serials: dict[int, int]
) -> None:
    assert parse(dump(Revoked(agents, serials))) == Revoked(agents, serials)


@given(st.integers(0, 2_000), st.integers(0, 2_000))
def test_an_agent_is_revoked_up_to_then_and_not_from_then_on(begins: int, when: int) -> None:
    """What it is given later, because an operator says so, is good."""
    revoked = Revoked().with_agent("web-1", when)
    assert revoked.covers(peer("web-1", begins=begins)) == (begins <= when)
    assert not revoked.covers(peer("web-11", begins=begins))
    assert revoked.covers(peer("other", "web-1", begins=begins)) == (begins <= when)


def test_a_serial_is_revoked_whenever_it_began() -> None:
    revoked = Revoked().with_serial(7, 1)
    assert revoked.covers(peer("web-1", serial=7, begins=1_000))
    assert not revoked.covers(peer("web-1", serial=8, begins=1_000))


def test_nothing_is_revoked_by_an_empty_list() -> None:
    assert not parse("# nothing\n\n").covers(peer("web-1", begins=0, serial=0))


@pytest.mark.parametrize(
    "line",
    ["agent", "agent a", "agent a b c", "agent a soon", "serial xyz 7", "host a 7", "agent * 7",
     "serial 7", "agent web-1 7 # really"],
)  # fmt: skip
def test_a_line_that_is_none_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "revoked").write_text(f"# list\nagent good 7\n{line}\n")
    with pytest.raises(RevocationError, match=r"/revoked: line 3: "):
        read(tmp_path / "revoked")


def test_serials_are_read_as_tools_print_them() -> None:
    assert parse_serial("0A:ff") == parse_serial("aff") == 0xAFF


def test_adding_keeps_what_is_there_and_is_for_the_owner_only(tmp_path: Path) -> None:
    revoke(tmp_path, 10, agent_id="web-1")
    revoke(tmp_path, 11, serial=255)
    revoke(tmp_path, 12, agent_id="web-2")
    assert read(tmp_path / "revoked") == Revoked({"web-1": 10, "web-2": 12}, {255: 11})
    assert stat.S_IMODE((tmp_path / "revoked").stat().st_mode) == 0o600


def test_an_id_that_no_list_can_hold_does_not_spoil_it(tmp_path: Path) -> None:
    revoke(tmp_path, 10, agent_id="web-1")
    with pytest.raises(ValueError, match="agent id"):
        revoke(tmp_path, 10, agent_id="web 1\nagent other 7")
    assert read(tmp_path / "revoked") == Revoked({"web-1": 10}, {})


def test_many_at_once_all_count(tmp_path: Path) -> None:
    ids = [f"web-{number}" for number in range(16)]
    threads = [
        threading.Thread(target=revoke, args=(tmp_path, 10), kwargs={"agent_id": one})
        for one in ids
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(read(tmp_path / "revoked").agents) == set(ids)


# ── in the running collector ─────────────────────────────────────────────────────────────


def test_a_list_that_grows_is_read_again(tmp_path: Path) -> None:
    revocations = Revocations(tmp_path / "revoked")
    assert not revocations.covers(peer("web-1"))
    revoke(tmp_path, 2_000, agent_id="web-1")
    assert revocations.newest().covers(peer("web-1"))
    assert revocations.covers(peer("web-1"))


def test_a_list_that_breaks_or_goes_is_not_an_empty_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "revoked"
    revoke(tmp_path, 2_000, agent_id="web-1")
    revocations = Revocations(path)
    path.write_text("agent")
    revocations.refresh()
    assert revocations.covers(peer("web-1"))
    path.unlink()
    revocations.refresh()
    assert revocations.covers(peer("web-1"))
    assert [record.levelname for record in caplog.records] == ["ERROR"]

    revoke(tmp_path, 2_000, agent_id="web-2")
    revocations.refresh()
    assert revocations.covers(peer("web-2"))


def test_a_list_that_is_broken_from_the_start_lets_nobody_in(tmp_path: Path) -> None:
    (tmp_path / "revoked").write_bytes(b"\xff\xfe")
    with pytest.raises(RevocationError):
        Revocations(tmp_path / "revoked")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_list_that_may_not_be_read_lets_nobody_in(tmp_path: Path) -> None:
    revoke(tmp_path, 2_000, agent_id="web-1")
    (tmp_path / "revoked").chmod(0)
    with pytest.raises(RevocationError, match="Permission denied"):
        Revocations(tmp_path / "revoked")
