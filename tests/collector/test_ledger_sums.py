"""What the ledger adds up by itself is what comes out when its rows are added up one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from threading import enumerate as threads
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import IDLE_SHARE, MODEL, PACKAGE, SLOT, WEB, apply, entry, intensity, terms
from ledger_files import MEMORY, change
from wattgram.handshake import HostFacts
from wattgram.readings import Quality
from wattgram_collector.accounting.emissions import Account, Amount, PostingKey
from wattgram_collector.accounting.slots import slot_start_unix_seconds
from wattgram_collector.intensity import Accounting, Intensity, Signal, Tier
from wattgram_collector.ledger import LedgerError, Trouble, sqlite_columns, sqlite_weighing
from wattgram_collector.ledger.restatement import Restatement
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.ledger.sqlite_meanings import Meanings
from wattgram_collector.ledger.sqlite_sums import SqliteSums
from wattgram_collector.ledger.statements import INTEGER_MAX
from wattgram_collector.ledger.sums import Family, WorkloadSum

UNCOUNTED = replace(PACKAGE, domain="core", counted=False)
LARGE = (1 << 62) + 12_345
SLOTS = range(SLOT, SLOT + 3)
FACTORS = (
    None,
    intensity("FR", "44.18"),
    intensity("FR", "7", tier=Tier.OPERATOR),
    intensity("FR", "0", accounting=Accounting.MARKET),
    intensity("DE", "341.5"),
    intensity("FR", "600", signal=Signal.MARGINAL),
)
TERMS = (terms("FR"), terms("DE"), terms("FR", network_zone="DE"))
KEYS = st.builds(
    PostingKey,
    st.sampled_from(Account),
    st.sampled_from(SLOTS),
    st.sampled_from(TERMS),
    st.sampled_from(FACTORS),
)
POSTED = st.dictionaries(KEYS, st.integers(0, LARGE), max_size=8)


@st.composite
def restatements(draw: st.DrawFn) -> Restatement:
    zone = draw(st.sampled_from(("FR", "DE")))
    signal = draw(st.sampled_from((Signal.AVERAGE, Signal.MARGINAL)))
    slots = draw(st.sets(st.sampled_from(SLOTS), min_size=1))
    grams = draw(st.sampled_from(("50", "60")))
    return Restatement(
        signal=signal,
        zone=zone,
        factors={slot: live(slot, grams, zone, signal=signal) for slot in slots},
        begun_unix_seconds=1,
        reason="test",
        first_open_slot=draw(st.sampled_from((0, SLOT + 1))),
    )


def live(slot: int, grams: str, zone: str, **changes: Any) -> Intensity:
    start = slot_start_unix_seconds(slot)
    return intensity(
        zone, grams, tier=Tier.LIVE, valid_from_unix_seconds=start,
        valid_until_unix_seconds=start + 300, **changes,
    )  # fmt: skip


@contextmanager
def stored(directory: Path) -> Iterator[SqliteLedger]:
    with closing(SqliteLedger(directory / "ledger.sqlite")) as ledger:
        for number in (1, 2, 3):
            ledger.enrol(f"agent-{number}", HostFacts(host=f"host-{number}"))
            ledger.open_session(number, "session-1", 1)
        yield ledger


def summed(
    ledger: SqliteLedger, first: int, end: int, groups: Mapping[int, int], *, by_slot: bool
) -> Counter[tuple[object, ...]]:
    found: Counter[tuple[object, ...]] = Counter()
    for row in ledger.posted(first, end):
        if row.agent_key in groups:
            slot = row.slot if by_slot else None
            key = groups[row.agent_key], slot, row.account, row.terms, row.restated
            found[key] += row.quantity
    return found


@given(
    posted=st.lists(POSTED, min_size=1, max_size=4),
    restated=st.lists(restatements(), max_size=3),
    late=POSTED,
    end=st.sampled_from((SLOT + 1, SLOT + 3)),
    groups=st.none() | st.dictionaries(st.integers(1, 3), st.integers(7, 8)),
)
def test_sums_are_those_of_the_rows(
    posted: list[dict[PostingKey, int]],
    restated: list[Restatement],
    late: dict[PostingKey, int],
    end: int,
    groups: dict[int, int] | None,
) -> None:
    """However large, restated, frozen, final or late."""
    with TemporaryDirectory(dir=MEMORY) as directory, stored(Path(directory)) as ledger:
        for number, some in enumerate(posted):
            apply(ledger, [entry(number + 1, agent_key=number % 2 + 1, postings=some)])
        for one in restated:
            ledger.restate(one)
        apply(ledger, [entry(1, agent_key=3, postings=late)])
        with closing(SqliteSums(Path(directory, "ledger.sqlite"))) as sums:
            for by_slot in (False, True):
                found: Counter[tuple[object, ...]] = Counter()
                for group, *key, quantity in sums.posted_sums(
                    SLOT, end, by_slot=by_slot, groups=groups
                ):
                    assert (group, *key) not in found
                    found[group, *key] = quantity
                each = {key: 0 if by_slot else key for key in (1, 2, 3)}
                chosen = each if groups is None else groups
                assert found == summed(ledger, SLOT, end, chosen, by_slot=by_slot)
                if groups is None:
                    own = ledger.posted_sums(SLOT, end, by_slot=by_slot)
                    assert found == {tuple(key): quantity for *key, quantity in own}


@given(
    posted=st.lists(POSTED, min_size=1, max_size=4),
    restated=st.lists(restatements(), max_size=3),
    late=POSTED,
    end=st.sampled_from((SLOT + 1, SLOT + 3)),
    bits=st.sampled_from((0, 30)),
    rows_bits=st.sampled_from((0, 20)),
)
def test_weighed_sums_are_those_of_the_rows(
    posted: list[dict[PostingKey, int]],
    restated: list[Restatement],
    late: dict[PostingKey, int],
    end: int,
    bits: int,
    rows_bits: int,
) -> None:
    """Exactly, whichever way: with groups or without, in SQLite or, for long decimals and
    more rows than it has room for, beside."""
    expected: dict[tuple[object, ...], Amount] = {}
    factors: dict[tuple[object, ...], set[Intensity | None]] = {}
    with (
        TemporaryDirectory(dir=MEMORY) as directory,
        stored(Path(directory)) as ledger,
        pytest.MonkeyPatch.context() as patched,
    ):
        patched.setattr(sqlite_weighing, "_NUMBER_BITS_MAX", bits)
        patched.setattr(sqlite_weighing, "_ROWS_BITS", rows_bits)
        for number, some in enumerate(posted):
            apply(ledger, [entry(number + 1, agent_key=number % 2 + 1, postings=some)])
        for one in restated:
            ledger.restate(one)
        apply(ledger, [entry(1, agent_key=3, postings=late)])
        for row in ledger.posted(SLOT, end):
            family = row.restated and Family.of(row.restated)
            key = row.agent_key, row.account, row.terms, family
            expected[key] = expected.get(key, Amount(0)).plus(row.quantity, row.restated)
            factors.setdefault(key, set()).add(row.restated)
        with closing(SqliteSums(Path(directory, "ledger.sqlite"))) as sums:
            found = list(sums.weighed_sums(SLOT, end, accounts=list(Account)))
            some_agents = list(
                sums.weighed_sums(SLOT, end, accounts=[Account.HOST], agents=[3, 1])
            )
    assert {(one.agent_key, *one[1:4]): one.amount for one in found} == expected
    assert len(found) == len(expected)
    for one in found:
        of = factors[one.agent_key, one.account, one.terms, one.family]
        assert one.factor == (next(iter(of)) if len(of) == 1 else None)
    hosts = [one for one in found if one.account is Account.HOST]
    assert some_agents == [one for key in (3, 1) for one in hosts if one.agent_key == key]


@pytest.mark.parametrize("rows_bits", [0, 20])
def test_a_year_of_the_largest_is_weighed_exactly(
    tmp_path: Path, rows_bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As much as a row can hold, in every row, at a factor that is not small."""
    monkeypatch.setattr(sqlite_weighing, "_ROWS_BITS", rows_bits)
    great = intensity("FR", "1999.9999")
    key = PostingKey(Account.HOST, SLOT, terms("FR"), great)
    with stored(tmp_path) as ledger:
        some = {key._replace(slot=SLOT + number): INTEGER_MAX for number in range(300)}
        apply(ledger, [entry(1, postings=some)])
        with closing(SqliteSums(tmp_path / "ledger.sqlite")) as sums:
            (found,) = sums.weighed_sums(SLOT, SLOT + 300, accounts=[Account.HOST])
    assert found.amount == Amount(0).plus(300 * INTEGER_MAX, great)
    assert found.factor == great


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two hosts over two slots: a measured meter, a modelled one, and a workload of each."""
    with stored(tmp_path) as ledger:
        usage = {(PACKAGE, SLOT): LARGE, (PACKAGE, SLOT + 1): 5, (MODEL, SLOT): 3,
                 (WEB, SLOT): 2, (IDLE_SHARE, SLOT): 9, (UNCOUNTED, SLOT): 100}  # fmt: skip
        apply(ledger, [entry(1, usage, factor=FACTORS[1])])
        apply(ledger, [entry(1, {(PACKAGE, SLOT): LARGE, (WEB, SLOT): 8}, agent_key=2)])
    return tmp_path / "ledger.sqlite"


def test_counted_energy_is_summed_by_how_well_it_is_known(path: Path) -> None:
    with closing(SqliteSums(path)) as sums:
        assert set(sums.counted_sums(SLOT, SLOT + 2, by_slot=False)) == {
            (1, None, Quality.MEASURED, LARGE + 5),
            (1, None, Quality.MODELLED, 3),
            (2, None, Quality.MEASURED, LARGE),
        }
        assert set(sums.counted_sums(SLOT, SLOT + 1, by_slot=True)) == {
            (0, SLOT, Quality.MEASURED, 2 * LARGE),
            (0, SLOT, Quality.MODELLED, 3),
        }
        assert set(sums.counted_sums(SLOT + 1, SLOT + 2, by_slot=True, groups={1: 4})) == {
            (4, SLOT + 1, Quality.MEASURED, 5)
        }


def test_workloads_of_a_name_are_one_and_the_greatest_come_first(path: Path) -> None:
    with closing(SqliteSums(path)) as sums:
        web = WorkloadSum(WEB.domain, WEB.instance, 2, 10)
        idle = WorkloadSum(IDLE_SHARE.domain, IDLE_SHARE.instance, 1, 9)
        assert sums.workload_sums(SLOT, SLOT + 2, 9) == [web, idle]
        assert sums.workload_sums(SLOT, SLOT + 2, 1) == [web]
        assert sums.workload_sums(SLOT + 1, SLOT + 2, 9) == []


def test_a_look_is_of_one_instant_in_another_thread_while_more_comes(path: Path) -> None:
    meanings = Meanings()
    found: list[int] = []

    def look(sums: SqliteSums) -> None:
        with closing(sums):
            rows = sums.posted_sums(SLOT + 1, SLOT + 2, by_slot=True)
            found.append(sum(row.quantity for row in rows))

    def at_once(sums: SqliteSums) -> None:
        thread = Thread(target=look, args=(sums,))
        thread.start()
        thread.join()

    with closing(SqliteLedger(path)) as ledger:
        before = SqliteSums(path, meanings)
        apply(ledger, [entry(2, {(PACKAGE, SLOT + 1): 7}, factor=FACTORS[4])])
        at_once(before)
        at_once(SqliteSums(path, meanings))
    assert found == [5, 12]


def test_where_there_is_no_ledger_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(LedgerError) as refused:
        SqliteSums(tmp_path / "ledger.sqlite")
    assert refused.value.trouble is Trouble.ABSENT


@pytest.mark.parametrize("bits", [0, 30])
def test_energy_whose_factor_is_gone_is_not_left_out(
    path: Path, bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_weighing, "_NUMBER_BITS_MAX", bits)
    change(path, "DELETE FROM factors")
    with closing(SqliteSums(path)) as sums, pytest.raises(LedgerError, match="factor") as refused:
        list(sums.weighed_sums(SLOT, SLOT + 2, accounts=[Account.HOST]))
    assert refused.value.trouble is Trouble.DAMAGED


def test_a_damaged_row_is_said(path: Path) -> None:
    change(path, "UPDATE terms SET text = 'nonsense' || key")
    with closing(SqliteSums(path)) as sums, pytest.raises(LedgerError) as refused:
        list(sums.posted_sums(SLOT, SLOT + 2, by_slot=True))
    assert refused.value.trouble is Trouble.DAMAGED


@given(
    posted=st.lists(POSTED, min_size=1, max_size=4),
    restated=st.lists(restatements(), max_size=3),
    late=POSTED,
    layouts=st.sampled_from((1, 64)),
)
@settings(max_examples=25)
def test_columns_are_the_rows(
    posted: list[dict[PostingKey, int]],
    restated: list[Restatement],
    late: dict[PostingKey, int],
    layouts: int,
) -> None:
    """Of some accounts and slots, in order; weighed they are the weighed sums."""
    accounts = [one for one in Account if one is not Account.NETWORK]
    with (
        TemporaryDirectory(dir=MEMORY) as directory,
        stored(Path(directory)) as ledger,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sqlite_columns, "_LAYOUTS_KEPT", layouts)
        for number, some in enumerate(posted):
            apply(ledger, [entry(number + 1, agent_key=number % 2 + 1, postings=some)])
        for one in restated:
            ledger.restate(one)
        apply(ledger, [entry(1, agent_key=3, postings=late)])
        rows = [row for row in ledger.posted(SLOT, SLOT + 2) if row.account in accounts]
        with closing(SqliteSums(Path(directory, "ledger.sqlite"))) as sums:
            found = list(
                sums.posted_columns(SLOT, SLOT + 2, accounts=accounts, agents=[3, 1, 2, 9])
            )
            weighed = list(sums.weighed_sums(SLOT, SLOT + 2, accounts=accounts, agents=[1, 2, 3]))
            spans = sums.posted_spans([1, 2, 3, 9])
            assert [one.host for one in sums.agents()] == ["host-1", "host-2", "host-3"]
    assert [one.agent_key for one in found] == [3, 1, 2, 9]
    assert found[-1].columns == []
    listed = Counter(
        (one.agent_key, column.account, column.terms, slot, priced.factor, quantity)
        for one in found
        for column in one.columns
        for slot, priced, quantity in zip(
            column.pattern.slots, column.pattern.factors, column.quantities, strict=True
        )
    )
    assert listed == Counter(
        (row.agent_key, row.account, row.terms, row.slot, row.restated, row.quantity)
        for row in rows
    )
    made = {
        (one.agent_key, column.account, column.terms, rates.family): amount
        for one in found
        for column in one.columns
        for rates, amount in column.pattern.weigh(column.quantities)
    }
    assert made == {
        (one.agent_key, one.account, one.terms, one.family): one.amount for one in weighed
    }
    for agent, (first, last) in spans.items():
        assert first <= min((row.slot for row in rows if row.agent_key == agent), default=first)
        assert last >= max((row.slot for row in rows if row.agent_key == agent), default=last)


def test_what_was_bought_or_said_by_the_operator_is_not_restated_in_columns(
    tmp_path: Path,
) -> None:
    kept = [
        PostingKey(Account.MARKET, SLOT, TERMS[0], FACTORS[3]),
        PostingKey(Account.HOST, SLOT, TERMS[0], FACTORS[2]),
    ]
    moved = [
        PostingKey(Account.MARKET, SLOT, TERMS[0], FACTORS[1]),
        PostingKey(Account.RECEIVE, SLOT, TERMS[0], None),
        PostingKey(Account.HOST, SLOT, TERMS[0], FACTORS[1]),
    ]
    news = live(SLOT, "60", "FR")
    with stored(tmp_path) as ledger:
        apply(ledger, [entry(1, postings=dict.fromkeys((*kept, *moved), 5))])
        ledger.restate(
            Restatement(signal=Signal.AVERAGE, zone="FR", factors={SLOT: news},
                        begun_unix_seconds=1, reason="test", first_open_slot=0)
        )  # fmt: skip
    with closing(SqliteSums(tmp_path / "ledger.sqlite")) as sums:
        (found,) = sums.posted_columns(SLOT, SLOT + 1, accounts=list(Account), agents=[1])
    priced = {
        (column.account, one.factor) for column in found.columns for one in column.pattern.factors
    }
    assert priced == {
        *((one.account, one.factor) for one in kept),
        *((one.account, news) for one in moved),
    }


@pytest.mark.parametrize("value", ["NULL", "'x'", "1.5", "x'00'"])
def test_columns_of_a_damaged_file_are_refused(tmp_path: Path, value: str) -> None:
    with stored(tmp_path) as ledger:
        one = PostingKey(Account.HOST, SLOT, TERMS[0], None)
        apply(ledger, [entry(1, postings={one: 5})])
    change(tmp_path / "ledger.sqlite", "PRAGMA ignore_check_constraints = ON",
           "PRAGMA writable_schema = ON",
           "UPDATE sqlite_master SET sql = replace(sql, 'quantity INTEGER NOT NULL', 'quantity')"
           " WHERE name = 'postings'")  # fmt: skip
    change(tmp_path / "ledger.sqlite", f"UPDATE postings SET quantity = {value}")  # noqa: S608
    with (
        closing(SqliteSums(tmp_path / "ledger.sqlite")) as sums,
        pytest.raises(LedgerError) as raised,
    ):
        list(sums.posted_columns(SLOT, SLOT + 1, accounts=[Account.HOST], agents=[1]))
    assert raised.value.trouble is Trouble.DAMAGED


def test_qualities_are_of_the_counted_meters_that_were_read(tmp_path: Path) -> None:
    with stored(tmp_path) as ledger:
        apply(ledger, [entry(1, {(PACKAGE, SLOT): 5, (UNCOUNTED, SLOT): 5})])
        apply(ledger, [entry(2, {(MODEL, SLOT + 1): 5})])
    with closing(SqliteSums(tmp_path / "ledger.sqlite")) as sums:
        assert sums.counted_qualities(1, SLOT, SLOT + 1) == {Quality.MEASURED}
        assert sums.counted_qualities(1, SLOT, SLOT + 2) == {Quality.MEASURED, Quality.MODELLED}
        assert sums.counted_qualities(1, SLOT + 2, SLOT + 3) == frozenset()
        assert sums.counted_qualities(2, SLOT, SLOT + 2) == frozenset()


@pytest.mark.parametrize("safety", [1, 3])
def test_a_reading_that_is_given_up_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, safety: int
) -> None:
    """Whether SQLite may work ahead in a thread of its own or not."""
    monkeypatch.setattr("sqlite3.threadsafety", safety)
    with stored(tmp_path) as ledger:
        for agent in (1, 2, 3):
            one = PostingKey(Account.HOST, SLOT, TERMS[0], FACTORS[1])
            apply(ledger, [entry(1, agent_key=agent, postings={one: agent})])
    sums = SqliteSums(tmp_path / "ledger.sqlite")
    found = sums.posted_columns(SLOT, SLOT + 1, accounts=[Account.HOST], agents=[3, 2, 1])
    assert next(found).columns[0].quantities == [3]
    sums.close()
    with pytest.raises((LedgerError, RuntimeError, CancelledError)):
        list(found)
    assert not [one for one in threads() if one.name.startswith("ledger-columns")]
