"""Who says what a kilowatt-hour emits, put together from the configuration.

The operator's word, then what providers said of the hour, then the yearly averages that are
shipped: the first that knows wins, on the axes that are asked for and on no other.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final

from wattgram.units import SECONDS_PER_DAY
from wattgram_collector.accounting.emissions import Books
from wattgram_collector.accounting.market import MarketTable
from wattgram_collector.accounting.sites import Sites
from wattgram_collector.buying import market_table
from wattgram_collector.config import CollectorConfig, IntensitySettings
from wattgram_collector.ingest.agents import Fleet
from wattgram_collector.ingest.committer import Committer
from wattgram_collector.intensities import annual
from wattgram_collector.intensities.history import History, HistoryBook
from wattgram_collector.intensities.located import LocatedBook
from wattgram_collector.intensities.operator import OperatorTable
from wattgram_collector.intensities.places import Places
from wattgram_collector.intensities.providers.counts import ProviderCounts
from wattgram_collector.intensities.providers.kinds import Axis, factors_of
from wattgram_collector.intensities.providers.provider import Window
from wattgram_collector.intensities.providers.surroundings import Kept, Surroundings
from wattgram_collector.intensities.providers.wiring import enabled, feeding
from wattgram_collector.intensity import Axes, Boundary, IntensityBook, Losses, Scope, Signal
from wattgram_collector.ledger import Ledger
from wattgram_collector.restating import Restater

MARGINAL_PROVIDERS: Final = frozenset({"watttime"})
KEEP_DAYS_BEYOND_FREEZE: Final = 1.0
TIDY_SECONDS: Final = 3600.0


def axes_of(settings: IntensitySettings) -> Axes:
    """PURE. Return the axes that energy is priced on."""
    return Axes(
        scope=Scope(settings.scope),
        boundary=Boundary(settings.boundary) if settings.boundary else None,
    )


def marginal_of(average: Axes) -> Axes:
    """PURE. Return the axes of the marginal signal beside those of the average."""
    # What is marginal is said without what supply and construction add.
    return replace(average, signal=Signal.MARGINAL, scope=Scope.DIRECT, boundary=None)


def operator_table(settings: IntensitySettings, places: Places) -> OperatorTable:
    """Return what the operator states; raises ValueError naming a zone that it is wrong for."""
    stated: dict[str, float] = {}
    names: dict[str, str] = {}
    for name, grams in settings.override_grams_per_kilowatt_hour.items():
        zone = name if ":" in name else places.zone(name)
        if names.setdefault(zone.upper(), name) != name:
            raise ValueError(f"{names[zone.upper()]} and {name} are the same zone")
        stated[zone] = grams
    return OperatorTable(
        stated, scope=Scope(settings.scope), losses=Losses(settings.override_losses)
    )


def market_of(
    config: CollectorConfig, places: Places, location: IntensityBook
) -> MarketTable | None:
    """Return what was bought; raises ValueError naming the section that is wrong."""
    return market_table(config.market, places, location, Scope(config.intensity.scope))


def require_known(config: CollectorConfig) -> None:
    """Raise ValueError naming what of a configuration the tables or its files do not bear out."""
    places = Places()
    try:
        table = operator_table(config.intensity, places)
    except ValueError as error:
        raise ValueError(f"intensity.override_grams_per_kilowatt_hour: {error}") from error
    Sites(config, places)
    market_of(config, places, table)


def unknown_zones(config: CollectorConfig) -> Iterator[str]:
    """Yield a line for each zone of a configuration for which nobody has an intensity.

    It may be a name of the operator's own that is stated later: no reason not to start.
    """
    places = Places()
    stated = {
        *config.intensity.override_grams_per_kilowatt_hour,
        *(zone for section in config.providers.values() for zone in section.zones),
        *(zone for section in config.providers.values() for zone in section.regions),
    }
    known = {places.zone(zone).upper() for zone in stated}
    for key, zone in _zones_named(config):
        here = places.zone(zone)
        if here.upper() not in known and not places.parents(here):
            yield f"{key}: {zone!r} is no grid zone that is known: docs/data.md has their names"


def _zones_named(config: CollectorConfig) -> Iterator[tuple[str, str]]:
    """Yield each zone that a configuration names for energy, and where."""
    named = [("grid_zone", config.grid_zone)]
    named += [
        (f"grid_zone_of_host.{host}", zone) for host, zone in config.grid_zone_of_host.items()
    ]
    named += [(f"sites.{name}.grid_zone", one.grid_zone) for name, one in config.sites.items()]
    named += [
        (f"networks.{name}.grid_zone", one.grid_zone) for name, one in config.networks.items()
    ]
    named += [(f"redfish.{name}.grid_zone", one.grid_zone) for name, one in config.redfish.items()]
    named += [
        (f"market.{name}.zones", zone) for name, one in config.market.items() for zone in one.zones
    ]
    yield from ((key, zone) for key, zone in named if zone)


class Pricing:
    """The books of a collector, and what keeps them up to date."""

    def __init__(
        self,
        config: CollectorConfig,
        ledger: Ledger,
        committer: Committer,
        fleet: Fleet,
        *,
        unix_seconds: Callable[[], float] = time.time,
    ) -> None:
        """Read what was kept before; raises LedgerError, ValueError for a table that is wrong."""
        self._config = config
        self._fleet = fleet
        self._unix_seconds = unix_seconds
        self.places = Places()
        self.counts = ProviderCounts(enabled(config.providers))
        self.history = History(enabled(config.providers))
        settings = config.intensity
        average = axes_of(settings)
        marginal = marginal_of(average)
        asked = {Signal.AVERAGE: average}
        if MARGINAL_PROVIDERS & set(enabled(config.providers)):
            asked[Signal.MARGINAL] = marginal
        self.axes = average
        location = LocatedBook(
            operator_table(settings, self.places),
            HistoryBook(self.history, average),
            annual.load(average),
            self.places.zone,
        )
        self.market = market_of(config, self.places, location)
        self.books = Books(
            location=location,
            market=self.market,
            marginal=HistoryBook(self.history, marginal) if Signal.MARGINAL in asked else None,
        )
        self.restater = Restater(
            ledger,
            committer,
            fleet,
            self.history,
            asked,
            freeze_days=settings.freeze_days,
            unix_seconds=unix_seconds,
        )
        for zone in ledger.intensity_zones():  # all at once would be hundreds of megabytes
            self.restater.resume(ledger.intensities(self._oldest(), zone))

    def _oldest(self) -> int:
        """Return when the oldest slot ended that may still be priced with."""
        days = self._config.intensity.freeze_days + KEEP_DAYS_BEYOND_FREEZE
        return int(self._unix_seconds() - days * SECONDS_PER_DAY)

    def zones_in_use(self) -> Iterable[str]:
        """Return the grid zones of the hosts that were seen since this process began."""
        return {agent.zone for agent in self._fleet if agent.zone}

    def kept(self, provider: str, zone: str, window: Window) -> Iterable[Kept]:
        """Return what is kept of a provider's values for a zone, that touches a window."""
        return [
            Kept(Window(one.valid_from_unix_seconds, one.valid_until_unix_seconds), one.status)
            for one in self.history.of(zone, provider, *window)
        ]

    @contextlib.asynccontextmanager
    async def running(self, stop: Callable[[asyncio.Future[None]], None]) -> AsyncIterator[None]:
        """Ask providers, restate what they say better; `stop` is told when that dies of a bug."""
        surroundings = Surroundings(
            zones=self.zones_in_use,
            kept=self.kept,
            sink=self.restater.take,
            counts=self.counts,
            unix_seconds=self._unix_seconds,
        )
        axis = Axis(self.axes.scope, factors_of(self.places))
        tasks = [asyncio.ensure_future(self.restater.run()), asyncio.ensure_future(self._tidy())]
        for task in tasks:
            task.add_done_callback(stop)
        try:
            async with feeding(self._config.providers, axis, surroundings):
                yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _tidy(self) -> None:
        """Let go of slots that are too old to be priced with; the ledger has them still."""
        while True:
            await asyncio.sleep(TIDY_SECONDS)
            self.history.forget_before(self._oldest())
