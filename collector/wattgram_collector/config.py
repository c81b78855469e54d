"""What an operator may set on a collector. Every key is listed here and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from wattgram.handshake import Limits
from wattgram.readings import require_label
from wattgram.settings import (
    PORT_MAX,
    LogSettings,
    is_loopback,
    load,
    require_address,
    setting,
)

ENVIRONMENT_PREFIX: Final = "WATTGRAM_COLLECTOR"

PERIOD_SECONDS_MIN: Final = 10
PERIOD_SECONDS_MAX: Final = 3600

HTTPS_PORT: Final = 443

_ORIGIN: Final = re.compile(
    r"https://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?/?"
)
_SHA256_HEX_DIGITS: Final = 64
_NAME_LENGTH_MAX: Final = 150  # with what is put before and after it still a label


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
    sensors: bool = setting(
        default=False,
        help_text="Show every meter by itself too, as wattgram_sensor_energy_joules_total.",
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
    max_workloads: int = setting(
        1_000, "Workloads that are kept apart of one host, ever; more are summed as other."
    )

    def __post_init__(self) -> None:
        for name in (*Limits.__slots__, "max_workloads"):
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
class RedfishSettings:
    """One server whose BMC is read; see docs/sources/redfish.md."""

    url: str = setting("", "The BMC: https://host or https://host:port, nothing behind it.")
    username: str = setting("", "Account on the BMC; one that may only read is enough.")
    password_file: Path | None = setting(
        None, "Holds that account's password and nothing else; mode 0600."
    )
    ca_file: Path | None = setting(None, "Certificates that vouch for the BMC (PEM).")
    fingerprint: str = setting(
        "", "SHA-256 of the BMC's own certificate in hex, instead of ca_file."
    )
    insecure: bool = setting(
        default=False,
        help_text="Believe any certificate: whoever stands in between reads the password.",
    )
    host: str = setting(
        "", "Name of the server on the metrics, as its agent has it; empty: the section's name."
    )
    grid_zone: str = setting("", "Grid that it draws from; empty: as for any other host.")
    chassis: str = setting("", "Id of the chassis that is the server; empty: the only one.")
    period_seconds: float = setting(60.0, "Time between two readings, 10 to 3600.")

    def __post_init__(self) -> None:
        _require_origin(self.url)
        if not self.username or ":" in self.username or not self.username.isprintable():
            raise ValueError(f"username must be printable, without a colon: {self.username!r}")
        if self.password_file is None:
            raise ValueError("password_file is missing")
        if (self.ca_file is not None) + bool(self.fingerprint) + self.insecure > 1:
            raise ValueError("ca_file, fingerprint and insecure exclude each other")
        if self.fingerprint and len(self.fingerprint_bytes) * 2 != _SHA256_HEX_DIGITS:
            raise ValueError(f"fingerprint must be a SHA-256 in hex: {self.fingerprint!r}")
        if self.host:
            _require_name("host", self.host)
        if self.grid_zone:
            require_label("grid_zone", self.grid_zone)
        if not PERIOD_SECONDS_MIN <= self.period_seconds <= PERIOD_SECONDS_MAX:
            raise ValueError(
                f"period_seconds must be {PERIOD_SECONDS_MIN} to {PERIOD_SECONDS_MAX}: "
                f"{self.period_seconds}"
            )

    @property
    def fingerprint_bytes(self) -> bytes:
        """The pinned digest; empty when it is no hex."""
        digits = self.fingerprint.replace(":", "")
        return bytes.fromhex(digits) if re.fullmatch(r"([0-9A-Fa-f]{2})*", digits) else b""


def _require_origin(url: str) -> None:
    """Raise ValueError unless `url` is https://host or https://host:port."""
    found = _ORIGIN.fullmatch(url)
    if found is None or not 0 < int(found["port"] or HTTPS_PORT) <= PORT_MAX:
        raise ValueError(f"url must be https://host or https://host:port: {url!r}")


def _require_name(name: str, value: str) -> None:
    require_label(name, value)
    if len(value) > _NAME_LENGTH_MAX:
        raise ValueError(f"{name} must be at most {_NAME_LENGTH_MAX} characters: {value!r}")


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
    redfish: dict[str, RedfishSettings] = setting(
        {}, "Servers whose BMC the collector reads over Redfish, one section each."
    )

    def __post_init__(self) -> None:
        names: dict[str, str] = {}
        for name, server in self.redfish.items():
            _require_name("the name of a redfish section", name)
            other = names.setdefault(server.host or name, name)
            if other != name:
                raise ValueError(f"redfish.{other} and redfish.{name} are the same host")

    def zone_of(self, host: str, said: str) -> str:
        """Return the grid zone of a host: the operator's word, the host's own, the default."""
        return self.grid_zone_of_host.get(host) or said or self.grid_zone


def load_config(path: Path | None, environment: Mapping[str, str]) -> CollectorConfig:
    """Raises wattgram.settings.SettingsError naming the key and where it was set."""
    return load(CollectorConfig, path, environment, ENVIRONMENT_PREFIX)
