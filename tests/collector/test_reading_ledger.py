"""What reports ask of a ledger: one host's own, of one instant, and what is noted beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import pytest

from builders import CORE, DRAM, PACKAGE, SLOT, TRANSMIT, apply, entry, intensity
from wattgram.handshake import HostFacts
from wattgram_collector.accounting.slots import slot_start_unix_seconds
from wattgram_collector.intensity import Intensity, Signal
from wattgram_collector.ledger import Tally
from wattgram_collector.ledger.restatement import Restatement
from wattgram_collector.ledger.sqlite import SqliteLedger

ANNUAL = intensity("FR", "40")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger]:
    with closing(SqliteLedger(path)) as opened:
        for number in (1, 2):
            opened.enrol(f"agent-{number}", HostFacts(host=f"host-{number}"))
            opened.open_session(number, "session-1", 1)
        yield opened


def later(grams: str, first_open_slot: int = 0) -> Restatement:
    start = slot_start_unix_seconds(SLOT)
    value = intensity("FR", grams, valid_from_unix_seconds=start,
                      valid_until_unix_seconds=start + 300)  # fmt: skip
    return Restatement(
        signal=Signal.AVERAGE,
        zone="FR",
        factors={SLOT: value},
        begun_unix_seconds=start,
        reason="test",
        first_open_slot=first_open_slot,
    )


def test_each_host_has_its_own_meters_tallies_and_time(ledger: SqliteLedger) -> None:
    assert ledger.posted_span() is None
    gaps = (Tally.GAPS, "suspended")
    apply(ledger, [
        entry(1, {(PACKAGE, SLOT): 5, (PACKAGE, SLOT + 1): 1 << 62, (CORE, SLOT): 3,
                  (TRANSMIT, SLOT): 9}, factor=ANNUAL, tallies={gaps: 2}),
        entry(1, {(DRAM, SLOT + 7): 11}, factor=ANNUAL, agent_key=2, tallies={gaps: 1}),
    ])  # fmt: skip
    assert ledger.counted_energy(SLOT, SLOT + 9, 1) == {PACKAGE: 5 + (1 << 62)}
    assert ledger.counted_energy(SLOT, SLOT + 1, 1) == {PACKAGE: 5}
    assert ledger.counted_energy(SLOT, SLOT + 9, 2) == {DRAM: 11}
    assert (ledger.tallies(1), ledger.tallies(2)) == ({gaps: 2}, {gaps: 1})
    assert ledger.posted_span() == (SLOT, SLOT + 7)
    assert ledger.posted_span(1) == (SLOT, SLOT + 1)
    assert ledger.posted_span(2) == (SLOT + 7, SLOT + 7)
    assert ledger.posted_span(3) is None


def priced(ledger: SqliteLedger) -> list[tuple[Intensity | None, int, Intensity | None]]:
    return [
        (one.restated, one.restated_by_pass, one.noted) for one in ledger.posted(SLOT, SLOT + 1)
    ]


def test_what_was_noted_holds_until_a_later_pass_of_an_open_period(ledger: SqliteLedger) -> None:
    apply(ledger, [entry(1, {(PACKAGE, SLOT): 5}, factor=ANNUAL)])
    assert priced(ledger) == [(ANNUAL, 0, None)]
    ledger.restate(later("50"))
    ((restated, number, noted),) = priced(ledger)
    assert (restated and restated.value, number, noted) == (50, 1, None)
    ledger.restate(later("60", first_open_slot=SLOT + 1))
    ((restated, number, noted),) = priced(ledger)
    assert (restated and restated.value, number, noted and noted.value) == (50, 1, Fraction(60))
    ledger.restate(later("70"))
    ((restated, number, noted),) = priced(ledger)
    assert (restated and restated.value, number, noted) == (70, 3, None)


def test_what_is_read_is_of_one_instant(ledger: SqliteLedger, path: Path) -> None:
    """A factor that came after it was opened would be one that it has never heard of."""
    apply(ledger, [entry(1, {(PACKAGE, SLOT): 5}, factor=ANNUAL)])
    with closing(SqliteLedger.reading(path)) as reader:
        apply(ledger, [entry(2, {(DRAM, SLOT): 5}, factor=intensity("FR", "41"))])
        ledger.restate(later("50"))
        assert [(one.quantity, one.restated) for one in reader.posted(SLOT, SLOT + 1)] == [
            (5, ANNUAL)
        ]
        assert reader.counted_energy(SLOT, SLOT + 1, 1) == {PACKAGE: 5}
    assert len(list(ledger.posted(SLOT, SLOT + 1))) == 2
