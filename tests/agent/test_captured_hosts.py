"""Whole hosts, captured and made up: what is counted of each, by all sources together.

The trees are not part of the project; where they are not at hand these tests say so and skip.
What the trees teach is in the tests of each source, over trees of our own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from fakes import ManualClock
from wattgram.readings import Kind, State
from wattgram_agent.config import AgentConfig, PathSettings, SourceSettings
from wattgram_agent.doctor import as_read
from wattgram_agent.observer import Observer
from wattgram_agent.roster import Roster, find_sources

MODEL = {"model/host/mid"}
BOARD = "amdgpu/gpu/amdgpu"

SYNTHETIC = {
    "client_skylake_1pkg_core_uncore_dram_psys": {"rapl/package/0", "rapl/dram/0"},
    "server_2socket_dram": {
        f"rapl/{domain}/{n}" for domain in ("package", "dram") for n in range(2)
    },
    "server_4socket_dram": {
        f"rapl/{domain}/{n}" for domain in ("package", "dram") for n in range(4)
    },
    "server_clx_ap_multi_die_independent": {"rapl/package/0-die-0", "rapl/package/0-die-1"},
    "amd_zen_1pkg_core_is_one_core_only": {"rapl/package/0"},
    "max_range_unreadable_or_zero": {"rapl/package/0", "rapl/dram/0"},
    "docker_masked_powercap_empty_dir": MODEL,
    "jetson_orin_ina3221_hwmon": {"jetson/rail/VDD_IN"},
    "battery_energy_discharging": {"battery/battery/BAT0"},
    "battery_charge_only": {"battery/battery/BAT1"},
    "battery_on_ac_not_charging_power0": MODEL,
    "acpi_power_meter_ok": {"acpi_meter/power/power_meter"},
    "dmi_aws_nitro": MODEL,
    "dmi_gcp": MODEL,
    "dmi_azure": MODEL,
    "dmi_qemu": MODEL,
}
CAPTURED = {
    "node_exporter/sys": {"battery/battery/BAT0"},
    "kepler_hwmon/sys": {"rapl/package/0", "rapl/package/10"},
    "lact_gpu/amd/phoenix": {"amdgpu/apu/0000:64:00.0"},
    "lact_gpu/amd/strixpoint": {"amdgpu/apu/0000:c1:00.0"},
    "lact_gpu/amd/r7-240": MODEL,
    **{
        f"lact_gpu/amd/{card}": {BOARD, *MODEL}
        for card in ("rx5500xt", "rx580", "rx6900xt", "rx7600s", "rx7800xt", "rx9070xt")
    },
    "lact_gpu/intel/a380-i915": {"hwmon/gpu/0000:0b:00.0", *MODEL},
    "lact_gpu/intel/a380-xe": {"hwmon/gpu/0000:08:00.0", *MODEL},
    "lact_gpu/intel/b580": {"hwmon/gpu/0000:09:00.0", *MODEL},
}


@pytest.fixture(autouse=True)
def _own_procfs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "PROCFS_PATH", "/proc", raising=False)


@contextmanager
def diagnosed(sysfs: Path, procfs: Path = Path("/proc")) -> Iterator[Roster]:
    config = AgentConfig(
        path=PathSettings(sysfs=sysfs, procfs=procfs), sources=SourceSettings(disabled=("nvml",))
    )
    observer = Observer(find_sources(config), ManualClock())
    lost = observer.beat().lost
    yield as_read(observer.roster, lost)
    observer.close()


def counted(roster: Roster) -> set[str]:
    return {
        "/".join(decision.zone.point)
        for decision in roster.decisions
        if decision.counted and decision.zone.kind is Kind.ENERGY
    }


@pytest.mark.parametrize("name", SYNTHETIC)
def test_of_a_layout_that_was_made_up_the_right_zones_are_counted(
    shared: Path, tmp_path: Path, name: str
) -> None:
    trees = json.loads((shared / "fixtures" / "synthetic_trees.json").read_text())
    for path, text in trees["sys_trees"][name].items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    with diagnosed(tmp_path) as roster:
        assert counted(roster) == SYNTHETIC[name]
        assert all(one.why for one in roster.decisions)


def test_every_layout_that_was_made_up_is_known_here(shared: Path) -> None:
    trees = json.loads((shared / "fixtures" / "synthetic_trees.json").read_text())

    assert set(trees["sys_trees"]) == set(SYNTHETIC)


@pytest.mark.parametrize("name", CAPTURED)
def test_of_a_captured_machine_the_right_zones_are_counted(shared: Path, name: str) -> None:
    with diagnosed(shared / "fixtures" / name) as roster:
        assert counted(roster) == CAPTURED[name]
        states = {finding.name: finding.state for finding in roster.findings}
        for source in {name.partition("/")[0] for name in counted(roster)}:
            assert states[source] is State.ACTIVE


def test_every_captured_card_is_known_here(shared: Path) -> None:
    cards = {
        str(path.relative_to(shared / "fixtures"))
        for path in (shared / "fixtures" / "lact_gpu").glob("*/*")
    }

    assert cards <= set(CAPTURED)
