"""Two hosts with one identity: nothing of either is lost, nothing is counted twice, it is said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from builders import BOOTTIME, NOW, PACKAGE, SECOND, batch, hello, used
from collector_fakes import Caller, calling, configured, connected, page
from wattgram.handshake import Refusal
from wattgram.readings import Batch
from wattgram.wire import encode_batch
from wattgram_collector.config import LedgerSettings
from wattgram_collector.daemon import serving
from wattgram_collector.ledger.sqlite import SqliteLedger

REUSED = "sequence_reused"
HOST = "host-of-agent-1"


class Fleet(NamedTuple):
    port: int
    http_port: int
    ledger: SqliteLedger

    def used(self) -> int:
        return used(self.ledger.totals()[1])[PACKAGE]

    async def shows(self, line: str) -> bool:
        return line in (await page(self.http_port, "/metrics")).splitlines()


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    config = configured(tmp_path, ledger=LedgerSettings(commit_tick_seconds=0.002), grid_zone="DE")
    with closing(SqliteLedger(tmp_path / "ledger.sqlite")) as ledger:
        async with serving(config, ledger) as (port, http_port):
            yield Fleet(port, http_port, ledger)


def measured(sequence: int, energy: int, at_second: float, **changes: Any) -> Batch:
    """One second that begins `at_second` after a common instant, long enough ago."""
    start = NOW + int(at_second * SECOND)
    values = {
        "sequence": sequence,
        "start_unix_nanoseconds": start,
        "start_boottime_nanoseconds": BOOTTIME + int(at_second * SECOND),
    }
    return batch([energy], **{**values, **changes})


async def deliver(caller: Caller, *batches: Batch) -> None:
    for one in batches:
        await caller.send(encode_batch(one))
    await caller.until(batches[-1].sequence)


async def test_a_sequence_that_two_use_is_refused_to_the_second_who_keeps_the_batch(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not taken for a repetition. Under a new session it is counted, once."""
    async with calling(fleet.port) as one, calling(fleet.port) as other:
        mine, its = measured(1, 3, 0), measured(1, 5, 0.3)
        await deliver(one, mine)
        await deliver(other, its)
        assert other.refused == [Refusal(sequence=1, reason=REUSED, needs_new_session=True)]
        assert one.refused == []
        await deliver(one, mine, measured(2, 3, 1))
        assert one.refused == []  # a repetition is one
        async with calling(fleet.port, session="session-2") as renewed:
            await deliver(renewed, its, measured(2, 5, 1.3))
            await deliver(one, measured(3, 3, 2))
    assert fleet.used() == 3 * 3 + 2 * 5
    assert await fleet.shows("wattgram_ingest_reused_sequences_total 1.0")
    assert await fleet.shows("wattgram_cloned_agents 1.0")
    assert await fleet.shows("wattgram_ingest_duplicate_batches_total 1.0")
    said = [record for record in caplog.records if "agent_cloned" in record.getMessage()]
    assert len(said) == 1
    assert f"host={HOST} agent_id=agent-1 session=session-1" in said[0].getMessage()


async def test_two_batches_under_one_number_in_one_commit_are_told_apart(fleet: Fleet) -> None:
    async with calling(fleet.port) as one, calling(fleet.port) as other:
        await one.send(encode_batch(measured(1, 3, 0)))
        await other.send(encode_batch(measured(1, 5, 0.3)))
        await one.until(1)
        await other.until(1)
    assert [len(one.refused), len(other.refused)] in ([0, 1], [1, 0])
    assert fleet.used() in (3, 5)


async def test_an_agent_is_told_at_hello_which_batches_it_has_not_delivered(fleet: Fleet) -> None:
    """It holds 1 to 3; somebody else delivered others under 2 and 3 while it was away."""
    async with calling(fleet.port) as one:
        await deliver(one, measured(1, 3, 0))
    async with calling(fleet.port) as other:
        await deliver(other, measured(2, 5, 1.3), measured(3, 5, 2.3))
    async with connected(fleet.port) as one:
        welcome = await one.greet(hello(host=HOST, first_sequence=1))
    assert welcome.applied_sequence == 3
    assert welcome.applied_starts_unix_nanoseconds == tuple(
        NOW + int(at * SECOND) for at in (2.3, 1.3, 0)
    )
    async with connected(fleet.port) as one:
        up_to_date = await one.greet(hello(host=HOST, first_sequence=4))
    assert up_to_date.applied_starts_unix_nanoseconds == ()


