"""PURE. One host: what it uses and emits, how that is known, and why not better."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from wattgram.readings import State
from wattgram_collector.exposition.pages import parts
from wattgram_collector.exposition.pages.cards import card, small
from wattgram_collector.exposition.pages.frame import Place, Surroundings, document, note, section
from wattgram_collector.exposition.pages.host_parts import about, network_and_gaps, pairs, used
from wattgram_collector.exposition.pages.html import EMPTY, Content, Html, join, tag
from wattgram_collector.exposition.pages.words import (
    TIER_WORDS,
    ago,
    energy,
    factor,
    grams,
    grams_per_hour,
    named,
    presence_badge,
    quality_chip,
    state_badge,
    tier_chip,
    watts,
)
from wattgram_collector.views.model import HostDetail, HostRow, Presence, Source

ROOT: Final = "../"


def host_page(detail: HostDetail, around: Surroundings, at_unix_seconds: float) -> str:
    """Return the page of a host as HTML."""
    place = Place(title=detail.row.host, name="", root=ROOT)
    return document(
        place,
        around,
        at_unix_seconds,
        _title(detail.row, at_unix_seconds),
        _cards(detail.row),
        _arithmetic(detail.row),
        _problems(detail, around, at_unix_seconds),
        _sources(detail.sources),
        _day(detail),
        used(detail),
        network_and_gaps(detail),
        about(detail),
    )


def missing_page(name: str, around: Surroundings, at_unix_seconds: float) -> str:
    """Return the page for a host that there is not."""
    return document(
        Place(title="No such host", name="", root=ROOT),
        around,
        at_unix_seconds,
        tag("div", tag("h1", "No such host"), class_="title"),
        tag("p", "No agent ever reported as ", tag("strong", name), ". ",
            tag("a", "All hosts", href=f"{ROOT}#hosts"), class_="empty"),
    )  # fmt: skip


def _title(row: HostRow, now: float) -> Html:
    state: list[Content] = [presence_badge(row.presence)]
    if row.presence is not Presence.REPORTS:
        state.append(tag("span", " last heard ", ago(row.last_seen_unix_seconds, now)))
    where = [text for text in (row.site, row.device_class, row.zone) if text]
    return tag(
        "div",
        tag("p", tag("a", "Hosts", href=f"{ROOT}#hosts"), class_="crumb"),
        tag("h1", row.host),
        tag("p", *state, class_="state"),
        tag("p", join(where, " \N{MIDDLE DOT} "), class_="note") if where else None,
        class_="title",
    )


def _cards(row: HostRow) -> Html:
    is_heard = row.presence is Presence.REPORTS
    unpriced = (small(energy(row.unpriced_joules), " unpriced"),) if row.unpriced_joules else ()
    made = (
        card("Power now", watts(row.power_watts), small(quality_chip(row.power_quality)),
             small("source ", row.source) if row.source else None),
        card("Emission rate now", grams_per_hour(row.grams_per_hour),
             small(tier_chip(row.tier)) if is_heard else None),
        card("Energy", energy(row.energy_joules), small("since it first reported")),
        card("Emissions", grams(row.grams), small("CO2e, since it first reported"), *unpriced),
    )  # fmt: skip
    return tag("div", *made, class_="cards four")


def _arithmetic(row: HostRow) -> Html:
    """Say what prices the host now, and the multiplication in words."""
    name = quote(row.host, safe="")
    more = tag(
        "p",
        tag("a", "Every slot of the last hour, with its factor and arithmetic",
            href=f"{ROOT}api/v1/hosts/{name}/explain?from=-1h"),
        class_="note",
    )  # fmt: skip
    return section("How the grams are made", _sum_in_words(row), more, name="arithmetic")


def _sum_in_words(row: HostRow) -> Html:
    if row.presence is not Presence.REPORTS:
        said: Content = "It does not report: what it uses and emits now is unknown."
    elif row.power_watts is None:
        said = (
            "Its power is unknown, and so is what it emits. The sources below say why, or it "
            "still delivers what it kept."
        )
    elif row.intensity_grams_per_kilowatt_hour is None or row.tier is None:
        zone = f"the grid zone {row.zone}" if row.zone else "it: nobody said on which grid it is"
        why = f" is known, but no carbon intensity of {zone}. Its energy is counted as unpriced."
        said = join((watts(row.power_watts), why))
    else:
        return tag(
            "p",
            factor(row.power_watts, "W"), " \N{MULTIPLICATION SIGN} ",
            factor(row.intensity_grams_per_kilowatt_hour, "g/kWh"),
            " = ", tag("strong", grams_per_hour(row.grams_per_hour)),
            tag("small", "The intensity is of ", row.zone or "no zone", ", tier ",
                named(row.tier.value), ": ", TIER_WORDS[row.tier],
                ". Overheads of the site, where they are stated, are booked beside it."),
            class_="sum",
        )  # fmt: skip
    return tag("p", said, class_="sum")


def _problems(detail: HostDetail, around: Surroundings, now: float) -> Html:
    if not detail.problems:
        return EMPTY
    listed = parts.problem_list(detail.problems, around, ROOT, now, frozenset())
    return section("Problems", listed, name="problems")


def _sources(sources: Sequence[Source]) -> Html:
    if not sources:
        said = tag("p", "It has not said yet what it can measure.", class_="empty")
        return section("Power sources", said, name="sources")
    ordered = sorted(sources, key=lambda one: (_STATES.index(one.state), one.name))
    absent = [one for one in ordered if one.state is State.ABSENT and not one.fix]
    rows = join(_source(one) for one in ordered if one not in absent)
    cards = tag("ul", rows, class_="sources") if rows else None
    told = note("what it can measure its power with, and why not")
    return section("Power sources", cards, _absent(absent), name="sources", note=told)


def _absent(sources: Sequence[Source]) -> Html:
    """Return the many that a host does not have, folded away, each with the reason."""
    if not sources:
        return EMPTY
    names = ", ".join(source.name for source in sources)
    reasons = pairs((source.name, source.reason or "absent") for source in sources)
    return tag("details", tag("summary", f"not on this host: {names}"), reasons)


_STATES: Final = (
    State.ACTIVE, State.PERMISSION_DENIED, State.ERROR, State.AVAILABLE, State.ABSENT,
)  # fmt: skip


def _source(source: Source) -> Html:
    line = tag("p", tag("strong", source.name), state_badge(source.state),
               tag("span", source.reason, class_="what") if source.reason else None)  # fmt: skip
    return tag("li", line, parts.fix_of(source.fix, is_agents=True))


def _day(detail: HostDetail) -> Html:
    if not detail.history:
        said = tag("p", "Nothing of the last day is read yet.", class_="empty")
        return section("Last 24 hours", said, name="day")
    name = quote(detail.row.host, safe="")
    csv = f"{ROOT}api/v1/hosts/{name}/history?format=csv"
    charts = parts.day(detail.history, csv, f"{detail.row.host} by the hour")
    return section("Last 24 hours", charts, name="day")
