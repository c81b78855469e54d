"""PURE. `ledger.csv`: every posting of a run in one order, each bound to the one before it.

The id of a posting is made from what it is about, so that the same posting has the same id in
every run; its hash is the SHA-256 of its row without the hash, in which the hash of the row before
stands. Whoever changes a row breaks all that follow, and needs no program of ours to see it.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram.units import GRAMS_PER_KILOGRAM
from wattgram_collector.inventory.postings import Posting
from wattgram_collector.inventory.report.cells import safe
from wattgram_collector.ledger.journal import GENESIS, canonical

COLUMNS: Final = (
    "posting_id", "prev_hash", "hash", "reverses", "interval_start", "interval_end", "asset_id",
    "activity_id", "agent", "org_unit", "service", "stage", "scope", "category", "subcategory",
    "tcs", "book", "role", "quantity", "unit", "factor_id", "factor_value", "alpha", "pue",
    "kgco2e", "method", "in_ghg", "in_tcs", "tier_activity", "tier_factor", "rule", "evidence",
    "note",
)  # fmt: skip
DIGITS: Final = 9
"""After the point, of kilograms and quantities: micrograms. Rounded half-even, on output only."""
RATIO_DIGITS: Final = 6
_ID_LENGTH: Final = 20
_AGENT: Final = "agent "


class Row(NamedTuple):
    """A posting as it is written. `reverses` is the id of the one that it takes back."""

    posting_id: str
    posting: Posting
    reverses: str = ""

    @property
    def sign(self) -> int:
        """A reversal is the one thing below zero."""
        return -1 if self.reverses else 1


def posting_id(posting: Posting) -> str:
    """Return the id: of what, when, which stage, place, method, book and factor.

    Grams and quantities are not in it: a posting that is corrected keeps its id. Of an asset that
    is several agents, which of them.
    """
    said = [
        posting.subject,
        posting.stage,
        posting.start_unix_seconds,
        posting.end_unix_seconds,
        str(posting.place),
        str(posting.leaf),
        posting.method,
        posting.book,
        posting.role,
        posting.factor,
        evident(posting) if posting.evidence.startswith(_AGENT) else "",
    ]
    return hashlib.sha256(canonical(said).encode()).hexdigest()[:_ID_LENGTH]


def evident(posting: Posting) -> str:
    """Return what a posting is evident from, without the command that shows it."""
    if posting.evidence.startswith(_AGENT):
        return posting.evidence.partition(":")[0]
    return posting.evidence


def ordered(postings: Iterable[Posting]) -> list[Row]:
    """Return rows in the one order; raises ValueError where two postings have one id."""
    rows = [Row(posting_id(one), one) for one in postings]
    rows.sort(key=in_order)
    seen: dict[str, Posting] = {}
    for row in rows:
        other = seen.setdefault(row.posting_id, row.posting)
        if other is not row.posting:
            raise ValueError(f"{other.subject}: two postings of {other.stage} that are alike")
    return rows


def in_order(row: Row) -> tuple[int, str, str]:
    """Return what rows are sorted by: their time, what they are of, their id."""
    return row.posting.start_unix_seconds, row.posting.subject, row.posting_id


def derived_id(*said: str) -> str:
    """Return the id of a row that answers another: its reversal, or what stands instead."""
    return hashlib.sha256(canonical(said).encode()).hexdigest()[:_ID_LENGTH]


def write(rows: Iterable[Row]) -> tuple[str, str]:
    """Return the file, and the hash of its last row: the head of the chain."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    head = GENESIS
    for row in rows:
        cells = [safe(cell) for cell in cells_of(row)]
        before, head = head, row_hash(row.posting_id, head, cells)
        writer.writerow([row.posting_id, before, head, *cells])
    return out.getvalue(), head


def row_hash(identity: str, previous: str, cells: Sequence[str]) -> str:
    """Return the SHA-256 of the JSON array of all cells of a row but its hash, in UTF-8."""
    return hashlib.sha256(canonical([identity, previous, *cells]).encode()).hexdigest()


def verify(text: str) -> int:
    """Return how many rows there are; raises ValueError naming the first line that was changed."""
    return verified(text)[0]


def verified(text: str) -> tuple[int, str]:
    """Return how many rows there are and the head of their chain; raises as `verify`."""
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    if tuple(next(rows, ())) != COLUMNS:
        raise ValueError("ledger.csv: line 1 is not its header")
    head, count = GENESIS, 0
    for cells in rows:
        where = f"ledger.csv: line {rows.line_num}"
        if len(cells) != len(COLUMNS):
            raise ValueError(f"{where} has {len(cells)} cells")
        identity, before, stated, *rest = cells
        if before != head:
            raise ValueError(f"{where} does not follow the one before it")
        head = row_hash(identity, before, rest)
        if stated != head:
            raise ValueError(f"{where} was changed")
        count += 1
    return count, head


def cells_of(row: Row) -> Iterator[str]:
    """Yield the cells of a row but its id and its two hashes."""
    one, sign = row.posting, row.sign
    kind, _, name = one.subject.partition("/")
    yield row.reverses
    yield instant(one.start_unix_seconds)
    yield instant(one.end_unix_seconds)
    for which in ("asset", "activity", "agent"):
        yield name if kind == which else ""
    yield one.org_unit
    yield one.service
    yield one.stage
    yield "" if one.place is None else str(one.place.scope)
    yield "" if one.place is None or not one.place.category else str(one.place.category)
    yield "" if one.place is None else one.place.subcategory
    yield "" if one.leaf is None else one.leaf.code
    yield one.book
    yield one.role
    yield decimal(None if one.quantity is None else sign * one.quantity)
    yield one.unit
    yield one.factor
    yield decimal(one.factor_value)
    yield decimal(one.alpha)
    yield decimal(one.pue)
    yield decimal(None if one.grams is None else sign * one.grams / GRAMS_PER_KILOGRAM)
    yield one.method
    yield "true" if one.in_ghg else "false"
    yield "true" if one.in_tcs else "false"
    yield one.tier_activity
    yield one.tier_factor
    yield one.rule
    yield one.evidence
    yield one.note


def instant(unix_seconds: int) -> str:
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def decimal(value: Fraction | None) -> str:
    """Return decimal text, rounded half-even; empty for what is not known."""
    return "" if value is None else quotient(value.numerator, value.denominator, DIGITS)


def ratio(above: Fraction | None, below: Fraction | None) -> str:
    """Return a quotient to a millionth, rounded half-even; empty for what is not known."""
    if above is None or not below:
        return ""
    return quotient(
        above.numerator * below.denominator, above.denominator * below.numerator, RATIO_DIGITS
    )


def quotient(above: int, below: int, digits: int) -> str:
    """Return decimal text of above / below, rounded half-even; `below` is not 0."""
    if below < 0:
        above, below = -above, -below
    scale = 10**digits
    count, rest = divmod(abs(above) * scale, below)
    if 2 * rest > below or (2 * rest == below and count % 2):
        count += 1
    whole, part = divmod(count, scale)
    sign = "-" if above < 0 and count else ""
    return f"{sign}{whole}.{part:0{digits}d}".rstrip("0") if part else f"{sign}{whole}"
