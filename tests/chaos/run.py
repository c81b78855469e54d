"""`make chaos`: break everything at random for a while, then see whether the ledger closes.

Agents on scripted meters in network namespaces, a real collector, and faults from a seed. Prints
what was injected, what was used, what was booked and what was declared lost; 1 when they do not
close, and then how to repeat it. `--short` is what `make test` runs.
"""

from __future__ import annotations

import argparse
import dataclasses
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from chaos import books, faults, schedule
from chaos.lane import Lane
from chaos.machine import Metronome
from chaos.watch import Watch
from chaos.world import Host, World

_TICK_SECONDS = 0.05
_START_SECONDS = 60.0
_BATCHES_AFTER = 3


class Run:
    """One run; `problems` is what did not hold."""

    def __init__(self, directory: Path, seed: int, pace: schedule.Pace) -> None:
        self._pace = pace
        self._began = time.monotonic()
        self.counts: Counter[tuple[str, str]] = Counter()
        self._shown: dict[str, int] = {}
        self.problems: list[str] = []
        self._journal = (directory / "faults.log").open("w", encoding="utf-8")
        self.world = World(
            directory,
            seed,
            exact=pace.exact,
            bounded=pace.bounded,
            range_joules=pace.range_joules,
        )
        plans = schedule.lanes(seed, pace, has_disks=self.world.has_disks)
        self._lanes = [Lane(plan, self.world, self.counts, self._say) for plan in plans]
        self._metronome = Metronome([host.machine for host in self.world.hosts])
        url = f"http://127.0.0.1:{self.world.http_port}/metrics"
        self.watch = Watch(url, self.world.hosts)

    def go(self) -> None:
        """Start, break, let it settle, and stop."""
        world = self.world
        for daemon in world.daemons:
            daemon.start()
        first = lambda host: world.applied(host) > 0  # noqa: E731
        if not self._wait(first, _START_SECONDS, "the first batch"):
            return
        self._metronome.start()
        self.watch.start()
        self._break()
        # What it did not take to start is time to settle, on a machine that is busy.
        whole = _START_SECONDS + self._pace.seconds + self._pace.settle_seconds
        deadline = self._began + whole
        self._wait(
            lambda host: world.applied(host) + 2 >= host.newest_sequence(),
            deadline - time.monotonic(),
            "what waited",
        )
        self._metronome.stop()
        last = {host.agent_id: host.newest_sequence() + _BATCHES_AFTER for host in world.hosts}
        self._wait(
            lambda host: world.applied(host) >= last[host.agent_id],
            deadline - time.monotonic(),
            "the last batch",
        )
        self.watch.stop()
        self._shown = self.watch.look()
        self.problems += self.watch.problems
        self._stop()

    def judge(self) -> bool:
        """Print what each host used and what is booked of it; return whether all closes."""
        for kind in faults.KINDS:
            times = sum(self.counts[kind, host.agent_id] for host in self.world.hosts)
            print(f"{times:4} x {kind}")
        print(f"{self.world.replayed} batches were delivered again on purpose")
        print(f"{self.watch.looks} looks at /metrics in between")
        totals = [0, 0, 0]
        for host in self.world.hosts:
            machine, truth = host.machine, host.machine.truth_microjoules
            booked = books.read(self.world.ledger, host.agent_id)
            self.problems += [
                f"{host.agent_id}: {why}"
                for why in books.why_not_closed(
                    truth,
                    booked,
                    microwatts=machine.steady_microwatts,
                    lag_seconds=machine.lag_seconds(2 * self._outages(host)),
                )
            ]
            if self._shown.get(host.agent_id) != booked.counted:
                self.problems.append(f"{host.agent_id}: /metrics has {self._shown}")
            lost = books.declared_microjoules(booked, machine.steady_microwatts)
            figures = (sum(truth.values()), booked.counted, lost)
            totals = [total + figure for total, figure in zip(totals, figures, strict=True)]
            print(f"{host.agent_id:10}", _sums(figures))
        print(f"{'sum':10}", _sums(totals))
        return not self.problems

    def _outages(self, host: Host) -> int:
        """Return how often, at most, this host could not deliver for a while."""
        collectors = {fault.kind for fault in faults.COLLECTOR}
        return 1 + sum(
            count
            for (kind, agent_id), count in self.counts.items()
            if agent_id == host.agent_id or kind in collectors
        )

    def _break(self) -> None:
        until = time.monotonic() + self._pace.seconds
        while (now := time.monotonic()) < until:
            for lane in self._lanes:
                lane.advance(now)
            self.world.tend()
            time.sleep(_TICK_SECONDS)
        for lane in self._lanes:
            lane.finish()

    def _wait(self, holds: Callable[[Host], bool], seconds: float, what: str) -> bool:
        deadline = time.monotonic() + seconds
        late = list(self.world.hosts)
        while late := [host for host in late if not holds(host)]:
            if time.monotonic() > deadline:
                names = ", ".join(host.agent_id for host in late)
                self.problems.append(f"{what} of {names} did not come in {seconds:.0f} s")
                return False
            self.world.tend()
            time.sleep(_TICK_SECONDS)
        return True

    def _stop(self) -> None:
        for daemon in reversed(self.world.daemons):
            daemon.send(signal.SIGTERM)
            code = daemon.wait()
            if code or daemon.exits or daemon.hung:
                self.problems.append(
                    f"{daemon.name}: exit code {code}, ended by itself {daemon.exits}, "
                    f"did not end {daemon.hung} times"
                )

    def _say(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:7.2f} {text}", file=self._journal, flush=True)


def _sums(microjoules: tuple[int, ...] | list[int]) -> str:
    names = ("expected", "booked", "declared lost")
    return ", ".join(
        f"{name} {books.joules(value)} J" for name, value in zip(names, microjoules, strict=True)
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--short", action="store_true", help="the form that `make test` runs")
    parser.add_argument("--seconds", type=float, help="how long things break")
    options = parser.parse_args()
    pace = schedule.SHORT if options.short else schedule.LONG
    if options.seconds:
        pace = dataclasses.replace(pace, seconds=options.seconds)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    directory = Path(tempfile.mkdtemp(prefix="wattgram-chaos-"))
    run = Run(directory, options.seed, pace)
    print(
        f"chaos seed={options.seed} agents={len(run.world.hosts)} seconds={pace.seconds:g} "
        f"network={'namespaces' if run.world.has_devices else 'proxy on loopback'} "
        f"full_disks={'yes' if run.world.has_disks else 'no, not permitted'}"
    )
    try:
        run.go()
        closes = run.judge()
    finally:
        run.world.end()
    if closes:
        run.world.forget()
        print("closes")
        return 0
    run.world.keep(directory / "kept")
    for problem in run.problems:
        print(f"PROBLEM {problem}")
    form = " --short" if options.short else ""
    print(f"kept: {directory}\nrepeat: make chaos CHAOS='--seed {options.seed}{form}'")
    return 1


if __name__ == "__main__":
    sys.exit(main())
