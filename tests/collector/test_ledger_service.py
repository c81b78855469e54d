"""A collector whose ledger takes nothing: it lives, says so, and recovers by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import grpc
import pytest
from aiohttp import ClientSession

from builders import batch, hello
from collector_fakes import TroubledLedger, calling, configured, connected
from ledger_files import MISSING, change, sound
from wattgram.wire import encode_batch, encode_hello
from wattgram_collector.daemon import serving
from wattgram_collector.ingest.committer import Committer
from wattgram_collector.ledger import LedgerChangedError, LedgerError, Trouble, storage
from wattgram_collector.ledger.sqlite_restore import backup, restore


@pytest.fixture
def troubled(tmp_path: Path) -> Iterator[TroubledLedger]:
    with closing(TroubledLedger(tmp_path / "ledger.sqlite")) as opened:
        yield opened


@asynccontextmanager
async def collecting(state: Path) -> AsyncIterator[tuple[int, int]]:
    """A collector over what is in a directory, opened as the daemon does."""
    config = configured(state)
    with closing(storage.opened(config)) as ledger:
        async with serving(config, ledger) as ports:
            yield ports


async def answer(http_port: int, path: str) -> tuple[int, str]:
    url = f"http://127.0.0.1:{http_port}{path}"
    async with ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


async def test_a_damaged_ledger_is_shown_and_agents_keep_what_they_have(tmp_path: Path) -> None:
    change(
        sound(tmp_path / "ledger.sqlite"),
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master"
        " WHERE name = 'sqlite_autoindex_agents_1') WHERE name = 'sqlite_autoindex_series_1'",
    )
    async with collecting(tmp_path) as (grpc_port, http_port):
        assert (await answer(http_port, "/readyz"))[0] == 503  # before anybody asked the ledger
        async with connected(grpc_port) as caller:
            await caller.send(encode_hello(hello()))
            code, reason = await caller.end()
        assert code is grpc.StatusCode.UNAVAILABLE
        assert reason.startswith("ledger: storage: ")
        status, text = await answer(http_port, "/readyz")
        assert status == 503
        assert text.startswith("the ledger does not accept batches: storage: ")
        assert (await answer(http_port, "/healthz"))[0] == 200
        assert "Nothing new is taken." in (await answer(http_port, "/"))[1]
        _, metrics = await answer(http_port, "/metrics")
    lines = metrics.splitlines()
    assert "wattgram_ledger_writable 0.0" in lines
    assert 'wattgram_ledger_trouble{reason="damaged"} 1.0' in lines
    assert 'wattgram_ledger_trouble{reason="full"} 0.0' in lines
    assert any(line.startswith("wattgram_ledger_faults ") and line[-3] > "0" for line in lines)
    assert any(line.startswith('wattgram_agent_up{host="host-1"') for line in lines)


async def test_a_sound_ledger_says_so(tmp_path: Path) -> None:
    sound(tmp_path / "ledger.sqlite")
    async with collecting(tmp_path) as (_, http_port):
        assert (await answer(http_port, "/readyz"))[0] == 200
        lines = (await answer(http_port, "/metrics"))[1].splitlines()
        assert "Nothing new is taken." not in (await answer(http_port, "/"))[1]
    assert "wattgram_ledger_writable 1.0" in lines
    assert "wattgram_ledger_faults 0.0" in lines
    size = (tmp_path / "ledger.sqlite").stat().st_size
    assert f'wattgram_ledger_size_bytes{{file="database"}} {float(size)}' in lines
    assert not [line for line in lines if "ledger_trouble{" in line and line.endswith(" 1.0")]


async def test_after_a_restore_the_agent_goes_on_and_what_is_gone_is_missing(
    tmp_path: Path,
) -> None:
    """Over the wire: Welcome says ten, the agent has nothing before twenty-one any more."""
    path = sound(tmp_path / "ledger.sqlite")
    backup(path, tmp_path / "backup")
    async with collecting(tmp_path) as (grpc_port, _), calling(grpc_port) as caller:
        await caller.send(*(encode_batch(batch(sequence=number)) for number in range(11, 21)))
        await caller.until(20)
    restore(path, tmp_path / "backup")
    async with collecting(tmp_path) as (grpc_port, http_port), connected(grpc_port) as caller:
        welcome = await caller.greet(hello(first_sequence=21))
        assert welcome.applied_sequence == 10
        await caller.send(encode_batch(batch(sequence=21)))
        await caller.until(21)
        _, metrics = await answer(http_port, "/metrics")
    assert 'wattgram_missing_batches_total{host="host-1"} 10' in metrics
    with closing(storage.reading(configured(tmp_path))) as ledger:
        assert ledger.totals()[1].tallies[MISSING] == 10


# ── the committer ────────────────────────────────────────────────────────────────────────────


async def test_it_finds_out_by_itself_that_the_ledger_works_again(
    troubled: TroubledLedger, caplog: pytest.LogCaptureFixture
) -> None:
    """A balancer that asks /readyz sends nobody whose batch could tell."""
    caplog.set_level("INFO")
    committer = Committer(troubled, tick_seconds=0, probe_seconds=0)
    running = asyncio.create_task(committer.run())
    troubled.fails()
    with pytest.raises(LedgerError):
        await committer.call(troubled.probe)
    failures = committer.failures
    for _ in range(20):
        await asyncio.sleep(0)
    assert committer.trouble is not None
    troubled.works()
    while committer.trouble is not None:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert committer.failures == failures == 1
    running.cancel()
    await committer.close()
    assert caplog.messages == ["ledger_failed reason='disk full'", "ledger_works_again"]


async def test_a_ledger_in_trouble_is_probed_before_it_gets_work(troubled: TroubledLedger) -> None:
    """A small write that happens to pass must not be taken for a sign of health."""
    committer, worked = Committer(troubled, tick_seconds=0), []
    troubled.fails()
    await committer.probe()
    for _ in range(2):
        with pytest.raises(LedgerError, match="disk full"):
            await committer.call(lambda: worked.append(1))
    assert worked == []
    troubled.works()
    await committer.call(lambda: worked.append(1))
    assert worked == [1]
    assert committer.is_healthy
    await committer.close()


async def test_a_kind_of_trouble_is_kept(troubled: TroubledLedger) -> None:
    committer = Committer(troubled, tick_seconds=0)
    troubled.error = LedgerError("locked", Trouble.LOCKED)
    await committer.probe()
    assert committer.trouble is not None
    assert committer.trouble.trouble is Trouble.LOCKED
    await committer.close()


async def test_a_ledger_that_is_another_now_ends_the_collector(
    troubled: TroubledLedger, tmp_path: Path
) -> None:
    """Its metrics would be of the one before until somebody starts it anew."""

    async def serve() -> None:
        async with (
            serving(configured(tmp_path), troubled) as (grpc_port, _),
            calling(grpc_port) as caller,
        ):
            troubled.error = LedgerChangedError("is not what it was")
            await caller.send(encode_batch(batch()))
            await caller.end()
            await asyncio.Event().wait()

    with pytest.raises(LedgerChangedError):
        await serve()
