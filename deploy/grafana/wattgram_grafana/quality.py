"""PURE. Data quality: what is measured, what is not, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from wattgram_grafana import columns
from wattgram_grafana.assembly import Board
from wattgram_grafana.fleet import EMISSIONS, ENERGY, MEASURED, NOTHING_COUNTED, NOTHING_PRICED
from wattgram_grafana.promql import JOB, grown, metric, or_none, rate, share
from wattgram_grafana.spec import (
    BAD,
    FAIR,
    GOOD,
    POOR,
    Column,
    Query,
    bars,
    series,
    stacked,
    stat,
    states,
    table,
)

UP: Final = metric("agent_up", of=JOB)
UNPRICED: Final = metric("unpriced_energy_joules_total")
OFFSET: Final = metric("agent_clock_offset_seconds")
NO_HOST: Final = "unknown: no host was seen"
LATE: Final = "unknown: the agents are late"

_STATS: Final = (
    replace(
        stat("Measured", share(f"sum({grown(MEASURED)})", f"sum({grown(ENERGY)})"),
             "percentunit", "Part of the energy that a meter measured.", NOTHING_COUNTED),
        base=POOR, steps=((0.5, FAIR), (0.9, GOOD)),
    ),
    replace(
        stat("Unpriced", share(f"sum({grown(UNPRICED)})", f"sum({grown(ENERGY)})"),
             "percentunit", "Part of the energy of which no carbon intensity is known.",
             NOTHING_COUNTED),
        base=GOOD, steps=((0.001, FAIR), (0.05, BAD)),
    ),
    replace(
        stat("Late hosts", f"count({UP}) - sum({UP})", "none",
             "Hosts that the collector knows and that do not report. Of the whole job: a host "
             "that is gone for long is in no site any more.", NO_HOST),
        base=GOOD, steps=((1, BAD),),
    ),
    replace(
        stat("Sources denied",
             or_none(f"count({columns.sources_in('permission denied')})",
                     f"count({metric('power_source_state')})"), "none",
             "Power sources that are there and may not be read: the doctor prints the fix.",
             LATE),
        base=GOOD, steps=((1, BAD),),
    ),
    replace(
        stat("Worst clock", f"max(abs({OFFSET}))", "s",
             "The largest difference of a host's clock from the collector's.", LATE),
        base=GOOD, steps=((1, FAIR), (5, BAD)),
    ),
    replace(
        stat("Batches lost",
             or_none(f"sum({grown(metric('missing_batches_total'))})", f"count({UP})")
             + " + " +
             or_none(f"sum({grown(metric('refused_batches_total'))})", f"count({UP})"),
             "none", "Batches of the range that never came, and those that were refused.",
             NO_HOST),
        base=GOOD, steps=((1, BAD),),
    ),
)  # fmt: skip

_KNOWN: Final = (
    stacked(
        "Power by quality", "watt",
        "How the energy is known: measured, declared, modelled, default, interpolated.",
        NOTHING_COUNTED, Query(f"sum by (quality) ({rate(ENERGY)})", "{{quality}}"),
    ),
    replace(
        stacked(
            "Emissions by tier", "percentunit",
            "Part of the emissions by how well the carbon intensity was known, of all of them.",
            NOTHING_PRICED,
            Query(
                f"sum by (tier) ({rate(EMISSIONS)}) / ignoring (tier) group_left () "
                f"(sum({rate(EMISSIONS)}) > 0)",
                "{{tier}}",
            ),
        ),
        most=1,
    ),
)  # fmt: skip

_HOSTS: Final = (
    replace(
        bars(
            "Ten hosts that are measured least", "percentunit",
            "Part of the host's energy that a meter measured. A bar leads to its host.",
            NOTHING_COUNTED,
            Query(
                "sort(bottomk(10, "
                + share(f"sum by (host) ({grown(MEASURED)})", f"sum by (host) ({grown(ENERGY)})")
                + "))",
                "{{host}}", ends=True,
            ),
        ),
        most=1, base=POOR, steps=((0.5, FAIR), (0.9, GOOD)), links_to_host=True,
    ),
    series(
        "Time without a reading", "percentunit",
        "Part of the time for which sources said nothing, by reason; each source of each host "
        "counts.",
        "None: every source has told of all of the time.",
        Query(f"sum by (reason) ({rate(metric('gap_seconds_total'))})", "{{reason}}"),
    ),
)  # fmt: skip

_DELIVERY: Final = (
    replace(
        series(
            "Clocks", "s", "A host's clock minus the collector's; the ten furthest off.", LATE,
            Query(f"max by (host) ({OFFSET}) and on (host) "
                  f"topk(10, max by (host) (abs({OFFSET})))", "{{host}}"),
        ),
        least=None, links_to_host=True,
    ).sized(8),
    series(
        "Batches that wait at agents", "none",
        "In the spool of the ten agents that hold most: they come when the collector takes them.",
        LATE,
        Query(f"topk(10, max by (host) ({metric('agent_spooled_batches')}))", "{{host}}"),
    ).sized(8),
    series(
        "Registers that began again", "none",
        "Meters that fell without having wrapped, in each window: what they lost is not guessed.",
        "None: no register began again.",
        Query(
            "sum by (host, source) "
            f"(increase({metric('register_resets_total')}[$__rate_interval]))",
            "{{host}}, {{source}}",
        ),
    ).sized(8),
)  # fmt: skip


def _late(each: str) -> str:
    return f"{each} and on (host) max by (host) ({UP}) == 0"


_AGE: Final = "time() - max by (host) "

_TABLES: Final = (
    table(
        "Hosts that do not report",
        "Of the whole job, whatever is chosen above: a host that is gone is in no site. It stays "
        "until the collector forgets it.",
        "None: every host reports.",
        (
            columns.HOST,
            Column("Value #A", "State", states=columns.REPORTING),
            Column("Value #B", "Heard of, ago", "s"),
            Column("Value #C", "Newest reading, ago", "s"),
        ),
        f"max by (host) ({UP}) == 0",
        _late(_AGE + f"({metric('agent_last_seen_timestamp_seconds', of=JOB)})"),
        _late(_AGE + f"({metric('newest_sample_timestamp_seconds', of=JOB)})"),
    ).sized(12),
    table(
        "Sources that cannot be read",
        "Present, and denied or failing. `wattgram-agent doctor` on the host says what to do.",
        "None: all that is there can be read.",
        (
            columns.HOST, Column("source", "Source"),
            Column("Value #A", "State", states=columns.SOURCE_STATES),
        ),
        f"{columns.source_state('host, source')} > 3",
    ).sized(12),
)  # fmt: skip

BOARD: Final = Board(
    uid="wattgram-quality",
    title="Wattgram / Data quality",
    about="How much is measured, how much is priced, what is missing, and why.",
    rows=(
        _STATS,
        _KNOWN,
        _HOSTS,
        (
            states(
                "Power sources",
                "The state of each source that is there, of each host. Absent ones are left out.",
                LATE, columns.SOURCE_STATES,
                Query(f"{columns.source_state('host, source')} != 3", "{{host}} {{source}}"),
            ),
        ),
        _DELIVERY,
        _TABLES,
        (
            table(
                "Versions of the agents", "How many hosts run which.", LATE,
                (Column("agent_version", "Agent"), Column("os", "System"),
                 Column("Value #A", "Hosts", "none")),
                "count by (agent_version, os) "
                f"(max by (host, agent_version, os) ({metric('host_info')}))",
            ),
        ),
    ),
)  # fmt: skip
