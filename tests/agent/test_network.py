"""The interfaces of a host, each byte once."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import pytest

from wattgram.readings import Kind, Series, State
from wattgram_agent.meter import Meter
from wattgram_agent.source import (
    CounterSample,
    FailedSample,
    HostPaths,
    Point,
    SourceUnavailableError,
)
from wattgram_agent.sources import network

HEADER = "Inter-|   Receive   |  Transmit\n face |bytes    packets errs ...\n"
ROUTES = "Iface\tDestination\tGateway\tFlags\n{0}\t0011A8C0\t00000000\t0001\n{1}\t00000000\t0111\n"
SERVER = {
    "lo": (5_000_000, 5_000_000),
    "eno1": (1_000_000, 700_000),
    "eno2": (500_000, 300_000),
    "bond0": (1_500_000, 1_000_000),
    "bond0.100": (1_400_000, 900_000),
    "docker0": (200_000, 200_000),
    "vethabc1234": (200_000, 200_000),
    "wg0": (100_000, 100_000),
}


class NetTree:
    """/proc/net and /sys/class/net of a host, to be changed by hand."""

    def __init__(self, root: Path) -> None:
        self.paths = HostPaths(sysfs=root / "sys", procfs=root / "proc")
        self._counters: dict[str, tuple[int, int]] = {}
        (self.paths.procfs / "net").mkdir(parents=True)

    def count(self, **counters: tuple[int, int]) -> None:
        self._counters |= {name.replace("__", "."): pair for name, pair in counters.items()}
        self.write_dev(
            HEADER
            + "".join(
                f"{name:>6}: {received} 5 0 0 0 0 0 0 {sent} 5 0 0 0 0 0 0\n"
                for name, (received, sent) in self._counters.items()
            )
        )

    def remove(self, name: str) -> None:
        del self._counters[name]
        self.count()

    def write_dev(self, text: str) -> None:
        (self.paths.procfs / "net" / "dev").write_text(text)

    def route(self, other: str, default: str) -> None:
        (self.paths.procfs / "net" / "route").write_text(ROUTES.format(other, default))

    def describe(self, name: str, *, hardware: bool = False, master: str = "") -> None:
        """Add what sysfs has of an interface: a link into the devices, as the kernel does."""
        bus = "pci0000:00/0000:00:03.0" if hardware else "virtual"
        directory = self.paths.sysfs / "devices" / bus / "net" / name
        directory.mkdir(parents=True)
        if hardware:
            (directory / "device").symlink_to("../../../0000:00:03.0")
        link = self.paths.sysfs / "class" / "net" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(directory)
        if master:
            (directory / "master").symlink_to(link.parent / master)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NetTree:
    monkeypatch.setattr(psutil, "PROCFS_PATH", "/proc", raising=False)
    return NetTree(tmp_path)


@pytest.fixture
def server(tree: NetTree) -> NetTree:
    for name in SERVER:
        hardware = name.startswith("eno")
        tree.describe(name, hardware=hardware, master="bond0" if hardware else "")
    tree.count(**SERVER)
    return tree


def bytes_of(tree: NetTree) -> dict[str, tuple[int, int]]:
    """Return received and transmitted bytes by interface, as a source samples them now."""
    return as_pairs(network.discover(tree.paths).sample())


def as_pairs(samples: object) -> dict[str, tuple[int, int]]:
    found = list(samples)  # type: ignore[call-overload]
    assert all(isinstance(sample, CounterSample) and sample.wraps_at is None for sample in found)
    values = {(sample.point.instance, sample.point.domain): sample.value for sample in found}
    assert len(values) == len(found)
    return {name: (values[name, "receive"], values[name, "transmit"]) for name, _ in values}


def test_what_passes_bonds_vlans_bridges_and_tunnels_is_counted_where_it_enters(
    server: NetTree,
) -> None:
    assert bytes_of(server) == {"eno1": SERVER["eno1"], "eno2": SERVER["eno2"]}


def test_a_captured_host_counts_its_two_cards(shared: Path, server: NetTree) -> None:
    text = (shared / "fixtures" / "synthetic_trees.json").read_text(encoding="utf-8")
    server.write_dev(json.loads(text)["text"]["proc_net_dev_bond_vlan_docker.txt"])

    assert bytes_of(server) == {"eno1": SERVER["eno1"], "eno2": SERVER["eno2"]}


def test_each_interface_is_two_zones_of_bytes(server: NetTree) -> None:
    zones = network.discover(server.paths).zones()

    assert [(zone.point, zone.kind, zone.location) for zone in zones[:2]] == [
        (Point("network", "receive", "eno1"), Kind.RECEIVE, "physical"),
        (Point("network", "transmit", "eno1"), Kind.TRANSMIT, "physical"),
    ]
    assert len(zones) == 4


def test_of_an_interface_and_the_hardware_that_it_stands_for_the_upper_one_counts(
    tree: NetTree,
) -> None:
    """Azure's accelerated networking shows the same bytes at both."""
    tree.describe("eth0", hardware=True)
    tree.describe("enP1s1", hardware=True, master="eth0")
    tree.count(eth0=(10, 20), enP1s1=(10, 20))

    assert bytes_of(tree) == {"eth0": (10, 20)}


