"""What the machine says: kernel trees, programs, plugs and BMCs, none of whom need be well."""

from __future__ import annotations

import contextlib
from pathlib import Path

from builders import NOW, batch, hello
from fuzz.inputs import pieces, tree
from wattgram.readings import QUANTITY_MAX, SeriesTable
from wattgram.wire import encode_batch, encode_hello, encode_series
from wattgram.workloads import Workload, series_of
from wattgram_agent import host
from wattgram_agent.composition import compose
from wattgram_agent.composition import series_of as series_of_decision
from wattgram_agent.http_get import HttpError, parse_answer
from wattgram_agent.meter import Meter
from wattgram_agent.meter_payloads import Energy, PayloadError, parse_payload
from wattgram_agent.processors import chip_of, parse_cpuinfo
from wattgram_agent.source import (
    CounterSample,
    HostPaths,
    Source,
    SourceUnavailableError,
)
from wattgram_agent.sources import (
    acpi_meter,
    amdgpu,
    battery,
    emi_format,
    external,
    hwmon,
    ipmi,
    jetson,
    model,
    network,
    perf_event,
    perf_pmu,
    powermetrics_text,
    rapl,
    raspberry_pi,
)
from wattgram_agent.sysfs import read_text
from wattgram_agent.workloads import cpu
from wattgram_agent.workloads.cgroups import CgroupTree
from wattgram_agent.workloads.names import Names
from wattgram_agent.workloads.naming import workload_of
from wattgram_agent.workloads.processes import ProcessTable
from wattgram_collector.redfish import resources
from wattgram_collector.redfish.meter import Lack
from wattgram_collector.redfish.meter import Meter as BmcMeter
from wattgram_collector.redfish.parcels import gap_of
from wattgram_collector.redfish.parcels import pieces as pieces_of
from wattgram_collector.redfish.resources import RedfishError

SECOND = 1_000_000_000
LATER_BEAT = 2
SYSFS_SOURCES = (rapl, acpi_meter, battery, jetson, hwmon, amdgpu)


def sysfs(data: bytes) -> bool:
    """Every source finds its meters or says why not; what it samples can be told and counted."""
    root = tree(data)
    paths = HostPaths(sysfs=root / "sys", procfs=root / "proc")
    unit = perf_pmu.read_unit(paths.sysfs / "bus" / "event_source" / "devices" / "power")
    if isinstance(unit, perf_pmu.Unit):
        perf_pmu.places(paths.sysfs, unit.cpus, "GenuineIntel")
        assert all(event.scale.microjoules(1 << 60) >= 0 for event in unit.events)
    sources = _found(paths, *SYSFS_SOURCES)
    _require_countable(sources, data, root)
    return bool(sources)


def procfs(data: bytes) -> bool:
    """What the kernel says of processors, interfaces, processes, groups; the runtimes' names."""
    root = tree(data)
    paths = HostPaths(sysfs=root / "sys", procfs=root / "proc")
    sources = _found(paths, network, model)
    _require_countable(sources, data, root)
    perf_event.why_denied(paths.procfs)
    cpuinfo = read_text(paths.procfs / "cpuinfo") or ""
    chip_of(parse_cpuinfo(cpuinfo))
    facts = host.facts(paths)
    encode_hello(hello(facts=facts))
    raspberry_pi.board_model(paths)
    names = Names(root)
    groups, processes = CgroupTree(paths.sysfs), ProcessTable(paths.procfs)
    whole = cpu.HostCpu(paths.procfs)
    used: dict[Workload, int] = {}
    for _ in range(2):
        used |= groups.read() | processes.read()
        whole.read()
    groups.close()
    shown = {names.named(raw) for raw in used}
    shown |= {found for path in _lines(root) if (found := workload_of(path)) is not None}
    table = SeriesTable(number=1, boot_id="", grid_zone="", series=tuple(map(series_of, shown)))
    assert encode_series(table)
    return bool(sources)


