"""The `power` performance events: trees of sysfs, and events that a test turns by hand."""

from __future__ import annotations

import errno
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.readings import Component, Quality, State
from wattgram.units import MICROJOULES_PER_JOULE
from wattgram_agent.composition import compose
from wattgram_agent.source import (
    CounterSample,
    FailedSample,
    HostPaths,
    Point,
    Source,
    SourceUnavailableError,
)
from wattgram_agent.sources import perf, perf_event, perf_pmu
from wattgram_agent.sources.perf_pmu import Scale, parse_cpu_list, parse_scale

SCALE = "2.3283064365386962890625e-10"
CONFIGS = {
    "energy-cores": 1,
    "energy-pkg": 2,
    "energy-ram": 3,
    "energy-gpu": 4,
    "energy-psys": 5,
}


class FakeEvent:
    def __init__(self, kind: int, config: int, cpu: int) -> None:
        self.asked = (kind, config, cpu)
        self.count = 0
        self.error: OSError | None = None
        self.closed = 0

    def read(self) -> int:
        if self.error is not None:
            raise self.error
        return self.count

    def close(self) -> None:
        self.closed += 1


class FakeKernel:
    """Opens events, or refuses those of some configs."""

    def __init__(self) -> None:
        self.events: list[FakeEvent] = []
        self.refused: dict[int, int] = {}

    def __call__(self, kind: int, config: int, cpu: int) -> FakeEvent:
        code = self.refused.get(config, self.refused.get(0, 0))
        if code:
            raise OSError(code, "as the test says")
        self.events.append(FakeEvent(kind, config, cpu))
        return self.events[-1]


class Tree:
    """A `power` unit in sysfs, and the topology of its CPUs."""

    def __init__(self, root: Path) -> None:
        self.paths = HostPaths(sysfs=root / "sys", procfs=root / "proc")
        self.unit = self.paths.sysfs / "bus" / "event_source" / "devices" / "power"
        (self.unit / "events").mkdir(parents=True)
        self.paths.procfs.mkdir()
        self.write("type", "18")

    def write(self, name: str, text: str) -> None:
        (self.unit / name).write_text(f"{text}\n")

    def cpus(self, mask: str, packages: dict[int, tuple[int, int]]) -> None:
        self.write("cpumask", mask)
        for cpu, (package, die) in packages.items():
            topology = self.paths.sysfs / f"devices/system/cpu/cpu{cpu}/topology"
            topology.mkdir(parents=True)
            (topology / "physical_package_id").write_text(f"{package}\n")
            (topology / "die_id").write_text(f"{die}\n")

    def events(self, *names: str) -> None:
        for name in names:
            self.write(f"events/{name}", f"event=0x{CONFIGS[name]:02x}")
            self.write(f"events/{name}.scale", SCALE)
            self.write(f"events/{name}.unit", "Joules")

    def vendor(self, vendor: str) -> None:
        (self.paths.procfs / "cpuinfo").write_text(f"vendor_id\t: {vendor}\n")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


@pytest.fixture
def kernel() -> FakeKernel:
    return FakeKernel()


def two_sockets(tree: Tree) -> None:
    tree.cpus("0,18", {0: (0, 0), 18: (1, 0)})


def names(source: Source) -> list[str]:
    """Return the zones, a star before those that are counted."""
    return [
        f"{'*' * decision.counted}{decision.zone.point.domain} {decision.zone.point.instance}"
        for decision in compose(source.zones())
    ]


def test_every_event_is_opened_once_per_package_and_psys_once(
    tree: Tree, kernel: FakeKernel
) -> None:
    two_sockets(tree)
    tree.events(*CONFIGS)

    source = perf.discover(tree.paths, kernel)

    assert names(source) == [
        "*package 0",
        "*package 1",
        "*dram 0",
        "*dram 1",
        "psys 0",
        "core 0",
        "core 1",
        "uncore 0",
        "uncore 1",
    ]
    assert [event.asked for event in kernel.events][:5] == [
        (18, 2, 0),
        (18, 2, 18),
        (18, 3, 0),
        (18, 3, 18),
        (18, 5, 0),
    ]
    assert source.problems() == []


