"""What is pushed is what is on /metrics: both encoders, what ends, what waits, the settings."""

from __future__ import annotations

import asyncio
import gzip
import math
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import cramjam
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families

from builders import (
    MODEL,
    NOW,
    PACKAGE,
    SECOND,
    batch,
    record,
    reported,
    small_fleet,
    table,
)
from stores import points_of
from wattgram.settings import SettingsError, load
from wattgram_collector.__main__ import main
from wattgram_collector.config import ENVIRONMENT_PREFIX, CollectorConfig
from wattgram_collector.exposition.metrics import collect
from wattgram_collector.exposition.text import render
from wattgram_collector.ingest.agents import Agent
from wattgram_collector.ledger import AgentTotals
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.push.otlp import Otlp, unit_of
from wattgram_collector.push.outbox import Outbox, Parcel
from wattgram_collector.push.pusher import HOSTS_PER_SLICE, Pusher, Source
from wattgram_collector.push.remote_write import RemoteWrite
from wattgram_collector.push.remote_write_pb2 import WriteRequest
from wattgram_collector.push.sender import Counts, Fate
from wattgram_collector.push.wiring import PushError, Pushing, counted_since

STALE_BITS = 0x7FF0_0000_0000_0002
Series = dict[frozenset[tuple[str, str]], float]


def scraped(fleet: Iterable[Agent], now: int = NOW) -> Series:
    """Return what a scrape sees; Prometheus leaves out labels that are empty."""
    return {
        frozenset({"__name__": one.name, **_said(one.labels)}.items()): one.value
        for family in text_string_to_metric_families(
            render(collect(fleet, now), openmetrics=False)
        )
        for one in family.samples
    }


def _said(labels: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in labels.items() if text}


async def pushed(
    encoder: Any, fleet: Iterable[Agent], now: int = NOW, **more: Any
) -> list[Parcel]:
    """Return the requests of one collection."""
    outbox, counts = Outbox(1 << 30), Counts()
    registry = more.pop("registry", CollectorRegistry())
    source = Source(fleet, registry, 0, **more)
    await Pusher(source, encoder, outbox, counts, 15, unix_nanoseconds=lambda: now).push()
    found = []
    while len(outbox):
        found.append(await outbox.first())
        outbox.done(found[-1])
    return found


def written(parcels: Iterable[Parcel]) -> list[tuple[frozenset[tuple[str, str]], float, int]]:
    """Return series, value and time of each sample, in order."""
    found = []
    for parcel in parcels:
        request = WriteRequest.FromString(bytes(cramjam.snappy.decompress_raw(parcel.body)))
        assert len(request.timeseries) == parcel.samples
        for series in request.timeseries:
            names = [label.name for label in series.labels]
            assert names == sorted(set(names))
            assert all(label.value for label in series.labels)
            (sample,) = series.samples
            labels = frozenset((label.name, label.value) for label in series.labels)
            found.append((labels, sample.value, sample.timestamp))
    return found


def exported(parcels: Iterable[Parcel]) -> list[dict[str, Any]]:
    requests = [
        ExportMetricsServiceRequest.FromString(gzip.decompress(parcel.body)) for parcel in parcels
    ]
    assert [len(points_of([one])) for one in requests] == [parcel.samples for parcel in parcels]
    return points_of(requests)


def otlp(**changes: Any) -> Otlp:
    values = {
        "instance": "collector-1",
        "fleet_since_unix_nanoseconds": NOW - 10**15,
        "own_since_unix_nanoseconds": NOW - 10**12,
    }
    return Otlp(**{**values, **changes})


def is_stale(value: float) -> bool:
    return struct.unpack("<Q", struct.pack("<d", value))[0] == STALE_BITS


# ── remote write ─────────────────────────────────────────────────────────────────────────


