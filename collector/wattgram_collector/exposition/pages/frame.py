"""PURE. What stands around every page: the head, the way between pages, and the foot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from wattgram_collector.exposition.pages.html import Content, Html, join, tag
from wattgram_collector.exposition.pages.stripe import PATTERNS
from wattgram_collector.exposition.pages.words import listed, moment

REFRESH_SECONDS: Final = 10
_DOTS: Final = frozenset({".", ".."})


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a page needs to know of where it stands."""

    version: str
    assets: Mapping[str, str]
    """Address from the root, by file name."""
    runbook_url: str = ""
    """Of the page whose sections explain the problems; empty: they are named only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a page is: addresses on it are relative, so that it works behind any prefix."""

    title: str
    name: str
    """Of the entry in the way between pages."""
    root: str = ""
    """From the page to the root: '' or '../'."""
    search: str = ""
    """The query string that the page was asked with."""


def document(place: Place, around: Surroundings, at_unix_seconds: float, *inside: Content) -> str:
    """Return a whole page; `at_unix_seconds` is of when it tells."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{place.title} \N{MIDDLE DOT} Wattgram" if place.title else "Wattgram"),
        _asset(place, around, "icon", "mark.svg", type="image/svg+xml"),
        _asset(place, around, "stylesheet", "uPlot.min.css"),
        _asset(place, around, "stylesheet", "page.css"),
        _script(place, around, "uPlot.iife.min.js"),
        _script(place, around, "page.js"),
        tag("noscript", tag("meta", http_equiv="refresh", content="30")),
    )
    body = tag(
        "body",
        PATTERNS,
        tag("a", "Skip to the content", class_="skip", href="#content"),
        _header(place, at_unix_seconds),
        tag("main", *inside, id="content", tabindex="-1", data_live=True),
        _footer(place, around),
        data_refresh_seconds=REFRESH_SECONDS,
    )
    return f"<!doctype html>{tag('html', head, body, lang='en')}"


def _asset(place: Place, around: Surroundings, rel: str, name: str, **more: str) -> Html:
    return tag("link", rel=rel, href=place.root + around.assets[name], **more)


def _script(place: Place, around: Surroundings, name: str) -> Html:
    return tag("script", src=place.root + around.assets[name], defer=True)


def _header(place: Place, at_unix_seconds: float) -> Html:
    links = (("Fleet", ""), ("Grid zones", "zones"), ("About", "about"))
    way = join(
        tag(
            "a",
            name,
            href=(place.root + path) or "./",
            aria_current="page" if name == place.name else None,
        )
        for name, path in links
    )
    return tag(
        "header",
        tag("a", tag("span", class_="logo", aria_hidden="true"), "Wattgram",
            class_="brand", href=place.root or "./"),
        tag("nav", way, aria_label="Pages"),
        tag("p", "as of ", moment(at_unix_seconds, "%Y-%m-%d %H:%M:%S"), " UTC",
            tag("span", class_="pulse", aria_hidden="true"), class_="asof", data_live=True),
    )  # fmt: skip


def _footer(place: Place, around: Surroundings) -> Html:
    links = (
        ("API", "api/openapi.json"),
        ("Metrics", "metrics"),
        ("Data and licences", "about"),
        ("Health", "readyz"),
    )
    way = listed(tag("a", name, href=place.root + path) for name, path in links)
    return tag(
        "footer",
        tag("p", f"Wattgram {around.version} \N{MIDDLE DOT} ", way),
        tag("p", "Emissions are location-based: energy times the carbon intensity of its grid at "
            "its own time. What is not known is called unknown, and is in no sum."),
    )  # fmt: skip


def section(title: str, *inside: Content, name: str, note: Content = None) -> Html:
    """Return a part of a page under a heading that can be linked to."""
    top = tag("div", tag("h2", title, id=name), note, class_="top")
    return tag("section", top, *inside, aria_labelledby=name)


def note(*inside: Content) -> Html:
    return tag("p", *inside, class_="note")


def host_link(root: str, host: str) -> str:
    """Return where the page of a host is. A browser takes a name of only dots for a folder: those
    are looked for in the table.
    """
    if host in _DOTS:
        return f"{root or './'}?{urlencode({'q': host})}"
    return f"{root}hosts/{quote(host, safe='')}"
