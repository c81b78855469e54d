"""A feed over hours and days of a clock that only the test moves: what is asked, kept, said."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from itertools import pairwise

import pytest

from fake_providers import MANNERS, Grid, Road, failure
from provider_client import TableClient
from wattgram_collector.exposition.own_providers import ProviderMetrics
from wattgram_collector.intensities.providers.answers import in_order
from wattgram_collector.intensities.providers.belief import believed
from wattgram_collector.intensities.providers.counts import Metered
from wattgram_collector.intensities.providers.provider import (
    Answer,
    Client,
    Outcome,
    ProviderError,
    Window,
)
from wattgram_collector.intensities.providers.schedule import Budget
from wattgram_collector.intensity import Intensity, Status, Tier

HOUR, DAY = 3_600, 86_400
NOW = 1_750_000_000 // 1_800 * 1_800 + 700.0
OK = TableClient(("/DE", {}, b"{}"), ("/FR", {}, b"{}"), ("/NL", {}, b"{}"))


def road(grid: Grid, client: Client = OK, **changes: object) -> Road:
    return Road(grid, client, NOW, **changes)  # type: ignore[arg-type]


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage() for record in caplog.records if record.name == "wattgram.providers"
    ]


# ── the pace ─────────────────────────────────────────────────────────────────────────────────


async def test_a_zone_in_use_is_asked_once_a_slot_for_the_whole_fleet() -> None:
    grid = Grid("DE")
    way = road(grid, zones=["DE", "de", "DE", "US"] * 100)
    await way.goes_on(5 * HOUR)
    currents = [now for _, window, now in grid.asked if window.end_unix_seconds > now]

    assert {zone for zone, _, _ in grid.asked} == {"DE"}
    assert len(currents) == 11
    assert currents[0] - NOW <= 10
    assert all(
        1_800 - 180 <= late - early <= 1_800 + 180 for early, late in pairwise(currents[1:])
    )
    assert all(0 <= (now - 600) % 1_800 <= 181 for now in currents[1:])


async def test_what_was_measured_and_what_is_expected_are_kept() -> None:
    way = road(Grid("DE"))
    await way.goes_on(HOUR)
    here = int(way.clock.now) // 1_800 * 1_800
    measured = way.store.starts("DE", Status.MEASURED)

    assert measured == list(range(measured[0], measured[-1] + 1, 1_800))
    assert measured[0] <= NOW - 7 * DAY + 1_800
    assert measured[-1] >= here - 3_600
    assert way.store.starts("DE", Status.FORECAST)[-1] >= here + 2 * DAY - 3_600


async def test_what_is_measured_is_asked_again_at_a_slow_pace_for_it_may_be_revised() -> None:
    grid = Grid("DE")
    way = road(grid)
    await way.goes_on(13 * HOUR)
    sweeps = [window for _, window, now in grid.asked if window.end_unix_seconds <= now]

    assert len(sweeps) == 3
    assert all(end - start <= 2 * DAY for start, end in sweeps[1:])


async def test_eight_hours_down_then_back_lose_no_slot() -> None:
    grid = Grid("DE")
    way = road(grid)
    await way.goes_on(3 * HOUR)
    grid.fails = failure(Outcome.UNREACHABLE)
    before = len(grid.asked)
    await way.goes_on(8 * HOUR)
    assert 30 <= len(grid.asked) - before <= 45
    assert way.counts.up["grid"] is False
    grid.fails = None
    await way.goes_on(HOUR)

    measured = way.store.starts("DE", Status.MEASURED)
    assert measured == list(range(measured[0], measured[-1] + 1, 1_800))
    assert measured[-1] >= way.clock.now - 5_400
    assert way.counts.up["grid"] is True


async def test_three_days_down_are_swept_up() -> None:
    grid = Grid("DE")
    grid.fails = failure(Outcome.TIMEOUT)
    way = road(grid)
    await way.goes_on(3 * DAY)
    grid.fails = None
    await way.goes_on(HOUR)

    measured = way.store.starts("DE", Status.MEASURED)
    assert measured == list(range(measured[0], measured[-1] + 1, 1_800))
    assert measured[0] <= way.clock.now - 6 * DAY


async def test_a_restart_asks_nothing_that_is_kept() -> None:
    grid = Grid("DE", "FR", "NL")
    way = road(grid, zones=["DE", "FR", "NL"])
    await way.goes_on(HOUR)
    again = road(grid, zones=["DE", "FR", "NL"])
    again.clock, again.store = way.clock, way.store
    again.feed = type(again.feed)(
        again.feed._source,
        again.feed._around._replace(
            kept=way.store.kept, sink=way.store.take, unix_seconds=way.clock.unix_seconds,
            steady_seconds=way.clock.steady_seconds, sleep=way.clock.sleep,
        ),
    )  # fmt: skip
    asked = len(grid.asked)
    await again.goes_on(300)

    assert grid.asked[asked:] == []
    await again.goes_on(1_800)
    assert {zone for zone, _, _ in grid.asked[asked:]} == {"DE", "FR", "NL"}


async def test_zones_that_leave_are_asked_no_more_and_others_join() -> None:
    grid = Grid("DE", "FR")
    way = road(grid, zones=["DE"])
    await way.goes_on(HOUR)
    way.zones[:] = ["FR"]
    asked = len(grid.asked)
    await way.goes_on(HOUR)

    assert {zone for zone, _, _ in grid.asked[asked:]} == {"FR"}
    assert grid.asked[asked][2] - (NOW + HOUR) <= 75


async def test_the_zones_of_the_configuration_are_the_only_ones() -> None:
    grid = Grid("DE", "FR")
    way = road(grid, zones=["DE"], configured=("FR",))
    await way.goes_on(HOUR)

    assert {zone for zone, _, _ in grid.asked} == {"FR"}


async def test_more_zones_than_there_can_be_are_not_asked() -> None:
    names = [f"Z{number:03}" for number in range(300)]
    way = road(Grid(*names), TableClient(), zones=names)
    await way.feed.tick()

    assert len(way.feed._turns) == 200


# ── limits ───────────────────────────────────────────────────────────────────────────────────


async def test_no_more_is_asked_than_the_plan_allows() -> None:
    grid = Grid("DE", "FR", "NL")
    manners = MANNERS._replace(requests=4, per_seconds=3_600.0)
    way = road(grid, zones=["DE", "FR", "NL"], manners=manners)
    await way.goes_on(12 * HOUR)
    times = [now for _, _, now in grid.asked]

    assert all(late - early >= 3_599 for early, late in zip(times, times[4:], strict=False))
    assert {zone for zone, _, _ in grid.asked} == {"DE", "FR", "NL"}


async def test_a_budget_for_each_zone_is_each_zones() -> None:
    grid = Grid("DE", "FR")
    manners = MANNERS._replace(requests=1, per_seconds=3_600.0, for_each_zone=True)
    way = road(grid, zones=["DE", "FR"], manners=manners)
    await way.goes_on(60)

    assert sorted(zone for zone, _, _ in grid.asked) == ["DE", "FR"]


async def test_a_retry_after_is_honoured_for_every_zone() -> None:
    grid = Grid("DE", "FR", "NL")
    grid.fails = failure(Outcome.RATE_LIMITED, 1_800.0)
    way = road(grid, zones=["DE", "FR", "NL"])
    await way.goes_on(1_750)

    assert len(grid.asked) == 1
    await way.goes_on(300)
    assert len(grid.asked) == 2


async def test_a_server_that_is_down_is_asked_four_times_an_hour_whatever_the_zones() -> None:
    grid = Grid("DE", "FR", "NL")
    grid.fails = failure(Outcome.SERVER_ERROR)
    way = road(grid, zones=["DE", "FR", "NL"])
    await way.goes_on(HOUR)
    first = len(grid.asked)
    await way.goes_on(4 * HOUR)

    assert first <= 9
    assert len(grid.asked) - first <= 17


async def test_one_zone_that_is_refused_delays_no_other() -> None:
    grid = Grid("DE", "FR")
    grid.fails, grid.failing = failure(Outcome.UNAUTHORIZED), ["FR"]
    way = road(grid, zones=["DE", "FR"])
    await way.goes_on(5 * HOUR)
    asked = [zone for zone, window, now in grid.asked if window.end_unix_seconds > now]

    assert asked.count("DE") == 11
    assert 15 <= asked.count("FR") <= 21


async def test_a_clock_that_is_set_back_stops_nothing() -> None:
    grid = Grid("DE")
    way = road(grid)
    await way.goes_on(HOUR)
    way.clock.now -= 10 * DAY
    way.clock.boot -= 10 * DAY
    asked = len(grid.asked)
    await way.goes_on(HOUR)

    assert len(grid.asked) > asked


# ── what fails ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.OK}))
async def test_each_outcome_is_counted_and_exposed(outcome: Outcome) -> None:
    grid = Grid("DE")
    grid.fails = failure(outcome)
    way = road(grid)
    await way.goes_on(60)
    lines = {
        (sample.name, *sample.labels.values()): sample.value
        for metric in ProviderMetrics(way.counts).collect()
        for sample in metric.samples
    }

    assert lines["wattgram_provider_requests_total", "grid", outcome.value] >= 1
    assert lines["wattgram_provider_requests_total", "grid", "ok"] == 0
    assert lines.get(("wattgram_provider_up", "grid"), 0.0) == 0
    assert ("wattgram_provider_last_success_timestamp_seconds", "grid") not in lines
    assert way.store.taken == []


async def test_a_success_is_exposed() -> None:
    way = road(Grid("DE"))
    await way.feed.tick()
    await way.goes_on(60)
    lines = {
        (sample.name, *sample.labels.values()): sample.value
        for metric in ProviderMetrics(way.counts).collect()
        for sample in metric.samples
    }

    assert lines["wattgram_provider_requests_total", "grid", "ok"] == 2
    assert lines["wattgram_provider_up", "grid"] == 1
    assert NOW <= lines["wattgram_provider_last_success_timestamp_seconds", "grid"] <= NOW + 60


async def test_a_failure_is_said_once_and_that_it_is_over_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    grid = Grid("DE", "FR", "NL")
    way = road(grid, zones=["DE", "FR", "NL"])
    await way.goes_on(HOUR)
    assert logged(caplog) == []
    grid.fails = failure(Outcome.TIMEOUT)
    await way.goes_on(4 * HOUR)
    (line,) = logged(caplog)
    assert line.startswith("provider_failed provider=grid zone=")
    assert line.endswith("outcome=timeout reason='as the test has it'")
    grid.fails = None
    await way.goes_on(2 * HOUR)

    assert logged(caplog)[1:] == ["provider_works_again provider=grid outcome=timeout"]


async def test_an_empty_answer_is_no_failure_until_it_stays_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Just after midnight there is nothing yet, with some; for hours it is an outage."""
    caplog.set_level(logging.INFO)
    grid = Grid("DE")
    way = road(grid)
    await way.goes_on(HOUR)
    grid.gives = []
    await way.goes_on(1.5 * HOUR)
    assert logged(caplog) == []
    assert way.counts.up["grid"] is True
    assert way.outcomes["empty"] >= 2
    await way.goes_on(3 * HOUR)

    assert "outcome=empty" in logged(caplog)[0]


