"""The HTTP side: formats by what the client accepts, and health."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from builders import batch, small_fleet
from collector_fakes import TroubledLedger, calling, configured
from wattgram.wire import encode_batch
from wattgram_collector.config import ExpositionSettings
from wattgram_collector.daemon import serving
from wattgram_collector.exposition.web import OPENMETRICS, TEXT, application
from wattgram_collector.ingest.agents import Agent

PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@asynccontextmanager
async def served(*agents: Agent, ready: bool = True) -> AsyncIterator[TestClient]:
    app = application(list(agents), CollectorRegistry(), lambda: ready, 0)
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[TroubledLedger]:
    with closing(TroubledLedger(tmp_path / "ledger.sqlite")) as opened:
        yield opened


# ── /metrics ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, TEXT),
        ("", TEXT),
        ("*/*", TEXT),
        ("text/plain", TEXT),
        ("text/html,application/xhtml+xml,*/*;q=0.8", TEXT),
        (PROMETHEUS, OPENMETRICS),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", OPENMETRICS),
        ('application/openmetrics-text; version="1.0.0"', OPENMETRICS),
        ("application/openmetrics-text", OPENMETRICS),
        ("text/plain, application/openmetrics-text;version=1.0.0", OPENMETRICS),
        ("application/openmetrics-text;version=0.0.1", TEXT),
        ("application/openmetrics-text;version=2.0.0", TEXT),
        ("application/openmetrics-text;version=10.0.0", TEXT),
        ("application/openmetrics-text;version=2.0.0,application/openmetrics-text;version=1.0.0",
         OPENMETRICS),
        ("application/openmetrics-textual", TEXT),
    ],
)  # fmt: skip
async def test_the_format_is_what_the_client_accepts(
    accept: str | None, content_type: str
) -> None:
    """A version that we do not speak is never claimed: asked for 2.0 alone, it gets text."""
    async with served(small_fleet()[0]) as client:
        headers = {"Accept": accept} if accept is not None else {}
        skipped = [] if accept is not None else ["Accept"]
        answer = await client.get("/metrics", headers=headers, skip_auto_headers=skipped)
        body = await answer.text()
    assert answer.headers["Content-Type"] == content_type
    assert body.endswith("# EOF\n") == (content_type == OPENMETRICS)
    assert "Accept" in answer.headers["Vary"]


@pytest.mark.parametrize("encoding", ["gzip", "deflate, gzip;q=1.0, *;q=0.5", "identity"])
async def test_a_page_is_compressed_for_whom_can_read_it(encoding: str) -> None:
    async with served(*small_fleet()) as client:
        plain = await client.get("/metrics", headers={"Accept-Encoding": "identity"})
        packed = await client.get("/metrics", headers={"Accept-Encoding": encoding})
        assert await packed.text() == await plain.text()
    assert packed.headers.get("Content-Encoding") == ("gzip" if "gzip" in encoding else None)
    smaller = int(packed.headers["Content-Length"]) < int(plain.headers["Content-Length"])
    assert smaller == ("gzip" in encoding)


async def test_the_whole_page_of_a_running_collector_is_read_by_both_parsers(
    ledger: TroubledLedger, tmp_path: Path
) -> None:
    """The fleet's metrics and the collector's own, with one end and no name twice."""
    pages = []
    async with (
        serving(configured(tmp_path), ledger) as (grpc_port, http_port),
        calling(grpc_port) as caller,
        ClientSession(f"http://127.0.0.1:{http_port}") as session,
    ):
        await caller.send(*(encode_batch(batch(sequence=number)) for number in (1, 1, 2)))
        await caller.until(2)
        for accept in ("text/plain", PROMETHEUS):
            async with session.get("/metrics", headers={"Accept": accept}) as answer:
                pages.append(await answer.text())
    for text, read in zip(pages, (read_text, read_openmetrics), strict=True):
        families = [family.name for family in read(text)]
        values = {s.name: s.value for family in read(text) for s in family.samples}
        assert len(families) == len(set(families))
        assert values["wattgram_host_energy_joules_total"] == 0  # it is new
        assert values["wattgram_host_power_watts"] == 1
        assert values["wattgram_ingest_batches_total"] == 3
        assert values["wattgram_ingest_duplicate_batches_total"] == 1
        assert values["wattgram_ingest_streams"] == 1
        assert "wattgram_build_info" in values
        assert "process_resident_memory_bytes" in values
    assert pages[1].count("# EOF") == 1


async def test_how_long_a_counter_is_new_is_no_matter_of_the_wall_clock(
    ledger: TroubledLedger, tmp_path: Path
) -> None:
    shown = []
    for sequence, seconds in enumerate((0.0, 3600.0), 1):
        config = configured(tmp_path, exposition=ExpositionSettings(zero_seconds=seconds))
        greeting = {"session": f"session-{sequence}"}
        async with (
            serving(config, ledger) as (grpc_port, http_port),
            calling(grpc_port, f"agent-{sequence}", **greeting) as caller,
            ClientSession(f"http://127.0.0.1:{http_port}") as session,
        ):
            await caller.send(encode_batch(batch([7_000_000])))
            await caller.until(1)
            async with session.get("/metrics") as answer:
                families = read_text(await answer.text())
            shown += [
                sample.value
                for family in families
                for sample in family.samples
                if sample.name == "wattgram_host_energy_joules_total"
                and sample.labels["host"] == f"host-of-agent-{sequence}"
            ]

    assert shown == [7, 0]


# ── health ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
async def test_it_lives_while_it_answers_and_is_ready_while_the_ledger_works(
    status: int, *, ready: bool
) -> None:
    async with served(ready=ready) as client:
        assert (await client.get("/healthz")).status == 200
        assert (await client.get("/readyz")).status == status


async def test_a_collector_is_not_ready_while_its_ledger_fails(
    ledger: TroubledLedger, tmp_path: Path
) -> None:
    async def status() -> int:
        url = f"http://127.0.0.1:{http_port}/readyz"
        async with ClientSession() as session, session.get(url) as answer:
            return answer.status

    async with serving(configured(tmp_path), ledger) as (grpc_port, http_port):
        assert await status() == 200
        async with calling(grpc_port) as caller:
            ledger.fails()
            await caller.send(encode_batch(batch()))
            await caller.end()
        assert await status() == 503
        ledger.works()
        async with calling(grpc_port) as caller:
            await caller.send(encode_batch(batch()))
            await caller.until(1)
        assert await status() == 200
