"""Which sources a host has, in what state, and which of their zones are sampled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from fakes import FakeSource, RaplTree, two_socket_tree
from wattgram.readings import Component, Quality, State
from wattgram_agent.config import AgentConfig, PathSettings, SourceSettings
from wattgram_agent.roster import Finding, Roster, build_roster, find_sources
from wattgram_agent.source import (
    CounterSample,
    HostPaths,
    Point,
    Scope,
    Source,
    SourceUnavailableError,
    Zone,
)
from wattgram_agent.sources import discoverers

PATHS = HostPaths()
PACKAGE = Zone(point=Point("rapl", "package", "0"), scope=Scope.CPU, component=Component.CPU)
CORE = Zone(
    point=Point("rapl", "core", "0"), component=Component.CPU, refusal="inside the package"
)
BOUND = Zone(
    point=Point("model", "host", "low"),
    scope=Scope.HOST,
    quality=Quality.MODELLED,
    refusal="a bound",
)
MODEL = Zone(point=Point("model", "host", "mid"), scope=Scope.HOST, quality=Quality.MODELLED)


def source(*zones: Zone) -> FakeSource:
    name = zones[0].point.source if zones else "rapl"
    return FakeSource(name, zones, lambda: [CounterSample(zone.point, 1, None) for zone in zones])


def missing(paths: HostPaths) -> Source:
    raise SourceUnavailableError(State.PERMISSION_DENIED, "root only", "chmod it")


def roster(
    *sources: FakeSource, disabled: tuple[str, ...] = (), cpu_backend: str = "rapl"
) -> Roster:
    table: dict[str, Callable[[HostPaths], Source]] = {
        one.name: (lambda paths, one=one: one) for one in sources
    }
    return build_roster(table, PATHS, disabled=disabled, cpu_backend=cpu_backend)


def host(tree: RaplTree, **sources: object) -> AgentConfig:
    return AgentConfig(
        path=PathSettings(sysfs=tree.sysfs, procfs=tree.procfs),
        sources=SourceSettings(**sources),  # type: ignore[arg-type]
    )


@pytest.fixture(autouse=True)
def _own_procfs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "PROCFS_PATH", "/proc", raising=False)


def test_a_source_whose_zones_are_counted_is_active_and_sampled() -> None:
    found = roster(source(PACKAGE, CORE))

    assert found.findings == (Finding(name="rapl", state=State.ACTIVE, reason=""),)
    assert [sample.point for sample in found.sample()] == [PACKAGE.point, CORE.point]
    assert {point: series.counted for point, series in found.series().items()} == {
        PACKAGE.point: True,
        CORE.point: False,
    }


def test_a_model_beside_a_meter_is_not_sampled_and_says_why() -> None:
    model = source(BOUND, MODEL)
    found = roster(source(PACKAGE), model)

    assert [one.name for one in found.sampled] == ["rapl"]
    assert not model.closed  # it stands by: it is counted when the meter falls silent
    assert found.findings[1] == Finding(
        name="model", state=State.AVAILABLE, reason="a meter covers the CPU"
    )
    assert set(found.series()) == {PACKAGE.point}
    assert len(found.decisions) == 3


def test_a_model_alone_is_sampled_with_its_bounds() -> None:
    found = roster(source(BOUND, MODEL))

    assert found.findings[0].state is State.ACTIVE
    assert {point.instance: s.counted for point, s in found.series().items()} == {
        "low": False,
        "mid": True,
    }


def test_a_meter_that_is_not_counted_is_sampled_as_a_check() -> None:
    meter = source(CORE)
    found = roster(meter)

    assert found.sources == (meter,)
    assert not meter.closed
    assert found.findings[0] == Finding(
        name="rapl", state=State.AVAILABLE, reason="inside the package"
    )


def test_a_source_without_zones_says_so() -> None:
    assert roster(source()).findings[0].reason == "no zone"


def test_a_source_that_is_missing_keeps_its_state_its_reason_and_its_fix() -> None:
    found = build_roster({"rapl": missing}, PATHS)

    assert found.findings == (
        Finding(name="rapl", state=State.PERMISSION_DENIED, reason="root only", fix="chmod it"),
    )
    assert (found.sources, found.decisions, found.sample()) == ((), (), [])


def test_a_source_that_is_disabled_is_not_looked_for() -> None:
    found = build_roster({"rapl": missing}, PATHS, disabled=["rapl"])

    assert found.findings == (
        Finding(name="rapl", state=State.ABSENT, reason="disabled in the configuration"),
    )


@pytest.mark.parametrize(("chosen", "other"), [("rapl", "pyrapl"), ("pyrapl", "rapl")])
def test_of_the_two_readers_of_the_cpu_only_the_chosen_one_is_looked_for(
    chosen: str, other: str
) -> None:
    found = build_roster({"rapl": missing, "pyrapl": missing}, PATHS, cpu_backend=chosen)
    states = {finding.name: finding.reason for finding in found.findings}

    assert states == {
        chosen: "root only",
        other: f"not chosen: sources.cpu_backend is {chosen}",
    }


def test_findings_and_the_table_follow_the_order_of_the_sources() -> None:
    found = build_roster(
        {"model": lambda paths: source(MODEL), "nvml": missing, "rapl": missing},
        PATHS,
        disabled=["rapl"],
    )
    table = found.table(7, "boot", "DE")

    assert [finding.name for finding in found.findings] == ["model", "nvml", "rapl"]
    assert [state.source for state in table.sources] == ["model", "nvml", "rapl"]
    assert (table.number, table.boot_id, table.grid_zone) == (7, "boot", "DE")
    assert table.series == tuple(found.series().values())
    assert [state.reason for state in table.sources][:2] == ["", "root only"]


def test_a_reason_of_any_length_fits_into_the_table() -> None:
    def verbose(paths: HostPaths) -> Source:
        raise SourceUnavailableError(State.ERROR, "long " * 1_000)

    assert len(build_roster({"rapl": verbose}, PATHS).table(1, "", "").sources[0].reason) <= 200


@pytest.mark.parametrize(("length", "told"), [(500, 500), (501, 0)])
def test_the_collector_is_told_the_fix_or_nothing_where_it_is_no_line(
    length: int, told: int
) -> None:
    def closed(paths: HostPaths) -> Source:
        raise SourceUnavailableError(State.PERMISSION_DENIED, "root only", "x" * length)

    (state,) = build_roster({"rapl": closed}, PATHS).table(1, "", "").sources
    assert state.fix == "x" * told


def test_a_closed_roster_closed_its_sources() -> None:
    rapl = source(PACKAGE)
    roster(rapl).close()

    assert rapl.closed


def test_a_real_tree_is_rapl_alone_with_every_other_source_explained(tmp_path: Path) -> None:
    tree = two_socket_tree(tmp_path)
    found = find_sources(host(tree, disabled=("nvml",)))()
    found.close()

    assert [finding.name for finding in found.findings] == list(discoverers(AgentConfig()))
    assert [one.name for one in found.sampled] == ["rapl"]
    assert [finding.name for finding in found.findings if not finding.reason] == ["rapl"]
    assert sum(series.counted for series in found.series().values()) == 4


def test_zones_that_cannot_be_sampled_are_the_reason_of_an_active_source(tmp_path: Path) -> None:
    tree = two_socket_tree(tmp_path)
    (tree.directory("intel-rapl:1") / "energy_uj").unlink()
    found = find_sources(host(tree, disabled=("nvml",)))()
    found.close()

    assert found.findings[0] == Finding(
        name="rapl",
        state=State.ACTIVE,
        reason="intel-rapl:1: zone package-1 has no energy_uj file",
    )


def test_every_source_of_the_table_explains_an_empty_host(tmp_path: Path) -> None:
    paths = HostPaths(sysfs=tmp_path / "sys", procfs=tmp_path / "proc")
    for name, discover in discoverers(AgentConfig()).items():
        if name == "nvml":
            continue  # asks the dynamic linker, not the tree
        with pytest.raises(SourceUnavailableError) as caught:
            discover(paths)
        assert caught.value.reason, name
        assert caught.value.state is not State.ACTIVE
