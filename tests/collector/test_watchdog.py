"""The collector's sign of life."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from wattgram_collector.watchdog import beating_until


async def test_it_beats_until_it_is_asked_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(0)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "30000")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        asked = asyncio.Event()
        beating = asyncio.ensure_future(beating_until(asked))
        loop = asyncio.get_running_loop()
        said = [await asyncio.wait_for(loop.sock_recv(manager, 100), 5) for _ in range(3)]
        asked.set()
        await asyncio.wait_for(beating, 5)

    assert said == [b"WATCHDOG=1"] * 3


async def test_where_nobody_watches_it_only_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(0)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.delenv("WATCHDOG_USEC", raising=False)
        asked = asyncio.Event()
        beating = asyncio.ensure_future(beating_until(asked))
        await asyncio.sleep(0)
        asked.set()
        await asyncio.wait_for(beating, 5)
        with pytest.raises(BlockingIOError):
            manager.recv(100)
