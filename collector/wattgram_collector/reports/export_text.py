"""A period of the ledger as OpenMetrics with timestamps, or as CSV. Lines stream.

OpenMetrics wants a family in one piece, so the ledger is read once for each; what is held is one
family of one host: 16 bytes a sample. Every counter begins with 0 at the start of the first slot
in which it grew, so that nothing of it is lost, and has one sample at the end of each such slot.
"""

from __future__ import annotations

import csv
import io
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Final

from wattgram_collector.accounting.slots import slot_start_unix_seconds
from wattgram_collector.exposition.families import Family
from wattgram_collector.exposition.text import number
from wattgram_collector.ledger import AgentRecord, Ledger
from wattgram_collector.progress import Tell, nobody
from wattgram_collector.reports.cells import name_cell
from wattgram_collector.reports.export_series import (
    POSTINGS,
    USAGE,
    WORKLOADS,
    Growth,
    Labels,
    OfPostings,
    OfUsage,
    UnitShares,
    by_counter,
    growth_of_postings,
    growth_of_usage,
)
from wattgram_collector.reports.reading import Period
from wattgram_collector.reports.times import text_of

END: Final = "# EOF"
JOB: Final = "wattgram_history"
"""The job of exported samples unless it is said: they are never added to scraped ones."""
CSV_LABELS: Final = (
    "quality", "component", "source", "device", "segment", "grid_zone", "tier", "kind", "workload",
)  # fmt: skip
CSV_COLUMNS: Final = ("start", "end", "host", "metric", *CSV_LABELS, "value")

Wanted = OfUsage | OfPostings


def wanted_families(*, workloads: bool) -> tuple[Wanted, ...]:
    """Return what is exported, in order."""
    return (*USAGE, *((WORKLOADS,) if workloads else ()), *POSTINGS)


def openmetrics_lines(
    ledger: Ledger,
    hosts: Sequence[AgentRecord],
    period: Period,
    extra: Mapping[str, str],
    *,
    workloads: bool = False,
    tell: Tell = nobody,
) -> Iterator[str]:
    """Yield the exposition, with `extra` labels on each sample; raises LedgerError."""
    wanted = wanted_families(workloads=workloads)
    steps = len(wanted) * len(hosts)
    for at, one in enumerate(wanted):
        is_begun = False
        for nth, host in enumerate(hosts):
            tell(at * len(hosts) + nth, steps)
            for labels, counter in _counters(ledger, host, period, one).items():
                if not is_begun:
                    yield from _header(one.family)
                    is_begun = True
                yield from _samples(one.family, {"host": host.host}, labels, counter, extra)
    tell(steps, steps)
    yield END


class Counter:
    """One counter over the period: slots, and its value at the end of each."""

    __slots__ = ("_sum", "slots", "values")

    def __init__(self) -> None:
        self._sum = Fraction(0)
        self.slots = array("q")
        self.values = array("d")

    def grow(self, slots: Mapping[int, Fraction]) -> None:
        """Add what it grew by in slots that are later than all before."""
        for slot, growth in sorted(slots.items()):
            self._sum += growth
            self.slots.append(slot)
            self.values.append(float(self._sum))


def _counters(
    ledger: Ledger, host: AgentRecord, period: Period, wanted: Wanted
) -> dict[Labels, Counter]:
    found: dict[Labels, Counter] = {}
    read = _reader(ledger, host.key, wanted)
    for first, end in period.days(ledger.posted_span(host.key)):
        for labels, slots in by_counter(read(first, end)).items():
            found.setdefault(labels, Counter()).grow(slots)
    return dict(sorted(found.items()))


def _reader(
    ledger: Ledger, agent_key: int, wanted: Wanted
) -> Callable[[int, int], Iterable[Growth]]:
    """Return what reads the growth of one family of one host in `[first, end)`."""
    if isinstance(wanted, OfUsage):
        return lambda first, end: growth_of_usage(wanted, ledger.used(first, end, agent_key))
    units = UnitShares(wanted)
    return lambda first, end: growth_of_postings(units, ledger.posted(first, end, agent_key))


def _header(family: Family) -> Iterator[str]:
    text = family.help.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    yield f"# HELP {family.name} {text}"
    yield f"# TYPE {family.name} counter"


def _samples(
    family: Family,
    host: Mapping[str, str],
    labels: Labels,
    counter: Counter,
    extra: Mapping[str, str],
) -> Iterator[str]:
    named = {**extra, **host, **dict(zip(family.labels[1:], labels, strict=True))}
    pairs = ",".join(f'{name}="{_escaped(text)}"' for name, text in named.items() if text)
    series = f"{family.name}_total{{{pairs}}}"
    yield f"{series} 0 {slot_start_unix_seconds(counter.slots[0])}"
    for slot, value in zip(counter.slots, counter.values, strict=True):
        yield f"{series} {number(value)} {slot_start_unix_seconds(slot + 1)}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def csv_lines(
    ledger: Ledger,
    hosts: Sequence[AgentRecord],
    period: Period,
    *,
    workloads: bool = False,
    tell: Tell = nobody,
) -> Iterator[str]:
    """Yield a line for each counter and slot: by how much it grew. Raises LedgerError."""
    yield _csv(CSV_COLUMNS)
    wanted = wanted_families(workloads=workloads)
    for nth, host in enumerate(hosts):
        tell(nth, len(hosts))
        readers = [(one.family, _reader(ledger, host.key, one)) for one in wanted]
        for first, end in period.days(ledger.posted_span(host.key)):
            yield from _csv_of_day(host.host, readers, first, end)
    tell(len(hosts), len(hosts))


def _csv_of_day(
    host: str,
    readers: Sequence[tuple[Family, Callable[[int, int], Iterable[Growth]]]],
    first: int,
    end: int,
) -> Iterator[str]:
    rows = []
    for place, (family, read) in enumerate(readers):
        for labels, slots in by_counter(read(first, end)).items():
            named = dict(zip(family.labels[1:], labels, strict=True))
            said = (name_cell(named.get(name, "")) for name in CSV_LABELS)
            cells = (f"{family.name}_total", *said)
            rows += [(slot, place, cells, growth) for slot, growth in slots.items()]
    for slot, _, cells, growth in sorted(rows):
        start, until = slot_start_unix_seconds(slot), slot_start_unix_seconds(slot + 1)
        yield _csv((text_of(start), text_of(until), name_cell(host), *cells, number(growth)))


def _csv(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()
