"""CPU time of control groups: each nanosecond to one workload, whatever comes and goes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cgroup_trees import KernelTree
from wattgram.units import NANOSECONDS_PER_MICROSECOND
from wattgram.workloads import Workload, WorkloadKind
from wattgram_agent.workloads import cgroups
from wattgram_agent.workloads.cgroups import CgroupTree
from wattgram_agent.workloads.hierarchy import find_hierarchy

ID = "ab" * 32
CRON = Workload(WorkloadKind.SYSTEMD, "cron.service")
SYSTEM = Workload(WorkloadKind.SYSTEMD, "system.slice")
USER = Workload(WorkloadKind.SYSTEMD, "user-1000.slice")
CONTAINER = Workload(WorkloadKind.CONTAINER, ID)


@pytest.fixture
def kernel(tmp_path: Path) -> KernelTree:
    return KernelTree(tmp_path)


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[CgroupTree]:
    tree = CgroupTree(tmp_path)
    yield tree
    tree.close()


def used(tree: CgroupTree) -> dict[Workload, int]:
    """Microseconds of those who used any."""
    return {
        who: nanoseconds // NANOSECONDS_PER_MICROSECOND
        for who, nanoseconds in tree.read().items()
        if nanoseconds
    }


def test_the_first_pass_says_nothing(kernel: KernelTree, tree: CgroupTree) -> None:
    kernel.run("system.slice/cron.service", 500)

    assert used(tree) == {}


def test_a_unit_has_what_its_group_counted_and_its_slice_has_the_rest(
    kernel: KernelTree, tree: CgroupTree
) -> None:
    kernel.run("system.slice/cron.service", 500)
    tree.read()
    kernel.run("system.slice/cron.service", 30)
    kernel.run("system.slice", 4)

    assert used(tree) == {CRON: 30, SYSTEM: 4}
    assert used(tree) == {}


def test_a_group_that_is_new_has_used_all_that_it_counts(
    kernel: KernelTree, tree: CgroupTree
) -> None:
    kernel.run("system.slice", 9)
    tree.read()
    kernel.run("system.slice/cron.service", 30)

    assert used(tree) == {CRON: 30}


def test_a_slice_that_is_new_is_so_with_all_that_is_in_it(
    kernel: KernelTree, tree: CgroupTree
) -> None:
    tree.read()
    kernel.make("init.scope")
    tree.read()
    kernel.run("system.slice/cron.service", 30)

    assert used(tree) == {CRON: 30}


def test_what_a_unit_used_before_it_ended_stays_with_its_slice(
    kernel: KernelTree, tree: CgroupTree
) -> None:
    kernel.run("system.slice/cron.service", 500)
    tree.read()
    kernel.run("system.slice/cron.service", 30)
    kernel.remove("system.slice/cron.service")

    assert used(tree) == {SYSTEM: 30}


def test_a_unit_that_was_started_again_counts_from_zero(
    kernel: KernelTree, tree: CgroupTree
) -> None:
    kernel.run("system.slice/cron.service", 500)
    tree.read()
    kernel.run("system.slice/cron.service", 30)
    kernel.remove("system.slice/cron.service")
    kernel.run("system.slice/cron.service", 700)

    assert used(tree) == {CRON: 700, SYSTEM: 30}


def test_a_count_that_fell_began_again_at_zero(kernel: KernelTree, tree: CgroupTree) -> None:
    """As where an inode is used again, or somebody wrote to a counter of version 1."""
    kernel.run("system.slice/cron.service", 500)
    tree.read()
    kernel.run("system.slice", 40)
    kernel.file("system.slice/cron.service").write_text("usage_usec 25\n")

    assert used(tree) == {CRON: 25, SYSTEM: 15}


def test_a_container_in_a_session_is_its_own_and_not_the_users(
    kernel: KernelTree, tree: CgroupTree
) -> None:
    session = "user.slice/user-1000.slice"
    kernel.run(session, 1)
    tree.read()
    kernel.run(f"{session}/session-1.scope", 5)
    kernel.run(f"{session}/user@1000.service/app.slice/editor.service", 70)
    kernel.run(f"{session}/user@1000.service/user.slice/libpod-{ID}.scope", 200)

    assert used(tree) == {USER: 75, CONTAINER: 200}


def test_what_is_in_a_unit_or_a_pod_is_not_looked_at(kernel: KernelTree, tree: CgroupTree) -> None:
    pod = f"kubepods.slice/kubepods-pod{'0a' * 16}.slice"
    kernel.run(f"{pod}/cri-containerd-{ID}.scope", 5)
    kernel.run("system.slice/cron.service/job", 5)
    tree.read()
    kernel.run(f"{pod}/cri-containerd-{ID}.scope", 60)
    kernel.run("system.slice/cron.service/job", 7)

    assert used(tree) == {Workload(WorkloadKind.POD, "0a" * 16): 60, CRON: 7}


@pytest.mark.parametrize("damage", ["gone", "empty", "text", "negative", "directory", "fifo"])
def test_a_group_that_cannot_be_read_is_its_slices_until_it_can(
    kernel: KernelTree, tree: CgroupTree, damage: str
) -> None:
    kernel.run("system.slice/cron.service", 500)
    kernel.run("system.slice/ssh.service", 500)
    ssh = Workload(WorkloadKind.SYSTEMD, "ssh.service")
    tree.read()
    file = kernel.file("system.slice/cron.service")
    kernel.run("system.slice/cron.service", 30)
    kernel.run("system.slice/ssh.service", 2)
    damaged = file.with_name("damaged")
    match damage:
        case "gone":
            pass
        case "directory":
            damaged.mkdir()
        case "fifo":
            os.mkfifo(damaged)
        case _:
            damaged.write_text(
                {"empty": "", "text": "usage_usec x\n", "negative": "usage_usec -5\n"}[damage]
            )
    kept, tree_now = file.read_text(), tree
    file.unlink()
    if damage != "gone":
        damaged.rename(file)
    tree.close()  # a descriptor that is kept would go on reading the old file

    assert used(tree_now) == {SYSTEM: 30, ssh: 2}
    if damage == "directory":
        file.rmdir()
    else:
        file.unlink(missing_ok=True)
    file.write_text(kept)
    kernel.run("system.slice/cron.service", 8)
    assert used(tree_now) == {SYSTEM: 8}
    kernel.run("system.slice/cron.service", 9)
    assert used(tree_now) == {CRON: 9}


def test_a_slice_that_cannot_be_read_leaves_its_units_theirs(
    kernel: KernelTree, tree: CgroupTree
) -> None:
    kernel.run("system.slice/cron.service", 500)
    tree.read()
    kernel.run("system.slice/cron.service", 30)
    kernel.file("system.slice").write_text("garbage")

    assert used(tree) == {CRON: 30}


def test_a_listing_that_failed_does_not_make_groups_new(
    kernel: KernelTree, tree: CgroupTree
) -> None:
    """They would have used in one pass all that they ever did."""
    kernel.run("system.slice/cron.service", 500)
    tree.read()
    hidden = kernel.root / "system.slice"
    kernel.run("system.slice/cron.service", 30)
    moved = hidden.rename(kernel.root.parent / "away")
    hidden.symlink_to("nowhere")
    tree.read()
    hidden.unlink()
    moved.rename(hidden)
    root = tree._root
    assert root is not None
    root.is_complete = False  # as after a listing of the root that failed
    kernel.run("system.slice/cron.service", 1)

    assert used(tree) == {}
    kernel.run("system.slice/cron.service", 2)
    assert used(tree) == {CRON: 2}


def test_a_slice_whose_units_were_read_later_owes_it_next_time(
    kernel: KernelTree, tree: CgroupTree
) -> None:
    kernel.run("system.slice/cron.service", 500)
    tree.read()
    kernel.run("system.slice/cron.service", 30)
    kernel.file("system.slice").write_text("usage_usec 520\n")
    assert used(tree) == {CRON: 30}
    kernel.run("system.slice", 25)

    assert used(tree) == {SYSTEM: 25}


# ── limits ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("descriptors", [0, 1, 2, 1000])
def test_descriptors_are_kept_within_bounds_and_the_answer_is_the_same(
    tmp_path: Path, kernel: KernelTree, descriptors: int
) -> None:
    tree = CgroupTree(tmp_path, descriptors)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(5):
        kernel.run(f"system.slice/{number}.service", 100)
    tree.read()

    assert len(os.listdir("/proc/self/fd")) == before + min(descriptors, 6)
    for number in range(5):
        kernel.run(f"system.slice/{number}.service", 10 + number)
    assert sorted(used(tree).values()) == [10, 11, 12, 13, 14]
    kernel.remove("system.slice/1.service")
    tree.read()
    assert len(os.listdir("/proc/self/fd")) == before + min(descriptors, 5)
    tree.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_groups_beyond_the_limit_are_their_slices(
    tmp_path: Path, kernel: KernelTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroups, "_GROUPS_MAX", 4)
    tree = CgroupTree(tmp_path)
    for number in range(9):
        kernel.run(f"system.slice/{number}.service", 100)
    tree.read()
    for number in range(9):
        kernel.run(f"system.slice/{number}.service", 10)

    found = used(tree)
    assert sum(found.values()) == 90
    assert found[SYSTEM] == 60
    tree.close()


def test_a_group_that_comes_back_below_the_limit_is_not_new(
    tmp_path: Path, kernel: KernelTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which of them are passed over is the file system's choice: so let it be each once."""
    tree = CgroupTree(tmp_path)
    for number in range(3):
        kernel.run(f"system.slice/{number}.service", 100_000)
    monkeypatch.setattr(cgroups, "_GROUPS_MAX", 2)
    tree.read()
    monkeypatch.setattr(cgroups, "_GROUPS_MAX", 9)
    kernel.run("system.slice", 7)

    assert used(tree) == {SYSTEM: 7}
    tree.close()


