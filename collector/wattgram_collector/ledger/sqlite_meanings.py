"""What keys of the SQLite file stand for, remembered from look to look."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensity import Intensity
from wattgram_collector.ledger import statements as sql
from wattgram_collector.ledger.sqlite_file import SqliteFile

REMEMBERED_MAX: Final = 50_000
_KEYS_AT_ONCE: Final = 5_000

_Meaning = TypeVar("_Meaning")


class Meanings:
    """What keys of a file stand for, looked up once. A row that has a key never changes."""

    def __init__(self, remembered_max: int = REMEMBERED_MAX) -> None:
        self._remembered_max = remembered_max
        self._terms: dict[int, Terms] = {}
        self._factors: dict[int, Intensity | None] = {}

    def learn(self, file: SqliteFile, terms: Iterable[int], factors: Iterable[int]) -> None:
        """Look up what is new; raises LedgerError."""
        most = self._remembered_max
        _learn(file, "SELECT key, text FROM terms", self._terms, terms, _terms_of, most)
        self._factors[0] = None
        _learn(file, sql.SELECT_FACTORS, self._factors, factors, sql.factor_of, most)

    def terms(self, key: int) -> Terms:
        return self._terms[key]

    def factor(self, key: int) -> Intensity | None:
        return self._factors[key]


def _terms_of(values: list[Any]) -> Terms:
    return Terms.from_text(*values)


def _learn(
    file: SqliteFile,
    select: str,
    known: dict[int, _Meaning],
    keys: Iterable[int],
    made: Callable[[list[Any]], _Meaning],
    most: int,
) -> None:
    wanted = set(keys)
    if len(known) > most:
        for key in known.keys() - wanted - {0}:
            del known[key]
    new = sorted(wanted - known.keys())
    for first in range(0, len(new), _KEYS_AT_ONCE):
        some = json.dumps(new[first : first + _KEYS_AT_ONCE])
        for key, *values in file.all(
            f"{select} WHERE key IN (SELECT value FROM json_each(?))",  # noqa: S608
            some,
        ):
            known[key] = made(values)
