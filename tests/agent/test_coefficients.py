"""What a chip of each generation draws."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram_agent import coefficients, processors
from wattgram_agent.coefficients import CLIENT, WORLD, Bounds, Coefficients, coefficients_for
from wattgram_agent.processors import CpuIdentity

ROWS = (*coefficients._ROWS.values(), WORLD, CLIENT)


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


def test_every_server_chip_has_a_row() -> None:
    names = {name for name, is_client_chip in processors._CHIPS.values() if not is_client_chip}

    assert names <= {*coefficients._ROWS, *coefficients._STAND_INS}


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
    vendor_id=st.sampled_from(["", "GenuineIntel", "AuthenticAMD", "0x41", "POWER9"]),
    family=st.none() | st.integers(),
    model=st.none() | st.integers(0, 255),
    stepping=st.none() | st.integers(),
    model_name=st.text() | st.text().map("Raspberry Pi ".__add__),
    hypervisor=st.booleans(),
)
def test_every_cpu_has_a_row(**fields: object) -> None:
    assert coefficients_for(CpuIdentity(**fields)).source  # type: ignore[arg-type]


def test_the_rows_are_those_of_the_recomputed_table(shared: Path) -> None:
    path = shared / "fixtures" / "ccf" / "recomputed_watts_per_thread.csv"
    with path.open(newline="") as file:
        table = {_plain(row["family"]): row for row in csv.DictReader(file)}

    for row in coefficients._SERVERS:
        figures = table[_plain(row.microarchitecture)]
        for kind, bounds in (
            ("idle", row.idle_milliwatts_per_thread),
            ("max", row.max_milliwatts_per_thread),
        ):
            columns = (f"{kind}_p10", f"{kind}_w_per_thread_weighted", f"{kind}_p90")
            assert bounds == Bounds(*(_milliwatts(figures[column]) for column in columns))


def test_a_generation_without_results_borrows_and_says_so() -> None:
    row = coefficients_for(cpu("0x41 8 0xd40 | "))

    assert row.microarchitecture == "neoverse-v1"
    assert row.max_milliwatts_per_thread == Bounds(1144, 1646, 2009)
    assert row.source.endswith("of neoverse-n1")
    assert row.confidence == "low"


def test_what_a_cloud_sold_counts_only_where_the_cpu_does_not_say() -> None:
    masked = cpu("intel 6 300 | Intel(R) Xeon(R) Processor", hypervisor=True)

    assert coefficients_for(masked) == WORLD
    assert coefficients_for(masked, "ice-lake") == coefficients._ROWS["ice-lake"]
    named = cpu("amd 25 1 | AMD EPYC 7R13", hypervisor=True)
    assert coefficients_for(named, "ice-lake") == coefficients._ROWS["zen-3"]


def test_boards_are_known_as_a_whole_and_only_clients_are_personal() -> None:
    assert {row.microarchitecture for row in ROWS if row.is_board} == {
        name for name in coefficients._ROWS if name.startswith("raspberry")
    }
    assert [row for row in ROWS if row.is_personal] == [CLIENT]


def _plain(name: str) -> str:
    """Return "zen-2" and "amd-epyc-gen2", "ice-lake" and "intel-icelake" as one name."""
    name = {"zen": "zen-1"}.get(name, name).replace("amd-epyc-gen", "zen")
    return name.removeprefix("intel-").removeprefix("amd-").replace("-", "")


def _milliwatts(watts: str) -> int:
    whole, _, part = watts.partition(".")
    return int(whole + part.ljust(3, "0"))
