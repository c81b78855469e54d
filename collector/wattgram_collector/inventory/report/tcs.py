"""PURE. The Technology Carbon Standard's `tcs.json`: made from postings, and checked.

Schemas: reporting organisation 0.1.2, emissions report 0.0.3, standard 0.1.0 (Scott Logic Ltd, CC
BY-SA 4.0; techcarbonstandard.org). `problems` says what those schemas say, and a test compares the
two on documents of all kinds. A leaf that was not evaluated is left out; 0 is written only for a
true zero, with a note.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from fractions import Fraction
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from wattgram.units import GRAMS_PER_KILOGRAM
from wattgram_collector.inventory.lines import Sum, leaf_sums
from wattgram_collector.inventory.places import SCOPE_2, TcsLeaf
from wattgram_collector.inventory.postings import Book, Method, Posting, Role, Stage

ORGANISATION_VERSION: Final = "0.1.2"
REPORT_VERSION: Final = "0.0.3"
STANDARD_VERSION: Final = "0.1.0"
KILOGRAM_DIGITS: Final = 6
METHOD_LEAVES: Final = frozenset(
    {TcsLeaf.O_EMPLOYEE_HARDWARE, TcsLeaf.O_NETWORKING, TcsLeaf.O_SERVERS}
)
"""The leaves of electricity: they alone may say a method, and generators may not."""
METHODS: Final = ("location-based", "market-based", "mixed-methods", "other")
VERIFICATIONS: Final = ("self reported", "independently verified")
DOCUMENT_TYPES: Final = ("report", "methodology", "other")


class Organisation(NamedTuple):
    """What the document says of who reports."""

    name: str
    description: str = ""
    open_corporates_url: str = ""
    registered_country: str = ""
    reporting_unit: str = ""
    auditor_link: str = ""
    """Of who verified it independently; empty: it is self reported."""
    disclosures: tuple[tuple[str, str, str], ...] = ()
    """URL, type and description."""


def document(
    organisation: Organisation,
    first: date,
    last: date,
    postings: Iterable[Posting],
    hardware_basis: str,
) -> dict[str, Any]:
    """Return the whole document of one period; both days are in it."""
    found = list(postings)
    report: dict[str, Any] = {
        "schema_version": REPORT_VERSION,
        "reporting_period": {"from_date": first.isoformat(), "to_date": last.isoformat()},
        "verification": VERIFICATIONS[1] if organisation.auditor_link else VERIFICATIONS[0],
        "tech_carbon_standard": _standard(found, hardware_basis),
    }
    if organisation.reporting_unit:
        report["reporting_unit"] = organisation.reporting_unit
    if organisation.auditor_link:
        report["auditor_link"] = organisation.auditor_link
    if organisation.disclosures:
        report["disclosures"] = [
            {"url": url, "doc_type": kind, "description": text}
            for url, kind, text in organisation.disclosures
        ]
    said = {
        "organisation_name": organisation.name,
        "description": organisation.description,
        "open_corporates_url": organisation.open_corporates_url,
        "registered_country": organisation.registered_country,
    }
    return {
        "schema_version": ORGANISATION_VERSION,
        "organisation": {key: value for key, value in said.items() if value},
        "emissions_reports": [report],
    }


def _standard(postings: list[Posting], hardware_basis: str) -> dict[str, Any]:
    found: dict[str, Any] = {"schema_version": STANDARD_VERSION}
    market = _market(postings)
    hardware = {
        one.leaf
        for one in postings
        if one.stage in (Stage.EMBODIED_ACQUIRED, Stage.EMBODIED_AMORTISED) and one.in_tcs
    }
    for leaf, total in leaf_sums(postings).items():
        if total.grams is None:
            continue
        branch, _, name = leaf.value.partition(".")
        notes = list(_notes(total))
        said: dict[str, Any] = {"emissions": _kilograms(total.grams)}
        if leaf in METHOD_LEAVES:
            said["method"] = METHODS[0]
            if leaf in market:
                kilograms = _kilograms(market[leaf])
                notes.append(f"market-based: {kilograms} kgCO2e")
        if leaf in hardware:
            notes.append(f"hardware: {hardware_basis.replace('_', ' ')}")
        if notes:
            said["notes"] = "; ".join(notes)
        found.setdefault(branch, {})[name] = said
    return found


def _notes(total: Sum) -> Iterator[str]:
    if not total.grams:
        yield "evaluated, and nothing was emitted"
    if total.unpriced:
        yield f"{total.unpriced} quantities without a factor are not in it"


def _market(postings: Iterable[Posting]) -> dict[TcsLeaf, Fraction]:
    """Return the market-based grams of scope 2 by the leaf of their asset's electricity."""
    leaves = {
        one.subject: one.leaf
        for one in postings
        if one.place == SCOPE_2 and one.method is Method.LOCATION and one.leaf is not None
    }
    found: dict[TcsLeaf, Fraction] = {}
    for one in postings:
        if one.method is not Method.MARKET or one.grams is None or one.role is not Role.PRIMARY:
            continue
        leaf = leaves.get(one.subject)
        if leaf is not None and one.book is Book.INVENTORY:
            found[leaf] = found.get(leaf, Fraction(0)) + one.grams
    return found


