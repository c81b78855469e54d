"""Looks at /metrics while everything breaks: no sum may fall, none may pass the truth."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Iterator
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from chaos.world import Host
from daemons import get
from wattgram.units import MICROJOULES_PER_JOULE

HOST_ENERGY: Final = "wattgram_host_energy_joules_total"
_PERIOD_SECONDS: Final = 1.0


class Watch(threading.Thread):
    def __init__(self, url: str, hosts: list[Host]) -> None:
        super().__init__(name="watch", daemon=True)
        self.url = url
        self.looks = 0
        self.problems: list[str] = []
        self._hosts = {host.agent_id: host for host in hosts}
        self._highest: dict[str, int] = {}
        self._asked = threading.Event()

    def run(self) -> None:
        while not self._asked.wait(_PERIOD_SECONDS):
            self.look()

    def stop(self) -> None:
        self._asked.set()
        self.join()

    def look(self) -> dict[str, int]:
        """Return microjoules by host as /metrics has them now, none while nobody answers."""
        page = ""
        with contextlib.suppress(http.client.HTTPException):
            page = get(self.url)
        shown: dict[str, int] = {}
        for name, value in samples(page, HOST_ENERGY):
            shown[name] = shown.get(name, 0) + round(value * MICROJOULES_PER_JOULE)
        for name, total in shown.items():
            truth = sum(self._hosts[name].machine.truth_microjoules.values())
            if total > truth:
                self._note(f"{name}: {total} uJ are shown when {truth} were used")
            if total < self._highest.get(name, 0):
                self._note(f"{name}: shown sum fell from {self._highest[name]} to {total}")
            self._highest[name] = max(total, self._highest.get(name, 0))
        self.looks += bool(shown)
        return shown

    def _note(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def samples(page: str, name: str) -> Iterator[tuple[str, float]]:
    """Yield (host, value) of the samples of a metric on a page."""
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name == name:
                yield sample.labels["host"], sample.value
