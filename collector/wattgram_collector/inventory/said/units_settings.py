"""What an operator may set of functional units that Prometheus counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from yarl import URL

from wattgram.settings import is_loopback, setting
from wattgram_collector.push.settings import TIMEOUT_SECONDS_MAX, require_url

PLACEHOLDER: Final = "$interval"
QUERY_LENGTH_MAX: Final = 600
NAME_LENGTH_MAX: Final = 60
EVERY: Final = ("hour", "day", "month")


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionalUnitsSettings:
    """One `[functional_units.<name>]`: units that a query of Prometheus counts."""

    service: str = setting("", "What it is a unit of: the service of assets and activities.")
    unit: str = setting("", "What one is, such as email, stream_hour, prompt or request.")
    prometheus_url: str = setting("", "Where Prometheus is asked, such as http://localhost:9090.")
    query: str = setting(
        "",
        "Counts the units of an interval, as one number: sum(increase(mails_sent_total[$interval]"
        ")). $interval becomes its length; the query is evaluated at its end.",
    )
    every: str = setting("day", "How long one entry is.", choices=EVERY)
    timeout_seconds: float = setting(30.0, "How long to wait for an answer, at most 300.")
    username: str = setting("", "User of basic authentication; with password_file.")
    password_file: Path | None = setting(None, "Holds that user's password; mode 0600.")
    bearer_token_file: Path | None = setting(None, "Holds a token to ask with; mode 0600.")
    ca_file: Path | None = setting(
        None, "Certificates that vouch for Prometheus (PEM), instead of the system's."
    )

    def __post_init__(self) -> None:
        for name in ("service", "unit", "query"):
            value = getattr(self, name)
            longest = QUERY_LENGTH_MAX if name == "query" else NAME_LENGTH_MAX
            if not value or not value.isprintable() or len(value) > longest:
                raise ValueError(
                    f"{name} must be 1 to {longest} printable characters on one line: {value!r}"
                )
        require_url(self.prometheus_url)
        if PLACEHOLDER not in self.query:
            raise ValueError(f"query must have {PLACEHOLDER} in it: {self.query!r}")
        if not 0 < self.timeout_seconds <= TIMEOUT_SECONDS_MAX:
            raise ValueError(
                f"timeout_seconds must be above 0 and at most {TIMEOUT_SECONDS_MAX:g}"
            )
        if bool(self.username) != bool(self.password_file):
            raise ValueError("username and password_file go together")
        if self.username and self.bearer_token_file:
            raise ValueError("username and bearer_token_file exclude each other")
        url = URL(self.prometheus_url)
        is_safe = url.scheme == "https" or is_loopback(f"{url.host}:0")
        if (self.username or self.bearer_token_file) and not is_safe:
            raise ValueError(
                "a password or token is never sent in plaintext: prometheus_url must be https://"
            )


def require_names(sections: Mapping[str, FunctionalUnitsSettings]) -> None:
    """Raise ValueError naming a section that no source of units can be called after."""
    for name in sections:
        if not name.isprintable() or len(name) > NAME_LENGTH_MAX:
            raise ValueError(
                f"the name of a section of functional_units must be at most {NAME_LENGTH_MAX} "
                f"printable characters: {name!r}"
            )
