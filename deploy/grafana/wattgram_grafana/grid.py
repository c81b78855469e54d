"""PURE. Grid and advice: what the grids emit, how well it is known, and whether to wait."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from wattgram_grafana.assembly import Board
from wattgram_grafana.fleet import EMISSIONS, NOTHING_PRICED
from wattgram_grafana.promql import (
    GRAMS_PER_HOUR,
    GRAMS_PER_KILOWATT_HOUR,
    JOB,
    effective_intensity,
    grown,
    grown_in_bar,
    metric,
    per_hour,
    rate,
    share,
)
from wattgram_grafana.spec import BAD, FAIR, GOOD, POOR, Query, amounts, bars, series, stat, words

_ZONES: Final = f'{JOB}, grid_zone=~"$grid_zone"'


def _of_zones(name: str, signal: str) -> str:
    return metric(f"grid_carbon_intensity_{name}", f'signal="{signal}"', _ZONES)


AVERAGE: Final = _of_zones("grams_per_kilowatt_hour", "average")
MARGINAL: Final = _of_zones("grams_per_kilowatt_hour", "marginal")
UNTIL: Final = _of_zones("valid_until_timestamp_seconds", "average")
NO_ZONE: Final = "unknown: no host that reports has a carbon intensity"
NOT_LIVE: Final = "Yearly averages only: they do not end. Live ones: docs/providers.md."
NO_PROVIDER: Final = "None: no provider of live intensities is enabled, see docs/providers.md."
LIVE: Final = metric("emissions_co2e_grams_total", 'tier=~"live|estimated|forecast|last_known"')
BY_ZONE: Final = "max by (grid_zone) "

_STATS: Final = (
    stat("Effective intensity", effective_intensity(), GRAMS_PER_KILOWATT_HOUR,
         "Emissions over the energy that they come from, in the range and of the chosen hosts: "
         "what a kilowatt-hour emitted. Unpriced energy is not in it.", NOTHING_PRICED),
    stat("Lowest now", f"min({AVERAGE})", GRAMS_PER_KILOWATT_HOUR,
         "The lowest carbon intensity of the zones where hosts report.", NO_ZONE),
    stat("Highest now", f"max({AVERAGE})", GRAMS_PER_KILOWATT_HOUR,
         "The highest carbon intensity of the zones where hosts report.", NO_ZONE),
    stat("Grid zones", f"count(count by (grid_zone) ({AVERAGE}))", "none",
         "Grid zones whose intensity prices a host now.", NO_ZONE),
    stat("Priced by the hour",
         share(f"sum({grown(LIVE)})", f"sum({grown(EMISSIONS)})"), "percentunit",
         "Part of the emissions priced with an intensity of its own time, or a forecast of it. "
         "The rest is priced with averages.", NOTHING_PRICED),
    stat("Restated by", f"sum({metric('emissions_adjustment_co2e_grams')})", "massg",
         "What later and better intensities changed of all emissions so far: add it for the "
         "restated ones. It may be negative.",
         "unknown: nothing was priced"),
)  # fmt: skip

_ADVICE: Final = (
    "**How to read the bars.** Below 1: the grid emits less now than in the mean of the last day, "
    "so what can wait need not. Above 1: the next hours may be better. A yearly average is "
    "always 1: it cannot say.\n\n"
    "The bars look back. **Forecasts** are not metrics; ask for them:\n\n"
    "```\nwattgram-collector greenest --zone GB --duration 2h\n```\n\n"
    "or `GET /emissions/forecasts/current?location=GB&windowSize=120` of the collector "
    "(docs/advice.md). Average "
    "intensities say what your report will say; what the grid would do without your load is "
    "marginal, and may point to other hours."
)

_NOW: Final = (
    replace(
        bars(
            "Now against the last day", "percentunit",
            "Present carbon intensity over its mean of the last day, by zone. Over 100 %: hours "
            "before were cleaner than this one. What can wait may find a better one.",
            NO_ZONE,
            Query(
                f"sort({BY_ZONE}({AVERAGE}) / {BY_ZONE}(avg_over_time({AVERAGE}[1d])))",
                "{{grid_zone}}", ends=True,
            ),
        ),
        steps=((0.95, FAIR), (1.05, POOR)), base=GOOD,
    ),
    words("Should it wait?", "What the bars beside this say, and where forecasts are.", _ADVICE),
)  # fmt: skip

_INTENSITIES: Final = (
    series(
        "Carbon intensity", GRAMS_PER_KILOWATT_HOUR,
        "What prices the energy of each zone, average, by the provider that said it.", NO_ZONE,
        Query(f"max by (grid_zone, provider) ({AVERAGE})", "{{grid_zone}}, {{provider}}"),
    ),
    series(
        "Marginal carbon intensity", GRAMS_PER_KILOWATT_HOUR,
        "For decisions, never for an inventory: what one kilowatt-hour more would emit.",
        "Not asked for: no provider of marginal intensities is enabled.",
        Query(f"max by (grid_zone, provider) ({MARGINAL})", "{{grid_zone}}, {{provider}}"),
    ),
)  # fmt: skip

_KNOWING: Final = (
    amounts(
        "Emissions by zone and tier", "massg",
        "Operational, location-based emissions by zone and by how well its intensity was known "
        "when the energy was priced.",
        NOTHING_PRICED,
        Query(f"sum by (grid_zone, tier) ({grown_in_bar(EMISSIONS)})", "{{grid_zone}}, {{tier}}"),
    ),
    replace(
        series(
            "How long the intensity still holds", "s",
            "Below 0 it is the last one known, and older than its own time.", NOT_LIVE,
            Query(f"{BY_ZONE}({UNTIL}) - time()", "{{grid_zone}}"),
        ),
        least=None,
    ),
)  # fmt: skip

_BASES: Final = (
    series(
        "Three questions, three figures", GRAMS_PER_HOUR,
        "Location-based: the grid where it stands. Market-based: what was bought, with the "
        "overhead of the facility. Marginal: for decisions. Never add them; a line is there where "
        "it is known.",
        NOTHING_PRICED,
        Query(per_hour(f"sum({rate(EMISSIONS)})"), "location-based"),
        Query(per_hour(f"sum({rate(metric('market_emissions_co2e_grams_total'))})"),
              "market-based"),
        Query(per_hour(f"sum({rate(metric('marginal_emissions_co2e_grams_total'))})"),
              "marginal"),
    ),
    series(
        "Restatements", "none",
        "Slots of grid zones that got better intensities, a second, and days that still wait.",
        "unknown: the collector is not scraped",
        Query(f"sum by (period) ({rate(metric('restated_slots_total', of=JOB))})",
              "{{period}} slots a second"),
        Query(f"sum({metric('restatement_backlog', of=JOB)})", "days that wait"),
    ),
)  # fmt: skip

_PROVIDERS: Final = (
    replace(
        bars(
            "Providers that answer", "none", "1: its last answer had values. 0: it failed.",
            NO_PROVIDER,
            Query(f"min by (provider) ({metric('provider_up', of=JOB)})", "{{provider}}",
                  ends=True),
        ),
        base=BAD, steps=((1, GOOD),), most=1, states={1: ("answers", GOOD), 0: ("fails", BAD)},
        width=8,
    ),
    series(
        "Requests to providers", "reqps", "By what became of them.", NO_PROVIDER,
        Query(f"sum by (provider, outcome) ({rate(metric('provider_requests_total', of=JOB))})",
              "{{provider}}, {{outcome}}"),
    ).sized(8),
    series(
        "Since a provider's last answer", "s", "Time since an answer that had values.",
        NO_PROVIDER,
        Query(
            "time() - max by (provider) "
            f"({metric('provider_last_success_timestamp_seconds', of=JOB)})",
            "{{provider}}",
        ),
    ).sized(8),
)  # fmt: skip

BOARD: Final = Board(
    uid="wattgram-grid",
    title="Wattgram / Grid and advice",
    about="What the grids emit, how well that is known, and whether what can wait should.",
    since="now-24h",
    rows=(_STATS, _NOW, _INTENSITIES, _KNOWING, _BASES, _PROVIDERS),
)
