"""A collector's desk without its sockets: batches in, what providers say in, commands out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from builders import BOOT_ID, PACKAGE, hello
from wattgram.handshake import HostFacts
from wattgram.readings import Batch, Series, SeriesTable
from wattgram.units import MICROSECONDS_PER_SECOND, NANOSECONDS_PER_SECOND
from wattgram_collector.__main__ import main
from wattgram_collector.accounting.emissions import Books, Columns
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.exposition.metrics import collect
from wattgram_collector.exposition.text import render
from wattgram_collector.ingest.agents import Fleet
from wattgram_collector.ingest.committer import Committer
from wattgram_collector.ingest.reckoning import AgentClock, Told, reckon
from wattgram_collector.intensities.history import History, HistoryBook
from wattgram_collector.intensity import Axes, Chain, IntensityBook, Signal
from wattgram_collector.ledger import Entry
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.restating import Restater

Json = dict[str, Any]


class Desk:
    """Hosts under terms, one book, one ledger. Time is what the test says."""

    def __init__(
        self,
        directory: Path,
        terms: Mapping[str, Terms],
        *books: IntensityBook,
        now: int,
        freeze_days: float = 45,
        axes: Axes | None = None,
        market: IntensityBook | None = None,
        marginal: IntensityBook | None = None,
    ) -> None:
        axes = axes or Axes()
        self.now = now
        self.directory = directory
        self.ledger = SqliteLedger(directory / "ledger.sqlite")
        self.history = History()
        live = HistoryBook(self.history, axes)
        self.books = Books(Chain(live, *books), market, marginal)
        self.terms = terms
        self.keys = {}
        self._told: dict[tuple[str, tuple[Series, ...]], Told] = {}
        self._sequence = 0
        for host in terms:
            record = self.ledger.enrol(f"agent-of-{host}", HostFacts(host=host))
            self.ledger.open_session(record.key, "session-1", 1)
            self.keys[host] = record.key
        records = {one.key: one for one in self.ledger.agents()}
        self.fleet = Fleet(records, self.ledger.totals())
        self.committer = Committer(self.ledger, tick_seconds=0)
        self.restater = Restater(
            self.ledger, self.committer, self.fleet, self.history, {Signal.AVERAGE: axes},
            freeze_days=freeze_days, unix_seconds=lambda: self.now,
        )  # fmt: skip

    def deliver(
        self,
        start: int,
        seconds: int,
        columns: Mapping[Series, int | None] | None = None,
        hosts: Sequence[str] | None = None,
        **changes: Any,
    ) -> None:
        """Deliver one interval of each host: a quantity per series, a joule unless said."""
        columns = {PACKAGE: 1_000_000} if columns is None else columns
        self.apply(
            self.reckoned(host, start, seconds, columns, **changes) for host in hosts or self.terms
        )

    def reckoned(
        self,
        host: str,
        start: int,
        seconds: int,
        columns: Mapping[Series, int | None],
        **changes: Any,
    ) -> Entry:
        """Return one interval of a host as an entry, with the factors that are known now."""
        now_nanoseconds = self.now * NANOSECONDS_PER_SECOND
        clock = AgentClock.of(
            hello(wall_unix_nanoseconds=now_nanoseconds, boottime_nanoseconds=now_nanoseconds),
            now_nanoseconds,
        )
        self._sequence += 1
        one = Batch(
            sequence=self._sequence,
            series_number=1,
            start_unix_nanoseconds=start * NANOSECONDS_PER_SECOND,
            start_boottime_nanoseconds=start * NANOSECONDS_PER_SECOND,
            interval_microseconds=(seconds * MICROSECONDS_PER_SECOND,),
            columns=tuple([quantity] for quantity in columns.values()),
            **changes,
        )
        return reckon(
            one,
            self._table(host, tuple(columns)),
            agent_key=self.keys[host],
            session="session-1",
            terms=self.terms[host],
            clock=clock,
            books=self.books,
            now_unix_nanoseconds=now_nanoseconds,
        )

    def apply(self, entries: Iterable[Entry]) -> None:
        """Add entries to the ledger, and then to what is shown."""
        agents = {agent.record.key: agent for agent in self.fleet}
        for outcome in self.ledger.apply(list(entries)):
            agent = agents[outcome.entry.agent_key]
            agent.totals.add(outcome, 0)
            agent.last_seen_unix_nanoseconds = self.now * NANOSECONDS_PER_SECOND

    def metrics(self) -> str:
        """Return what /metrics shows now of the hosts."""
        found = collect(self.fleet, self.now * NANOSECONDS_PER_SECOND)
        return render(found, openmetrics=False)

    def _table(self, host: str, series: tuple[Series, ...]) -> Told:
        told = self._told.get((host, series))
        if told is None:
            table = SeriesTable(number=1, boot_id=BOOT_ID, grid_zone="", series=series)
            keys = self.ledger.series_keys(self.keys[host], series)
            told = self._told[host, series] = Told(table, keys, Columns(series))
            for agent in self.fleet:
                if agent.record.key == self.keys[host]:
                    agent.totals.series.update(zip(keys, series, strict=True))
        return told

    async def close(self) -> None:
        await self.committer.close()
        self.ledger.close()


class Asking:
    """The real commands on a ledger, and what they print."""

    def __init__(
        self, directory: Path, output: pytest.CaptureFixture[str], config: str = ""
    ) -> None:
        self._output = output
        self.file = directory / "collector.toml"
        self.file.write_text(f"state_directory = {json.dumps(str(directory))}\n{config}")

    def run(self, *words: str, code: int = 0) -> str:
        """Run a command; return what it prints, or complains."""
        self._output.readouterr()
        assert main([words[0], "--config", str(self.file), *words[1:]]) == code
        printed = self._output.readouterr()
        return printed.err if code else printed.out

    def explained(self, host: str, start: str, end: str, *more: str) -> Json:
        text = self.run("explain", "--host", host, "--from", start, "--to", end, "--json", *more)
        found: Json = json.loads(text)
        return found

    def reported(self, start: str, end: str, *more: str) -> dict[str, dict[str, Json]]:
        """Return the figures by group and by name: measure, scope and detail."""
        text = self.run("report", "--from", start, "--to", end, "--format", "json", *more)
        return {
            one["group"]: {named(figure): figure for figure in one["figures"]}
            for one in json.loads(text)["groups"]
        }


def named(figure: Json) -> str:
    """Return the name of a figure; lifecycle goes without saying."""
    scope = figure.get("scope", "")
    words = (figure["measure"], "" if scope == "lifecycle" else scope, figure.get("detail", ""))
    return " ".join(word for word in words if word)


def value(figures: Mapping[str, Json], name: str, key: str = "value") -> Fraction:
    """Return an exact number of a figure."""
    return Fraction(figures[name][f"{key}_exact"])


def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("WATTGRAM_"):
            monkeypatch.delenv(name)


def posted_rows(directory: Path) -> list[Any]:
    with closing(SqliteLedger.reading(directory / "ledger.sqlite")) as ledger:
        return list(ledger.posted(0, 1 << 40))
