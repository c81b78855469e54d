"""The command `greenest`: what it prints of the forecasts in a ledger, and how it ends."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import pytest

from advice_scenes import EIGHT, HALF_HOUR, slots
from wattgram_collector.__main__ import main
from wattgram_collector.accounting.advice import Advice, advise
from wattgram_collector.exposition.advice_text import chart, render, verdict
from wattgram_collector.greenest import duration_seconds
from wattgram_collector.intensity import Intensity, Recorded, Scope, Signal
from wattgram_collector.ledger.sqlite import SqliteLedger

Output = pytest.CaptureFixture[str]
Run = Callable[..., int]
HOUR = 3600
DAY = ["310", "290", "250", "200", "150", "120", "130", "180"]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("WATTGRAM_"):
            monkeypatch.delenv(name)


@pytest.fixture
def this_slot() -> int:
    return int(time.time()) // HALF_HOUR * HALF_HOUR


@pytest.fixture
def greenest(tmp_path: Path) -> Run:
    config = tmp_path / "collector.toml"
    config.write_text(f'state_directory = "{tmp_path}"\n')

    def run(*arguments: str) -> int:
        return main(["greenest", "--config", str(config), *arguments])

    return run


def keep(directory: Path, values: list[Intensity], fetched: int = EIGHT - 600) -> None:
    with closing(SqliteLedger(directory / "ledger.sqlite")) as ledger:
        ledger.record_intensities([Recorded(one, fetched) for one in values])


def advice_of(grams: list[str], duration: int = HOUR, start: int = EIGHT) -> Advice:
    version = "fetched 2026-01-02T07:50:00Z"
    return advise(slots(grams, version=version), start, duration, None, Fraction(1, 10))


# ── the command ──────────────────────────────────────────────────────────────────────────


def test_it_reads_the_ledger_beside_a_collector(
    tmp_path: Path, this_slot: int, greenest: Run, capsys: Output
) -> None:
    keep(tmp_path, slots(DAY, this_slot))
    with closing(SqliteLedger(tmp_path / "ledger.sqlite")):
        assert greenest("--zone", "DE", "--duration", "1h") == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.startswith("DE: start 1 h at ")
    assert "  best window   125 g/kWh" in said.out
    assert "\x1b" not in said.out  # no terminal, no colours


def test_as_json_it_is_all_that_it_rests_on(
    tmp_path: Path, this_slot: int, greenest: Run, capsys: Output
) -> None:
    keep(tmp_path, slots(DAY, this_slot, version="DE fetched 2026-01-02T07:50:00Z"))
    before = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(this_slot + 4 * HOUR))
    asked = ("--zone", "de", "--duration", "1h", "--before", before, "--json")
    assert greenest(*asked) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["best"]["grams_per_kilowatt_hour"] == 125.0
    assert found["until"] == before
    assert found["clear_benefit"] is True
    assert found["duration_seconds"] == HOUR
    assert found["grams_per_kilowatt_hour"]["low"] == 120.0
    assert found["grams_per_kilowatt_hour"]["high"] == 310.0
    assert found["fetched"] == "2026-01-02T07:50:00Z"
    assert {name: found[name] for name in ("zone", "provider", "signal", "scope", "boundary")} == {
        "zone": "DE",
        "provider": "energy_charts",
        "signal": "average",
        "scope": "lifecycle",
        "boundary": "production",
    }


def test_the_error_of_the_forecast_is_configured(
    tmp_path: Path, this_slot: int, greenest: Run, capsys: Output
) -> None:
    keep(tmp_path, slots(DAY, this_slot))
    with (tmp_path / "collector.toml").open("a") as config:
        config.write("[advice]\nforecast_error_ratio = 0.9\n")
    assert greenest("--zone", "DE", "--duration", "1h") == 0
    assert capsys.readouterr().out.startswith("DE: no clear benefit in waiting with 1 h: ")


def test_the_marginal_signal_is_another_question(
    tmp_path: Path, this_slot: int, greenest: Run, capsys: Output
) -> None:
    marginal = slots(["900", "500"], this_slot, provider="watttime", signal=Signal.MARGINAL,
                     scope=Scope.DIRECT)  # fmt: skip
    keep(tmp_path, [*slots(DAY, this_slot), *marginal])
    asked = ("--zone", "DE", "--duration", "30m", "--signal", "marginal", "--json")
    assert greenest(*asked) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["signal"], found["best"]["grams_per_kilowatt_hour"]) == ("marginal", 500.0)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--zone", "FR", "--duration", "1h"), "FR: no forecast of FR is kept (average, lifecyc"),
        (("--zone", "DE", "--duration", "5h"), "values reach to "),
        (("--zone", "DE", "--duration", "1h", "--before", "2026-01-02"), "is not after "),
        (("--zone", "DE", "--duration", "1h", "--before", "2200-01-01T00:00Z"), "reach to "),
        (("--zone", "DE", "--duration", "1h", "--signal", "marginal"), "(marginal, direct)"),
    ],
)
def test_where_there_is_no_answer_it_ends_with_one(
    tmp_path: Path,
    this_slot: int,
    greenest: Run,
    capsys: Output,
    arguments: tuple[str, ...],
    complaint: str,
) -> None:
    keep(tmp_path, slots(DAY, this_slot))
    assert greenest(*arguments) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("wattgram-collector: ")
    assert complaint in said.err


def test_without_a_ledger_it_ends_with_one(greenest: Run, capsys: Output) -> None:
    assert greenest("--zone", "DE", "--duration", "1h") == 1
    assert "ledger" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--duration", "1h"), "--zone"),
        (("--zone", "DE"), "--duration"),
        (("--zone", "DE", "--duration", "soon"), "no duration such as 90m"),
        (("--zone", "DE", "--duration", "1h", "--before", "noon"), "'noon' is no time"),
        (("--zone", "DE", "--duration", "1h", "--signal", "green"), "--signal"),
    ],
)
def test_bad_usage_ends_with_two(
    greenest: Run, capsys: Output, arguments: tuple[str, ...], complaint: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        greenest(*arguments)
    assert caught.value.code == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90m", 5400), ("90min", 5400), ("2h", 7200), ("1h30m", 5400), ("1d", 86_400), ("45s", 45),
     ("31d", 31 * 86_400)],
)  # fmt: skip
def test_durations(text: str, seconds: int) -> None:
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "2", "h", "-2h", "2 h", "1.5h", "0h", "32d", "2h!", "x2h", "٢h", "1w"]
)
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        duration_seconds(text)


# ── what a person reads ──────────────────────────────────────────────────────────────────


def test_the_answer_is_one_sentence() -> None:
    assert verdict(advice_of(["300", "290", "100", "100"])) == (
        "DE: start 1 h at 2026-01-02 09:00Z; it saves 66 %."
    )
    assert verdict(advice_of(["100", "100", "96", "96"])) == (
        "DE: no clear benefit in waiting with 1 h: the best window saves 4.0 %, and the forecast "
        "may be wrong by 10 %."
    )
    assert verdict(advice_of(["100", "100", "200"], 5400)) == (
        "DE: start 1 h 30 min now; no later window is better."
    )


def test_all_of_it() -> None:
    assert render(advice_of(DAY, 2 * HOUR), colours=False) == (
        """\
