"""A scripted host: registers that wrap and fail, a clock that is turned by hand, a sampler."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fakes import FakeSource, ManualClock, spooled
from spooling import open_spool
from wattgram.readings import Component
from wattgram_agent.apportioner import Apportioner
from wattgram_agent.config import AgentConfig
from wattgram_agent.roster import Roster, build_roster
from wattgram_agent.sampler import Sampler
from wattgram_agent.source import (
    CounterSample,
    FailedSample,
    HostPaths,
    Point,
    Sample,
    Scope,
    Zone,
)

PACKAGE_RANGE = 262_143_328_850


@dataclass(slots=True)
class Meter:
    """One register: what was truly used, where it began, and whether it can be read."""

    point: Point
    start: int = 0
    truth: int = 0
    fails: bool = False

    def sample(self) -> Sample:
        if self.fails:
            return FailedSample(self.point, "unreadable", "told to")
        return CounterSample(self.point, (self.start + self.truth) % PACKAGE_RANGE, PACKAGE_RANGE)


class Host:
    """Two packages, or as many as `meters` are put to it, in one spool over many lives."""

    def __init__(
        self,
        directory: Path,
        *,
        start: int = 0,
        config: AgentConfig | None = None,
        apportioner: Apportioner | None = None,
    ) -> None:
        self.apportioner = apportioner
        self.directory = directory
        self.clock = ManualClock()
        self.boot_id = "boot"
        self.config = config or AgentConfig(state_directory=directory)
        self.meters = [Meter(Point("rapl", "package", str(n)), start) for n in range(2)]
        self.on_sample: Callable[[], None] = lambda: None
        self.start()

    def start(self) -> None:
        self.spool = open_spool(self.directory)
        self.sampler = Sampler(
            self.config,
            self.clock,
            self.boot_id,
            self.spool,
            self.find_sources,
            self.apportioner,
        )

    def restart(self) -> None:
        """End without a word, as by SIGKILL, and begin again on the same spool."""
        self.spool.close()
        self.start()

    def find_sources(self) -> Roster:
        found = {
            name: [meter for meter in self.meters if meter.point.source == name]
            for name in dict.fromkeys(meter.point.source for meter in self.meters)
        }
        return build_roster(
            {name: lambda _, name=name: self._source(name, found[name]) for name in found},
            HostPaths(),
        )

    def beat(self, *uses: int, seconds: float = 1) -> None:
        """Let time pass and energy be used, by the first meters, and sample."""
        self.clock.advance(seconds)
        for meter, microjoules in zip(self.meters, uses, strict=False):
            meter.truth += microjoules
        self.sampler.beat()

    def look_again(self) -> None:
        self.sampler.look_again()
        self.sampler.observer.wait_for_search()

    def booked(self) -> dict[str, int]:
        """Return what the spool holds of each instance."""
        totals: dict[str, int] = {}
        for table, batch in spooled(self.spool):
            for index, quantity, _, _ in batch.spans():
                name = table.series[index].instance
                totals[name] = totals.get(name, 0) + quantity
        return totals

    def truth(self) -> dict[str, int]:
        return {meter.point.instance: meter.truth for meter in self.meters}

    def gaps(self) -> list[tuple[str, str, float]]:
        """Return (source, reason, seconds) of every gap in the spool."""
        return [
            (gap.source, gap.reason, gap.duration_nanoseconds / 1e9)
            for _, batch in spooled(self.spool)
            for gap in batch.gaps
        ]

    def _source(self, name: str, meters: list[Meter]) -> FakeSource:
        scope = Scope.GPU if name == "nvml" else Scope.CPU
        zones = [Zone(point=meter.point, scope=scope, component=Component.CPU) for meter in meters]
        return FakeSource(name, zones, lambda: self._sample(meters))

    def _sample(self, meters: list[Meter]) -> list[Sample]:
        samples = [meter.sample() for meter in meters]
        self.on_sample()
        return samples
