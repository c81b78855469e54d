"""The page of limits: every setting, what is beyond it, and which metric counts that."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Final, NamedTuple

from wattgram.settings import as_toml
from wattgram_collector.config import LimitSettings
from wattgram_collector.daemon import SERVER_OPTIONS
from wattgram_collector.exposition.families import HOST_FAMILIES
from wattgram_collector.ingest.admission import (
    BURST_SECONDS,
    CONNECTION_SHARE,
    ENOUGH_RATIO,
    HELD_MAX,
    HOLD_SECONDS,
    SHORT_RATIO,
    WHY,
)
from wattgram_collector.ingest.answers import REFUSALS_MAX, STUCK_SECONDS
from wattgram_collector.ingest.past import REMEMBERED, SESSIONS_REMEMBERED
from wattgram_collector.ingest.pressure import (
    AGENT_SHARE,
    BATCH_BURST_SECONDS,
    CPU_BURST_SECONDS,
    PAUSE_SECONDS_MAX,
)
from wattgram_collector.ingest.reckoning import (
    AGE_NANOSECONDS_MAX,
    DURATION_NANOSECONDS_MAX,
    FUTURE_NANOSECONDS_MAX,
    POWER_MICROWATTS_MAX,
    SLOTS_MAX,
    TRAFFIC_BYTES_PER_SECOND_MAX,
)
from wattgram_collector.ingest.service import HELLO_SECONDS
from wattgram_collector.ingest.stream import SEQUENCE_JUMP_MAX
from wattgram_collector.ingest.tables import SOURCES_MAX, TABLES_MAX

ROOT = Path(__file__).parents[2]
OPTIONS = dict(SERVER_OPTIONS)
EXPOSED = ROOT / "collector" / "wattgram_collector" / "exposition"
NANOSECONDS_PER_DAY = 86_400 * 10**9

Golden = Callable[[Path, str], None]


class Cost(NamedTuple):
    beyond: str
    metric: str


def _refused_batch(reason: str) -> Cost:
    return Cost("the batch is refused for good; its agent keeps it with its dead letters",
                f'wattgram_refused_batches_total{{reason="{reason}"}}')  # fmt: skip


def _refused_stream(reason: str) -> Cost:
    return Cost("the stream is refused, RESOURCE_EXHAUSTED; its agent tries again, batches wait "
                "in its spool",
                f'wattgram_ingest_refused_streams_total{{reason="{reason}"}}')  # fmt: skip


SLOWER: Final = Cost(
    "the agent's stream is read later and Ack tells it to pause; nothing is refused",
    "wattgram_ingest_slowed_seconds_total",
)
COSTS: Final = {
    "max_batch_bytes": _refused_batch("too_large"),
    "max_series": _refused_batch("too_many_series"),
    "max_intervals": _refused_batch("too_large"),
    "max_unacknowledged_batches": Cost("the stream is not read until some are committed", ""),
    "max_workloads": Cost("the energy of a new workload is in `other`",
                          "wattgram_ingest_folded_workloads_total"),
    "max_streams": _refused_stream("streams"),
    "max_streams_per_agent": Cost("the oldest stream of the agent is ended",
                                  'wattgram_ingest_cut_streams_total{reason="superseded"}'),
    "max_stream_openings_per_second": _refused_stream("openings"),
    "max_agents": _refused_stream("agents"),
    "max_sessions_per_agent_per_day": _refused_stream("sessions"),
    "max_agent_series": Cost("batches of a table with new series are refused; tables of series "
                             "that the agent has go on",
                             'wattgram_refused_batches_total{reason="too_many_series"}'),
    "max_batches_per_second": SLOWER,
    "max_cpu_ratio_per_agent": SLOWER,
    "max_message_bytes": Cost("the stream is ended, RESOURCE_EXHAUSTED, by gRPC", ""),
    "max_cells": _refused_batch("too_large"),
    "max_gaps": _refused_batch("too_large"),
    "max_gap_reasons": Cost("the reason, or the source of a reset, is counted as `other`",
                            "wattgram_ingest_folded_labels_total"),
    "max_garbage_messages": Cost("the stream is ended, INVALID_ARGUMENT",
                                 'wattgram_ingest_cut_streams_total{reason="garbage"}'),
    "max_bytes_in_flight": Cost("nothing more is read; above half of it every Ack says pause",
                                "wattgram_ingest_bytes_in_flight"),
    "max_age_days": _refused_batch("too_old"),
    "max_resident_bytes": Cost("no stream is let in, and those end that owe a Hello or were "
                               "silent longest; their agents come again",
                               'wattgram_ingest_cut_streams_total{reason="memory"}'),
}  # fmt: skip


def rows() -> list[str]:
    found = []
    for one in fields(LimitSettings):
        cost, default = COSTS[one.name], as_toml(getattr(LimitSettings(), one.name))
        metric = f"`{cost.metric}`" if cost.metric else ""
        found.append(f"| `limits.{one.name}` | {default} | {cost.beyond} | {metric} |")
    return found


def believed() -> list[str]:
    watts = POWER_MICROWATTS_MAX // 10**6
    days, longest = (
        nanoseconds // NANOSECONDS_PER_DAY
        for nanoseconds in (AGE_NANOSECONDS_MAX, DURATION_NANOSECONDS_MAX)
    )
    moved = TRAFFIC_BYTES_PER_SECOND_MAX
    return [
        f"- `future`: it ends more than {FUTURE_NANOSECONDS_MAX // 10**9} s from now.",
        f"- `too_old`: it began more than `limits.max_age_days` ({days} by default) ago.",
        f"- `too_long`: it covers more than {longest} days, or {SLOTS_MAX} cells of five minutes.",
        f"- `implausible_power`: a meter, or all that are counted, used more than {watts} W.",
        f"- `implausible_traffic`: the host moved more than {moved} bytes a second.",
        "- `duplicate_series`: one meter is counted in two columns.",
        "- `undecodable`: it breaks a rule of the protocol: quantities below zero or beyond 2^62,",
        "  intervals of no length, lengths that do not agree, text that is no UTF-8 or no label.",
        "- `overlapping`, `sequence_reused`: see below.",
    ]


PAGE: Final = """\
# Limits