async def test_a_bug_in_a_provider_is_an_invalid_answer_and_tells_no_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    grid = Grid("DE")
    grid.fails = KeyError("token-0815")
    way = road(grid)
    await way.goes_on(60)

    assert way.outcomes["invalid"] == 1
    assert "bug: KeyError at fake_providers.py:" in logged(caplog)[0]
    assert "0815" not in caplog.text


async def test_values_beside_bad_ones_are_kept_and_the_pace_is_too() -> None:
    grid = Grid("DE")
    good = grid.value("DE", int(NOW) // 1_800 * 1_800 - 3_600)
    grid.fails = ProviderError(Outcome.INVALID, "one of them is -3", values=[good])
    way = road(grid)
    await way.goes_on(2 * HOUR)

    assert way.store.taken[0] == [good]
    assert way.outcomes["invalid"] >= 5
    assert way.counts.up["grid"] is True


async def test_a_sink_that_takes_nothing_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    grid = Grid("DE")
    way = road(grid)
    way.store.is_full = True
    await way.goes_on(3 * HOUR)
    assert [line.split(" ")[0] for line in logged(caplog)] == ["intensities_not_kept"]
    assert len(grid.asked) >= 10
    way.store.is_full = False
    await way.goes_on(HOUR)

    assert logged(caplog)[1:] == ["intensities_kept_again provider=grid"]
    assert way.store.starts("DE", Status.MEASURED)


async def test_a_store_that_fails_does_not_end_the_feed(caplog: pytest.LogCaptureFixture) -> None:
    grid = Grid("DE")
    way = road(grid)

    def fails(*_: object) -> list[object]:
        raise OSError(5, "Input/output error")

    way.feed._around = way.feed._around._replace(kept=fails)  # type: ignore[arg-type]
    running = asyncio.ensure_future(way.feed.run())
    while way.clock.now < NOW + 200:  # noqa: ASYNC110 -- the feed moves its own clock
        await asyncio.sleep(0)
    way.feed._around = way.feed._around._replace(kept=way.store.kept)
    while not grid.asked:  # noqa: ASYNC110 -- as above
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert [line.split(" ")[0] for line in logged(caplog)] == ["provider_feed_failed"]


async def test_a_feed_is_cancelled_while_it_waits_for_an_answer() -> None:
    started = asyncio.Event()

    class Hanging(TableClient):
        async def get(self, *_: object, **__: object) -> Answer:
            started.set()
            await asyncio.Event().wait()
            raise AssertionError

    way = road(Grid("DE"), Hanging())
    running = asyncio.ensure_future(way.feed.run())
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert way.outcomes == {}


async def test_every_request_is_counted_with_its_own_outcome() -> None:
    """The last answer of a fetch counts as what the fetch was worth, those before it as good."""

    class Twice(Grid):
        async def fetch(
            self, client: Client, zone: str, window: Window, now_unix_seconds: int
        ) -> list[Intensity]:
            await client.get("/FR")
            return await super().fetch(client, zone, window, now_unix_seconds)

    grid = Twice("DE")
    grid.fails = failure(Outcome.SYNTHETIC)
    way = road(grid)
    await way.goes_on(60)
    assert way.outcomes == {"ok": 1, "synthetic": 1}

    denied = road(Twice("DE"), TableClient(("/FR", {}, b"{}"), ("/DE", {}, Answer(403, {}, b""))))
    await denied.goes_on(60)
    assert denied.outcomes == {"ok": 1, "unauthorized": 1}


async def test_a_fetch_of_more_requests_than_the_budget_is_cut_short() -> None:
    budget = Budget(2, 3_600.0)
    table = TableClient(("/DE", {}, b"{}"))
    metered = Metered(table, budget, 0.0)
    await metered.get("/DE")
    await metered.get("/DE")
    with pytest.raises(ProviderError) as caught:
        await metered.get("/DE")

    assert (caught.value.outcome, caught.value.retry_after_seconds) == (
        Outcome.RATE_LIMITED,
        3_600,
    )
    assert len(table.asked) == 2


# ── what is believed ─────────────────────────────────────────────────────────────────────────


def doubted(value: Intensity) -> dict[str, int]:
    return dict(believed([value], "grid", "DE", NOW).refused)


GRID = Grid("DE")
HERE = int(NOW) // 1_800 * 1_800
GOOD = GRID.value("DE", HERE - 1_800)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (replace(GOOD, zone="FR"), "not_asked_for"),
        (replace(GOOD, provider="other"), "not_asked_for"),
        (replace(GOOD, tier=Tier.FORECAST), "tier"),
        (replace(GOOD, status=Status.FORECAST), "tier"),
        (replace(GOOD, tier=Tier.ANNUAL, status=Status.STATIC), "tier"),
        (GRID.value("DE", HERE + 1_800), "known_before_it_was"),
        (GRID.value("DE", HERE + 1_800, Status.ESTIMATED), "known_before_it_was"),
        (GRID.value("DE", HERE + 4 * DAY + 1_800, Status.FORECAST), "future"),
        (GRID.value("DE", HERE - 8 * DAY), "past"),
    ],
)
def test_what_cannot_be_is_not_believed(value: Intensity, reason: str) -> None:
    assert doubted(value) == {reason: 1}


