"""PURE. Carbon budgets: how much is used, how fast, and how it will end."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from wattgram_grafana.assembly import Board
from wattgram_grafana.promql import GRAMS_PER_HOUR, JOB, kilowatt_hours, metric, per_hour
from wattgram_grafana.spec import BAD, FAIR, GOOD, POOR, Column, Query, bars, series, stat, table

_CHOSEN: Final = f'{JOB}, budget=~"$budget"'
NO_BUDGET: Final = "None: no budget is set, or it is not reckoned yet. See docs/budgets.md."
NO_LIMIT: Final = "None: no limit is set in emission_limits. See docs/budgets.md."
NAME: Final = "{{budget}}, {{window}}"


def _of(name: str) -> str:
    return f"max by (budget, window) ({metric(f'carbon_budget_{name}', of=_CHOSEN)})"


def _limit(name: str) -> str:
    return f"max by (limit) ({metric(f'emission_limit_{name}', of=JOB)})"


GRAMS, USED = _of("grams"), _of("used_grams")
USED_RATIO, ELAPSED_RATIO = _of("used_ratio"), _of("elapsed_ratio")
BURN: Final = f"{_of('emission_rate_grams_per_second')} * {_of('window_seconds')} / {GRAMS}"
"""How fast it goes: 1 uses exactly the budget in exactly its period."""
LEFT: Final = f"clamp_min({GRAMS} - {USED}, 0)"
AT_THE_END: Final = f"{USED_RATIO} / ({ELAPSED_RATIO} > 0)"

_STATS: Final = (
    replace(
        stat("Most used", f"max({USED_RATIO})", "percentunit",
             "Of all budgets that are chosen, the one of which most is used. Budgets may overlap, "
             "and are never summed.", NO_BUDGET),
        base=GOOD, steps=((0.8, FAIR), (1, BAD)),
    ),
    replace(
        stat("Furthest ahead of its time", f"max({USED_RATIO} - {ELAPSED_RATIO})", "percentunit",
             "Part used less part of the period that is over. Above 0 it is used faster than "
             "time goes.", NO_BUDGET),
        base=GOOD, steps=((0.0001, FAIR), (0.1, BAD)),
    ),
    replace(
        stat("Fastest burn", f"max({BURN})", "suffix: x",
             "Present rate over the rate that uses exactly the budget in its period.",
             "unknown: no budget, or no host with a power and a carbon intensity"),
        base=GOOD, steps=((1.1, FAIR), (1.5, POOR), (3, BAD)), decimals=2,
    ),
    stat("Least left", f"min({LEFT})", "massg",
         "What is left of the budget of which least is left; 0 where it is exceeded.", NO_BUDGET),
    replace(
        stat("Exceeded", f"count({USED_RATIO} > 1) or 0 * count({USED_RATIO})", "none",
             "Budgets of the present period that are used up.", NO_BUDGET),
        base=GOOD, steps=((1, BAD),),
    ),
    replace(
        stat("Unpriced",
             kilowatt_hours(f"max({_of('unpriced_energy_joules')})"), "kwatth",
             "Energy of the period of which no carbon intensity is known: what it emitted is not "
             "in what is used. The largest of the budgets.",
             "None: all is priced, or no budget is set."),
        base=GOOD, steps=((0.001, FAIR),),
    ),
)  # fmt: skip

_HOW_FAR: Final = (
    replace(
        bars("Used", "percentunit", "Part of each budget that is used in its present period.",
             NO_BUDGET, Query(f"sort_desc({USED_RATIO})", NAME, ends=True)),
        base=GOOD, steps=((0.8, FAIR), (1, BAD)), most=1,
    ),
    replace(
        bars("Used at the end, if it goes on so", "percentunit",
             "Part used over part of the period that is over: what will be used at its end if "
             "all of it is like the part that was. Little is known early in a period.",
             NO_BUDGET, Query(f"sort_desc({AT_THE_END})", NAME, ends=True)),
        base=GOOD, steps=((0.9, FAIR), (1, BAD)),
    ),
)  # fmt: skip

_COURSE: Final = (
    series(
        "Used and over", "percentunit",
        "What is used of each budget, beside how much of its period is over. It falls to 0 when "
        "a period begins.",
        NO_BUDGET, Query(USED_RATIO, f"{NAME}: used"), Query(ELAPSED_RATIO, f"{NAME}: over"),
    ),
    replace(
        series(
            "Burn", "suffix: x",
            "How fast each budget goes now: 1 uses exactly the budget in its period. The alerts "
            "begin at 1.1, 1.5 and 3, over windows of their own.",
            "unknown: no budget, or no host with a power and a carbon intensity",
            Query(BURN, NAME),
        ),
        base="transparent", steps=((1.1, FAIR), (1.5, POOR), (3, BAD)),
    ),
)  # fmt: skip

_RATES: Final = (
    series(
        "Emission rate of each budget", GRAMS_PER_HOUR,
        "What its hosts emit now, of those whose power and intensity are known.",
        "unknown: no budget, or no host with a power and a carbon intensity",
        Query(per_hour(_of("emission_rate_grams_per_second")), NAME),
    ),
    series(
        "Emission rates and their limits", GRAMS_PER_HOUR,
        "Rates that somebody wants to know of when they are passed: emission_limits. Limits may "
        "overlap, and are never summed. Of all limits, whatever budget is chosen.",
        NO_LIMIT,
        Query(per_hour(_limit("present_rate_grams_per_second")), "{{limit}}"),
        Query(per_hour(_limit("grams_per_second")), "{{limit}}: the limit"),
    ),
)  # fmt: skip

BOARD: Final = Board(
    uid="wattgram-budget",
    title="Wattgram / Carbon budget",
    about="Carbon budgets of the collector's configuration, and limits on the rate of emission.",
    hosts="none",
    budgets=True,
    since="now-7d",
    rows=(
        _STATS,
        _HOW_FAR,
        _COURSE,
        _RATES,
        (
            table(
                "Budgets", "Each budget in its present period.", NO_BUDGET,
                (
                    Column("budget", "Budget"), Column("window", "Period"),
                    Column("Value #A", "Budget of the period", "massg"),
                    Column("Value #B", "Used", "massg"),
                    Column("Value #C", "Part used", "percentunit", decimals=1),
                    Column("Value #D", "Part of the period", "percentunit", decimals=1),
                    Column("Value #E", "Left", "massg"),
                    Column("Value #F", "Burn", "suffix: x", decimals=2),
                ),
                GRAMS, USED, USED_RATIO, ELAPSED_RATIO, LEFT, BURN,
            ),
        ),
    ),
)  # fmt: skip
