"""Better intensities give energy its new factors: once, exactly, and however late it came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import PACKAGE, SLOT, apply, entry, intensity, terms
from wattgram.handshake import HostFacts
from wattgram_collector.accounting.emissions import Account, PostingKey
from wattgram_collector.accounting.slots import slot_start_unix_seconds
from wattgram_collector.intensity import Accounting, Intensity, Signal, Status, Tier
from wattgram_collector.ledger.restatement import Restatement
from wattgram_collector.ledger.sqlite import SqliteLedger

ANNUAL = intensity("FR", "44.18")
NO_FREEZE = 0


def live(slot: int, grams: str, zone: str = "FR", **changes: Any) -> Intensity:
    start = slot_start_unix_seconds(slot)
    values = {
        "tier": Tier.LIVE,
        "status": Status.MEASURED,
        "valid_from_unix_seconds": start,
        "valid_until_unix_seconds": start + 300,
    }
    return intensity(zone, grams, **{**values, **changes})


def wanted(factors: Mapping[int, Intensity], zone: str = "FR", **changes: Any) -> Restatement:
    values: dict[str, Any] = {
        "signal": Signal.AVERAGE,
        "zone": zone,
        "factors": factors,
        "begun_unix_seconds": 1,
        "reason": "test",
        "first_open_slot": NO_FREEZE,
    }
    return Restatement(**{**values, **changes})


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    found = SqliteLedger(tmp_path / "ledger.sqlite")
    for number in (1, 2):
        found.enrol(f"agent-{number}", HostFacts(host=f"host-{number}"))
        found.open_session(number, "session-1", 1)
    yield found
    found.close()


def grams(ledger: SqliteLedger, *, restated: bool, agent: int | None = None) -> Fraction:
    """Return microjoules times g/kWh of the hosts, from the rows."""
    total = Fraction(0)
    for row in ledger.posted(0, 1 << 40, agent):
        factor = row.restated if restated else row.factor
        if row.account is Account.HOST and factor is not None:
            total += row.quantity * factor.value
    return total


def adjustments(ledger: SqliteLedger) -> dict[int, Fraction]:
    return {key: one.adjustment for key, one in ledger.totals().items()}


def test_what_is_posted_gets_the_factor_that_is_known_later(ledger: SqliteLedger) -> None:
    apply(ledger, [entry(1, {(PACKAGE, SLOT): 1000, (PACKAGE, SLOT + 1): 10}, factor=ANNUAL)])
    done = ledger.restate(wanted({SLOT: live(SLOT, "50")}))
    assert (done.number, done.slots, done.prior_period_slots) == (1, 1, 0)
    assert done.changes == {1: 1000 * (50 - Fraction("44.18"))}
    assert grams(ledger, restated=False) == 1010 * Fraction("44.18")
    assert grams(ledger, restated=True) == 1000 * 50 + 10 * Fraction("44.18")
    rows = {row.slot: row for row in ledger.posted(SLOT, SLOT + 2)}
    assert rows[SLOT].restated == live(SLOT, "50")
    assert rows[SLOT].restated_by_pass == 1
    assert rows[SLOT + 1].restated == rows[SLOT + 1].factor == ANNUAL
    assert rows[SLOT + 1].restated_by_pass == 0


def test_the_same_pass_again_changes_nothing(ledger: SqliteLedger) -> None:
    apply(ledger, [entry(1, {(PACKAGE, SLOT): 1000}, factor=ANNUAL)])
    first = ledger.restate(wanted({SLOT: live(SLOT, "50")}))
    before = adjustments(ledger)
    again = ledger.restate(wanted({SLOT: live(SLOT, "50")}))
    assert (first.number, again) == (1, (0, 0, 0, {}))
    assert adjustments(ledger) == before


def test_a_factor_that_nothing_was_posted_with_is_no_restatement(ledger: SqliteLedger) -> None:
    apply(ledger, [entry(1, {(PACKAGE, SLOT): 1000}, factor=live(SLOT, "50"))])
    assert (
        ledger.restate(wanted({SLOT: live(SLOT, "50"), SLOT + 1: live(SLOT + 1, "9")})).number == 0
    )
    assert ledger.restate(wanted({})).number == 0


def test_another_zone_is_not_touched(ledger: SqliteLedger) -> None:
    german = intensity("DE", "300")
    apply(ledger, [
        entry(1, {(PACKAGE, SLOT): 7}, factor=ANNUAL),
        entry(1, {(PACKAGE, SLOT): 9}, factor=german, agent_key=2),
    ])  # fmt: skip
    ledger.restate(wanted({SLOT: live(SLOT, "50")}))
    assert adjustments(ledger) == {1: 7 * (50 - Fraction("44.18")), 2: 0}


def test_what_comes_late_with_an_old_factor_is_in_the_next_pass(ledger: SqliteLedger) -> None:
    """A batch that was reckoned before the value came, and added after the pass."""
    apply(ledger, [entry(1, {(PACKAGE, SLOT): 7}, factor=ANNUAL)])
    ledger.restate(wanted({SLOT: live(SLOT, "50")}))
    apply(ledger, [entry(2, {(PACKAGE, SLOT): 3}, factor=ANNUAL)])
    assert grams(ledger, restated=True) == 500
    ledger.restate(wanted({SLOT + 1: live(SLOT + 1, "1")}))
    apply(ledger, [entry(3, {(PACKAGE, SLOT + 1): 3}, factor=ANNUAL)])
    ledger.restate(wanted({SLOT: live(SLOT, "50"), SLOT + 1: live(SLOT + 1, "1")}))
    assert adjustments(ledger)[1] == grams(ledger, restated=True) - grams(ledger, restated=False)


def test_a_frozen_period_stays_and_its_change_is_noted(ledger: SqliteLedger) -> None:
    apply(ledger, [entry(1, {(PACKAGE, SLOT): 7, (PACKAGE, SLOT + 1): 7}, factor=ANNUAL)])
    plan = wanted(
        {SLOT: live(SLOT, "50"), SLOT + 1: live(SLOT + 1, "50")}, first_open_slot=SLOT + 1
    )
    done = ledger.restate(plan)
    assert (done.slots, done.prior_period_slots) == (1, 1)
    assert grams(ledger, restated=True) == 7 * Fraction("44.18") + 7 * 50
    assert ledger.restate(plan).number == 0


def test_unpriced_energy_is_priced_once_its_grid_is_known(ledger: SqliteLedger) -> None:
    unpriced = entry(1, {(PACKAGE, SLOT): 7})
    key = next(iter(unpriced.postings))
    apply(ledger, [entry(1, {(PACKAGE, SLOT): 7},
                         postings={key._replace(terms=terms("FR")): 7})])  # fmt: skip
    ledger.restate(wanted({SLOT: live(SLOT, "50")}))
    assert (grams(ledger, restated=False), grams(ledger, restated=True)) == (0, 350)
    assert adjustments(ledger)[1] == 350


def test_what_was_bought_is_restated_only_where_the_grid_stands_in(ledger: SqliteLedger) -> None:
    """A host with a contract for half of its load, in a slot whose grid is known better later."""
    contract = intensity("FR", "0", accounting=Accounting.MARKET)
    host = PostingKey(Account.HOST, SLOT, terms("FR"), ANNUAL)
    apply(ledger, [entry(1, {(PACKAGE, SLOT): 10}, postings={
        host: 10,
        host._replace(account=Account.MARKET): 4,
        host._replace(account=Account.MARKET, factor=contract): 6,
    })])  # fmt: skip
    ledger.restate(wanted({SLOT: live(SLOT, "50")}))
    bought = [row for row in ledger.posted(SLOT, SLOT + 1) if row.account is Account.MARKET]
    now = {row.quantity: row.restated and row.restated.value for row in bought}
    assert now == {4: 50, 6: 0}
    assert adjustments(ledger)[1] == 10 * (50 - Fraction("44.18"))


passes = st.lists(
    st.one_of(
        st.tuples(
            st.just("deliver"),
            st.integers(1, 2),
            st.integers(SLOT, SLOT + 600),
            st.integers(1, 99),
        ),
        st.tuples(
            st.just("restate"),
            st.dictionaries(st.integers(SLOT, SLOT + 600), st.integers(0, 3), max_size=5),
        ),
        st.tuples(st.just("reopen")),
    ),
    max_size=14,
)


@given(passes)
def test_the_adjustment_is_always_what_the_rows_say(steps: list[tuple[Any, ...]]) -> None:
    """And what this process adds up from passes is what the next one reads."""
    ledger = SqliteLedger(Path(":memory:"))
    for number in (1, 2):
        ledger.enrol(f"agent-{number}", HostFacts(host=f"host-{number}"))
        ledger.open_session(number, "session-1", 1)
    kept = {1: Fraction(0), 2: Fraction(0)}
    newest: dict[int, Intensity] = {}
    sequence = 0
    for step in steps:
        if step[0] == "deliver":
            _, agent, slot, quantity = step
            sequence += 1
            one = entry(sequence, {(PACKAGE, slot): quantity}, agent_key=agent,
                        factor=newest.get(slot, ANNUAL))  # fmt: skip
            apply(ledger, [one])
        elif step[0] == "restate":
            factors = {slot: live(slot, str(n)) for slot, n in step[1].items()}
            newest |= factors
            done = ledger.restate(wanted(factors))
            for agent, change in done.changes.items():
                kept[agent] += change
            assert ledger.restate(wanted(factors)).number == 0
    for agent in (1, 2):
        difference = grams(ledger, restated=True, agent=agent) - grams(
            ledger, restated=False, agent=agent
        )
        assert adjustments(ledger)[agent] == difference == kept[agent]
    ledger.close()
