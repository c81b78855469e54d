"""PURE. Of one host: who used its energy, its network, its gaps, and its agent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from wattgram_collector.exposition.pages.frame import note, section
from wattgram_collector.exposition.pages.html import Content, Html, join, tag
from wattgram_collector.exposition.pages.series import Share
from wattgram_collector.exposition.pages.stripe import bar
from wattgram_collector.exposition.pages.words import (
    CERTAINTY_OF_QUALITY,
    UNKNOWN,
    Certainty,
    data,
    duration,
    energy,
    named,
    percent,
)
from wattgram_collector.views.model import HostDetail, Used

WORKLOADS_MAX: Final = 25
INTERFACES_MAX: Final = 20


def used(detail: HostDetail) -> Html:
    columns = (
        _used_list("By component", detail.components, "No component is told apart."),
        _used_list("By workload", detail.workloads, "No workload is told apart."),
    )
    told = note("energy since it first reported")
    return section("Who used it", tag("div", *columns, class_="two"), name="used", note=told)


def _used_list(title: str, used: Sequence[Used], none: str) -> Html:
    if not used:
        return tag("div", tag("h3", title), tag("p", none, class_="empty"), class_="share")
    ordered = sorted(used, key=lambda one: one.energy_joules, reverse=True)
    whole = sum(one.energy_joules for one in ordered)
    rows = join(_used_row(one, whole) for one in ordered[:WORKLOADS_MAX])
    rest = ordered[WORKLOADS_MAX:]
    left = sum(one.energy_joules for one in rest)
    more = tag("p", f"and {len(rest):,} more with ", energy(left), class_="note") if rest else None
    return tag("div", tag("h3", title), tag("ul", rows, class_="shares"), more, class_="share")


def _used_row(used: Used, whole: float) -> Html:
    certainty = CERTAINTY_OF_QUALITY[used.quality] if used.quality else Certainty.GOOD
    ratio = used.energy_joules / whole if whole else 0.0
    mix = (Share(name="", meaning="", certainty=certainty, ratio=1.0),)
    kind = tag("small", used.kind, " ") if used.kind != used.name else None
    return tag(
        "li",
        tag("p", tag("span", kind, used.name or used.kind, class_="name"),
            tag("span", energy(used.energy_joules), " ", tag("small", percent(ratio)),
                class_="amount")),
        bar(mix, ratio, 6),
    )  # fmt: skip


def network_and_gaps(detail: HostDetail) -> Html:
    columns = (_network(detail), _gaps(detail))
    return section("Network and gaps", tag("div", *columns, class_="two"), name="network")


def _network(detail: HostDetail) -> Html:
    if not detail.interfaces:
        said = tag("p", "No interface is counted.", class_="empty")
        return tag("div", tag("h3", "Network"), said)
    head = tag("tr", join(tag("th", one, scope="col") for one in ("Device", "Received", "Sent")))
    rows = join(
        tag("tr", tag("th", name, scope="row"), tag("td", data(received)), tag("td", data(sent)))
        for name, (received, sent) in sorted(detail.interfaces.items())[:INTERFACES_MAX]
    )
    table = tag("table", tag("thead", head), tag("tbody", rows), class_="numbers")
    return tag("div", tag("h3", "Network"), table)


def _gaps(detail: HostDetail) -> Html:
    gaps = sorted(detail.gap_seconds.items(), key=lambda one: one[1], reverse=True)
    if not gaps:
        said = tag("p", "None that its agent told of.", class_="empty")
        return tag("div", tag("h3", "Time without a measurement"), said)
    items = pairs((named(reason), duration(seconds)) for reason, seconds in gaps)
    return tag("div", tag("h3", "Time without a measurement"), items)


def pairs(named_values: Iterable[tuple[str, Content]]) -> Html:
    return tag(
        "dl", join(tag("div", tag("dt", key), tag("dd", value)) for key, value in named_values)
    )


def about(detail: HostDetail) -> Html:
    offset, spooled = detail.clock_offset_seconds, detail.spooled_batches
    memory = detail.agent_resident_memory_bytes
    agent: list[tuple[str, Content]] = [
        ("agent", detail.agent_version or UNKNOWN),
        ("id", detail.agent_id),
        ("clock", UNKNOWN if offset is None else f"{offset:+.3f} s against this one"),
        ("waiting to be sent", UNKNOWN if spooled is None else f"{spooled:,} batches"),
        ("its own memory", UNKNOWN if memory is None else data(memory)),
        *((named(name), value or UNKNOWN) for name, value in detail.facts.items()),
    ]
    return section("The host and its agent", pairs(agent), name="facts")
