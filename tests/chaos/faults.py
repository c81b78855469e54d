"""The faults, one class each: what begins it and what ends it."""

from __future__ import annotations

import random
import shutil
import signal
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from chaos.links import GOOD, Direction, Link
from chaos.machine import COUNTED
from chaos.world import Host, World
from wattgram.units import SECONDS_PER_DAY, SECONDS_PER_HOUR

FOR_EVER: Final = float("inf")
_START_SECONDS: Final = 5.0
_BALLAST_BYTES: Final = 64 * 1024
_CLOCK_STEPS_SECONDS: Final = (
    -5 * SECONDS_PER_DAY, -2.5 * SECONDS_PER_HOUR, -600.0, -3.0, 3.0, 600.0,
    2.5 * SECONDS_PER_HOUR, 5 * SECONDS_PER_DAY,
)  # fmt: skip


@dataclass
class Fault:
    """Something that is wrong for a while. `host` is whose trouble it is."""

    world: World
    host: Host
    chance: random.Random
    note: str = field(default="", init=False)
    kind: ClassVar[str]

    def begin(self) -> None:
        """Let it be wrong."""

    def end(self) -> None:
        """Let it be right again."""


class AgentKilled(Fault):
    kind = "agent kill -9"

    def begin(self) -> None:
        self.host.daemon.send(signal.SIGKILL)

    def end(self) -> None:
        self.host.daemon.wait()
        self.host.daemon.start()


class AgentTerminated(AgentKilled):
    kind = "agent SIGTERM"

    def begin(self) -> None:
        self.host.daemon.send(signal.SIGTERM)


class AgentStopped(Fault):
    kind = "agent SIGSTOP"

    def begin(self) -> None:
        self.host.daemon.send(signal.SIGSTOP)

    def end(self) -> None:
        self.host.daemon.send(signal.SIGCONT)


class AgentClockStepped(Fault):
    kind = "agent clock step"

    def begin(self) -> None:
        seconds = self.chance.choice(_CLOCK_STEPS_SECONDS)
        self.note = f"{seconds:+.0f} s"
        self.host.daemon.step_clock(seconds)

    def end(self) -> None:
        self.host.daemon.step_clock(0)


class MeterAway(Fault):
    """The register's file is gone, and is back later; the register counted on."""

    kind = "meter away"
    leaves_fifo: ClassVar[bool] = False

    def begin(self) -> None:
        self._zone = self.chance.choice(list(COUNTED))
        self.host.machine.tree.take_away(self._zone, leave_fifo=self.leaves_fifo)

    def end(self) -> None:
        self.host.machine.tree.bring_back(self._zone)


class MeterHangs(MeterAway):
    """What stands in place of the file would block whoever reads it."""

    kind = "meter hangs"
    leaves_fifo = True


class MeterAwayAtStart(MeterAway):
    """The agent is killed and comes back while a register's file is gone."""

    kind = "meter away, agent kill -9"

    def begin(self) -> None:
        super().begin()
        self.host.daemon.send(signal.SIGKILL)
        self.host.daemon.wait()
        self.host.daemon.start()


class AgentDiskFull(Fault):
    kind = "agent disk full"

    def begin(self) -> None:
        fill(self.host.state)

    def end(self) -> None:
        (self.host.state / "ballast").unlink()


class Partition(Fault):
    kind = "partition"

    def begin(self) -> None:
        self.world.set_link(self.host.number, Link(cut=(Direction.UP, Direction.DOWN)))

    def end(self) -> None:
        self.world.set_link(self.host.number, GOOD)


class AnswersLost(Partition):
    kind = "answers lost"

    def begin(self) -> None:
        """Let batches through and no acknowledgement: they come again, and were there."""
        self.world.set_link(self.host.number, Link(cut=(Direction.DOWN,)))


class Loss(Partition):
    kind = "20 % loss"

    def begin(self) -> None:
        self.world.set_link(self.host.number, Link(loss=0.2, duplicates=0.05))


class Latency(Partition):
    kind = "latency"

    def begin(self) -> None:
        delay = self.chance.uniform(0.05, 0.5)
        self.note = f"{delay * 1000:.0f} ms"
        self.world.set_link(self.host.number, Link(delay_seconds=delay, duplicates=0.2))


class CollectorKilled(Fault):
    kind = "collector kill -9"

    def begin(self) -> None:
        self.world.collector.send(signal.SIGKILL)

    def end(self) -> None:
        self.world.collector.wait()
        self.world.collector.start()


class CollectorTerminated(CollectorKilled):
    kind = "collector SIGTERM"

    def begin(self) -> None:
        self.world.collector.send(signal.SIGTERM)


class CollectorStopped(Fault):
    kind = "collector SIGSTOP"

    def begin(self) -> None:
        self.world.collector.send(signal.SIGSTOP)

    def end(self) -> None:
        self.world.collector.send(signal.SIGCONT)


class CollectorClockStepped(Fault):
    kind = "collector clock step"

    def begin(self) -> None:
        seconds = self.chance.choice(_CLOCK_STEPS_SECONDS)
        self.note = f"{seconds:+.0f} s"
        self.world.collector.step_clock(seconds)

    def end(self) -> None:
        self.world.collector.step_clock(0)


class CollectorDiskFull(Fault):
    kind = "collector disk full"
    dies: ClassVar[bool] = False

    def begin(self) -> None:
        self.world.excuse_collector(FOR_EVER)
        fill(self.world.collector_state)
        if self.dies:
            self.world.collector.send(signal.SIGKILL)
            self.world.collector.wait()
            self.world.collector.start()

    def end(self) -> None:
        (self.world.collector_state / "ballast").unlink()
        self.world.excuse_collector(_START_SECONDS)


class CollectorDiesOnFullDisk(CollectorDiskFull):
    kind = "collector kill -9 on a full disk"
    dies = True


class Replayed(Fault):
    """Everything that is on the agent's disk is delivered once more, under its own numbers."""

    kind = "duplicate delivery"

    def begin(self) -> None:
        self._copy = Path(tempfile.mkdtemp(dir=self.world.directory))
        shutil.copytree(self.host.state / "spool", self._copy / "spool")
        arguments = (str(self.host.config), str(self._copy / "spool"))
        self._process = self.host.daemon.beside("chaos.replay", *arguments)

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        answer, _ = self._process.communicate()
        self.note = f"{answer.decode().strip() or 'no'} batches"
        self.world.replayed += int(answer or 0)
        shutil.rmtree(self._copy)


def fill(disk: Path) -> None:
    """Write a file until nothing more fits."""
    with (disk / "ballast").open("ab", buffering=0) as file:
        for size in (_BALLAST_BYTES, 512, 1):
            try:
                while file.write(b"\1" * size):
                    pass
            except OSError:
                continue


AGENT: Final = (AgentKilled, AgentTerminated, AgentStopped, AgentClockStepped, MeterAway,
                MeterAwayAtStart, MeterHangs, AgentDiskFull)  # fmt: skip
LINK: Final = (Partition, AnswersLost, Loss, Latency)
COLLECTOR: Final = (CollectorKilled, CollectorTerminated, CollectorStopped,
                    CollectorClockStepped, CollectorDiskFull,
                    CollectorDiesOnFullDisk)  # fmt: skip
REPLAY: Final = (Replayed,)
NEEDS_A_DISK: Final = (AgentDiskFull, CollectorDiskFull, CollectorDiesOnFullDisk)

KINDS: Final[Mapping[str, type[Fault]]] = {
    fault.kind: fault for fault in (*AGENT, *LINK, *COLLECTOR, *REPLAY)
}
