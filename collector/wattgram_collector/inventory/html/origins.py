"""PURE. Where it comes from: the largest assets, activities, sites and services; SCI; months."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from wattgram.readings import Quality
from wattgram_collector.exposition.pages.frame import section
from wattgram_collector.exposition.pages.html import EMPTY, Content, Html, join, tag
from wattgram_collector.exposition.pages.words import UNKNOWN
from wattgram_collector.inventory.html.beside import Month
from wattgram_collector.inventory.html.charts import columns
from wattgram_collector.inventory.html.digest import Tally
from wattgram_collector.inventory.html.figures import (
    Basis,
    basis_of,
    cells,
    count,
    day,
    figure,
    grid,
    mass,
    method,
    quality,
    quality_bar,
    said,
)
from wattgram_collector.inventory.html.standing import Standing
from wattgram_collector.inventory.sci import Sci

GROUPS_MAX: Final = 8
COMPONENTS_MAX: Final = 6
_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip


def origins(standing: Standing) -> Html:
    found = standing.digest
    groups = (
        ("Assets", found.assets),
        ("Activities", found.activities),
        ("Sites", found.sites),
        ("Services", found.services),
        ("Units of the organisation", found.units),
    )
    text = tag("p", "Of the GHG Protocol's total, location-based.", class_="note")
    inside = [_largest(name, tallies) for name, tallies in groups if tallies]
    if not inside:
        inside = [tag("p", "No posting is in the total.", class_="empty")]
    return section("Where it comes from", tag("div", *inside, class_="origins"), name="origins",
                   note=text)  # fmt: skip


def _largest(name: str, tallies: Mapping[str, Tally]) -> Html:
    ordered = sorted(tallies.items(), key=lambda one: (-one[1].grams, one[0]))
    most = ordered[0][1].grams
    rows = join(_share(key, tally, most) for key, tally in ordered[:GROUPS_MAX])
    rest = ordered[GROUPS_MAX:]
    more = None
    if rest:
        others = Tally()
        for _, tally in rest:
            others.merge(tally)
        basis = basis_of(others)
        told = (count(len(rest), "more", "more"), mass(others.grams, basis))
        how = (method(basis.method), quality(basis))
        more = tag("p", "and ", join((*told, *how), " "), class_="note", data_figure=True)
    return tag("div", tag("h3", name), tag("ul", rows, class_="shares"), more, class_="share")


def _share(name: str, tally: Tally, most: float) -> Html:
    basis = basis_of(tally)
    amount = mass(tally.grams, basis) if tally.is_known else UNKNOWN
    return tag(
        "li",
        tag("p", tag("span", said(name), class_="name"), tag("span", amount, class_="amount")),
        quality_bar(tally.shares, tally.grams / most if most else 0.0),
        tag("p", method(basis.method), quality(basis), class_="small known"),
        data_figure=True,
    )


# ── months ───────────────────────────────────────────────────────────────────────────────────


def months(standing: Standing) -> Html | None:
    """Return the metered electricity by month; None where nothing was metered."""
    found = standing.beside.months
    if not found:
        return None
    names = [_MONTHS[int(one.name.rpartition("-")[2]) - 1] for one in found]
    used = [float(one.facility_kilowatt_hours) for one in found]
    rates = [_float(one.grams_per_kilowatt_hour) for one in found]
    drawn = tag(
        "div",
        tag("figure", tag("figcaption", "Electricity in kWh"),
            columns(names, used, "s2", "Electricity by month; the table has the numbers")),
        tag("figure", tag("figcaption", "Intensity of the grid in g/kWh, location-based"),
            columns(names, rates, "s3", "Intensity by month; the table has the numbers")),
        class_="pair",
    )  # fmt: skip
    titles = ("Month", "Electricity", "of that IT", "Intensity", "Location-based", "Market-based",
              "Method", "How it is known")  # fmt: skip
    table = grid(titles, map(_month, found), "Electricity by month")
    text = tag("p", "Of every agent, whichever total it is in; what nothing prices has no "
               "intensity.", class_="note")  # fmt: skip
    return section("Electricity by month", drawn, table, name="months", note=text)


def _month(one: Month) -> Html:
    all_priced = one.priced_kilowatt_hours == one.facility_kilowatt_hours
    basis = Basis(
        "metered energy x intensity of each hour",
        {},
        stated="as energy.csv tells of its hours" if all_priced else "part of it is unpriced",
    )
    rate = one.grams_per_kilowatt_hour
    return cells(
        day(one.name),
        figure(one.facility_kilowatt_hours, "kWh", basis),
        figure(one.it_kilowatt_hours, "kWh", basis),
        UNKNOWN if rate is None else figure(rate, "g/kWh", basis),
        UNKNOWN if one.location_grams is None else mass(one.location_grams, basis),
        UNKNOWN if one.market_grams is None else mass(one.market_grams, basis),
        method(basis.method),
        quality(basis),
    )


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


# ── software ─────────────────────────────────────────────────────────────────────────────────


def software(standing: Standing) -> Html | None:
    """Return the SCI of each service and unit; None where nobody asked for one."""
    found = standing.inventory.software
    if not found:
        return None
    titles = ("Service", "Counted", "SCI", "Energy", "Intensity", "Operational", "Embodied",
              "Within it", "Method", "How it is known")  # fmt: skip
    text = tag("p", "SCI = (energy x intensity + embodied) / units, location-based and without "
               "any contract or credit. Without units there is none.", class_="note")  # fmt: skip
    return section("Software carbon intensity",
                   grid(titles, map(_sci, found), "Software carbon intensity"), name="sci",
                   note=text)  # fmt: skip


def _sci(one: Sci) -> Html:
    known = {Quality.MEASURED: 1.0} if one.is_measured else {Quality.MODELLED: 1.0}
    basis = Basis("measurement" if one.is_measured else "calculation", known)
    rate = one.grams_per_unit
    inside: list[Content] = [said(name) for name in one.components[:COMPONENTS_MAX]]
    more = len(one.components) - COMPONENTS_MAX
    if more > 0:
        inside.append(count(more, "more", "more"))
    return cells(
        said(one.service),
        _or_unknown(one.count, one.unit, basis),
        UNKNOWN if rate is None else figure(rate, f"g CO2e/{one.unit}", basis),
        _or_unknown(one.energy_kilowatt_hours, "kWh", basis),
        _or_unknown(one.intensity_grams_per_kilowatt_hour, "g/kWh", basis),
        UNKNOWN if one.operational_grams is None else mass(one.operational_grams, basis),
        UNKNOWN if one.embodied_grams is None else mass(one.embodied_grams, basis),
        join(inside, ", ") if inside else EMPTY,
        method(basis.method),
        quality(basis),
    )


def _or_unknown(value: Fraction | None, unit: str, basis: Basis) -> Html:
    return UNKNOWN if value is None else figure(value, unit, basis)
