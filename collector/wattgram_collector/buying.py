"""What was bought, put together from the configuration and the files that it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from wattgram_collector.accounting import profiles
from wattgram_collector.accounting.market import (
    Instrument,
    MarketTable,
    instrument,
    require_scope,
)
from wattgram_collector.accounting.market_settings import MarketSettings
from wattgram_collector.intensities.places import Places
from wattgram_collector.intensity import IntensityBook, Scope


def market_table(
    sections: Mapping[str, MarketSettings], places: Places, location: IntensityBook, scope: Scope
) -> MarketTable | None:
    """Return what was bought, None where the operator says nothing of it.

    Raises ValueError naming the section, and the file and line, that is wrong.
    """
    if not sections:
        return None
    require_scope(sections, scope)
    return MarketTable(instruments(sections, places), location)


def instruments(sections: Mapping[str, MarketSettings], places: Places) -> list[Instrument]:
    """Return every section, ready to be asked; raises ValueError as above."""
    return list(_instruments(sections, places))


def _instruments(sections: Mapping[str, MarketSettings], places: Places) -> Iterator[Instrument]:
    for name, one in sections.items():
        try:
            yield instrument(
                name,
                one,
                places,
                profile=_profile(one.profile_file, profiles.SHARE),
                deliveries=_profile(one.deliveries_file, profiles.KILOWATT_HOURS),
            )
        except ValueError as error:
            raise ValueError(f"market.{name}: {error}") from error


def _profile(path: Path | None, column: str) -> profiles.Profile | None:
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: {error}") from error
    try:
        return profiles.parse(text, column)
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error
