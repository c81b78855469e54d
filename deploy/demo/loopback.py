"""What the stack of a demonstration is made with: ports, pages, programs, and who is told."""

from __future__ import annotations

import json
import shutil
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PAUSE_SECONDS = 0.1


class MissingError(Exception):
    """A program that the stack needs is not installed; the text names it."""


class NotWithinError(Exception):
    """Something did not happen in time; the text says what."""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def get(url: str) -> str:
    """Return a page, '' while nobody answers."""
    try:
        return str(urllib.request.urlopen(url, timeout=5).read().decode())
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return ""


def wait_until(holds: Callable[[], Any], seconds: float, what: str) -> Any:
    """Return what `holds` returns once it is true; raises NotWithinError."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > deadline:
            raise NotWithinError(f"not within {seconds:.0f} s: {what}")
        time.sleep(PAUSE_SECONDS)
    return found


class Webhook:
    """Who Alertmanager tells: a server that keeps what it was sent."""

    def __init__(self) -> None:
        self._told: list[dict[str, Any]] = []
        told = self._told

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                told.extend(json.loads(self.rfile.read(length))["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def told(self, alert: str, status: str, **labels: str) -> list[dict[str, Any]]:
        """Return the notifications of an alert that is `firing` or `resolved`."""
        return [
            one
            for one in list(self._told)
            if one["status"] == status
            and {"alertname": alert, **labels}.items() <= one["labels"].items()
        ]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise MissingError(f"needs {name} (Debian: apt-get install {name})")
    return found
