"""What an operator may set on a collector. Every key is listed here and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
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
from wattgram.units import BYTES_PER_MEBIBYTE, NANOSECONDS_PER_SECOND, SECONDS_PER_DAY
from wattgram_collector.accounting import network as networks
from wattgram_collector.accounting.budget_settings import (
    BudgetSettings,
    EmissionLimitSettings,
    require_selections,
)
from wattgram_collector.accounting.market_settings import MarketSettings, require_sites_of
from wattgram_collector.accounting.network_settings import NetworkSettings
from wattgram_collector.accounting.site_settings import SiteSettings, require_sites
from wattgram_collector.accounting.uncertainty_settings import UncertaintySettings
from wattgram_collector.intensities.providers.settings import ProviderSettings, require_kinds
from wattgram_collector.inventory.said.units_settings import (
    FunctionalUnitsSettings,
    require_names,
)
from wattgram_collector.inventory.settings import InventorySettings
from wattgram_collector.push.settings import PushSettings

ENVIRONMENT_PREFIX: Final = "WATTGRAM_COLLECTOR"

CHECK_SECONDS_MAX: Final = 3600.0
PERIOD_SECONDS_MIN: Final = 10
PERIOD_SECONDS_MAX: Final = 3600

FREEZE_DAYS_MIN: Final = 1.0
FREEZE_DAYS_MAX: Final = 400.0

CERTIFICATE_DAYS_MIN: Final = 0.0001
CERTIFICATE_DAYS_MAX: Final = 825.0
HTTPS_PORT: Final = 443
HTTP_CONNECTIONS_MAX: Final = 10_000
# No more than are remembered of a session, to tell a repetition from another batch.
UNACKNOWLEDGED_MAX: Final = 128
# What agents and gRPC are told is a signed 32-bit integer.
TOLD_MAX: Final = (1 << 31) - 1
ZERO_SECONDS_MAX: Final = 86_400.0
AGE_DAYS_MAX: Final = 20_000.0

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
    authentication: str = setting(
        "certificate",
        "How an agent proves who it is: by a client certificate, or by a token under TLS without "
        "one (wattgram-collector token add).",
        choices=("certificate", "token"),
    )

    def __post_init__(self) -> None:
        require_address("address", self.address)
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together")
        if self.client_ca_file and self.certificate_file is None:
            raise ValueError("client_ca_file needs certificate_file")
        if self.takes_tokens and self.client_ca_file:
            raise ValueError('authentication = "token" and client_ca_file exclude each other')

    def require_proof(self) -> None:
        """Raise ValueError where who comes from outside could report without proof."""
        if self.takes_tokens and self.certificate_file is None:
            raise ValueError(
                'grpc.authentication = "token" needs access.directory, or certificate_file and '
                "key_file: a token is never sent in plaintext"
            )
        if self.client_ca_file is None and not self.takes_tokens and not is_loopback(self.address):
            raise ValueError(
                f"grpc.address {self.address} is not on this host (plaintext is for loopback "
                "only): set access.directory, which vouches for the collector and its agents; or "
                "certificate_file, key_file and client_ca_file; or, instead of client_ca_file, "
                'authentication = "token"'
            )

    @property
    def takes_tokens(self) -> bool:
        return self.authentication == "token"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    address: str = setting("127.0.0.1:9881", "Where /metrics and the page are, host:port.")
    certificate_file: Path | None = setting(None, "Certificate of the HTTP side (PEM).")
    key_file: Path | None = setting(None, "Its private key (PEM, mode 0600).")
    authentication: str = setting(
        "off",
        "Whether every request needs a user or a token (wattgram-collector user, token).",
        choices=("off", "required"),
    )
    open_health: bool = setting(
        default=False, help_text="Answer /healthz and /readyz without a user or token."
    )
    max_connections: int = setting(
        500, "Connections open at once; one more takes the place of one that only sits."
    )

    def __post_init__(self) -> None:
        require_address("address", self.address)
        if not 1 <= self.max_connections <= HTTP_CONNECTIONS_MAX:
            raise ValueError(
                f"max_connections must be 1 to {HTTP_CONNECTIONS_MAX}: {self.max_connections}"
            )
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together")

    def require_proof(self, *, has_authority: bool) -> None:
        """Raise ValueError where who comes from outside could read without proof."""
        is_secret = has_authority or self.certificate_file
        if not is_loopback(self.address) and not (is_secret and self.needs_proof):
            raise ValueError(
                f"http.address {self.address} is not on this host: set access.directory, or "
                'certificate_file and key_file, and authentication = "required" (plaintext and no '
                "authentication are for loopback only)"
            )

    @property
    def needs_proof(self) -> bool:
        return self.authentication == "required"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessSettings:
    credentials_file: Path | None = setting(
        None,
        "Users and tokens, mode 0600; unset: credentials.jsonl in state_directory. Changed by "
        "wattgram-collector user and token.",
    )
    directory: Path | None = setting(
        None,
        "The authority that `wattgram-collector ca init` made: certificates for the collector and "
        "its agents come from it.",
    )
    names: tuple[str, ...] = setting(
        (),
        "Names and addresses that this collector is reached by, for its certificate; empty: its "
        "host name. Its listening addresses and loopback are added. An HTTP side without "
        "authentication answers under these, addresses and localhost only.",
    )
    enrolment: bool = setting(
        default=False,
        help_text="Give certificates to agents with a one-time token, over HTTPS.",
    )
    certificate_days: float = setting(
        30.0, "Lifetime of an agent's certificate; it is renewed from two thirds of it on."
    )

    def __post_init__(self) -> None:
        if self.enrolment and self.directory is None:
            raise ValueError("enrolment needs directory")
        if not CERTIFICATE_DAYS_MIN <= self.certificate_days <= CERTIFICATE_DAYS_MAX:
            raise ValueError(
                f"certificate_days must be {CERTIFICATE_DAYS_MIN} to {CERTIFICATE_DAYS_MAX}: "
                f"{self.certificate_days}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class IntensitySettings:
    override_grams_per_kilowatt_hour: dict[str, float] = setting(
        {}, "Intensities by grid zone that win over every table, such as { DE = 320.5 }."
    )
    override_losses: str = setting(
        "unspecified",
        "Whether those are at the power station (busbar: losses of transmission are added) or "
        "have the losses inside (delivered).",
        choices=("unspecified", "busbar", "delivered"),
    )
    scope: str = setting(
        "lifecycle",
        "Which emissions are counted: lifecycle has fuel supply and construction inside, direct "
        "is the stack only. A value of the other kind prices nothing.",
        choices=("lifecycle", "direct"),
    )
    boundary: str = setting(
        "",
        "Take values of one boundary only: production, or consumption with traced imports; "
        "empty: either, each says which it is.",
        choices=("", "production", "consumption"),
    )
    freeze_days: float = setting(
        45.0,
        "Days after which what was priced stays: better values are then noted as an adjustment of "
        "a prior period.",
    )

    def __post_init__(self) -> None:
        if not FREEZE_DAYS_MIN <= self.freeze_days <= FREEZE_DAYS_MAX:
            raise ValueError(
                f"freeze_days must be {FREEZE_DAYS_MIN:.0f} to {FREEZE_DAYS_MAX:.0f}: "
                f"{self.freeze_days}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceSettings:
    forecast_error_ratio: float = setting(
        0.1,
        "A window that saves no more than this is no clear benefit. Forecasts err by about so "
        "much: of Great Britain's by NESO by 11 % in the mean, four days ahead.",
    )

    def __post_init__(self) -> None:
        if not 0 <= self.forecast_error_ratio < 1:
            raise ValueError(
                f"forecast_error_ratio must be at least 0 and below 1: {self.forecast_error_ratio}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSettings:
    commit_tick_seconds: float = setting(
        0.1, "What arrives within this time shares a transaction; acknowledged after it."
    )
    check_seconds: float = setting(
        5.0,
        "How long the check of the ledger may hold a start up; the rest of it goes on beside the "
        "work. 0: no check.",
    )

    def __post_init__(self) -> None:
        if not 0 <= self.commit_tick_seconds <= 1:
            raise ValueError(f"commit_tick_seconds must be 0 to 1: {self.commit_tick_seconds}")
        if not 0 <= self.check_seconds <= CHECK_SECONDS_MAX:
            raise ValueError(
                f"check_seconds must be 0 to {CHECK_SECONDS_MAX:.0f}: {self.check_seconds}"
            )


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
    sd_address: str = setting(
        "", "host:port that /sd names for every target; empty: the one that it was asked under."
    )
    runbook_url: str = setting(
        "", "Address of the published docs/runbooks.md, to which each problem on the page links."
    )

    def __post_init__(self) -> None:
        if not 0 <= self.zero_seconds <= ZERO_SECONDS_MAX:
            raise ValueError(
                f"zero_seconds must be 0 to {ZERO_SECONDS_MAX:.0f}: {self.zero_seconds}"
            )
        if self.sd_address:
            require_address("sd_address", self.sd_address)
        if self.runbook_url and not self.runbook_url.startswith(("https://", "http://")):
            raise ValueError(f"runbook_url must begin with https://: {self.runbook_url}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    max_batch_bytes: int = setting(256 * 1024, "A larger batch is refused.")
    max_series: int = setting(2_000, "A batch of more series is refused.")
    max_intervals: int = setting(1_000, "A batch of more intervals is refused.")
    max_unacknowledged_batches: int = setting(64, "How far an agent may send ahead.")
    max_workloads: int = setting(
        1_000, "Workloads that are kept apart of one host, ever; more are summed as other."
    )
    max_streams: int = setting(10_000, "Streams open at once; more are refused.")
    max_streams_per_agent: int = setting(4, "Streams of one agent at once; more are refused.")
    max_stream_openings_per_second: float = setting(
        500.0, "Streams opened a second, four seconds' worth at once; more are refused."
    )
    max_agents: int = setting(20_000, "Agents that the ledger knows; new ones are refused then.")
    max_sessions_per_agent_per_day: int = setting(
        100, "Sessions that one agent may begin in a day; more are refused."
    )
    max_agent_series: int = setting(
        10_000, "Series of one agent, ever; a table with new ones beyond is refused."
    )
    max_batches_per_second: float = setting(
        200.0, "Messages of one agent a second, in the long run; it is read slower then."
    )
    max_cpu_ratio_per_agent: float = setting(
        0.05, "Part of one CPU that one agent may cost, in the long run; it is read slower then."
    )
    max_message_bytes: int = setting(
        BYTES_PER_MEBIBYTE, "A larger message, as sent or unpacked, ends its stream."
    )
    max_cells: int = setting(100_000, "A batch of more readings, present or absent, is refused.")
    max_gaps: int = setting(1_000, "A batch of more gaps is refused.")
    max_gap_reasons: int = setting(
        50, "Reasons of gaps, and sources that were reset, kept apart of one host; more are other."
    )
    max_garbage_messages: int = setting(
        100, "Messages that make no sense, after which a stream is ended."
    )
    max_bytes_in_flight: int = setting(
        64 * BYTES_PER_MEBIBYTE, "What may wait for the ledger; nothing more is read meanwhile."
    )
    max_age_days: float = setting(
        400.0,
        "A batch that began longer ago is refused: it is more likely a wrong clock. Set it higher "
        "to take in what was measured years ago.",
    )
    max_resident_bytes: int = setting(
        2048 * BYTES_PER_MEBIBYTE,
        "Resident memory to stay under: from three fifths of it no stream is let in, and the "
        "most silent ones are ended.",
    )

    def __post_init__(self) -> None:
        for one in fields(self):
            if getattr(self, one.name) <= 0:
                raise ValueError(f"{one.name} must be positive: {getattr(self, one.name)}")
        for name in ("max_message_bytes", "max_series", "max_intervals"):
            if getattr(self, name) > TOLD_MAX:
                raise ValueError(f"{name} must be at most {TOLD_MAX}: {getattr(self, name)}")
        if self.max_age_days > AGE_DAYS_MAX:
            raise ValueError(f"max_age_days must be at most {AGE_DAYS_MAX}: {self.max_age_days}")
        if self.max_cpu_ratio_per_agent > 1:
            raise ValueError(f"max_cpu_ratio_per_agent: {self.max_cpu_ratio_per_agent} is over 1")
        if self.max_unacknowledged_batches > UNACKNOWLEDGED_MAX:
            raise ValueError(
                f"max_unacknowledged_batches must be at most {UNACKNOWLEDGED_MAX}: "
                f"{self.max_unacknowledged_batches}"
            )
        if self.max_message_bytes < self.max_batch_bytes:
            raise ValueError(
                f"max_message_bytes {self.max_message_bytes} is less than max_batch_bytes"
            )

    @property
    def max_age_nanoseconds(self) -> int:
        return int(self.max_age_days * SECONDS_PER_DAY) * NANOSECONDS_PER_SECOND

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
    site_of_host: dict[str, str] = setting(
        {}, "Site by host name, a section of sites; wins over what the host says."
    )
    network: str = setting(
        networks.DEFAULT,
        "Model of the network outside of hosts whose site names none: a section of networks, or "
        f"{', '.join(networks.BUILT_IN)}.",
    )
    grpc: GrpcSettings = field(default_factory=GrpcSettings)
    http: HttpSettings = field(default_factory=HttpSettings)
    access: AccessSettings = field(default_factory=AccessSettings)
    intensity: IntensitySettings = field(default_factory=IntensitySettings)
    advice: AdviceSettings = field(default_factory=AdviceSettings)
    ledger: LedgerSettings = field(default_factory=LedgerSettings)
    exposition: ExpositionSettings = field(default_factory=ExpositionSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    push: PushSettings = field(default_factory=PushSettings)
    inventory: InventorySettings = field(default_factory=InventorySettings)
    log: LogSettings = field(default_factory=LogSettings)
    uncertainty: UncertaintySettings = field(default_factory=UncertaintySettings)
    redfish: dict[str, RedfishSettings] = setting(
        {}, "Servers whose BMC the collector reads over Redfish, one section each."
    )
    sites: dict[str, SiteSettings] = setting(
        {}, "Places where hosts stand, one section each, see docs/sites.md."
    )
    networks: dict[str, NetworkSettings] = setting(
        {}, "Models of the network outside of the hosts, one section each, see docs/network.md."
    )
    market: dict[str, MarketSettings] = setting(
        {}, "Electricity that was bought, one section each, see docs/market.md."
    )
    providers: dict[str, ProviderSettings] = setting(
        {}, "Who is asked for live carbon intensities, one section each, see docs/providers.md."
    )
    budgets: dict[str, BudgetSettings] = setting(
        {}, "Carbon budgets by day, month or year, one section each, see docs/budgets.md."
    )
    emission_limits: dict[str, EmissionLimitSettings] = setting(
        {}, "Rates of emission that an alert is about, one section each, see docs/alerts.md."
    )
    functional_units: dict[str, FunctionalUnitsSettings] = setting(
        {},
        "Units of services that Prometheus counts, for units pull, one section each, see "
        "docs/functional-units.md.",
    )

    def __post_init__(self) -> None:
        names: dict[str, str] = {}
        for name, server in self.redfish.items():
            _require_name("the name of a redfish section", name)
            other = names.setdefault(server.host or name, name)
            if other != name:
                raise ValueError(f"redfish.{other} and redfish.{name} are the same host")
        require_kinds(self.providers)
        require_selections(self.budgets, self.emission_limits)
        require_names(self.functional_units)
        require_sites(self.sites, self.site_of_host, self.networks, self.network)
        require_sites_of(self.market, self.sites)
        has_authority = self.access.directory is not None
        if has_authority and (self.grpc.certificate_file or self.grpc.client_ca_file):
            raise ValueError("access.directory and the files of grpc exclude each other")
        if self.access.enrolment and self.grpc.takes_tokens:
            raise ValueError('access.enrolment needs grpc.authentication = "certificate"')
        if not has_authority:
            self.grpc.require_proof()
        self.http.require_proof(has_authority=has_authority)

    @property
    def credentials_path(self) -> Path:
        return self.access.credentials_file or self.state_directory / "credentials.jsonl"

    def zone_of(self, host: str, said: str) -> str:
        """Return the grid zone of a host: the operator's word, the host's own, the default."""
        return self.grid_zone_of_host.get(host) or said or self.grid_zone


def load_config(path: Path | None, environment: Mapping[str, str]) -> CollectorConfig:
    """Raises wattgram.settings.SettingsError naming the key and where it was set."""
    return load(CollectorConfig, path, environment, ENVIRONMENT_PREFIX)
