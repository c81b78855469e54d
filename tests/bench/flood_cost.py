"""What those that mean harm cost: memory, and the waiting of those that do not.

One bad agent of each kind beside a hundred honest ones; two thousand openings a second; four
gigabytes of garbage; messages that never end; five thousand agents that come back after the
collector was killed, in plaintext and over mTLS.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import Any, Final

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

import endless
from daemons import Collector, wait_until
from floods import Flood, resident_bytes
from storm import fleet_certificates, storm
from wattgram.units import BYTES_PER_GIGABYTE, BYTES_PER_MEBIBYTE

HONEST: Final = 100
OPENINGS_PER_SECOND: Final = 2_000
OPENINGS_SECONDS: Final = 30
CONNECTIONS: Final = 32
GARBAGE_BYTES: Final = 4 * BYTES_PER_GIGABYTE
RETURNING: Final = 5_000
BESIDE_SECONDS: Final = 6
ROUNDS: Final = 3
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
    _one_bad(directory / "one")
    _openings(directory / "openings")
    _garbage(directory / "garbage")
    _endless(directory / "endless")
    _storm(directory / "plaintext", None)
    _storm(directory / "mtls", fleet_certificates(directory / "certificates", RETURNING))


def _one_bad(directory: Path) -> None:
    """Compare the waiting of the honest alone, and beside one peer that does all that it can.

    In turns and the median of them, so that a machine that drifts harms both.
    """
    collector = _collector(directory)
    port = collector.grpc_port
    kinds: dict[str, tuple[str | None, list[object]]] = {
        "greedy": (None, ["greedy", port, BESIDE_SECONDS + 4]),
        "openings": (None, ["openings", port, OPENINGS_PER_SECOND, BESIDE_SECONDS + 3, 1]),
        "garbage": (None, ["garbage", port, 100 * GARBAGE_BYTES, 1]),
        "endless": (endless.__file__, [port, 1, 100, BESIDE_SECONDS + 3]),
    }
    try:
        Flood("honest", port, HONEST, 2).figures(600)
        for kind, (program, arguments) in kinds.items():
            ratios = []
            for _ in range(ROUNDS):
                alone = Flood("honest", port, HONEST, BESIDE_SECONDS).figures(600)
                bad = Flood(*arguments, **({"program": program} if program else {}))
                beside = Flood("honest", port, HONEST, BESIDE_SECONDS).figures(600)
                bad.stop()
                ratios.append(beside["mean"] / alone["mean"] - 1)
            print(f"  one that is {kind:9}: the honest wait {sorted(ratios)[ROUNDS // 2]:+.0%} "
                  f"longer (of {', '.join(f'{one:+.0%}' for one in ratios)})   "
                  f"budget {SLOWER_BUDGET:+.0%}")  # fmt: skip
    finally:
        collector.kill()


def _openings(directory: Path) -> None:
    collector = _collector(directory, max_stream_openings_per_second=100)
    try:
        honest = Flood("honest", collector.grpc_port, HONEST, OPENINGS_SECONDS)
        wait_until(lambda: collector.total("wattgram_ingest_streams") == HONEST, 20, "all are in")
        stranger = Flood(
            "openings", collector.grpc_port, OPENINGS_PER_SECOND, OPENINGS_SECONDS, CONNECTIONS
        )
        opened = stranger.figures(600)
        refused = collector.total("wattgram_ingest_refused_streams_total") or 0
        print(f"  openings: {opened['a_second']:.0f}/s on {CONNECTIONS} connections, "
              f"{opened['opened']} in all, "
              f"{refused:.0f} refused")  # fmt: skip
        _judge(collector, honest)
    finally:
        collector.kill()


def _garbage(directory: Path) -> None:
    collector = _collector(directory)
    try:
        garbler = Flood("garbage", collector.grpc_port, GARBAGE_BYTES, 8)
        honest = Flood("honest", collector.grpc_port, HONEST, 20)
        _judge(collector, honest)
        sent = garbler.figures(600)
        gigabytes = sent["bytes"] / BYTES_PER_GIGABYTE
        print(f"  garbage: {gigabytes:.1f} GB in {sent['seconds']:.0f} s, "
              f"RSS at most {_mebibytes(collector):.0f} MiB")  # fmt: skip
    finally:
        collector.kill()


def _endless(directory: Path) -> None:
    collector = _collector(directory)
    try:
        peer = Flood(collector.grpc_port, 20, 100, 25, program=endless.__file__)
        honest = Flood("honest", collector.grpc_port, HONEST, 15)
        served = honest.figures(600)
        sent = peer.figures(600)
        mebibytes = sent["bytes"] / BYTES_PER_MEBIBYTE
        print(f"  endless: {sent['streams']} streams, {mebibytes:.0f} MiB "
              f"of messages that never end, {sent.get('resets', 0)} ended")  # fmt: skip
        _print(served, "meanwhile")
        print(f"    RSS at most {_mebibytes(collector):.0f} MiB   "
              f"limit {MEMORY_BUDGET_BYTES // BYTES_PER_MEBIBYTE} MiB")  # fmt: skip
    finally:
        collector.kill()


def _storm(directory: Path, certificates: Path | None) -> None:
    files = {} if certificates is None else {
        "WATTGRAM_COLLECTOR__GRPC__CERTIFICATE_FILE": str(certificates / "server.pem"),
        "WATTGRAM_COLLECTOR__GRPC__KEY_FILE": str(certificates / "server.key"),
        "WATTGRAM_COLLECTOR__GRPC__CLIENT_CA_FILE": str(certificates / "ca.pem"),
    }  # fmt: skip
    collector = Collector(directory, WATTGRAM_COLLECTOR__GRID_ZONE="DE", **files)
    collector.start()
    try:
        found = storm(collector, RETURNING, 200, certificates=certificates)
        print(f"  storm, {'mTLS' if certificates else 'plaintext'}: {len(found.seconds)} of "
              f"{RETURNING} agents back, the last after {found.seconds[-1]:.1f} s "
              f"(p50 {found.at(0.5):.1f}, p99 {found.at(0.99):.1f}), tries that came to nothing "
              f"{dict(found.failures) or 'none'}, RSS {_mebibytes(collector):.0f} MiB   "
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
    print(f"    {when}: acknowledged after {p50:.0f} ms (p50), {p99:.0f} ms (p99), "
          f"{served['ended']} streams ended under them   "
          f"budget {ACK_SECONDS_BUDGET:.0f} s")  # fmt: skip


def _mebibytes(collector: Collector) -> float:
    return resident_bytes(collector.pid) / BYTES_PER_MEBIBYTE
