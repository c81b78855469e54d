"""Meters that the operator has named: over HTTP from a server on loopback, and from files."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.readings import Quality, State
from wattgram_agent.composition import compose
from wattgram_agent.config import ExternalSettings
from wattgram_agent.http_get import HttpAddress
from wattgram_agent.source import (
    CounterSample,
    FailedSample,
    GaugeSample,
    HostPaths,
    Point,
    Sample,
    Scope,
    SourceUnavailableError,
)
from wattgram_agent.sources import external
from wattgram_agent.sources.external import ExternalSource, parse_meter

PATHS = HostPaths(sysfs=Path("sys"), procfs=Path("proc"))
PERIOD = 10.0

# As the makers document them: see test_meter_payloads.
ANSWERS = {
    "/rpc/Switch.GetStatus?id=0": {"id": 0, "output": True, "apower": 41.2, "voltage": 231.4,
                                   "aenergy": {"total": 46791.262}},
    "/rpc/Switch.GetStatus?id=1": {"id": 1, "output": True, "apower": 12.0, "voltage": 231.4,
                                   "aenergy": {"total": 2.5}},
    "/meter/0": {"power": 41.2, "is_valid": True, "total": 61},
    "/cm?cmnd=Status%208": {"StatusSNS": {"ENERGY": {"Total": 167.743, "Power": 41}}},
    "/power": {"power_watts": 41.2},
}  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    asked: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Authorization"]))
        answer = ANSWERS.get(self.path)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/power")
            self.end_headers()
            return
        if answer is None:
            self.send_error(404)
            return
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing."""

    def log_error(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    """A real server on loopback; its host and port."""
    Handler.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def start(*meters: str) -> ExternalSource:
    return external.discover(PATHS, ExternalSettings(meters=meters, period_seconds=PERIOD))


def sample_one(meter: str) -> Sample:
    (sample,) = start(meter).sample()
    return sample


def unavailable(*meters: str) -> SourceUnavailableError:
    with pytest.raises(SourceUnavailableError) as caught:
        start(*meters)
    return caught.value


def written(path: Path, content: str | bytes = '{"power_watts": 41.2}', age: float = 0) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    then = time.time() - age
    os.utime(path, (then, then))
    return str(path)


def test_without_a_meter_there_is_no_source() -> None:
    error = unavailable()

    assert (error.state, error.reason, error.fix) == (State.ABSENT, "not configured", "")


def test_a_meter_is_of_the_whole_host_whether_it_answers_or_not() -> None:
    source = start("http://192.0.2.1/rpc/Switch.GetStatus?id=0")
    (zone,) = source.zones()

    assert zone.point == Point("external", "meter", "192.0.2.1/rpc/Switch.GetStatus?id=0")
    assert zone.scope is Scope.HOST
    assert zone.quality is Quality.MEASURED
    assert zone.location == "http://192.0.2.1/rpc/Switch.GetStatus?id=0"
    assert source.may_block
    assert source.period_seconds == PERIOD
    assert source.problems() == ()
    source.close()


def test_two_supplies_on_two_plugs_are_both_counted(tmp_path: Path) -> None:
    source = start("http://192.0.2.1/meter/0", str(tmp_path / "second.json"))

    assert [decision.counted for decision in compose(source.zones())] == [True, True]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/rpc/Switch.GetStatus?id=0", 168_448_543_200_000),
        ("/rpc/Switch.GetStatus?id=1", 9_000_000_000),
        ("/meter/0", 3_660_000_000),
        ("/cm?cmnd=Status%208", -41_000_000),
        ("/power", -41_200_000),
    ],
)
def test_a_meter_is_asked_over_http(server: str, path: str, value: int) -> None:
    """Counters are positive here, and powers negative."""
    sample = sample_one(f"http://{server}{path}")

    if value < 0:
        assert sample == GaugeSample(sample.point, -value, averaged=False)
    else:
        assert sample == CounterSample(sample.point, value, None)
    assert [asked for asked, _ in Handler.asked] == [path]