@pytest.mark.parametrize(
    "value",
    [GOOD, GRID.value("DE", HERE), GRID.value("DE", HERE + 4 * DAY - 1_800, Status.FORECAST),
     GRID.value("DE", HERE - 7 * DAY), replace(GOOD, grams_per_kilowatt_hour="0")],
)  # fmt: skip
def test_what_can_be_is_believed(value: Intensity) -> None:
    assert doubted(value) == {}


def test_of_values_that_overlap_one_is_believed() -> None:
    late = replace(GOOD, valid_from_unix_seconds=GOOD.valid_from_unix_seconds + 900)
    found = believed([late, GOOD], "grid", "DE", NOW)

    assert found.values == [GOOD]
    assert found.refused == {"overlapping": 1}


def test_what_is_in_order_touches_the_window_and_does_not_overlap() -> None:
    late = replace(GOOD, valid_from_unix_seconds=GOOD.valid_from_unix_seconds + 900)
    again = replace(GOOD, grams_per_kilowatt_hour="1")
    after, away = GRID.value("DE", HERE), GRID.value("DE", HERE + 1_800)

    assert in_order([away, late, after, GOOD, again], Window(HERE - 1, HERE + 1)) == [GOOD, after]


async def test_values_that_are_not_believed_are_counted_and_no_answer() -> None:
    grid = Grid("DE")
    grid.gives = [grid.value("FR", HERE - 1_800)]
    way = road(grid)
    await way.goes_on(60)

    assert way.outcomes == {"invalid": 1}
    assert way.counts.refused == {("grid", "not_asked_for"): 1}
    assert way.store.taken == []