def test_a_zone_says_what_it_is_and_where_it_is_read(tree: Tree, kernel: FakeKernel) -> None:
    two_sockets(tree)
    tree.events("energy-ram", "energy-cores")
    zones = perf.discover(tree.paths, kernel).zones()

    assert zones[1].point == Point("perf", "dram", "1")
    assert zones[1].component is Component.DRAM
    assert zones[1].quality is Quality.MEASURED
    assert zones[1].location == "power/energy-ram/ on CPU 18"
    assert zones[2].refusal == "inside the package"


def test_a_count_is_microjoules_since_the_event_was_opened(tree: Tree, kernel: FakeKernel) -> None:
    tree.cpus("0", {0: (0, 0)})
    tree.events("energy-pkg")
    source = perf.discover(tree.paths, kernel)
    point = Point("perf", "package", "0")
    wraps_at = (1 << 32) * MICROJOULES_PER_JOULE

    assert source.sample() == [CounterSample(point, 0, wraps_at)]
    kernel.events[0].count = 3 << 31

    assert source.sample() == [CounterSample(point, 1_500_000, wraps_at)]


@pytest.mark.parametrize(
    ("code", "reason"),
    [(errno.EACCES, "permission_denied"), (errno.ENODATA, "unreadable")],
)
def test_an_event_that_cannot_be_read_fails_alone(
    tree: Tree, kernel: FakeKernel, code: int, reason: str
) -> None:
    two_sockets(tree)
    tree.events("energy-pkg")
    source = perf.discover(tree.paths, kernel)
    kernel.events[0].error = OSError(code, "gone")

    failed, read = source.sample()

    assert failed == FailedSample(
        Point("perf", "package", "0"), reason, "power/energy-pkg/ on CPU 0: gone"
    )
    assert isinstance(read, CounterSample)


def test_closing_gives_every_event_back(tree: Tree, kernel: FakeKernel) -> None:
    two_sockets(tree)
    tree.events("energy-pkg", "energy-ram")
    perf.discover(tree.paths, kernel).close()

    assert [event.closed for event in kernel.events] == [1] * 4


@pytest.mark.parametrize(
    ("vendor", "expected"),
    [
        ("GenuineIntel", ["*package 0-die-0", "*package 0-die-1", "*package 1"]),
        ("AuthenticAMD", ["*package 0-die-0", "package 0-die-1", "*package 1"]),
    ],
)
def test_dies_are_counted_unless_they_mirror_the_socket(
    tree: Tree, kernel: FakeKernel, vendor: str, expected: list[str]
) -> None:
    tree.cpus("0-1,8", {0: (0, 0), 1: (0, 1), 8: (1, 0)})
    tree.events("energy-pkg")
    tree.vendor(vendor)

    assert names(perf.discover(tree.paths, kernel)) == expected


def test_two_cpus_of_one_die_are_one_register(tree: Tree, kernel: FakeKernel) -> None:
    tree.cpus("0-1", {0: (0, 0), 1: (0, 0)})
    tree.events("energy-pkg")

    assert names(perf.discover(tree.paths, kernel)) == [
        "*package 0-die-0",
        "package 0-die-0@cpu-1",
    ]


def test_a_cpu_of_an_unknown_package_is_shown_and_not_counted(
    tree: Tree, kernel: FakeKernel
) -> None:
    tree.cpus("0,1", {0: (0, 0)})
    tree.events("energy-pkg")

    assert names(perf.discover(tree.paths, kernel)) == ["*package 0", "package cpu-1"]


