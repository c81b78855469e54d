"""PURE. The words that an operator says a time with, and times as text. All in UTC."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from wattgram.units import SECONDS_PER_DAY, SECONDS_PER_HOUR

SECONDS_PER_MINUTE: Final = 60
UNIX_SECONDS_MAX: Final = 1 << 33
FORMS: Final = "RFC 3339 such as 2026-03-01T10:00:00Z, -2h (s, m, h, d), now, today or yesterday"
OPTIONS: Final = ("--from", "--to")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_AGO: Final = re.compile(r"-([0-9]{1,9})([smhd])", re.ASCII)
_SECONDS: Final = {"s": 1, "m": SECONDS_PER_MINUTE, "h": SECONDS_PER_HOUR, "d": SECONDS_PER_DAY}


def unix_seconds(text: str, now_unix_seconds: int) -> int:
    """Return the time that a text names; raises ValueError for one that names none."""
    midnight = now_unix_seconds - now_unix_seconds % SECONDS_PER_DAY
    named = {"now": now_unix_seconds, "today": midnight, "yesterday": midnight - SECONDS_PER_DAY}
    if text in named:
        return named[text]
    ago = _AGO.fullmatch(text)
    found = now_unix_seconds - int(ago[1]) * _SECONDS[ago[2]] if ago else _rfc3339(text)
    if not 0 <= found <= UNIX_SECONDS_MAX:
        raise ValueError(f"not a time of this ledger: {text!r}")
    return found


def joined(arguments: Sequence[str]) -> list[str]:
    """Return the words of a command line with `--from -2h` as one: argparse sees an option."""
    found: list[str] = []
    for word in arguments:
        if found and found[-1] in OPTIONS and _AGO.fullmatch(word):
            found[-1] += f"={word}"
        else:
            found.append(word)
    return found


def _rfc3339(text: str) -> int:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"not a time: {text!r}; give {FORMS}") from error
    if _DATE.fullmatch(text):
        found = found.replace(tzinfo=UTC)
    if found.tzinfo is None:
        raise ValueError(f"{text!r} does not say in which zone: end it with Z or +01:00")
    return int(found.timestamp() // 1)


def text_of(unix: int) -> str:
    """Return a time as RFC 3339; the end of time where no calendar reaches."""
    if unix > UNIX_SECONDS_MAX:
        return "for good"
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
