"""What those that mean harm cost: memory, and the waiting of those that do not.

Two thousand openings a second, four gigabytes of garbage, and five thousand agents that come back
at once after the collector was killed.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import Any, Final

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from daemons import Collector, wait_until
from floods import Flood, resident_bytes
from wattgram.units import BYTES_PER_GIGABYTE, BYTES_PER_MEBIBYTE

HONEST: Final = 100
OPENINGS_PER_SECOND: Final = 2_000
OPENINGS_SECONDS: Final = 30
GARBAGE_BYTES: Final = 4 * BYTES_PER_GIGABYTE
RETURNING: Final = 5_000
GREEDY_SECONDS: Final = 15
SLOWER_BUDGET: Final = 0.1
ACK_SECONDS_BUDGET: Final = 2.0
RETURN_SECONDS_BUDGET: Final = 60
MEMORY_BUDGET_BYTES: Final = 512 * BYTES_PER_MEBIBYTE


def run(directory: Path) -> None:
    """Print each figure beside its budget."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a connection for each agent
    directory.mkdir(parents=True)
    print(f"\nfloods: {HONEST} honest agents on kept streams meanwhile, 4 batches a second each")
    _greedy(directory / "greedy")
    _openings(directory / "openings")
    _garbage(directory / "garbage")
    _return(directory / "return")


def _greedy(directory: Path) -> None:
    """Compare the waiting of the honest alone, and beside one that sends all that it can."""
    collector = _collector(directory)
    try:
        Flood("honest", collector.grpc_port, HONEST, 2).figures(600)
        alone = Flood("honest", collector.grpc_port, HONEST, GREEDY_SECONDS).figures(600)
        greedy = Flood("greedy", collector.grpc_port, GREEDY_SECONDS + 10)
        beside = Flood("honest", collector.grpc_port, HONEST, GREEDY_SECONDS).figures(600)
        taken = greedy.figures(600)["batches"]
        slower = beside["mean"] / alone["mean"] - 1
        print(f"  greedy: one agent, {taken} batches of 10,000 readings taken; the honest wait "
              f"{slower:+.0%} longer   budget {SLOWER_BUDGET:+.0%}")  # fmt: skip
        _print(alone, "alone")
        _print(beside, "beside it")
    finally:
        collector.kill()


def _openings(directory: Path) -> None:
    collector = _collector(directory, max_stream_openings_per_second=100)
    try:
        honest = Flood("honest", collector.grpc_port, HONEST, OPENINGS_SECONDS)
        wait_until(lambda: collector.total("wattgram_ingest_streams") == HONEST, 20, "all are in")
        stranger = Flood("openings", collector.grpc_port, OPENINGS_PER_SECOND, OPENINGS_SECONDS)
        opened = stranger.figures(600)
        refused = collector.total("wattgram_ingest_refused_streams_total") or 0
        print(f"  openings: {opened['a_second']:.0f}/s, {opened['opened']} in all, "
              f"{refused:.0f} refused")  # fmt: skip
        _judge(collector, honest)
    finally:
        collector.kill()


def _garbage(directory: Path) -> None:
    collector = _collector(directory)
    try:
        garbler = Flood("garbage", collector.grpc_port, GARBAGE_BYTES)
        honest = Flood("honest", collector.grpc_port, HONEST, 20)
        _judge(collector, honest)
        sent = garbler.figures(600)
        gigabytes = sent["bytes"] / BYTES_PER_GIGABYTE
        print(f"  garbage: {gigabytes:.1f} GB in {sent['seconds']:.0f} s, "
              f"RSS at most {_mebibytes(collector):.0f} MiB")  # fmt: skip
    finally:
        collector.kill()


def _return(directory: Path) -> None:
    collector = _collector(directory)
    try:
        Flood("return", collector.grpc_port, RETURNING, 300).figures(600)
        collector.kill()
        collector.start()
        back = Flood("return", collector.grpc_port, RETURNING, 300).figures(600)
        print(f"  return: {back['in']} of {RETURNING} agents in {back['seconds']:.1f} s, "
              f"turned away meanwhile {back['refused'] or 'none'}, "
              f"RSS {_mebibytes(collector):.0f} MiB   "
              f"budget {RETURN_SECONDS_BUDGET} s")  # fmt: skip
    finally:
        collector.kill()


def _collector(directory: Path, **limits: object) -> Collector:
    collector = Collector(
        directory,
        WATTGRAM_COLLECTOR__GRID_ZONE="DE",
        WATTGRAM_COLLECTOR__LIMITS__MAX_RESIDENT_BYTES=str(MEMORY_BUDGET_BYTES),
        **{f"WATTGRAM_COLLECTOR__LIMITS__{name.upper()}": str(n) for name, n in limits.items()},
    )
    collector.start()
    return collector


def _judge(collector: Collector, honest: Flood) -> None:
    served = honest.figures(600)
    _print(served, "meanwhile")
    print(f"    RSS at most {_mebibytes(collector):.0f} MiB   "
          f"limit {MEMORY_BUDGET_BYTES // BYTES_PER_MEBIBYTE} MiB")  # fmt: skip


def _print(served: dict[str, Any], when: str) -> None:
    p50, p99 = served["p50"] * 1e3, served["p99"] * 1e3
    print(f"    {when}: acknowledged after {p50:.0f} ms (p50), {p99:.0f} ms (p99)   "
          f"budget {ACK_SECONDS_BUDGET:.0f} s")  # fmt: skip


def _mebibytes(collector: Collector) -> float:
    return resident_bytes(collector.pid) / BYTES_PER_MEBIBYTE
