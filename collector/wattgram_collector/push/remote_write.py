"""PURE. Points to Prometheus remote write 1.0: protobuf, packed by snappy.

Every series that was in one collection and is not in the next gets a staleness marker, once, as
a scrape would give it: whoever asks then sees that it ended, and no last value that lingers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import cramjam

from wattgram_collector.push.outbox import Parcel
from wattgram_collector.push.points import ENDED_AT_ONCE, Point
from wattgram_collector.push.remote_write_pb2 import TimeSeries, WriteRequest

SERIES_PER_REQUEST: Final = 1_000
NANOSECONDS_PER_MILLISECOND: Final = 1_000_000
TOO_MANY: Final = 429
SERVER_ERRORS: Final = 500
STALE: Final[float] = struct.unpack("<d", struct.pack("<Q", 0x7FF0_0000_0000_0002))[0]
"""The one NaN that means: this series has ended."""
HEADERS: Final = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


class RemoteWrite:
    """One target's encoder: it remembers which series it sent last."""

    headers: Mapping[str, str] = HEADERS

    def __init__(
        self, external_labels: Mapping[str, str], series_per_request: int = SERIES_PER_REQUEST
    ) -> None:
        self._external = {name: value for name, value in external_labels.items() if value}
        self._series_per_request = series_per_request
        self._before: set[bytes] = set()
        self._now: set[bytes] = set()
        self._unix_milliseconds = 0
        self._request = WriteRequest()

    def begin(self, unix_nanoseconds: int) -> None:
        """Begin a collection, all of whose samples are of this time."""
        self._unix_milliseconds = unix_nanoseconds // NANOSECONDS_PER_MILLISECOND
        self._now = set()
        self._request = WriteRequest()

    def add(self, points: Iterable[Point]) -> list[Parcel]:
        """Take points of the collection; return the requests that are full."""
        full = []
        for point in points:
            series = self._labels(point)
            if series in self._now:
                continue  # hosts of one grid each bring its intensity
            self._now.add(series)
            self._before.discard(series)
            full += self._written(series, point.value)
        return full

    def end(self) -> Iterator[list[Parcel]]:
        """Yield the last requests: what has ended since the collection before says so."""
        ended = list(self._before)
        self._before = self._now
        for at in range(0, len(ended), ENDED_AT_ONCE):
            yield [
                parcel
                for series in ended[at : at + ENDED_AT_ONCE]
                for parcel in self._written(series, STALE)
            ]
        if self._request.timeseries:
            yield [self._packed()]

    def answered(self, _: bytes) -> int:
        """Return how many samples an answer of success says were not taken: it cannot say."""
        return 0

    def is_retryable(self, status: int) -> bool:
        """Return whether the request may be taken later."""
        return status == TOO_MANY or status >= SERVER_ERRORS

    def _written(self, series: bytes, value: float) -> list[Parcel]:
        one = self._request.timeseries.add()
        one.MergeFromString(series)
        sample = one.samples.add()
        sample.value = value
        sample.timestamp = self._unix_milliseconds
        return (
            [self._packed()] if len(self._request.timeseries) >= self._series_per_request else []
        )

    def _packed(self) -> Parcel:
        count = len(self._request.timeseries)
        body = bytes(cramjam.snappy.compress_raw(self._request.SerializeToString()))
        self._request = WriteRequest()
        return Parcel(body, count)

    def _labels(self, point: Point) -> bytes:
        """Return a series without samples: what it is known by, as it is sent."""
        named = {**self._external, **dict(point.labels), "__name__": point.shown.name}
        series = TimeSeries()
        for name in sorted(named):
            if named[name]:
                series.labels.add(name=name, value=named[name])
        return series.SerializeToString(deterministic=True)
