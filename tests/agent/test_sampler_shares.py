"""Who used the counted energy: the shares of every batch add up to it, whatever happens."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes import spooled
from sampling import PACKAGE_RANGE, Host, Meter
from wattgram.readings import Batch, Kind, SeriesTable
from wattgram.workloads import BUCKETS, IDLE, UNATTRIBUTED, Workload, WorkloadKind, is_share
from wattgram_agent.apportioner import Apportioner
from wattgram_agent.batches import counted_energy, with_shares
from wattgram_agent.source import HostPaths, Point

WATT = 1_000_000


class EvenApportioner(Apportioner):
    """Shares out evenly among those whom it is told, without looking at any host."""

    def __init__(self) -> None:
        self.gpu_use = None
        self.among: Sequence[Workload] = (IDLE,)
        self.forgot = 0
        self.boards: list[Mapping[str, int]] = []

    def share(
        self, counted_microjoules: int, gpu_microjoules: Mapping[str, int]
    ) -> list[tuple[Workload, int]]:
        self.boards.append(gpu_microjoules)
        part = counted_microjoules // len(self.among)
        rows = [(who, part) for who in self.among]
        rows[-1] = (rows[-1][0], counted_microjoules - part * (len(rows) - 1))
        return rows

    def forget(self) -> None:
        self.forgot += 1

    def close(self) -> None:
        """Nothing is open."""


def unit(name: str) -> Workload:
    return Workload(WorkloadKind.SYSTEMD, f"{name}.service")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "spool", apportioner=EvenApportioner())


def among(host: Host, *workloads: Workload) -> None:
    assert isinstance(host.apportioner, EvenApportioner)
    host.apportioner.among = workloads


def sums(table: SeriesTable, batch: Batch) -> tuple[int, int]:
    """Return what a batch counts, and what its shares add up to."""
    counted = shared = 0
    for index, quantity, _, _ in batch.spans():
        series = table.series[index]
        counted += quantity if series.counted and series.kind is Kind.ENERGY else 0
        shared += quantity if is_share(series) else 0
    return counted, shared


def test_every_batch_holds_who_used_its_energy(host: Host) -> None:
    among(host, unit("web"), IDLE)
    host.beat()
    host.beat(10, 20)
    host.beat(5, 6)
    host.sampler.close_batch()
    ((table, batch),) = spooled(host.spool)

    assert [(one.source, one.domain, one.instance, one.counted) for one in table.series[2:]] == [
        ("attribution", "systemd", "web.service", False),
        ("attribution", "idle", "idle", False),
    ]
    assert batch.columns == ([10, 5], [20, 6], [None, 20], [None, 21])
    assert [(start, end) for index, _, start, end in batch.spans() if index > 1] == [
        (0, 2 * 10**9), (0, 2 * 10**9),
    ]  # fmt: skip


def test_a_new_workload_begins_a_table_and_one_that_is_gone_does_not(host: Host) -> None:
    host.beat()
    for who in ([IDLE], [unit("web"), IDLE], [IDLE], [unit("web"), IDLE]):
        among(host, *who)
        host.beat(10, 10)
        host.sampler.close_batch()
    found = spooled(host.spool)

    assert [table.number for table, _ in found] == [1, 2, 2, 2]
    assert [sums(*one) for one in found] == [(20, 20)] * 4
    assert [column[-1] for column in found[2][1].columns] == [10, 10, None, 20]


def test_over_a_restart_the_shares_reach_back_as_far_as_the_energy(host: Host) -> None:
    host.beat()
    host.beat(10, 10)
    host.sampler.close_batch()
    host.clock.advance(1)
    host.restart()
    host.beat(100, 100, seconds=19)
    host.sampler.close_batch()
    table, batch = spooled(host.spool)[-1]

    assert sums(table, batch) == (200, 200)
    assert {(start, end) for _, _, start, end in batch.spans()} == {(0, 20 * 10**9)}


def test_sleep_drops_what_the_apportioner_remembers(host: Host) -> None:
    assert isinstance(host.apportioner, EvenApportioner)
    host.beat()
    host.beat(1, 1)
    assert host.apportioner.forgot == 0
    host.clock.advance(100, suspended=True)
    host.beat(1, 1)
    host.beat(1, 1)

    assert host.apportioner.forgot == 1


def test_boards_are_told_apart_for_the_apportioner(host: Host) -> None:
    assert isinstance(host.apportioner, EvenApportioner)
    host.meters.append(Meter(Point("nvml", "gpu", "GPU-a")))
    host.restart()
    host.beat(1, 1, 0)
    host.beat(2, 2, 7)
    host.beat(2, 2, 1)
    host.sampler.close_batch()

    assert host.apportioner.boards == [{"GPU-a": 8}]
    assert sums(*spooled(host.spool)[0]) == (16, 16)


def test_an_agent_that_shares_nothing_out_has_no_series_for_it(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.beat()
    host.beat(1, 1)
    host.sampler.close_batch()

    assert not any(is_share(one) for table, _ in spooled(host.spool) for one in table.series)


def test_a_batch_of_gaps_only_takes_empty_columns() -> None:
    batch = Batch(
        sequence=1, series_number=1, start_unix_nanoseconds=0, start_boottime_nanoseconds=0,
        interval_microseconds=(), columns=((),),
    )  # fmt: skip

    assert with_shares(batch, 3, [None, None]).columns == ((), [], [])


lives = st.lists(
    st.tuples(
        st.integers(0, 900 * WATT),
        st.booleans(),
        st.integers(0, 6),
        st.sampled_from(["", "close", "close", "kill", "sleep"]),
    ),
    max_size=25,
)
WHO = (*BUCKETS, *(unit(name) for name in "abcd"))


@settings(deadline=None)
@given(lives, st.integers(0, PACKAGE_RANGE - 1))
def test_the_shares_of_every_batch_add_up_to_what_it_counts(
    steps: list[tuple[int, bool, int, str]], start: int
) -> None:
    """Over wraps, failures, kills and sleep: to the microjoule, and batch by batch."""
    with tempfile.TemporaryDirectory() as directory:
        host = Host(Path(directory), start=start, apportioner=EvenApportioner())
        host.beat()
        for energy, fails, who, then in steps:
            among(host, *WHO[: who + 1])
            host.meters[0].fails = fails
            if then == "sleep":
                host.clock.advance(60, suspended=True)
            host.beat(energy, energy // 3)
            if then == "close":
                host.sampler.close_batch()
            elif then == "kill":
                host.restart()
        host.sampler.close_batch()
        found = spooled(host.spool)

        for table, batch in found:
            counted, shared = sums(table, batch)
            assert counted == shared
            assert counted == counted_energy(batch, table)[0]
        host.spool.close()


def test_the_apportioner_of_a_host_that_tells_nothing_attributes_nothing(tmp_path: Path) -> None:
    apportioner = Apportioner(
        HostPaths(sysfs=tmp_path, procfs=tmp_path), "workloads", 5, root=tmp_path
    )
    host = Host(tmp_path / "spool", apportioner=apportioner)
    host.beat()
    host.beat(10, 20)
    host.sampler.close_batch()
    ((table, batch),) = spooled(host.spool)

    assert sums(table, batch) == (30, 30)
    assert [one.instance for one in table.series if is_share(one)] == [UNATTRIBUTED.name]


def test_a_new_workload_at_a_change_of_the_meters_is_in_the_columns_before_it(host: Host) -> None:
    """The batch that the change closes has the old columns, whoever is new in it."""
    host.beat()
    host.beat(10, 10)
    among(host, unit("web"), IDLE)
    host.meters.append(Meter(Point("nvml", "package", "GPU-a")))
    host.look_again()
    host.beat(1, 1, 1)
    host.beat(2, 2, 2)
    host.sampler.close_batch()
    found = spooled(host.spool)

    assert [len(table.series) for table, _ in found] == [4, 5, 5]
    assert [sums(*one) for one in found] == [(20, 20), (2, 2), (6, 6)]
