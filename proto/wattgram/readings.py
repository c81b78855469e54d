"""What travels: differences over half-open intervals `[start, end)`, never registers.

Values only, each with its invariants in the constructor: one that breaks them cannot exist.
A quantity is an integer in the unit of its kind: microjoules or bytes. `None` in a column is
"not measured", which is not zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate
from typing import cast

from wattgram.units import NANOSECONDS_PER_MICROSECOND

QUANTITY_MAX = (1 << 62) - 1
LABEL_LENGTH_MAX = 200
FIX_LENGTH_MAX = 500
"""What would solve a problem is one line of at most so many characters, or is not told."""


class Kind(StrEnum):
    """What a series counts, and so its unit."""

    ENERGY = "energy_microjoules"
    RECEIVE = "receive_bytes"
    TRANSMIT = "transmit_bytes"


class Quality(StrEnum):
    """How well a quantity is known; a result takes the worst of its inputs."""

    MEASURED = "measured"
    DECLARED = "declared"
    MODELLED = "modelled"
    DEFAULT = "default"


class Component(StrEnum):
    """The part of the host that used the energy; `other` when it is not split."""

    CPU = "cpu"
    DRAM = "dram"
    GPU = "gpu"
    OTHER = "other"


class State(StrEnum):
    """What became of a power source on this host."""

    AVAILABLE = "available"
    ACTIVE = "active"
    ABSENT = "absent"
    PERMISSION_DENIED = "permission_denied"
    ERROR = "error"


def require_label(name: str, value: str) -> None:
    """Raise ValueError unless `value` can be a label: 1 to 200 printable characters."""
    if not value or len(value) > LABEL_LENGTH_MAX or not value.isprintable():
        raise ValueError(f"{name} must be 1 to {LABEL_LENGTH_MAX} printable characters: {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One column: which meter, of which part, how well known, and whether it is counted."""

    kind: Kind
    source: str
    domain: str
    instance: str
    quality: Quality = Quality.MEASURED
    counted: bool = False
    component: Component = Component.OTHER

    def __post_init__(self) -> None:
        require_label("source", self.source)
        require_label("domain", self.domain)
        require_label("instance", self.instance)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """The state of one power source and, unless it is active, why and what would change it."""

    source: str
    state: State
    reason: str = ""
    fix: str = ""

    def __post_init__(self) -> None:
        require_label("source", self.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesTable:
    """The columns of the batches that refer to `number`, and where they were measured."""

    number: int
    boot_id: str
    grid_zone: str
    series: tuple[Series, ...]
    sources: tuple[SourceState, ...] = ()

    def __post_init__(self) -> None:
        if self.number < 1:
            raise ValueError(f"series table number must be positive: {self.number}")
        if len(set(self.series)) != len(self.series):
            raise ValueError(f"series table {self.number} has the same series twice")
        if self.grid_zone:
            require_label("grid_zone", self.grid_zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The quantity of one series over `[start, end)` of the boot-time clock."""

    series: Series
    quantity: int
    start_nanoseconds: int
    end_nanoseconds: int

    def __post_init__(self) -> None:
        if not 0 <= self.quantity <= QUANTITY_MAX:
            raise ValueError(f"{self.series.kind} must be 0 to {QUANTITY_MAX}: {self.quantity}")
        if self.end_nanoseconds <= self.start_nanoseconds:
            raise ValueError(
                f"a reading needs a duration: {self.start_nanoseconds} to {self.end_nanoseconds}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Time for which a source said nothing, and why. `count` is how often it happened."""

    source: str
    reason: str
    duration_nanoseconds: int
    detail: str = ""
    count: int = 1

    def __post_init__(self) -> None:
        require_label("source", self.source)
        require_label("reason", self.reason)
        if self.duration_nanoseconds < 0:
            raise ValueError(f"a gap cannot last {self.duration_nanoseconds} ns")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Cell `cell` (column by column) began `nanoseconds` before its interval did."""

    cell: int
    nanoseconds: int

    def __post_init__(self) -> None:
        if self.cell < 0 or self.nanoseconds <= 0:
            raise ValueError(f"reach of cell {self.cell} by {self.nanoseconds} ns is not one")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStatus:
    """What the agent itself costs, and how far behind its delivery is."""

    cpu_microseconds: int = 0
    resident_memory_bytes: int = 0
    spooled_batches: int = 0
    sent_wall_unix_nanoseconds: int = 0
    sent_boottime_nanoseconds: int = 0
    """What the agent's clocks showed when it sent the batch; 0: not said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Consecutive intervals of every series of one table: the unit of delivery and retry.

    `columns[i][j]` is the quantity of series i in interval j, or None where it was not
    measured. Raises ValueError when shapes disagree or a quantity is out of range.
    """

    sequence: int
    series_number: int
    start_unix_nanoseconds: int
    start_boottime_nanoseconds: int
    interval_microseconds: tuple[int, ...]
    columns: tuple[Sequence[int | None], ...]
    reaches: tuple[Reach, ...] = ()
    gaps: tuple[Gap, ...] = ()
    status: AgentStatus = field(default_factory=AgentStatus)
    duration_nanoseconds: int = field(init=False, repr=False, compare=False)
    sums: tuple[int, ...] | None = field(init=False, repr=False, compare=False)
    """What each column comes to; None where a cell of any is absent."""
    is_whole: bool = field(init=False, repr=False, compare=False)
    """Whether every cell is present and none reaches back, as nearly always."""

    def __post_init__(self) -> None:
        if self.sequence < 1:
            raise ValueError(f"batch sequence must be positive: {self.sequence}")
        intervals = self.interval_microseconds
        if intervals and min(intervals) <= 0:
            raise ValueError(f"batch {self.sequence}: an interval of {min(intervals)} us")
        for index, column in enumerate(self.columns):
            if len(column) != len(intervals):
                raise ValueError(
                    f"batch {self.sequence}: column {index} has {len(column)} values "
                    f"for {len(intervals)} intervals"
                )
        cells = len(self.columns) * len(intervals)
        for reach in self.reaches:
            if reach.cell >= cells:
                raise ValueError(f"batch {self.sequence}: reach of cell {reach.cell} of {cells}")
        sums = self._checked_sums() if cells else (0,) * len(self.columns)
        duration = sum(intervals) * NANOSECONDS_PER_MICROSECOND
        object.__setattr__(self, "duration_nanoseconds", duration)
        object.__setattr__(self, "sums", sums)
        object.__setattr__(self, "is_whole", sums is not None and not self.reaches)

    def _checked_sums(self) -> tuple[int, ...] | None:
        """Raise ValueError for a quantity out of range; return what each column comes to."""
        columns = cast("tuple[Sequence[int], ...]", self.columns)
        try:
            sums = tuple(map(sum, columns))
            low, high = min(map(min, columns)), max(sums)
            if high > QUANTITY_MAX:  # no single one is greater than all together
                high = max(map(max, columns))
        except TypeError:  # None adds up with nothing
            present = [value for column in self.columns for value in column if value is not None]
            low, high = min(present, default=0), max(present, default=0)
            sums = None
        if low < 0 or high > QUANTITY_MAX:
            raise ValueError(f"batch {self.sequence}: {self._out_of_range()}")
        return sums

    def _out_of_range(self) -> str:
        for index, column in enumerate(self.columns):
            present = [value for value in column if value is not None]
            if present and not 0 <= min(present) <= max(present) <= QUANTITY_MAX:
                return f"column {index} holds {min(present)} to {max(present)}"
        return "no column"

    def edges_nanoseconds(self) -> list[int]:
        """Return the interval borders, relative to the start: one more than intervals."""
        return [
            edge * NANOSECONDS_PER_MICROSECOND
            for edge in accumulate(self.interval_microseconds, initial=0)
        ]

    def spans(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield (column, quantity, start, end) of every present cell, relative to the start.

        Where a cell reaches back, its start is before its interval's, and may be negative.
        """
        edges = self.edges_nanoseconds()
        count = len(self.interval_microseconds)
        back = {reach.cell: reach.nanoseconds for reach in self.reaches}
        for index, column in enumerate(self.columns):
            for position, quantity in enumerate(column):
                if quantity is not None:
                    reach = back.get(index * count + position, 0)
                    yield index, quantity, edges[position] - reach, edges[position + 1]
