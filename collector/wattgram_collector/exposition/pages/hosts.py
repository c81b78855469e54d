"""PURE. The table of hosts: searched, filtered, sorted and paged by the query string."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from wattgram_collector.exposition.pages.asked import SORTS, Asked, Found
from wattgram_collector.exposition.pages.frame import host_link
from wattgram_collector.exposition.pages.html import Content, Html, join, tag
from wattgram_collector.exposition.pages.words import (
    UNKNOWN,
    ago,
    decimals_of,
    energy,
    grams,
    number,
    plural,
    presence_badge,
    quality_chip,
    tier_chip,
)
from wattgram_collector.views.model import HostRow, Presence

_HEADS: Final = (
    ("host", "Host", ""),
    ("state", "State", "broad"),
    ("power", "Power", "right"),
    ("quality", "Quality", "wide"),
    ("rate", "CO2e now", "right"),
    ("tier", "Factor", "wide"),
    ("site", "Site, class", "wide"),
    ("energy", "Energy", "right wide"),
    ("grams", "Emissions", "right wide"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """How many decimals the numbers of the shown rows have."""

    power: int
    rate: int


def hosts_table(found: Found, all_hosts: int, now_unix_seconds: float) -> Html:
    """Return the search, the table and the way between its pages; one swappable part."""
    asked = found.asked
    return tag(
        "div",
        _search(asked),
        _told(found, all_hosts),
        _table(found, now_unix_seconds) if found.rows else _nothing(asked),
        _pages(found) if found.pages > 1 else None,
        id="table",
        data_swap=True,
    )


def _search(asked: Asked) -> Html:
    def option(value: str, text: str) -> Html:
        chosen = value == (asked.state.value if asked.state else "")
        return tag("option", text, value=value, selected=chosen)

    states = join((option("", "all"), *(option(one.value, one.value) for one in Presence)))
    kept = {"sort": asked.sort if asked.sort != "host" else "", "turn": "1" * asked.is_turned}
    hidden = join(
        tag("input", type="hidden", name=name, value=value)
        for name, value in kept.items()
        if value
    )
    return tag(
        "form",
        tag("label", tag("span", "Search"),
            tag("input", type="search", name="q", value=asked.search, maxlength=100,
                placeholder="host, site, zone\N{HORIZONTAL ELLIPSIS}", autocomplete="off",
                spellcheck="false", data_keep=True)),
        tag("label", tag("span", "State"), tag("select", states, name="state")),
        tag("label", tag("input", type="checkbox", name="problems", value="1",
                         checked=asked.has_problem), tag("span", "with problems"), class_="check"),
        hidden,
        tag("button", "Show", type="submit"),
        class_="search", action="#hosts", method="get", role="search",
    )  # fmt: skip


def _told(found: Found, all_hosts: int) -> Html:
    if found.asked.is_filtered:
        text = f"{found.found:,} of {plural(all_hosts, 'host')} found"
    else:
        text = plural(all_hosts, "host")
    if found.pages > 1:
        last = found.first + len(found.rows) - 1
        text += f", {found.first:,} to {last:,} shown"
    clear = tag("a", "show all", href="?#hosts") if found.asked.is_filtered else None
    return tag("p", text, " " if clear else None, clear, class_="told", role="status")


def _nothing(asked: Asked) -> Html:
    said = f" for \N{LEFT DOUBLE QUOTATION MARK}{asked.search}\N{RIGHT DOUBLE QUOTATION MARK}"
    return tag("p", f"No host{said if asked.search else ' of this kind'}.", class_="empty")


def _table(found: Found, now: float) -> Html:
    column = _Column(
        power=decimals_of(row.power_watts for row in found.rows),
        rate=decimals_of(row.grams_per_hour for row in found.rows),
    )
    head = tag("tr", join(_head(found.asked, *one) for one in _HEADS))
    body = join(_row(row, column, now) for row in found.rows)
    table = tag(
        "table",
        tag("caption", "Hosts: energy and emissions are since each first reported.",
            class_="unseen"),
        tag("thead", head),
        tag("tbody", body),
        class_="hosts",
    )  # fmt: skip
    return tag("div", table, class_="scroll", role="region", aria_label="Hosts", tabindex="0")


def _head(asked: Asked, column: str, title: str, classes: str) -> Html:
    is_sorted = asked.sort == column
    is_falling = SORTS[column][0] is not asked.is_turned
    order = ("descending" if is_falling else "ascending") if is_sorted else None
    arrow = ("\N{DOWNWARDS ARROW}" if is_falling else "\N{UPWARDS ARROW}") if is_sorted else ""
    link = tag(
        "a", title, tag("span", arrow, class_="arrow", aria_hidden="true"),
        href=f"{asked.sorted_by(column).link()}#hosts", data_swaps=True,
    )  # fmt: skip
    return tag("th", link, scope="col", class_=classes or None, aria_sort=order)


def _row(row: HostRow, column: _Column, now: float) -> Html:
    is_heard = row.presence is Presence.REPORTS
    watts, rate = row.power_watts, row.grams_per_hour
    state: Sequence[Content] = (presence_badge(row.presence),)
    if not is_heard:
        state = (*state, tag("small", ago(row.last_seen_unix_seconds, now)))
    cells = (
        tag("th", *_named(row), scope="row"),
        tag("td", *state, class_="broad"),
        tag("td", _figure(watts, "W", column.power), class_="right"),
        tag("td", quality_chip(row.power_quality), class_="wide"),
        tag("td", _figure(rate, "g/h", column.rate), class_="right"),
        tag("td", tier_chip(row.tier) if is_heard else UNKNOWN,
            tag("small", row.zone or "no grid zone"), class_="wide"),
        tag("td", row.site or tag("span", "no site", class_="quiet"),
            tag("small", row.device_class), class_="wide"),
        tag("td", energy(row.energy_joules), class_="right wide"),
        tag("td", grams(row.grams), *_unpriced(row), class_="right wide"),
    )  # fmt: skip
    return tag("tr", *cells, class_=row.presence.value)


def _figure(value: float | None, unit: str, decimals: int) -> Html:
    return UNKNOWN if value is None else number(value, unit, decimals)


def _named(row: HostRow) -> tuple[Content, ...]:
    link = tag("a", row.host, href=host_link("", row.host))
    state = tag("span", presence_badge(row.presence), class_="narrow")
    if not row.problems:
        return (link, state)
    return (link, tag("small", plural(row.problems, "problem"), class_="attention"), state)


def _unpriced(row: HostRow) -> tuple[Content, ...]:
    if not row.unpriced_joules:
        return ()
    return (tag("small", energy(row.unpriced_joules), " unpriced"),)


def _pages(found: Found) -> Html:
    asked = found.asked

    def link(text: str, page: int) -> Html:
        if not 1 <= page <= found.pages:
            return tag("span", text, class_="quiet")
        to = f"{replace(asked, page=page).link()}#hosts"
        return tag("a", text, href=to, data_swaps=True)

    return tag(
        "nav",
        link("\N{LEFTWARDS ARROW} Previous", asked.page - 1),
        tag("span", f"Page {asked.page} of {found.pages}"),
        link("Next \N{RIGHTWARDS ARROW}", asked.page + 1),
        class_="pages",
        aria_label="Pages of hosts",
    )