def test_a_tree_that_never_ends_is_left_at_a_depth(kernel: KernelTree, tree: CgroupTree) -> None:
    deep = "/".join(f"{level}.slice" for level in range(30))
    kernel.run(deep, 1)
    tree.read()
    kernel.run(deep, 50)

    (used_once,) = used(tree).items()
    assert used_once == (Workload(WorkloadKind.SYSTEMD, "11.slice"), 50)


def test_the_limit_of_descriptors_leaves_some_for_the_rest_of_the_agent() -> None:
    assert 0 <= cgroups._descriptors_allowed() <= cgroups.DESCRIPTORS_MAX


# ── version 1, and both ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mount", ["cpuacct", "cpu,cpuacct", "cpuacct,cpu"])
def test_version_1_counts_in_nanoseconds(tmp_path: Path, mount: str) -> None:
    kernel = KernelTree(tmp_path, 1, mount)
    kernel.run(f"docker/{ID}", 500)
    tree = CgroupTree(tmp_path)
    tree.read()
    kernel.run(f"docker/{ID}", 30)

    assert used(tree) == {CONTAINER: 30}
    tree.close()


@pytest.mark.parametrize(("version_1", "version_2"), [(900, 100), (100, 900), (500, 500)])
def test_where_both_are_mounted_the_one_whose_groups_used_most_is_read(
    tmp_path: Path, version_1: int, version_2: int
) -> None:
    KernelTree(tmp_path, 1, "cpuacct").run("docker", version_1)
    KernelTree(tmp_path, 2, "unified").run("system.slice", version_2)

    found = find_hierarchy(tmp_path)
    assert found is not None
    assert Path(found.root).name == ("cpuacct" if version_1 > version_2 else "unified")


