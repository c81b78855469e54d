"""CPU and memory of the agent at one sample a second, beside others on the same machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

from certificates import issue
from daemons import Agent, Collector, free_port
from fakes import RaplTree, two_socket_tree

PLAIN_BUDGET_MEBIBYTES = 42
TLS_BUDGET_MEBIBYTES = 45
WARM_UP_SECONDS = 15
CODECARBON = Path(__file__).parents[2] / ".venv-peers" / "bin" / "codecarbon"


def run(directory: Path, seconds: float) -> None:
    """Run all of them at once, so that what disturbs one disturbs the others too."""
    directory.mkdir(parents=True)
    tree = two_socket_tree(directory / "machine")
    stop = threading.Event()
    threading.Thread(target=_use, args=(tree, stop), daemon=True).start()
    certificates = issue(directory / "certificates", "bench-tls")
    plain = Collector(directory / "plain")
    tls = Collector(
        directory / "tls",
        WATTGRAM_COLLECTOR__GRPC__CERTIFICATE_FILE=str(certificates.server_certificate),
        WATTGRAM_COLLECTOR__GRPC__KEY_FILE=str(certificates.server_key),
        WATTGRAM_COLLECTOR__GRPC__CLIENT_CA_FILE=str(certificates.authority),
    )
    agents = {
        "agent, plaintext": _agent(directory / "a1", plain, tree),
        "agent, plaintext, stream kept": _agent(
            directory / "a2", plain, tree, WATTGRAM_AGENT__COLLECTOR__CONNECTION="kept"
        ),
        "agent, mTLS": _agent(
            directory / "a3",
            tls,
            tree,
            WATTGRAM_AGENT__AGENT_ID="bench-tls",
            WATTGRAM_AGENT__TLS__CA_FILE=str(certificates.authority),
            WATTGRAM_AGENT__TLS__CERTIFICATE_FILE=str(certificates.agent_certificate),
            WATTGRAM_AGENT__TLS__KEY_FILE=str(certificates.agent_key),
        ),
    }
    daemons = [plain, tls, *agents.values()]
    peers = _peers(directory, tree, stop)
    try:
        for daemon in daemons:
            daemon.start()
        pids = {name: agent.pid for name, agent in agents.items()}
        pids |= {name: process.pid for name, process in peers.items()}
        stop.wait(WARM_UP_SECONDS)
        before = {name: _cpu_milliseconds(pid) for name, pid in pids.items()}
        stop.wait(seconds)
        print(
            f"\nagent: two sockets, 1 s sampling, 10 s batches, all at once over {seconds:.0f} s"
        )
        for name, pid in pids.items():
            rate = (_cpu_milliseconds(pid) - before[name]) / seconds
            print(f"  {name:<40} {rate:6.2f} ms/s {_resident_mebibytes(pid):8.1f} MiB")
        print(f"  budgets: {PLAIN_BUDGET_MEBIBYTES} MiB plaintext, {TLS_BUDGET_MEBIBYTES} MiB "
              "mTLS, CPU below the peers'")  # fmt: skip
        assert all(daemon.total("wattgram_agent_up") for daemon in (plain, tls))
    finally:
        stop.set()
        for process in peers.values():
            process.kill()
        for daemon in reversed(daemons):
            daemon.kill()


def _agent(directory: Path, collector: Collector, tree: RaplTree, **environment: str) -> Agent:
    return Agent(
        directory,
        collector,
        tree.sysfs,
        Path("/proc"),
        WATTGRAM_AGENT__HOST=directory.name,
        **environment,
    )


def _peers(
    directory: Path, tree: RaplTree, stop: threading.Event
) -> dict[str, subprocess.Popen[bytes]]:
    peers = {}
    log = (directory / "peers.log").open("wb")
    exporter = shutil.which("prometheus-node-exporter")
    if exporter:
        port = free_port()
        peers["node_exporter, RAPL and network, scraped"] = subprocess.Popen(
            [
                exporter,
                f"--web.listen-address=127.0.0.1:{port}",
                f"--path.sysfs={tree.sysfs}",
                "--collector.disable-defaults",
                "--collector.rapl",
                "--collector.netdev",
            ],
            stdout=log,
            stderr=log,
        )
        url = f"http://127.0.0.1:{port}/metrics"
        threading.Thread(target=_scrape, args=(url, stop), daemon=True).start()
    if CODECARBON.exists():
        peers["CodeCarbon, offline, 1 s"] = subprocess.Popen(
            [
                str(CODECARBON),
                *("monitor", "--offline", "--country-iso-code", "FRA"),
                *("--measure-power-secs", "1", "--no-api"),
            ],
            cwd=directory,
            stdout=log,
            stderr=log,
        )
    if len(peers) < 2:
        print("  (peers missing: `make bench-peers` installs them)")
    return peers


def _use(tree: RaplTree, stop: threading.Event) -> None:
    while not stop.wait(0.1):
        for zone in tree.truth:
            tree.use(zone, 2_345_678)


def _scrape(url: str, stop: threading.Event) -> None:
    while not stop.wait(1):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url, timeout=5).read()


def _cpu_milliseconds(pid: int) -> float:
    """Return the CPU time of a process and all its threads, ended ones too.

    The clock id of another process's CPU clock is made as clock_getcpuclockid(3) makes it.
    """
    return time.clock_gettime_ns(~pid << 3 | 2) / 1e6


def _resident_mebibytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
