"""PURE. The routes of the API, each once: what it is asked, what it answers, what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from wattgram_collector.exposition.api import answers
from wattgram_collector.exposition.api.activity_answers import Activities
from wattgram_collector.exposition.api.asked import Json, Parameter
from wattgram_collector.exposition.api.reports import DAYS_MAX, SECONDS_MAX, SLOT_DAYS_MAX
from wattgram_collector.exposition.api.units_answers import FunctionalUnits
from wattgram_collector.reports.explain import Every
from wattgram_collector.reports.report import By
from wattgram_collector.reports.times import FORMS
from wattgram_collector.views.model import HostDetail, Presence, Severity, Zone

BASE: Final = "/api/v1"
PAGE_DEFAULT: Final = 100
PAGE_MAX: Final = 500
OFFSET_MAX: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One path. `answer` is a dataclass, or a schema where the shape is another module's."""

    path: str
    name: str
    """Of the method that answers it."""
    summary: str
    answer: Any
    parameters: Sequence[Parameter] = ()
    table: str = ""
    """Which field of the answer is its CSV; `*` where the answer is CSV as it comes."""
    errors: Sequence[int] = ()

    @property
    def all_parameters(self) -> Sequence[Parameter]:
        """The parameters, with the format where there is a choice."""
        return (*self.parameters, FORMAT) if self.table else self.parameters

    @property
    def in_path(self) -> str:
        """The name of the parameter in the path; empty where there is none."""
        return self.path.partition("{")[2].partition("}")[0]


FORMAT: Final = Parameter(
    name="format",
    choices=("json", "csv"),
    help="How to answer; without it as Accept says, JSON first.",
)
_LIMIT: Final = Parameter(
    name="limit", default=str(PAGE_DEFAULT), minimum=1, maximum=PAGE_MAX, help="At most so many."
)
_OFFSET: Final = Parameter(
    name="offset", default="0", maximum=OFFSET_MAX, help="So many of them are left out first."
)
_FROM: Final = Parameter(
    name="from", default="today", is_time=True, help=f"Beginning of the time: {FORMS}."
)
_TO: Final = Parameter(
    name="to", default="now", is_time=True, help="End of the time, in the same forms."
)
_SORTS: Final = tuple(f"{sign}{name}" for name in answers.SORTS for sign in ("", "-"))

_FIGURES: Final[Json] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["measure", "value", "value_exact"],
        "properties": {
            "measure": {"type": "string", "description": "The unit ends it."},
            "value": {"type": "number"},
            "value_exact": {"type": "string"},
        },
    },
}
_EXPLANATION: Final[Json] = {
    "type": "object",
    "description": "As `wattgram-collector explain --json`, see docs/explain.md.",
    "required": ["host", "agent_id", "from", "to", "every", "times", "totals"],
    "properties": {
        "host": {"type": "string"},
        "agent_id": {"type": "string"},
        "from": {"type": "string", "format": "date-time"},
        "to": {"type": "string", "format": "date-time"},
        "every": {"type": "string", "enum": [one.value for one in Every]},
        "times": {"type": "array", "items": {"type": "object"}},
        "totals": {"type": "object", "properties": {"figures": _FIGURES}},
    },
}
_REPORT: Final[Json] = {
    "type": "object",
    "description": "As `wattgram-collector report --format json`, see docs/report.md.",
    "required": ["from", "to", "by", "groups"],
    "properties": {
        "from": {"type": "string", "format": "date-time"},
        "to": {"type": "string", "format": "date-time"},
        "by": {"type": "string", "enum": [one.value for one in By]},
        "groups": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["group", "hosts", "figures"],
                "properties": {
                    "group": {"type": "string"},
                    "hosts": {"type": "integer"},
                    "figures": _FIGURES,
                },
            },
        },
    },
}