def test_version_2_alone_is_at_the_root(tmp_path: Path, kernel: KernelTree) -> None:
    found = find_hierarchy(tmp_path)
    assert found is not None
    assert Path(found.root) == kernel.root


def test_groups_that_come_later_are_found_later(tmp_path: Path) -> None:
    tree = CgroupTree(tmp_path)
    assert tree.read() == {}
    kernel = KernelTree(tmp_path, 1, "cpuacct")
    assert tree.read() == {}
    kernel.run("docker", 4)
    assert tree.read() == {}
    kernel.run("docker", 5)
    assert used(tree) == {Workload(WorkloadKind.SYSTEMD, "docker"): 5}
    tree.close()


def test_a_captured_file_is_understood(shared: Path, kernel: KernelTree, tree: CgroupTree) -> None:
    text = (shared / "fixtures" / "telegraf" / "cgroup_v2" / "cpu.stat").read_text()
    kernel.make("system.slice/cron.service")
    tree.read()
    for path in ("system.slice", "system.slice/cron.service"):
        kernel.file(path).write_text(text)

    assert used(tree) == {CRON: 98_701_325_189}


# ── laws ─────────────────────────────────────────────────────────────────────────────────

segments = st.sampled_from(
    ("a.service", "b.scope", "x.slice", "system.slice", "user-7.slice", "user@7.service",
     f"docker-{ID}.scope", f"pod{'0a' * 16}", "docker", "lxc", "plain")
)  # fmt: skip
paths = st.lists(segments, min_size=1, max_size=5).map("/".join)
deeds = st.tuples(st.sampled_from(("run", "run", "make", "remove", "read")), paths,
                  st.integers(0, 10**9))  # fmt: skip


@given(st.lists(deeds, max_size=40), st.sampled_from((1, 2)), st.sampled_from((0, 2, 100)))
def test_the_parts_of_any_tree_add_up_to_what_its_top_groups_counted(
    history: list[tuple[str, str, int]], version: int, descriptors: int
) -> None:
    """Groups begin, end and begin again between passes; only the end of a top one is lost."""
    with tempfile.TemporaryDirectory() as directory:
        kernel = KernelTree(Path(directory), version, "" if version == 2 else "cpuacct")
        kernel.make("init.scope")
        tree = CgroupTree(Path(directory), descriptors)
        tree.read()
        counted = {"init.scope": 0}
        for deed, path, microseconds in [*history, ("read", "", 0)]:
            match deed:
                case "run":
                    kernel.run(path, microseconds)
                case "make":
                    kernel.make(path)
                case "remove" if path in kernel.usage:
                    kernel.remove(path)
                    counted.pop(path, None)
                case "read":
                    tops = {p: usage for p, usage in kernel.usage.items() if "/" not in p}
                    passed = sum(usage - counted.get(p, 0) for p, usage in tops.items())
                    counted = tops
                    assert sum(tree.read().values()) == passed * NANOSECONDS_PER_MICROSECOND
        tree.close()


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_no_file_makes_a_pass_fail(first: bytes, second: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        kernel = KernelTree(Path(directory))
        kernel.run("system.slice/cron.service", 5)
        tree = CgroupTree(Path(directory))
        for text in (first, second, first):
            kernel.file("system.slice/cron.service").write_bytes(text)
            kernel.file("system.slice").write_bytes(text[::-1])
            assert all(usage >= 0 for usage in tree.read().values())
        tree.close()
