"""Which row a CPU belongs to, and what it draws."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.units import MICROWATTS_PER_MILLIWATT, MICROWATTS_PER_WATT
from wattgram_agent import coefficients
from wattgram_agent.coefficients import (
    CLIENT,
    WORLD,
    Bounds,
    Coefficients,
    CpuIdentity,
    coefficients_for,
    microarchitecture,
    parse_cpuinfo,
    power_microwatts,
)

ROWS = (*coefficients._ROWS.values(), WORLD, CLIENT)
FIXTURES = Path(__file__).parents[3] / "shared" / "fixtures"
WATTS_PER_THREAD = FIXTURES / "ccf" / "recomputed_watts_per_thread.csv"
CURVES = FIXTURES / "codecarbon" / "cpu_load_vs_rapl"

XEON = """\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 85
model name\t: Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz
stepping\t: 7
flags\t\t: fpu vme

processor\t: 1
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 85
model name\t: Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz
stepping\t: 7
flags\t\t: fpu vme
"""

GUEST = """\
processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 26
model\t\t: 2
model name\t: AMD EPYC
flags\t\t: fpu vme hypervisor lahf_lm
"""

ALTRA = """\
processor\t: 0
BogoMIPS\t: 50.00
Features\t: fp asimd evtstrm
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x3
CPU part\t: 0xd0c
CPU revision\t: 1
"""

PI_4 = """\
processor\t: 0
model name\t: ARMv7 Processor rev 3 (v7l)
CPU implementer\t: 0x41
CPU architecture: 7
CPU part\t: 0xd08

processor\t: 1
model name\t: ARMv7 Processor rev 3 (v7l)

