"""A file of the ledger in which bytes are other than SQLite wrote them."""

from __future__ import annotations

from contextlib import closing
from functools import cache
from pathlib import Path

import ledger_files
from builders import PACKAGE, SLOT, apply, entry
from fuzz.inputs import empty_directory
from wattgram_collector.ledger import LedgerError
from wattgram_collector.ledger.sqlite_check import check, damage
from wattgram_collector.ledger.sqlite_opening import open_ledger

CHANGE_BYTES = 3
CHANGES_MAX = 64


def ledger(data: bytes) -> bool:
    """A damaged ledger is found out, read, or refused; nothing else happens to who opens it.

    The first byte says which file: this version's, or the first. Then come changes: where among
    the bytes that are not 0, in two bytes, and the new one.
    """
    directory = empty_directory("ledger")
    path = directory / "ledger.sqlite"
    sound, places = _sound(is_first=data[:1] == b"1")
    content = bytearray(sound)
    changes = data[1:][: CHANGES_MAX * CHANGE_BYTES]
    for at in range(0, len(changes) - CHANGE_BYTES + 1, CHANGE_BYTES):
        place = int.from_bytes(changes[at : at + 2], "big") % len(places)
        content[places[place]] = changes[at + 2]
    path.write_bytes(content)
    for full in (False, True):
        try:
            report = check(path, full=full)
        except LedgerError as error:
            assert str(error)
            continue
        assert damage(report) is None or not report.is_sound
        assert all(str(finding) for finding in report.findings)
    return _is_opened(path)


def _is_opened(path: Path) -> bool:
    try:
        opened = open_ledger(path, check_seconds=10, busy_seconds=1)
    except LedgerError as error:
        assert str(error)
        return False
    with closing(opened):
        try:
            opened.agents()
            opened.totals()
            opened.counted_slots(1)
            apply(opened, [entry(100, {(PACKAGE, SLOT): 1})])
        except LedgerError as error:
            assert str(error)
            return False
    return True


@cache
def _sound(*, is_first: bool) -> tuple[bytes, list[int]]:
    """Return a file, and where in it the bytes are that say something."""
    path = empty_directory("sound") / "ledger.sqlite"
    made = ledger_files.first_version(path) if is_first else ledger_files.sound(path, 3)
    content = made.read_bytes()
    return content, [place for place, byte in enumerate(content) if byte]
