"""The ledger at the start of a collector: checked, opened for writing, or to be read only.

Nothing is written to a file that is damaged. While its totals can be read the collector lives:
they are shown, it says that it is not ready, and agents keep what they have.
"""

from __future__ import annotations

import threading
from pathlib import Path

from wattgram_collector.ledger import LedgerError, Trouble
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.ledger.sqlite_check import Report, check, damage
from wattgram_collector.ledger.sqlite_file import LOG
from wattgram_collector.ledger.sqlite_migrations import SchemaVersionError
from wattgram_collector.ledger.sqlite_restore import finish_restore


def open_ledger(path: Path, *, check_seconds: float, busy_seconds: float = 10) -> SqliteLedger:
    """Open the ledger, made where there is none; raises LedgerError if it cannot even be read.

    A check of what is stored holds the start up for `check_seconds` at most, 0 is no check; what
    is left of it goes on beside the work.
    """
    finish_restore(path)
    is_new = not path.exists()
    try:
        ledger = SqliteLedger(path, busy_seconds=busy_seconds)
    except LedgerError as error:
        if is_new or isinstance(error, SchemaVersionError):
            raise
        return _read_only(path, error)
    if is_new or not check_seconds:
        return ledger
    checking = Check(path, ledger)
    checking.start()
    checking.join(check_seconds)
    if checking.is_alive():
        LOG.info("ledger_check_goes_on seconds=%g", check_seconds)
    found = checking.found()
    if found is None:
        return ledger
    ledger.close()
    read_only = _read_only(path, found)
    read_only.note_faults(ledger.faults())
    return read_only


class Check(threading.Thread):
    """Looks at the whole file once, on a connection of its own."""

    def __init__(self, path: Path, ledger: SqliteLedger) -> None:
        super().__init__(name="ledger-check", daemon=True)
        self._path = path
        self._ledger = ledger
        self._lock = threading.Lock()
        self._damage: LedgerError | None = None
        self._is_left_alone = False

    def run(self) -> None:
        try:
            report = check(self._path, full=False)
        except LedgerError as error:
            LOG.warning("ledger_not_checked reason=%r", str(error))
            return
        self._ledger.note_faults(len(report.findings))
        self._say(report)
        with self._lock:
            self._damage = damage(report)
            if self._damage is not None and self._is_left_alone:
                self._ledger.refuse(self._damage)

    def found(self) -> LedgerError | None:
        """Return the damage found by now; what is found later the ledger is told by itself."""
        with self._lock:
            self._is_left_alone = True
            return self._damage

    def _say(self, report: Report) -> None:
        for finding in report.findings:
            if finding.is_damage:
                LOG.error("ledger_damaged %s", finding)
            else:
                LOG.warning("ledger_mismatch %s", finding)


def _read_only(path: Path, reason: LedgerError) -> SqliteLedger:
    """Open a ledger to be read for `reason`; raises LedgerError when its totals cannot be."""
    try:
        ledger = SqliteLedger(path, refusing=reason)
        try:
            ledger.agents()
            ledger.totals()
        except LedgerError:
            ledger.close()
            raise
    except LedgerError as error:
        advice = ""
        if Trouble.DAMAGED in {reason.trouble, error.trouble}:
            advice = ": `wattgram-collector ledger restore` puts a backup in its place"
        raise LedgerError(f"{reason}; nor can it be read{advice}", reason.trouble) from error
    LOG.error("ledger_read_only reason=%r", str(reason))
    return ledger