async def test_remote_write_sends_what_a_scrape_sees() -> None:
    fleet = small_fleet()
    parcels = await pushed(RemoteWrite({"job": "wattgram", "none": ""}), fleet)
    found = written(parcels)
    assert {frozenset(labels - {("job", "wattgram")}): value for labels, value, _ in found} == (
        scraped(fleet)
    )
    assert {at for _, _, at in found} == {NOW // 1_000_000}
    assert len({labels for labels, _, _ in found}) == len(found)


@pytest.mark.parametrize("kind", ["remote_write", "otlp"])
async def test_what_many_hosts_know_is_sent_once(kind: str) -> None:
    """Each host of a grid brings its intensity, and a store takes one value for a time."""
    fleet = many(3 * HOSTS_PER_SLICE)
    for agent in fleet:
        agent.intensity = small_fleet()[0].intensity
    if kind == "otlp":
        found = [one["name"] for one in exported(await pushed(otlp(), fleet))]
    else:
        parcels = await pushed(RemoteWrite({}), fleet)
        found = [dict(labels)["__name__"] for labels, _, _ in written(parcels)]
    assert found.count("wattgram_grid_carbon_intensity_grams_per_kilowatt_hour") == 1
    assert found.count("wattgram_agent_up") == len(fleet)


async def test_a_series_own_label_wins_over_an_external_one() -> None:
    found = written(await pushed(RemoteWrite({"host": "elsewhere"}), small_fleet()))
    assert {dict(labels)["host"] for labels, _, _ in found} == {
        "alpha", "beta", "gamma", "elsewhere",
    }  # fmt: skip
    assert {
        dict(labels)["__name__"] for labels, _, _ in found if ("host", "elsewhere") in labels
    } == {
        "wattgram_grid_carbon_intensity_grams_per_kilowatt_hour",
        "wattgram_grid_carbon_intensity_valid_until_timestamp_seconds",
    }


async def test_what_has_ended_says_so_once() -> None:
    encoder = RemoteWrite({})
    fleet = small_fleet()
    first = {labels for labels, _, _ in written(await pushed(encoder, fleet))}
    later = NOW + 100 * SECOND  # all are late
    second = written(await pushed(encoder, fleet, later))
    ended = {labels for labels, value, _ in second if is_stale(value)}
    assert {frozenset(one) for one in ended} == first - set(scraped(fleet, later))
    assert any(("__name__", "wattgram_host_power_watts") in one for one in ended)
    assert {at for _, _, at in second} == {later // 1_000_000}
    third = written(await pushed(encoder, fleet, later + SECOND))
    assert not [value for _, value, _ in third if math.isnan(value)]
    back = written(await pushed(encoder, fleet, NOW))
    assert {labels for labels, _, _ in back} == first


async def test_requests_are_small_and_complete() -> None:
    fleet = small_fleet()
    parcels = await pushed(RemoteWrite({}, series_per_request=10), fleet)
    assert [parcel.samples for parcel in parcels[:-1]] == [10] * (len(parcels) - 1)
    assert {labels: value for labels, value, _ in written(parcels)} == scraped(fleet)


async def test_the_collectors_own_metrics_are_pushed_too() -> None:
    registry = CollectorRegistry()
    Counter("own_things", "Things.", ["kind"], registry=registry).labels("a").inc(3)
    Gauge("own_count", "A gauge.", registry=registry).set(-2)
    Histogram("own_seconds", "Seconds.", buckets=(1,), registry=registry).observe(0.5)
    found = written(await pushed(RemoteWrite({}), [], registry=registry))
    assert {labels: value for labels, value, _ in found} == {
        frozenset({("__name__", "own_things_total"), ("kind", "a")}): 3,
        frozenset({("__name__", "own_count")}): -2,
        frozenset({("__name__", "own_seconds_bucket"), ("le", "1.0")}): 1,
        frozenset({("__name__", "own_seconds_bucket"), ("le", "+Inf")}): 1,
        frozenset({("__name__", "own_seconds_count")}): 1,
        frozenset({("__name__", "own_seconds_sum")}): 0.5,
    }
    kinds = {one["name"]: one["is_monotonic"]
             for one in exported(await pushed(otlp(), [], registry=registry))}  # fmt: skip
    assert kinds == {
        "own_things": True,
        "own_count": False,
        "own_seconds_bucket": True,
        "own_seconds_count": True,
        "own_seconds_sum": True,
    }


# ── OTLP ─────────────────────────────────────────────────────────────────────────────────


async def test_otlp_sends_what_a_scrape_sees() -> None:
    fleet = small_fleet()
    found = exported(await pushed(otlp(), fleet))
    assert {
        frozenset(
            {
                "__name__": one["name"] + "_total" * one["is_monotonic"],
                **one["labels"],
            }.items()
        ): one["value"]
        for one in found
    } == scraped(fleet)
    assert {one["time"] for one in found} == {NOW}


async def test_each_host_is_a_resource_and_so_is_the_collector() -> None:
    found = exported(await pushed(otlp(), small_fleet()))
    of_hosts = [one for one in found if "host.name" in one["resource"]]
    assert {one["resource"]["host.name"] for one in of_hosts} == {"alpha", "beta", "gamma"}
    assert all(one["resource"]["host.name"] == one["labels"]["host"] for one in of_hosts)
    assert all(one["resource"]["service.instance.id"] == one["labels"]["host"] for one in of_hosts)
    others = [one for one in found if one not in of_hosts]
    assert {one["resource"]["service.instance.id"] for one in others} == {"collector-1"}
    assert {one["name"].partition("_grams")[0] for one in others} == {
        "wattgram_grid_carbon_intensity",
        "wattgram_grid_carbon_intensity_valid_until_timestamp_seconds",
    }


async def test_sums_say_since_when_and_gauges_do_not() -> None:
    registry = CollectorRegistry()
    Counter("own_things", "Things.", registry=registry)
    found = exported(await pushed(otlp(), small_fleet(), registry=registry))
    since = {one["name"]: one["since"] for one in found}
    assert since["wattgram_host_energy_joules"] == NOW - 10**15
    assert since["own_things"] == NOW - 10**12
    assert since["wattgram_agent_cpu_seconds"] == 0  # nobody knows when the agent began
    assert {one["since"] for one in found if not one["is_monotonic"]} == {0}


async def test_a_sum_never_begins_after_it_was_seen() -> None:
    found = exported(await pushed(otlp(fleet_since_unix_nanoseconds=NOW + 5), small_fleet()))
    assert all(one["since"] <= one["time"] for one in found)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("wattgram_host_energy_joules", "J"),
        ("wattgram_host_power_watts", "W"),
        ("wattgram_emissions_co2e_grams", "g"),
        ("wattgram_host_emission_rate_grams_per_second", "g/s"),
        ("wattgram_grid_carbon_intensity_grams_per_kilowatt_hour", "{gCO2e/kWh}"),
        ("wattgram_network_receive_bytes", "By"),
        ("wattgram_agent_last_seen_timestamp_seconds", "s"),
        ("wattgram_agent_up", ""),
        ("hw.host.energy", "J"),
    ],
)
def test_units_are_those_that_a_name_ends_with(name: str, unit: str) -> None:
    assert unit_of(name) == unit


