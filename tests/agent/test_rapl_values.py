"""What a register may show: never more than its own range."""

from __future__ import annotations

from pathlib import Path

from fakes import RaplTree
from wattgram_agent.source import CounterSample, FailedSample, HostPaths
from wattgram_agent.sources import rapl


def test_a_value_above_the_range_is_no_sample_and_no_baseline(tmp_path: Path) -> None:
    """Taken for a register it would cost the true ones before and after it."""
    tree = RaplTree(tmp_path)
    tree.add("intel-rapl:0", "package-0", start=100, wraps_at=1_000)
    source = rapl.discover(HostPaths(sysfs=tree.sysfs, procfs=tree.procfs))
    (before,) = source.sample()
    (tree.directory("intel-rapl:0") / "energy_uj").write_text("1001\n")
    (wrong,) = source.sample()
    tree.use("intel-rapl:0", 5)
    (after,) = source.sample()

    assert isinstance(wrong, FailedSample)
    assert wrong.reason == "unreadable"
    assert "1001 is above the range 1000" in wrong.detail
    assert [s.value for s in (before, after) if isinstance(s, CounterSample)] == [100, 105]
