"""What is added for one agent: exact, whichever objects say the same terms and factor."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from builders import PACKAGE, UPTIME, entry, intensity, terms
from wattgram.handshake import HostFacts
from wattgram_collector.accounting.emissions import Account, Amount, PostingKey, Pricing
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensity import Intensity, Tier
from wattgram_collector.ledger import AgentTotals, Outcome
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.ledger.totals import Sum

TEXTS = ("44.18", "0", "0.1", "360", "123.4567890123", "1999.999")


def factor(text: str, tier: Tier = Tier.LIVE) -> Intensity:
    return intensity("FR", text, tier=tier)


def posted(totals: AgentTotals, *postings: tuple[PostingKey, int], now: int = UPTIME) -> None:
    for key, quantity in postings:
        one = replace(entry(1), usage={}, postings={key: quantity}, tallies={})
        totals.add(Outcome(one, is_new=True, missing=0), now)


def key(of: Intensity | None, under: Terms, account: Account = Account.HOST) -> PostingKey:
    return PostingKey(account, 1, under, of)


postings = st.lists(
    st.tuples(
        st.builds(
            key,
            # Made anew for each, so that hardly two are the same object.
            st.none() | st.builds(factor, st.sampled_from(TEXTS), st.sampled_from(Tier)),
            st.builds(terms, st.sampled_from(("FR", "DE"))),
            st.sampled_from(Account),
        ),
        st.integers(0, 2**60),
    ),
    max_size=60,
)


@given(postings)
def test_sums_are_what_the_fractions_of_every_posting_come_to(
    said: list[tuple[PostingKey, int]],
) -> None:
    expected: dict[Pricing, Amount] = {}
    for (account, _, under, of), quantity in said:
        pricing = Pricing.of(account, under, of)
        expected[pricing] = expected.get(pricing, Amount(0)).plus(quantity, of)
    added, restored = AgentTotals(), AgentTotals()
    posted(added, *said)
    for (account, _, under, of), quantity in said:
        restored.restore(Pricing.of(account, under, of), Amount(0).plus(quantity, of))
    assert added.postings == restored.postings == expected
    assert list(added.postings) == list(expected)  # a page says them in the order they came
    assert added.sums == restored.sums


def test_factors_that_live_no_longer_than_their_batch_are_not_taken_for_each_other() -> None:
    """Their identity may come again with another factor's: who remembers it must hold them."""
    totals, under = AgentTotals(), terms("FR")
    expected = Fraction(0)
    for number in range(500):
        posted(totals, (key(factor(f"{number}.5"), under), 2))
        expected += 2 * Fraction(2 * number + 1, 2)
    (amount,) = totals.postings.values()
    assert amount == Amount(1_000, expected)
    assert len(totals._places) <= 32


def test_a_sum_is_first_added_to_once_and_one_that_was_read_back_never() -> None:
    totals, under = AgentTotals(), terms("FR")
    totals.restore(Pricing.of(Account.RECEIVE, under, None), Amount(7))
    posted(totals, (key(factor("1"), under), 1), now=5)
    posted(totals, (key(factor("2"), under), 1), now=6)
    posted(totals, (key(None, under, Account.RECEIVE), 1), now=6)
    live = Pricing.of(Account.HOST, under, factor("1"))
    assert totals.first_added_nanoseconds == {live: 5}


def test_an_entry_that_is_not_new_adds_nothing() -> None:
    totals = AgentTotals()
    one = entry(1, {(PACKAGE, 1): 5}, postings={key(None, terms("FR")): 5})
    totals.add(Outcome(one, is_new=False, missing=0), UPTIME)
    assert totals == AgentTotals()


def test_sums_of_the_same_are_equal_however_they_were_scaled() -> None:
    one, other = Sum(), Sum()
    one.add(3, 1, 2)
    other.add(1, 1, 2)
    other.add(2, 50, 100)
    assert one == other
    other.add(0, 1, 7)
    assert one == other
    other.add(1, 0, 1)
    assert one != other


def test_one_commit_adds_up_what_other_objects_say_to_be_the_same(tmp_path: Path) -> None:
    """Rows are added up by identity first: equal terms and factors must still be one row."""
    with closing(SqliteLedger(tmp_path / "ledger.sqlite")) as ledger:
        agent = ledger.enrol("agent-1", HostFacts(host="alpha"))
        ledger.open_session(agent.key, "session-1", 1)
        ledger.apply(
            [
                replace(
                    entry(sequence, agent_key=agent.key),
                    usage={},
                    postings={key(factor("44.18"), terms("FR")): 2**40 + sequence},
                )
                for sequence in (1, 2, 3)
            ]
        )
        amount = Amount(3 * 2**40 + 6, (3 * 2**40 + 6) * Fraction("44.18"))
        assert list(ledger.totals()[agent.key].postings.values()) == [amount]
