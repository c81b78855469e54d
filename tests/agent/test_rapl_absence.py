"""Powercap trees that cannot be read: why, what would help, and what goes on without."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from fakes import RaplTree, two_socket_tree
from wattgram.readings import State
from wattgram_agent.roster import build_roster
from wattgram_agent.source import (
    CounterSample,
    HostPaths,
    Point,
    SourceUnavailableError,
)
from wattgram_agent.sources import rapl

NOBODY = 65_534
PACKAGE = Point("rapl", "package", "0")


def unavailable(paths: HostPaths) -> SourceUnavailableError:
    with pytest.raises(SourceUnavailableError) as caught:
        rapl.discover(paths)
    return caught.value


def problems(paths: HostPaths) -> list[str]:
    source = rapl.discover(paths)
    source.close()
    return [f"{problem.location}: {problem.reason}" for problem in source.discovery.problems]


@pytest.fixture
def tree(tmp_path: Path) -> RaplTree:
    return two_socket_tree(tmp_path)


@pytest.fixture
def unprivileged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], AbstractContextManager[HostPaths]]:
    """Look at the tree as somebody to whom file permissions apply, root not being one."""

    @contextmanager
    def as_nobody() -> Iterator[HostPaths]:
        mine = os.geteuid()
        if mine == 0:
            try:
                os.seteuid(NOBODY)
            except OSError as error:
                pytest.skip(f"permissions do not apply to root, who cannot be another: {error}")
        try:
            yield HostPaths(sysfs=Path("sys"), procfs=Path("proc"))
        finally:
            os.seteuid(mine)

    # What lies above tmp_path is root's own; from inside nobody has to pass it.
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    return as_nobody


def test_a_host_without_powercap_has_no_rapl(tmp_path: Path) -> None:
    error = unavailable(HostPaths(sysfs=tmp_path))

    assert error.state is State.ABSENT
    assert error.reason.startswith(f"{tmp_path}/class/powercap does not exist")


def test_an_empty_directory_is_one_that_a_container_runtime_masked(tmp_path: Path) -> None:
    error = unavailable(RaplTree(tmp_path).paths)

    assert error.state is State.ABSENT
    assert "is empty: masked by a container runtime" in error.reason
    assert "--path.sysfs /host/sys" in error.fix


def test_a_hidden_file_is_none_of_what_a_container_runtime_masked(tmp_path: Path) -> None:
    tree = RaplTree(tmp_path)
    (tree.sysfs / "class" / "powercap" / ".keep").touch()

    assert "is empty: masked by a container runtime" in unavailable(tree.paths).reason


def test_a_name_of_a_zone_is_cut_before_it_is_told(tmp_path: Path) -> None:
    tree = RaplTree(tmp_path)
    tree.add("intel-rapl:0", "x" * 1_000_000)
    (zone,) = rapl.discover(tree.paths).zones()

    assert len(zone.refusal) < 100


def test_a_directory_of_other_things_holds_no_zone(tmp_path: Path) -> None:
    tree = RaplTree(tmp_path)
    for name in ("dtpm", "intel-rapl", "intel-rapl:zz", "intel-rapl:0.old", "my-intel-rapl:0"):
        directory = tree.directory(name)
        directory.mkdir(parents=True)
        (directory / "energy_uj").write_text("1\n")
    error = unavailable(tree.paths)

    assert error.state is State.ABSENT
    assert error.reason.endswith("holds no readable RAPL zone")


def test_links_that_lead_nowhere_are_no_zones(tmp_path: Path) -> None:
    tree = RaplTree(tmp_path, "kernel")
    tree.add("intel-rapl:0", "package-0")
    (tree.sysfs / "devices").rename(tmp_path / "elsewhere")

    error = unavailable(tree.paths)

    assert error.state is State.ABSENT
    assert error.reason.endswith("links that lead nowhere: masked by a container runtime")
    assert "--path.sysfs /host/sys" in error.fix


def test_a_link_in_a_circle_ends(tmp_path: Path) -> None:
    tree = RaplTree(tmp_path, "nested")
    tree.add("intel-rapl:0", "package-0")
    (tree.directory("intel-rapl:0") / "intel-rapl").symlink_to(tree.sysfs / "class" / "powercap")

    assert len(rapl.discover(tree.paths).zones()) == 1


def test_a_zone_without_a_name_is_told_and_the_others_go_on(tree: RaplTree) -> None:
    (tree.directory("intel-rapl:0") / "name").unlink()
    (tree.directory("intel-rapl:1") / "name").write_text("\n")

    assert problems(tree.paths) == [
        "intel-rapl:0: no readable name file, or an empty one",
        "intel-rapl:1: no readable name file, or an empty one",
    ]


def test_a_zone_without_a_register_is_told_and_the_others_go_on(tree: RaplTree) -> None:
    (tree.directory("intel-rapl:0:1") / "energy_uj").unlink()

    assert problems(tree.paths) == ["intel-rapl:0:1: zone dram has no energy_uj file"]
    assert len(rapl.discover(tree.paths).zones()) == 6


def test_a_tree_none_of_whose_zones_can_be_sampled_is_an_error_that_names_them(
    tmp_path: Path,
) -> None:
    tree = RaplTree(tmp_path)
    tree.add("intel-rapl:0", "package-0")
    tree.add("intel-rapl:1", "package-1")
    (tree.directory("intel-rapl:0") / "energy_uj").unlink()
    (tree.directory("intel-rapl:1") / "name").unlink()
    (finding,) = build_roster({"rapl": rapl.discover}, tree.paths).findings

    assert finding.state is State.ERROR
    assert finding.reason == (
        "intel-rapl:0: zone package-0 has no energy_uj file; "
        "intel-rapl:1: no readable name file, or an empty one"
    )


def test_registers_that_root_alone_may_read_are_said_at_once_with_the_fix(
    tree: RaplTree, unprivileged: Callable[[], AbstractContextManager[HostPaths]]
) -> None:
    for register in tree.sysfs.rglob("energy_uj"):
        register.chmod(0)
    with unprivileged() as paths:
        error = unavailable(paths)

    assert error.state is State.PERMISSION_DENIED
    assert error.reason.endswith("intel-rapl:0/energy_uj is readable by root only")
    assert "60-wattgram-rapl.rules" in error.fix


def test_a_register_that_may_not_be_read_does_not_stop_the_others(
    tree: RaplTree, unprivileged: Callable[[], AbstractContextManager[HostPaths]]
) -> None:
    (tree.directory("intel-rapl:0") / "energy_uj").chmod(0)
    with unprivileged() as paths:
        source = rapl.discover(paths)
        samples = source.sample()
        source.close()

    assert PACKAGE not in {sample.point for sample in samples}
    assert [isinstance(sample, CounterSample) for sample in samples] == [True] * 6
    assert [problem.rpartition("/")[2] for problem in source.problems()] == [
        "intel-rapl:0: no permission to read energy_uj"
    ]


def test_a_directory_that_may_not_be_listed_is_told(
    tree: RaplTree, unprivileged: Callable[[], AbstractContextManager[HostPaths]]
) -> None:
    (tree.sysfs / "class" / "powercap").chmod(0)
    with unprivileged() as paths:
        error = unavailable(paths)

    assert (error.state, error.reason, error.fix) == (
        State.PERMISSION_DENIED,
        "sys/class/powercap: Permission denied",
        "chmod a+rx sys/class/powercap",
    )


def test_a_name_that_may_not_be_read_is_told(
    tree: RaplTree, unprivileged: Callable[[], AbstractContextManager[HostPaths]]
) -> None:
    (tree.directory("intel-rapl:0") / "name").chmod(0)
    with unprivileged() as paths:
        assert problems(paths) == ["intel-rapl:0: no readable name file, or an empty one"]


def test_names_that_root_alone_may_read_are_said_with_the_fix(
    tmp_path: Path, unprivileged: Callable[[], AbstractContextManager[HostPaths]]
) -> None:
    tree = RaplTree(tmp_path)
    tree.add("intel-rapl:0", "package-0")
    (tree.directory("intel-rapl:0") / "name").chmod(0)
    with unprivileged() as paths:
        error = unavailable(paths)

    assert error.state is State.PERMISSION_DENIED
    assert error.reason.endswith("intel-rapl:0/name is readable by root only")
    assert error.fix.startswith("chmod a+r sys/class/powercap/")


@pytest.mark.timeout(20)
def test_a_fifo_in_place_of_every_register_hangs_neither_the_search_nor_the_samples(
    tree: RaplTree,
) -> None:
    for register in list(tree.sysfs.rglob("energy_uj")):
        register.unlink()
        os.mkfifo(register)
    source = rapl.discover(tree.paths)

    assert [sample.reason for sample in source.sample()] == ["unreadable"] * 7  # type: ignore[union-attr]
    source.close()


def test_a_closed_source_holds_no_file(tree: RaplTree) -> None:
    before = set(os.listdir("/proc/self/fd"))
    source = rapl.discover(tree.paths)
    source.sample()
    assert len(set(os.listdir("/proc/self/fd")) - before) == 7
    source.close()

    assert len(os.listdir("/proc/self/fd")) == len(before)
