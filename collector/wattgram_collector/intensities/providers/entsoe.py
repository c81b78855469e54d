"""ENTSO-E transparency platform: generation per type, made into an intensity.

Actual generation per production type (document A75, process A16), mean megawatts. It covers what
is produced in the area: not imports. The token is in the query, so no text ever holds a query or
anything that an answer says. More than 400 requests a minute ban token and address for ten
minutes.

ENTSO-E, "Transparency Platform RESTful API user guide"; CC BY 4.0 for what is published.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final
from xml.etree.ElementTree import Element

from wattgram.units import SECONDS_PER_DAY, SECONDS_PER_HOUR
from wattgram_collector.intensities.providers import mix, reading, xml_reading
from wattgram_collector.intensities.providers.entsoe_areas import (
    EIC_OF,
    FUEL_OF,
    KINDS_THAT_MAY_BE_MISSING,
)
from wattgram_collector.intensities.providers.mix import Factors
from wattgram_collector.intensities.providers.provider import (
    Client,
    Outcome,
    ProviderError,
    Window,
)
from wattgram_collector.intensity import Intensity

NAME: Final = "entsoe"
BASE_URL: Final = "https://web-api.tp.entsoe.eu"
PATH: Final = "/api"
REQUESTS_PER_MINUTE_MAX: Final = 400
BAN_SECONDS: Final = 600
CHUNK_SECONDS: Final = 5 * SECONDS_PER_DAY
"""A year may be asked for at once, but its answer would be some fifty megabytes."""
QUARTER_SECONDS: Final = 900
STEP_SECONDS_OF: Final = {"PT15M": 900, "PT30M": 1_800, "PT60M": 3_600, "PT1H": 3_600}
NO_MATCHING_DATA: Final = "No matching data found"

Quarters = dict[int, dict[str, Fraction]]
"""Megawatts by type of plant, by the start of each quarter of an hour in unix seconds."""


class Entsoe:
    """Areas of `EIC_OF`, on the axis of the factors."""

    name = NAME
    slot_seconds = QUARTER_SECONDS
    lag_seconds = 2 * SECONDS_PER_HOUR

    def __init__(self, token: Callable[[], str], factors: Factors) -> None:
        self._token = token
        self._factors = factors

    def serves(self, zone: str) -> bool:
        return zone.upper() in EIC_OF

    async def fetch(
        self,
        client: Client,
        zone: str,
        window: Window,
        now_unix_seconds: int,
    ) -> list[Intensity]:
        eic = EIC_OF[zone.upper()]
        until = min(window.end_unix_seconds, now_unix_seconds)
        asked = with_day_before(Window(window.start_unix_seconds, until))
        generation = Generation()
        for part in reading.chunks(asked, CHUNK_SECONDS):
            answer = await self._get(client, parameters(eic, part))
            generation.add(answer, eic, part)
        return intensities(generation, zone, window, self._factors)

    async def _get(self, client: Client, asked: Sequence[tuple[str, str]]) -> bytes:
        try:
            answer = await client.get(PATH, parameters=(("securityToken", self._token()), *asked))
        except ProviderError as error:
            if error.outcome is Outcome.RATE_LIMITED and error.retry_after_seconds is None:
                error.retry_after_seconds = BAN_SECONDS
            raise
        return answer.body


def with_day_before(window: Window) -> Window:
    """Return the window and what tells which plants there are."""
    return window._replace(start_unix_seconds=window.start_unix_seconds - mix.RECENT_SECONDS)


def parameters(eic: str, window: Window) -> Sequence[tuple[str, str]]:
    """Return what is asked, the token apart: whole hours of UTC."""
    start = window.start_unix_seconds // SECONDS_PER_HOUR * SECONDS_PER_HOUR
    end = -(-window.end_unix_seconds // SECONDS_PER_HOUR) * SECONDS_PER_HOUR
    return (
        ("documentType", "A75"),
        ("processType", "A16"),
        ("in_Domain", eic),
        ("periodStart", f"{datetime.fromtimestamp(start, UTC):%Y%m%d%H%M}"),
        ("periodEnd", f"{datetime.fromtimestamp(end, UTC):%Y%m%d%H%M}"),
    )


def parse(body: bytes, eic: str, zone: str, window: Window, factors: Factors) -> list[Intensity]:
    """PURE. Return the intensities of one document; raises ProviderError."""
    generation = Generation()
    generation.add(body, eic, with_day_before(window))
    return intensities(generation, zone, window, factors)


class Generation:
    """What documents say of one area, in quarters of an hour, and how fine they say it."""

    def __init__(self) -> None:
        self.quarters: Quarters = {}
        self.step_seconds = SECONDS_PER_HOUR
        self._contradicted: set[int] = set()

    def add(self, body: bytes, eic: str, window: Window) -> None:
        """Add one document; raises ProviderError for one that is something else.

        An acknowledgement that nothing matches adds nothing.
        """
        document = xml_reading.root(body)
        if xml_reading.name(document) == "Acknowledgement_MarketDocument":
            if not (xml_reading.text(document, "Reason", "text") or "").startswith(
                NO_MATCHING_DATA
            ):
                raise reading.invalid("the request is refused")
            return
        if xml_reading.name(document) != "GL_MarketDocument":
            raise reading.invalid("not a document of generation")
        if xml_reading.text(document, "type") != "A75":
            raise reading.invalid("not actual generation per type")
        for series in xml_reading.children(document, "TimeSeries"):
            self._add_series(series, eic, window)

    def slots(self) -> Quarters:
        """Return the slots of `step_seconds`, without those that contradict themselves."""
        return {
            start: mixed
            for start, mixed in self.quarters.items()
            if start % self.step_seconds == 0 and start not in self._contradicted
        }

    def _add_series(self, series: Element, eic: str, window: Window) -> None:
        produced_in = xml_reading.text(series, "inBiddingZone_Domain.mRID")
        consumed_in = xml_reading.text(series, "outBiddingZone_Domain.mRID")
        if (produced_in or consumed_in) != eic:
            raise ProviderError(Outcome.ZONE_MISMATCH, "generation of another area")
        if produced_in is None:
            return  # what pumps and charging storage take
        if xml_reading.text(series, "quantity_Measure_Unit.name") != "MAW":
            raise reading.invalid("generation in another unit than megawatts")
        kind = xml_reading.text(series, "MktPSRType", "psrType") or ""
        repeats = curve_repeats(xml_reading.text(series, "curveType"))
        for period in xml_reading.children(series, "Period"):
            step, points = read_period(period, window, repeats=repeats)
            self.step_seconds = min(self.step_seconds, step)
            for start, megawatts in points:
                for quarter in range(start, start + step, QUARTER_SECONDS):
                    self._book(quarter, kind, megawatts)

    def _book(self, quarter: int, kind: str, megawatts: Fraction) -> None:
        if self.quarters.setdefault(quarter, {}).setdefault(kind, megawatts) != megawatts:
            self._contradicted.add(quarter)


def curve_repeats(curve: str | None) -> bool:
    """Return whether a point that is left out repeats the one before it (A03), or is missing."""
    if curve not in {None, "A01", "A03"}:
        raise reading.invalid("a curve of another type than A01 and A03")
    return curve == "A03"


def read_period(
    period: Element, window: Window, *, repeats: bool
) -> tuple[int, list[tuple[int, Fraction]]]:
    """Return the step in seconds and (start, megawatts) of the slots that the window touches."""
    step = STEP_SECONDS_OF.get(xml_reading.text(period, "resolution") or "")
    if step is None:
        raise reading.invalid("a resolution of another kind than 15, 30 and 60 minutes")
    start = reading.unix_seconds(xml_reading.text(period, "timeInterval", "start"), "start")
    end = reading.unix_seconds(xml_reading.text(period, "timeInterval", "end"), "end")
    if start % step or end % step or end <= start:
        raise reading.invalid("a period that is not of whole slots")
    points = _points(period, (end - start) // step)
    first = max(0, (window.start_unix_seconds - start) // step)
    last = min((end - start) // step, -(-(window.end_unix_seconds - start) // step))
    found = []
    if repeats:
        positions = sorted(points)
        known = None
        index = 0
        for slot in range(first, last):
            while index < len(positions) and positions[index] <= slot:
                known = points[positions[index]]
                index += 1
            if known is not None:
                found.append((start + slot * step, known))
    else:
        found = [
            (start + slot * step, points[slot]) for slot in range(first, last) if slot in points
        ]
    return step, found


def _points(period: Element, slots: int) -> Mapping[int, Fraction]:
    """Return megawatts by the number of the slot from 0; positions count from 1."""
    points: dict[int, Fraction] = {}
    for point in xml_reading.children(period, "Point"):
        position = reading.whole(xml_reading.text(point, "position"), "position")
        try:
            megawatts = reading.number(xml_reading.text(point, "quantity"))
        except ValueError:
            raise reading.invalid("a quantity that is not a number") from None
        if not 1 <= position <= slots or position - 1 in points:
            raise reading.invalid("a position outside its period, or twice")
        points[position - 1] = megawatts
    return points


def intensities(
    generation: Generation, zone: str, window: Window, factors: Factors
) -> list[Intensity]:
    """Return the intensities of the slots that the window touches; raises ProviderError."""
    step = generation.step_seconds
    slots = generation.slots()
    wanted = [start for start in sorted(slots) if reading.touches(window, start, start + step)]
    allowance = KINDS_THAT_MAY_BE_MISSING.get(zone.upper(), 0)
    values, holes = mix.priced(slots, wanted, factors, FUEL_OF, allowance=allowance)
    found = mix.measured(values, step, zone, NAME, factors)
    return reading.answered(found, holes, Outcome.PARTIAL, "mixes")
