"""The fleet at an instant: who is late, what begins at zero, and that sums are right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from builders import (
    CORE,
    DRAM,
    GPU,
    MODEL,
    NOW,
    PACKAGE,
    RECEIVE,
    SECOND,
    SLOT,
    UPTIME,
    Book,
    apply,
    batch,
    entry,
    intensity,
    record,
    reported,
    small_fleet,
    table,
    told,
)
from wattgram.handshake import HostFacts
from wattgram.readings import SourceState, State
from wattgram_collector.exposition import families as names
from wattgram_collector.exposition.families import Family, Type
from wattgram_collector.exposition.metrics import collect
from wattgram_collector.exposition.text import Value, render
from wattgram_collector.ingest.agents import Agent, Fleet, seen_of
from wattgram_collector.ledger import AgentTotals, Outcome
from wattgram_collector.ledger.sqlite import SqliteLedger

FRANCE = intensity("FR", "44.18")
GPU_TWO = replace(GPU, instance="GPU-2")
LIVENESS = {names.AGENT_UP, names.AGENT_LAST_SEEN, names.NEWEST_SAMPLE}
LATE, GONE = 30 * SECOND, 300 * SECOND  # for an agent that sends every ten seconds


def shown(
    agents: Iterable[Agent], now: int = NOW, zero: int = 0, uptime: int | None = None
) -> dict[Family, dict]:
    """Return what is shown when the wall clock says `now`; without `uptime` nobody has set it."""
    uptime = UPTIME + now - NOW if uptime is None else uptime
    page = collect(agents, now, uptime - zero)
    return {family: dict(samples) for family, samples in page if samples}


def one(
    family: Family, agents: Iterable[Agent], now: int = NOW, zero: int = 0
) -> dict[tuple[str, ...], Value]:
    return shown(agents, now, zero).get(family, {})


@pytest.fixture
def alpha() -> Agent:
    return small_fleet()[0]


# ── late and gone ────────────────────────────────────────────────────────────────────────


def test_a_late_agent_loses_its_gauges_at_once_and_keeps_its_counters(alpha: Agent) -> None:
    """A gauge that stays would tell a power that nobody measures any more."""
    in_time, late = shown([alpha], NOW + LATE), shown([alpha], NOW + LATE + 1)
    assert names.HOST_POWER in in_time
    counters = {family for family in in_time if family.type is Type.COUNTER}
    assert set(late) == (counters | LIVENESS | {names.ADJUSTMENT}) - {names.AGENT_CPU}
    assert late[names.HOST_ENERGY] == in_time[names.HOST_ENERGY]
    assert (in_time[names.AGENT_UP], late[names.AGENT_UP]) == ({("alpha",): 1}, {("alpha",): 0})


def test_an_agent_that_is_gone_loses_its_counters_and_stays_down(alpha: Agent) -> None:
    assert names.HOST_ENERGY in shown([alpha], NOW + GONE)
    for silence in (GONE + 1, 1000 * GONE):
        gone = shown([alpha], NOW + silence)
        assert set(gone) == LIVENESS
        assert gone[names.AGENT_UP] == {("alpha",): 0}
        assert gone[names.AGENT_LAST_SEEN] == {("alpha",): NOW // SECOND}


@pytest.mark.parametrize(("interval", "late"), [(1, 15), (5, 15), (10, 30), (60, 180), (200, 600)])
def test_an_agent_is_late_after_three_of_its_intervals(
    alpha: Agent, interval: int, late: int
) -> None:
    alpha.interval_nanoseconds = interval * SECOND
    assert not alpha.is_late(NOW + late * SECOND)
    assert alpha.is_late(NOW + late * SECOND + 1)
    assert not alpha.is_gone(NOW + late * SECOND)


def test_an_agent_that_never_reported_shows_nothing_but_that_it_is_down() -> None:
    silent = Fleet({1: record()}, {})
    assert shown(silent) == {names.AGENT_UP: {("alpha",): 0}}


def test_an_agent_that_said_only_hello_has_no_power() -> None:
    found = shown([reported(record())])
    assert found[names.AGENT_UP] == {("alpha",): 1}
    assert names.HOST_INFO in found
    assert not {names.HOST_POWER, names.EMISSION_RATE, names.HOST_ENERGY} & set(found)


# ── counters from zero, and never down ───────────────────────────────────────────────────


def test_a_new_counter_shows_zero_for_a_while_and_then_what_it_is(alpha: Agent) -> None:
    zero = 20 * SECOND
    for now, joules, grams, moved in (
        (NOW, 0, 0, 0),
        (NOW + zero - 1, 0, 0, 0),
        (NOW + zero, 850, Fraction("0.085"), 10**9),
        (NOW + zero + SECOND, 850, Fraction("0.085"), 10**9),
    ):
        found = shown([alpha], now, zero)
        assert found[names.HOST_ENERGY] == {("alpha", "measured"): joules}
        assert found[names.EMISSIONS] == {("alpha", "FR", "annual"): grams}
        assert found[names.NETWORK_RECEIVE] == {("alpha", "eth0"): moved}
        assert found[names.HOST_POWER] == {("alpha",): 85}


def test_a_counter_that_comes_later_begins_at_zero_of_its_own(alpha: Agent) -> None:
    later = entry(
        2,
        {(MODEL, SLOT): 5_000_000, (PACKAGE, SLOT): 1_000_000},
        received_unix_nanoseconds=NOW + 60 * SECOND,
    )
    alpha.totals.series[MODEL] = MODEL
    alpha.totals.add(Outcome(later, is_new=True, missing=0), UPTIME + 60 * SECOND)
    alpha.last_seen_unix_nanoseconds = NOW + 60 * SECOND
    energy = [
        one(names.HOST_ENERGY, [alpha], NOW + after * SECOND, 20 * SECOND) for after in (60, 80)
    ]
    assert energy[0] == {("alpha", "measured"): 851, ("alpha", "modelled"): 0}
    assert energy[1] == {("alpha", "measured"): 851, ("alpha", "modelled"): 5}


def test_a_part_that_comes_later_to_a_counter_that_grew_shows_at_once(alpha: Agent) -> None:
    """Its energy is priced with a factor that is not new: joules and grams must agree."""
    later = entry(2, {(GPU_TWO, SLOT): 5_000_000}, factor=intensity("FR", "360"),
                  received_unix_nanoseconds=NOW + 60 * SECOND)  # fmt: skip
    before = {
        family: sum(one(family, [alpha], NOW + 60 * SECOND, 20 * SECOND).values())
        for family in (names.HOST_ENERGY, names.EMISSIONS)
    }
    alpha.totals.series[GPU_TWO] = GPU_TWO
    alpha.totals.add(Outcome(later, is_new=True, missing=0), UPTIME + 60 * SECOND)
    alpha.last_seen_unix_nanoseconds = NOW + 60 * SECOND

    after = {
        family: sum(one(family, [alpha], NOW + 60 * SECOND, 20 * SECOND).values())
        for family in before
    }
    assert after[names.HOST_ENERGY] - before[names.HOST_ENERGY] == 5
    assert after[names.EMISSIONS] - before[names.EMISSIONS] == Fraction(5, 10_000)


@pytest.mark.parametrize("step", [-5 * 86_400, -3_600, -5, 5, 3_600, 5 * 86_400])
def test_a_wall_clock_that_is_set_lets_no_counter_fall(alpha: Agent, step: int) -> None:
    """What grew before it was set back is not new because of that."""
    later, zero = UPTIME + 30 * SECOND, 20 * SECOND
    before = shown([alpha], NOW + 30 * SECOND, zero, later)
    now = NOW + (30 + step) * SECOND
    alpha.last_seen_unix_nanoseconds = now  # it goes on reporting
    after = shown([alpha], now, zero, later + 1)

    counters = {family for family in before if family.type is Type.COUNTER}
    assert before[names.HOST_ENERGY] == {("alpha", "measured"): 850}
    assert {f: before[f] for f in counters} == {f: after[f] for f in counters}


@pytest.mark.parametrize("step", [-5 * 86_400, 5 * 86_400])
def test_an_agent_that_fell_silent_is_down_however_the_clock_was_set(
    alpha: Agent, step: int
) -> None:
    """A clock that was days ahead, and is right again, must not keep the dead alive for days."""
    ahead, late = NOW + step * SECOND, 60 * SECOND
    said = (entry(sequence, {(PACKAGE, SLOT): 1}, received_unix_nanoseconds=at)
            for sequence, at in ((2, ahead), (3, NOW)))  # fmt: skip
    outcomes = [Outcome(one, is_new=True, missing=0) for one in said]
    for outcome in outcomes:
        alpha.note(seen_of(batch(), told(table(PACKAGE))), outcome, None, UPTIME)
    assert not alpha.is_late(NOW)
    assert alpha.is_late(NOW + late)
    alpha.note(seen_of(batch(), told(table(PACKAGE))), outcomes[0], None, UPTIME)
    assert alpha.is_late(NOW)


def test_reading_changes_nothing() -> None:
    fleet = small_fleet()
    first = [render(collect(fleet, NOW, UPTIME - 20 * SECOND), openmetrics=True) for _ in range(3)]
    assert len(set(first)) == 1
    assert len({render(collect(fleet, NOW + GONE), openmetrics=True) for _ in range(3)}) == 1
    assert render(collect(fleet, NOW, UPTIME - 20 * SECOND), openmetrics=True) == first[0]


def test_counters_do_not_fall_over_a_restart(tmp_path: Path) -> None:
    """What this process shows is what the next one reads from the ledger, or less by its zero."""
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    of = ledger.enrol("agent-1", HostFacts(host="alpha"))
    agent = Agent(of, AgentTotals(), last_seen_unix_nanoseconds=NOW)
    said = [
        entry(1, {(PACKAGE, SLOT): 7_000_001, (CORE, SLOT): 3}, factor=FRANCE),
        entry(4, {(DRAM, SLOT): 2_000_000, (RECEIVE, SLOT): 10}, factor=None),
        entry(5, {(PACKAGE, SLOT + 1): 11}, factor=intensity("DE", "341.5")),
    ]
    for added in said:
        (outcome,) = apply(ledger, [added])
        agent.totals.add(outcome, UPTIME)
    agent.totals.series.update(ledger.totals()[of.key].series)
    ledger.close()
    again = SqliteLedger(tmp_path / "ledger.sqlite")
    restarted = Fleet({one.key: one for one in again.agents()}, again.totals())
    again.close()
    before, after = shown([agent], NOW + 1), shown(restarted, NOW + 1)
    counters = {family for family in before if family.type is Type.COUNTER}
    assert {names.HOST_ENERGY, names.EMISSIONS, names.UNPRICED, names.MISSING_BATCHES} <= counters
    assert {family: before[family] for family in counters} == {
        family: after[family] for family in counters
    }
    young, old = (shown(agents, NOW + 1, 20 * SECOND) for agents in ([agent], restarted))
    for family in counters:
        assert all(old[family][labels] >= value for labels, value in young[family].items())


# ── sums ─────────────────────────────────────────────────────────────────────────────────


@given(st.integers(0, 1 << 43), st.integers(0, 2_000_000).map(lambda n: f"{n / 1000:.3f}"))
def test_grams_over_joules_is_the_intensity_on_the_page_itself(energy: int, grams: str) -> None:
    agent = reported(
        record(), (table(PACKAGE), batch([energy])), book=Book([intensity("FR", grams)])
    )
    page = render(collect([agent], NOW), openmetrics=False)
    values = {
        sample.name: sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }
    joules = values["wattgram_host_energy_joules_total"]
    for emitted, used in (
        (values["wattgram_emissions_co2e_grams_total"], joules),
        (
            values["wattgram_host_emission_rate_grams_per_second"],
            values["wattgram_host_power_watts"],
        ),
    ):
        assert emitted == pytest.approx(used / 3.6e6 * float(grams), rel=1e-9, abs=0)


def test_components_add_up_to_the_host_and_a_part_of_a_part_is_not_shown(alpha: Agent) -> None:
    found = shown([alpha])
    host = sum(found[names.HOST_ENERGY].values())
    assert host == sum(found[names.COMPONENT_ENERGY].values()) == 850
    assert ("alpha", "cpu", "rapl") in found[names.COMPONENT_ENERGY]


def test_priced_and_unpriced_energy_is_the_energy_of_the_host() -> None:
    beta = small_fleet()[1]
    found = shown([beta])
    priced = sum(found[names.EMISSIONS].values()) / Fraction(720) * 3_600_000
    assert priced + found[names.UNPRICED]["beta",] == found[names.HOST_ENERGY]["beta", "modelled"]


def test_a_power_is_not_shown_where_a_counted_meter_was_not_read() -> None:
    """Its part is unknown, and a sum without it would read as the whole."""
    both = table(PACKAGE, DRAM)
    half = reported(record(), (both, batch([50_000_000, 50_000_000], [None, 5_000_000])))
    none = reported(record(), (both, batch([50_000_000], [None])))
    assert one(names.HOST_POWER, [half]) == {("alpha",): 55}
    assert one(names.HOST_POWER, [none]) == {}


@pytest.mark.parametrize(("age", "is_now"), [(LATE, True), (LATE + 1, False)])
def test_what_waited_in_a_spool_says_nothing_of_now(age: int, is_now: bool) -> None:  # noqa: FBT001
    old = batch(start_unix_nanoseconds=NOW - age - SECOND)
    page = shown([reported(record(), (table(), old))])
    assert {names.HOST_ENERGY, names.EMISSIONS} <= set(page)
    gauges = {names.HOST_POWER, names.EMISSION_RATE, names.INTENSITY}
    assert gauges & set(page) == (gauges if is_now else set())


def test_without_an_intensity_there_is_no_rate_of_emission() -> None:
    found = shown([reported(record(), (table(PACKAGE, grid_zone="XX"), batch()))])
    assert found[names.HOST_POWER] == {("alpha",): 1}
    assert not {names.EMISSION_RATE, names.INTENSITY, names.EMISSIONS} & set(found)


def test_an_intensity_of_zero_is_shown_as_zero() -> None:
    clean = Book([intensity("FR", "0")])
    found = shown([reported(record(), (table(), batch()), book=clean)])
    assert found[names.EMISSION_RATE] == {("alpha",): 0}
    assert found[names.EMISSIONS] == {("alpha", "FR", "annual"): 0}


def test_a_source_that_is_told_twice_is_shown_once() -> None:
    """Two rows of the same labels would cost the whole page at a strict reader."""
    twice = tuple(SourceState(source="rapl", state=s) for s in (State.ERROR, State.ACTIVE))
    agent = reported(record(), (table(sources=twice), batch()))
    assert one(names.SOURCE_STATE, [agent]) == {("alpha", "rapl", "active"): 1}
