"""Start units of a chroot as systemd would, in namespaces of their own, and say what they did.

Run by `unshare`: the first process of its PID namespace, so all that it started ends with it. The
root is read-only but for the state of each unit, which belongs to its user; rights, groups and
memory are those that the unit and its drop-ins give. Prints one JSON object.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shlex
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

SECONDS = 60
FIRST_USER = 61_200
METRICS = "http://127.0.0.1:9881/metrics"
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = (
    1, 2, 4, 32, 4096, 16384, 1 << 18,
)  # fmt: skip
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
PR_SET_MDWE = 65
LIBC = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: Path, kind: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2); raises OSError."""
    arguments = (source.encode(), str(target).encode(), kind.encode(), flags, data.encode())
    if LIBC.mount(*arguments):
        raise OSError(ctypes.get_errno(), f"mount {target}")


def loopback_up() -> None:
    with socket.socket() as asking:
        request = struct.pack("16sh22x", b"lo", IFF_UP)
        fcntl.ioctl(asking, SIOCSIFFLAGS, request)


class Unit:
    """One service: what its files say, and the process."""

    def __init__(self, root: Path, name: str, user: int) -> None:
        self.root, self.name, self.user = root, name, user
        self.settings = self._read()
        self.said: list[str] = []
        self._notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notified.settimeout(0.05)
        path = root / "run" / f"notify-{name}"
        self._notified.bind(str(path))
        path.chmod(0o666)
        self._process: subprocess.Popen[bytes] | None = None

    def _read(self) -> dict[str, list[str]]:
        """Return every value of each setting; an empty one forgets those before it."""
        folder = self.root / "lib/systemd/system"
        files = [folder / f"{self.name}.service"]
        files += sorted((folder / f"{self.name}.service.d").glob("*.conf"))
        found: dict[str, list[str]] = {}
        for line in (line for file in files for line in file.read_text().splitlines()):
            key, is_setting, value = line.partition("=")
            if is_setting and not line.startswith("#"):
                found[key] = [*found.get(key, []), value] if value else []
        return found

    def make_state(self) -> Path:
        """Make the StateDirectory as for a DynamicUser; return where it is."""
        (name,) = self.settings["StateDirectory"]
        real = self.root / "var/lib/private" / name
        real.mkdir(parents=True, mode=int(self.settings["StateDirectoryMode"][0], 8))
        real.parent.chmod(0o700)
        os.chown(real, self.user, self.user)
        (self.root / "var/lib" / name).symlink_to(f"private/{name}")
        return real

    def command(self) -> list[str]:
        groups = [str(self._group(name)) for name in self.settings.get("SupplementaryGroups", [])]
        rights = [
            right.lower().removeprefix("cap_")
            for line in self.settings.get("AmbientCapabilities", [])
            for right in line.split()
        ]
        kept = ",".join(["-all", *(f"+{right}" for right in rights)])
        return [
            *("/usr/sbin/chroot", str(self.root), "setpriv", f"--reuid={self.user}"),
            *(
                f"--regid={self.user}",
                f"--groups={','.join(groups)}" if groups else "--clear-groups",
            ),
            *(f"--inh-caps={kept}", f"--ambient-caps={kept}", f"--bounding-set={kept}"),
            *(("--no-new-privs",) if self.settings["NoNewPrivileges"] == ["yes"] else ()),
            *shlex.split(self.settings["ExecStart"][-1]),
        ]

    def _group(self, name: str) -> int:
        for line in (self.root / "etc/group").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split(":")[2])
        raise LookupError(f"no group {name}")

    def start(self, log: Path, **environment: str) -> None:
        watchdog = int(self.settings["WatchdogSec"][0]) * 1_000_000
        environment |= {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "NOTIFY_SOCKET": f"/run/notify-{self.name}",
            "WATCHDOG_USEC": environment.pop("watchdog_usec", str(watchdog)),
            "STATE_DIRECTORY": f"/var/lib/{self.settings['StateDirectory'][0]}",
        }
        denies = self.settings.get("MemoryDenyWriteExecute") == ["yes"]
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=environment,
                umask=int(self.settings["UMask"][0], 8),
                preexec_fn=_deny_writable_code if denies else None,  # noqa: PLW1509 -- one thread
            )

    def wait_for(self, word: str) -> None:
        """Read what it says to systemd until it says `word`; raises TimeoutError."""
        deadline = time.monotonic() + SECONDS
        while word not in self.said:
            if time.monotonic() > deadline or (self._process and self._process.poll() is not None):
                raise TimeoutError(f"{self.name} did not say {word}: {self.said}")
            try:
                self.said.append(self._notified.recv(4096).decode())
            except TimeoutError:
                continue

    def stop(self) -> int:
        assert self._process is not None
        self._read_all()
        self._process.terminate()
        status = self._process.wait(SECONDS)
        self._read_all()
        return status

    def _read_all(self) -> None:
        """Read what waits: a few dozen words at most, for the queue holds no more."""
        for _ in range(64):
            try:
                self.said.append(self._notified.recv(4096).decode())
            except TimeoutError:
                return