Made from the settings and the code by `make docs`. Everything that an agent can ask for has a
bound; what is beyond it costs its sender, is counted, and harms nobody else.

| setting | default | beyond it | counted by |
|---|---|---|---|
{rows}

Bursts: openings {opening_burst} s worth, messages {batch_burst} s worth, CPU {cpu_burst} s. One
agent may have 1/{share} of what may be in flight. A pause is at most {pause} s.

One connection may open 1/{opening_share} of the streams that all may, and have {streams} at once.
Whoever opens too many is told so after {hold} s (at most {held} are kept waiting; more are told at
once), so that a flood on one connection is a trickle here, and takes nothing from the openings of
the others. A connection that does not begin to speak is closed after {handshake} s.

Memory is short from {short:.0%} of `limits.max_resident_bytes` until it is below {enough:.0%}.
It is looked at ten times a second, and streams are ended for it because only gRPC knows what a
message holds that never ends. Set it to at least twice of what your fleet needs (about 100 KiB
an agent).

Fixed: Hello comes within {hello} s. {tables} series tables are remembered of a stream, {sources}
sources are shown of a host. An agent that takes no acknowledgement for {stuck} s, or leaves
{refusals} refusals unread, has its stream ended
(`wattgram_ingest_cut_streams_total{{reason="slow_reader"}}`); so has one that finds no room for
{stuck} s (`reason="busy"`). A number that is {jump} beyond the last one is not answered: it would
end the session. Text that describes a host is cut to 200 characters and cleaned; a name that can
be no label is refused.

Why a stream is refused:

{reasons}

## What is believed of a batch

{believed}

A refused batch is counted in `wattgram_refused_batches_total`, and its agent is told why; the
stream goes on. Each reason is logged once for an agent.

## Two hosts with one identity

