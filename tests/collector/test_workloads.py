"""Shares of energy at the collector: kept, shown, limited, and never part of the host's sum."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from builders import (
    CORE,
    GPU,
    IDLE_SHARE,
    NOW,
    PACKAGE,
    SECOND,
    SLOT,
    WEB,
    Book,
    apply,
    batch,
    entry,
    hello,
    intensity,
    record,
    reported,
    small_fleet,
    table,
    terms,
    told,
    used,
)
from collector_fakes import calling, configured, page
from wattgram.handshake import HostFacts
from wattgram.readings import Reach, Series
from wattgram.wire import encode_batch, encode_series
from wattgram.workloads import BUCKETS, OTHER, Workload, WorkloadKind, series_of
from wattgram_collector.accounting.emissions import Books
from wattgram_collector.config import ExpositionSettings, LimitSettings
from wattgram_collector.daemon import serving
from wattgram_collector.exposition import families as names
from wattgram_collector.exposition.metrics import collect
from wattgram_collector.ingest.agents import Agent
from wattgram_collector.ingest.folding import fold
from wattgram_collector.ingest.reckoning import AgentClock, reckon
from wattgram_collector.ledger.sqlite import SqliteLedger

OTHER_SHARE = series_of(OTHER)


def unit(name: object) -> Series:
    return series_of(Workload(WorkloadKind.SYSTEMD, f"{name}.service"))


# ── shown ────────────────────────────────────────────────────────────────────────────────


def test_a_share_is_shown_by_workload_and_is_not_part_of_the_host() -> None:
    agent = reported(
        record(), (table(PACKAGE, WEB, IDLE_SHARE), batch([9_000_000], [4_000_000], [5_000_000]))
    )
    found = {family: dict(samples) for family, samples in collect([agent], NOW)}

    assert found[names.WORKLOAD_ENERGY] == {
        ("alpha", "container", "web (1a2b3c4d5e6f)"): 4,
        ("alpha", "idle", "idle"): 5,
    }
    assert found[names.HOST_ENERGY] == {("alpha", "measured"): 9}
    assert found[names.COMPONENT_ENERGY] == {("alpha", "cpu", "rapl"): 9}
    assert found[names.UNPRICED] == {}


def test_the_shares_of_a_host_add_up_to_it() -> None:
    found = {family: dict(samples) for family, samples in collect(small_fleet()[:1], NOW)}

    assert sum(found[names.WORKLOAD_ENERGY].values()) == sum(found[names.HOST_ENERGY].values())


def test_meters_are_shown_by_themselves_only_where_they_are_asked_for() -> None:
    agent = reported(
        record(), (table(PACKAGE, CORE, WEB), batch([9_000_000], [4_000_000], [5_000_000]))
    )
    found = [dict(collect([agent], NOW, sensors=sensors)) for sensors in (False, True)]

    assert found[0][names.SENSOR_ENERGY] == {}
    assert found[1][names.SENSOR_ENERGY] == {
        ("alpha", "rapl", "package/0"): 9,
        ("alpha", "rapl", "core/0"): 4,
    }


def test_a_meter_that_was_counted_and_is_not_any_more_is_one_sensor() -> None:
    spare = replace(PACKAGE, counted=False)
    agent = reported(
        record(),
        (table(PACKAGE), batch([9_000_000])),
        (table(spare), batch([4_000_000], sequence=2)),
    )
    found = dict(collect([agent], NOW, sensors=True))

    assert found[names.SENSOR_ENERGY] == {("alpha", "rapl", "package/0"): 13}
    assert found[names.HOST_ENERGY] == {("alpha", "measured"): 9}


def test_a_share_over_the_whole_batch_does_not_hide_the_hosts_power() -> None:
    """It reaches back over intervals in which every counted meter was read."""
    shared = batch(
        [2_000_000, 4_000_000], [None, 6_000_000], reaches=(Reach(cell=3, nanoseconds=SECOND),)
    )
    agent = reported(record(), (table(PACKAGE, WEB), shared))
    own = batch([None, 6_000_000], [1, 1], reaches=(Reach(cell=1, nanoseconds=SECOND),))
    reached = reported(record(), (table(PACKAGE, WEB), own))

    assert agent.power_microwatts == 3_000_000
    assert reached.power_microwatts is None


# ── kept ─────────────────────────────────────────────────────────────────────────────────


def test_a_workload_that_ended_keeps_its_joules_over_a_restart(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    alpha = ledger.enrol("agent-1", HostFacts(host="alpha"))
    apply(ledger, [entry(1, {(WEB, SLOT): 7, (PACKAGE, SLOT): 9}, agent_key=alpha.key)])
    apply(ledger, [entry(2, {(PACKAGE, SLOT + 1): 9}, agent_key=alpha.key)])
    ledger.close()
    again = SqliteLedger(tmp_path / "ledger.sqlite")
    totals = again.totals()[alpha.key]
    again.close()

    assert used(totals) == {WEB: 7, PACKAGE: 18}
    agent = Agent(alpha, totals, last_seen_unix_nanoseconds=NOW)
    found = dict(collect([agent], NOW))
    assert set(found[names.WORKLOAD_ENERGY]) == {("alpha", "container", "web (1a2b3c4d5e6f)")}


# ── limited ──────────────────────────────────────────────────────────────────────────────


def test_workloads_beyond_the_limit_are_kept_as_other() -> None:
    said = (PACKAGE, unit(1), unit(2), unit(3), OTHER_SHARE)

    assert fold(said, [], 2) == (PACKAGE, unit(1), unit(2), OTHER_SHARE, OTHER_SHARE)


def test_workloads_that_a_host_has_had_stay_and_count_towards_the_limit() -> None:
    known = [PACKAGE, unit(7), unit(8), *map(series_of, BUCKETS)]

    assert fold((unit(1), unit(8)), known, 2) == (OTHER_SHARE, unit(8))
    assert fold((unit(1), unit(8)), known, 3) == (unit(1), unit(8))


def test_meters_and_buckets_are_not_limited() -> None:
    counted = replace(unit(1), counted=True)
    said = (PACKAGE, CORE, GPU, counted, *map(series_of, BUCKETS))

    assert fold(said, [unit(9)], 1) == said


@given(st.lists(st.integers(0, 9), unique=True), st.lists(st.integers(0, 9)), st.integers(1, 9))
def test_no_more_than_the_limit_are_ever_known(
    told_now: list[int], had: list[int], limit: int
) -> None:
    known = set(map(unit, had))
    filed = fold(list(map(unit, told_now)), known, limit)

    assert len(filed) == len(told_now)
    assert len((known | set(filed)) - {OTHER_SHARE}) <= max(limit, len(known))


def test_columns_that_are_kept_as_one_are_added_up() -> None:
    of = table(PACKAGE, unit(1), unit(2), OTHER_SHARE)
    filed = (PACKAGE, OTHER_SHARE, OTHER_SHARE, OTHER_SHARE)
    some = batch([9], [1], [None], [4])
    added = reckon(
        some,
        told(of)._replace(series_keys=filed, filed=filed),  # type: ignore[arg-type]
        agent_key=1,
        session="s",
        terms=terms(),
        clock=AgentClock.of(hello(), NOW),
        books=Books(Book([intensity()])),
        now_unix_nanoseconds=NOW,
    )

    assert {series: quantity for (series, _), quantity in added.usage.items()} == {
        PACKAGE: 9, OTHER_SHARE: 5
    }  # fmt: skip


async def test_a_host_cannot_make_more_workloads_than_the_collector_allows(
    tmp_path: Path,
) -> None:
    """Over several tables, a new stream and a restart of the collector."""
    config = configured(
        tmp_path,
        limits=LimitSettings(max_workloads=2),
        exposition=ExpositionSettings(zero_seconds=0),
    )
    for run in range(2):
        ledger = SqliteLedger(tmp_path / "ledger.sqlite")
        async with serving(config, ledger) as (grpc_port, http_port):
            first = table(PACKAGE, unit(0), unit(10 * run + 1), unit(10 * run + 2))
            async with calling(grpc_port, of=first, session=f"s{run}") as caller:
                for number in (1, 2):
                    if number == 2:
                        await caller.send(encode_series(replace(first, number=2)))
                    some = batch([9_000_000], *[[1_000_000]] * 3, sequence=number,
                                 series_number=number)  # fmt: skip
                    await caller.send(encode_batch(some))
                await caller.until(2)
                text = await page(http_port, "/metrics")
        ledger.close()
    shown = [line for line in text.splitlines() if line.startswith("wattgram_workload_energy")]

    assert [line.split('kind="')[1] for line in sorted(shown)] == [
        'other",workload="other"} 6',
        'systemd",workload="0.service"} 4',
        'systemd",workload="1.service"} 2',
    ]
    assert "wattgram_ingest_folded_workloads_total 2" in text
    assert "wattgram_sensor_energy" not in text


async def test_the_operator_may_ask_for_every_meter(tmp_path: Path) -> None:
    exposition = ExpositionSettings(zero_seconds=0, sensors=True)
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    async with (
        serving(configured(tmp_path, exposition=exposition), ledger) as ports,
        calling(ports[0], of=table(PACKAGE, CORE)) as caller,
    ):
        await caller.send(encode_batch(batch([9_000_000], [1_000_000])))
        await caller.until(1)
        text = await page(ports[1], "/metrics")
    ledger.close()

    assert 'sensor="core/0"} 1' in text