async def test_a_batch_over_time_that_the_other_has_measured_is_for_a_new_session(
    fleet: Fleet,
) -> None:
    """A memory snapshot was started twice: one boot, one session, and no number is the same."""
    async with calling(fleet.port) as one, calling(fleet.port) as other:
        await deliver(one, measured(1, 3, 0), measured(2, 3, 1))
        overlapping = measured(3, 5, 0, interval_microseconds=(2_500_000,))
        await deliver(other, overlapping)
        assert other.refused == [Refusal(sequence=3, reason="overlapping", needs_new_session=True)]
        assert fleet.used() == 6
        async with calling(fleet.port, session="session-2") as renewed:
            await deliver(renewed, overlapping)
            assert renewed.refused == []
        assert fleet.used() == 11
    assert await fleet.shows("wattgram_cloned_agents 1.0")
    assert await fleet.shows(
        f'wattgram_refused_batches_total{{host="{HOST}",reason="overlapping"}} 1'
    )


async def test_a_refused_batch_whose_acknowledgement_is_lost_is_not_taken_for_delivered(
    fleet: Fleet,
) -> None:
    """It is wanted under another session: sent again under this one it must not look done."""
    overlapping = measured(3, 5, 0, interval_microseconds=(2_500_000,))
    async with calling(fleet.port) as one, calling(fleet.port) as other:
        await deliver(one, measured(1, 3, 0), measured(2, 3, 1))
        await deliver(other, overlapping)
    async with calling(fleet.port) as again:
        await deliver(again, overlapping)
        assert again.refused == [Refusal(sequence=3, reason=REUSED, needs_new_session=True)]
    async with calling(fleet.port, session="session-2") as renewed:
        await deliver(renewed, overlapping)
    assert fleet.used() == 11


async def test_what_one_agent_says_over_one_stream_after_another_is_its_own_business(
    fleet: Fleet,
) -> None:
    """Two at once are needed to take one for two; else a clock could be made a clone."""
    async with calling(fleet.port) as first:
        await deliver(first, measured(1, 3, 0), measured(2, 3, 5))
        await first.end()
    async with calling(fleet.port) as second:
        await deliver(second, measured(3, 3, 1))
        assert second.refused == []
    assert fleet.used() == 9


async def test_an_agent_that_lost_its_connection_is_no_clone(fleet: Fleet) -> None:
    """Its old stream is open still, and it sends again what was not acknowledged."""
    async with calling(fleet.port) as old, calling(fleet.port) as new:
        await deliver(old, measured(1, 3, 0), measured(2, 3, 1))
        await deliver(new, measured(2, 3, 1), measured(3, 3, 2), measured(4, 3, 3))
        assert new.refused == []
    assert fleet.used() == 12
    assert await fleet.shows("wattgram_cloned_agents 0.0")


async def test_two_sessions_that_both_go_on_are_said(fleet: Fleet) -> None:
    """Each was copied before it had a spool: their data are apart, under one name."""
    async with calling(fleet.port) as one, calling(fleet.port, session="session-2") as other:
        await deliver(one, measured(1, 3, 0))
        await deliver(other, measured(1, 5, 0.3))
        assert await fleet.shows("wattgram_cloned_agents 0.0")
        await deliver(one, measured(2, 3, 1))
        assert await fleet.shows("wattgram_cloned_agents 1.0")
    assert fleet.used() == 11
    assert one.refused == other.refused == []


async def test_an_agent_whose_spool_was_lost_is_no_clone(fleet: Fleet) -> None:
    async with calling(fleet.port) as old:
        await deliver(old, measured(1, 3, 0), measured(2, 3, 1))
    for session in ("session-2", "session-3"):
        async with calling(fleet.port, session=session) as new:
            await deliver(new, measured(1, 3, 2), measured(2, 3, 3))
    assert await fleet.shows("wattgram_cloned_agents 0.0")


async def test_an_agent_that_was_restored_from_a_backup_goes_on_where_it_is_told(
    fleet: Fleet,
) -> None:
    """Its numbers begin where they were used before; Welcome says so and it numbers on."""
    async with calling(fleet.port) as one:
        await deliver(one, *(measured(number, 3, number) for number in range(1, 6)))
    async with calling(fleet.port, first_sequence=3) as restored:
        await deliver(restored, measured(6, 3, 9))
        assert restored.refused == []
        stubborn = measured(4, 7, 10)  # one that does not listen loses nothing either
        await restored.send(encode_batch(stubborn))
        await restored.ack()
        assert restored.refused == [Refusal(sequence=4, reason=REUSED, needs_new_session=True)]
    assert fleet.used() == 6 * 3


async def test_a_refused_batch_that_comes_again_is_refused_again(fleet: Fleet) -> None:
    """Its Ack was lost: the agent must hear the reason, or it would take it for delivered."""
    future = batch([1], start_boottime_nanoseconds=1 << 62)
    for _ in range(2):
        async with calling(fleet.port) as one:
            await deliver(one, future)
        assert one.refused == [Refusal(sequence=1, reason="future")]
    assert await fleet.shows(f'wattgram_refused_batches_total{{host="{HOST}",reason="future"}} 1')
