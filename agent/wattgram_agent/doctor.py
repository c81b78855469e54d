"""`wattgram-agent doctor`: every source, its state, why, and the command that would fix it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

from wattgram.readings import Kind, Quality, State
from wattgram_agent.composition import Silence
from wattgram_agent.counters import Lost
from wattgram_agent.roster import Roster
from wattgram_agent.source import Point
from wattgram_agent.whereabouts import NOWHERE, Said

_WIDTH: Final = 96
_ABSENT_WIDTH: Final = 64


def as_read(roster: Roster, lost: Mapping[Point, Lost]) -> Roster:
    """PURE. Return the roster without the zones that could not be read just now."""
    failing = {
        point: Silence(f"cannot be read: {why.reason}: {why.detail}", is_failure=True)
        for point, why in lost.items()
    }
    return roster.without({**roster.silent, **failing})


def diagnose(roster: Roster, where: Said = NOWHERE) -> dict[str, Any]:
    """PURE. Return what was found, as an object for JSON."""
    return {
        "grid_zone": where.zone,
        "grid_zone_problem": where.problem,
        "sources": [
            {
                "name": finding.name,
                "state": str(finding.state),
                "reason": finding.reason,
                "fix": finding.fix,
            }
            for finding in roster.findings
        ],
        "zones": [
            {
                "source": decision.zone.point.source,
                "domain": decision.zone.point.domain,
                "instance": decision.zone.point.instance,
                "kind": str(decision.zone.kind),
                "quality": str(decision.zone.quality),
                "counted": decision.counted,
                "why": decision.why,
                "location": decision.zone.location,
            }
            for decision in roster.decisions
        ],
    }


def is_enough(roster: Roster, required: str | None) -> bool:
    """PURE. Return whether the host's energy is known as well as is asked: measured or modelled.

    Nothing asked is always enough; measured is only what is measured in all its parts.
    """
    qualities = {
        decision.zone.quality
        for decision in roster.decisions
        if decision.counted and decision.zone.kind is Kind.ENERGY
    }
    if required == Quality.MEASURED:
        return qualities == {Quality.MEASURED}
    return bool(qualities) or required is None


def as_text(diagnosis: dict[str, Any], whereabouts: str = "") -> str:
    """PURE. Return the diagnosis as tables for a person, 96 columns wide."""
    sources, zones = diagnosis["sources"], diagnosis["zones"]
    return "\n".join(
        [
            *_verdict(zones, has_fixes=any(one["fix"] for one in sources)),
            *(_wrapped("", whereabouts, 2) if whereabouts else []),
            "",
            *_table(
                ("SOURCE", "STATE", "WHY"),
                [_source_row(one) for one in sorted(sources, key=_is_absent)],
            ),
            *_fixes(sources),
            "",
            *_table(("ZONE", "COUNTED", "WHY"), _zone_rows(zones)),
        ]
    )


def print_diagnosis(
    roster: Roster, where: Said = NOWHERE, whereabouts: str = "", *, as_json: bool
) -> None:
    """Print what was found, and where the host is; `whereabouts` says it in words."""
    diagnosis = diagnose(roster, where)
    print(json.dumps(diagnosis, indent=2) if as_json else as_text(diagnosis, whereabouts))


def _verdict(zones: Sequence[dict[str, Any]], *, has_fixes: bool) -> list[str]:
    """Say in a sentence or two what the host's energy is made of."""
    energy = [zone for zone in zones if zone["counted"] and zone["kind"] == Kind.ENERGY]
    if not energy:
        return ["Nothing on this host can be measured or modelled: its energy is unknown."]
    names = [f"{zone['source']} {zone['domain']} {zone['instance']}" for zone in energy]
    guessed = any(zone["quality"] != Quality.MEASURED for zone in energy)
    start = "This host's energy is the sum of " if len(names) > 1 else "This host's energy is "
    lines = _wrapped(start, ", ".join(names) + ".", 2)
    if guessed:
        better = ": a meter would be better, see the fixes below." if has_fixes else "."
        lines.append(f"A part of it is modelled, not measured{better}")
    return lines


def _is_absent(source: dict[str, Any]) -> bool:
    return bool(source["state"] == State.ABSENT and not source["fix"])


def _source_row(source: dict[str, Any]) -> tuple[str, str, str]:
    """Return a row; of what is not here and cannot be had, one line says enough."""
    why = source["reason"]
    if _is_absent(source):
        why = why if len(why) <= _ABSENT_WIDTH else why[: _ABSENT_WIDTH - 1] + "…"
    return source["name"], source["state"], why


def _zone_rows(zones: Sequence[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Return a row for each zone, and where the counted ones are read."""
    rows = []
    for zone in zones:
        name = f"{zone['source']} {zone['domain']} {zone['instance']}"
        where = f" ({zone['location']})" if zone["location"] and zone["counted"] else ""
        rows.append((name, "yes" if zone["counted"] else "no", zone["why"] + where))
    return rows


def _fixes(sources: Sequence[dict[str, Any]]) -> list[str]:
    fixes = [one for one in sources if one["fix"]]
    if not fixes:
        return []
    # Not wrapped: they are to be copied.
    return ["", "FIXES", *(f"{one['name']}: {one['fix']}" for one in fixes)]


def _table(heads: tuple[str, str, str], rows: Sequence[tuple[str, str, str]]) -> list[str]:
    """Return three columns, of which the last is wrapped."""
    if not rows:
        return []
    first, second = (
        min(max(len(row[column]) for row in (heads, *rows)), widest)
        for column, widest in ((0, 34), (1, 18))
    )
    lines = []
    for name, state, why in (heads, *rows):
        start = f"{name:<{first}}  {state:<{second}}  "
        indent = first + second + 4
        if len(start) > indent:  # a name that is longer than its column has a line of its own
            lines.append(name)
            start = f"{'':<{first}}  {state:<{second}}  "
        lines += _wrapped(start, why, indent)
    return lines


def _wrapped(start: str, text: str, indent: int) -> list[str]:
    return textwrap.wrap(
        start + text,
        width=_WIDTH,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    ) or [start.rstrip()]
