"""PURE. The landing page: every host, what it uses, what that emits, and how well it is known."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from html import escape

from wattgram.units import (
    MICROJOULES_PER_KILOWATT_HOUR,
    MICROWATTS_PER_WATT,
    SECONDS_PER_HOUR,
)
from wattgram_collector.accounting.emissions import Part, emissions_grams, shares
from wattgram_collector.ingest.agents import Agent

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #8884;
         white-space: nowrap; }
td.number, th.number { text-align: right; }
.note { opacity: .75; }
"""
UNKNOWN = "unknown"


def render(agents: Iterable[Agent], now_unix_nanoseconds: int, trouble: str = "") -> str:
    """Return the page as HTML; it needs no script. `trouble` is why the ledger takes nothing."""
    shown = sorted(agents, key=lambda agent: agent.record.host)
    rows = "\n".join(_row(agent, now_unix_nanoseconds) for agent in shown)
    body = (
        f'<div class="scroll"><table>{_HEAD}<tbody>{rows}</tbody></table></div>'
        if shown
        else "<p>No agent has reported yet. Start one: <code>wattgram-agent run</code></p>"
    )
    warning = _WARNING.format(escape(trouble)) if trouble else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="refresh" content="10"><title>Wattgram</title>'
        f"<style>{_STYLE}</style></head><body><h1>Wattgram</h1>"
        f"{warning}<p>{_summary(shown, now_unix_nanoseconds)}</p>{body}"
        '<p class="note">Energy is since the first report. <em>modelled</em> is an estimate from '
        "CPU use, good to about half to double; <em>measured</em> comes from a meter. "
        '<a href="metrics">metrics</a> · <a href="healthz">healthz</a> · '
        '<a href="readyz">readyz</a></p></body></html>'
    )


_WARNING = (
    "<p><strong>The ledger takes nothing now: {}.</strong> Agents keep what they measure and "
    "deliver it later; what follows is as of before.</p>"
)

_HEAD = (
    "<thead><tr><th>host</th><th>state</th>"
    '<th class="number">power W</th><th>quality</th><th class="number">g CO2e/h</th>'
    '<th>grid zone</th><th>tier</th><th class="number">energy kWh</th>'
    '<th class="number">emissions g</th><th class="number">unpriced kWh</th></tr></thead>'
)


def _summary(agents: Iterable[Agent], now: int) -> str:
    live = [agent for agent in agents if not agent.is_late(now)]
    known = [agent.power_microwatts for agent in live if agent.power_microwatts is not None]
    power = f"{sum(known) / MICROWATTS_PER_WATT:.1f} W" if known else UNKNOWN
    hosts = "1 host reports" if len(live) == 1 else f"{len(live)} hosts report"
    return f"{hosts}; power of {len(known)} of them: {power}."


def _row(agent: Agent, now: int) -> str:
    late = agent.is_late(now)
    power = None if late else agent.power_microwatts
    intensity = None if late else agent.intensity
    rate = None
    if power is not None and intensity is not None:
        rate = emissions_grams(Fraction(power), intensity.value) * SECONDS_PER_HOUR
    energy, emissions, unpriced = _sums(agent)
    cells = (
        ("", agent.record.host),
        ("", "late" if late else "reports"),
        ("number", _number(power and Fraction(power, MICROWATTS_PER_WATT), 1)),
        ("", agent.power_quality.value if power is not None and agent.power_quality else UNKNOWN),
        ("number", _number(rate, 2)),
        ("", agent.zone or UNKNOWN),
        ("", intensity.tier.value if intensity else UNKNOWN if late else "unpriced"),
        ("number", _number(energy, 6)),
        ("number", _number(emissions, 3)),
        ("number", _number(unpriced, 6)),
    )
    return "<tr>" + "".join(f'<td class="{c}">{escape(text)}</td>' for c, text in cells) + "</tr>"


def _sums(agent: Agent) -> tuple[Fraction | None, Fraction | None, Fraction | None]:
    """Return kilowatt-hours, grams, and kilowatt-hours that no factor prices; None is unknown."""
    posted = [
        share
        for pricing, amount in agent.totals.postings.items()
        for share in shares(pricing, amount)
        if share.part is Part.HOST
    ]
    if not posted:
        return None, None, None
    priced = [share.grams for share in posted if share.grams is not None]
    energy = sum(share.energy_microjoules for share in posted)
    unpriced = sum(share.energy_microjoules for share in posted if share.grams is None)
    return (
        Fraction(energy) / MICROJOULES_PER_KILOWATT_HOUR,
        Fraction(sum(priced)) if priced else None,
        Fraction(unpriced) / MICROJOULES_PER_KILOWATT_HOUR,
    )


def _number(value: Fraction | int | None, digits: int) -> str:
    return UNKNOWN if value is None else f"{float(value):,.{digits}f}"
