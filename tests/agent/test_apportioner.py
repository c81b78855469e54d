"""The whole of sharing on a small host: files in, microjoules by workload out."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cgroup_trees import KernelTree
from wattgram.readings import Quality
from wattgram.units import MICROSECONDS_PER_SECOND
from wattgram.workloads import (
    BUCKETS,
    IDLE,
    OTHER,
    UNATTRIBUTED,
    Workload,
    WorkloadKind,
    is_share,
    series_of,
)
from wattgram_agent.apportioner import Apportioner
from wattgram_agent.source import HostPaths

ID = "1a2b3c4d5e6f" + "0" * 52
CRON = Workload(WorkloadKind.SYSTEMD, "cron.service")
WEB = Workload(WorkloadKind.CONTAINER, "web (1a2b3c4d5e6f)")
SYSTEM = Workload(WorkloadKind.SYSTEMD, "system.slice")
NOTHING = dict.fromkeys(BUCKETS, 0)


class Machine:
    """A host of one thread that counts a hundred ticks a second."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths = HostPaths(sysfs=root / "sys", procfs=root / "proc")
        self.groups = KernelTree(root / "sys")
        self.groups.make("system.slice/cron.service")
        self.busy = self.idle = 0
        self.paths.procfs.mkdir()
        self._write()
        docker = root / "var/lib/docker/containers" / ID
        docker.mkdir(parents=True)
        (docker / "config.v2.json").write_text('{"Name": "/web"}')

    def apportioner(self, level: str = "workloads", count: int = 10) -> Apportioner:
        return Apportioner(self.paths, level, count, root=self.root)

    def pass_seconds(self, busy: int, idle: int, **used: int) -> None:
        """Let time pass; `used` are seconds by the last part of a group's path."""
        self.busy += busy
        self.idle += idle
        self._write()
        paths = {"cron": "system.slice/cron.service", "web": f"system.slice/docker-{ID}.scope"}
        for name, seconds in used.items():
            self.groups.run(paths.get(name, name), seconds * MICROSECONDS_PER_SECOND)

    def process(self, pid: int, name: str, ticks: int, group: str) -> None:
        directory = self.paths.procfs / str(pid)
        directory.mkdir(exist_ok=True)
        (directory / "stat").write_text(
            f"{pid} ({name}) S 1 1 1 0 -1 0 9 8 7 6 {ticks} 0 5 4 20 0 1 0 {pid} 10 10\n"
        )
        (directory / "cgroup").write_text(group)

    def _write(self) -> None:
        stat = self.paths.procfs / "stat"
        stat.write_text(f"cpu  {self.busy * 100} 0 0 {self.idle * 100} 0 0 0 0 0 0\n")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_batch_is_shared_by_cpu_time(machine: Machine) -> None:
    share = machine.apportioner().share
    assert share(500, {}) == [(UNATTRIBUTED, 500)]
    machine.pass_seconds(busy=8, idle=2, cron=5, web=2)

    assert share(1_000, {}) == [
        (CRON, 500), (WEB, 200), (IDLE, 200), (UNATTRIBUTED, 100), (OTHER, 0)
    ]  # fmt: skip


def test_a_workload_that_ended_has_its_last_time_with_its_slice(machine: Machine) -> None:
    share = machine.apportioner().share
    share(0, {})
    machine.pass_seconds(busy=5, idle=5, web=4)
    share(1_000, {})
    machine.pass_seconds(busy=5, idle=5, web=4)
    machine.groups.remove(f"system.slice/docker-{ID}.scope")

    assert dict(share(1_000, {})) == {
        WEB: 0, SYSTEM: 400, IDLE: 500, UNATTRIBUTED: 100, OTHER: 0
    }  # fmt: skip


def test_workloads_beyond_the_limit_are_other(machine: Machine) -> None:
    share = machine.apportioner(count=1).share
    share(0, {})
    machine.pass_seconds(busy=10, idle=0, cron=6, web=4)

    assert dict(share(1_000, {})) == {CRON: 600, IDLE: 0, UNATTRIBUTED: 0, OTHER: 400}


def test_a_batch_without_energy_is_still_a_batch(machine: Machine) -> None:
    share = machine.apportioner().share
    share(0, {})
    machine.pass_seconds(busy=10, idle=0, cron=10)
    assert set(dict(share(0, {})).values()) == {0}
    machine.pass_seconds(busy=10, idle=0, web=10)

    assert dict(share(100, {}))[WEB] == 100


@pytest.mark.parametrize("level", ["workloads", "processes"])
def test_after_the_host_slept_nothing_is_attributed_once(machine: Machine, level: str) -> None:
    apportioner = machine.apportioner(level)
    apportioner.share(0, {})
    machine.pass_seconds(busy=10, idle=0, cron=10)
    apportioner.forget()
    assert apportioner.share(700, {}) == [(UNATTRIBUTED, 700)]
    machine.pass_seconds(busy=5, idle=5, cron=5)

    assert dict(apportioner.share(1_000, {}))[IDLE] == 500
    apportioner.close()


