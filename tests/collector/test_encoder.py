"""The page of metrics as it is served: what the plain way says, byte for byte, host by host."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import (
    CORE,
    DRAM,
    GPU,
    IDLE_SHARE,
    MODEL,
    NOW,
    PACKAGE,
    RECEIVE,
    SECOND,
    TRANSMIT,
    UPTIME,
    WEB,
    Book,
    batch,
    intensity,
    record,
    reported,
    small_fleet,
    table,
    told,
)
from wattgram.readings import AgentStatus, SourceState, State
from wattgram_collector.accounting.emissions import Account, Amount, PostingKey, Pricing
from wattgram_collector.accounting.terms import Segment, Terms
from wattgram_collector.exposition.encoder import Encoder
from wattgram_collector.exposition.metrics import collect
from wattgram_collector.exposition.text import number, quotient, render
from wattgram_collector.ingest.agents import Agent, seen_of
from wattgram_collector.intensity import Losses, Scope, Status, Tier
from wattgram_collector.ledger import Entry, Outcome, Tally

SERIES = (PACKAGE, CORE, DRAM, GPU, RECEIVE, TRANSMIT, WEB, IDLE_SHARE, MODEL)
TERMS = (
    Terms(zone="FR", network_zone="FR"),
    Terms(
        zone="FR", network_zone="DE", pue="1.4", loss_share="0.07",
        upstream_grams_per_kilowatt_hour="31.5",
        segments=(
            Segment(name="access", kilowatt_hours_per_gigabyte="0.0065", standby_watts="8"),
            Segment(name="core", kilowatt_hours_per_gigabyte="1/7"),
        ),
    ),
)  # fmt: skip
FACTORS = (
    None,
    intensity("FR", "44.18"),
    intensity("FR", "0.1", tier=Tier.LIVE, status=Status.MEASURED, scope=Scope.DIRECT),
    intensity("FR", "123.4567890123", tier=Tier.LIVE, losses=Losses.DELIVERED),
    intensity("DE", "380", tier=Tier.OPERATOR),
)


def plain(agents: list[Agent], now: int, before: int | None, *, openmetrics: bool) -> str:
    return render(collect(agents, now, before, sensors=True), openmetrics=openmetrics)


quantities = st.integers(0, 10**15)
entries = st.builds(
    lambda usage, postings, tallies: (usage, postings, tallies),
    st.dictionaries(st.sampled_from(SERIES), quantities, max_size=5),
    st.dictionaries(
        st.builds(
            PostingKey,
            st.sampled_from(Account),
            st.just(1),
            st.sampled_from(TERMS),
            st.sampled_from(FACTORS),
        ),
        quantities,
        max_size=5,
    ),
    st.dictionaries(
        st.tuples(st.sampled_from(Tally), st.sampled_from(("", "future", 'odd "one"\n'))),
        quantities,
        max_size=3,
    ),
)
added = st.tuples(st.integers(0, 2), entries, st.integers(0, 3))
"""What is added to which host, and how long after that somebody looks, in ten seconds."""


class Changing:
    """Hosts to which anything may be added, and that say anything of themselves."""

    def __init__(self) -> None:
        self.agents = small_fleet()
        self.now, self.uptime = NOW, UPTIME
        self.sequence = 10
        self.chance = random.Random(5)
        for agent in self.agents:
            agent.totals.series.update((one, one) for one in SERIES)

    def add(self, which: int, entry: tuple[dict, dict, dict]) -> None:
        agent, self.sequence = self.agents[which], self.sequence + 1
        usage, postings, tallies = entry
        one = Entry(
            agent_key=agent.record.key,
            session="session-1",
            sequence=self.sequence,
            received_unix_nanoseconds=self.now,
            newest_sample_unix_nanoseconds=self.now,
            usage={(series, 1): quantity for series, quantity in usage.items()},
            postings=postings,
            tallies=tallies,
        )
        said = table(PACKAGE, sources=self._sources())
        seen = seen_of(batch([self.chance.randrange(10**8)] * 10), told(said))
        factor = self.chance.choice(FACTORS)
        agent.note(seen, Outcome(one, is_new=True, missing=0), factor, self.uptime)
        agent.totals.adjustment += self.chance.choice((0, 0, Fraction(7, 3), -(10**9)))
        agent.zone = self.chance.choice(("FR", "DE"))
        agent.clock_offset_nanoseconds = self.chance.choice((None, 0, -1_234_567))

    def _sources(self) -> tuple[SourceState, ...]:
        states = tuple(State)
        return tuple(
            SourceState(source=name, state=self.chance.choice(states)) for name in ("rapl", "nvml")
        )

    def pass_by(self, seconds: int) -> None:
        self.now += seconds * SECOND
        self.uptime += seconds * SECOND


@given(st.lists(added, max_size=6), st.booleans())
def test_a_page_is_what_the_plain_way_makes_of_the_same_fleet(
    steps: list[tuple[int, tuple[dict, dict, dict], int]],
    openmetrics: bool,  # noqa: FBT001 -- drawn
) -> None:
    """Byte for byte, for every host as it grows, however many pages were written before."""
    fleet, encoder = Changing(), Encoder(sensors=True)
    for which, entry, tens in [*steps, (0, ({}, {}, {}), 60)]:
        for before in (fleet.uptime - 20 * SECOND, None):
            page = asyncio.run(
                encoder.encode(fleet.agents, fleet.now, before, openmetrics=openmetrics)
            )
            assert page == plain(fleet.agents, fleet.now, before, openmetrics=openmetrics)
        fleet.add(which, entry)
        fleet.pass_by(10 * tens)


async def test_a_page_of_nobody_is_empty() -> None:
    assert await Encoder().encode([], NOW, openmetrics=False) == ""


async def test_another_agent_under_a_key_has_its_own_lines() -> None:
    encoder = Encoder()
    await encoder.encode([reported(record(1, "alpha"))], NOW, openmetrics=False)
    other = reported(record(1, "beta"), (table(PACKAGE), batch([5] * 10)))
    page = await encoder.encode([other], NOW, openmetrics=False)
    assert page == render(collect([other], NOW), openmetrics=False)
    assert "alpha" not in page


async def test_an_agent_that_says_something_else_of_itself_is_shown_so() -> None:
    encoder, agent = Encoder(), reported(record(1, "alpha"), (table(PACKAGE), batch([5] * 10)))
    await encoder.encode([agent], NOW, openmetrics=False)
    for change in (
        lambda: setattr(agent, "agent_version", "2.0"),
        lambda: setattr(agent, "zone", "SE"),
        lambda: setattr(agent, "record", replace(agent.record, agent_id="another")),
        lambda: setattr(agent, "record", replace(agent.record, host="renamed")),
        lambda: setattr(agent, "sources", (SourceState(source="rapl", state=State.ERROR),)),
    ):
        change()
        page = await encoder.encode([agent], NOW, openmetrics=False)
        assert page == render(collect([agent], NOW), openmetrics=False)


async def test_whatever_changes_of_a_host_is_shown_though_nothing_else_does() -> None:
    encoder, agent = Encoder(), reported(record(1, "alpha"), (table(PACKAGE), batch([5] * 10)))
    agent.note(
        seen_of(batch([5] * 10), told(table(PACKAGE))),
        Outcome(counting(readings=0), is_new=True, missing=0), FACTORS[1], UPTIME,
    )  # fmt: skip
    said = await encoder.encode([agent], NOW, openmetrics=False)
    more = Outcome(counting(readings=7), is_new=True, missing=0)
    for change in (
        lambda: agent.totals.add(more, UPTIME),
        lambda: agent.totals.restore(
            Pricing.of(Account.HOST, TERMS[0], FACTORS[1]), Amount(10**13, Fraction(10**13))
        ),
        lambda: setattr(agent.totals, "adjustment", Fraction(10**13)),
        lambda: setattr(agent, "clock_offset_nanoseconds", 5),
        lambda: setattr(agent, "status", AgentStatus(spooled_batches=3)),
        lambda: setattr(agent, "power_microwatts", 3),
        lambda: setattr(agent, "intensity", FACTORS[2]),
        lambda: setattr(agent, "last_seen_unix_nanoseconds", NOW - SECOND),
        lambda: setattr(agent, "newest_sample_unix_nanoseconds", NOW - SECOND),
    ):
        change()
        page = await encoder.encode([agent], NOW, openmetrics=False)
        assert page == render(collect([agent], NOW), openmetrics=False) != said
        said = page
    for later in (100 * SECOND, 1_000 * SECOND):  # it is late, and then gone
        page = await encoder.encode([agent], NOW + later, openmetrics=False)
        assert page == render(collect([agent], NOW + later), openmetrics=False) != said
        said = page


def counting(readings: int) -> Entry:
    return Entry(
        agent_key=1, session="session-1", sequence=77, received_unix_nanoseconds=NOW,
        newest_sample_unix_nanoseconds=NOW, tallies={(Tally.READINGS, ""): readings},
    )  # fmt: skip


async def test_the_last_of_several_hosts_says_the_intensity_of_their_grid() -> None:
    """As the plain way has it, though the same value is not written for every host."""
    older, newer = (Book([intensity("FR", grams)]) for grams in ("44.18", "50"))
    agents = [
        reported(record(key, f"host-{key}"), (table(PACKAGE), batch([5] * 10)), book=book)
        for key, book in enumerate((older, newer, older))
    ]
    for said in (agents, agents[:2]):
        page = await Encoder().encode(said, NOW, openmetrics=False)
        assert page == render(collect(said, NOW), openmetrics=False)


async def test_the_event_loop_has_its_turn_while_a_page_is_written() -> None:
    """A page of many hosts is written in slices, and meanwhile others are served."""
    agents = [
        reported(record(key, f"host-{key}"), (table(*SERIES[:8]), batch(*[[key + 5] * 10] * 8)))
        for key in range(5)
    ]
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.ensure_future(others())
    await asyncio.sleep(0)
    before = turns
    await Encoder(slice_seconds=0).encode(agents, NOW, openmetrics=False)
    assert turns - before >= len(agents)
    before = turns
    await Encoder(slice_seconds=3_600).encode(agents, NOW, openmetrics=False)
    assert turns == before
    task.cancel()


@pytest.mark.parametrize(
    ("numerator", "denominator", "text"),
    [(6, 3, "2"), (0, 7, "0"), (-6, 4, "-1.5"), (1, 3, "0.3333333333333333"),
     (10**30, 10**9, f"{10**21}"), (3_000_000, 10**6, "3"), (12_345_600, 10**6, "12.3456"),
     (999_999, 10**6, "0.999999"), (20, 10**6, "2e-05"),
     (999_999_999_999_999_999, 10**6, "1000000000000.0")],
)  # fmt: skip
def test_a_quotient_is_the_number_in_lowest_terms_or_not(
    numerator: int, denominator: int, text: str
) -> None:
    assert quotient(numerator, denominator) == text == number(Fraction(numerator, denominator))


@given(st.integers(-(10**40), 10**40), st.integers(1, 10**25), st.integers(1, 10**6))
def test_a_quotient_is_the_same_text_whatever_it_could_be_reduced_by(
    numerator: int, denominator: int, by: int
) -> None:
    assert quotient(numerator * by, denominator * by) == number(Fraction(numerator, denominator))
