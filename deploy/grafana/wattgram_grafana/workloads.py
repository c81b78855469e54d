"""PURE. Workloads: the hosts' energy by who used it."""

from __future__ import annotations

from typing import Final

from wattgram_grafana import columns
from wattgram_grafana.assembly import Board
from wattgram_grafana.fleet import EMISSIONS, ENERGY
from wattgram_grafana.promql import (
    grown,
    grown_in_bar,
    kilowatt_hours,
    metric,
    rate,
    share,
)
from wattgram_grafana.spec import Column, Query, amounts, bars, stacked, stat, table

SHARED: Final = metric("workload_energy_joules_total")
NAMED: Final = metric("workload_energy_joules_total", 'kind!~"idle|unattributed|other"')
NOT_SHARED: Final = "unknown: no agent shares its energy out, see docs/attribution.md"
MODELLED: Final = (
    "Modelled: the host's energy shared out by CPU and GPU time. It is a part of the hosts' "
    "energy, not more of it."
)


def _kind(kind: str) -> str:
    return metric("workload_energy_joules_total", f'kind="{kind}"')


def _grams(by: str) -> str:
    """Return emissions by workload: the priced grams of each host in the parts of its energy."""
    each = f"sum by (host, kind, workload) ({grown(SHARED)})"
    grams = f"sum by (host) ({grown(EMISSIONS)})"
    joules = f"(sum by (host) ({grown(ENERGY)}) > 0)"
    return f"sum by ({by}) ({each} * on (host) group_left () ({grams} / {joules}))"


def _of_top(each: str) -> str:
    """Return `each` of the workloads that the table has."""
    return f"{each} and on ({_KEY}) topk(100, sum by ({_KEY}) ({grown(SHARED)}))"


_KEY: Final = "host, kind, workload"
_ALL: Final = f"sum({grown(SHARED)})"

_STATS: Final = (
    stat("Shared out", kilowatt_hours(_ALL), "kwatth",
         f"Energy that is shared out in the range, idle with it. {MODELLED}", NOT_SHARED),
    stat("By name", share(f"sum({grown(NAMED)})", _ALL), "percentunit",
         "Part of it that services, containers, pods and processes used.", NOT_SHARED),
    stat("Idle", share(f"sum({grown(_kind('idle'))})", _ALL), "percentunit",
         "Part of it that the hosts use when nobody does anything.", NOT_SHARED),
    stat("Unattributed",
         share(f"sum({grown(_kind('unattributed'))})", _ALL), "percentunit",
         "Part of it that is counted and cannot be said to be anybody's.", NOT_SHARED),
    stat("Of the hosts' energy", share(_ALL, f"sum({grown(ENERGY)})"), "percentunit",
         "How much of the hosts' energy is shared out: hosts whose agent shares nothing are not.",
         NOT_SHARED),
    stat("Workloads", f"count(count by (host, kind, workload) ({NAMED}))", "none",
         "Services, containers, pods and processes that have energy now.", "none that has a name"),
)  # fmt: skip

BOARD: Final = Board(
    uid="wattgram-workloads",
    title="Wattgram / Workloads",
    about="The hosts' energy by service, container, pod and process: modelled shares of it.",
    rows=(
        _STATS,
        (
            stacked(
                "Power by kind", "watt", MODELLED, NOT_SHARED,
                Query(f"sum by (kind) ({rate(SHARED)})", "{{kind}}"),
            ),
            stacked(
                "Ten workloads of the highest power", "watt",
                f"By name, over all hosts that are chosen. {MODELLED}",
                "None: no service, container, pod or process has energy.",
                Query(f"topk(10, sum by (kind, workload) ({rate(NAMED)}))",
                      "{{kind}} {{workload}}"),
            ),
        ),
        (
            amounts(
                "Energy by kind", "kwatth", MODELLED, NOT_SHARED,
                Query(kilowatt_hours(f"sum by (kind) ({grown_in_bar(SHARED)})"), "{{kind}}"),
            ),
            bars(
                "Ten workloads that emitted most", "massg",
                "Priced emissions of each host in the parts of its energy, in the range. What is "
                "unpriced is not in it.",
                "unknown: nothing is shared out, or nothing is priced",
                Query(f"sort_desc(topk(10, {_grams('kind, workload')}))",
                      "{{kind}} {{workload}}", ends=True),
            ),
        ),
        (
            table(
                "Every workload",
                f"The hundred of the most energy in the range, with idle and unattributed. "
                f"{MODELLED}",
                "No energy is shared out in this range.",
                (
                    columns.HOST, Column("kind", "Kind"), Column("workload", "Workload"),
                    Column("Value #A", "Energy", "kwatth"),
                    Column("Value #B", "Emissions", "massg"),
                    Column("Value #C", "Of its host", "percentunit", decimals=1),
                ),
                f"topk(100, {kilowatt_hours(f'sum by ({_KEY}) ({grown(SHARED)})')})",
                _of_top(_grams(_KEY)),
                _of_top(
                    f"sum by ({_KEY}) ({grown(SHARED)}) / on (host) group_left () "
                    f"(sum by (host) ({grown(SHARED)}) > 0)"
                ),
            ),
        ),
    ),
)  # fmt: skip