def test_a_host_whose_time_cannot_be_read_attributes_nothing(machine: Machine) -> None:
    share = machine.apportioner().share
    share(0, {})
    machine.pass_seconds(busy=10, idle=0, cron=10)
    (machine.paths.procfs / "stat").unlink()

    assert share(700, {}) == [(UNATTRIBUTED, 700)]


def test_without_control_groups_it_is_known_how_much_was_idle(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    apportioner = Apportioner(HostPaths(sysfs=tmp_path / "none", procfs=machine.paths.procfs),
                              "workloads", 5, root=tmp_path)  # fmt: skip
    apportioner.share(0, {})
    machine.pass_seconds(busy=4, idle=6, cron=4)

    assert apportioner.share(100, {}) == [(IDLE, 60), (UNATTRIBUTED, 40), (OTHER, 0)]


def test_processes_are_shared_out_by_name(machine: Machine) -> None:
    share = machine.apportioner("processes").share
    machine.process(10, "nginx", 100, "")
    machine.process(11, "nginx", 100, "")
    share(0, {})
    machine.pass_seconds(busy=10, idle=10)
    machine.process(10, "nginx", 300, "")
    machine.process(11, "nginx", 500, "")

    assert dict(share(1_000, {})) == {
        Workload(WorkloadKind.PROCESS, "nginx"): 300, IDLE: 500, UNATTRIBUTED: 200, OTHER: 0
    }  # fmt: skip


# ── GPUs ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "group",
    [
        f"0::/system.slice/docker-{ID}.scope\n",
        f"0::/../docker-{ID}.scope\n",
        f"3:cpu,cpuacct:/docker/{ID}\n0::/\n",
        f"9:memory:/system.slice/cron.service\n2:cpuacct:/docker/{ID}\n",
    ],
)
def test_a_process_on_a_gpu_is_its_control_groups(machine: Machine, group: str) -> None:
    apportioner = machine.apportioner()
    apportioner.gpu_use = lambda: {"GPU-1": {42: 250_000, 43: 500_000, 0: 100_000}}
    apportioner.share(0, {})
    machine.process(42, "python", 5, group)
    machine.pass_seconds(busy=10, idle=0, cron=10)

    assert dict(apportioner.share(2_000, {"GPU-1": 1_000})) == {
        CRON: 1_000, WEB: 250, IDLE: 150, UNATTRIBUTED: 600, OTHER: 0
    }  # fmt: skip


def test_a_process_on_a_gpu_is_itself_where_processes_are_told_apart(machine: Machine) -> None:
    apportioner = machine.apportioner("processes")
    apportioner.gpu_use = lambda: {"GPU-1": {42: 1_000_000}}
    machine.process(42, "train", 5, "")
    apportioner.share(0, {})
    machine.pass_seconds(busy=10, idle=0)

    shares = dict(apportioner.share(1_000, {"GPU-1": 900}))
    assert shares[Workload(WorkloadKind.PROCESS, "train")] == 900


def test_a_gpu_of_which_nobody_knows_is_unattributed(machine: Machine) -> None:
    apportioner = machine.apportioner()
    apportioner.gpu_use = lambda: {"GPU-2": {}}
    apportioner.share(0, {})
    machine.pass_seconds(busy=10, idle=0, cron=10)

    shares = dict(apportioner.share(1_000, {"GPU-1": 300, "GPU-2": 200}))
    assert shares == {CRON: 500, IDLE: 200, UNATTRIBUTED: 300, OTHER: 0}


def test_use_of_gpus_is_taken_each_time_so_that_it_is_of_this_batch(machine: Machine) -> None:
    taken = []
    apportioner = machine.apportioner()
    apportioner.gpu_use = lambda: taken.append(1) or {}  # type: ignore[func-returns-value]
    apportioner.share(0, {})
    apportioner.share(100, {"GPU-1": 5})

    assert len(taken) == 2


# ── the wire ─────────────────────────────────────────────────────────────────────────────


def test_a_share_travels_as_an_ordinary_series_that_is_not_counted() -> None:
    series = series_of(WEB)
    assert (series.source, series.domain, series.instance) == (
        "attribution", "container", "web (1a2b3c4d5e6f)"
    )  # fmt: skip
    assert series.quality is Quality.MODELLED
    assert not series.counted
    assert is_share(series)


steps = st.lists(
    st.tuples(st.integers(0, 1 << 50), st.integers(0, 50), st.integers(0, 50),
              st.integers(0, 50), st.integers(0, 50)), max_size=6
)  # fmt: skip


@given(steps, st.integers(1, 3))
def test_every_batch_closes_to_the_microjoule(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[int, ...]], count: int
) -> None:
    machine = Machine(tmp_path_factory.mktemp("machine"))
    apportioner = machine.apportioner(count=count)
    apportioner.gpu_use = lambda: {"GPU-1": {1: 300_000}}
    for energy, busy, idle, cron, web in history:
        rows = apportioner.share(energy, {"GPU-1": energy // 3, "GPU-2": energy})

        assert sum(amount for _, amount in rows) == energy
        machine.pass_seconds(busy, idle, cron=cron, web=web)
    apportioner.close()
