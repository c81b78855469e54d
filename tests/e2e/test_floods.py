"""A real collector under those that mean harm: its memory, and those that do not."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest

import endless
from daemons import Collector, running, wait_until
from floods import Flood, resident_bytes
from storm import storm
from wattgram.units import BYTES_PER_MEBIBYTE
from wattgram.wire import DELIVER_METHOD

pytestmark = pytest.mark.servers

MOST_BYTES = 256 * BYTES_PER_MEBIBYTE
ACK_SECONDS = 1.0


def collector_in(directory: Path, **limits: object) -> Collector:
    return Collector(
        directory,
        WATTGRAM_COLLECTOR__GRID_ZONE="DE",
        WATTGRAM_COLLECTOR__LIMITS__MAX_RESIDENT_BYTES=str(MOST_BYTES),
        **{f"WATTGRAM_COLLECTOR__LIMITS__{name.upper()}": str(n) for name, n in limits.items()},
    )


def test_two_thousand_openings_a_second_are_refused_within_the_memory_limit(
    tmp_path: Path,
) -> None:
    collector = collector_in(tmp_path, max_stream_openings_per_second=20)
    with running(collector):
        honest = Flood("honest", collector.grpc_port, 20, 6)
        wait_until(lambda: collector.total("wattgram_ingest_streams") == 20, 20, "all are in")
        stranger = Flood("openings", collector.grpc_port, 2_000, 4, 32)
        opened, served = stranger.figures(30), honest.figures(30)

        refused = collector.total("wattgram_ingest_refused_streams_total", reason="openings")
        assert refused is not None
        assert refused > 0.9 * opened["opened"]
        assert opened["a_second"] > 500  # what the machine gives; `make bench` says how many
        assert resident_bytes(collector.pid) < MOST_BYTES
        assert served["p99"] < ACK_SECONDS
        assert served["ended"] == 0


def test_garbage_by_the_hundred_megabytes_harms_neither_memory_nor_the_honest(
    tmp_path: Path,
) -> None:
    collector = collector_in(tmp_path)
    with running(collector):
        honest = Flood("honest", collector.grpc_port, 20, 5)
        garbler = Flood("garbage", collector.grpc_port, 300_000_000, 8)
        served = honest.figures(30)
        garbler.stop()

        assert resident_bytes(collector.pid) < MOST_BYTES
        assert served["p99"] < ACK_SECONDS
        assert served["ended"] == 0
        assert served["batches"] > 20 * 5
        assert collector.total("wattgram_ingest_cut_streams_total", reason="garbage") > 0
        assert collector.total("wattgram_ingest_refused_streams_total", reason="greeting") > 0


def test_one_connection_cannot_even_ask_two_thousand_times_a_second(tmp_path: Path) -> None:
    """Who opens too many streams is told late, and its connection has no more than a hundred."""
    collector = collector_in(tmp_path)
    with running(collector):
        asked = Flood("openings", collector.grpc_port, 2_000, 6, 1).figures(30)

        assert asked["a_second"] < 1_000
        assert collector.total("wattgram_ingest_refused_streams_total", reason="openings")


def test_messages_that_never_end_do_not_fill_the_memory(tmp_path: Path) -> None:
    """Two thousand streams want a mebibyte each: eight times of what there is."""
    collector = collector_in(tmp_path)
    with running(collector):
        peer = Flood(collector.grpc_port, 20, 100, 12, program=endless.__file__)
        sent = peer.figures(30)

        assert sent["bytes"] > MOST_BYTES // 2  # it was ended before it could send all
        assert resident_bytes(collector.pid) < MOST_BYTES
        wait_until(lambda: Flood("honest", collector.grpc_port, 5, 1).figures(30)["batches"],
                   20, "the honest are let in again")  # fmt: skip


def test_a_fleet_comes_back_after_a_restart_and_none_is_starved(tmp_path: Path) -> None:
    """As dense as five thousand: five hundred that wait a tenth of what they would."""
    collector = Collector(tmp_path, WATTGRAM_COLLECTOR__GRID_ZONE="DE")
    with running(collector):
        back = storm(collector, 500, 60, compression=10)

        assert len(back.seconds) == 500
        assert back.seconds[-1] < 20
        assert not back.failures.keys() - {"UNAVAILABLE"}  # while it was down


def test_a_bomb_is_refused_and_not_unpacked(tmp_path: Path) -> None:
    """Six hundred megabytes of nothing, in six hundred kilobytes."""
    collector = collector_in(tmp_path)
    with running(collector):
        before = resident_bytes(collector.pid)
        options = [("grpc.max_send_message_length", -1)]
        with grpc.insecure_channel(
            f"127.0.0.1:{collector.grpc_port}", options, grpc.Compression.Gzip
        ) as channel:
            call = channel.stream_stream(DELIVER_METHOD)(iter([bytes(600_000_000)]))
            with pytest.raises(grpc.RpcError) as caught:
                next(call)

        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert resident_bytes(collector.pid) - before < 16 * BYTES_PER_MEBIBYTE
