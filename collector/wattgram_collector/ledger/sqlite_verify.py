"""Everything that an auditor asks of a ledger file, in one look. Works beside a running collector.

The check of the rows, and what there is to write down somewhere else: how long the journal is and
the hash of its last entry. Whoever can rewrite the whole file could make all of it fit again, but
for that hash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from wattgram_collector.ledger.findings import Finding
from wattgram_collector.ledger.journal import GENESIS, JournalEntry, JournalKind
from wattgram_collector.ledger.sqlite_check import Report, check
from wattgram_collector.ledger.sqlite_check_sums import WEIGHED_VERSION
from wattgram_collector.ledger.sqlite_file import SqliteFile
from wattgram_collector.ledger.sqlite_journal import journal
from wattgram_collector.ledger.sqlite_seals import Changed, changed


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found; `rows` are those of quantities."""

    report: Report
    rows: int = 0
    journal_entries: int = 0
    journal_head: str = GENESIS
    seals: int = 0
    closings: int = 0
    changed: tuple[Changed, ...] = ()
    """Since they were sealed: late data, restatements. No fault, else it would be in `report`."""


Faults = Callable[[Iterable[JournalEntry]], Iterator[str]]
"""What is wrong with entries of the journal beyond their chain: whoever wrote them knows."""


def _unexamined(_: Iterable[JournalEntry]) -> Iterator[str]:
    """Yield nothing: nobody here knows what is in a closing."""
    yield from ()


def verify(path: Path, say: Callable[[str], None], faults: Faults = _unexamined) -> Verified:
    """Look at everything, telling `say` what is looked at; raises LedgerError for no ledger.

    `faults` looks at the closings of the journal.
    """
    report = check(path, full=True, say=say)
    if report.findings or report.schema_version < WEIGHED_VERSION:
        return Verified(report)
    with closing(SqliteFile(path, read_only=True)) as file:
        file.execute("BEGIN")
        ((rows,),) = file.all(
            "SELECT (SELECT count(*) FROM usage) + (SELECT count(*) FROM postings)"
            " + (SELECT count(*) FROM receipts)"
        )
        last = file.all("SELECT number, hash FROM journal ORDER BY number DESC LIMIT 1")
        ((number, head),) = last or [(0, GENESIS)]
        seals = sum(1 for _ in journal(file, {JournalKind.SEAL}))
        if seals:
            say("seals")
        late = tuple(changed(file))
        closings = sum(1 for _ in journal(file, {JournalKind.CLOSING}))
        if closings:
            say("closings")
        wrong = [Finding("journal", one) for one in faults(journal(file, {JournalKind.CLOSING}))]
        report = replace(report, findings=(*report.findings, *wrong))
        return Verified(report, rows, number, head, seals, closings, late)
