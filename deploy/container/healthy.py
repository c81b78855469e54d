"""Exit with 0 when the collector in this container answers /healthz, for the engine's check.

Usage: python3 healthy.py [--config FILE]

It needs http.open_health where http.authentication is required. The certificate is not looked at:
nothing is sent, and who answers on this container's own loopback is the collector.
"""

from __future__ import annotations

import http.client
import os
import ssl
import sys
from pathlib import Path
from typing import Final

from wattgram.settings import SettingsError
from wattgram_collector.config import load_config

OK: Final = 200
SECONDS: Final = 5.0
EXIT_FAILURE: Final = 1
EXIT_BAD_CONFIG: Final = 2


def main(arguments: list[str]) -> int:
    """Ask over TLS, and without where that is not spoken."""
    file = Path(arguments[1]) if arguments[:1] == ["--config"] and arguments[1:] else None
    try:
        address = load_config(file, os.environ).http.address
    except SettingsError as error:
        print(f"healthy: {error}", file=sys.stderr)
        return EXIT_BAD_CONFIG
    host, port = asked(address)
    statuses = [status(connection) for connection in _connections(host, port)]
    if OK in statuses:
        return 0
    print(f"healthy: {host}:{port}/healthz: {' and '.join(statuses_in_words(statuses))}")
    return EXIT_FAILURE


def asked(address: str) -> tuple[str, int]:
    """PURE. Return host and port to ask of a listening address: loopback where it is any."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), int(port)  # noqa: S104


def status(connection: http.client.HTTPConnection) -> int:
    """Return the status of /healthz, 0 where there is no answer."""
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def statuses_in_words(statuses: list[int]) -> list[str]:
    """PURE."""
    return [str(one) if one else "no answer" for one in statuses]


def _connections(host: str, port: int) -> list[http.client.HTTPConnection]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return [
        http.client.HTTPSConnection(host, port, timeout=SECONDS, context=context),
        http.client.HTTPConnection(host, port, timeout=SECONDS),
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