async def test_what_has_ended_says_so_once_over_otlp_too() -> None:
    encoder = otlp()
    fleet = small_fleet()
    await pushed(encoder, fleet)
    later = exported(await pushed(encoder, fleet, NOW + 100 * SECOND))
    ended = {one["name"] for one in later if one["value"] is None}
    assert {"wattgram_host_power_watts", "wattgram_agent_cpu_seconds"} <= ended
    assert "wattgram_host_energy_joules" not in ended
    assert all(one["value"] is not None
               for one in exported(await pushed(encoder, fleet, NOW + 101 * SECOND)))  # fmt: skip


async def test_the_conventions_names_are_sent_beside_ours_when_asked_for() -> None:
    mixed = reported(
        record(9, "mixed"),
        (table(PACKAGE), batch([10_000_000] * 10)),
        (table(MODEL), batch([20_000_000] * 10, sequence=2)),
    )
    fleet = [*small_fleet(), mixed]
    assert not [one for one in exported(await pushed(otlp(), fleet)) if "hw." in one["name"]]
    found = exported(await pushed(otlp(hardware_conventions=True), fleet))
    energy = {one["labels"]["hw.id"]: one for one in found if one["name"] == "hw.host.energy"}
    every = scraped(fleet)
    assert energy["mixed"]["value"] == 300
    for host in ("alpha", "beta", "gamma", "mixed"):
        of_host = {("__name__", "wattgram_host_energy_joules_total"), ("host", host)}
        assert energy[host]["value"] == sum(v for labels, v in every.items() if of_host <= labels)
        assert energy[host]["unit"] == "J"
        assert energy[host]["is_monotonic"]
        assert energy[host]["resource"]["host.name"] == host
    power = {one["labels"]["hw.id"] for one in found if one["name"] == "hw.host.power"}
    assert power == {"alpha", "gamma", "mixed"}  # beta is late: nothing is known of it
    small = exported(await pushed(otlp(hardware_conventions=True, points_per_request=7), fleet))
    assert len(small) == len(found)


# ── the beat ─────────────────────────────────────────────────────────────────────────────


def many(count: int) -> list[Agent]:
    alpha = small_fleet()[0]
    return [
        Agent(record(n, f"host-{n}"), alpha.totals, last_seen_unix_nanoseconds=NOW)
        for n in range(count)
    ]


