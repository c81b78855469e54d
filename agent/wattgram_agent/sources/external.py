"""Meters in the supply of this host that the operator has named: a plug, a PDU, a file.

Each is a zone of the whole host, and two power supplies on two plugs are summed. A meter that
does not answer is a zone that fails: it was declared, and the host has not stopped drawing.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from wattgram.readings import State, require_label
from wattgram_agent.config import ExternalSettings
from wattgram_agent.http_get import BODY_BYTES_MAX, HttpAddress, HttpError, get
from wattgram_agent.meter_payloads import Energy, PayloadError, parse_payload
from wattgram_agent.source import (
    CounterSample,
    FailedSample,
    GaugeSample,
    HostPaths,
    Point,
    Sample,
    Scope,
    Source,
    SourceUnavailableError,
    Zone,
)
from wattgram_agent.sysfs import require_regular

NAME: Final = "external"
DOMAIN: Final = "meter"
TIMEOUT_SECONDS: Final = 3.0
STALE_PERIODS: Final = 3
HTTP_PORT: Final = 80

# Of a query, only these may be seen: any other may be a secret.
_TELLING: Final = frozenset({"id", "channel", "index", "meter", "outlet", "port"})


class Meter(NamedTuple):
    """A meter and where it is asked."""

    zone: Zone
    where: HttpAddress | Path


class ExternalSource(Source):
    """All meters that are configured, asked one after the other."""

    name = NAME
    may_block = True

    def __init__(
        self, meters: Sequence[Meter], period_seconds: float, timeout_seconds: float
    ) -> None:
        self.period_seconds = period_seconds
        self._meters = tuple(meters)
        self._timeout_seconds = timeout_seconds

    def zones(self) -> Sequence[Zone]:
        return [meter.zone for meter in self._meters]

    def sample(self) -> Sequence[Sample]:
        return [self._sample(meter) for meter in self._meters]

    def close(self) -> None:
        """Nothing is held open."""

    def _sample(self, meter: Meter) -> Sample:
        point = meter.zone.point
        try:
            value = parse_payload(self._read(meter.where))
        except (HttpError, PayloadError) as error:
            return FailedSample(point, error.reason, error.detail)
        except PermissionError as error:
            return FailedSample(point, "permission_denied", str(error.strerror))
        except (OSError, ValueError) as error:
            # ValueError: a name that this file system cannot have.
            text = getattr(error, "strerror", None) or type(error).__name__
            return FailedSample(point, "unreadable", text)
        if isinstance(value, Energy):
            return CounterSample(point, value.microjoules, value.wraps_at)
        return GaugeSample(point, value.microwatts, averaged=False)

    def _read(self, where: HttpAddress | Path) -> bytes:
        if isinstance(where, Path):
            return read_fresh(where, STALE_PERIODS * self.period_seconds)
        return get(where, self._timeout_seconds)


def discover(
    paths: HostPaths,  # noqa: ARG001 - no meter in the supply is in the kernel
    settings: ExternalSettings,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> ExternalSource:
    """Return what is configured, asking nothing; raises SourceUnavailableError."""
    if not settings.meters:
        raise SourceUnavailableError(State.ABSENT, "not configured")
    meters: dict[Point, Meter] = {}
    for number, text in enumerate(settings.meters, 1):
        try:
            meter = parse_meter(text)
            if meter.zone.point in meters:
                raise ValueError(f"{meter.zone.point.instance} is there twice")
        except ValueError as error:
            raise SourceUnavailableError(
                State.ERROR, f"external.meters, entry {number}: {error}"
            ) from error
        meters[meter.zone.point] = meter
    return ExternalSource(list(meters.values()), settings.period_seconds, timeout_seconds)


def parse_meter(text: str) -> Meter:
    """Return the meter that an entry of the configuration names.

    Raises ValueError with a text that does not repeat the entry: it may hold a password.
    """
    if text.startswith("/"):
        return _file_meter(text)
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("an address has no spaces and only ASCII: write others as %20")
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise ValueError("no address: the host or the port is malformed") from None
    match url.scheme:
        case "file" if not url.netloc and url.path.startswith("/"):
            return _file_meter(unquote(url.path))
        case "http" if url.hostname:
            return _http_meter(url, url.hostname, HTTP_PORT if port is None else port)
        case "https":
            raise ValueError("https is not possible, the agent is without Python's TLS: "
                             "use http://, or let a file be written")  # fmt: skip
        case _:
            raise ValueError("neither http://host/path nor an absolute path nor file:///path")


def read_fresh(path: Path, stale_seconds: float) -> bytes:
    """Return the content of a file that was written lately; raises OSError or PayloadError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(descriptor, "rb", buffering=0) as file:
        require_regular(file.fileno())
        age = time.time() - os.fstat(file.fileno()).st_mtime
        # One from the future is not believed either: a clock has been set.
        if not -stale_seconds <= age <= stale_seconds:
            raise PayloadError("stale", f"written {age:.0f} s ago, after {stale_seconds:.0f} s")
        content = file.read(BODY_BYTES_MAX + 1)
    if len(content) > BODY_BYTES_MAX:
        raise PayloadError("unreadable", f"longer than {BODY_BYTES_MAX} bytes")
    return content


def _file_meter(text: str) -> Meter:
    path = Path(text)
    require_label("the path", text)
    require_label("the name of the file", path.name)
    return Meter(_zone(path.name, text), path)


def _http_meter(url: SplitResult, host: str, port: int) -> Meter:
    place = f"[{host}]" if ":" in host else host
    told = [f"{key}={value}" for key, value in parse_qsl(url.query) if key in _TELLING]
    instance = place if port == HTTP_PORT else f"{place}:{port}"
    instance += (url.path or "/") + (f"?{'&'.join(told)}" if told else "")
    require_label("host and path", instance)
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    address = HttpAddress(host, port, target, _authorization(url))
    return Meter(_zone(instance, f"http://{instance}"), address)


def _authorization(url: SplitResult) -> str:
    if url.username is None:
        return ""
    pair = f"{unquote(url.username)}:{unquote(url.password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _zone(instance: str, location: str) -> Zone:
    return Zone(point=Point(NAME, DOMAIN, instance), scope=Scope.HOST, location=location[:200])
