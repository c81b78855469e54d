"""PURE. The inventory of the year so far: scopes, categories, the TCS, how well it is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from wattgram_grafana.assembly import Board
from wattgram_grafana.promql import GRAMS_PER_HOUR, JOB, kilowatt_hours, metric, per_hour
from wattgram_grafana.spec import (
    BAD,
    FAIR,
    GOOD,
    Column,
    Query,
    bars,
    series,
    stacked,
    stat,
    table,
)

OFF: Final = "unknown: nobody is named in [inventory] organisation, or nothing is worked out yet"
NOTHING: Final = "unknown: nothing of it was calculated in the year so far"
NO_UNITS: Final = "None: no functional units were counted in the year so far."
NO_AGENT: Final = "unknown: no agent was expected in the year so far, before today"


def _of(name: str, *labels: str, more: str = "") -> str:
    by = ", ".join(("year", *labels))
    return f"max by ({by}) ({metric(f'inventory_{name}', more, of=JOB)})"


def _now(name: str, *labels: str) -> str:
    """Return what has no year."""
    grouping = f" by ({', '.join(labels)})" if labels else ""
    return f"max{grouping} ({metric(f'inventory_{name}', of=JOB)})"


LOCATION, MARKET = _of("ghg_location_grams"), _of("ghg_market_grams")
LEAVES: Final = _of("tcs_grams", "leaf")
TCS: Final = f"sum by (year) ({LEAVES})"
TOLD: Final = _of("categories", "status", more='status=~"calculated|incomplete|zero"')
YEAR_SO_FAR: Final = "Of the year so far, up to the last midnight."

_TOTALS: Final = (
    stat("GHG Protocol, location-based", LOCATION, "massg",
         f"Scopes 1 to 3 with scope 2 by the grids that the electricity came from. {YEAR_SO_FAR}",
         OFF),
    stat("GHG Protocol, market-based", MARKET, "massg",
         "Scopes 1 to 3 with scope 2 by what was contracted: instead of the location-based, never "
         f"with it. {YEAR_SO_FAR}", OFF),
    stat("Technology Carbon Standard", TCS, "massg",
         f"U, O, G, C and D together: never to be added to the scopes. {YEAR_SO_FAR}", OFF),
    replace(
        stat("Categories told", f"sum by (year) ({TOLD})", "suffix: of 15",
             "Categories of scope 3 that are calculated, zero or incomplete; the others are "
             "excluded with a reason or were not evaluated.", OFF),
        base=BAD, steps=((1, FAIR), (10, GOOD)),
    ),
    replace(
        stat("In no total", _of("unknown"), "none",
             "Hosts, assets and activities of which nobody said enough, or that no factor prices. "
             "The report names each.", OFF),
        base=GOOD, steps=((1, FAIR),),
    ),
    replace(
        stat("Coverage", _of("coverage_ratio"), "percentunit",
             "Time that agents observed over the time that they were expected to. "
             f"{YEAR_SO_FAR}", NO_AGENT),
        base=BAD, steps=((0.8, FAIR), (0.95, GOOD)), decimals=1,
    ),
)  # fmt: skip

_MORE: Final = (
    replace(
        stat("Interval", _of("uncertainty_ratio"), "percentunit",
             "Half width of the 95 % interval of the location-based total, over the total.",
             NOTHING),
        decimals=0,
    ),
    stat("Acquired hardware", _of("capital_acquired_grams"), "massg",
         "Making of what was acquired in the year so far, all of it at once: it is in scope 3.",
         "None: nothing was acquired in the year so far."),
    stat("Hardware over its life", _of("embodied_amortised_grams"), "massg",
         "Making of all assets spread over their lives: the other book, never added to scope 3.",
         "None: no asset has a making that is spread over its life."),
    stat("Energy in no total", kilowatt_hours(_of("unknown_energy_joules")), "kwatth",
         "Energy of hosts that no asset says anything of, and of what no factor prices.", OFF),
    replace(
        stat("Figures are up to", f"{_of('end_timestamp_seconds')} * 1000", "dateTimeAsIso",
             "The last midnight of the organisation's time zone: today is not over.", OFF),
        decimals=0,
    ),
    replace(
        stat("Worked out", f"time() - {_now('reckoned_timestamp_seconds')}", "dtdurations",
             "How long ago that was. It is worked out again when a day is over, or when one that "
             "is over has something else in it.", OFF),
        decimals=0,
    ),
)  # fmt: skip

_SCOPES: Final = (
    bars("By scope", "massg",
         f"The two of scope 2 are the same electricity, told in two ways. {YEAR_SO_FAR}", NOTHING,
         Query(_of("scope1_grams"), "Scope 1", ends=True),
         Query(_of("scope2_location_grams"), "Scope 2, location-based", ends=True),
         Query(_of("scope2_market_grams"), "Scope 2, market-based", ends=True),
         Query(f"sum by (year) ({_of('scope3_grams', 'category')})", "Scope 3", ends=True)),
    bars("Scope 3 by category", "massg",
         "A category that is missing was excluded, or nobody evaluated it: it is not zero. "
         f"{YEAR_SO_FAR}", NOTHING,
         Query(f"sort_desc({_of('scope3_grams', 'category')})", "3.{{category}}", ends=True)),
)  # fmt: skip

_LEAVES: Final = (
    bars("Technology Carbon Standard by leaf", "massg",
         f"U upstream, O operational, G generators, C indirect, D downstream. {YEAR_SO_FAR}",
         NOTHING, Query(f"sort_desc({LEAVES})", "{{leaf}}", ends=True)),
    replace(
        bars("How the total is known", "percentunit",
             "Part of the location-based total that is measured, declared, modelled or a default: "
             "by the worse of quantity and factor.", NOTHING,
             Query(f"sort_desc({_of('quality_ratio', 'tier')})", "{{tier}}", ends=True)),
        most=1,
    ),
)  # fmt: skip

_COURSE: Final = (
    series("The year so far", "massg",
           "It rises as days go by, falls where a figure is corrected, and begins again with the "
           "year: no counter, and never to be rated.", OFF,
           Query(LOCATION, "location-based, {{year}}"), Query(MARKET, "market-based, {{year}}"),
           Query(TCS, "Technology Carbon Standard, {{year}}")),
    stacked("Making of assets now", GRAMS_PER_HOUR,
            "Embodied emissions of what is owned, spread over expected lives, by site and class; "
            "beside the emissions of energy, on or off.",
            "None: no asset has a making that is spread over its life.",
            Query(per_hour(_now("embodied_rate_grams_per_second", "site", "device_class")),
                  "{{site}}, {{device_class}}")),
)  # fmt: skip

_SERVICES: Final = (
    series("Software carbon intensity", "suffix: g per unit",
           "Energy x intensity and amortised hardware over the units that were counted, of the "
           "year so far.", NO_UNITS,
           Query(_of("sci_grams_per_unit", "service", "unit"), "{{service}} per {{unit}}")),
    bars("Beside the totals", "massg",
         "Memos, shares of what is posted elsewhere, and what a factor does not fit: in no total. "
         f"{YEAR_SO_FAR}", "None: nothing is stated beside the totals.",
         Query(f"sort_desc({_of('memo_grams', 'reason')})", "{{reason}}", ends=True)),
)  # fmt: skip

BOARD: Final = Board(
    uid="wattgram-inventory",
    title="Wattgram / Inventory",
    about="The greenhouse gas inventory of the year so far, as the report says it.",
    hosts="none",
    since="now-30d",
    rows=(
        _TOTALS,
        _MORE,
        _SCOPES,
        _LEAVES,
        _COURSE,
        _SERVICES,
        (
            table(
                "Functional units", "What services were used, in the year so far.", NO_UNITS,
                (
                    Column("service", "Service"), Column("unit", "Unit"),
                    Column("year", "Year"),
                    Column("Value #A", "Counted", "none"),
                    Column("Value #B", "SCI per unit", "suffix: g", decimals=3),
                ),
                _of("functional_units", "service", "unit"),
                _of("sci_grams_per_unit", "service", "unit"),
            ),
        ),
    ),
)  # fmt: skip
