"""PURE. What priced metered energy, as rows of factors.csv.

A factor that prices by itself is a row as it was published. Where the hours of a grid each had
their own, one row stands for them: its value is what they come to, weighed by the energy that
they priced, and it says which versions they were and how many.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Final

from wattgram.readings import Quality
from wattgram.units import GRAMS_PER_KILOGRAM
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensity import Intensity, Losses, Scope, Signal, Status
from wattgram_collector.inventory.factors import Factor, FactorBoundary
from wattgram_collector.inventory.grid_table import grid_sources, named_source
from wattgram_collector.inventory.metering.energy import (
    FACTOR_TIERS,
    ON_SITE,
    ON_SITE_NOTE,
    losses_key,
    supply_key,
)
from wattgram_collector.inventory.postings import Posting
from wattgram_collector.ledger.columns import Rates
from wattgram_collector.ledger.sums import Family

_BOUNDARIES: Final = {
    Scope.DIRECT: FactorBoundary.COMBUSTION,
    Scope.LIFECYCLE: FactorBoundary.LIFECYCLE,
    Scope.UPSTREAM: FactorBoundary.WELL_TO_TANK,
}
"""What does not say is taken for a lifecycle: then it is never in scope 2."""
_UNSAID: Final = "unstated"
_KEYS_REMEMBERED: Final = 512


@dataclass(slots=True)
class _Kept:
    """A row in the making: what is known of it, and what it has priced so far."""

    factor: Factor
    quantity: Fraction = Fraction(0)
    grams: Fraction = Fraction(0)
    hours: dict[int, Intensity] = field(default_factory=dict)
    """By identity: a ledger gives the same object for the same factor."""


class FactorBook:
    """The factors of a run, by the keys that postings have."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._keys: dict[int, tuple[Rates, str]] = {}

    def key_of(self, rates: Rates) -> str:
        """Return the key of what prices; empty where nothing does."""
        found = self._keys.get(id(rates))
        if found is None:
            if len(self._keys) >= _KEYS_REMEMBERED:
                self._keys.clear()
            # Kept with it, so that nobody else gets the same identity.
            found = self._keys[id(rates)] = rates, self._noted(rates)
        return found[1]

    def _noted(self, rates: Rates) -> str:
        if rates.family is None:
            return ""
        key = _key(rates.family)
        if rates.factor is not None:
            day = _day(rates.factor.valid_from_unix_seconds)
            key = f"{key}/{rates.factor.version}/{day}/{rates.factor.grams_per_kilowatt_hour}"
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = _Kept(_row(key, rates.family))
        kept.hours.update(rates.distinct)
        return key

    def note(self, factor: Factor) -> str:
        """Make a row of a factor that is known already; return its key."""
        self._kept.setdefault(factor.factor_id, _Kept(factor))
        return factor.factor_id

    def note_terms(self, terms: Terms, factor: str) -> None:
        """Make rows of what terms say of fuel supply and of losses, beside `factor`."""
        if terms.upstream_grams_per_kilowatt_hour:
            self.note(_supply(terms))
        if terms.loss_share or terms.upstream_loss_grams_per_kilowatt_hour:
            self.note(_losses(terms, factor))

    def add(self, posting: Posting) -> Posting:
        """Count what a posting has priced; return it."""
        if posting.factor == ON_SITE:
            self.note(_ON_SITE)
        kept = self._kept.get(posting.factor)
        if kept is not None and posting.quantity is not None and posting.grams is not None:
            kept.quantity += posting.quantity * posting.alpha
            kept.grams += posting.grams
        return posting

    def rows(self, used: Iterable[str]) -> dict[str, Factor]:
        """Return the rows of keys, each with its value."""
        known = (key for key in sorted(set(used)) if key in self._kept)
        return {key: _cited(_valued(self._kept[key])) for key in known}


def _key(family: Family) -> str:
    words = [family.zone, family.provider, family.tier, family.scope, family.boundary,
             family.losses, family.accounting, family.status]  # fmt: skip
    if family.signal is not Signal.AVERAGE:
        words.append(family.signal)
    return "/".join(("grid", *words))