DE: start 2 h at 2026-01-02 10:00Z; it saves 45 %.

  best window   145 g/kWh, 2026-01-02 10:00Z to 2026-01-02 12:00Z
  starting now  262 g/kWh, 2026-01-02 08:00Z to 2026-01-02 10:00Z
  saving        118 g/kWh (45 %)
  all the time  120 to 310 g/kWh, mean 204, until 2026-01-02 12:00Z
  forecast      energy_charts, fetched 2026-01-02 07:50Z; average, lifecycle, production, busbar

310 |########
    |###############
    |#######################
    |##############################                       #######
155 |#####################################               ########
    |############################################################
    |############################################################
    |############################################################
  0 |                              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
     2026-01-02 08:00Z                          2026-01-02 12:00Z
"""
    )


def test_the_chart_is_as_high_as_its_highest_and_zero_is_empty() -> None:
    found = advice_of(["0", "1", "800", "0.1"], HALF_HOUR)
    lines = chart(found.curve, found.best, colours=False)
    bars = [line.partition("|")[2] for line in lines[:8]]
    assert bars[0].strip() == "#" * 15
    assert bars[7] == " " * 15 + "#" * 45
    assert lines[8].partition("|")[2] == "^" * 15


def test_a_chart_of_nothing_but_zero_is_empty() -> None:
    found = advice_of(["0", "0"], HALF_HOUR)
    lines = chart(found.curve, found.best, colours=False)
    assert not any("#" in line for line in lines)


def test_the_window_is_green_on_a_terminal() -> None:
    found = advice_of(["300", "100"], HALF_HOUR)
    plain = chart(found.curve, found.best, colours=False)
    lines = chart(found.curve, found.best, colours=True)
    assert [line.replace("\x1b[32m", "").replace("\x1b[0m", "") for line in lines] == plain
    assert lines[8].count("\x1b[32m^\x1b[0m") == 30
    assert lines[7].count("\x1b[32m#") == 30
    assert lines[0].count("\x1b") == 0
