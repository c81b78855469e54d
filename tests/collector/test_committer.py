"""Group commit: one transaction for what comes together, and nothing past what failed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from builders import PACKAGE, SLOT, entry, used
from collector_fakes import TroubledLedger
from wattgram.handshake import HostFacts
from wattgram_collector.ingest.committer import CALLS_MAX, Committer
from wattgram_collector.ledger import Outcome

Said = list[tuple[int, bool | None]]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[TroubledLedger]:
    with closing(TroubledLedger(tmp_path / "ledger.sqlite")) as opened:
        for key in (1, 2):
            opened.enrol(f"agent-{key}", HostFacts(host=f"host-{key}"))
            opened.open_session(key, "session-1", 1)
            assert opened.series_keys(key, [PACKAGE]) == (key,)
        yield opened


def submit(committer: Committer, said: Said, *sequences: int, agent_key: int = 1) -> None:
    """Submit entries that note what became of them: new, a repetition, or None for a failure."""
    for sequence in sequences:

        def done(outcome: Outcome | None, sequence: int = sequence) -> None:
            said.append((sequence, outcome and outcome.is_new))

        one = entry(sequence, {(agent_key, SLOT): 1}, agent_key=agent_key)
        committer.submit(one, done)


async def test_what_comes_within_one_tick_shares_a_transaction(ledger: TroubledLedger) -> None:
    committer, said = Committer(ledger, tick_seconds=0), Said()
    submit(committer, said, 1, 2)
    submit(committer, said, 1, agent_key=2)
    assert said == []
    await committer.flush()
    assert said == [(1, True), (2, True), (1, True)]
    await committer.flush()
    assert committer.commits == 1
    await committer.close()


async def test_it_commits_by_itself_until_it_is_cancelled(ledger: TroubledLedger) -> None:
    committer = Committer(ledger, tick_seconds=0)
    running = asyncio.create_task(committer.run())
    for sequence in (1, 2, 3):
        done = asyncio.Event()
        committer.submit(entry(sequence), lambda _, done=done: done.set())
        await done.wait()
    running.cancel()
    await committer.close()
    assert committer.commits == 3


async def test_closing_commits_what_waits(ledger: TroubledLedger) -> None:
    committer, said = Committer(ledger, tick_seconds=0), Said()
    submit(committer, said, 1)
    await committer.close()
    assert said == [(1, True)]


async def test_what_came_while_a_commit_failed_fails_with_it(ledger: TroubledLedger) -> None:
    """Committed alone it would move the sequence past what failed, which is then never taken."""
    committer, said = Committer(ledger, tick_seconds=0), Said()
    ledger.entered.clear()
    ledger.go_on.clear()
    submit(committer, said, 1, 2)
    failing = asyncio.create_task(committer.flush())
    await asyncio.to_thread(ledger.entered.wait)
    submit(committer, said, 3)
    ledger.fails()
    ledger.go_on.set()
    await failing
    ledger.works()
    await committer.flush()
    assert said == [(1, None), (2, None), (3, None)]
    submit(committer, said, 1, 2, 3)
    await committer.close()
    assert said[3:] == [(1, True), (2, True), (3, True)]
    assert used(ledger.totals()[1]) == {PACKAGE: 3}
    assert ledger.totals()[1].tallies == {}


async def test_nothing_goes_past_a_commit_whose_end_nobody_saw(ledger: TroubledLedger) -> None:
    """Cancelled while it committed: it may have failed, and its batches will come again."""
    committer, said = Committer(ledger, tick_seconds=0), Said()
    ledger.go_on.clear()
    ledger.entered.clear()
    submit(committer, said, 1)
    running = asyncio.create_task(committer.run())
    await asyncio.to_thread(ledger.entered.wait)
    submit(committer, said, 2)
    running.cancel()
    await asyncio.wait([running])
    ledger.fails()
    ledger.go_on.set()
    await committer.call(ledger.works)
    await committer.close()
    assert said == []
    assert used(ledger.totals()[1]) == {}


async def test_it_says_once_that_the_ledger_fails_and_once_that_it_works(
    ledger: TroubledLedger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    committer, said = Committer(ledger, tick_seconds=0), Said()
    healthy = [committer.is_healthy]
    for fails in (True, True, False, False):
        ledger.fails() if fails else ledger.works()
        submit(committer, said, 1)
        await committer.flush()
        healthy.append(committer.is_healthy)
    await committer.close()
    assert healthy == [True, False, False, True, True]
    assert said == [(1, None), (1, None), (1, True), (1, False)]
    assert [record.getMessage() for record in caplog.records] == [
        "ledger_failed reason='disk full'",
        "ledger_works_again",
    ]
    assert (committer.commits, committer.failures) == (2, 2)


async def test_other_work_on_the_ledger_takes_its_turn(ledger: TroubledLedger) -> None:
    """SQLite is used by one thread at a time: an enrolment waits for the commit before it."""
    committer, said = Committer(ledger, tick_seconds=0), Said()
    ledger.entered.clear()
    ledger.go_on.clear()
    submit(committer, said, 1)
    committing = asyncio.create_task(committer.flush())
    await asyncio.to_thread(ledger.entered.wait)
    asking = asyncio.create_task(committer.call(lambda: used(ledger.totals()[1])))
    ledger.go_on.set()
    assert await asking == {PACKAGE: 1}
    await committing
    await committer.close()


async def test_a_commit_does_not_wait_for_a_crowd(ledger: TroubledLedger) -> None:
    """Each newcomer costs a transaction: whoever has batches to add waits for few of them."""
    committer, said, order = Committer(ledger, tick_seconds=0), Said(), []

    def newcomer(number: int) -> None:
        ledger.enrol(f"newcomer-{number}", HostFacts(host=f"newcomer-{number}"))
        order.append(len(ledger.groups))

    ledger.entered.clear()
    ledger.go_on.clear()
    crowd = [asyncio.ensure_future(committer.call(lambda n=n: newcomer(n))) for n in range(20)]
    await asyncio.to_thread(ledger.entered.wait)
    submit(committer, said, 1)
    committing = asyncio.ensure_future(committer.flush())
    await asyncio.sleep(0)
    ledger.go_on.set()
    await asyncio.gather(committing, *crowd)
    assert order == [0] * CALLS_MAX + [1] * (20 - CALLS_MAX)
    await committer.close()