ROUTES: Final = (
    Route(
        path="/fleet", name="fleet", answer=answers.Fleet,
        summary="The whole fleet now, and what the last day came to.",
    ),
    Route(
        path="/hosts", name="hosts", answer=answers.Hosts, table="hosts",
        summary="Hosts, one row each: searched, filtered, sorted, a page at a time.",
        parameters=(
            Parameter(name="search",
                      help="Part of the name, site, device class, zone or source; any case."),
            Parameter(name="presence", choices=tuple(one.value for one in Presence),
                      help="Whether it is heard of."),
            Parameter(name="site", help="This site only."),
            Parameter(name="device_class", help="This class of device only."),
            Parameter(name="zone", help="This grid zone only."),
            Parameter(name="sort", default="host", choices=_SORTS,
                      help="Order; with - before it the greatest first. Unknown comes last."),
            _LIMIT, _OFFSET,
        ),
    ),
    Route(
        path="/hosts/{host}", name="host", answer=HostDetail, errors=(404,),
        summary="Everything about one host: sources and why not, parts, workloads, last day.",
    ),
    Route(
        path="/hosts/{host}/history", name="host_history", answer=answers.History,
        table="steps", errors=(404,),
        summary="The last day of one host, in slots of five minutes.",
    ),
    Route(
        path="/hosts/{host}/explain", name="explain", answer=_EXPLANATION, errors=(404, 503),
        summary="How the grams of a host came about: meters, factors, terms, arithmetic. "
        f"At most {DAYS_MAX} days, {SLOT_DAYS_MAX} slot by slot, {SECONDS_MAX:g} s of work.",
        parameters=(
            _FROM, _TO,
            Parameter(name="every", choices=tuple(one.value for one in Every),
                      help="How long each explained time is; without it, as fits."),
        ),
    ),
    Route(
        path="/history", name="history", answer=answers.History, table="steps",
        summary="The last day of the fleet, in slots of five minutes.",
    ),
    Route(
        path="/groups", name="groups", answer=answers.Groups, table="groups",
        summary="Hosts by what they have in common now, with their last day: one that moved "
        "counts whole where it is (report by zone divides it).",
        parameters=(
            Parameter(name="by", default="site", choices=("site", "device_class", "zone"),
                      help="What they have in common."),
        ),
    ),
    Route(
        path="/workloads", name="workloads", answer=answers.Workloads, table="workloads",
        summary="The workloads that used most in the last hour, over all hosts.",
    ),
    Route(
        path="/zones", name="zones", answer=answers.Zones, table="zones",
        summary="The grid zones in use: intensity now, its tier, the greenest hour ahead.",
    ),
    Route(
        path="/zones/{zone}", name="zone", answer=Zone, table="steps", errors=(404,),
        summary="One grid zone, with a day back and the forecast.",
    ),
    Route(
        path="/budgets", name="budgets", answer=answers.Budgets, table="budgets",
        summary="Carbon budgets: what is used, against how much of the time is over.",
    ),
    Route(
        path="/limits", name="limits", answer=answers.Limits, table="limits",
        summary="Limits on the rate of emission, and what their hosts emit now.",
    ),
    Route(
        path="/problems", name="problems", answer=answers.Problems, table="problems",
        summary="What somebody can mend, the worst first, with the fix for each.",
        parameters=(
            Parameter(name="severity", choices=tuple(one.value for one in Severity),
                      help="Those of this severity only."),
            Parameter(name="about", help="Those of this host, zone, budget or certificate only."),
            _LIMIT, _OFFSET,
        ),
    ),
    Route(
        path="/activities", name="activities", answer=Activities, errors=(503,),
        summary="Activities that hold, in the order they were taken: rows as they were written.",
        parameters=(
            Parameter(name="kind", help="Of this kind only."),
            Parameter(name="file", help="From a file of this name only."),
            _LIMIT, _OFFSET,
        ),
    ),
    Route(
        path="/functional-units", name="functional_units", answer=FunctionalUnits,
        table="entries", errors=(503,),
        summary="Counts of functional units that hold, oldest first.",
        parameters=(
            Parameter(name="service", help="Of this service only."),
            Parameter(name="unit", help="Of this unit only."),
            _LIMIT, _OFFSET,
        ),
    ),
    Route(
        path="/report", name="report", answer=_REPORT, table="*", errors=(503,),
        summary="Energy and emissions of a time, on each basis by itself, with uncertainty. "
        f"At most {DAYS_MAX} days and {SECONDS_MAX:g} s of work.",
        parameters=(
            _FROM, _TO,
            Parameter(name="by", default="all", choices=tuple(one.value for one in By),
                      help="What the rows are about."),
        ),
    ),
)  # fmt: skip
