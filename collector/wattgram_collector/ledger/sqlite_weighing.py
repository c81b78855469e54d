"""A year of postings, weighed by their factors where they are stored: exactly, agent by agent.

SQLite has integers of 63 bits and no fractions. A factor is an integer here, in units that all
factors of a look share; a quantity is taken in pieces of so many bits that a million products
still add up to an integer. A row that is grouped costs several times one that is only added, so
the usual case, an agent under the same terms with factors of one family, is added up ungrouped.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from math import lcm
from typing import Any, Final, NamedTuple

from wattgram_collector.accounting.emissions import Account, Amount
from wattgram_collector.intensity import Accounting, Signal
from wattgram_collector.ledger import LedgerError, Trouble
from wattgram_collector.ledger import statements as sql
from wattgram_collector.ledger.sqlite_file import ODD, SqliteFile
from wattgram_collector.ledger.sqlite_meanings import Meanings
from wattgram_collector.ledger.sqlite_restating import FINAL, NETWORK
from wattgram_collector.ledger.sums import Family, WeighedSum

_ROWS_BITS: Final = 20
"""So many rows of an agent and account, ten years, always add up to integers. More may not."""
_OVERFLOW: Final = "integer overflow"
"""What SQLite says then; the rows are then weighed outside of it."""
_INTEGER_BITS: Final = 62
_NUMBER_BITS_MAX: Final = 30
"""A factor that takes more is weighed outside of SQLite."""
_QUANTITY_BITS: Final = 63


class Prepared(NamedTuple):
    """What the temporary tables of a connection hold."""

    scale: int
    """The number of a factor is its value times this; 0: weighed outside."""
    piece_bits: int
    families: Sequence[Family | None]
    values: Mapping[int, Fraction]
    """In g/kWh, by key; what has none weighs nothing."""
    is_restated: bool


def weighed_sums(
    file: SqliteFile,
    meanings: Meanings,
    period: tuple[int, int],
    accounts: Collection[Account],
    agents: Iterable[int] | None,
    *,
    is_restated: bool = True,
) -> Iterator[WeighedSum]:
    """Yield what `Sums.weighed_sums` says, or with the factors at ingest; raises LedgerError."""
    wanted = sorted(set(accounts), key=list(Account).index)
    try:
        prepared = _prepare(file, period)
        if not is_restated:
            prepared = prepared._replace(is_restated=False)
        if agents is None:
            agents = [key for (key,) in file.all("SELECT key FROM agents ORDER BY key")]
        for agent in agents:
            yield from _of_agent(file, meanings, prepared, (agent, *period), wanted)
    except (KeyError, *ODD) as error:
        raise LedgerError(f"a row that leads nowhere: {error}", Trouble.DAMAGED) from error


def _prepare(file: SqliteFile, period: tuple[int, int]) -> Prepared:
    """Number the factors and their families, and note what was restated in the period."""
    factors = {key: sql.factor_of(values) for key, *values in file.each(sql.SELECT_FACTORS)}
    scale = lcm(1, *{one.value.denominator for one in factors.values()})
    greatest = max((one.value for one in factors.values()), default=Fraction(0)) * scale
    bits = int(greatest).bit_length()
    families: dict[Family | None, int] = {None: 0}
    rows = [(0, 0, 0)]
    for key, one in factors.items():
        family = families.setdefault(Family.of(one), len(families))
        number = int(one.value * scale) if bits <= _NUMBER_BITS_MAX else 0
        rows.append((key, family, number))
    _fill(file, rows)
    file.execute("DROP TABLE IF EXISTS temp.held_factors")
    file.execute(
        "CREATE TEMP TABLE held_factors (slot, zone, signal, factor,"
        " PRIMARY KEY (slot, zone, signal)) WITHOUT ROWID"
    )
    file.execute(
        "INSERT INTO temp.held_factors SELECT slot, zone, signal, factor FROM ("
        "SELECT slot, zone, signal, factor, max(pass) FROM repricings"
        " WHERE slot >= ? AND slot < ? AND is_prior_period = 0 GROUP BY signal, zone, slot)",
        *period,
    )
    ((restated,),) = file.all("SELECT count(*) FROM temp.held_factors")
    return Prepared(
        scale if bits <= _NUMBER_BITS_MAX else 0,
        _INTEGER_BITS - _ROWS_BITS - bits,
        list(families),
        {0: Fraction(0), **{key: one.value for key, one in factors.items()}},
        bool(restated),
    )


def _fill(file: SqliteFile, rows: Iterable[tuple[int, int, int]]) -> None:
    file.execute("DROP TABLE IF EXISTS temp.numbers")
    file.execute(
        "CREATE TEMP TABLE numbers"
        " (key INTEGER PRIMARY KEY, family INTEGER, number INTEGER, is_final INTEGER)"
    )
    file.execute_many(
        "INSERT INTO temp.numbers SELECT ?1, ?2, ?3,"  # noqa: S608
        f" coalesce((SELECT tier = '{FINAL.value}' FROM factors WHERE key = ?1), 0)",
        rows,
    )


# Whose restatements a posting follows: the same rules as in `sqlite_rows.posted`.
def _from(account: Account, *, is_restated: bool) -> str:
    """Return where rows of `p` come from, with the factor that holds now as `n`."""
    chosen = "p.agent = ?1 AND p.slot >= ?2 AND p.slot < ?3 AND p.account = ?4"
    if not is_restated:
        return f"FROM postings p LEFT JOIN temp.numbers n ON n.key = p.factor WHERE {chosen}"
    zone = "network_zone" if account in NETWORK else "zone"
    signal = Signal.MARGINAL if account is Account.MARGINAL else Signal.AVERAGE
    follows = "NOT w.is_final"
    if account is Account.MARKET:
        follows += (
            " AND coalesce((SELECT accounting FROM factors WHERE key = p.factor),"  # noqa: S608
            f" '{Accounting.LOCATION.value}') = '{Accounting.LOCATION.value}'"
        )
    return (
        "FROM postings p LEFT JOIN temp.numbers w ON w.key = p.factor"
        " LEFT JOIN terms t ON t.key = p.terms"
        f" LEFT JOIN temp.held_factors h ON h.slot = p.slot AND h.zone = t.{zone}"
        f" AND h.signal = '{signal.value}' AND {follows}"
        f" LEFT JOIN temp.numbers n ON n.key = coalesce(h.factor, p.factor) WHERE {chosen}"
    )


def _of_agent(
    file: SqliteFile,
    meanings: Meanings,
    prepared: Prepared,
    where: tuple[int, int, int],
    accounts: Sequence[Account],
) -> Iterator[WeighedSum]:
    for account in accounts:
        found: dict[tuple[int, int], list[Any]] = {}
        for key, factor, quantity, weighted in _groups(file, prepared, account, where):
            one = found.setdefault(key, [factor, 0, Fraction(0)])
            one[0] = factor if one[0] == factor else _SEVERAL
            one[1] += quantity
            one[2] += weighted
        factors = {factor for factor, _, _ in found.values()}
        meanings.learn(file, {terms for terms, _ in found}, factors - {_SEVERAL})
        for (terms, family), (factor, quantity, weighted) in found.items():
            yield WeighedSum(
                where[0],
                account,
                meanings.terms(terms),
                prepared.families[family],
                None if factor == _SEVERAL else meanings.factor(factor),
                Amount(quantity, weighted),
            )


_SEVERAL: Final = -1
"""In place of a factor's key."""


