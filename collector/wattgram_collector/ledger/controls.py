"""PURE. What must come out when rows are added up again, so that one flipped bit does not.

A row that is added to counts `weight x quantity`, and the weight is made of the columns that say
what the quantity is of. Whatever is added to a row adds to the control total too, so a commit
moves it without reading the row. Everything is modulo a prime: a power of two times something that
is not 0 never is 0, so that a bit of a quantity cannot go by unseen; and the weight of other
columns is another one, because a cube is no other number's cube where 3 does not divide one less
than the prime.

A row that is only ever added counts a hash of all its columns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from wattgram_collector.accounting.emissions import Account

PRIME: Final = 2_147_483_579
"""Below 2^31, so that products of two are integers to SQLite; 3 does not divide one less."""
HASH_MASK: Final = (1 << 62) - 1

# Below 2^28: five times a number below 2^31 added up still are an integer to SQLite.
_AGENT, _SLOT, _TERMS, _FACTOR, _ACCOUNT = (
    220_394_039, 168_420_263, 251_367_793, 144_287_119, 263_150_189,
)  # fmt: skip
_SERIES: Final = 197_733_757
_FIELDS: Final = (
    134_217_757, 159_263_473, 171_230_657, 183_571_399, 194_017_807, 208_340_453,
    215_799_529, 229_003_361, 241_992_089, 257_885_161,
)  # fmt: skip

ACCOUNT_CODES: Final[Mapping[str, int]] = {
    Account.HOST: 1,
    Account.NETWORK: 2,
    Account.RECEIVE: 3,
    Account.TRANSMIT: 4,
    Account.OBSERVED: 5,
    Account.MARKET: 6,
    Account.MARGINAL: 7,
}
"""In files: a number that is given is never another account's."""


# An agent sends for minutes what is of the same slot; some thousand agents fit in.
@lru_cache(maxsize=1 << 15)
def usage_weight(series: int, slot: int) -> int:
    x = (series * _SERIES + slot * _SLOT) % PRIME
    return x * x % PRIME * x % PRIME


@lru_cache(maxsize=1 << 14)
def posting_weight(agent: int, account: str, slot: int, terms: int, factor: int) -> int:
    x = (
        agent * _AGENT
        + slot * _SLOT
        + terms * _TERMS
        + factor * _FACTOR
        + ACCOUNT_CODES[account] * _ACCOUNT
    ) % PRIME
    return x * x % PRIME * x % PRIME


@lru_cache(maxsize=1 << 8)
def slot_weight(slot: int) -> int:
    x = slot * _SLOT % PRIME
    return x * x % PRIME * x % PRIME


@lru_cache(maxsize=4096)
def tally_weight(agent: int, name: str, label: str) -> int:
    # The text itself: a word of an enumeration is written down otherwise, and means the same.
    return row_hash("tallies", agent, str(name), label) % PRIME


def row_hash(*values: object) -> int:
    """Return 62 bits of the SHA-256 of values: integers, text, bytes or nothing."""
    said = repr(values).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(said).digest()[:8], "big") & HASH_MASK


# ── the same, said to SQLite ─────────────────────────────────────────────────────────────────


def _cubed(x: str) -> str:
    return f"((({x}) * ({x})) % {PRIME} * ({x})) % {PRIME}"


def _sum(quantity: str, weight: str) -> str:
    """Return the sum of weighed quantities, modulo the prime: of 2^32 rows at most."""
    return f"sum(({quantity} % {PRIME}) * ({weight}) % {PRIME}) % {PRIME}"


_CODE: Final = " ".join(f"WHEN '{name}' THEN {code}" for name, code in ACCOUNT_CODES.items())

WEIGHED_USAGE: Final = _sum("quantity", _cubed(f"(series * {_SERIES} + slot * {_SLOT}) % {PRIME}"))
WEIGHED_POSTINGS: Final = _sum(
    "quantity",
    _cubed(
        f"(agent * {_AGENT} + slot * {_SLOT} + terms * {_TERMS} + factor * {_FACTOR}"
        f" + CASE account {_CODE} ELSE 0 END * {_ACCOUNT}) % {PRIME}"
    ),
)
WEIGHED_RECEIPTS: Final = _sum("batches", _cubed(f"slot * {_SLOT} % {PRIME}"))


def fields_control(columns: Sequence[str]) -> str:
    """Return the control of one row whose columns are overwritten: of integers, as SQL.

    A bit of one column changes it by a power of two times its factor, which is not 0 modulo the
    prime.
    """
    return " + ".join(
        f"(({column}) % {PRIME}) * {field}"
        for column, field in zip(columns, _FIELDS[: len(columns)], strict=True)
    )


def as_arguments(table: str, columns: Sequence[str], row: str = "") -> str:
    """Return the call of `row_hash` for a row of a table, as SQL."""
    return f"row_hash('{table}', {', '.join(f'{row}{column}' for column in columns)})"


HASHED_4: Final[Mapping[str, Sequence[str]]] = {
    "agents": ("key", "agent_id", "host", "facts", "receipts_from_slot"),
    "sessions": ("agent", "session", "number", "base"),
    "series": (
        "key", "agent", "kind", "source", "domain", "instance", "quality", "counted", "component",
    ),
    "factors": (
        "key", "zone", "grams_per_kilowatt_hour", "tier", "provider", "version",
        "valid_from_unix_seconds", "valid_until_unix_seconds", "signal", "scope", "boundary",
        "losses", "accounting", "status",
    ),
    "terms": ("key", "zone", "network_zone", "text"),
    "intensities": (
        "zone", "provider", "signal", "scope", "boundary", "losses", "accounting",
        "valid_from_unix_seconds", "valid_until_unix_seconds", "fetched_unix_seconds", "status",
        "grams_per_kilowatt_hour", "version",
    ),
    "passes": ("pass", "begun_unix_seconds", "reason"),
    "repricings": ("signal", "zone", "slot", "pass", "factor", "is_prior_period"),
    "adjustments": ("zone", "day", "agent", "microjoules_times_intensity"),
    "restores": ("restored_unix_nanoseconds", "newest_sample_unix_nanoseconds"),
    "journal": (
        "number", "recorded_unix_nanoseconds", "kind", "subject", "text", "previous_hash", "hash",
    ),
}  # fmt: skip
"""Tables of version 4 whose rows are hashed, and the columns that never change."""
HASHED: Final = HASHED_4
TAKEN_AWAY: Final = ("adjustments",)
"""Rows of these are made again; of the others none ever goes."""

SESSION_FIELDS: Final = (
    "applied", "last_seen_unix_nanoseconds", "newest_sample_unix_nanoseconds", "batches",
    "usage_control", "postings_control", "usage_weighed", "postings_weighed", "tallies_weighed",
    "receipts_weighed",
)  # fmt: skip
RECEIPT_FIELDS: Final = ("agent", "slot", "session", "first", "last", "batches")


def triggers(tables: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """Return the statements that make each row that comes, or goes, move its table's control."""

    def moved(table: str, event: str, sign: str, row: str) -> str:
        change = as_arguments(table, tables[table], row)
        return (
            f"CREATE TRIGGER {table}_{event} AFTER {event} ON {table} BEGIN"  # noqa: S608
            f" UPDATE controls SET row_count = row_count {sign} 1,"
            f" control = (control {sign} {change}) & {HASH_MASK} WHERE name = '{table}'; END"
        )

    return [
        *(moved(table, "INSERT", "+", "NEW.") for table in tables),
        *(moved(table, "DELETE", "-", "OLD.") for table in TAKEN_AWAY),
    ]
