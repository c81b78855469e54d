"""RTE eCO2mix for France, from the open data portal of the grid operators (ODRE).

Two series of the same rows: `taux_co2`, RTE's own estimate of what burning the fuel emits (direct,
per kilowatt-hour produced; whole grams), and, where factors are given, the generation per kind of
plant, made into an intensity on the axis of the factors. No key. Metropolitan France without
Corsica. Rows are by the quarter of an hour in Paris time; UTC is asked for, so that days of 23
and 25 hours are like others. Rows of the future are there already, empty; for an hour after
midnight there may be nothing at all.

https://odre.opendatasoft.com/explore/dataset/eco2mix-national-tr/ (Opendatasoft Explore v2.1)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram.units import SECONDS_PER_DAY, SECONDS_PER_HOUR
from wattgram_collector.intensities.providers import mix, reading
from wattgram_collector.intensities.providers.mix import Factors, Priced
from wattgram_collector.intensities.providers.provider import (
    TIER_OF,
    Client,
    Outcome,
    ProviderError,
    Window,
)
from wattgram_collector.intensity import Boundary, Intensity, Losses, Scope, Status

NAME: Final = "rte"
BASE_URL: Final = "https://odre.opendatasoft.com"
PATH: Final = "/api/explore/v2.1/catalog/datasets/eco2mix-national-tr/records"
ZONE: Final = "FR"
AREA: Final = "France"
QUARTER_SECONDS: Final = 900
HALF_HOUR_SECONDS: Final = 1_800
ROWS_PER_PAGE: Final = 100
"""The most that the portal gives at once; it serves rows up to the ten-thousandth."""
PAGES_MAX: Final = 99

FUEL_OF: Final = {
    "fioul": "oil",
    "charbon": "coal",
    "gaz": "gas",
    "nucleaire": "nuclear",
    "eolien": "wind",
    "solaire": "solar",
    "hydraulique": "hydro",
    "bioenergies": "biomass",
}
"""Columns, in MW. `pompage` and the batteries are storage, `ech_*` exchanges: not generation."""

VERSION_OF: Final = {
    "Données temps réel": "real_time",
    "Données consolidées": "consolidated",
    "Données définitives": "definitive",
}
SETTLED: Final = frozenset({"consolidated", "definitive"})


class Row(NamedTuple):
    """One quarter or half of an hour: unix seconds, RTE's mark of a revision, all columns."""

    start: int
    nature: str
    columns: Mapping[str, object]


class Series(NamedTuple):
    """Which of the two series, and what it is called when values of it cannot be used."""

    name: str
    scope: Scope
    losses: Losses
    outcome: Outcome


DIRECT: Final = Series("", Scope.DIRECT, Losses.BUSBAR, Outcome.INVALID)


class Rte:
    """France: direct by RTE's own reckoning, or on the axis of `factors` where they are given."""

    name = NAME
    slot_seconds = QUARTER_SECONDS
    lag_seconds = 2 * SECONDS_PER_HOUR

    def __init__(self, factors: Factors | None = None) -> None:
        self._factors = factors

    def serves(self, zone: str) -> bool:
        return zone.upper() == ZONE

    async def fetch(
        self,
        client: Client,
        zone: str,
        window: Window,
        now_unix_seconds: int,  # noqa: ARG002 -- the seam's
    ) -> list[Intensity]:
        asked = parameters(self._factors, window)
        rows: list[Row] = []
        for page in range(PAGES_MAX):
            offset = ("offset", str(page * ROWS_PER_PAGE))
            answer = await client.get(PATH, parameters=(*asked, offset))
            total, found = records(answer.body)
            rows += found
            if not found or len(rows) >= total:
                break
        return intensities(rows, zone, window, self._factors)


def parameters(factors: Factors | None, window: Window) -> Sequence[tuple[str, str]]:
    """Return what is asked: whole half hours, for a mix also the day before, to compare with."""
    columns = ("taux_co2",) if factors is None else tuple(FUEL_OF)
    start = window.start_unix_seconds // HALF_HOUR_SECONDS * HALF_HOUR_SECONDS
    if factors is not None:
        start -= mix.RECENT_SECONDS
    first, last = reading.iso_utc(start), reading.iso_utc(window.end_unix_seconds - 1)
    filled = "taux_co2" if factors is None else "nucleaire"
    return (
        ("select", ",".join(("date_heure", "perimetre", "nature", *columns))),
        ("where", f"date_heure IN [date'{first}' TO date'{last}'] AND {filled} is not null"),
        ("order_by", "date_heure asc"),
        ("timezone", "UTC"),
        ("limit", str(ROWS_PER_PAGE)),
    )


