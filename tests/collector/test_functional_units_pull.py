"""Units that Prometheus counts: what it does not know is an error, and never 0."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from said_desk import SaidDesk
from wattgram.settings import SettingsError
from wattgram_collector.config import load_config
from wattgram_collector.inventory.periods import parse_period
from wattgram_collector.inventory.said.prometheus import (
    QueryError,
    count_of,
    query_of,
    row_of,
    steps,
)
from wattgram_collector.inventory.said.units import units_sort
from wattgram_collector.inventory.said.units_settings import FunctionalUnitsSettings

QUERY = "sum(increase(mails_sent_total[$interval]))"
SETTINGS = FunctionalUnitsSettings(
    service="mail", unit="email", prometheus_url="http://127.0.0.1:9090/", query=QUERY
)


def vector(*values: str) -> dict[str, Any]:
    found = [{"metric": {}, "value": [1_700_000_000, value]} for value in values]
    return {"status": "success", "data": {"resultType": "vector", "result": found}}


class FakePrometheus(ThreadingHTTPServer):
    """Answers instant queries by their time; keeps what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        server: FakePrometheus

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked = {name: one for name, (one,) in parse_qs(body.decode()).items()}
            self.server.asked.append((self.path, asked, self.headers.get("Authorization")))
            status, said = self.server.answers.get(asked["time"], (200, vector("1.5")))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(said if isinstance(said, bytes) else json.dumps(said).encode())

        def do_GET(self) -> None:
            self.server.asked.append((self.path, {}, None))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(vector("1")).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    answers: ClassVar[dict[str, tuple[int, Any]]] = {}

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.asked: list[tuple[str, dict[str, str], str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def answering(answers: dict[str, tuple[int, Any]]) -> Iterator[FakePrometheus]:
    with FakePrometheus() as server:
        server.answers = answers
        thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def section(url: str, **more: str) -> str:
    said = {"service": "mail", "unit": "email", "prometheus_url": url, "query": QUERY, **more}
    lines = [f"{name} = {json.dumps(value)}" for name, value in said.items()]
    return "\n".join(["[functional_units.mails]", *lines, ""])


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> SaidDesk:
    return SaidDesk(tmp_path, capsys, "")


def at(day: int) -> str:
    """The end of a day of November 2025."""
    return str(parse_period(f"2025-11-{day:02}", "UTC").interval.end_unix_seconds)


# ── PURE ─────────────────────────────────────────────────────────────────────────────────────


@given(st.sampled_from(["hour", "day", "month"]), st.sampled_from(["UTC", "Europe/Berlin"]),
       st.sampled_from(["2025-10", "2025-Q1", "2025-03-30", "2025-10-20/2025-11-03"]))  # fmt: skip
def test_the_steps_are_the_period_without_a_gap(every: str, timezone: str, name: str) -> None:
    period = parse_period(name, timezone)
    found = list(steps(period, every))
    start, end = period.interval

    assert [found[0][0], *(one[1] for one in found)] == [*(one[0] for one in found), end]
    assert found[0].start_unix_seconds == start
    if every == "day":
        assert len(found) == (period.after - period.first).days


def test_a_long_day_is_asked_for_as_long_as_it_is() -> None:
    (day,) = steps(parse_period("2025-10-26", "Europe/Berlin"), "day")

    assert query_of(SETTINGS, day) == "sum(increase(mails_sent_total[90000s]))"
    row = row_of("mails", SETTINGS, day, Fraction("12.5"))
    one = units_sort().take(row)
    assert (one.count, one.interval, one.source) == (Fraction("12.5"), day, "prometheus mails")
    assert "[90000s])) at 2025-10-26T23:00:00Z of http://127.0.0.1:9090/" in one.evidence


@pytest.mark.parametrize(
    ("said", "count"),
    [
        (vector("12.5"), "12.5"),
        (vector("1.2e+06"), "1200000"),
        (vector("0"), "0"),
        ({"status": "success", "data": {"resultType": "scalar", "result": [1, "7"]}}, "7"),
    ],
)
def test_one_number_is_a_count(said: object, count: str) -> None:
    assert count_of(json.dumps(said).encode()) == Fraction(count)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (vector(), "no data: nothing is known, which is not 0"),
        (vector("1", "2"), "2 series instead of one: sum() them"),
        (vector("NaN"), "NaN is no count"),
        (vector("+Inf"), "Infinity is no count"),
        (vector("-1"), "-1 is below 0"),
        (vector("1e999999"), "is no count"),
        (vector("x"), "'x' is no number"),
        ({**vector("1"), "warnings": ["partial response"]}, "Prometheus warns: ['partial resp"),
        ({"status": "error", "error": "parse error"}, "parse error"),
        ({"status": "success", "data": {"resultType": "matrix"}}, "gives a matrix, not one"),
        ({"status": "success", "data": []}, "the answer is none of Prometheus"),
        ({"status": "success", "data": {"resultType": "vector", "result": [3]}}, "is no number"),
        ([], "the answer is none of Prometheus"),
    ],
)
def test_whatever_else_is_no_number(said: object, reason: str) -> None:
    with pytest.raises(QueryError) as caught:
        count_of(json.dumps(said).encode())

    assert reason in str(caught.value)


