"""Hosts with agents, a network that can be bad, and a collector: all real but the meters."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from certificates import Certificates, issue
from chaos import books, kernel
from chaos.daemon import ENVIRONMENT, Daemon
from chaos.forwarder import FIRST_HOST
from chaos.links import Link, order
from chaos.machine import Machine
from daemons import free_port
from wattgram.units import BYTES_PER_MEBIBYTE
from wattgram_agent.config import AgentConfig
from wattgram_agent.sources import discoverers
from wattgram_agent.spool.frames import BATCH, parse_all

AGENT_DISK_BYTES: Final = 8 * BYTES_PER_MEBIBYTE
COLLECTOR_DISK_BYTES: Final = 64 * BYTES_PER_MEBIBYTE


class Bound(NamedTuple):
    """How little an agent may keep: a setting of its spool, and what fills it in time."""

    setting: str
    pace: tuple[float, float] | None = None
    """Seconds between samples, and between batches."""
    idle_zones: int = 0


EXACT: Final = Bound("max_age_seconds = 86400")
BOUNDS: Final = {
    "bounded-0": Bound("max_age_seconds = 12"),
    "bounded-1": Bound(f"max_bytes = {BYTES_PER_MEBIBYTE}", pace=(0.05, 0.1), idle_zones=120),
}
_NETWORK: Final = "10.77.0."
_OTHER_METERS: Final = sorted(discoverers(AgentConfig()).keys() - {"rapl"})


@dataclass(slots=True)
class Host:
    """One agent and the machine that it measures. `number` is that of its link."""

    number: int
    agent_id: str
    directory: Path
    machine: Machine
    daemon: Daemon
    config: Path

    @property
    def state(self) -> Path:
        return self.directory / "state"

    @property
    def session(self) -> str:
        """The name under which the agent delivers now, '' before it has one."""
        with contextlib.suppress(OSError):
            return (self.state / "spool" / "session").read_text().split("\n")[0]
        return ""

    def newest_sequence(self) -> int:
        """Return the sequence of the newest batch on disk, 0 where there is none."""
        for segment in sorted((self.state / "spool").glob("*.segment"), reverse=True):
            with contextlib.suppress(OSError):
                records = [record for _, _, record in parse_all(segment.read_bytes())]
                found = [one.sequence for one in records if one and one.kind == BATCH]
                if found:
                    return max(found)
        return 0


class World:
    """Everything that a fault can touch."""

    def __init__(
        self, directory: Path, seed: int, *, exact: int, bounded: int, range_joules: int
    ) -> None:
        """Make `exact` hosts that may lose nothing, and `bounded` ones with small spools."""
        self.directory = directory
        self.has_disks = self.has_devices = False
        self.replayed = 0
        """Batches that were delivered again on purpose."""
        self._excused_until = 0.0
        self._count = exact + bounded
        self._seed = seed
        self._wires: list[kernel.Wire] = []
        self._isolate()
        collector = directory / "collector"
        self.collector_state = self._disk(collector / "state", COLLECTOR_DISK_BYTES)
        self.grpc = f"{_NETWORK}1:9880" if self.has_devices else f"127.0.0.1:{free_port()}"
        self.http_port = free_port()
        self._agent_ids = [f"exact-{number}" for number in range(exact)]
        self._agent_ids += [f"bounded-{number}" for number in range(bounded)]
        address = self.grpc.rpartition(":")[0]
        self._certificates = issue(directory / "pem", "nobody", *self._agent_ids, address=address)
        self.collector = Daemon("collector", collector, self._collector_command(collector), -1)
        self._ports = [] if self.has_devices else [free_port() for _ in self._agent_ids]
        self._network = self._start_network()
        self.hosts = [self._host(number, range_joules) for number in range(self._count)]

    @property
    def ledger(self) -> Path:
        return self.collector_state / "ledger.sqlite"

    @property
    def daemons(self) -> list[Daemon]:
        return [self.collector, *(host.daemon for host in self.hosts)]

    def set_link(self, number: int, link: Link) -> None:
        """Let a host's link be like this from now on."""
        assert self._network.stdin is not None
        self._network.stdin.write(order(number, link))
        self._network.stdin.flush()

    def applied(self, host: Host) -> int:
        return books.applied_sequence(self.ledger, host.session)

    def excuse_collector(self, seconds: float) -> None:
        """Let it be no fault of the collector's if it ends by itself for so long."""
        self._excused_until = time.monotonic() + seconds

    def tend(self) -> None:
        """Start again what has ended by itself."""
        is_excused = time.monotonic() < self._excused_until
        for daemon in self.daemons:
            daemon.tend(may_fail=daemon is self.collector and is_excused)

    def end(self) -> None:
        """End all that runs, whatever state it is in."""
        for daemon in self.daemons:
            daemon.send(signal.SIGKILL)
            daemon.wait()
        self._network.kill()
        self._network.communicate()

    def keep(self, directory: Path) -> None:
        """Copy what is on the small disks, which are gone when this process is."""
        for state in self._states:
            shutil.copytree(
                state, directory / state.parent.name, ignore=shutil.ignore_patterns("ballast")
            )

    def forget(self) -> None:
        """Leave nothing of it on any disk."""
        for state in self._states if self.has_disks else ():
            kernel.unmount(state)
        shutil.rmtree(self.directory)

    @property
    def _states(self) -> list[Path]:
        return [self.collector_state, *(host.state for host in self.hosts)]

    def _isolate(self) -> None:
        """Get namespaces and devices, or go on without what the system does not allow."""
        with contextlib.suppress(OSError):
            kernel.enter_own_namespaces()
            self.has_disks = True
            self._wires = [kernel.plug_in(f"{_NETWORK}1")]
            for number in range(self._count):
                self._wires.append(kernel.new_host(f"{_NETWORK}{FIRST_HOST + number}"))
            self.has_devices = True

    def _disk(self, directory: Path, size_bytes: int) -> Path:
        directory.mkdir(parents=True)
        if self.has_disks:
            kernel.mount_small_disk(directory, size_bytes)
        return directory

    def _start_network(self) -> subprocess.Popen[bytes]:
        module = "chaos.forwarder" if self.has_devices else "chaos.proxy"
        devices = tuple(wire.device for wire in self._wires) if self.has_devices else ()
        target = () if self.has_devices else (int(self.grpc.rpartition(":")[2]), *self._ports)
        with (self.directory / "network.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", module, str(self._seed), *map(str, (*devices, *target))],
                stdin=subprocess.PIPE,
                stderr=log,
                env=ENVIRONMENT,
                pass_fds=devices,
            )

    def _collector_command(self, directory: Path) -> list[str]:
        directory.mkdir(parents=True, exist_ok=True)
        files: Certificates = self._certificates
        config = directory / "collector.toml"
        config.write_text(
            f'state_directory = "{self.collector_state}"\ngrid_zone = "DE"\n'
            f'[http]\naddress = "127.0.0.1:{self.http_port}"\n'
            f'[grpc]\naddress = "{self.grpc}"\n'
            f'certificate_file = "{files.server_certificate}"\n'
            f'key_file = "{files.server_key}"\nclient_ca_file = "{files.authority}"\n'
        )
        return ["wattgram_collector", "run", "--config", str(config)]

    def _host(self, number: int, range_joules: int) -> Host:
        agent_id = self._agent_ids[number]
        bound = BOUNDS.get(agent_id, EXACT)
        directory = self.directory / agent_id
        machine = Machine(
            directory / "machine",
            self._seed * 100 + number,
            range_joules,
            steady=agent_id in BOUNDS,
            idle_zones=bound.idle_zones,
        )
        state = self._disk(directory / "state", AGENT_DISK_BYTES)
        address = self.grpc if self.has_devices else f"127.0.0.1:{self._ports[number]}"
        pem = self.directory / "pem"
        interval, batch = bound.pace or (0.2 + 0.1 * (number % 4), 1 + 0.5 * (number % 3))
        config = directory / "agent.toml"
        config.write_text(
            f'host = "{agent_id}"\nagent_id = "{agent_id}"\nstate_directory = "{state}"\n'
            f'[path]\nsysfs = "{machine.tree.sysfs}"\nprocfs = "{machine.tree.procfs}"\n'
            f"[sampling]\ninterval_seconds = {interval}\nbatch_seconds = {batch}\n"
            f"[sources]\ndisabled = {_OTHER_METERS}\n"
            f'[collector]\naddress = "{address}"\n'
            f'[tls]\nca_file = "{self._certificates.authority}"\n'
            f'certificate_file = "{pem}/{agent_id}.pem"\nkey_file = "{pem}/{agent_id}.key"\n'
            f"[spool]\n{bound.setting}\n"
        )
        namespace = self._wires[1 + number].namespace if self.has_devices else -1
        command = ["wattgram_agent", "run", "--config", str(config)]
        daemon = Daemon(agent_id, directory, command, namespace)
        return Host(number, agent_id, directory, machine, daemon, config)
