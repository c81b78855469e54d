"""CPU time of the host and of processes, from procfs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.workloads import Workload, WorkloadKind
from wattgram_agent.attribution import HostTime
from wattgram_agent.workloads import cpu, processes
from wattgram_agent.workloads.cpu import NANOSECONDS_PER_TICK, CpuTicks, HostCpu, host_time
from wattgram_agent.workloads.processes import ProcessStat, ProcessTable

TICK = NANOSECONDS_PER_TICK
KERNEL = 0x0020_8040


def named(name: str) -> Workload:
    return Workload(WorkloadKind.PROCESS, name)


def line(pid: int, name: str, start: int, ticks: int, flags: int = 0x0040_0000) -> str:
    middle = f"S 1 1 1 0 -1 {flags} 9 8 7 6 {ticks - ticks // 3} {ticks // 3} 5 4 20 0 1 0 {start}"
    return f"{pid} ({name}) {middle} 1000 10 18446744073709551615\n"


class ProcTree:
    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "sys").mkdir(parents=True)
        (root / "1x").mkdir()

    def write(self, pid: int, name: str, start: int, ticks: int, **changes: int) -> None:
        (self.root / str(pid)).mkdir(exist_ok=True)
        (self.root / str(pid) / "stat").write_text(line(pid, name, start, ticks, **changes))

    def remove(self, pid: int) -> None:
        (self.root / str(pid) / "stat").unlink()
        (self.root / str(pid)).rmdir()


@pytest.fixture
def tree(tmp_path: Path) -> ProcTree:
    return ProcTree(tmp_path / "proc")


@pytest.fixture
def table(tree: ProcTree) -> ProcessTable:
    return ProcessTable(tree.root)


# ── processes ────────────────────────────────────────────────────────────────────────────


def test_processes_of_one_name_are_one_workload(tree: ProcTree, table: ProcessTable) -> None:
    tree.write(10, "nginx", 5, 100)
    tree.write(11, "nginx", 6, 100)
    tree.write(12, "db", 7, 100)
    assert table.read() == {}
    tree.write(10, "nginx", 5, 103)
    tree.write(11, "nginx", 6, 104)

    assert table.read() == {named("nginx"): 7 * TICK}
    assert table.workload_of(12) == named("db")
    assert table.workload_of(99) is None


def test_a_process_that_is_new_has_used_all_that_it_counts(
    tree: ProcTree, table: ProcessTable
) -> None:
    tree.write(10, "nginx", 5, 100)
    table.read()
    tree.write(13, "job", 50, 30)

    assert table.read() == {named("job"): 30 * TICK}


def test_a_number_that_is_used_again_is_another_process(
    tree: ProcTree, table: ProcessTable
) -> None:
    tree.write(10, "nginx", 5, 100)
    table.read()
    tree.write(10, "job", 60, 120)

    assert table.read() == {named("job"): 120 * TICK}


def test_an_old_process_that_was_passed_over_is_not_new(
    tree: ProcTree, table: ProcessTable
) -> None:
    """It could not be read at the last pass: nobody knows when it used what it counts."""
    tree.write(10, "nginx", 50, 100)
    table.read()
    tree.write(11, "db", 20, 90_000)
    assert table.read() == {}
    tree.write(11, "db", 20, 90_004)

    assert table.read() == {named("db"): 4 * TICK}


def test_a_process_that_ended_takes_its_last_time_with_it(
    tree: ProcTree, table: ProcessTable
) -> None:
    tree.write(10, "nginx", 5, 100)
    table.read()
    tree.remove(10)

    assert table.read() == {}
    assert table.workload_of(10) is None


def test_threads_of_the_kernel_are_nobodys(tree: ProcTree, table: ProcessTable) -> None:
    tree.write(3, "kworker/0:1", 1, 100, flags=KERNEL)
    table.read()
    tree.write(3, "kworker/0:1", 1, 500, flags=KERNEL)

    assert table.read() == {}


def test_processes_beyond_the_limit_are_nobodys_and_not_new_later(
    tree: ProcTree, table: ProcessTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "PROCESSES_MAX", 2)
    for pid in (10, 11, 12):
        tree.write(pid, f"p{pid}", pid, 1_000)
    table.read()
    tree.remove(10)
    tree.write(11, "p11", 11, 1_005)

    assert table.read() == {named("p11"): 5 * TICK}


def test_a_procfs_that_is_not_there_has_no_processes(tmp_path: Path) -> None:
    table = ProcessTable(tmp_path / "none")
    assert table.read() == {}
    assert table.read() == {}


@pytest.mark.parametrize("name", ["(sd-pam)", "a b", "x) S 1 (y", "))", "tmux: server"])
def test_a_name_may_hold_brackets_and_spaces(name: str) -> None:
    assert processes.parse_stat(line(7, name, 5, 9).encode()) == ProcessStat(
        name, 5, 9, is_kernel=False
    )


@given(st.binary(max_size=120))
def test_no_text_makes_a_process_fail(text: bytes) -> None:
    processes.parse_stat(text)
    processes.parse_stat(b"1 (x) " + text)


def test_this_process_is_found_in_the_real_procfs() -> None:
    if not os.path.exists("/proc/self/stat"):
        pytest.skip("no procfs")
    table = ProcessTable(Path("/proc"))
    table.read()

    assert table.workload_of(os.getpid()) is not None


# ── the host ─────────────────────────────────────────────────────────────────────────────


def test_idle_waiting_and_stolen_time_is_not_busy() -> None:
    before = CpuTicks(0, 0, 0, 0, 0, 0, 0, 0)
    after = CpuTicks(1, 2, 4, 8, 16, 32, 64, 128)

    assert host_time(before, after) == HostTime(busy=103 * TICK, total=255 * TICK)


def test_a_field_that_went_back_counts_as_unmoved() -> None:
    before = CpuTicks(5, 0, 0, 10, 90, 0, 0, 0)
    after = CpuTicks(6, 0, 0, 12, 80, 0, 0, 0)

    assert host_time(before, after) == HostTime(busy=1 * TICK, total=3 * TICK)
    assert host_time(after, after) is None


@pytest.mark.parametrize(
    ("text", "ticks"),
    [
        (b"cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 1 1 1\n", (1, 2, 3, 4, 5, 6, 7, 8)),
        (b"cpu 1 2 3 4\n", (1, 2, 3, 4, 0, 0, 0, 0)),
        (b"cpu 1 2 3\n", None),
        (b"cpu 1 2 3 x\n", None),
        (b"cpu 1 2 3 -4\n", None),
        (b"cpu0 1 2 3 4\n", None),
        (b"", None),
        (b"\n", None),
    ],
)
def test_the_first_line_is_the_whole_host(text: bytes, ticks: tuple[int, ...] | None) -> None:
    assert cpu.parse_stat(text) == (ticks and CpuTicks(*ticks))


def test_a_host_is_known_from_the_second_pass_and_again_after_a_failure(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    host = HostCpu(tmp_path)
    answers = []
    for text in ("cpu 1 0 0 10", "cpu 4 0 0 20", "", "cpu 6 0 0 30", "cpu 7 0 0 31"):
        stat.write_text(text)
        answers.append(host.read())
    host.forget()
    stat.write_text("cpu 99 0 0 99")
    answers.append(host.read())

    known = [HostTime(3 * TICK, 13 * TICK), HostTime(1 * TICK, 2 * TICK)]
    assert answers == [None, known[0], None, None, known[1], None]


def test_a_captured_host_is_understood(shared: Path) -> None:
    text = (shared / "fixtures" / "node_exporter" / "proc" / "stat").read_bytes()

    assert cpu.parse_stat(text) == CpuTicks(301854, 612, 111922, 8979004, 3552, 2, 3944, 0)


@given(st.binary(max_size=100))
def test_no_text_makes_the_host_fail(text: bytes) -> None:
    cpu.parse_stat(text)
    cpu.parse_stat(b"cpu " + text)