def test_a_meter_that_fails_does_not_hide_another(server: str) -> None:
    source = start(f"http://{server}/nothing", f"http://{server}/power")

    failed, good = source.sample()

    assert failed == FailedSample(source.zones()[0].point, "unreadable", "HTTP 404")
    assert isinstance(good, GaugeSample)


def test_a_redirect_is_not_followed(server: str) -> None:
    sample = sample_one(f"http://{server}/moved")

    assert isinstance(sample, FailedSample)
    assert sample.detail == "HTTP 302: redirects are not followed"
    assert [asked for asked, _ in Handler.asked] == ["/moved"]


def test_a_password_is_used_and_never_shown(server: str) -> None:
    meter = f"http://admin:s%40fe@{server}/power?password=s@fe&id=3"

    source = start(meter)
    (sample,) = source.sample()

    assert Handler.asked == [("/power?password=s@fe&id=3", "Basic YWRtaW46c0BmZQ==")]
    shown = f"{source.zones()} {sample} {source.problems()}"
    assert source.zones()[0].point.instance == f"{server}/power?id=3"
    assert "fe" not in shown.replace("refusal", "")
    assert "admin" not in shown


@pytest.mark.parametrize(
    "meter",
    [
        "http://admin:hush@host:port/power",
        "http://admin:hush@[::1/power",
        "http://admin:hush@/power",
        "https://admin:hush@host/power",
        "ftp://admin:hush@host/power",
        "http://admin:hush@host/a b",
        "http://admin:hush@host/\n",
        "http://admin:hush@höst/",
        "http://admin:hush@host:99999/",
        "http://admin:hush@host/" + "x" * 200,
    ],
)
def test_an_address_that_is_none_is_an_error_without_its_password(meter: str) -> None:
    error = unavailable("/run/meter.json", meter)

    assert error.state is State.ERROR
    assert error.reason.startswith("external.meters, entry 2: ")
    assert "hush" not in error.reason


def test_https_says_what_to_do_instead() -> None:
    assert "https is not possible" in unavailable("https://host/power").reason


@pytest.mark.parametrize(
    "meter",
    ["", "host", "meter.json", "file:meter.json", "file://host/meter.json", "/", "file:///",
     "http:///path", "http://", "/x" + "y" * 200, "/tab\t", "file:///%00"],
)  # fmt: skip
def test_what_is_neither_address_nor_path_is_an_error(meter: str) -> None:
    assert unavailable(meter).state is State.ERROR


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("http://host/power", "http://host:80/power"),
        ("http://host/power", "http://user:x@host/power?token=1"),
        ("/run/a/meter.json", "/run/b/meter.json"),
        ("/run/meter.json", "file:///run/meter.json"),
    ],
)
def test_a_meter_that_would_be_counted_twice_is_an_error(first: str, second: str) -> None:
    error = unavailable(first, second)

    assert error.state is State.ERROR
    assert error.reason.endswith(" is there twice")


@pytest.mark.parametrize(
    ("meter", "instance", "where"),
    [
        ("http://Plug", "plug/", HttpAddress("plug", 80, "/")),
        ("http://plug:8080/a%20b", "plug:8080/a%20b", HttpAddress("plug", 8080, "/a%20b")),
        ("http://plug:80/x", "plug/x", HttpAddress("plug", 80, "/x")),
        ("http://[::1]:81/x", "[::1]:81/x", HttpAddress("::1", 81, "/x")),
        ("http://plug/cm?cmnd=Status%208", "plug/cm",
         HttpAddress("plug", 80, "/cm?cmnd=Status%208")),
        ("http://plug/x?outlet=3&key=k#part", "plug/x?outlet=3",
         HttpAddress("plug", 80, "/x?outlet=3&key=k")),
        ("http://u@plug/x", "plug/x", HttpAddress("plug", 80, "/x", "Basic dTo=")),
        ("/run/meter.json", "meter.json", Path("/run/meter.json")),
        ("file:///run/my%20meter", "my meter", Path("/run/my meter")),
        ("/run/Zähler 1", "Zähler 1", Path("/run/Zähler 1")),
    ],
)  # fmt: skip
def test_the_name_of_a_meter_is_where_it_is(
    meter: str, instance: str, where: HttpAddress | Path
) -> None:
    parsed = parse_meter(meter)

    assert parsed.zone.point.instance == instance
    assert parsed.where == where