async def test_others_get_their_turn_between_any_few_hosts() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.ensure_future(other())
    await pushed(RemoteWrite({}), many(20 * HOSTS_PER_SLICE))
    task.cancel()
    assert turns >= 20


async def test_hosts_that_come_while_it_is_pushed_do_no_harm() -> None:
    """A dictionary that grows while it is gone through raises."""
    fleet = dict(enumerate(many(3 * HOSTS_PER_SLICE)))

    class Growing:
        def __iter__(self) -> Any:
            return iter(fleet.values())

    async def grow() -> None:
        for n in range(1_000, 1_010):
            fleet[n] = Agent(record(n, f"host-{n}"), AgentTotals())
            await asyncio.sleep(0)

    await asyncio.gather(grow(), pushed(RemoteWrite({}), Growing()))


async def test_a_new_counter_is_pushed_as_0_as_it_is_scraped() -> None:
    (alpha, _, _) = small_fleet()
    alpha.totals.first_added_nanoseconds.update(dict.fromkeys(alpha.totals.usage, 5 * SECOND))
    for monotonic, is_shown in ((6 * SECOND, False), (30 * SECOND, True)):
        source = Source(
            [alpha],
            CollectorRegistry(),
            20 * SECOND,
            monotonic_nanoseconds=lambda now=monotonic: now,
        )
        points = [point for few in source.slices(NOW) for point in few]
        found = {p.value for p in points if p.shown.name == "wattgram_host_energy_joules_total"}
        assert (max(found) > 0) is is_shown


async def test_the_beat_leaves_out_turns_that_it_missed() -> None:
    now = 0
    slept: list[float] = []

    class Encoder:
        count = 0

        def begin(self, _: int) -> None:
            nonlocal now
            self.count += 1
            now += (35 if self.count == 1 else 1) * SECOND  # the first takes longer than a turn

        def add(self, _: object) -> list[Parcel]:
            return []

        def end(self) -> list[list[Parcel]]:
            return []

    async def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += int(seconds * SECOND)
        if len(slept) == 4:
            raise asyncio.CancelledError

    pusher = Pusher(
        Source([], CollectorRegistry(), 0), Encoder(), Outbox(10), Counts(), 10,
        monotonic_nanoseconds=lambda: now,
    )  # fmt: skip
    with pytest.raises(asyncio.CancelledError):
        await pusher.run(sleep)
    assert slept == [0, 5, 9, 9]


# ── what waits ───────────────────────────────────────────────────────────────────────────


