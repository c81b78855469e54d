"""PURE. A number as a report shows it: with its unit, how it was made, how well it is known.

Every number is a `data` element that has all of it, so that a program can check that none is bare;
what a reader sees of method and quality stands in the same row or card.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram.readings import Quality
from wattgram.units import GRAMS_PER_KILOGRAM
from wattgram_collector.exposition.pages.html import Content, Html, join, tag
from wattgram_collector.exposition.pages.series import Share
from wattgram_collector.exposition.pages.stripe import bar, mark
from wattgram_collector.exposition.pages.words import (
    CERTAINTY_OF_QUALITY,
    GRAMS,
    QUALITY_WORDS,
    figures,
    share,
    unit_of,
)
from wattgram_collector.inventory.html.digest import TIERS, Tally
from wattgram_collector.inventory.lines import Sum
from wattgram_collector.inventory.report.ledger_file import decimal

CO2E: Final = "CO2e"
_GAP: Final = "\N{NARROW NO-BREAK SPACE}"
_PERCENT: Final = 100
_WORDS_MAX: Final = 3
NOT_KNOWN: Final = "not known"


class Basis(NamedTuple):
    """How a number was made, and how well it is known."""

    method: str
    shares: Mapping[Quality, float]
    uncertainty_ratio: float | None = None
    """Half width of the 95 % interval over the value."""
    stated: str = ""
    """The quality in words, where it is no mix of tiers."""

    @property
    def quality(self) -> str:
        """Return the quality in words: measured 62 %, default 38 %."""
        if self.stated:
            return self.stated
        parts = ", ".join(
            f"{tier} {share(self.shares[tier])}{_GAP}%" for tier in TIERS if tier in self.shares
        )
        return parts or NOT_KNOWN


COUNTED: Final = Basis("counted", {}, stated="exact")


def basis_of(tally: Tally, method: str = "") -> Basis:
    """Return that of a tally: its methods, what made most first."""
    return Basis(method or methods_words(tally.words), tally.shares, tally.uncertainty_ratio)


def basis_of_sum(total: Sum, method: str) -> Basis:
    """Return that of a line of the inventory."""
    ratio = total.uncertainty_ratio
    shares = {tier: float(part) for tier, part in total.share_by_tier.items()}
    return Basis(method, shares, None if ratio is None else float(ratio))


def methods_words(words: Sequence[str]) -> str:
    more = len(words) - _WORDS_MAX
    return ", ".join(words[:_WORDS_MAX]) + (f" and {more} more" if more > 0 else "")


# ── numbers ──────────────────────────────────────────────────────────────────────────────────


def figure(value: Fraction | float, unit: str, basis: Basis, shown: str = "") -> Html:
    """Return a number to three figures with its unit; `value` has all digits of it."""
    text = shown or figures(float(value))
    plain = decimal(value) if isinstance(value, Fraction) else f"{value:.9g}"
    return tag(
        "data",
        tag("span", text, class_="n"),
        _GAP,
        tag("span", unit, class_="u"),
        class_="fig",
        value=plain,
        data_unit=unit,
        data_method=basis.method or NOT_KNOWN,
        data_quality=basis.quality,
    )


def factor(value: Fraction, unit: str, basis: Basis) -> Html:
    """Return what is multiplied with, to six figures: enough to do it by hand."""
    return figure(value, unit, basis, f"{float(value):,.6g}")


def mass(grams: Fraction | float, basis: Basis) -> Html:
    """Return grams of CO2e in the unit that suits them."""
    factor, unit = unit_of(float(grams), GRAMS)
    size = Fraction(int(factor)) if isinstance(grams, Fraction) else factor
    return figure(grams / size, f"{unit} {CO2E}", basis)


def kilograms(grams: Fraction | float, basis: Basis) -> Html:
    """Return grams as kilograms of CO2e, as the files have them."""
    return figure(grams / GRAMS_PER_KILOGRAM, f"kg {CO2E}", basis)


def count(number: int, one: str, many: str = "") -> Html:
    """Return how many there are; counts are exact."""
    return figure(Fraction(number), one if number == 1 else many or f"{one}s", COUNTED,
                  f"{number:,}")  # fmt: skip


def percent(ratio: float, of: str, basis: Basis) -> Html:
    """Return a part of something as percent."""
    return figure(ratio * _PERCENT, f"% {of}".rstrip(), basis, share(ratio))


# ── how well it is known ─────────────────────────────────────────────────────────────────────


def mix(shares: Mapping[Quality, float]) -> tuple[Share, ...]:
    return tuple(
        Share(name=tier.value, meaning=QUALITY_WORDS[tier],
              certainty=CERTAINTY_OF_QUALITY[tier], ratio=shares[tier])
        for tier in TIERS
        if tier in shares
    )  # fmt: skip


def quality(basis: Basis) -> Html:
    """Return the quality as words with their marks, and the interval where there is one."""
    if basis.stated or not basis.shares:
        return tag("span", basis.quality, class_="q")
    parts: list[Content] = [
        tag("span", mark(one.certainty), f"{one.name} {share(one.ratio)}{_GAP}%", class_="chip",
            title=one.meaning)
        for one in mix(basis.shares)
    ]  # fmt: skip
    if basis.uncertainty_ratio is not None:
        parts.append(tag("span", plus_minus(basis.uncertainty_ratio), class_="pm",
                         title="half width of the 95 % interval"))  # fmt: skip
    return tag("span", join(parts, " "), class_="q")


def plus_minus(ratio: float) -> str:
    return f"\N{PLUS-MINUS SIGN}{figures_of_percent(ratio)}{_GAP}%"


def figures_of_percent(ratio: float) -> str:
    """Return percents to two figures: the interval is no better known than that."""
    value = ratio * _PERCENT
    return f"{value:.1f}" if 0 < value < 9.95 else f"{value:,.0f}"  # noqa: PLR2004


def method(words: str, *codes: Content) -> Html:
    return tag("span", words or NOT_KNOWN, *codes, class_="m")


def quality_bar(shares: Mapping[Quality, float], width_ratio: float = 1.0) -> Html:
    return bar(mix(shares), width_ratio)


# ── words that are nobody's numbers ──────────────────────────────────────────────────────────


def said(text: str) -> Html:
    """Return what somebody else wrote: a name, a reason."""
    return tag("span", text, class_="said")


def label(text: str) -> Html:
    """Return the name of a place of the standards, as 3.1 Purchased goods."""
    return tag("span", text, class_="label")


def code(text: str) -> Html:
    return tag("code", text)


def anchor(text: str, to: str) -> Html:
    return tag("a", text, href=f"#{to}")


def day(text: str) -> Html:
    """Return an ISO day or instant."""
    return tag("time", text, datetime=text)


def grid(
    titles: Sequence[Content], rows: Iterable[Html], caption: str, *, class_: str = ""
) -> Html:
    """Return a table under a hidden caption; on a narrow screen it is moved sideways alone."""
    head = tag("tr", join(tag("th", one, scope="col") for one in titles))
    inside = tag("table", tag("caption", caption, class_="unseen"), tag("thead", head),
                 tag("tbody", join(rows)), class_=class_ or None)  # fmt: skip
    return tag("div", inside, class_="scroll", role="region", aria_label=caption, tabindex="0")


def cells(head: Content, *others: Content, row_id: str = "", is_figure: bool = True) -> Html:
    """Return a row whose first cell names it."""
    return tag(
        "tr",
        tag("th", head, scope="row"),
        join(tag("td", one) for one in others),
        id=row_id or None,
        data_figure=is_figure,
    )