Hardware\t: BCM2711
Revision\t: c03112
Model\t\t: Raspberry Pi 4 Model B Rev 1.2
"""


def cpu(text: str, *, hypervisor: bool = False) -> CpuIdentity:
    """Return "vendor family model [stepping] | model name" as an identity."""
    numbers, _, name = text.partition("|")
    vendor, family, model, *stepping = numbers.split()
    return CpuIdentity(
        vendor_id={"intel": "GenuineIntel", "amd": "AuthenticAMD"}.get(vendor, vendor),
        family=int(family),
        model=int(model, 0),
        stepping=int(stepping[0]) if stepping else None,
        model_name=name.strip(),
        hypervisor=hypervisor,
    )


def test_a_server_says_its_numbers_and_its_threads() -> None:
    assert parse_cpuinfo(XEON) == CpuIdentity(
        vendor_id="GenuineIntel",
        family=6,
        model=85,
        stepping=7,
        model_name="Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz",
        threads=2,
    )


def test_a_guest_is_known_by_its_flag() -> None:
    identity = parse_cpuinfo(GUEST)

    assert identity.hypervisor
    assert microarchitecture(identity) == "zen-5"


def test_an_arm_server_is_known_by_its_part() -> None:
    identity = parse_cpuinfo(ALTRA)

    assert (identity.vendor_id, identity.family, identity.model) == ("0x41", 8, 0xD0C)
    assert coefficients_for(identity).microarchitecture == "neoverse-n1"


def test_a_raspberry_pi_is_known_by_its_board() -> None:
    identity = parse_cpuinfo(PI_4)

    assert identity.model_name == "Raspberry Pi 4 Model B Rev 1.2"
    assert identity.threads == 2
    assert coefficients_for(identity).microarchitecture == "raspberry-pi-4"


@pytest.mark.parametrize("text", ["", "\n\n", "processor", "cpu family : six\nmodel : \n: :"])
def test_what_is_missing_is_none_and_not_a_number(text: str) -> None:
    identity = parse_cpuinfo(text)

    assert (identity.family, identity.model, identity.model_name) == (None, None, "")
    assert coefficients_for(identity) == WORLD


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("amd 23 1 | AMD EPYC 7601", "zen"),
        ("amd 23 0x18 | AMD Ryzen 7 3700U", "zen"),
        ("amd 23 0x31 | AMD EPYC 7702", "zen-2"),
        ("amd 23 0x71 | AMD Ryzen 9 3900X", "zen-2"),
        ("amd 25 1 | AMD EPYC 7763", "zen-3"),
        ("amd 25 0x21 | AMD Ryzen 9 5950X", "zen-3"),
        ("amd 25 0x11 | AMD EPYC 9654", "zen-4"),
        ("amd 25 0xa0 | AMD EPYC 8534P", "zen-4"),
        ("amd 25 0x61 | AMD Ryzen 9 7950X", "zen-4"),
        ("amd 26 0x02 | AMD EPYC 9755", "zen-5"),
        ("amd 26 0x11 | AMD EPYC 9965", "zen-5"),
        ("amd 26 0x44 | AMD Ryzen 9 9950X", "zen-5"),
        ("amd 26 0x50 | AMD Eng Sample", None),
        ("amd 21 2 | AMD Opteron", None),
        ("intel 6 42 | Intel(R) Xeon(R) CPU E31230", "sandy-bridge"),
        ("intel 6 62 | Intel(R) Xeon(R) CPU E5-2670 v2", "ivy-bridge"),
        ("intel 6 63 | Intel(R) Xeon(R) CPU E5-2680 v3", "haswell"),
        ("intel 6 79 | Intel(R) Xeon(R) CPU E5-2680 v4", "broadwell"),
        ("intel 6 85 4 | Intel(R) Xeon(R) Gold 6142", "skylake-server"),
        ("intel 6 85 | Intel Xeon Processor", "skylake-server"),
        ("intel 6 85 6 | Intel Xeon Processor (Cascadelake)", "cascade-lake"),
        ("intel 6 85 11 | Intel(R) Xeon(R) Platinum 8380H", "cascade-lake"),
        ("intel 6 106 | Intel(R) Xeon(R) Gold 6338", "ice-lake"),
        ("intel 6 143 | Intel(R) Xeon(R) Platinum 8488C", "sapphire-rapids"),
        ("intel 6 207 | Intel(R) Xeon(R) Gold 6530", "emerald-rapids"),
        ("intel 6 173 | Intel(R) Xeon(R) 6972P", "granite-rapids"),
        ("intel 6 94 | Intel(R) Xeon(R) CPU E3-1230 v5", "skylake-client"),
        ("intel 6 158 | Intel(R) Xeon(R) E-2124", "coffee-lake"),
        ("intel 6 142 | Intel(R) Core(TM) i7-8650U", "kaby-lake"),
        ("intel 6 183 | 13th Gen Intel(R) Core(TM) i9-13900K", "raptor-lake"),
        ("intel 6 175 | Intel(R) Xeon(R) 6780E", None),
        ("intel 15 6 | Common KVM processor", None),
        ("0x41 8 0xd0c | ", "neoverse-n1"),
        ("0x41 8 0xd40 | ", None),
    ],
)
def test_a_chip_is_known_by_its_numbers(text: str, name: str | None) -> None:
    identity = cpu(text)

    assert microarchitecture(identity) == name
    assert coefficients_for(identity).microarchitecture == (name or WORLD.microarchitecture)


@pytest.mark.parametrize(
    "text",
    [
        "amd 23 1 | AMD Ryzen Threadripper 1950X",
        "amd 25 0x61 | AMD Ryzen 9 7950X",
        "intel 6 60 | Intel(R) Core(TM) i7-4770",
        "intel 6 142 | Intel(R) Core(TM) i7-8650U",
        "intel 6 167 | Intel(R) Xeon(R) E-2388G",
    ],
)
def test_a_desktop_or_laptop_is_not_taken_for_a_server(text: str) -> None:
    row = coefficients_for(cpu(text))

    assert row.max_milliwatts_per_thread == CLIENT.max_milliwatts_per_thread
    assert row.confidence == "low"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("intel 6 60 | Intel Core Processor (Haswell, no TSX)", "haswell"),
        ("intel 6 58 | Intel Xeon E3-12xx v2 (Ivy Bridge)", "ivy-bridge"),
        ("amd 25 0x61 | AMD EPYC 4344P 8-Core Processor", "zen-4"),
    ],
)
def test_a_guest_with_a_made_up_name_runs_on_a_server(text: str, name: str) -> None:
    assert coefficients_for(cpu(text, hypervisor=True)) == coefficients._ROWS[name]


def test_a_guest_on_a_laptop_is_a_laptop() -> None:
    row = coefficients_for(cpu("intel 6 142 | Intel(R) Core(TM) i7-8650U", hypervisor=True))

    assert row.idle_milliwatts_per_thread == CLIENT.idle_milliwatts_per_thread


@pytest.mark.parametrize(
    ("board", "name"),
    [
        ("Raspberry Pi 5 Model B Rev 1.0", "raspberry-pi-5"),
        ("Raspberry Pi 500 Rev 1.0", "raspberry-pi-5"),
        ("Raspberry Pi Compute Module 4 Rev 1.1", "raspberry-pi-4"),
        ("Raspberry Pi 400 Rev 1.0", "raspberry-pi-4"),
        ("Raspberry Pi 3 Model B Plus Rev 1.3", "raspberry-pi-3"),
        ("Raspberry Pi 2 Model B Rev 1.1", "raspberry-pi-2"),
        ("Raspberry Pi Model B Plus Rev 1.2", "raspberry-pi-1"),
        ("Raspberry Pi Zero W Rev 1.1", "raspberry-pi-zero"),
        ("Raspberry Pi Zero 2 W Rev 1.0", "raspberry-pi"),
        ("Raspberry Pi Compute Module Rev 1.0", "raspberry-pi"),
        ("Raspberry Pi 9", "raspberry-pi"),
    ],
)
def test_every_board_has_a_row(board: str, name: str) -> None:
    assert coefficients_for(CpuIdentity(model_name=board)) == coefficients._ROWS[name]


def test_a_raspberry_pi_4_draws_three_watts_at_rest_and_six_under_stress() -> None:
    row = coefficients_for(CpuIdentity(model_name="Raspberry Pi 4 Model B Rev 1.2"))

    assert power_microwatts(row, 4, 0.0).mid == pytest.approx(3.06 * MICROWATTS_PER_WATT)
    assert power_microwatts(row, 4, 1.0).mid == pytest.approx(6.12 * MICROWATTS_PER_WATT)


def test_every_server_chip_has_a_row() -> None:
    names = {name for name, is_client_chip in coefficients._CHIPS.values() if not is_client_chip}

    assert names <= set(coefficients._ROWS)


def test_the_world_is_as_wide_as_the_widest_family() -> None:
    rows = coefficients._SERVERS

    for field in ("idle_milliwatts_per_thread", "max_milliwatts_per_thread"):
        bounds = [getattr(row, field) for row in rows]
        world = getattr(WORLD, field)
        assert (world.low, world.high) == (min(b.low for b in bounds), max(b.high for b in bounds))
        assert min(b.mid for b in bounds) < world.mid < max(b.mid for b in bounds)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.microarchitecture)
def test_a_row_is_in_order_and_says_where_it_is_from(row: Coefficients) -> None:
    idle, full = row.idle_milliwatts_per_thread, row.max_milliwatts_per_thread

    assert 0 < idle.low < idle.mid < idle.high
    assert full.low < full.mid < full.high
    assert all(at_rest < busy for at_rest, busy in zip(idle, full, strict=True))
    assert row.source.isprintable()
    assert row.confidence in {"low", "medium"}


@given(
    row=st.sampled_from(ROWS),
    threads=st.integers(1, 2_048),
    ratios=st.tuples(st.floats(-1, 2), st.floats(-1, 2)),
)
def test_power_is_in_order_grows_with_load_and_is_never_zero(
    row: Coefficients, threads: int, ratios: tuple[float, float]
) -> None:
    less, more = (power_microwatts(row, threads, ratio) for ratio in sorted(ratios))

    assert 0 < less.low <= less.mid <= less.high
    assert all(a <= b for a, b in zip(less, more, strict=True))
    assert all(type(microwatts) is int for microwatts in less)


@given(row=st.sampled_from(ROWS), threads=st.integers(1, 2_048), ratio=st.floats(1, 9))
def test_nothing_is_busier_than_busy_nor_idler_than_idle(
    row: Coefficients, threads: int, ratio: float
) -> None:
    scale = threads * MICROWATTS_PER_MILLIWATT

    assert power_microwatts(row, threads, ratio) == Bounds(
        *(scale * milliwatts for milliwatts in row.max_milliwatts_per_thread)
    )
    assert power_microwatts(row, threads, -ratio) == Bounds(
        *(scale * milliwatts for milliwatts in row.idle_milliwatts_per_thread)
    )


def test_no_threads_is_no_power_and_not_zero() -> None:
    with pytest.raises(ValueError, match="at least one thread"):
        power_microwatts(WORLD, 0, 0.5)


@given(
    vendor_id=st.sampled_from(["", "GenuineIntel", "AuthenticAMD", "0x41", "POWER9"]),
    family=st.none() | st.integers(),
    model=st.none() | st.integers(0, 255),
    stepping=st.none() | st.integers(),
    model_name=st.text() | st.text().map("Raspberry Pi ".__add__),
    hypervisor=st.booleans(),
)
def test_every_cpu_has_a_row(**fields: object) -> None:
    assert coefficients_for(CpuIdentity(**fields)).source  # type: ignore[arg-type]


@given(st.text())
def test_any_text_is_a_cpuinfo(text: str) -> None:
    assert parse_cpuinfo(text).threads >= 0


@pytest.mark.skipif(not WATTS_PER_THREAD.exists(), reason="the recomputed table is not here")
def test_the_rows_are_those_of_the_recomputed_table() -> None:
    with WATTS_PER_THREAD.open(newline="") as file:
        table = {_plain(row["family"]): row for row in csv.DictReader(file)}

    for row in coefficients._SERVERS:
        figures = table[_plain(row.microarchitecture)]
        for kind, bounds in (
            ("idle", row.idle_milliwatts_per_thread),
            ("max", row.max_milliwatts_per_thread),
        ):
            columns = (f"{kind}_p10", f"{kind}_w_per_thread_weighted", f"{kind}_p90")
            assert bounds == Bounds(*(_milliwatts(figures[column]) for column in columns))


@pytest.mark.skipif(not CURVES.exists(), reason="the measured curves are not here")
@pytest.mark.parametrize(
    ("machine", "text", "threads"),
    [
        ("AMD_EPYC_8024P_8C", "amd 25 0xa0 | AMD EPYC 8024P 8-Core Processor", 16),
        ("AMD_Threadripper", "amd 23 1 | AMD Ryzen Threadripper 1950X 16-Core Processor", 32),
        ("E3-1240", "intel 6 58 | Intel(R) Xeon(R) CPU E3-1240 V2 @ 3.40GHz", 8),
    ],
)
def test_the_middle_is_off_by_no_more_than_six_tenths_of_what_was_measured(
    machine: str, text: str, threads: int
) -> None:
    """CPU meters of three machines under rising load; the first row of each is a cold start."""
    row = coefficients_for(cpu(text))
    paths = sorted(CURVES.glob(f"{machine}__*.csv"))

    assert paths
    for path in paths:
        with path.open(newline="") as file:
            points = list(csv.DictReader(file))[1:]
        measured = [float(point["rapl_power"]) for point in points]
        modelled = [
            power_microwatts(row, threads, float(point["cpu_load"]) / 100).mid
            / MICROWATTS_PER_WATT
            for point in points
        ]
        error = sum(abs(a - b) for a, b in zip(measured, modelled, strict=True))
        assert error < 0.6 * sum(measured)


def _plain(name: str) -> str:
    """Return "zen-2" and "amd-epyc-gen2", "ice-lake" and "intel-icelake" as one name."""
    name = {"zen": "zen-1"}.get(name, name).replace("amd-epyc-gen", "zen")
    return name.removeprefix("intel-").removeprefix("amd-").replace("-", "")


def _milliwatts(watts: str) -> int:
    whole, _, part = watts.partition(".")
    return int(whole + part.ljust(3, "0"))