def test_events_that_cannot_be_opened_or_make_no_sense_are_told(
    tree: Tree, kernel: FakeKernel
) -> None:
    tree.cpus("0", {0: (0, 0)})
    tree.events("energy-pkg", "energy-ram", "energy-gpu")
    tree.write("events/energy-gpu.unit", "Watts")
    kernel.refused = {3: errno.EINVAL}
    source = perf.discover(tree.paths, kernel)

    assert names(source) == ["*package 0"]
    assert source.problems() == [
        "energy-gpu: event, scale or unit makes no sense",
        "power/energy-ram/ on CPU 0: as the test says",
    ]


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (errno.EACCES, State.PERMISSION_DENIED),
        (errno.EPERM, State.PERMISSION_DENIED),
        (errno.ENOENT, State.ABSENT),
        (errno.ENODEV, State.ABSENT),
        (errno.EOPNOTSUPP, State.ABSENT),
        (errno.ENOSYS, State.ABSENT),
        (errno.EMFILE, State.ERROR),
    ],
)
def test_why_no_event_opens_is_said(
    tree: Tree, kernel: FakeKernel, code: int, state: State
) -> None:
    tree.cpus("0", {0: (0, 0)})
    tree.events("energy-pkg")
    kernel.refused = {0: code}

    with pytest.raises(SourceUnavailableError) as caught:
        perf.discover(tree.paths, kernel)

    denied = state is State.PERMISSION_DENIED
    assert caught.value.state is state
    assert ("CAP_PERFMON" in caught.value.fix) is denied
    assert ("seccomp" in caught.value.reason) is denied
    assert caught.value.reason.startswith("power/energy-pkg/ on CPU 0: as the test says")


def test_a_host_without_the_unit_is_told_so(tmp_path: Path, kernel: FakeKernel) -> None:
    with pytest.raises(SourceUnavailableError, match="no energy registers") as caught:
        perf.discover(HostPaths(sysfs=tmp_path, procfs=tmp_path), kernel)

    assert (caught.value.state, caught.value.fix) == (State.ABSENT, "")


def test_a_unit_without_energy_events_is_absent(tree: Tree, kernel: FakeKernel) -> None:
    tree.cpus("0", {0: (0, 0)})

    with pytest.raises(SourceUnavailableError, match="no energy event") as caught:
        perf.discover(tree.paths, kernel)
    assert caught.value.state is State.ABSENT


@pytest.mark.parametrize(("name", "text"), [("type", "power"), ("cpumask", "0-99999")])
def test_a_unit_that_makes_no_sense_is_an_error(
    tree: Tree, kernel: FakeKernel, name: str, text: str
) -> None:
    two_sockets(tree)
    tree.events("energy-pkg")
    tree.write(name, text)

    with pytest.raises(SourceUnavailableError, match=f"{name} makes no sense") as caught:
        perf.discover(tree.paths, kernel)
    assert caught.value.state is State.ERROR
    assert kernel.events == []


def test_a_mounted_tree_never_opens_events_of_this_kernel(tree: Tree) -> None:
    two_sockets(tree)
    tree.events("energy-pkg")

    with pytest.raises(SourceUnavailableError, match="of the running kernel") as caught:
        perf.discover(tree.paths)
    assert caught.value.state is State.ABSENT


@pytest.mark.parametrize(
    ("paranoid", "capabilities", "allowed"),
    [
        ("2", "0000000000000000", False),
        ("1", "0000000000000000", False),
        ("0", "0000000000000000", True),
        ("-1", "0000000000000000", True),
        ("4", "0000004000000000", True),  # CAP_PERFMON
        ("4", "0000000000200000", True),  # CAP_SYS_ADMIN
        ("4", "000001bfffdfffff", False),  # all but these
        ("", "", False),
        ("nonsense", "nonsense", False),
    ],
)
def test_the_right_to_count_is_known_before_the_kernel_is_asked(
    tmp_path: Path, paranoid: str, capabilities: str, *, allowed: bool
) -> None:
    for name, text in (
        ("sys/kernel/perf_event_paranoid", paranoid),
        ("self/status", f"Name:\twattgram\nCapEff:\t{capabilities}\n"),
    ):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)

    assert (perf_event.why_denied(tmp_path) == "") is allowed


def test_a_process_of_which_nothing_is_known_may_not_count(tmp_path: Path) -> None:
    assert "not known" in perf_event.why_denied(tmp_path)


