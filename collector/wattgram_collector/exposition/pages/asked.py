"""PURE. What a reader asks of the hosts table by the query string, and the rows that answer it.

What cannot be read is as if it were not asked: an address that was typed wrong shows the fleet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from wattgram_collector.exposition.pages.words import CERTAINTY_OF_QUALITY, CERTAINTY_OF_TIER
from wattgram_collector.views.model import HostRow, Presence

ROWS: Final = 100
QUERY_LENGTH_MAX: Final = 100
_DIGITS_MAX: Final = 8
_PRESENCES: Final = tuple(Presence)
Key = str | float | None

SORTS: Final[Mapping[str, tuple[bool, Callable[[HostRow], Key]]]] = {
    "host": (False, lambda row: row.host.casefold()),
    "state": (False, lambda row: float(_PRESENCES.index(row.presence))),
    "site": (False, lambda row: row.site.casefold() or None),
    "power": (True, lambda row: row.power_watts),
    "quality": (
        False,
        lambda row: float(CERTAINTY_OF_QUALITY[row.power_quality]) if row.power_quality else None,
    ),
    "rate": (True, lambda row: row.grams_per_hour),
    "tier": (False, lambda row: float(CERTAINTY_OF_TIER[row.tier]) if row.tier else None),
    "energy": (True, lambda row: row.energy_joules),
    "grams": (True, lambda row: row.grams),
    "problems": (True, lambda row: float(row.problems)),
}
"""By name: whether the largest comes first, and of what. What is unknown comes last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One view of the table."""

    search: str = ""
    state: Presence | None = None
    has_problem: bool = False
    sort: str = "host"
    is_turned: bool = False
    """Whether the order is the other way round."""
    page: int = 1

    @property
    def is_filtered(self) -> bool:
        return bool(self.search or self.state or self.has_problem)

    def link(self) -> str:
        """Return the query string that asks for this, '' for what is shown unasked."""
        said = {
            "q": self.search,
            "state": self.state.value if self.state else "",
            "problems": "1" if self.has_problem else "",
            "sort": self.sort if self.sort != "host" else "",
            "turn": "1" if self.is_turned else "",
            "page": str(self.page) if self.page > 1 else "",
        }
        shown = urlencode({name: value for name, value in said.items() if value})
        return f"?{shown}" if shown else "?"

    def sorted_by(self, column: str) -> Asked:
        """Return this by a column, and by the same once more the other way round."""
        turned = column == self.sort and not self.is_turned
        return replace(self, sort=column, is_turned=turned, page=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One page of the rows that were asked for."""

    rows: tuple[HostRow, ...]
    asked: Asked
    """With the page that there is."""
    first: int
    """Of the shown rows among those found, from 1."""
    found: int
    pages: int


def read(query: Mapping[str, str]) -> Asked:
    """Return what a query string asks for."""
    state = query.get("state", "")
    sort = query.get("sort", "")
    page = query.get("page", "")
    return Asked(
        search=query.get("q", "").strip()[:QUERY_LENGTH_MAX],
        state=Presence(state) if state in _PRESENCES else None,
        has_problem=bool(query.get("problems")),
        sort=sort if sort in SORTS else "host",
        is_turned=bool(query.get("turn")),
        page=int(page) if page.isascii() and page.isdigit() and len(page) < _DIGITS_MAX else 1,
    )


def answer(rows: Sequence[HostRow], asked: Asked) -> Found:
    """Return the page that was asked for, or the last there is."""
    kept = [row for row in rows if _is_wanted(row, asked)]
    ordered = _ordered(kept, asked)
    pages = max(1, -(-len(ordered) // ROWS))
    page = min(max(1, asked.page), pages)
    start = (page - 1) * ROWS
    return Found(
        rows=tuple(ordered[start : start + ROWS]),
        asked=replace(asked, page=page),
        first=start + 1,
        found=len(ordered),
        pages=pages,
    )


def _is_wanted(row: HostRow, asked: Asked) -> bool:
    if asked.state is not None and row.presence is not asked.state:
        return False
    if asked.has_problem and not row.problems:
        return False
    sought = asked.search.casefold()
    texts = (row.host, row.site, row.device_class, row.zone, row.source)
    return not sought or any(sought in text.casefold() for text in texts)


def _ordered(rows: Sequence[HostRow], asked: Asked) -> list[HostRow]:
    """Return rows in order; hosts that are equal in it stay in the order of their names."""
    is_largest_first, key = SORTS[asked.sort]
    by_name = sorted(rows, key=lambda row: row.host.casefold())
    keys = [(key(row), row) for row in by_name]
    known = [(value, row) for value, row in keys if value is not None]
    unknown = [row for value, row in keys if value is None]
    known.sort(key=_first, reverse=is_largest_first is not asked.is_turned)
    return [*(row for _, row in known), *unknown]


def _first(pair: tuple[Key, HostRow]) -> tuple[float, str]:
    value = pair[0]
    return (0.0, value) if isinstance(value, str) else (float(value or 0.0), "")