async def test_the_oldest_goes_when_there_is_no_room() -> None:
    outbox = Outbox(10)
    old, new = Parcel(b"12345", 2), Parcel(b"678901", 3)
    assert outbox.put(old) == 0
    assert outbox.put(new) == 2
    assert (outbox.bytes_waiting, len(outbox)) == (6, 1)
    assert await outbox.first() is new
    outbox.done(old)  # was sent meanwhile, and is gone already
    assert await outbox.first() is new
    assert outbox.put(Parcel(b"x" * 11, 7)) == 10  # larger than all there is
    assert (outbox.bytes_waiting, len(outbox)) == (0, 0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await outbox.first()


async def test_what_is_dropped_for_room_is_counted() -> None:
    outbox, counts = Outbox(600), Counts()
    encoder = RemoteWrite({}, series_per_request=10)
    source = Source(small_fleet(), CollectorRegistry(), 0)
    await Pusher(source, encoder, outbox, counts, 15, unix_nanoseconds=lambda: NOW).push()
    waiting = 0
    while len(outbox):
        parcel = await outbox.first()
        waiting += parcel.samples
        outbox.done(parcel)
    assert counts.samples[Fate.OVERFLOW] > 0
    assert counts.samples[Fate.OVERFLOW] + waiting == len(scraped(small_fleet()))


# ── the settings ─────────────────────────────────────────────────────────────────────────


def configured(text: str, directory: Path) -> CollectorConfig:
    file = directory / "collector.toml"
    file.write_text(text)
    return load(CollectorConfig, file, {}, ENVIRONMENT_PREFIX)


def test_nothing_is_pushed_unless_it_is_said(tmp_path: Path) -> None:
    assert Pushing(configured("", tmp_path)).targets == []


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('url = "store:8428"', "push.remote_write: url must be http:// or https://"),
        ('url = "ftp://store"', "url must be http:// or https://"),
        ('url = "https://"', "url must be http:// or https://"),
        ('url = "https://me:secret@store/"', "url must have no user"),
        ('url = "http://store/"\nbearer_token_file = "/x"', "never sent in plaintext"),
        ('url = "http://store/"\nusername = "me"\npassword_file = "/x"', "never sent in plaint"),
        ('url = "https://store/"\nusername = "me"', "username and password_file go together"),
        ('url = "https://s/"\nusername = "a:b"\npassword_file = "/x"', "without a colon"),
        (
            'url = "https://s/"\nusername = "a"\npassword_file = "/x"\nbearer_token_file = "/y"',
            "exclude each other",
        ),
        ("interval_seconds = 0.5", "interval_seconds must be 1 to 3600: 0.5"),
        ("timeout_seconds = 0.0", "timeout_seconds must be above 0"),
        ("queue_bytes = 1000", "queue_bytes must be"),
        ('headers = { "X Y" = "z" }', "no name of a header: 'X Y'"),
        ('headers = { Authorization = "z" }', "headers.Authorization is not to be set here"),
        ('headers = { X = "a\\nb" }', "headers.X must be printable ASCII"),
        ('external_labels = { "1a" = "z" }', "external_labels: no name of a label: '1a'"),
        ('external_labels = { __name__ = "z" }', "no name of a label: '__name__'"),
        ('external_labels = { a = "x\\u0007" }', "external_labels.a must be printable"),
        ('uri = "https://store"', "did you mean push.remote_write.url?"),
    ],
)
def test_what_cannot_be_pushed_with_is_named(lines: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        configured(f"[push.remote_write]\n{lines}\n", tmp_path)
    assert said in str(raised.value)
    if "external" not in lines:
        with pytest.raises(SettingsError):
            configured(f"[push.otlp]\n{lines}\n", tmp_path)


def test_a_token_may_go_over_loopback_in_plaintext(tmp_path: Path) -> None:
    text = '[push.otlp]\nurl = "http://127.0.0.1:4318/v1/metrics"\nbearer_token_file = "/x"\n'
    (target,) = Pushing(configured(text, tmp_path)).targets
    assert (target.name, target.settings.interval_seconds) == ("otlp", 60)


def test_a_token_may_go_anywhere_over_tls(tmp_path: Path) -> None:
    text = '[push.otlp]\nurl = "https://store.example/v1/metrics"\nbearer_token_file = "/x"\n'
    assert len(Pushing(configured(text, tmp_path)).targets) == 1


def test_certificates_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    text = '[push.otlp]\nurl = "https://store/"\nca_file = "/nowhere/ca.pem"\n'
    with pytest.raises(PushError, match=r"push.otlp.ca_file /nowhere/ca.pem"):
        Pushing(configured(text, tmp_path))


def test_a_library_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured('[push.remote_write]\nurl = "https://store/"\n', tmp_path)
    monkeypatch.setitem(Pushing.__init__.__globals__["LIBRARIES"], "remote_write", "no_such.one")
    with pytest.raises(PushError, match=r"wattgram\[collector,push\]"):
        Pushing(config)


def test_check_config_names_a_library_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "collector.toml"
    path.write_text('[push.otlp]\nurl = "https://store/"\n')
    assert main(["check-config", "--config", str(path)]) == 0
    monkeypatch.setitem(Pushing.__init__.__globals__["LIBRARIES"], "otlp", "no_such.one")
    assert main(["check-config", "--config", str(path)]) == 2
    assert f"{path}: push.otlp needs a library" in capsys.readouterr().err


# ── since when ───────────────────────────────────────────────────────────────────────────


def test_since_when_counters_count_never_changes(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    path = tmp_path / "counted-since"
    try:
        assert counted_since(path, ledger, NOW) == NOW
        assert counted_since(path, ledger, NOW + 10**12) == NOW
        path.write_text("garbage")
        assert counted_since(path, ledger, NOW + 5) == NOW + 5
        assert counted_since(tmp_path / "no" / "such", ledger, NOW) == NOW
    finally:
        ledger.close()


def test_shown_names_differ_by_help_only_where_the_family_does() -> None:
    """A point keeps the type and the help of its family."""
    source = Source(small_fleet(), CollectorRegistry(), 0)
    shown = {point.shown for few in source.slices(NOW) for point in few}
    assert len(shown) == len({one.name for one in shown})
    assert {one.name for one in shown if one.is_counter} == {
        one.name for one in shown if one.name.endswith("_total")
    }
