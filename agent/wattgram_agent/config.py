"""What an operator may set on an agent. Every key is listed here and nowhere else."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from wattgram.readings import require_label
from wattgram.settings import (
    LogSettings,
    SettingsError,
    dump,
    is_loopback,
    load,
    require_address,
    setting,
)
from wattgram.units import BYTES_PER_MEBIBYTE, SECONDS_PER_DAY
from wattgram_agent.source import HostPaths

ENVIRONMENT_PREFIX: Final = "WATTGRAM_AGENT"
SAMPLING_SECONDS_MIN: Final = 0.05
SAMPLING_SECONDS_MAX: Final = 10.0  # longer, and no power may be held from sample to sample
BATCH_INTERVALS_MAX: Final = 600
EXTERNAL_SECONDS_MIN: Final = 1.0
EXTERNAL_SECONDS_MAX: Final = 60.0
REST_WATTS_MAX: Final = 100_000.0
SUPPLY_EFFICIENCY_MIN: Final = 0.5
WORKLOADS_MAX: Final = 1_000
ADDRESSES_MAX: Final = 16
AGE_SECONDS_MAX: Final = 3_650.0 * SECONDS_PER_DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSettings:
    sysfs: Path = setting(Path("/sys"), "Where sysfs is mounted; /host/sys in a container.")
    procfs: Path = setting(Path("/proc"), "Where procfs is mounted.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingSettings:
    interval_seconds: float = setting(1.0, "Time between two samples of every meter.")
    batch_seconds: float = setting(10.0, "Time between two deliveries.")

    def __post_init__(self) -> None:
        longest = min(SAMPLING_SECONDS_MAX, self.batch_seconds)
        if not SAMPLING_SECONDS_MIN <= self.interval_seconds <= longest:
            raise ValueError(
                f"interval_seconds must be {SAMPLING_SECONDS_MIN} to {SAMPLING_SECONDS_MAX}, and "
                f"at most batch_seconds ({self.batch_seconds}): {self.interval_seconds}"
            )
        if self.batch_seconds > self.interval_seconds * BATCH_INTERVALS_MAX:
            raise ValueError(f"a batch holds at most {BATCH_INTERVALS_MAX} intervals")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    disabled: tuple[str, ...] = setting((), "Sources that are not to be looked for.")
    cpu_backend: str = setting(
        "rapl", "Who reads the CPU's registers.", choices=("rapl", "pyrapl")
    )
    psys: bool = setting(
        default=False,
        help_text="Count RAPL's psys in place of packages and memory: only if you checked it.",
    )
    host_meters: tuple[str, ...] = setting(
        (),
        "Zones that together meter the whole host, as doctor names them: source/domain/instance.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalSettings:
    meters: tuple[str, ...] = setting(
        (),
        "Meters in the supply of this host: an http:// address of a Shelly, a Tasmota or the "
        "documented JSON, or the path of a file that holds it.",
    )
    period_seconds: float = setting(10.0, "Time between two reads.")

    def __post_init__(self) -> None:
        if not EXTERNAL_SECONDS_MIN <= self.period_seconds <= EXTERNAL_SECONDS_MAX:
            raise ValueError(
                f"period_seconds must be {EXTERNAL_SECONDS_MIN} to {EXTERNAL_SECONDS_MAX}: "
                f"{self.period_seconds}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class RestSettings:
    power_watts: float = setting(
        0.0, "What fans, disks and boards draw that no meter of a component sees, if you know it."
    )
    supply_efficiency: float = setting(
        1.0, "Part of the power at the plug that the power supply passes on, such as 0.92."
    )

    def __post_init__(self) -> None:
        if not 0 <= self.power_watts <= REST_WATTS_MAX:
            raise ValueError(f"power_watts must be 0 to {REST_WATTS_MAX}: {self.power_watts}")
        if not SUPPLY_EFFICIENCY_MIN <= self.supply_efficiency <= 1:
            raise ValueError(
                f"supply_efficiency must be {SUPPLY_EFFICIENCY_MIN} to 1: {self.supply_efficiency}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionSettings:
    level: str = setting(
        "workloads",
        "To whom the energy is shared out: units, containers, pods and virtual machines; or "
        "processes; or nobody.",
        choices=("workloads", "processes", "off"),
    )
    max_workloads: int = setting(50, "Series of this host; the others are summed as other.")

    def __post_init__(self) -> None:
        if not 1 <= self.max_workloads <= WORKLOADS_MAX:
            raise ValueError(f"max_workloads must be 1 to {WORKLOADS_MAX}: {self.max_workloads}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolSettings:
    max_bytes: int = setting(
        64 * BYTES_PER_MEBIBYTE, "Undelivered batches beyond this are dropped, oldest first."
    )
    max_age_seconds: float = setting(7.0 * SECONDS_PER_DAY, "Older batches are dropped.")
    sync: str = setting(
        "always",
        "When a batch is forced to the medium: always outlives a power cut; interval, once a "
        "minute, and never spare flash.",
        choices=("always", "interval", "never"),
    )
    dead_max_bytes: int = setting(
        4 * BYTES_PER_MEBIBYTE,
        "Batches that the collector refused for good are kept up to this, to be looked at.",
    )
    dead_max_age_seconds: float = setting(
        30.0 * SECONDS_PER_DAY, "Older refused batches are removed."
    )

    def __post_init__(self) -> None:
        for name in ("max_bytes", "dead_max_bytes"):
            if getattr(self, name) < BYTES_PER_MEBIBYTE:
                raise ValueError(
                    f"{name} must be at least {BYTES_PER_MEBIBYTE}: {getattr(self, name)}"
                )
        for name in ("max_age_seconds", "dead_max_age_seconds"):
            if not 0 < getattr(self, name) <= AGE_SECONDS_MAX:
                raise ValueError(
                    f"{name} must be positive, and at most {AGE_SECONDS_MAX:.0f}: "
                    f"{getattr(self, name)}"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorSettings:
    address: str = setting("127.0.0.1:9880", "host:port of the collector.")
    addresses: tuple[str, ...] = setting(
        (),
        "More addresses, tried in this order when the first does not answer: all must lead to the "
        "same ledger.",
    )
    connection: str = setting(
        "auto",
        "Keep the stream open, or open one for each delivery, which is cheaper here but costs the "
        "collector a handshake; auto keeps it under TLS, where handshakes are dear.",
        choices=("auto", "kept", "per_delivery"),
    )

    def __post_init__(self) -> None:
        require_address("address", self.address)
        for address in self.addresses:
            require_address("addresses", address)
        if len(set(self.doors)) < len(self.doors) or len(self.doors) > ADDRESSES_MAX:
            raise ValueError(f"at most {ADDRESSES_MAX} addresses, none of them twice")

    @property
    def doors(self) -> tuple[str, ...]:
        """Every address, the preferred one first."""
        return (self.address, *self.addresses)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    directory: Path | None = setting(
        None, "Where `wattgram-agent enroll` put its files: they are used, and renewed in time."
    )
    ca_file: Path | None = setting(None, "Certificates that vouch for the collector (PEM).")
    certificate_file: Path | None = setting(None, "This agent's certificate (PEM).")
    key_file: Path | None = setting(None, "This agent's private key (PEM, mode 0600).")
    token_file: Path | None = setting(
        None, "Holds this agent's token, mode 0600, where it has no certificate."
    )

    def __post_init__(self) -> None:
        if self.directory and (self.ca_file or self.certificate_file or self.key_file):
            raise ValueError("directory and the files exclude each other")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together")
        if self.certificate_file and self.ca_file is None:
            raise ValueError("certificate_file needs ca_file")
        if self.token_file and (self.ca_file is None or self.certificate_file):
            raise ValueError(
                "token_file needs ca_file, for a token is never sent in plaintext, and no "
                "certificate_file"
            )

    @property
    def is_on(self) -> bool:
        return self.directory is not None or self.ca_file is not None

    @property
    def as_files(self) -> TlsSettings:
        """The same with the files of `directory` written out."""
        if self.directory is None:
            return self
        pair = self.directory / "agent.pem"
        return TlsSettings(ca_file=self.directory / "ca.pem", certificate_file=pair, key_file=pair)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """Everything; the defaults are the file that `print-config` prints."""

    host: str = setting("", "Name of this host on the metrics; empty: its host name.")
    agent_id: str = setting("", "Identity towards the collector; empty: made once and kept.")
    grid_zone: str = setting(
        "", "Grid that this host draws from, such as DE; empty: the collector decides."
    )
    grid_zone_file: Path | None = setting(
        None, "A file of one line that names the zone while it changes, as a laptop's does."
    )
    site: str = setting("", "Where this host stands, in your words.")
    device_class: str = setting("", "server, laptop, gateway, …; empty: found if possible.")
    state_directory: Path = setting(
        Path("/var/lib/wattgram-agent"), "Where the spool and the agent's identity are kept."
    )
    path: PathSettings = field(default_factory=PathSettings)
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    sources: SourceSettings = field(default_factory=SourceSettings)
    external: ExternalSettings = field(default_factory=ExternalSettings)
    rest: RestSettings = field(default_factory=RestSettings)
    attribution: AttributionSettings = field(default_factory=AttributionSettings)
    spool: SpoolSettings = field(default_factory=SpoolSettings)
    collector: CollectorSettings = field(default_factory=CollectorSettings)
    tls: TlsSettings = field(default_factory=TlsSettings)
    log: LogSettings = field(default_factory=LogSettings)

    def __post_init__(self) -> None:
        for name in ("host", "agent_id", "grid_zone"):
            if getattr(self, name):
                require_label(name, getattr(self, name))
        far = [address for address in self.collector.doors if not is_loopback(address)]
        if not self.tls.is_on and far:
            raise ValueError(
                f"collector.address {far[0]} is not on this host: "
                "enrol and set tls.directory, or set tls.ca_file (plaintext is for loopback only)"
            )

    @property
    def host_paths(self) -> HostPaths:
        return HostPaths(sysfs=self.path.sysfs, procfs=self.path.procfs)

    @property
    def keeps_connection(self) -> bool:
        """Whether the stream to the collector stays open between deliveries."""
        choice = self.collector.connection
        return self.tls.is_on if choice == "auto" else choice == "kept"

    @property
    def tls_directory(self) -> Path:
        """Where enrolment puts its files unless it is told otherwise."""
        return self.state_directory / "tls"

    @property
    def digest(self) -> str:
        """Return a short digest of the effective configuration."""
        return f"{zlib.crc32(dump(self).encode()):08x}"


def load_config(path: Path | None, environment: Mapping[str, str]) -> AgentConfig:
    """Raises wattgram.settings.SettingsError naming the key and where it was set."""
    return load(AgentConfig, path, environment, ENVIRONMENT_PREFIX)


def require_directories(config: AgentConfig) -> None:
    """Raise SettingsError unless the kernel's files are where they are said to be.

    Otherwise every source would say that this host has no meter. Only Linux has such files.
    """
    if not sys.platform.startswith("linux"):
        return
    for name in ("sysfs", "procfs"):
        path = getattr(config.path, name)
        if not path.is_dir():
            raise SettingsError(f"path.{name}: {path} is not a directory")