def answers(data: bytes) -> bool:
    """What plugs answer and programs print: a value in its range, or the error that says why."""
    found = False
    for piece in pieces(data, 4):
        for payload in (piece, _body(piece)):
            with contextlib.suppress(PayloadError):
                value = parse_payload(payload)
                amount = value.microjoules if isinstance(value, Energy) else value.microwatts
                assert 0 <= amount <= QUANTITY_MAX
                found = True
        text = piece.decode(errors="replace")
        with contextlib.suppress(ipmi.NoPowerError):
            assert ipmi.parse_power(text) > 0
            found = True
        with contextlib.suppress(raspberry_pi.MalformedError):
            assert raspberry_pi.parse_power(text)
            found = True
        with contextlib.suppress(ValueError):
            meter = external.parse_meter(text)
            assert str(meter.zone.point.instance).isprintable()
            found = True
        found |= _powermetrics(piece) | _emi(piece)
    return found


def _body(piece: bytes) -> bytes:
    try:
        return parse_answer(piece)
    except HttpError as error:
        assert error.reason
        return b""


def _powermetrics(data: bytes) -> bool:
    reader = powermetrics_text.SampleReader()
    middle = len(data) // 2
    samples = [*reader.feed(data[:middle]), *reader.feed(data[middle:])]
    again = powermetrics_text.SampleReader()
    assert list(again.feed(data)) == samples
    means = powermetrics_text.mean_powers(samples)
    assert all(power >= 0 for power in means.values())
    return bool(means)


def _emi(data: bytes) -> bool:
    found = False
    for version in (emi_format.VERSION_1, emi_format.VERSION_2):
        with contextlib.suppress(emi_format.FormatError):
            channels = emi_format.parse_metadata(version, data)
            found = any(channel.unit == emi_format.PICOWATT_HOURS for channel in channels)
    with contextlib.suppress(emi_format.FormatError):
        assert min(emi_format.parse_measurement(data, 2)) >= 0
    return found


def redfish(data: bytes) -> bool:
    """Whatever a BMC says is a reading or a RedfishError of a few printable characters."""
    meter = BmcMeter(60 * SECOND, 0)
    readings = 0
    for number, body in enumerate(pieces(data, 4), 1):
        try:
            resource = resources.parse(body, "/r")
        except RedfishError as error:
            _require_sayable(error)
            continue
        for read in (
            resources.environment_power,
            resources.environment_energy,
            resources.control_power,
            resources.supply_power,
        ):
            try:
                sample = read(resource, "/r")
            except RedfishError as error:
                _require_sayable(error)
                continue
            readings += 1
            outcome = meter.advance(sample, number * 60 * SECOND + readings)
            if isinstance(outcome, Lack):
                gap_of(outcome)
            elif outcome is not None:
                assert sum(one.microjoules for one in pieces_of(outcome, NOW)) == (
                    outcome.microjoules
                )
        _follow(resource)
        resources.is_fine(resource)
        assert isinstance(resources.state_of(resource), str)
    return readings > 0


def _follow(resource: resources.Resource) -> None:
    try:
        paths = resources.members(resource, "/r")
        assert resources.chosen(paths, "/r", "") in paths
        assert resources.link(resource, "Chassis") is None or paths
    except RedfishError as error:
        _require_sayable(error)


def _require_sayable(error: RedfishError) -> None:
    assert str(error).isascii()
    assert str(error).isprintable()
    assert len(str(error)) < 1000


def _lines(root: Path) -> list[str]:
    text = read_text(root / "proc" / "cgroup") or ""
    return text.splitlines()[:8]


def _found(paths: HostPaths, *modules: object) -> list[Source]:
    sources = []
    for module in modules:
        try:
            sources.append(module.discover(paths))  # type: ignore[attr-defined]
        except SourceUnavailableError as error:
            assert error.reason
    return sources


def _require_countable(sources: list[Source], data: bytes, root: Path) -> None:
    """Sample what was found, let the files change, and make of it what is delivered."""
    zones = [zone for source in sources for zone in source.zones()]
    decisions = compose(zones)
    series = {one.zone.point: series_of_decision(one) for one in decisions}
    assert len(series) == len(zones)
    encode_series(SeriesTable(number=1, boot_id="", grid_zone="", series=tuple(series.values())))
    meter = Meter(series)
    for beat in (1, 2, 3):
        if beat == LATER_BEAT:
            tree(data, later_in=root)
        samples = [sample for source in sources for sample in source.sample()]
        for one in samples:
            assert not isinstance(one, CounterSample) or one.value >= 0
        step = meter.advance(samples, beat * SECOND)
        encode_batch(batch(gaps=tuple(step.gaps)))
        assert all(reading.quantity >= 0 for reading in step.readings)
    for source in sources:
        source.close()
        assert all(isinstance(problem, str) for problem in source.problems())