@given(st.binary(max_size=60))
def test_no_answer_breaks_it(body: bytes) -> None:
    with pytest.raises(QueryError):
        count_of(body)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"query": "mails_sent_total"}, "query must have $interval in it"),
        ({"service": ""}, "service must be 1 to 60 printable characters"),
        ({"prometheus_url": "http://me:secret@host"}, "url must have no user in it"),
        ({"prometheus_url": "ftp://host"}, "url must be http://"),
        ({"username": "u"}, "username and password_file go together"),
        (
            {"prometheus_url": "http://host:1", "bearer_token_file": "/t"},
            "never sent in plaintext",
        ),
        ({"every": "week"}, "every"),
    ],
)
def test_a_section_that_cannot_be_asked_with(
    tmp_path: Path, change: dict[str, str], reason: str
) -> None:
    said = {"prometheus_url": "http://127.0.0.1:1", **change}
    file = tmp_path / "c.toml"
    file.write_text(section(said.pop("prometheus_url"), **said))

    with pytest.raises(SettingsError) as caught:
        load_config(file, {})

    assert reason in str(caught.value)


# ── the command ──────────────────────────────────────────────────────────────────────────────


def test_each_day_is_an_entry_with_its_query_as_evidence(desk: SaidDesk) -> None:
    answers = {at(1): (200, vector("100")), at(2): (200, vector("20.25"))}
    with answering(answers) as server:
        desk.configure(section(server.url))
        assert desk.run("units", "pull", "--period", "2025-11-01/2025-11-03") == 0
        assert "2 new and 0 replaced taken" in desk.out
        assert desk.run("units", "pull", "--period", "2025-11-01/2025-11-03") == 0
        assert len(server.asked) == 2, "what is kept is not asked for again"

        path, asked, authorization = server.asked[0]
        assert path == "/api/v1/query"
        assert asked == {"query": QUERY.replace("$interval", "86400s"), "time": at(1)}
        assert authorization is None
    (found,) = desk.json("units", "list", "--period", "2025-11-01/2025-11-03")
    assert (found["count"], found["remarks"]) == ("120.25", [])
    first, _ = desk.json("units", "list")
    assert f"at 2025-11-02T00:00:00Z of http://127.0.0.1:{server.server_port}" in first["evidence"]


def test_a_day_that_prometheus_does_not_know_is_told_and_not_booked(desk: SaidDesk) -> None:
    answers = {
        at(1): (200, vector()),
        at(2): (400, {"status": "error", "error": "invalid parameter"}),
        at(3): (500, b"<html>"),
        at(4): (302, b""),
    }
    with answering(answers) as server:
        desk.configure(section(server.url))
        assert desk.run("units", "pull", "--period", "2025-11-01/2025-11-06", "mails") == 1

    assert "prometheus mails at 2025-11-02T00:00:00Z: no data" in desk.err
    assert "HTTP 400: invalid parameter" in desk.err
    assert "HTTP 500: the answer is no JSON" in desk.err
    assert "HTTP 302" in desk.err
    assert "1 new and 0 replaced taken" in desk.out
    (found,) = desk.json("units", "list")
    assert found["from"] == "2025-11-05T00:00:00Z"


def test_a_count_that_was_pulled_is_replaced_only_when_it_is_asked(desk: SaidDesk) -> None:
    with answering({at(1): (200, vector("100"))}) as server:
        desk.configure(section(server.url))
        desk.run("units", "pull", "--period", "2025-11-01")
        server.answers[at(1)] = (200, vector("101"))
        assert desk.run("units", "pull", "--period", "2025-11-01", "--dry-run", "--replace") == 0
        assert desk.json("units", "list")[0]["count"] == "100"
        assert desk.run("units", "pull", "--period", "2025-11-01", "--replace") == 0

    assert desk.json("units", "list")[0]["count"] == "101"


def test_what_is_not_over_yet_is_not_asked_for(desk: SaidDesk) -> None:
    with answering({}) as server:
        desk.configure(section(server.url))
        assert desk.run("units", "pull", "--period", "2199-01") == 0
        assert server.asked == []
    assert "2199-01-01T00:00:00Z and later are not over yet" in desk.err
    assert desk.entries == []


def test_a_token_is_sent_and_never_told(desk: SaidDesk) -> None:
    token = desk.directory / "token"
    token.write_text("s3cret\n")
    with answering({at(1): (401, b"")}) as server:
        desk.configure(section(server.url, bearer_token_file=str(token)))
        token.chmod(0o644)
        assert desk.run("units", "pull", "--period", "2025-11-01") == 1
        assert "chmod 600" in desk.err
        assert server.asked == []
        token.chmod(0o600)
        assert desk.run("units", "pull", "--period", "2025-11-01") == 1
        assert server.asked[0][2] == "Bearer s3cret"
        assert "HTTP 401" in desk.err
        assert desk.run("units", "pull", "--period", "2025-11-02") == 0
    assert "s3cret" not in desk.out + desk.err + desk.entries[0].text


def test_where_nobody_answers_it_is_told(desk: SaidDesk) -> None:
    with answering({}) as server:
        url = server.url
    desk.configure(section(url))

    assert desk.run("units", "pull", "--period", "2025-11-01") == 1
    assert "Connection refused" in desk.err
    assert desk.run("units", "pull", "--period", "2025-11-01", "none") == 2
    assert "no section functional_units.none: there are mails" in desk.err
    desk.configure("")
    assert desk.run("units", "pull", "--period", "2025-11-01") == 2
