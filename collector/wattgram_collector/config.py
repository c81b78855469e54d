"""What an operator may set on a collector. Every key is listed here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from wattgram.handshake import Limits
from wattgram.settings import LogSettings, is_loopback, load, require_address, setting

ENVIRONMENT_PREFIX: Final = "WATTGRAM_COLLECTOR"


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcSettings:
    address: str = setting("127.0.0.1:9880", "Where agents connect, host:port.")
    certificate_file: Path | None = setting(None, "The collector's certificate (PEM).")
    key_file: Path | None = setting(None, "The collector's private key (PEM, mode 0600).")
    client_ca_file: Path | None = setting(
        None, "Certificates that vouch for agents (PEM); a client certificate is then required."
    )

    def __post_init__(self) -> None:
        require_address("address", self.address)
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together")
        if self.client_ca_file and self.certificate_file is None:
            raise ValueError("client_ca_file needs certificate_file")
        if self.client_ca_file is None and not is_loopback(self.address):
            raise ValueError(
                f"address {self.address} is not on this host: set certificate_file, key_file and "
                "client_ca_file, which vouches for agents (plaintext is for loopback only)"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    address: str = setting("127.0.0.1:9881", "Where /metrics and the page are, host:port.")

    def __post_init__(self) -> None:
        require_address("address", self.address)
        if not is_loopback(self.address):
            raise ValueError(
                f"address {self.address} is not on this host: put a reverse proxy with "
                "authentication before it"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class IntensitySettings:
    override_grams_per_kilowatt_hour: dict[str, float] = setting(
        {}, "Intensities by grid zone that win over every table, such as { DE = 320.5 }."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSettings:
    commit_tick_seconds: float = setting(
        0.1, "What arrives within this time shares a transaction; acknowledged after it."
    )

    def __post_init__(self) -> None:
        if not 0 <= self.commit_tick_seconds <= 1:
            raise ValueError(f"commit_tick_seconds must be 0 to 1: {self.commit_tick_seconds}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpositionSettings:
    zero_seconds: float = setting(
        20.0,
        "A new counter shows 0 for so long, so that a scrape sees it start; more than your "
        "scrape interval.",
    )

    def __post_init__(self) -> None:
        if self.zero_seconds < 0:
            raise ValueError(f"zero_seconds must not be negative: {self.zero_seconds}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    max_batch_bytes: int = setting(256 * 1024, "A larger batch is refused.")
    max_series: int = setting(2_000, "A batch of more series is refused.")
    max_intervals: int = setting(1_000, "A batch of more intervals is refused.")
    max_unacknowledged_batches: int = setting(64, "How far an agent may send ahead.")

    def __post_init__(self) -> None:
        for name in Limits.__slots__:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be positive: {getattr(self, name)}")

    @property
    def as_sent(self) -> Limits:
        return Limits(
            max_batch_bytes=self.max_batch_bytes,
            max_series=self.max_series,
            max_intervals=self.max_intervals,
            max_unacknowledged_batches=self.max_unacknowledged_batches,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorConfig:
    """Everything; the defaults are the file that `print-config` prints."""

    state_directory: Path = setting(
        Path("/var/lib/wattgram-collector"), "Where the ledger is kept."
    )
    grid_zone: str = setting("", "Grid zone of hosts that name none, such as DE.")
    grid_zone_of_host: dict[str, str] = setting(
        {}, "Grid zone by host name; wins over what the host says."
    )
    grpc: GrpcSettings = field(default_factory=GrpcSettings)
    http: HttpSettings = field(default_factory=HttpSettings)
    intensity: IntensitySettings = field(default_factory=IntensitySettings)
    ledger: LedgerSettings = field(default_factory=LedgerSettings)
    exposition: ExpositionSettings = field(default_factory=ExpositionSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    log: LogSettings = field(default_factory=LogSettings)

    def zone_of(self, host: str, said: str) -> str:
        """Return the grid zone of a host: the operator's word, the host's own, the default."""
        return self.grid_zone_of_host.get(host) or said or self.grid_zone


def load_config(path: Path | None, environment: Mapping[str, str]) -> CollectorConfig:
    """Raises wattgram.settings.SettingsError naming the key and where it was set."""
    return load(CollectorConfig, path, environment, ENVIRONMENT_PREFIX)
