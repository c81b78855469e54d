"""PURE. Wattgram's own health: whether it takes, keeps and answers, and what that costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from wattgram_grafana.assembly import Board
from wattgram_grafana.promql import JOB, metric, rate
from wattgram_grafana.spec import BAD, FAIR, GOOD, Column, Query, series, stacked, stat, table

NOT_SCRAPED: Final = "unknown: the collector is not scraped"
NOT_PUSHED: Final = "None: nothing is pushed, the collector is only scraped."
NO_CERTIFICATE: Final = "None: no certificate is used on this collector."


def _of(name: str, more: str = "") -> str:
    return metric(name, more, JOB)


def _each(name: str, legend: str, by: str = "") -> Query:
    """Return the rate of one of the collector's own counters."""
    grouping = f" by ({by})" if by else ""
    return Query(f"sum{grouping} ({rate(_of(name))})", legend)


_STATS: Final = (
    replace(
        stat("Ledger", f"min({_of('ledger_writable')})", "none",
             "Whether the ledger takes batches. While it does not, agents keep theirs.",
             NOT_SCRAPED),
        base=BAD, steps=((1, GOOD),), states={1: ("takes", GOOD), 0: ("refuses", BAD)},
    ),
    replace(
        stat("Configuration", f"min({_of('config_last_reload_successful')})", "none",
             "Whether all that was read again last could be used.", NOT_SCRAPED),
        base=BAD, steps=((1, GOOD),), states={1: ("as it is written", GOOD), 0: ("refused", BAD)},
    ),
    stat("Agents reporting", f"sum({_of('agent_up')})", "none",
         "Agents that are not late.", "None: no agent was ever here."),
    stat("Batches a second", f"sum({rate(_of('ingest_batches_total'))})", "suffix: /s",
         "Batches received a second, repeated ones too.", NOT_SCRAPED),
    replace(
        stat("First certificate to end",
             f"min({_of('certificate_expiry_timestamp_seconds')}) - time()", "s",
             "Time until the first of the collector's certificates ends.", NO_CERTIFICATE),
        base=BAD, steps=((0, FAIR), (14 * 86_400, GOOD)),
    ),
    stat("Memory", f"max(process_resident_memory_bytes{{{JOB}}})", "bytes",
         "Resident memory of the collector.", NOT_SCRAPED),
)  # fmt: skip

_TAKING: Final = (
    series(
        "Batches", "suffix: /s",
        "Received; those that were in the ledger already; numbers used twice; transactions.",
        NOT_SCRAPED,
        _each("ingest_batches_total", "received"),
        _each("ingest_duplicate_batches_total", "repeated"),
        _each("ingest_reused_sequences_total", "number used before"),
        _each("ledger_commits_total", "transactions"),
    ),
    series(
        "Refusals and failures", "suffix: /s", "All of these are 0 on a good day.", NOT_SCRAPED,
        _each("ledger_failures_total", "transactions that failed"),
        _each("ingest_undecodable_messages_total", "messages that make no sense"),
        _each("ingest_refused_streams_total", "streams refused: {{reason}}", "reason"),
        _each("ingest_cut_streams_total", "streams ended: {{reason}}", "reason"),
    ),
)  # fmt: skip

_KEEPING: Final = (
    stacked("Ledger files", "bytes", "Size of the ledger on its disk, by file.", NOT_SCRAPED,
            Query(f"sum by (file) ({_of('ledger_size_bytes')})", "{{file}}")).sized(8),
    series("Waits for the ledger", "bytes",
           "Bytes that are received and not committed; limits.max_bytes_in_flight is the most.",
           NOT_SCRAPED, Query(f"sum({_of('ingest_bytes_in_flight')})", "in flight")).sized(8),
    series("Held back", "percentunit",
           "Part of the time for which agents or readers that cost too much were not served.",
           NOT_SCRAPED,
           _each("ingest_slowed_seconds_total", "streams of agents"),
           _each("http_slowed_seconds_total", "HTTP connections")).sized(8),
)  # fmt: skip

_COST: Final = (
    series("CPU", "percentunit", "Parts of one CPU that the collector takes.", NOT_SCRAPED,
           Query(f"sum by (instance) (rate(process_cpu_seconds_total{{{JOB}}}"
                 "[$__rate_interval]))", "{{instance}}")).sized(8),
    series("Memory of the collector", "bytes", "Resident memory of the collector.", NOT_SCRAPED,
           Query(f"max by (instance) (process_resident_memory_bytes{{{JOB}}})",
                 "{{instance}}")).sized(8),
    series("Agents: CPU", "percentunit",
           "Part of one CPU that an agent takes: the mean, and the most that one takes.",
           "unknown: no agent reports",
           Query(f"avg({rate(_of('agent_cpu_seconds_total'))})", "mean"),
           Query(f"max({rate(_of('agent_cpu_seconds_total'))})", "most")).sized(8),
)  # fmt: skip

_DOORS: Final = (
    series("Connections", "none",
           "Open now. An agent without TLS opens a stream for each delivery, and is seldom seen.",
           NOT_SCRAPED,
           Query(f"sum({_of('http_connections')})", "HTTP"),
           Query(f"sum({_of('ingest_streams')})", "streams of agents")).sized(8),
    series("Not let in", "suffix: /s",
           "HTTP requests and agents without a right to come in, by reason.", NOT_SCRAPED,
           _each("http_refused_total", "HTTP: {{reason}}", "reason"),
           _each("http_cut_connections_total", "HTTP ended: {{reason}}", "reason"),
           _each("ingest_refused_certificates_total", "agent: {{reason}}", "reason")).sized(8),
    series("Kept together", "suffix: /s",
           "Workloads and reasons beyond the limits: their energy and time are in `other`.",
           NOT_SCRAPED,
           _each("ingest_folded_workloads_total", "workloads"),
           _each("ingest_folded_labels_total", "reasons")).sized(8),
)  # fmt: skip

_PUSHING: Final = (
    series("Pushed elsewhere", "suffix: /s",
           "Requests that push metrics to another system, by target and by what became of them.",
           NOT_PUSHED, _each("push_requests_total", "{{target}}, {{outcome}}", "target, outcome")),
    series("Waits to be pushed", "bytes",
           "It grows while a target takes nothing; push.<target>.queue_bytes is the most.",
           NOT_PUSHED,
           Query(f"sum by (target) ({_of('push_waiting_bytes')})", "{{target}}")),
)  # fmt: skip

BOARD: Final = Board(
    uid="wattgram-health",
    title="Wattgram / Own health",
    about="Whether the collector takes, keeps and answers, and what it and the agents cost.",
    hosts="none",
    rows=(
        _STATS,
        _TAKING,
        _KEEPING,
        _COST,
        _DOORS,
        _PUSHING,
        (
            table(
                "Collectors", "Version, and what the check of the ledger found at the start.",
                NOT_SCRAPED,
                (Column("instance", "Collector"), Column("version", "Version"),
                 Column("Value #B", "Faults of the ledger", "none"),
                 Column("Value #C", "Agents seen under two hosts", "none")),
                f"max by (instance, version) ({_of('build_info')})",
                f"max by (instance) ({_of('ledger_faults')})",
                f"max by (instance) ({_of('cloned_agents')})",
            ).sized(12, 5),
            table(
                "Why the ledger takes nothing", "docs/ledger.md says what to do for each.",
                "Nothing: it takes batches.",
                (Column("instance", "Collector"), Column("reason", "Reason")),
                f"max by (instance, reason) ({_of('ledger_trouble')}) == 1",
            ).sized(12, 5),
        ),
    ),
)  # fmt: skip