Virtual machines made from one image have the same agent id, and often the same spool. Both are
counted, as one host; `wattgram_cloned_agents` is not 0 and the log says `agent_cloned` with the
host. Delete `agent_id` and the spool in the state directory of each copy but one.

Nothing is lost meanwhile. A batch is known by its number and by when it began; the last
{remembered} of each of the last {sessions} sessions are remembered. Another batch under a number
that was used (`sequence_reused`), or over time that another open stream of the session has
delivered (`overlapping`), is no repetition: its agent is told so, gives itself a new session and
delivers it there.

After a restart the collector remembers what came since. Nothing is counted twice for that: a
number that the session has used is never added again, whoever sends it. But what the second of two
hosts held under numbers that the first had delivered before the restart is taken for a
repetition, and lost; the second finds out with the first batch that it delivers beside the other.
To keep 128 beginnings of each session in the ledger would cost every commit a kilobyte for each
agent, for a fault that is said and mended once.

An agent that was restored from an old copy is told at Hello how far its session is, and numbers
on from there.

## Versions

An agent says the newest and the oldest version of the protocol that it speaks; the newest that
both sides speak is used. If there is none, the stream is refused with FAILED_PRECONDITION, which
names both. What a newer side adds within a version is not in the way of an older one: a test reads
and answers with the descriptor of the first release.

## What it was measured at

`make bench` (part `flood`) prints it for your machine. On 2 shared CPUs with 100 honest
agents, whose batches wait a tenth of a second for their commit anyway: 2,000 openings a second
on 32 connections refused, acknowledgements within 0.3 s (p99), RSS 120 MiB; the same from one
connection 0.13 s. Two thousand messages that never end, a mebibyte each: RSS 243 MiB of 256
allowed, and some honest streams end with theirs and come again. One bad agent of any kind costs
the others less than 5 % (median). 5,000 agents were back 30 s after a restart, which their own
schedule spreads over 20 s.
"""


def test_the_page_of_limits_is_made_from_the_settings(golden: Golden) -> None:
    text = PAGE.format(
        rows="\n".join(rows()),
        believed="\n".join(believed()),
        reasons="\n".join(f"- `{reason}`: {text}." for reason, text in WHY.items()),
        opening_burst=BURST_SECONDS,
        batch_burst=BATCH_BURST_SECONDS,
        cpu_burst=f"{CPU_BURST_SECONDS:g}",
        share=AGENT_SHARE,
        pause=f"{PAUSE_SECONDS_MAX:g}",
        opening_share=CONNECTION_SHARE,
        streams=OPTIONS["grpc.max_concurrent_streams"],
        handshake=OPTIONS["grpc.server_handshake_timeout_ms"] // 1000,
        hold=f"{HOLD_SECONDS:g}",
        held=HELD_MAX,
        short=SHORT_RATIO,
        enough=ENOUGH_RATIO,
        hello=f"{HELLO_SECONDS:g}",
        tables=TABLES_MAX,
        sources=SOURCES_MAX,
        stuck=f"{STUCK_SECONDS:g}",
        refusals=REFUSALS_MAX,
        jump=SEQUENCE_JUMP_MAX,
        remembered=REMEMBERED,
        sessions=SESSIONS_REMEMBERED,
    )
    golden(ROOT / "docs" / "limits.md", text)


def test_every_limit_says_what_it_costs_in_a_metric_that_exists() -> None:
    assert set(COSTS) == {one.name for one in fields(LimitSettings)}
    own = set(re.findall(r'"(wattgram_\w+)"', "".join(
        path.read_text() for path in EXPOSED.glob("own*.py")
    )))  # fmt: skip
    known = own | {family.name for family in HOST_FAMILIES}
    for cost in COSTS.values():
        name = cost.metric.partition("{")[0].removesuffix("_total")
        assert not name or name in known, cost


def test_every_reason_on_the_page_is_one_that_a_stream_is_refused_for() -> None:
    named = {
        found[1]
        for cost in COSTS.values()
        if (found := re.search(r'refused_streams_total{reason="(\w+)"}', cost.metric))
    }
    assert named <= set(WHY)
