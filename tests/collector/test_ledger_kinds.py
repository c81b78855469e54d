"""A ledger in which text, or nothing, is where a number was: found out, and never written to."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger_files import change, sound
from wattgram_collector.ledger import LedgerError, Trouble
from wattgram_collector.ledger.sqlite_check import check, damage
from wattgram_collector.ledger.sqlite_opening import open_ledger


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sessions SET applied = 'x'",
        "UPDATE sessions SET newest_sample_unix_nanoseconds = 'x'",
        "UPDATE sessions SET usage_control = 'x'",
        "UPDATE tallies SET count = 'x'",
        "UPDATE usage SET quantity = 'x'",
        "UPDATE series SET source = x'00'",
        "UPDATE factors SET valid_from_unix_seconds = 'x'",
        "UPDATE agents SET facts = x'ff'",
        "UPDATE agents SET host = CAST(x'ff' AS TEXT) WHERE key = 1",
        "UPDATE schema_version SET version = 'x'",
        "DELETE FROM schema_version",
        "INSERT INTO schema_version VALUES (2)",
    ],
)
def test_what_no_program_of_ours_writes_is_damage(tmp_path: Path, statement: str) -> None:
    path = sound(tmp_path / "ledger.sqlite")
    change(path, statement)

    report = check(path, full=True)
    found = damage(report)

    assert isinstance(report.newest_sample_unix_nanoseconds, int)
    assert found is not None
    assert found.trouble is Trouble.DAMAGED
    with pytest.raises(LedgerError) as caught:
        open_ledger(path, check_seconds=10).probe()
    assert caught.value.trouble is Trouble.DAMAGED
