"""Debian's Prometheus counts e-mails; the collector pulls them as functional units."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import aiohttp
import pytest

from daemons import Prometheus, running, wait_until
from wattgram_collector.inventory.periods import Interval
from wattgram_collector.inventory.said.prometheus import QueryError, ask, query_of
from wattgram_collector.inventory.said.units_settings import FunctionalUnitsSettings

pytestmark = pytest.mark.servers

PER_SCRAPE = 10


class Mailer(ThreadingHTTPServer):
    """An exporter: ten more mails at each scrape."""

    class Handler(BaseHTTPRequestHandler):
        server: Mailer

        def do_GET(self) -> None:
            self.server.sent += PER_SCRAPE
            page = f"# TYPE mails_sent_total counter\nmails_sent_total {self.server.sent}\n"
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.sent = 0


async def test_prometheus_is_asked_for_units(tmp_path: Path) -> None:
    with Mailer() as mailer:
        thread = threading.Thread(target=mailer.serve_forever, daemon=True)
        thread.start()
        scraper = Prometheus(tmp_path / "prometheus", mailer.server_port, 1)
        with running(scraper):
            begun = time.time()
            wait_until(lambda: scraper.value("count_over_time(mails_sent_total[1h])"),
                       30, "a scrape")  # fmt: skip
            wait_until(lambda: mailer.sent >= 8 * PER_SCRAPE, 30, "scrapes")
            now = int(time.time())
            step = Interval(int(begun), now)
            settings = FunctionalUnitsSettings(
                service="mail", unit="email",
                prometheus_url=f"http://127.0.0.1:{scraper.port}",
                query="sum(increase(mails_sent_total[$interval]))",
            )  # fmt: skip
            async with aiohttp.ClientSession() as session:
                counted = await ask(session, settings, step)
                before = Interval(step.start_unix_seconds - 7_200, step.start_unix_seconds - 3_600)
                with pytest.raises(QueryError, match="no data: nothing is known"):
                    await ask(session, settings, before)
            truth = scraper.value(query_of(settings, step), now)

        mailer.shutdown()
        thread.join()
    assert float(counted) == pytest.approx(truth)
    assert counted > 0
