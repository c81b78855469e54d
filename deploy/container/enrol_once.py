"""Get this agent its certificate before it starts: for an init container or service.

Usage: python3 enrol_once.py [--config FILE]

WATTGRAM_ENROL_COLLECTOR     https://host:port of the collector
WATTGRAM_ENROL_TOKEN_FILE    holds the one-time token (wattgram-collector enroll)
WATTGRAM_ENROL_TOKEN         or the token itself
WATTGRAM_ENROL_SECONDS       how long token and collector are waited for, by default 60

Nothing is done for an agent that has a certificate in force. Exit code 0: it has one now.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from wattgram.settings import SettingsError
from wattgram_agent.__main__ import main as wattgram_agent
from wattgram_agent.config import load_config

EXIT_FAILURE: Final = 1
EXIT_BAD_CONFIG: Final = 2
PAUSE_SECONDS: Final = 2.0
SECONDS_MAX: Final = 3600.0


def main(arguments: list[str]) -> int:
    """Return 0 once there is a certificate; say on stderr why there is none."""
    file = Path(arguments[1]) if arguments[:1] == ["--config"] and arguments[1:] else None
    try:
        config = load_config(file, os.environ)
        seconds = _seconds(os.environ.get("WATTGRAM_ENROL_SECONDS", "60"))
    except (SettingsError, ValueError) as error:
        _say(str(error))
        return EXIT_BAD_CONFIG
    directory = config.tls.directory or config.tls_directory
    ends = certificate_ends(directory / "agent.pem")
    if ends is not None and ends > datetime.now(UTC):
        _say(f"enrolled until {ends:%Y-%m-%d}")
        return 0
    collector = os.environ.get("WATTGRAM_ENROL_COLLECTOR", "")
    if not collector:
        _say("WATTGRAM_ENROL_COLLECTOR is not set: https://host:port of the collector")
        return EXIT_BAD_CONFIG
    config_flags = ["--config", str(file)] if file else []
    command = ["enroll", *config_flags, "--collector", collector, "--directory", str(directory)]
    return _enrol(command, time.monotonic() + seconds)


def certificate_ends(pair: Path) -> datetime | None:
    """Return when the certificate in a PEM file ends; None where there is none to be read."""
    with contextlib.suppress(OSError, ValueError):
        return x509.load_pem_x509_certificate(pair.read_bytes()).not_valid_after_utc
    return None


def _enrol(command: list[str], deadline: float) -> int:
    """Try until `deadline` (monotonic seconds): the collector may be starting, too."""
    while True:
        token = _token()
        if token and wattgram_agent([*command, "--token", token]) == 0:
            return 0
        if time.monotonic() >= deadline:
            _say("not enrolled" if token else _where_to_get_one())
            return EXIT_FAILURE
        time.sleep(PAUSE_SECONDS)


def _token() -> str:
    """Return the token; '' while there is none."""
    file = os.environ.get("WATTGRAM_ENROL_TOKEN_FILE", "")
    if file:
        with contextlib.suppress(OSError, ValueError):
            return Path(file).read_text(encoding="ascii").strip()
    return os.environ.get("WATTGRAM_ENROL_TOKEN", "").strip()


def _where_to_get_one() -> str:
    file = os.environ.get("WATTGRAM_ENROL_TOKEN_FILE", "")
    where = (
        f"{file} is not there" if file else "neither WATTGRAM_ENROL_TOKEN nor _TOKEN_FILE is set"
    )
    return f"no token: {where}; `wattgram-collector enroll AGENT_ID` on the collector makes one"


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= SECONDS_MAX:
        raise ValueError(f"WATTGRAM_ENROL_SECONDS must be 0 to {SECONDS_MAX:.0f}: {text}")
    return seconds


def _say(text: str) -> None:
    print(f"enrol_once: {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
