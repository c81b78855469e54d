"""What is said to systemd, and that nobody hangs on a systemd that does not listen."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from wattgram.notify import WATCHDOG, notify_systemd, watchdog_period_seconds


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(1)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


def test_what_is_said_arrives(manager: socket.socket) -> None:
    notify_systemd("READY=1")
    notify_systemd(WATCHDOG)

    assert [manager.recv(100), manager.recv(100)] == [b"READY=1", b"WATCHDOG=1"]


def test_a_name_without_a_file_works(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0wattgram-test-notify")
        listening.settimeout(1)
        monkeypatch.setenv("NOTIFY_SOCKET", "@wattgram-test-notify")
        notify_systemd("READY=1")

        assert listening.recv(100) == b"READY=1"


@pytest.mark.timeout(20)  # else it would hang, which is what it is about
def test_a_manager_that_does_not_listen_stops_nobody(manager: socket.socket) -> None:
    began = time.monotonic()
    for _ in range(2_000):
        notify_systemd(WATCHDOG)

    assert time.monotonic() - began < 2
    assert manager.recv(100) == b"WATCHDOG=1"


def test_nobody_who_asked_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify_systemd("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify_systemd("READY=1")


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 10.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 10.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_a_sign_of_life_is_due_three_times_within_the_wait(
    environment: dict[str, str], seconds: float | None
) -> None:
    assert watchdog_period_seconds(environment, own_pid=7) == seconds
