"""The server of a provider of carbon intensities, on loopback."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HALF_HOUR = 1_800
FORECAST = 200
"""In grams per kilowatt-hour."""


class Grid(BaseHTTPRequestHandler):
    """Great Britain as NESO tells it: a forecast for a day around now, nothing measured yet."""

    def do_GET(self) -> None:
        first = int(time.time()) // HALF_HOUR * HALF_HOUR
        values = {"forecast": FORECAST, "actual": None, "index": "moderate"}
        slots = [
            {"from": _when(start), "to": _when(start + HALF_HOUR), "intensity": values}
            for start in range(first - 24 * HALF_HOUR, first + 24 * HALF_HOUR, HALF_HOUR)
        ]
        body = json.dumps({"data": slots}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base's name
        """Say nothing."""


def _when(unix_seconds: int) -> str:
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%dT%H:%MZ")


@contextmanager
def grid() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Grid)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