def test_an_event_of_the_running_kernel_counts() -> None:
    """The system call itself, with the one event that every machine has: a CPU's clock."""
    if perf_event.why_denied(Path("/proc")):
        pytest.skip("needs CAP_PERFMON or kernel.perf_event_paranoid <= 0")
    software, cpu_clock = 1, 0
    try:
        event = perf_event.open_event(software, cpu_clock, 0)
    except OSError as error:
        pytest.skip(f"needs perf_event_open: {error}")
    first, second = event.read(), event.read()
    event.close()
    event.close()

    assert 0 < first < second
    with pytest.raises(OSError, match="Bad file descriptor"):
        event.read()


def test_an_event_that_the_kernel_does_not_know_is_an_os_error() -> None:
    with pytest.raises(OSError, match=r"\S") as caught:
        perf_event.open_event(0x7FFFFFFF, 0, 0)
    assert caught.value.errno in {errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOSYS}


def test_a_read_without_a_count_is_an_os_error(tmp_path: Path) -> None:
    file = tmp_path / "short"
    file.write_bytes(b"1234")
    with file.open("rb", buffering=0) as opened:
        event = perf_event.PerfEvent(opened.fileno())

        with pytest.raises(OSError, match="no count"):
            event.read()


def test_the_scale_of_the_kernel_is_two_to_the_minus_32_exactly() -> None:
    scale = parse_scale(SCALE)

    assert scale is not None
    assert Fraction(*scale) == Fraction(MICROJOULES_PER_JOULE, 1 << 32)


@pytest.mark.parametrize(
    ("text", "scale"),
    [
        ("1", Scale(1_000_000, 1)),
        ("1e-6", Scale(1, 1)),
        ("0.5", Scale(500_000, 1)),
        ("2.5E-7", Scale(1, 4)),
        ("0", None),
        ("-1", None),
        ("1e9", None),
        ("1.5", None),
        ("1e-999999", None),
        ("nan", None),
        ("", None),
        (None, None),
        ("٣", None),
    ],
)
def test_a_scale_is_a_decimal_of_joules_up_to_one(text: str | None, scale: Scale | None) -> None:
    assert parse_scale(text) == scale


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_microjoules_never_fall_and_lose_less_than_one(first: int, second: int) -> None:
    scale = parse_scale(SCALE)
    assert scale is not None
    less, more = sorted((first, second))

    assert scale.microjoules(less) <= scale.microjoules(more)
    assert scale.microjoules(more) == (more * 10**6) >> 32
    assert isinstance(scale.microjoules(more), int)


@pytest.mark.parametrize(
    ("text", "cpus"),
    [
        ("0", (0,)),
        ("0,18", (0, 18)),
        ("0-1", (0, 1)),
        ("4-5,0", (0, 4, 5)),
        ("8191", (8191,)),
        ("8192", None),
        ("0-8191", None),
        ("3-1", None),
        ("0,", None),
        ("-1", None),
        ("1-", None),
        ("", None),
        (None, None),
        ("²", None),
    ],
)
def test_a_list_of_cpus(text: str | None, cpus: tuple[int, ...] | None) -> None:
    assert parse_cpu_list(text) == cpus


GARBAGE = st.text(max_size=40) | st.text("0123456789-,.eEx=event", max_size=40)


@given(GARBAGE, GARBAGE)
def test_no_text_makes_parsing_raise(first: str, second: str) -> None:
    parse_scale(first)
    parse_cpu_list(f"{first},{second}")
    perf_pmu.parse_count(first)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"x" * 5000, b"event=0x", b"event=0x02,umask=0x1", b"-1", None]
)
@pytest.mark.parametrize(
    "name",
    ["type", "cpumask", "events/energy-pkg", "events/energy-pkg.scale", "events/energy-pkg.unit"],
)
def test_no_content_of_a_file_makes_discovery_fail_otherwise(
    tree: Tree, kernel: FakeKernel, name: str, content: bytes | None
) -> None:
    two_sockets(tree)
    tree.events("energy-pkg")
    file = tree.unit / name
    file.unlink()
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)

    with pytest.raises(SourceUnavailableError) as caught:
        perf.discover(tree.paths, kernel)
    assert caught.value.state in {State.ERROR, State.ABSENT}