def _deny_writable_code() -> None:
    """As MemoryDenyWriteExecute; a kernel before 6.3 refuses, and the test then says less."""
    LIBC.prctl(PR_SET_MDWE, 1, 0, 0, 0)


def wait_for_metric(name: str) -> str:
    """Return the first line of a metric that is more than 0; raises TimeoutError."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with urllib.request.urlopen(METRICS, timeout=SECONDS) as page:
            lines = page.read().decode().splitlines()
        for line in lines:
            if line.startswith(f"{name}{{") and float(line.rpartition(" ")[2]) > 0:
                return line
        time.sleep(0.1)
    raise TimeoutError(f"no {name}")


def open_states(units: list[Unit]) -> None:
    """Let the units, and nobody outside, enter the folder of the states, which is root's."""
    states = [unit.make_state() for unit in units]
    private, aside = states[0].parent, units[0].root / "mnt"
    mount(str(private), aside, flags=MS_BIND)
    mount("tmpfs", private, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755")
    for state in states:
        state.mkdir()
        mount(str(aside / state.name), state, flags=MS_BIND)
    if LIBC.umount2(str(aside).encode(), 0):
        raise OSError(ctypes.get_errno(), f"umount {aside}")


def main(root: Path, logs: Path) -> dict[str, Any]:
    mount("", Path("/"), flags=MS_REC | MS_PRIVATE)
    loopback_up()
    mount(str(root), root, flags=MS_BIND)
    mount("proc", root / "proc", "proc")
    mount("/sys", root / "sys", flags=MS_BIND | MS_REC)
    units = [
        Unit(root, "wattgram-collector", FIRST_USER),
        Unit(root, "wattgram-agent", FIRST_USER + 1),
    ]
    open_states(units)
    mount("tmpfs", root / "tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    mount("", root, flags=MS_REMOUNT | MS_BIND | MS_RDONLY)
    collector, agent = units
    collector.start(
        logs / "collector.log",
        watchdog_usec="90000",  # nobody reads them for a while: it must not hang
        WATTGRAM_COLLECTOR__EXPOSITION__ZERO_SECONDS="0",
    )
    collector.wait_for("READY=1")
    agent.start(
        logs / "agent.log",
        WATTGRAM_AGENT__GRID_ZONE="DE",
        WATTGRAM_AGENT__SAMPLING__INTERVAL_SECONDS="0.25",
        WATTGRAM_AGENT__SAMPLING__BATCH_SECONDS="0.5",
    )
    agent.wait_for("READY=1")
    energy = wait_for_metric("wattgram_host_energy_joules_total")
    for unit in units:
        unit.wait_for("WATCHDOG=1")
    return {
        "energy": energy,
        "emissions": wait_for_metric("wattgram_emissions_co2e_grams_total"),
        "status": [agent.stop(), collector.stop()],
        "said": {unit.name: unit.said for unit in units},
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))
