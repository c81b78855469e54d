"""Powercap trees of real machines, and corrupt ones, each with the zones that it must give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wattgram.readings import State
from wattgram_agent.composition import compose
from wattgram_agent.roster import build_roster
from wattgram_agent.source import HostPaths, SourceUnavailableError
from wattgram_agent.sources import rapl

PACKAGE = 262_143_328_850
DRAM = 65_712_999_613
AMD = 65_532_610_987

NO_NAME = "no readable name file, or an empty one"

# By tree: every zone with its range, * for the counted ones; and what cannot be sampled.
CAPTURED: dict[str, tuple[dict[str, int | None], list[str]]] = {
    "node_exporter": ({"*package 0": PACKAGE, "core 0": PACKAGE}, []),
    "kepler_hwmon": (
        {
            "*package 0": PACKAGE,
            "core 0": PACKAGE,
            "*package 10": PACKAGE,
            "package 0@intel-rapl-mmio:0": PACKAGE,
        },
        [],
    ),
    "intel-rapl": (
        {
            "*package 0": PACKAGE,
            "domain 0": None,
            "*dram 0": DRAM,
            "*package 1": None,
            "*package 2": None,
            "*dram 2": None,
            "*package 3": None,
            "psys 0": None,
            "core intel-rapl:5": None,
        },
        ["intel-rapl:1:0: zone socket has no energy_uj file"],
    ),
    "intel-rapl-dram-curr-energy-attr-file-not-exist": (
        {"*package 0": PACKAGE},
        ["intel-rapl:0:1: zone dram has no energy_uj file"],
    ),
}

CORRUPT = {
    "intel-rapl-domain-name-empty": f"intel-rapl:1: {NO_NAME}",
    "intel-rapl-package-domain-name-not-exist": f"intel-rapl:0: {NO_NAME}",
    "intel-rapl-dram-domain-name-not-exist": (
        f"intel-rapl:0: zone package-0 has no energy_uj file; intel-rapl:0:0: {NO_NAME}"
    ),
}

SYNTHETIC: dict[str, dict[str, int | None]] = {
    "client_skylake_1pkg_core_uncore_dram_psys": {
        "*package 0": PACKAGE,
        "core 0": PACKAGE,
        "uncore 0": PACKAGE,
        "*dram 0": PACKAGE,
        "psys 0": PACKAGE,
    },
    "server_2socket_dram": {
        "*package 0": PACKAGE,
        "*dram 0": DRAM,
        "*package 1": PACKAGE,
        "*dram 1": DRAM,
    },
    "server_4socket_dram": {
        f"*{domain} {socket}": PACKAGE if domain == "package" else DRAM
        for socket in range(4)
        for domain in ("package", "dram")
    },
    "server_clx_ap_multi_die_independent": {
        "*package 0-die-0": PACKAGE,
        "*package 0-die-1": PACKAGE,
    },
    "amd_zen_1pkg_core_is_one_core_only": {"*package 0": AMD, "core 0": AMD},
    "max_range_unreadable_or_zero": {"*package 0": None, "*dram 0": None},
}
MASKED = "docker_masked_powercap_empty_dir"


def zones_of(paths: HostPaths) -> tuple[dict[str, int | None], list[str]]:
    """Return the zones that `paths` give, and the problems; every zone must give a count."""
    source = rapl.discover(paths)
    found = {
        f"{'*' * decision.counted}{decision.zone.point.domain} "
        f"{decision.zone.point.instance}": zone.wraps_at
        for decision, zone in zip(compose(source.zones()), source.discovery.zones, strict=True)
    }
    values = {str(zone.zone.point): zone.register.read_text() for zone in source.discovery.zones}
    samples = {str(sample.point): f"{sample.value}\n" for sample in source.sample()}  # type: ignore[union-attr]
    source.close()
    assert {point: text.strip() for point, text in values.items()} == {
        point: text.strip() for point, text in samples.items()
    }
    return found, [
        f"{problem.location}: {problem.reason}" for problem in source.discovery.problems
    ]


def captured(shared: Path, name: str, tmp_path: Path) -> HostPaths:
    """Return where the captured tree `name` is; one that is a control type's alone is rooted."""
    tree = shared / "fixtures" / name
    if tree.is_dir():
        return HostPaths(sysfs=tree / "sys", procfs=tree / "proc")
    powercap = tmp_path / "class" / "powercap"
    powercap.mkdir(parents=True)
    (powercap / "intel-rapl").symlink_to(shared / "fixtures" / "intel_powertelemetry" / name)
    return HostPaths(sysfs=tmp_path, procfs=tmp_path)


def synthetic_trees(shared: Path) -> dict[str, dict[str, str]]:
    text = (shared / "fixtures" / "synthetic_trees.json").read_text(encoding="utf-8")
    whole: dict[str, Any] = json.loads(text)
    return {
        name: files
        for name, files in whole["sys_trees"].items()
        if any(path.startswith("class/powercap") for path in files)
    }


def synthetic(shared: Path, name: str, tmp_path: Path) -> HostPaths:
    for path, text in synthetic_trees(shared)[name].items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.name != ".keep":
            file.write_text(text, encoding="utf-8")
    return HostPaths(sysfs=tmp_path, procfs=tmp_path)


@pytest.mark.parametrize("name", CAPTURED)
def test_a_captured_tree_gives_its_zones(shared: Path, name: str, tmp_path: Path) -> None:
    assert zones_of(captured(shared, name, tmp_path)) == CAPTURED[name]


@pytest.mark.parametrize("name", CORRUPT)
def test_a_corrupt_tree_gives_a_clear_reason(shared: Path, name: str, tmp_path: Path) -> None:
    (found,) = build_roster({"rapl": rapl.discover}, captured(shared, name, tmp_path)).findings
    assert (found.state, found.reason) == (State.ERROR, CORRUPT[name])


@pytest.mark.parametrize("name", SYNTHETIC)
def test_a_synthetic_tree_gives_its_zones(shared: Path, name: str, tmp_path: Path) -> None:
    assert zones_of(synthetic(shared, name, tmp_path)) == (SYNTHETIC[name], [])


def test_a_masked_tree_gives_a_clear_reason(shared: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailableError, match="masked by a container runtime") as caught:
        rapl.discover(synthetic(shared, MASKED, tmp_path))
    assert caught.value.state is State.ABSENT


def test_every_tree_with_powercap_is_expected_here(shared: Path) -> None:
    fixtures = shared / "fixtures"
    trees = {path.parts[-4] for path in fixtures.glob("*/sys/class/powercap")}
    bare = {path.name for path in (fixtures / "intel_powertelemetry").iterdir()}

    assert trees | bare == {*CAPTURED, *CORRUPT}
    assert set(synthetic_trees(shared)) == {*SYNTHETIC, MASKED}
