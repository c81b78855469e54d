"""PURE. What became of a file of activities: counts, and each thing that is wrong with it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final, NamedTuple

from wattgram_collector.reports.cells import name_cell

ERROR_COLUMNS: Final = ("line", "column", "value", "reason")


class Problem(NamedTuple):
    """One thing that is wrong; its line in the file, and its column where it is of one cell."""

    line: int
    column: str
    value: str
    reason: str

    def __str__(self) -> str:
        said = f" {self.value!r}" if self.value else ""
        where = f"{self.column}{said}: " if self.column else ""
        return f"{self.line}: {where}{self.reason}"


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What became of a file. Counts are of rows."""

    file: str
    sha256: str
    is_dry: bool
    is_readable: bool = True
    """Whether it could be told where its rows are: else none of them is taken."""
    rows: int = 0
    taken: int = 0
    """New ones, or 0 where the file was refused."""
    replaced: int = 0
    """Of those taken."""
    already_there: int = 0
    refused: int = 0
    unpriced: int = 0
    """Of those that are good: some part has no price."""
    first_entry: int | None = None
    last_entry: int | None = None
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether nothing was refused."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        said = asdict(self)
        said["problems"] = [one._asdict() for one in self.problems]
        return said


def problems_csv(problems: Iterable[Problem]) -> str:
    """Return what is wrong as CSV, a line of names first."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(ERROR_COLUMNS)
    for line, *texts in problems:
        writer.writerow([line, *map(name_cell, texts)])
    return out.getvalue()