Group = tuple[tuple[int, int], int, int, Fraction]
"""Keys of terms and family; the factor or several; the quantity and what it weighs."""


def _groups(
    file: SqliteFile, prepared: Prepared, account: Account, where: tuple[int, int, int]
) -> Iterator[Group]:
    source = _from(account, is_restated=prepared.is_restated)
    asked = (*where, account.value)
    if prepared.scale:
        try:
            yield from _weighed_inside(file, prepared, source, asked)
        except LedgerError as error:
            if str(error) != _OVERFLOW:
                raise
        else:
            return
    for terms, family, factor, *halves in file.each(
        "SELECT p.terms, n.family, n.key, sum(p.quantity >> 32),"
        f" sum(p.quantity & 4294967295) {source} GROUP BY 1, 2, 3",
        *asked,
    ):
        if family is None:
            raise ValueError("postings have a factor that is not there")
        quantity = sql.whole(*halves)
        yield (terms, family), factor, quantity, quantity * prepared.values[factor]


def _weighed_inside(
    file: SqliteFile, prepared: Prepared, source: str, asked: tuple[Any, ...]
) -> list[Group]:
    """Return the groups, all of them or none: raises LedgerError for an overflow."""
    shifts = range(0, _QUANTITY_BITS, prepared.piece_bits)
    mask = (1 << prepared.piece_bits) - 1
    pieces = ", ".join(f"sum((p.quantity >> {at} & {mask}) * n.number)" for at in shifts)
    sums = (
        "count(*) - count(n.key), min(n.key), max(n.key),"
        f" sum(p.quantity >> 32), sum(p.quantity & 4294967295), {pieces}"
    )
    ends = "min(p.terms), max(p.terms), min(n.family), max(n.family)"
    ((least, most, low, high, *row),) = file.all(f"SELECT {ends}, {sums} {source}", *asked)
    if least is None:
        return []
    if (least, low) == (most, high):
        return [((least, low), *_made(row, prepared, shifts))]
    rows = file.all(f"SELECT p.terms, n.family, {sums} {source} GROUP BY 1, 2", *asked)
    return [((terms, family), *_made(row, prepared, shifts)) for terms, family, *row in rows]


def _made(
    row: Sequence[int], prepared: Prepared, shifts: Sequence[int]
) -> tuple[int, int, Fraction]:
    lost, first, last, high, low, *pieces = row
    if lost:
        raise ValueError(f"{lost} postings have a factor that is not there")
    weighed = sum(piece << at for piece, at in zip(pieces, shifts, strict=True))
    factor = first if first == last else _SEVERAL
    return factor, sql.whole(high, low), Fraction(weighed, prepared.scale)
