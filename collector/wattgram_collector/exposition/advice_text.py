"""PURE. Advice as a person reads it, with the next hours as a small chart, and as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

from wattgram.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_MINUTE
from wattgram_collector.accounting.advice import Advice, Curve, Window, instant
from wattgram_collector.advising import fetched_unix_seconds

COLUMNS: Final = 60
ROWS: Final = 8
BORDER: Final = " |"
_GREEN, _PLAIN = "\x1b[32m", "\x1b[0m"
_UNITS: Final = (("d", SECONDS_PER_DAY), ("h", SECONDS_PER_HOUR), ("min", SECONDS_PER_MINUTE))


def as_json(advice: Advice) -> dict[str, Any]:
    """Return all that the advice rests on; intensities and savings in g/kWh."""
    fetched = fetched_unix_seconds(advice.values)
    return {
        **_origin(advice),
        "fetched": None if fetched is None else instant(fetched),
        "from": instant(advice.curve.start),
        "until": instant(advice.curve.end),
        "duration_seconds": advice.best.end_unix_seconds - advice.best.start_unix_seconds,
        "best": _window(advice.best),
        "now": _window(advice.now),
        "saving_grams_per_kilowatt_hour": float(advice.saving_grams_per_kilowatt_hour),
        "saving_ratio": float(advice.saving_ratio),
        "forecast_error_ratio": float(advice.error_ratio),
        "clear_benefit": advice.is_clear,
        "grams_per_kilowatt_hour": {
            "low": float(min(advice.curve.levels)),
            "mean": float(_mean(advice.curve)),
            "high": float(max(advice.curve.levels)),
        },
    }


def _origin(advice: Advice) -> dict[str, str]:
    one = advice.values[0]
    return {
        "zone": one.zone,
        "provider": one.provider,
        "signal": one.signal,
        "scope": one.scope,
        "boundary": one.boundary,
        "losses": one.losses,
    }


def _window(window: Window) -> dict[str, Any]:
    return {
        "start": instant(window.start_unix_seconds),
        "end": instant(window.end_unix_seconds),
        "grams_per_kilowatt_hour": float(window.grams_per_kilowatt_hour),
    }


def render(advice: Advice, *, colours: bool) -> str:
    """Return the answer, what it rests on, and a chart with the window marked."""
    best, now, curve, origin = advice.best, advice.now, advice.curve, _origin(advice)
    fetched = fetched_unix_seconds(advice.values)
    low, mean, high = map(_grams, (min(curve.levels), _mean(curve), max(curve.levels)))
    saving = _grams(advice.saving_grams_per_kilowatt_hour)
    axes = ", ".join(origin[name] for name in ("signal", "scope", "boundary", "losses"))
    when = "" if fetched is None else f", fetched {_clock(fetched)}"
    lines = [
        verdict(advice),
        "",
        f"  best window   {_grams(best.grams_per_kilowatt_hour)} g/kWh, {_between(best)}",
        f"  starting now  {_grams(now.grams_per_kilowatt_hour)} g/kWh, {_between(now)}",
        f"  saving        {saving} g/kWh ({_percent(advice.saving_ratio)})",
        f"  all the time  {low} to {high} g/kWh, mean {mean}, until {_clock(curve.end)}",
        f"  forecast      {origin['provider']}{when}; {axes}",
        "",
        *chart(curve, best, colours=colours),
    ]
    return "\n".join(lines) + "\n"


def verdict(advice: Advice) -> str:
    """Return one sentence of what to do."""
    best = advice.best
    zone = advice.values[0].zone
    length = _length(best.end_unix_seconds - best.start_unix_seconds)
    saved = _percent(advice.saving_ratio)
    if best.start_unix_seconds == advice.now.start_unix_seconds:
        return f"{zone}: start {length} now; no later window is better."
    if advice.is_clear:
        return f"{zone}: start {length} at {_clock(best.start_unix_seconds)}; it saves {saved}."
    return (
        f"{zone}: no clear benefit in waiting with {length}: the best window saves {saved}, and "
        f"the forecast may be wrong by {_percent(advice.error_ratio)}."
    )


def chart(curve: Curve, best: Window, *, colours: bool) -> list[str]:
    """Return a bar for each part of the time, and below it which parts the window touches."""
    columns = min(COLUMNS, curve.end - curve.start)
    edges = [
        curve.start + (curve.end - curve.start) * column // columns
        for column in range(columns + 1)
    ]
    spans = list(pairwise(edges))
    means = [curve.mean(*span) for span in spans]
    marked = [
        start < best.end_unix_seconds and end > best.start_unix_seconds for start, end in spans
    ]
    top = max(means)
    width = len(_grams(top))
    lines = []
    for row in range(ROWS, 0, -1):
        # Rounded to whole rows, but what is not 0 has one at least.
        half = top * Fraction(2 * row - 1, 2 * ROWS)
        cells = ["#" if mean and (mean >= half or row == 1) else " " for mean in means]
        label = _grams(top * row / ROWS) if row in {ROWS, ROWS // 2} else ""
        lines.append(f"{label:>{width}}{BORDER}{_coloured(cells, marked, colours=colours)}")
    marks = ["^" if one else " " for one in marked]
    lines.append(f"{'0':>{width}}{BORDER}{_coloured(marks, marked, colours=colours)}".rstrip())
    start, end = _clock(curve.start), _clock(curve.end)
    gap = max(1, columns - len(start) - len(end))
    return [
        *(line.rstrip() for line in lines),
        f"{'':{width + len(BORDER)}}{start}{'':{gap}}{end}",
    ]


def _coloured(cells: list[str], marked: list[bool], *, colours: bool) -> str:
    if not colours:
        return "".join(cells)
    return "".join(
        f"{_GREEN}{cell}{_PLAIN}" if one and cell != " " else cell
        for cell, one in zip(cells, marked, strict=True)
    )


def _mean(curve: Curve) -> Fraction:
    return curve.mean(curve.start, curve.end)


def _between(window: Window) -> str:
    return f"{_clock(window.start_unix_seconds)} to {_clock(window.end_unix_seconds)}"


def _clock(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%MZ")


def _length(seconds: int) -> str:
    """Return a duration such as `1 h 30 min`."""
    parts = []
    for name, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {name}")
    return " ".join([*parts, *([f"{seconds} s"] if seconds else [])])


def _grams(value: Fraction) -> str:
    return f"{float(value):.0f}"


def _percent(ratio: Fraction) -> str:
    """Return a ratio in percent; one digit more where it would read as none."""
    text = f"{float(ratio):.1%}" if 0 < ratio < Fraction(1, 10) else f"{float(ratio):.0%}"
    return text.replace("%", " %")
