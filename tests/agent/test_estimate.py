"""What a machine draws between idle and busy: its packages, and the host around them."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.units import MICROWATTS_PER_MILLIWATT, MICROWATTS_PER_WATT
from wattgram_agent import coefficients
from wattgram_agent.cloud import Cloud
from wattgram_agent.coefficients import CLIENT, WORLD, Bounds
from wattgram_agent.estimate import Estimate, Machine, envelope, estimate
from wattgram_agent.processors import CpuIdentity
from wattgram_agent.sources.model import machine_of

ROWS = (*coefficients._ROWS.values(), WORLD, CLIENT)
ZEN_4 = coefficients._ROWS["zen-4"]
IVY_BRIDGE = coefficients._ROWS["ivy-bridge"]
PI_4 = coefficients._ROWS["raspberry-pi-4"]

ratios = st.floats(0, 1)
machines = st.builds(
    Machine,
    coefficients=st.sampled_from(ROWS),
    threads=st.integers(1, 2_048),
    sockets=st.integers(1, 8),
    tdp_watts=st.none() | st.floats(1, 1_000),
    is_single_threaded=st.booleans(),
    is_guest=st.booleans(),
)


def power(machine: Machine, ratio: float) -> Estimate:
    return estimate(envelope(machine), ratio)


def package_watts(machine: Machine, ratio: float) -> float:
    package = power(machine, ratio).package
    assert package is not None
    return package.mid / MICROWATTS_PER_WATT


@given(machine=machines, ratio=st.floats(-1, 2))
def test_bounds_are_in_order_and_nothing_is_zero(machine: Machine, ratio: float) -> None:
    package, host = power(machine, ratio)

    assert 0 < host.low <= host.mid <= host.high
    assert package is None or 0 < package.low <= package.mid <= package.high
    assert all(type(microwatts) is int for microwatts in (*host, *(package or ())))


@given(machine=machines, ratio=ratios)
def test_the_host_holds_its_packages(machine: Machine, ratio: float) -> None:
    package, host = power(machine, ratio)

    assert package is None or all(a < b for a, b in zip(package, host, strict=True))


@given(machine=machines, one=st.floats(-1, 2), other=st.floats(-1, 2))
def test_more_load_never_draws_less(machine: Machine, one: float, other: float) -> None:
    less, more = (power(machine, ratio) for ratio in sorted((one, other)))

    assert all(a <= b for a, b in zip(less.host, more.host, strict=True))
    assert all(a <= b for a, b in zip(less.package or (), more.package or (), strict=True))


@given(machine=machines, ratio=ratios, times=st.integers(2, 5))
def test_several_such_machines_draw_several_times_as_much(
    machine: Machine, ratio: float, times: int
) -> None:
    several = replace(machine, threads=times * machine.threads, sockets=times * machine.sockets)
    one, many = power(machine, ratio), power(several, ratio)

    for a, b in zip(
        (*one.host, *(one.package or ())), (*many.host, *(many.package or ())), strict=True
    ):
        assert b == pytest.approx(times * a, abs=3 * times)


@given(machine=machines)
def test_nothing_is_busier_than_busy_nor_idler_than_idle(machine: Machine) -> None:
    assert power(machine, 9.0) == power(machine, 1.0)
    assert power(machine, -9.0) == power(machine, 0.0)


@given(row=st.sampled_from(ROWS), threads=st.integers(1, 2_048), ratio=ratios)
def test_a_guest_draws_what_its_row_says_whatever_the_processor(
    row: coefficients.Coefficients, threads: int, ratio: float
) -> None:
    """Linear between the ends: a guest's TDP and sockets are somebody else's."""
    guest = Machine(coefficients=row, threads=threads, is_guest=True)
    told = replace(guest, tdp_watts=205.0, sockets=2, is_single_threaded=True)
    idle, full = row.idle_milliwatts_per_thread.mid, row.max_milliwatts_per_thread.mid
    expected = threads * MICROWATTS_PER_MILLIWATT * (idle + (full - idle) * ratio)

    assert power(guest, ratio).host.mid == pytest.approx(expected, rel=0.001, abs=1)
    assert power(told, ratio) == power(guest, ratio)


@pytest.mark.parametrize(
    ("machine", "watts"),
    [
        # The mean of a TDP of 90 W and 16 threads of 1.85 W.
        (Machine(coefficients=ZEN_4, threads=16, tdp_watts=90), 51.6),
        (Machine(coefficients=ZEN_4, threads=32, sockets=2, tdp_watts=90), 103.2),
        (Machine(coefficients=IVY_BRIDGE, threads=8, tdp_watts=69), 54.9),
        # Many threads: not beyond the TDP of a server or a laptop, a little on a desktop.
        (Machine(coefficients=ZEN_4, threads=192, tdp_watts=200), 200),
        (Machine(coefficients=CLIENT, threads=8, tdp_watts=15), 15),
        (Machine(coefficients=CLIENT, threads=32, tdp_watts=65), 87.75),
        # Without a TDP the row decides, which is of two threads in a core.
        (Machine(coefficients=ZEN_4, threads=16), 29.6),
        (Machine(coefficients=ZEN_4, threads=8, is_single_threaded=True), 29.6),
        (Machine(coefficients=ZEN_4, threads=16, is_guest=True), 17.76),
    ],
)
def test_a_package_at_full_load(machine: Machine, watts: float) -> None:
    assert package_watts(machine, 1.0) == pytest.approx(watts, rel=0.001)


def test_the_form_is_that_of_bare_metal_servers() -> None:
    machine = Machine(coefficients=ZEN_4, threads=64, tdp_watts=100)
    published = {0.0: 0.12, 0.1: 0.32, 0.5: 0.75, 1.0: 1.02}
    shares = {ratio: package_watts(machine, ratio) / 100 for ratio in published}
    off = sum(abs(shares[ratio] - share) for ratio, share in published.items())

    assert off / sum(published.values()) < 0.05


def test_an_idle_package_draws_an_eighth_and_half_a_load_more_than_half() -> None:
    machine = Machine(coefficients=ZEN_4, threads=200, tdp_watts=100)

    assert package_watts(machine, 0.0) == pytest.approx(12.0)
    assert package_watts(machine, 0.5) == pytest.approx(68.1, abs=0.1)


def test_the_bounds_of_a_package_are_half_of_it_away() -> None:
    package = power(Machine(coefficients=ZEN_4, threads=200, tdp_watts=100), 1.0).package

    assert package == Bounds(*(watts * MICROWATTS_PER_WATT for watts in (50, 100, 150)))


def test_a_server_with_known_results_is_at_the_wall_what_they_say() -> None:
    machine = Machine(coefficients=ZEN_4, threads=384, sockets=2, tdp_watts=200)

    assert power(machine, 0.0).host.mid == 384 * 406 * MICROWATTS_PER_MILLIWATT
    assert power(machine, 1.0).host.mid == 384 * 1850 * MICROWATTS_PER_MILLIWATT


def test_around_a_package_lies_at_least_a_seventh_of_it() -> None:
    package, host = power(Machine(coefficients=IVY_BRIDGE, threads=8, tdp_watts=69), 1.0)

    assert package is not None
    assert host.mid == pytest.approx(1.15 * package.mid, abs=1)


def test_a_laptop_is_not_a_small_server_at_the_wall() -> None:
    laptop = Machine(coefficients=CLIENT, threads=8, tdp_watts=15)

    assert power(laptop, 1.0).host.mid < 20 * MICROWATTS_PER_WATT
    assert power(laptop, 0.0).host.mid < 5 * MICROWATTS_PER_WATT
    assert power(replace(laptop, tdp_watts=None), 1.0).host.mid > 40 * MICROWATTS_PER_WATT


def test_what_lies_around_a_strong_package_does_not_grow_with_it() -> None:
    package, host = power(Machine(coefficients=CLIENT, threads=4, tdp_watts=300), 0.0)

    assert package is not None
    assert host.mid == pytest.approx(1.15 * package.mid, abs=1)


def test_a_board_is_known_as_a_whole_three_watts_at_rest_and_six_under_stress() -> None:
    board = Machine(coefficients=PI_4, threads=4, is_single_threaded=True)

    assert power(board, 0.0) == Estimate(None, Bounds(1_528_000, 3_060_000, 4_588_000))
    assert power(board, 1.0).host.mid == 6_120_000


def test_no_threads_is_no_power_and_not_zero() -> None:
    with pytest.raises(ValueError, match="at least one thread"):
        envelope(Machine(coefficients=WORLD, threads=0))


@pytest.mark.parametrize(
    ("machine", "model_name", "threads", "off"),
    [
        ("AMD_EPYC_8024P_8C", "AMD EPYC 8024P 8-Core Processor", 16, 0.2),
        ("AMD_Threadripper", "AMD Ryzen Threadripper 1950X 16-Core Processor", 32, 0.12),
        # One file of this machine runs at its lowest clock until it is half busy.
        ("E3-1240", "Intel(R) Xeon(R) CPU E3-1240 V2 @ 3.40GHz", 8, 0.41),
    ],
)
def test_the_packages_are_nearer_to_what_was_measured_than_the_tdp_and_a_cube(
    shared: Path, machine: str, model_name: str, threads: int, off: float
) -> None:
    """RAPL under rising load; the first row of each file is a cold start."""
    modelled = machine_of(CpuIdentity(model_name=model_name, threads=threads), Cloud())
    ours, cubes = [], []
    for path in (shared / "fixtures/codecarbon/cpu_load_vs_rapl").glob(f"{machine}__*.csv"):
        with path.open(newline="") as file:
            points = list(csv.DictReader(file))[1:]
        measured = [float(point["rapl_power"]) for point in points]
        loads = [float(point["cpu_load"]) / 100 for point in points]
        tdp = modelled.tdp_watts or 0.0
        pairs = list(zip(loads, measured, strict=True))
        ours.append(sum(abs(package_watts(modelled, u) - w) for u, w in pairs) / sum(measured))
        cubes.append(sum(abs(tdp * (0.1 + 0.9 * u**3) - w) for u, w in pairs) / sum(measured))

    assert len(ours) == 2
    assert sum(ours) / 2 < off
    if machine != "E3-1240":
        assert sum(ours) < sum(cubes)
