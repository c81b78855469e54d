"""One grid zone: its intensity now, over a day back, as expected, and when it is greenest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from wattgram.units import SECONDS_PER_DAY, SECONDS_PER_HOUR
from wattgram_collector.accounting.advice import AdviceError, NoForecastError
from wattgram_collector.advising import Advisor
from wattgram_collector.intensity import Intensity, IntensityBook, Status
from wattgram_collector.views.model import GreenestWindow, HostRow, Zone, ZoneStep

LOAD_SECONDS: Final = SECONDS_PER_HOUR
"""How long the work is for which the greenest window is looked up."""
AHEAD_SECONDS_MAX: Final = 4 * SECONDS_PER_DAY
STEPS_MAX: Final = 2_000


def zone_view(zone: str, advisor: Advisor, book: IntensityBook, now_unix_seconds: int) -> Zone:
    """Return what is known of a zone; hosts and power are not."""
    now = book.at(zone, now_unix_seconds)
    seen = list(advisor.observed(zone, now_unix_seconds - SECONDS_PER_DAY, now_unix_seconds))
    seen_until = max((one.valid_until_unix_seconds for one in seen), default=0)
    expected = _expected(zone, advisor, now_unix_seconds)
    to_come = (one for one in expected if one.valid_from_unix_seconds >= seen_until)
    steps = [*_steps(seen), *_steps(to_come)]
    is_static = now is None or now.status is Status.STATIC
    return Zone(
        zone=zone,
        hosts=0,
        power_watts=None,
        grams_per_kilowatt_hour=None if now is None else float(now.value),
        tier=now.tier if now else None,
        provider=now.provider if now else "",
        valid_until_unix_seconds=None
        if is_static or now is None
        else now.valid_until_unix_seconds,
        steps=tuple(steps[:STEPS_MAX]),
        greenest=greenest(zone, advisor, now_unix_seconds),
    )


def _expected(zone: str, advisor: Advisor, now: int) -> Iterator[Intensity]:
    """Yield what one provider expects from now on."""
    if not advisor.knows(zone):
        return
    try:
        values = advisor.forecast(zone, now, None)
    except NoForecastError:
        return
    for value in values:
        is_near = value.valid_from_unix_seconds < now + AHEAD_SECONDS_MAX
        if value.status is Status.FORECAST and is_near:
            yield value


def _steps(values: Iterable[Intensity]) -> Iterator[ZoneStep]:
    for value in values:
        yield ZoneStep(
            start_unix_seconds=value.valid_from_unix_seconds,
            length_seconds=value.valid_until_unix_seconds - value.valid_from_unix_seconds,
            grams_per_kilowatt_hour=float(value.value),
            is_forecast=value.status is Status.FORECAST,
        )


def greenest(zone: str, advisor: Advisor, now_unix_seconds: int) -> GreenestWindow | None:
    """Return the best hour that the forecast knows; None where there is no forecast of one."""
    if not advisor.knows(zone):
        return None
    try:
        found = advisor.advise(zone, now_unix_seconds, LOAD_SECONDS, None)
    except AdviceError:
        return None
    best = found.best
    return GreenestWindow(
        start_unix_seconds=best.start_unix_seconds,
        length_seconds=best.end_unix_seconds - best.start_unix_seconds,
        grams_per_kilowatt_hour=float(best.grams_per_kilowatt_hour),
        saving_ratio=float(found.saving_ratio),
        is_robust=found.is_clear,
    )


def with_hosts(zone: Zone, rows: Iterable[HostRow]) -> Zone:
    """Return the zone with what is on it now."""
    mine = [row for row in rows if row.zone == zone.zone]
    known = [row.power_watts for row in mine if row.power_watts is not None]
    return replace(zone, hosts=len(mine), power_watts=sum(known) if known else None)
