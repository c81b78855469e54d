"""Files of activities, and what takes them into a journal in memory."""

from __future__ import annotations

from typing import Any

from activity_rows import TABLE
from journal_fake import MemoryJournal
from wattgram_collector.inventory.activities.checking import Rules
from wattgram_collector.inventory.activities.importing import Asked, Given, imported
from wattgram_collector.inventory.activities.kept import JOURNAL_KINDS, Row, rows_held
from wattgram_collector.inventory.activities.kinds import KINDS
from wattgram_collector.inventory.activities.outcome import Outcome
from wattgram_collector.inventory.activities.reading import Form

RULES = Rules(kinds=KINDS, factors=TABLE, timezone="UTC")
HEADER = "activity_id,kind,from,to,fuel,litres,site"
FUEL = f"""{HEADER}
a,fuel,2025-01-01,2025-01-31,diesel,100.5,plant-7
b,fuel,2025-02-01,2025-02-28,diesel,50,plant-7
"""


def given(content: str | bytes, name: str = "fuel.csv", form: Form = Form.CSV) -> Given:
    data = content.encode() if isinstance(content, str) else content
    return Given(name, data, form)


def take(
    journal: MemoryJournal,
    content: str | bytes,
    *,
    name: str = "fuel.csv",
    form: Form = Form.CSV,
    kind: str = "",
    **asked: Any,
) -> Outcome:
    """Take a file at the instant 7; return what became of it."""
    rules = RULES.with_kind(kind)
    return imported(journal, given(content, name, form), Asked(**asked), rules, 7)


def held(journal: MemoryJournal) -> list[Row]:
    return list(rows_held(journal.journal(JOURNAL_KINDS)))


def names(journal: MemoryJournal) -> list[str]:
    return [one.activity_id for one in held(journal)]


def told(found: Outcome) -> list[str]:
    return list(map(str, found.problems))