def parse(
    body: bytes, zone: str, window: Window, factors: Factors | None = None
) -> list[Intensity]:
    """PURE. Return the intensities of one page that holds all rows; raises ProviderError."""
    return intensities(records(body)[1], zone, window, factors)


def records(body: bytes) -> tuple[int, list[Row]]:
    """Return how many rows there are in all, and those of this page; raises ProviderError."""
    document = reading.filled_object(body)
    total = reading.whole(document.get("total_count"), "total_count")
    return total, [_row(one) for one in reading.sequence(document.get("results"), "results")]


def _row(value: object) -> Row:
    columns = reading.mapping(value, "a row")
    if columns.get("perimetre", AREA) != AREA:
        raise ProviderError(Outcome.ZONE_MISMATCH, "a row of another area than France")
    start = reading.unix_seconds(columns.get("date_heure"), "date_heure")
    if start % QUARTER_SECONDS:
        raise reading.invalid("date_heure is not a quarter of an hour")
    nature = columns.get("nature")
    return Row(start, VERSION_OF.get(nature, "") if isinstance(nature, str) else "", columns)


def intensities(
    rows: Iterable[Row], zone: str, window: Window, factors: Factors | None
) -> list[Intensity]:
    """Return the intensities of the slots that the window touches; raises ProviderError."""
    columns = ("taux_co2",) if factors is None else tuple(FUEL_OF)
    agreed = _agreed(rows, columns)
    steps = _steps(agreed)
    wanted = [start for start in agreed if reading.touches(window, start, start + steps[start])]
    if factors is None:
        series, priced = DIRECT, _rates(agreed, wanted)
    else:
        series = Series(factors.name, factors.scope, factors.losses, Outcome.PARTIAL)
        priced = mix.priced(_mixes(agreed), wanted, factors, FUEL_OF)
    found = [
        Intensity(
            zone=zone,
            grams_per_kilowatt_hour=text,
            tier=TIER_OF[Status.MEASURED],
            provider=NAME,
            version=f"{series.name} {agreed[start].nature}".strip(),
            valid_from_unix_seconds=start,
            valid_until_unix_seconds=start + steps[start],
            scope=series.scope,
            boundary=Boundary.PRODUCTION,
            losses=series.losses,
            status=Status.MEASURED,
        )
        for start, text in priced.values.items()
    ]
    return reading.answered(found, priced.holes, series.outcome, "slots")


def _agreed(rows: Iterable[Row], columns: Sequence[str]) -> dict[int, Row]:
    """Return the rows that say something, in order of time.

    The spring day has rows for an hour that its clocks do not have; portals have shown them at
    the hour that follows. Rows of the same time that contradict each other count as none.
    """
    found: dict[int, Row] = {}
    contradicted = set()
    for row in rows:
        said = {column: row.columns.get(column) for column in columns}
        if all(value is None for value in said.values()):
            continue
        earlier = found.setdefault(row.start, row._replace(columns=said))
        if earlier.columns != said:
            contradicted.add(row.start)
    return {start: found[start] for start in sorted(found) if start not in contradicted}


def _steps(rows: Mapping[int, Row]) -> dict[int, int]:
    """Return for how many seconds each row holds.

    A quarter of an hour, unless no row of its day, consolidated by then, is at an odd quarter.
    """
    days: dict[int, list[int]] = {}
    for start in rows:
        days.setdefault(start // SECONDS_PER_DAY, []).append(start)
    halves = {
        day
        for day, starts in days.items()
        if len(starts) > 1
        and not any(start % HALF_HOUR_SECONDS for start in starts)
        and all(rows[start].nature in SETTLED for start in starts)
    }
    return {
        start: HALF_HOUR_SECONDS if start // SECONDS_PER_DAY in halves else QUARTER_SECONDS
        for start in rows
    }


def _rates(rows: Mapping[int, Row], wanted: Sequence[int]) -> Priced:
    """Return `taux_co2` as published, where it can be believed."""
    rates = ((start, rows[start].columns["taux_co2"]) for start in wanted)
    values = {start: str(rate) for start, rate in rates if reading.plausible(rate)}
    return Priced(values, len(wanted) - len(values))


def _mixes(rows: Mapping[int, Row]) -> dict[int, dict[str, Fraction]]:
    """Return the generation by column; one without a number is missing, which is not 0."""
    slots: dict[int, dict[str, Fraction]] = {}
    for start, row in rows.items():
        slots[start] = {}
        for column, value in row.columns.items():
            with suppress(ValueError):
                slots[start][column] = reading.number(value)
    return slots
