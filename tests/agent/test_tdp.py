"""The table of thermal design powers, and what finds a CPU in it."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram_agent import tdp
from wattgram_agent.tdp import key_of, tdp_watts

SCRIPT = Path(__file__).parents[2] / "agent" / "scripts" / "build_tdp.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_tdp", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("model_name", "watts"),
    [
        ("Intel(R) Xeon(R) CPU E3-1240 V2 @ 3.40GHz", 69),
        ("Intel(R) Xeon(R) CPU E5-2670 0 @ 2.60GHz", 115),
        ("Intel(R) Xeon(R) CPU           X5650  @ 2.67GHz", 95),
        ("Intel(R) Xeon(R) CPU E7- 4870  @ 2.40GHz", 130),
        ("Intel(R) Xeon(R) CPU E5-2686 v4 @ 2.30GHz", 145),
        ("Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz", 125),
        ("Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz", 210),
        ("Intel(R) Xeon(R) E-2124 CPU @ 3.30GHz", 71),
        ("Intel(R) Xeon(R) CPU D-1521 @ 2.40GHz", 45),
        ("Intel(R) Xeon(R) 6972P", 500),
        ("Intel(R) Core(TM) i7 CPU         920  @ 2.67GHz", 130),
        ("Intel(R) Core(TM)2 Duo CPU     E8400  @ 3.00GHz", 65),
        ("Intel(R) Core(TM) i5-6500 CPU @ 3.20GHz", 65),
        ("Intel(R) Core(TM) i7-8650U CPU @ 1.90GHz", 15),
        ("11th Gen Intel(R) Core(TM) i5-1135G7 @ 2.40GHz", 28),
        ("13th Gen Intel(R) Core(TM) i9-13900K", 125),
        ("Intel(R) Core(TM) Ultra 7 155H", 28),
        ("Intel(R) N100", 6),
        ("Intel(R) Celeron(R) J4125 CPU @ 2.00GHz", 10),
        ("AMD EPYC 8024P 8-Core Processor", 90),
        ("AMD Opteron(tm) Processor 6376", 115),
        ("AMD FX(tm)-8350 Eight-Core Processor", 125),
        ("AMD Ryzen Threadripper 1950X 16-Core Processor", 180),
        ("AMD Ryzen 7 PRO 4750U with Radeon Graphics", 15),
        ("AMD Ryzen AI 9 HX 370 w/ Radeon 890M", 28),
    ],
)
def test_a_cpu_is_found_by_the_name_that_it_gives_itself(model_name: str, watts: float) -> None:
    assert tdp_watts(model_name) == watts


@pytest.mark.parametrize(
    "model_name",
    [
        "",
        "Intel(R) Xeon(R) Processor",
        "Intel(R) Xeon(R) CPU @ 2.20GHz",
        "AMD EPYC",
        "AMD EPYC-Rome Processor",
        "QEMU Virtual CPU version 2.5+",
        "Raspberry Pi 4 Model B Rev 1.2",
        "epyc 8024p|epyc 8024pn",
        "vendors' specifications, by way of CodeCarbon's list (MIT). 1",
    ],
)
def test_a_cpu_that_hides_its_name_has_no_tdp(model_name: str) -> None:
    assert tdp_watts(model_name) is None


@given(st.text())
def test_any_name_has_a_power_or_none(model_name: str) -> None:
    watts = tdp_watts(model_name)

    assert watts is None or 0 < watts <= 1_000


def test_the_table_names_its_source_and_every_cpu_once() -> None:
    header, *lines = tdp.TABLE.read_text(encoding="utf-8").splitlines()
    keys = Counter(key for line in lines for key in line.split("|")[1:-1])

    assert "CodeCarbon" in header
    assert "MIT" in header
    assert max(keys.values()) == 1
    assert all(key_of(key) == key for key in keys)
    assert all(0 < float(line.partition("|")[0]) <= 1_000 for line in lines)
    assert tdp.TABLE.stat().st_size < 64 * 1024


def test_what_is_no_figure_or_no_longer_in_use_is_left_out(
    script: ModuleType, tmp_path: Path
) -> None:
    path = tmp_path / "list.csv"
    path.write_text(
        "Name,TDP\nAMD EPYC 7702,200.0\nIntel Core i5-6500,65\nAMD EPYC 7742,225.5\n"
        "AMD EPYC 7742,240\nIntel 386,2\nAMD EPYC 7763,27.29.5\nAMD EPYC 7001,0\n"
        "AMD EPYC 7002,2000\n"
    )

    assert script.table_of(path).splitlines()[1:] == [
        "65|core i5-6500|",
        "200|epyc 7702|",
        "225.5|epyc 7742|",
    ]


def test_the_shipped_table_is_what_the_list_gives(script: ModuleType, shared: Path) -> None:
    made = script.table_of(shared / "fixtures" / "codecarbon" / "cpu_power.csv")

    assert made == tdp.TABLE.read_text(encoding="utf-8")
