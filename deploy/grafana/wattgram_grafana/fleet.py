"""PURE. Fleet overview: what all hosts draw and emit, and how well that is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from wattgram_grafana import columns
from wattgram_grafana.assembly import Board
from wattgram_grafana.promql import (
    GRAMS_PER_HOUR,
    by_fact,
    facts,
    grown,
    grown_in_bar,
    kilowatt_hours,
    metric,
    per_hour,
    rate,
    share,
)
from wattgram_grafana.spec import (
    Column,
    Panel,
    Query,
    amounts,
    bars,
    series,
    stacked,
    stat,
    table,
)

POWER: Final = metric("host_power_watts")
EMITTING: Final = metric("host_emission_rate_grams_per_second")
ENERGY: Final = metric("host_energy_joules_total")
MEASURED: Final = metric("host_energy_joules_total", 'quality="measured"')
EMISSIONS: Final = metric("emissions_co2e_grams_total")
UP: Final = metric("agent_up")
NO_POWER: Final = "unknown: no host that reports knows its power"
NO_RATE: Final = "unknown: no host has both a power and a carbon intensity"
NOTHING_COUNTED: Final = "unknown: nothing was counted in this range"
NOTHING_PRICED: Final = "unknown: nothing was priced in this range"

_STATS: Final = (
    stat(
        "Power now", f"sum({POWER})", "watt",
        "What the hosts draw now, of those whose power is known. Late hosts are not in it.",
        NO_POWER,
    ),
    stat(
        "Emitting now", f"sum({per_hour(EMITTING)})", GRAMS_PER_HOUR,
        "Operational, location-based emissions an hour at the present power and carbon "
        "intensity, of the hosts of which both are known.",
        NO_RATE,
    ),
    stat(
        "Energy", kilowatt_hours(f"sum({grown(ENERGY)})"), "kwatth",
        "Energy of the hosts in the range, each joule once, of every quality.", NOTHING_COUNTED,
    ),
    stat(
        "Emissions", f"sum({grown(EMISSIONS)})", "massg",
        "Operational, location-based emissions of the hosts in the range, as priced when the "
        "energy came in. Overhead, losses, network and what is unpriced are not in it.",
        NOTHING_PRICED,
    ),
    stat(
        "Hosts reporting",
        (Query(f"sum({UP})", "reporting", ends=True), Query(f"count({UP})", "known", ends=True)),
        "none", "Hosts whose agent reports now, of those that were seen in the range.",
        "unknown: no host was ever seen",
    ),
    stat(
        "Measured", share(f"sum({grown(MEASURED)})", f"sum({grown(ENERGY)})"), "percentunit",
        "Part of the energy that a meter measured. The rest is declared, modelled or a default.",
        NOTHING_COUNTED,
    ),
)  # fmt: skip

_TABLE: Final = table(
    "Hosts",
    "Each host: now by gauges, in the range by counters. A cell without a value is unknown. The "
    "name leads to the host.",
    "No host was seen in this range.",
    (
        columns.HOST, columns.SITE, columns.DEVICE_CLASS, columns.GRID_ZONE,
        Column("Value #A", "State", states=columns.REPORTING),
        Column("Value #B", "Power now", "watt"),
        Column("Value #C", "Emitting now", GRAMS_PER_HOUR),
        Column("Value #D", "Energy", "kwatth"),
        Column("Value #E", "Emissions", "massg"),
        Column("Value #F", "Measured", "percentunit", decimals=0),
    ),
    f"max by (host) ({UP})",
    f"sum by (host) ({POWER})",
    f"sum by (host) ({per_hour(EMITTING)})",
    kilowatt_hours(f"sum by (host) ({grown(ENERGY)})"),
    f"sum by (host) ({grown(EMISSIONS)})",
    share(f"sum by (host) ({grown(MEASURED)})", f"sum by (host) ({grown(ENERGY)})"),
    facts("site, device_class, grid_zone", over="$__range"),
)  # fmt: skip


def _top(title: str, unit: str, each_host: str, empty: str) -> Panel:
    return replace(
        bars(
            title, unit, "Now, by gauges; late hosts are not in it. A bar leads to its host.",
            empty, Query(f"sort_desc(topk(10, sum by (host) ({each_host})))", "{{host}}",
                         ends=True),
        ),
        links_to_host=True,
    )  # fmt: skip


def _beside(what: str) -> str:
    return per_hour(f"sum({rate(metric(f'{what}_emissions_co2e_grams_total'))})")


BOARD: Final = Board(
    uid="wattgram-fleet",
    title="Wattgram / Fleet overview",
    about="What all hosts draw and emit, by site, class, zone and host.",
    since="now-24h",
    rows=(
        _STATS,
        (
            stacked(
                "Power by site", "watt",
                "Power of the hosts by the site that they stand at, by gauges: a gap is unknown, "
                "not zero.",
                NO_POWER, Query(by_fact(POWER, "site"), "{{site}}"),
            ),
            stacked(
                "Emission rate by grid zone", GRAMS_PER_HOUR,
                "Operational, location-based emissions an hour by the grid that the energy came "
                "from.",
                NO_RATE, Query(by_fact(per_hour(EMITTING), "grid_zone"), "{{grid_zone}}"),
            ),
        ),
        (
            amounts(
                "Energy by device class", "kwatth",
                "Energy of the hosts by what they are.",
                NOTHING_COUNTED,
                Query(
                    by_fact(
                        kilowatt_hours(grown_in_bar(ENERGY)), "device_class", over="$__interval"
                    ),
                    "{{device_class}}",
                ),
            ),
            amounts(
                "Emissions by tier", "massg",
                "Operational, location-based emissions by how well the carbon intensity was "
                "known when the energy was priced.",
                NOTHING_PRICED, Query(f"sum by (tier) ({grown_in_bar(EMISSIONS)})", "{{tier}}"),
            ),
        ),
        (
            _top("Ten hosts of the highest power", "watt", POWER, NO_POWER),
            _top("Ten hosts that emit most", GRAMS_PER_HOUR, per_hour(EMITTING), NO_RATE),
        ),
        (
            stacked(
                "Emissions beside the hosts' own", GRAMS_PER_HOUR,
                "What is never in the hosts' emissions: the overhead of the facility by its PUE, "
                "losses on the way, the supply of fuel. A series is there where it is known.",
                "None: no site has a PUE or a share of losses that is known.",
                Query(_beside("facility_overhead"), "facility overhead"),
                Query(_beside("transmission_loss"), "transmission losses"),
                Query(_beside("upstream"), "supply of fuel"),
            ),
            series(
                "Energy that has no price", "watt",
                "Power of which no carbon intensity is known: not in any emissions.",
                "None: all of the energy is priced.",
                Query(
                    f"sum by (host) ({rate(metric('unpriced_energy_joules_total'))}) > 0",
                    "{{host}}",
                ),
            ),
        ),
        (_TABLE,),
    ),
)  # fmt: skip
