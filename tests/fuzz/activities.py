"""Files of activities: whatever they are, each row is taken, is there, or is named."""

from __future__ import annotations

from typing import Final

from activity_scenes import RULES
from journal_fake import MemoryJournal
from wattgram_collector.inventory.activities.importing import Asked, Given, imported
from wattgram_collector.inventory.activities.kept import kept_activities
from wattgram_collector.inventory.activities.reading import Form

FORMS: Final = {b"c": Form.CSV, b"j": Form.JSON, b"l": Form.JSON_LINES}


def files(data: bytes) -> bool:
    """The first byte says how the rest is written."""
    given = Given("file", data[1:], FORMS.get(data[:1], Form.CSV))
    whole, good = MemoryJournal(), MemoryJournal()
    all_of_it = imported(whole, given, Asked(), RULES, 1)
    found = imported(good, given, Asked(keep_good=True), RULES, 1)
    entries = len(list(good.journal()))

    assert found.problems == all_of_it.problems
    assert all(one.line >= 1 and one.reason for one in found.problems)
    assert len(list(whole.journal())) == (0 if found.problems else entries)
    if found.is_readable:
        assert found.taken + found.refused == found.rows
    assert len(list(kept_activities(good.journal(), "UTC"))) == found.taken == entries
    again = imported(good, given, Asked(keep_good=True), RULES, 2)
    assert (again.taken, again.already_there) == (0, found.taken)
    return bool(found.taken)