def _row(key: str, family: Family) -> Factor:
    return Factor(
        factor_id=key,
        value=Fraction(0),
        unit="kg/kWh",
        source=family.provider,
        source_version=_UNSAID,
        boundary=_BOUNDARIES.get(family.scope, FactorBoundary.LIFECYCLE),
        region=family.zone,
        includes_losses=family.losses is Losses.DELIVERED,
        is_marginal=family.signal is Signal.MARGINAL,
        tier=FACTOR_TIERS.get(family.tier, Quality.DEFAULT),
    )


def _supply(terms: Terms) -> Factor:
    source = terms.upstream_source or _UNSAID
    return Factor(
        factor_id=supply_key(terms),
        value=Fraction(terms.upstream_grams_per_kilowatt_hour) / GRAMS_PER_KILOGRAM,
        unit="kg/kWh",
        source=source,
        source_version=source,
        boundary=FactorBoundary.WELL_TO_TANK,
        region=terms.zone,
    )


def _losses(terms: Terms, factor: str) -> Factor:
    source = ", ".join(filter(None, (terms.loss_source, terms.upstream_source))) or _UNSAID
    lost = f"{terms.loss_share} of what is sent out, " if terms.loss_share else ""
    return Factor(
        factor_id=losses_key(terms, factor),
        value=Fraction(0),
        unit="kg/kWh",
        source=source,
        source_version=source,
        boundary=FactorBoundary.COMBUSTION,
        region=terms.zone,
        reference=f"{lost}generated as {factor}",
    )


_ON_SITE: Final = Factor(
    factor_id=ON_SITE,
    value=Fraction(0),
    unit="kg/kWh",
    source="GHG Protocol Scope 2 Guidance, chapter 6",
    source_version="2015",
    boundary=FactorBoundary.COMBUSTION,
    tier=Quality.DECLARED,
    reference=ON_SITE_NOTE,
)


def _valued(kept: _Kept) -> Factor:
    hours = sorted(
        set(kept.hours.values()), key=lambda one: (one.valid_from_unix_seconds, one.version)
    )
    found = kept.factor
    if kept.quantity and not found.value:
        found = replace(found, value=kept.grams / kept.quantity / GRAMS_PER_KILOGRAM)
    if not hours:
        return found
    if len(hours) == 1:
        found = replace(found, value=hours[0].value / GRAMS_PER_KILOGRAM)
    return replace(
        found,
        source_version=", ".join(_versions(hours)),
        valid_from=_first_day(hours[0].valid_from_unix_seconds),
        valid_to=_last_day(max(one.valid_until_unix_seconds for one in hours)),
        reference="" if len(hours) == 1 else f"mean of {len(hours)} factors, weighed by energy",
    )


def _cited(found: Factor) -> Factor:
    """Name the publications behind the names that the ledger has, and say their licences.

    What an operator configured, or a live provider told, is named as it is.
    """
    if found.factor_id.startswith("grid/") and f"/{Status.STATIC}/" not in found.factor_id:
        return found
    words = (word for part in found.source.split(", ") for word in part.split(" ")[:1])
    cited = [one for one in map(grid_sources().get, dict.fromkeys(words)) if one is not None]
    if not cited:
        return found
    return replace(
        found,
        source="; ".join(dict.fromkeys(map(named_source, cited))),
        licence="; ".join(dict.fromkeys(one.licence for one in cited)),
    )


def _versions(hours: list[Intensity]) -> Iterator[str]:
    """Yield the versions: all of them if they are few, else the first and the last."""
    found = sorted({one.version for one in hours})
    if len(found) <= _VERSIONS_SHOWN:
        yield from found
    else:
        yield f"{found[0]} to {found[-1]} ({len(found)} versions)"


_VERSIONS_SHOWN: Final = 3


def _day(unix_seconds: int) -> date:
    return datetime.fromtimestamp(unix_seconds, UTC).date()


def _first_day(unix_seconds: int) -> date | None:
    """Return the day of an instant; None at the beginning of time: it holds ever since."""
    return _day(unix_seconds) if unix_seconds else None


def _last_day(until_unix_seconds: int) -> date | None:
    """Return the last day before an instant; None where it is beyond the calendar: for ever."""
    if until_unix_seconds > _CALENDAR_END_UNIX_SECONDS:
        return None
    return _day(until_unix_seconds - 1)


_CALENDAR_END_UNIX_SECONDS: Final = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())