def _kilograms(grams: Fraction) -> float:
    """Return kilograms as they are written: half-even to milligrams."""
    return float(round(grams / GRAMS_PER_KILOGRAM, KILOGRAM_DIGITS))


# ── checking ─────────────────────────────────────────────────────────────────────────────────

Check = Callable[[Any], Iterator[str]]


def problems(said: Any) -> list[str]:
    """Return what is wrong with a document, each with its path; nothing where it is valid."""
    return list(_DOCUMENT(said))


def _object(
    properties: Mapping[str, Check], required: Iterable[str], *, is_open: bool = False
) -> Check:
    def check(said: Any) -> Iterator[str]:
        if not isinstance(said, dict):
            yield ": must be an object"
            return
        for name in required:
            if name not in said:
                yield f": {name} is required"
        for name, value in said.items():
            if name in properties:
                yield from (f".{name}{problem}" for problem in properties[name](value))
            elif not is_open:
                yield f": {name} is not in the schema"

    return check


def _list(of: Check) -> Check:
    def check(said: Any) -> Iterator[str]:
        if not isinstance(said, list):
            yield ": must be a list"
            return
        for at, one in enumerate(said):
            yield from (f"[{at}]{problem}" for problem in of(one))

    return check


def _text(said: Any) -> Iterator[str]:
    if not isinstance(said, str):
        yield ": must be text"


def _uri(said: Any) -> Iterator[str]:
    yield from _text(said)
    if isinstance(said, str):
        try:
            parts = urlsplit(said)
        except ValueError:
            yield ": must be a URL"
            return
        if not (parts.scheme and parts.netloc) or any(c.isspace() for c in said):
            yield ": must be a URL"


def _day(said: Any) -> Iterator[str]:
    yield from _text(said)
    if isinstance(said, str):
        try:
            is_day = date.fromisoformat(said).isoformat() == said
        except ValueError:
            is_day = False
        if not is_day:
            yield ": must be a day such as 2025-01-31"


def _one_of(*allowed: str) -> Check:
    def check(said: Any) -> Iterator[str]:
        if not isinstance(said, str) or said not in allowed:
            yield f": must be one of {', '.join(allowed)}"

    return check


def _amount(said: Any) -> Iterator[str]:
    if isinstance(said, bool) or not isinstance(said, int | float):
        yield ": must be a number"
    elif not said >= 0:
        yield ": must not be below 0"


def _leaf(leaf: TcsLeaf) -> Check:
    properties: dict[str, Check] = {"emissions": _amount, "notes": _text}
    if leaf in METHOD_LEAVES:
        properties["method"] = _one_of(*METHODS)
    return _object(properties, ("emissions",))


def _branches() -> dict[str, Check]:
    leaves: dict[str, dict[str, Check]] = {}
    for leaf in TcsLeaf:
        branch, _, name = leaf.value.partition(".")
        leaves.setdefault(branch, {})[name] = _leaf(leaf)
    return {branch: _object(found, ()) for branch, found in leaves.items()}


_DISCLOSURE: Final = _object(
    {"url": _uri, "doc_type": _one_of(*DOCUMENT_TYPES), "description": _text},
    ("url", "doc_type"),
)
_PERIOD: Final = _object({"from_date": _day, "to_date": _day}, ("from_date", "to_date"))
_REPORT_SHAPE: Final = _object(
    {
        "schema_version": _one_of(REPORT_VERSION),
        "reporting_unit": _text,
        "reporting_period": _PERIOD,
        "verification": _one_of(*VERIFICATIONS),
        "auditor_link": _uri,
        "disclosures": _list(_DISCLOSURE),
        "tech_carbon_standard": _object(
            {"schema_version": _one_of(STANDARD_VERSION), **_branches()}, ("schema_version",)
        ),
    },
    ("schema_version", "reporting_period", "verification", "tech_carbon_standard"),
)


def _report(said: Any) -> Iterator[str]:
    yield from _REPORT_SHAPE(said)
    is_verified = isinstance(said, dict) and said.get("verification") == VERIFICATIONS[1]
    if is_verified and "auditor_link" not in said:
        yield ": auditor_link is required where it is independently verified"


_DOCUMENT: Final = _object(
    {
        "schema_version": _one_of(ORGANISATION_VERSION),
        "organisation": _object(
            {
                "organisation_name": _text,
                "description": _text,
                "open_corporates_url": _uri,
                "registered_country": _text,
            },
            ("organisation_name",),
        ),
        "emissions_reports": _list(_report),
    },
    ("schema_version", "organisation", "emissions_reports"),
)