def test_a_file_is_a_meter(tmp_path: Path) -> None:
    power = written(tmp_path / "power", '{"power_watts": 41.2}')
    energy = written(tmp_path / "energy", '{"energy_joules_total": 7, "wraps_at_joules": 100}')

    assert start(power, f"file://{energy}").sample() == [
        GaugeSample(Point("external", "meter", "power"), 41_200_000, averaged=False),
        CounterSample(Point("external", "meter", "energy"), 7_000_000, 100_000_000),
    ]


@pytest.mark.parametrize(("age", "is_good"), [(0, True), (25, True), (35, False), (-60, False)])
def test_a_file_is_believed_for_three_periods(
    tmp_path: Path, age: float, *, is_good: bool
) -> None:
    sample = sample_one(written(tmp_path / "meter", age=age))

    if is_good:
        assert isinstance(sample, GaugeSample)
    else:
        assert isinstance(sample, FailedSample)
        assert sample.reason == "stale"


def test_a_file_that_is_written_again_is_read_again(tmp_path: Path) -> None:
    source = start(written(tmp_path / "meter"))
    source.sample()

    replacement = tmp_path / "new"
    written(replacement, '{"power_watts": 50}')
    replacement.replace(tmp_path / "meter")

    assert source.sample() == [
        GaugeSample(Point("external", "meter", "meter"), 50_000_000, averaged=False)
    ]


def test_a_file_that_is_not_there_fails_until_it_is(tmp_path: Path) -> None:
    source = start(str(tmp_path / "meter"))
    point = Point("external", "meter", "meter")

    assert source.sample() == [FailedSample(point, "unreadable", "No such file or directory")]
    written(tmp_path / "meter")
    assert isinstance(source.sample()[0], GaugeSample)


def test_a_file_that_is_too_long_fails(tmp_path: Path) -> None:
    sample = sample_one(written(tmp_path / "meter", b'{"power_watts": 41}' + b" " * 70_000))

    assert isinstance(sample, FailedSample)
    assert sample.detail == "longer than 65536 bytes"


def test_what_is_no_file_fails_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")

    for name in ("fifo", "loop", "."):
        path = str(tmp_path / name) if name != "." else str(tmp_path)
        sample = sample_one(path)

        assert isinstance(sample, FailedSample)
        assert sample.reason == "unreadable"
        if name == "fifo":
            assert sample.detail == "not a regular file"


def test_a_file_that_may_not_be_read_is_denied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    source = start(written(tmp_path / "meter"))
    monkeypatch.setattr(os, "open", deny)
    (sample,) = source.sample()

    assert isinstance(sample, FailedSample)
    assert (sample.reason, sample.detail) == ("permission_denied", "Permission denied")


def test_a_name_that_no_file_can_have_fails(tmp_path: Path) -> None:
    zone = start("/run/meter").zones()[0]
    source = ExternalSource([external.Meter(zone, Path("/run/\0"))], PERIOD, 1.0)

    assert isinstance(source.sample()[0], FailedSample)


@given(content=st.binary(max_size=200))
def test_no_bytes_in_a_file_raise(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("meter") / "file"

    assert isinstance(sample_one(written(path, content)), FailedSample)


@given(meter=st.text(max_size=40) | st.text(max_size=40).map("http://{}".format))
def test_no_entry_raises_anything_else(meter: str) -> None:
    try:
        source = start(meter)
    except SourceUnavailableError:
        return
    (zone,) = source.zones()
    assert zone.point.instance.isprintable()
    assert 0 < len(zone.point.instance) <= 200
