"""What an operator may set of pushing: `[push.remote_write]` and `[push.otlp]`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from yarl import URL

from wattgram.settings import is_loopback, setting
from wattgram.units import BYTES_PER_MEBIBYTE

INTERVAL_SECONDS_MIN: Final = 1.0
INTERVAL_SECONDS_MAX: Final = 3600.0
TIMEOUT_SECONDS_MAX: Final = 300.0
QUEUE_BYTES_MIN: Final = BYTES_PER_MEBIBYTE
QUEUE_BYTES_MAX: Final = 1024 * BYTES_PER_MEBIBYTE
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OURS: Final = frozenset({
    "authorization", "connection", "content-encoding", "content-length", "content-type", "host",
    "transfer-encoding", "user-agent", "x-prometheus-remote-write-version",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSettings:
    """What both ways to push have."""

    url: str = setting("", "Where to push to, http:// or https://; empty: nothing is pushed.")
    interval_seconds: float = setting(15.0, "Time between two pushes, 1 to 3600.")
    timeout_seconds: float = setting(10.0, "How long to wait for an answer, at most 300.")
    username: str = setting("", "User of basic authentication; with password_file.")
    password_file: Path | None = setting(
        None, "Holds that user's password and nothing else, printable ASCII; mode 0600."
    )
    bearer_token_file: Path | None = setting(
        None, "Holds a token that is sent as Authorization: Bearer; mode 0600. Read at each push."
    )
    headers: dict[str, str] = setting(
        {}, 'Sent along as they are, such as { "X-Scope-OrgID" = "fleet" }; no place for secrets.'
    )
    ca_file: Path | None = setting(
        None, "Certificates that vouch for the other side (PEM), instead of the system's."
    )
    queue_bytes: int = setting(
        16 * BYTES_PER_MEBIBYTE,
        "What may wait for a server that does not answer, as sent; the oldest is dropped then.",
    )

    def __post_init__(self) -> None:
        self.require_good()

    def require_good(self) -> None:
        """Raise ValueError for what cannot be pushed with."""
        if self.url:
            require_url(self.url)
        if not INTERVAL_SECONDS_MIN <= self.interval_seconds <= INTERVAL_SECONDS_MAX:
            raise ValueError(f"interval_seconds must be 1 to 3600: {self.interval_seconds:g}")
        if not 0 < self.timeout_seconds <= TIMEOUT_SECONDS_MAX:
            raise ValueError(
                f"timeout_seconds must be above 0 and at most 300: {self.timeout_seconds:g}"
            )
        if not QUEUE_BYTES_MIN <= self.queue_bytes <= QUEUE_BYTES_MAX:
            raise ValueError(
                f"queue_bytes must be {QUEUE_BYTES_MIN} to {QUEUE_BYTES_MAX}: {self.queue_bytes}"
            )
        if bool(self.username) != bool(self.password_file):
            raise ValueError("username and password_file go together")
        if self.username and (":" in self.username or not self.username.isprintable()):
            raise ValueError(f"username must be printable, without a colon: {self.username!r}")
        if self.username and self.bearer_token_file:
            raise ValueError("username and bearer_token_file exclude each other")
        for name, value in self.headers.items():
            _require_header(name, value)
        self._require_secrecy()

    def _require_secrecy(self) -> None:
        if not (self.url and (self.username or self.bearer_token_file)):
            return
        url = URL(self.url)
        if url.scheme != "https" and not is_loopback(f"{url.host}:0"):
            raise ValueError(
                "a password or token is never sent in plaintext: url must be https://"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteWriteSettings(TargetSettings):
    """Prometheus remote write 1.0: VictoriaMetrics, Mimir, Thanos, Prometheus itself."""

    external_labels: dict[str, str] = setting(
        {},
        "Put on every series that does not have them already; job is wattgram and instance this "
        "host's name unless said. An empty one is left out.",
    )

    def __post_init__(self) -> None:
        self.require_good()
        for name, value in self.external_labels.items():
            if not _LABEL.fullmatch(name) or name.startswith("__"):
                raise ValueError(f"external_labels: no name of a label: {name!r}")
            if not all(letter.isprintable() for letter in value):
                raise ValueError(f"external_labels.{name} must be printable: {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpSettings(TargetSettings):
    """OTLP metrics over HTTP in protobuf: the OpenTelemetry Collector, and who speaks as it."""

    interval_seconds: float = setting(60.0, "Time between two pushes, 1 to 3600.")
    hardware_conventions: bool = setting(
        default=False,
        help_text="Send each host's hw.host.energy and hw.host.power too, as OpenTelemetry's "
        "conventions name them.",
    )

    def __post_init__(self) -> None:
        self.require_good()


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSettings:
    """The section `push`."""

    remote_write: RemoteWriteSettings = field(default_factory=RemoteWriteSettings)
    otlp: OtlpSettings = field(default_factory=OtlpSettings)


def require_url(text: str) -> None:
    """Raise ValueError unless it is http or https, with a host and no user in it."""
    try:
        url = URL(text)
        is_good = url.scheme in {"http", "https"} and bool(url.host) and url.port is not None
    except ValueError:
        is_good = False
    if not is_good or not text.isprintable():
        raise ValueError(f"url must be http:// or https:// and a host: {text!r}")
    if url.user is not None or url.password is not None:
        raise ValueError("url must have no user in it: there are username and password_file")


def _require_header(name: str, value: str) -> None:
    """Raise ValueError for a header that cannot be sent, or is not the operator's to set."""
    if not _HEADER.fullmatch(name):
        raise ValueError(f"headers: no name of a header: {name!r}")
    if name.lower() in _OURS:
        raise ValueError(f"headers.{name} is not to be set here")
    if not value.isascii() or not value.isprintable():
        raise ValueError(f"headers.{name} must be printable ASCII")
