"""PURE. What no report may break, looked at in every run before anything is written.

A broken one is a bug of this program and not a mistake of whoever runs it: the report stops and
names the posting. The numbers are those of docs/inventory.md; what `Posting` itself refuses (a
sum below zero, book B in the inventory, a memo in a total, market-based grams in the TCS) cannot
be made and is not looked at again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from wattgram_collector.inventory.factors import Factor, FactorBoundary
from wattgram_collector.inventory.lines import require_invariants as require_once
from wattgram_collector.inventory.making.lives import holding
from wattgram_collector.inventory.periods import day_of
from wattgram_collector.inventory.places import SCOPE_2, scope_3
from wattgram_collector.inventory.postings import Method, Posting, Role, Stage
from wattgram_collector.inventory.register.assets import Asset, Party, Register
from wattgram_collector.inventory.report.ledger_file import Row, instant

SUPPLY: Final = scope_3(3, "3b")
LOSSES: Final = scope_3(3, "3c")
LIFETIME: Final = scope_3(11, "lifetime")
_CAPITAL: Final = scope_3(2)
_NOT_FOR_SCOPE_2: Final = frozenset(
    {FactorBoundary.LIFECYCLE, FactorBoundary.CRADLE_TO_GATE, FactorBoundary.CRADLE_TO_GRAVE}
)


class BrokenError(ValueError):
    """An invariant does not hold; the text names it and the posting."""


def require(postings: Iterable[Posting], register: Register, timezone: str) -> None:
    """Raise BrokenError for the first posting that breaks an invariant."""
    found = [one for one in postings if one.role is Role.PRIMARY]
    try:
        require_once(found)
    except ValueError as error:
        raise BrokenError(f"invariant 2: {error}") from error
    for check in _CHECKS:
        for number, one, why in check(found):
            raise _broken(number, one, why)
    for one, why in _payers(found, register, timezone):
        raise _broken(8, one, why)


def _broken(number: int, one: Posting, why: str) -> BrokenError:
    when = instant(one.start_unix_seconds)
    return BrokenError(f"invariant {number}: {one.subject}, {one.stage} from {when}: {why}")


Broken = tuple[int, Posting, str]
"""The number of the invariant, a posting that breaks it, and how."""


def _scope_2(found: Sequence[Posting]) -> Iterator[Broken]:
    """3 and 4: one method each, factors without a supply inside, and 3.3b and c beside it only."""
    used: dict[str, list[Posting]] = defaultdict(list)
    for one in found:
        if one.place != SCOPE_2:
            if one.method is not Method.NONE:
                yield 3, one, f"a method of scope 2 at {one.place}"
            continue
        if one.method is Method.NONE:
            yield 3, one, "scope 2 by no method"
        if one.in_ghg:
            used[one.subject].append(one)
            if _has_supply_inside(one.priced_by):
                yield 4, one, f"factor {one.factor} has more than generation inside"
    for one in found:
        if one.place in (SUPPLY, LOSSES) and not any(
            other.start_unix_seconds <= one.start_unix_seconds
            and one.end_unix_seconds <= other.end_unix_seconds
            for other in used.get(one.subject, ())
        ):
            yield 4, one, f"{one.place} without the electricity of scope 2 that it is of"


def _has_supply_inside(factor: Factor | None) -> bool:
    return factor is not None and factor.boundary in _NOT_FOR_SCOPE_2


def _resold(found: Sequence[Posting]) -> Iterator[Broken]:
    """5: what is sold on is 3.3d, and nowhere else."""
    for one in found:
        if one.stage is Stage.RESOLD and one.place != scope_3(3, "3d"):
            yield 5, one, f"sold on, and at {one.place}"


def _made(found: Sequence[Posting]) -> Iterator[Broken]:
    """6 and 7: an asset is acquired once, and as capital goods or as goods, never both."""
    seen: dict[str, Posting] = {}
    for one in found:
        if one.stage is Stage.EMBODIED_ACQUIRED and one.subject.startswith("asset/"):
            other = seen.setdefault(one.subject, one)
            if other is not one:
                is_both = (other.place == _CAPITAL) != (one.place == _CAPITAL)
                yield (
                    (7 if is_both else 6),
                    one,
                    f"acquired twice, at {other.place} and {one.place}",
                )


def _transported(found: Sequence[Posting]) -> Iterator[Broken]:
    """12: a leg is upstream or downstream."""
    seen: dict[str, int] = {}
    for one in found:
        if one.place is None or one.place.category not in (4, 9) or not one.in_ghg:
            continue
        if not one.subject.startswith("activity/") or one.stage is Stage.NETWORK:
            continue
        if seen.setdefault(one.subject, one.place.category) != one.place.category:
            yield 12, one, "one leg at 3.4 and at 3.9"


def _sold(found: Sequence[Posting]) -> Iterator[Broken]:
    """13: the lifetime of what was sold is in the inventory, the year's use in the TCS."""
    for one in found:
        if one.place == LIFETIME and one.in_tcs:
            yield 13, one, "a lifetime's use in the TCS total"


_CHECKS: Final[Sequence[Callable[[Sequence[Posting]], Iterator[Broken]]]] = (
    _scope_2, _resold, _made, _transported, _sold,
)  # fmt: skip


def _payers(
    found: Sequence[Posting], register: Register, timezone: str
) -> Iterator[tuple[Posting, str]]:
    """8: what the organisation pays is never D, what a customer pays never O."""
    for one in found:
        kind, _, name = one.subject.partition("/")
        if kind != "asset" or one.stage is not Stage.USE or one.leaf is None:
            continue
        asset = _at(register, name, one.start_unix_seconds, timezone)
        if asset is None:
            continue
        payer = asset.electricity_payer
        if payer is Party.ORG and one.leaf.letter == "D":
            yield one, f"the organisation pays it, and it is {one.leaf.code}"
        if payer is Party.CUSTOMER and one.leaf.letter == "O":
            yield one, f"a customer pays it, and it is {one.leaf.code}"


def _at(register: Register, name: str, unix_seconds: int, timezone: str) -> Asset | None:
    if name not in register:
        return None
    return holding(register.versions(name), day_of(unix_seconds, timezone))


def require_signs(rows: Iterable[Row]) -> None:
    """14: nothing is below zero but what takes back a row that is there."""
    known: dict[str, Row] = {}
    for row in rows:
        known[row.posting_id] = row
    for row in known.values():
        if row.reverses and row.reverses not in known:
            raise _broken(14, row.posting, f"takes back {row.reverses}, which is not there")
