"""The law of sharing: it closes to the microjoule, and nobody gets more than he used."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.workloads import IDLE, UNATTRIBUTED, Workload, WorkloadKind
from wattgram_agent.attribution import GPU_WHOLE, GpuEnergy, HostTime, apportion, split

WEB = Workload(WorkloadKind.CONTAINER, "web")
CRON = Workload(WorkloadKind.SYSTEMD, "cron.service")
NAMES = (WEB, CRON, *(Workload(WorkloadKind.PROCESS, name) for name in "abc"))

energies = st.integers(0, 1 << 62)
times = st.integers(0, 1 << 60)
usages = st.dictionaries(st.sampled_from(NAMES), times)
hosts = st.none() | st.builds(HostTime, times, times)
receivers = st.sampled_from((*NAMES, UNATTRIBUTED))
users = st.none() | st.dictionaries(receivers, st.integers(0, 2 * GPU_WHOLE))
gpus = st.lists(st.builds(GpuEnergy, energies, users), max_size=4)


def test_active_energy_is_shared_by_cpu_time_and_the_rest_is_idle() -> None:
    shares = apportion(1_000, HostTime(busy=400, total=1_000), {WEB: 300, CRON: 50})

    assert shares == {WEB: 300, CRON: 50, UNATTRIBUTED: 50, IDLE: 600}


def test_stolen_time_is_in_the_whole_and_so_in_idle() -> None:
    """A guest that wanted to run and could not drew nothing."""
    assert apportion(100, HostTime(busy=10, total=40), {WEB: 10})[IDLE] == 75


def test_usages_that_add_up_to_more_than_the_host_share_its_active_energy() -> None:
    shares = apportion(1_000, HostTime(busy=500, total=1_000), {WEB: 600, CRON: 400})

    assert shares == {WEB: 300, CRON: 200, IDLE: 500}


def test_without_a_host_time_nothing_is_attributed() -> None:
    assert apportion(7, None, {WEB: 5}) == {UNATTRIBUTED: 7}


def test_no_time_is_no_knowledge_and_no_work_is_idle() -> None:
    assert apportion(7, HostTime(0, 0), {}) == {UNATTRIBUTED: 7}
    assert apportion(7, HostTime(0, 50), {}) == {IDLE: 7}
    assert apportion(7, HostTime(0, 50), {WEB: 3}) == {IDLE: 7}


def test_what_rounding_leaves_goes_to_the_largest_remainder_and_then_by_name() -> None:
    first, second, third = (Workload(WorkloadKind.PROCESS, name) for name in "abc")
    assert split(10, {third: 1, second: 1, first: 1}) == {first: 4, second: 3, third: 3}
    assert split(10, {first: 10, second: 26}) == {first: 3, second: 7}


def test_a_gpu_is_shared_by_how_much_of_it_each_kept_busy() -> None:
    """Half of the 400 that the GPU used is the web's, an unknown process has a quarter."""
    gpu = GpuEnergy(400, {WEB: GPU_WHOLE // 2, UNATTRIBUTED: GPU_WHOLE // 4})
    shares = apportion(1_000, HostTime(300, 600), {CRON: 300}, [gpu])

    assert {who: amount for who, amount in shares.items() if amount} == {
        CRON: 300,
        WEB: 200,
        UNATTRIBUTED: 100,
        IDLE: 300 + 100,
    }


def test_a_gpu_of_unknown_use_is_unattributed_and_one_without_users_is_idle() -> None:
    host = HostTime(1, 1)
    assert apportion(50, host, {WEB: 1}, [GpuEnergy(50, None)])[UNATTRIBUTED] == 50
    assert apportion(50, host, {WEB: 1}, [GpuEnergy(50, {})])[IDLE] == 50


def test_users_of_more_than_a_whole_gpu_share_it() -> None:
    gpu = GpuEnergy(90, {WEB: GPU_WHOLE, CRON: GPU_WHOLE // 2})
    shares = apportion(90, HostTime(1, 1), {}, [gpu])

    assert {who: amount for who, amount in shares.items() if amount} == {WEB: 60, CRON: 30}


def test_gpus_that_claim_more_than_is_counted_are_cut_to_it() -> None:
    """Where a meter of the host is counted, its GPUs' own may run ahead of it."""
    boards = [GpuEnergy(300, {WEB: GPU_WHOLE}), GpuEnergy(100, {CRON: GPU_WHOLE})]
    shares = apportion(100, HostTime(1, 1), {}, boards)

    assert {who: amount for who, amount in shares.items() if amount} == {WEB: 75, CRON: 25}


def test_energy_is_not_negative() -> None:
    for energy, board in ((-1, 0), (1, -1)):
        with pytest.raises(ValueError, match="negative"):
            apportion(energy, None, {}, [GpuEnergy(board, None)])


@given(energies, hosts, usages, gpus)
def test_shares_close_to_the_microjoule_whatever_comes(
    energy: int, host: HostTime | None, usage: dict[Workload, int], boards: list[GpuEnergy]
) -> None:
    shares = apportion(energy, host, usage, boards)

    assert sum(shares.values()) == energy
    assert min(shares.values()) >= 0
    assert set(shares) <= {*NAMES, IDLE, UNATTRIBUTED}


@given(energies, st.integers(1, 1 << 60), st.integers(0, 1 << 60), usages)
def test_each_share_is_the_exact_one_but_for_less_than_a_microjoule(
    energy: int, busy: int, idle: int, usage: dict[Workload, int]
) -> None:
    shares = apportion(energy, HostTime(busy, busy + idle), usage)
    active = Fraction(energy * busy, busy + idle)
    for who, used in usage.items():
        exact = active * used / max(busy, sum(usage.values()))
        assert abs(shares.get(who, 0) - exact) < 1
    assert abs(shares.get(IDLE, 0) - (energy - active)) < 1


@given(energies, st.lists(st.tuples(st.sampled_from(NAMES), times), unique_by=lambda w: w[0]))
def test_the_order_of_workloads_changes_nothing(
    energy: int, weights: list[tuple[Workload, int]]
) -> None:
    assert split(energy, dict(weights)) == split(energy, dict(reversed(weights)))
