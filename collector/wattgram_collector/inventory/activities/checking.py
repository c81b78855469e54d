"""PURE. Which rows of a file can be taken, and what is wrong with each of the others.

A row is taken as its kind reads it, and priced once: what its kind's formula refuses is refused
at the import, with its line. Rows that only have no price are taken, and told.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from wattgram_collector.inventory.activities.activity import (
    COMMON_COLUMNS,
    Activity,
    FactorTable,
    Kind,
    RowError,
    Wrong,
    taken,
)
from wattgram_collector.inventory.activities.source_rows import SourceRow, nearest
from wattgram_collector.inventory.periods import Interval
from wattgram_collector.inventory.postings import Role
from wattgram_collector.ledger.journal import canonical

COMMON_NAMES: Final = frozenset(column.name for column in COMMON_COLUMNS)
_ID_CHARACTERS_MAX: Final = 128
_NAMING: Final = frozenset({"site", "asset_id", "supplier", "evidence"})
_NOT_ABOUT: Final = frozenset({"activity_id", "kind", "from", "to", "note", "tier"})
_NUMBER: Final = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)
_DERIVED_CHARACTERS: Final = 20
_VALUE_SHOWN: Final = 200


class Good(NamedTuple):
    """A row that can be taken; no more of it than is needed, as files are long."""

    line: int
    activity_id: str
    kind: str
    row: str
    """Its cells, as canonical JSON."""
    digest: bytes
    """Of what it says: the same content is the same activity."""
    matter: bytes
    """What it is about, see `matter_of`; empty where it says too little."""
    interval: Interval
    unpriced: tuple[str, ...] = ()
    """Why a part of it has no price."""


class Refused(NamedTuple):
    """A row that cannot."""

    line: int
    wrongs: Sequence[Wrong]


def content_of(cells: Mapping[str, str], kind: str) -> str:
    """Return what a row says, without its name, in one spelling."""
    return canonical(
        [kind, {name: cells[name] for name in cells if name not in ("activity_id", "kind")}]
    )


def digest_of(content: str) -> bytes:
    return hashlib.sha256(content.encode()).digest()


def matter_of(cells: Mapping[str, str], kind: str) -> bytes:
    """Return what a row is about: all that it says but its name, time, note and numbers.

    Empty unless it names a site, an asset, a supplier or a document. Two rows about the same
    whose times overlap may be one thing that is in twice.
    """
    if not _NAMING.intersection(cells):
        return b""
    about = sorted(
        (name, cell)
        for name, cell in cells.items()
        if name not in _NOT_ABOUT and not _NUMBER.fullmatch(cell)
    )
    return digest_of(canonical([kind, about]))


def names_of(kind: Kind) -> frozenset[str]:
    """Return every column that a row of a kind may have."""
    return COMMON_NAMES | {column.name for column in kind.columns}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What rows are checked by: the kinds, what prices them, whose days, the kind unless said."""

    kinds: Mapping[str, Kind]
    factors: FactorTable
    timezone: str
    default_kind: str = ""

    def with_kind(self, name: str) -> Rules:
        """Return the same for rows that are of a kind unless they say theirs."""
        return replace(self, default_kind=name)

    @property
    def columns(self) -> frozenset[str]:
        """Every column that a file may have."""
        return COMMON_NAMES.union(*map(names_of, self.kinds.values()))


class Checker:
    """Checks the rows of one file, in order."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._names = {name: names_of(kind) for name, kind in rules.kinds.items()}
        self._columns = rules.columns
        self._lines: dict[str, int] = {}
        self._times: Counter[str] = Counter()

    def check(self, row: SourceRow) -> Good | Refused:
        """Return the row as it is taken, or everything that is wrong with it."""
        try:
            if row.wrongs:
                raise RowError(row.wrongs)
            return self._good(row)
        except RowError as error:
            shown = [one._replace(value=one.value[:_VALUE_SHOWN]) for one in error.wrongs]
            return Refused(row.line, shown)
        except (ArithmeticError, ValueError) as error:
            return Refused(row.line, [Wrong("", "", str(error))])

    def _good(self, row: SourceRow) -> Good:
        kind = self._kind(row.cells)
        wrongs = list(self._foreign(row.cells, kind))
        content = content_of(row.cells, kind.name)
        said_id = row.cells.get("activity_id", "")
        if len(said_id) > _ID_CHARACTERS_MAX:
            reason = f"must be at most {_ID_CHARACTERS_MAX} characters"
            wrongs.append(Wrong("activity_id", said_id, reason))
        activity_id = said_id or self._derived(content)
        first = self._lines.setdefault(activity_id, row.line)
        if first != row.line:
            reason = f"is there twice: the first is on line {first}"
            wrongs.append(Wrong("activity_id", activity_id, reason))
        try:
            found = taken(row.cells, kind, activity_id, self._rules.timezone)
        except RowError as error:
            raise RowError([*wrongs, *error.wrongs]) from error
        if wrongs:
            raise RowError(wrongs)
        return Good(
            line=row.line,
            activity_id=activity_id,
            kind=kind.name,
            row=canonical(dict(row.cells)),
            digest=digest_of(content),
            matter=matter_of(row.cells, kind.name),
            interval=found.interval,
            unpriced=tuple(self._unpriced(kind, found)),
        )

    def _foreign(self, cells: Mapping[str, str], kind: Kind) -> Iterator[Wrong]:
        """Yield the cells of columns that the kind does not read: nothing is left out silently."""
        own = self._names[kind.name]
        for name in cells:
            if name not in own:
                hint = "" if name in self._columns else nearest(name, own)
                reason = f"a row of kind {kind.name} has no such column{hint}"
                yield Wrong(name[:_VALUE_SHOWN], cells[name], reason)

    def _kind(self, cells: Mapping[str, str]) -> Kind:
        name = cells.get("kind") or self._rules.default_kind
        if not name:
            raise RowError([Wrong("kind", "", "say which, in a column `kind` or for all rows")])
        try:
            return self._rules.kinds[name]
        except KeyError:
            reason = f"unknown kind{nearest(name, self._rules.kinds)}"
            raise RowError([Wrong("kind", name, reason)]) from None

    def _derived(self, content: str) -> str:
        """Return a name made of what the row says, and of how many such rows were before it."""
        self._times[content] += 1
        said = f"{content}{self._times[content]}".encode()
        return f"row-{hashlib.sha256(said).hexdigest()[:_DERIVED_CHARACTERS]}"

    def _unpriced(self, kind: Kind, activity: Activity) -> Iterator[str]:
        """Yield why a part of it has no price; raises RowError as the kind's formula does."""
        for one in list(kind.reckon(activity, self._rules.factors)):
            if one.grams is None and one.role is Role.PRIMARY:
                yield one.note.removeprefix(activity.note).removeprefix("; ")
