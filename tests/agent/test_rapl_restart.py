"""The agent is started again while a register is away: what it counted is booked, or a gap."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes import FakeSource, ManualClock, RaplTree, spooled
from spooling import open_spool
from wattgram.readings import Quality, State
from wattgram.units import MICROJOULES_PER_JOULE, NANOSECONDS_PER_SECOND
from wattgram_agent.config import AgentConfig
from wattgram_agent.roster import Roster, build_roster
from wattgram_agent.sampler import Sampler
from wattgram_agent.source import GaugeSample, HostPaths, Point, Scope, Source, Zone
from wattgram_agent.sources import rapl

MODEL = Point("model", "host", "mid")
WATTS = 10


class Machine:
    """Packages of ten watts each, a model to stand in for them, and an agent over many lives."""

    def __init__(self, directory: Path, *packages: str) -> None:
        self.tree = RaplTree(directory)
        for number, zone in enumerate(packages or ("intel-rapl:0", "intel-rapl:1")):
            self.tree.add(zone, f"package-{number}")
        self.directory = directory / "state"
        self.clock = ManualClock()
        self.start()

    def start(self) -> None:
        self.spool = open_spool(self.directory)
        self.sampler = Sampler(
            AgentConfig(state_directory=self.directory), self.clock, "boot", self.spool, self.look
        )

    def kill(self, seconds: float = 5) -> None:
        """End without a word; the host goes on."""
        self.spool.close()
        self.let_pass(seconds)

    def look(self) -> Roster:
        zone = Zone(point=MODEL, scope=Scope.HOST, quality=Quality.MODELLED)

        def model(_: HostPaths) -> Source:
            return FakeSource(
                "model", [zone], lambda: [GaugeSample(MODEL, WATTS * 10**6, averaged=True)]
            )

        return build_roster({"rapl": rapl.discover, "model": model}, self.tree.paths)

    def let_pass(self, seconds: float) -> None:
        self.clock.advance(seconds)
        for zone in self.tree.truth:
            file = self.tree.directory(zone) / "energy_uj"
            is_away = not file.exists()
            self.tree.use(zone, int(WATTS * seconds * MICROJOULES_PER_JOULE))
            if is_away:
                file.unlink()

    def beats(self, count: int, seconds: float = 1) -> None:
        for _ in range(count):
            self.let_pass(seconds)
            self.sampler.beat()
        self.sampler.close_batch()

    def take_away(self, zone: str) -> None:
        (self.tree.directory(zone) / "energy_uj").unlink()

    def bring_back(self, zone: str) -> None:
        (self.tree.directory(zone) / "energy_uj").write_text(f"{self.tree.register(zone)}\n")

    def look_again(self) -> None:
        self.sampler.look_again()
        self.sampler.observer.wait_for_search()

    def booked(self) -> dict[str, int]:
        """Return the counted joules by instance."""
        totals: dict[str, int] = {}
        for table, batch in spooled(self.spool):
            for index, quantity, _, _ in batch.spans():
                if table.series[index].counted:
                    name = table.series[index].instance
                    totals[name] = totals.get(name, 0) + quantity // MICROJOULES_PER_JOULE
        return totals

    def gaps(self) -> list[tuple[str, float]]:
        return [
            (gap.reason, gap.duration_nanoseconds / NANOSECONDS_PER_SECOND)
            for _, batch in spooled(self.spool)
            for gap in batch.gaps
        ]


@pytest.mark.parametrize("away_for", [1, 30, 100])
def test_a_register_that_is_away_when_the_agent_starts_loses_nothing(
    tmp_path: Path, away_for: int
) -> None:
    machine = Machine(tmp_path)
    machine.beats(3)
    machine.take_away("intel-rapl:1")
    machine.kill()
    machine.start()
    machine.beats(away_for)
    machine.bring_back("intel-rapl:1")
    machine.beats(2)

    seconds = 2 + 5 + away_for + 2
    assert machine.booked() == {"0": 10 * seconds, "1": 10 * seconds}
    assert {reason for reason, _ in machine.gaps()} == {"unreadable"}


def test_an_only_register_that_is_away_when_the_agent_starts_keeps_its_place(
    tmp_path: Path,
) -> None:
    """No model is counted in its place before it has been away for as long as it remembers."""
    machine = Machine(tmp_path, "intel-rapl:0")
    machine.beats(3)
    machine.take_away("intel-rapl:0")
    machine.kill()
    machine.start()
    machine.beats(20)
    machine.look_again()
    machine.beats(20)
    machine.bring_back("intel-rapl:0")
    machine.beats(2)

    assert machine.booked() == {"0": 10 * (2 + 5 + 40 + 2)}


def test_over_several_restarts_it_is_still_remembered(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.beats(3)
    machine.take_away("intel-rapl:1")
    for _ in range(3):
        machine.kill()
        machine.start()
        machine.beats(3)
    machine.bring_back("intel-rapl:1")
    machine.kill()
    machine.start()
    machine.beats(1)

    seconds = 2 + 3 * (5 + 3) + 5 + 1
    assert machine.booked() == {"0": 10 * seconds, "1": 10 * seconds}


def test_one_that_stays_away_is_let_go_and_its_time_is_a_gap(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "intel-rapl:0")
    machine.beats(3)
    machine.take_away("intel-rapl:0")
    machine.kill()
    machine.start()
    machine.beats(125)
    machine.look_again()
    machine.beats(5)

    booked = machine.booked()
    assert booked["0"] == 20
    lost = sum(seconds for reason, seconds in machine.gaps() if reason == "unreadable")
    assert booked["mid"] // WATTS + lost >= 5 + 130
    assert {point.source for point in machine.sampler.observer.series} == {"model"}


@pytest.mark.parametrize("what", ["the directory", "the permission to see it"])
def test_a_zone_of_which_nothing_is_left_is_a_gap(tmp_path: Path, what: str) -> None:
    machine = Machine(tmp_path)
    machine.beats(3)
    machine.kill()
    directory = machine.tree.directory("intel-rapl:1")
    if what == "the directory":
        directory.rename(tmp_path / "elsewhere")
    else:
        (directory / "name").unlink()
    del machine.tree.truth["intel-rapl:1"]
    machine.start()
    machine.beats(2)

    assert machine.booked() == {"0": 10 * (2 + 5 + 2), "1": 20}
    assert machine.gaps() == [("not_found", 6.0)]


def test_all_of_it_is_a_gap_where_nothing_is_left_at_all(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "intel-rapl:0")
    machine.beats(3)
    machine.kill()
    (machine.tree.sysfs / "class").rename(tmp_path / "elsewhere")
    machine.tree.truth.clear()
    machine.start()
    machine.beats(3)

    assert machine.gaps() == [("not_found", 6.0)]
    assert machine.booked() == {"0": 20, "mid": 20}


def test_a_register_that_was_never_read_is_told_and_not_waited_for(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.kill()
    machine.take_away("intel-rapl:1")
    machine.start()
    machine.beats(3)

    assert machine.booked() == {"0": 20}
    assert machine.gaps() == []
    (finding, _) = machine.sampler.observer.roster.findings
    assert finding.reason == "intel-rapl:1: zone package-1 has no energy_uj file"


def test_where_no_register_was_ever_read_the_model_is_counted_at_once(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "intel-rapl:0")
    machine.kill()
    machine.take_away("intel-rapl:0")
    machine.start()
    machine.beats(3)
    (finding, _) = machine.sampler.observer.roster.findings

    assert machine.booked() == {"mid": 20}
    assert (finding.state, finding.reason) == (
        State.ERROR,
        "intel-rapl:0: zone package-0 has no energy_uj file",
    )


def test_a_die_is_not_expected_since_it_may_show_the_register_of_another(tmp_path: Path) -> None:
    """Which is read from the registers: with one away it cannot be told."""
    tree = RaplTree(tmp_path)
    tree.vendor("AuthenticAMD")
    for die in (0, 1):
        tree.add(f"intel-rapl:{die}", f"package-0-die-{die}", start=5_000_000_000)
    (tree.directory("intel-rapl:1") / "energy_uj").unlink()
    source = rapl.discover(tree.paths)
    source.expect([Point("rapl", "package", "0-die-1")])

    assert [zone.point.instance for zone in source.zones()] == ["0-die-0"]
    source.close()


def test_a_second_view_of_a_register_is_not_expected_beside_the_first(tmp_path: Path) -> None:
    tree = RaplTree(tmp_path)
    for zone in ("intel-rapl:0", "intel-rapl-mmio:0"):
        tree.add(zone, "package-0")
    (tree.directory("intel-rapl:0") / "energy_uj").unlink()
    source = rapl.discover(tree.paths)
    source.expect([Point("rapl", "package", "0")])

    assert [zone.location for zone in source.zones()] == [str(tree.directory("intel-rapl-mmio:0"))]
    source.close()