@pytest.mark.parametrize(
    ("file", "text"), [("master", "../eth0"), ("master/uevent", "INTERFACE=eth0\nIFINDEX=2")]
)
def test_a_copy_of_a_sysfs_without_links_says_who_stands_for_whom(
    tree: NetTree, file: str, text: str
) -> None:
    tree.describe("eth0", hardware=True)
    tree.describe("enP1s1", hardware=True)
    tree.describe("enP2s1", hardware=True)
    copied = tree.paths.sysfs / "class" / "net" / "enP1s1" / file
    copied.parent.mkdir(exist_ok=True)
    copied.write_text(text + "\n")
    (tree.paths.sysfs / "class" / "net" / "enP2s1" / "master").mkdir()
    tree.count(eth0=(10, 20), enP1s1=(10, 20), enP2s1=(5, 5))

    assert bytes_of(tree) == {"eth0": (10, 20), "enP2s1": (5, 5)}


def test_a_card_in_a_bridge_is_counted(tree: NetTree) -> None:
    tree.describe("br0")
    tree.describe("eno1", hardware=True, master="br0")
    tree.count(br0=(10, 20), eno1=(11, 22))

    assert bytes_of(tree) == {"eno1": (11, 22)}


def test_a_container_counts_the_interface_of_its_default_route(tree: NetTree) -> None:
    for name in ("lo", "eth0", "eth1"):
        tree.describe(name)
    tree.count(lo=(1, 1), eth0=(10, 20), eth1=(30, 40))
    tree.route("eth0", default="eth1")
    source = network.discover(tree.paths)

    assert as_pairs(source.sample()) == {"eth1": (30, 40)}
    assert source.zones()[0].location == "virtual, of the default route"


def test_where_nothing_else_tells_the_names_do(tree: NetTree) -> None:
    tree.count(**SERVER)
    source = network.discover(tree.paths)

    assert as_pairs(source.sample()) == {"eno1": SERVER["eno1"], "eno2": SERVER["eno2"]}
    assert source.zones()[0].location == "physical by its name"


def test_an_interface_that_appears_later_is_sampled_from_then_on(server: NetTree) -> None:
    source = network.discover(server.paths)
    server.describe("usb0", hardware=True)
    server.count(usb0=(7, 8))

    assert as_pairs(source.sample())["usb0"] == (7, 8)
    assert len(source.zones()) == 6


def test_an_interface_that_is_gone_is_no_longer_sampled(server: NetTree) -> None:
    source = network.discover(server.paths)
    server.remove("eno2")

    assert set(as_pairs(source.sample())) == {"eno1"}


def test_a_counter_that_fell_books_nothing_and_is_said(server: NetTree) -> None:
    source = network.discover(server.paths)
    series = {
        zone.point: Series(
            kind=zone.kind,
            source="network",
            domain=zone.point.domain,
            instance=zone.point.instance,
        )
        for zone in source.zones()
    }
    meter = Meter(series)
    meter.advance(source.sample(), 1)
    server.count(eno1=(40, 700_005))
    assert as_pairs(source.sample())["eno1"] == (40, 700_005)
    step = meter.advance(source.sample(), 2)

    assert [(r.series.instance, r.series.kind, r.quantity) for r in step.readings][:1] == [
        ("eno1", Kind.TRANSMIT, 5),
    ]
    assert [(gap.source, gap.reason) for gap in step.gaps] == [("network", "counter_reset")]


@pytest.mark.parametrize("text", [None, HEADER + "eno1 without a colon\n", HEADER + "eno1: 1\n"])
def test_counters_that_cannot_be_read_are_failed_samples_until_they_can(
    server: NetTree, text: str | None
) -> None:
    source = network.discover(server.paths)
    if text is None:
        (server.paths.procfs / "net" / "dev").unlink()
    else:
        server.write_dev(text)
    samples = source.sample()

    assert [(type(sample), sample.point) for sample in samples] == [
        (FailedSample, zone.point) for zone in source.zones()
    ]
    with pytest.raises(SourceUnavailableError) as caught:
        network.discover(server.paths)
    assert caught.value.state is State.ERROR
    server.count()
    assert len(as_pairs(source.sample())) == 2


def test_a_host_of_virtual_interfaces_alone_has_no_network(tree: NetTree) -> None:
    tree.describe("lo")
    tree.count(lo=(1, 1))
    with pytest.raises(SourceUnavailableError, match="no physical interface") as caught:
        network.discover(tree.paths)
    assert caught.value.state is State.ABSENT


def test_behind_a_mount_the_counters_are_those_of_the_hosts_first_process(
    server: NetTree, tmp_path: Path
) -> None:
    """`net` is a link into the reader's own process, which is in a container of its own."""
    (server.paths.procfs / "1").mkdir()
    (server.paths.procfs / "net").rename(server.paths.procfs / "1" / "net")

    assert set(bytes_of(server)) == {"eno1", "eno2"}
    assert network.network_procfs(Path("/proc")) == Path("/proc")
