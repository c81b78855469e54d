"""PURE. Numbers and states as a reader meets them: with a unit each; unknown is no number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import IntEnum
from typing import Final

from wattgram.readings import Quality, State
from wattgram.units import JOULES_PER_KILOWATT_HOUR, SECONDS_PER_HOUR
from wattgram_collector.exposition.pages.html import Html, join, tag
from wattgram_collector.intensity import Tier
from wattgram_collector.views.model import Presence, Severity

UNKNOWN: Final = tag("span", "unknown", class_="unknown")
Units = tuple[tuple[float, str], ...]
"""Largest first: how large, and the name."""

WATTS: Final = ((1e6, "MW"), (1e3, "kW"), (1.0, "W"))
GRAMS: Final = ((1e6, "t"), (1e3, "kg"), (1.0, "g"))
_ENERGY: Final = ((1e3, "MWh"), (1.0, "kWh"), (1e-3, "Wh"))
_BYTES: Final = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
_DURATIONS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_PLAIN: Final = (1e-4, 999_999)
"""Between these six figures need no exponent."""
_SMALLEST: Final = 0.0005
_LEAST_SHARE: Final = 0.005
_DECIMALS: Final = ((99.95, 0), (9.995, 1), (0.9995, 2))
_COLUMN_DECIMALS: Final = ((999.5, 0), (9.995, 1), (0.9995, 2))
_DECIMALS_MAX: Final = 3
_NARROW: Final = "\N{NARROW NO-BREAK SPACE}"


class Certainty(IntEnum):
    """How well something is known, the same for power and for intensities: one colour each."""

    BEST = 1
    GOOD = 2
    FAIR = 3
    ROUGH = 4
    LEAST = 5
    NONE = 6


CERTAINTY_OF_QUALITY: Final[Mapping[Quality, Certainty]] = {
    Quality.MEASURED: Certainty.BEST,
    Quality.DECLARED: Certainty.GOOD,
    Quality.MODELLED: Certainty.FAIR,
    Quality.DEFAULT: Certainty.ROUGH,
}
CERTAINTY_OF_TIER: Final[Mapping[Tier, Certainty]] = {
    Tier.OPERATOR: Certainty.BEST,
    Tier.LIVE: Certainty.BEST,
    Tier.ESTIMATED: Certainty.GOOD,
    Tier.FORECAST: Certainty.FAIR,
    Tier.LAST_KNOWN: Certainty.FAIR,
    Tier.ANNUAL: Certainty.ROUGH,
    Tier.COUNTRY: Certainty.ROUGH,
    Tier.PARENT: Certainty.LEAST,
    Tier.WORLD: Certainty.LEAST,
}
QUALITY_WORDS: Final[Mapping[Quality, str]] = {
    Quality.MEASURED: "read from a meter",
    Quality.DECLARED: "stated by somebody",
    Quality.MODELLED: "estimated from load",
    Quality.DEFAULT: "a general default",
}
TIER_WORDS: Final[Mapping[Tier, str]] = {
    Tier.OPERATOR: "set by the operator",
    Tier.LIVE: "what the grid did, measured",
    Tier.ESTIMATED: "a provider's estimate",
    Tier.FORECAST: "a provider's forecast",
    Tier.LAST_KNOWN: "the last value before it",
    Tier.ANNUAL: "the zone's yearly average",
    Tier.COUNTRY: "its country's yearly average",
    Tier.PARENT: "a region's yearly average",
    Tier.WORLD: "the world's yearly average",
}
_PRESENCE_WORDS: Final[Mapping[Presence, str]] = {
    Presence.REPORTS: "reports",
    Presence.LATE: "late",
    Presence.GONE: "gone",
}
_STATE_CLASSES: Final[Mapping[State, str]] = {
    State.ACTIVE: "good",
    State.AVAILABLE: "quiet",
    State.ABSENT: "quiet",
    State.PERMISSION_DENIED: "bad",
    State.ERROR: "bad",
}


def named(word: str) -> str:
    """Return the name of a member as text: last_known is last known."""
    return word.replace("_", " ")


def number(value: float, unit: str, decimals: int | None = None) -> Html:
    """Return a number with its unit, to three figures unless `decimals` says otherwise."""
    return _spelt(figures(value) if decimals is None else f"{value:,.{decimals}f}", unit)


def factor(value: float, unit: str) -> Html:
    """Return a number with its unit as it is to be multiplied by hand: to six figures."""
    is_plain = value == 0 or _PLAIN[0] <= abs(value) < _PLAIN[1]
    return _spelt(f"{value:,.6g}", unit) if is_plain else number(value, unit)


def _spelt(shown: str, unit: str) -> Html:
    return Html(tag("span", shown, class_="n") + _NARROW + tag("span", unit, class_="u"))


def figures(value: float) -> str:
    """Return three figures, at most three decimals; what is not 0 is not shown as 0."""
    size = abs(value)
    if size == 0:
        return "0"
    if size < _SMALLEST:
        return "<0.001" if value > 0 else ">\N{MINUS SIGN}0.001"
    decimals = next((count for least, count in _DECIMALS if size >= least), _DECIMALS_MAX)
    return f"{value:,.{decimals}f}"


def decimals_of(values: Iterable[float | None]) -> int:
    """Return how many decimals suit a column: as many as its largest needs for three figures."""
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    return next((count for least, count in _COLUMN_DECIMALS if largest >= least), _DECIMALS_MAX)


def unit_of(value: float, units: Units) -> tuple[float, str]:
    """Return how large the unit is in which a value is best told, and its name; 0: the base."""
    if value == 0:
        return next(one for one in units if one[0] == 1.0)
    return next((one for one in units if abs(value) >= 0.9995 * one[0]), units[-1])


def _scaled(value: float | None, units: Units, per: str = "") -> Html:
    if value is None:
        return UNKNOWN
    factor, unit = unit_of(value, units)
    return number(value / factor, unit + per)


def watts(value: float | None) -> Html:
    return _scaled(value, WATTS)


def grams(value: float | None) -> Html:
    return _scaled(value, GRAMS)


def grams_per_hour(value: float | None) -> Html:
    return _scaled(value, GRAMS, "/h")


def energy(joules: float | None) -> Html:
    """Return watt-hours of joules."""
    return _scaled(None if joules is None else joules / JOULES_PER_KILOWATT_HOUR, _ENERGY)


def intensity(grams_per_kilowatt_hour: float | None) -> Html:
    if grams_per_kilowatt_hour is None:
        return UNKNOWN
    return number(grams_per_kilowatt_hour, "g/kWh")


def data(count: int) -> Html:
    return _scaled(float(count), _BYTES)


def percent(ratio: float | None) -> Html:
    if ratio is None:
        return UNKNOWN
    return Html(tag("span", share(ratio), class_="n") + _NARROW + tag("span", "%", class_="u"))


def share(ratio: float) -> str:
    """Return whole percents; a little of something is not nothing, and almost all is not all."""
    if 0 < ratio < _LEAST_SHARE:
        return "<1"
    if 1 - _LEAST_SHARE < ratio < 1:
        return ">99"
    return f"{ratio * 100:,.0f}"


def duration(seconds: float) -> str:
    """Return the largest whole unit: 3 min."""
    size = max(0.0, seconds)
    length, unit = next((one for one in _DURATIONS if size >= one[0]), _DURATIONS[-1])
    return f"{size / length:.0f} {unit}"


def ago(unix_seconds: float, now_unix_seconds: float) -> str:
    """Return how long ago; a clock that was set back is told as now."""
    since = now_unix_seconds - unix_seconds
    return "never" if not unix_seconds else "now" if since < 1 else f"{duration(since)} ago"


def moment(unix_seconds: float, form: str = "%H:%M") -> Html:
    """Return an instant in UTC, for people and for machines."""
    at = datetime.fromtimestamp(unix_seconds, UTC)
    return tag("time", at.strftime(form), datetime=at.strftime("%Y-%m-%dT%H:%M:%SZ"))


def watts_of(joules: float, seconds: float) -> float:
    return joules / seconds


def grams_per_hour_of(mass_grams: float, seconds: float) -> float:
    return mass_grams / seconds * SECONDS_PER_HOUR


def chip(certainty: Certainty, word: str, meaning: str = "") -> Html:
    """Return a word with the mark of how well that is known."""
    mark = tag("span", class_=f"mark c{certainty.value}", aria_hidden="true")
    return tag("span", mark, word, class_="chip", title=meaning or None)


def quality_chip(quality: Quality | None) -> Html:
    if quality is None:
        return chip(Certainty.NONE, "unknown")
    return chip(CERTAINTY_OF_QUALITY[quality], named(quality.value), QUALITY_WORDS[quality])


def tier_chip(tier: Tier | None) -> Html:
    if tier is None:
        return chip(Certainty.NONE, "unpriced", "no intensity is known")
    return chip(CERTAINTY_OF_TIER[tier], named(tier.value), TIER_WORDS[tier])


def presence_badge(presence: Presence) -> Html:
    return tag("span", _PRESENCE_WORDS[presence], class_=f"badge {presence.value}")


def state_badge(state: State) -> Html:
    return tag("span", named(state.value), class_=f"badge {_STATE_CLASSES[state]}")


def severity_badge(severity: Severity) -> Html:
    return tag("span", severity.value, class_=f"badge {severity.value}")


def plural(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(parts: Iterable[Html | str]) -> Html:
    """Return parts with a middle dot between."""
    return join(parts, " \N{MIDDLE DOT} ")
