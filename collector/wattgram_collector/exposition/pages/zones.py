"""PURE. The grids that price the fleet: intensity now, what is expected, and the greenest hour."""

from __future__ import annotations

from collections.abc import Sequence

from wattgram_collector.exposition.pages.frame import Place, Surroundings, document, note
from wattgram_collector.exposition.pages.html import Content, Html, join, tag
from wattgram_collector.exposition.pages.words import (
    duration,
    figures,
    intensity,
    moment,
    percent,
    plural,
    tier_chip,
    watts,
)
from wattgram_collector.intensity import Tier
from wattgram_collector.views.model import FleetView, GreenestWindow, Zone, ZoneStep

_HEIGHT = 96
_FLOOR = 0.04


def zones_page(view: FleetView, around: Surroundings) -> str:
    """Return the page as HTML."""
    zones = sorted(view.zones, key=lambda one: (one.power_watts is None, -(one.power_watts or 0)))
    if zones:
        inside: Html = tag(
            "div", join(_zone(one, view.at_unix_seconds) for one in zones), class_="zones"
        )
    else:
        inside = tag("p", "No host has said on which grid it is, and ", tag("code", "grid_zone"),
                     " is not set.", class_="empty")  # fmt: skip
    lead = note("What a kilowatt-hour of each grid emits. Strips show the day behind and as far "
                "as the forecast goes; the line is now.")  # fmt: skip
    head = tag("div", tag("h1", "Grid zones"), lead, class_="title")
    return document(
        Place(title="Grid zones", name="Grid zones"), around, view.at_unix_seconds, head, inside
    )


def _zone(zone: Zone, now: float) -> Html:
    name = zone.zone or "no zone said"
    return tag(
        "section",
        tag("div", tag("h2", name), tag("p", intensity(zone.grams_per_kilowatt_hour),
                                       class_="big"), class_="zonehead"),
        tag("p", tier_chip(zone.tier), *_origin(zone, now), class_="small"),
        tag("p", plural(zone.hosts, "host"), ", ", watts(zone.power_watts), " now",
            class_="small"),
        _strip(zone, now) if zone.steps else tag("p", _no_strip(zone), class_="empty"),
        _greenest(zone.greenest) if zone.greenest else None,
        class_="card zone", aria_label=name,
    )  # fmt: skip


def _origin(zone: Zone, now: float) -> tuple[Content, ...]:
    said: list[Content] = []
    if zone.provider:
        said += [" from ", zone.provider]
    until = zone.valid_until_unix_seconds
    if until is None:
        return tuple(said)
    if until >= now:
        return (*said, ", until ", moment(until), " UTC")
    return (*said, f", ended {duration(now - until)} ago")


def _no_strip(zone: Zone) -> str:
    if zone.grams_per_kilowatt_hour is None:
        return "No intensity of this zone is known: the energy used here is unpriced."
    stated = zone.tier is Tier.OPERATOR
    return (
        f"{'Set by the operator' if stated else 'A yearly average'}, the same at every hour. "
        "With a live provider there is a day to see here, and a forecast: docs/providers.md."
    )


def _strip(zone: Zone, now: float) -> Html:
    steps = zone.steps
    first, last = steps[0].start_unix_seconds, _end(steps[-1])
    span = max(1, last - first)
    top = max(step.grams_per_kilowatt_hour for step in steps) or 1.0
    low = min(step.grams_per_kilowatt_hour for step in steps)
    columns = join(_column(step, first, span, top) for step in steps)
    marks = [_mark(zone.greenest, first, span)] if zone.greenest else []
    at = f"{min(1.0, max(0.0, (now - first) / span)) * 100:.2f}%"
    drawing = tag(
        "svg", *marks, columns,
        tag("line", class_="now", x1=at, x2=at, y1="0", y2=_HEIGHT),
        class_="strip", width="100%", height=_HEIGHT, role="img",
        aria_label=f"Intensity of {zone.zone}: between {figures(low)} and {figures(top)} g/kWh",
    )  # fmt: skip
    ends = tag("p", tag("span", moment(first, "%d %b %H:%M")), tag("span", "UTC"),
               tag("span", moment(last, "%d %b %H:%M")), class_="ends")  # fmt: skip
    return tag("div", drawing, ends, _key(steps, low, top, has_window=bool(zone.greenest)))


def _key(steps: Sequence[ZoneStep], low: float, top: float, *, has_window: bool) -> Html:
    forecast = any(step.is_forecast for step in steps)
    items = [
        tag("li", _key_box("observed"), "observed"),
        tag("li", _key_box("expected"), "forecast") if forecast else None,
        tag("li", _key_box("window"), "greenest hour") if has_window else None,
        tag("li", tag("span", "low ", intensity(low))),
        tag("li", tag("span", "high ", intensity(top))),
    ]
    return tag("ul", *items, class_="legend")


def _key_box(kind: str) -> Html:
    box = tag("rect", class_=kind, width="12", height="12", rx="2")
    return tag("svg", box, class_="key", width=12, height=12, aria_hidden="true")


def _column(step: ZoneStep, first: int, span: int, top: float) -> Html:
    height = max(_FLOOR, step.grams_per_kilowatt_hour / top) * (_HEIGHT - 8)
    said = tag("title", f"{figures(step.grams_per_kilowatt_hour)} g/kWh")
    return tag(
        "rect", said, class_="expected" if step.is_forecast else "observed",
        x=_at(step.start_unix_seconds, first, span), y=f"{_HEIGHT - height:.1f}",
        width=f"{step.length_seconds / span * 100:.3f}%", height=f"{height:.1f}",
    )  # fmt: skip


def _mark(window: GreenestWindow, first: int, span: int) -> Html:
    return tag("rect", class_="window", x=_at(window.start_unix_seconds, first, span), y="0",
               width=f"{window.length_seconds / span * 100:.3f}%", height=_HEIGHT)  # fmt: skip


def _at(unix_seconds: int, first: int, span: int) -> str:
    return f"{(unix_seconds - first) / span * 100:.3f}%"


def _end(step: ZoneStep) -> int:
    return step.start_unix_seconds + step.length_seconds


def _greenest(window: GreenestWindow) -> Html:
    end = window.start_unix_seconds + window.length_seconds
    said: list[Content] = [
        "An hour of work emits least from ", moment(window.start_unix_seconds, "%a %H:%M"),
        " to ", moment(end), " UTC: ", intensity(window.grams_per_kilowatt_hour),
    ]  # fmt: skip
    if window.saving_ratio <= 0:
        said.append(", no less than now.")
    else:
        said += [", ", percent(window.saving_ratio), " less than now"]
        said.append("." if window.is_robust else ". That is within the forecast's own error.")
    return tag("p", *said, class_="greenest")
