"""`wattgram-agent doctor`: every source, its state, why, and the command that would fix it."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from wattgram_agent.roster import Roster


def diagnose(roster: Roster) -> dict[str, Any]:
    """PURE. Return what was found, as an object for JSON."""
    return {
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
                "quality": str(decision.zone.quality),
                "counted": decision.counted,
                "why": decision.why,
                "location": decision.zone.location,
            }
            for decision in roster.decisions
        ],
    }


def as_text(diagnosis: dict[str, Any]) -> str:
    """PURE. Return the diagnosis as a table for a person."""
    lines = ["SOURCES"]
    for source in diagnosis["sources"]:
        lines.append(f"  {source['name']:<9} {source['state']}")
        lines.extend(_indented("", source["reason"]))
        lines.extend(_indented("fix: ", source["fix"]))
    lines += ["", "ZONES"]
    for zone in diagnosis["zones"]:
        name = f"{zone['source']} {zone['domain']} {zone['instance']}"
        verdict = "counted" if zone["counted"] else "shown, not counted"
        lines.append(f"  {name:<34} {verdict}: {zone['why']}")
        lines.extend(_indented("", zone["location"]))
    if not diagnosis["zones"]:
        lines.append("  none: nothing on this host can be measured or modelled")
    return "\n".join(lines)


def print_diagnosis(roster: Roster, *, as_json: bool) -> None:
    diagnosis = diagnose(roster)
    print(json.dumps(diagnosis, indent=2) if as_json else as_text(diagnosis))


def _indented(prefix: str, text: str) -> list[str]:
    if not text:
        return []
    return textwrap.wrap(
        text,
        width=96,
        initial_indent=f"            {prefix}",
        subsequent_indent=" " * (12 + len(prefix)),
        break_long_words=False,
        break_on_hyphens=False,
    )
