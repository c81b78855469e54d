"""Changes that bytes at random seldom make: a value in JSON for another, a line that is gone."""

from __future__ import annotations

import json
import random
import re
from typing import Any

NUMBERS = (0, 1, -1, 2, 60, 1.5, 1e-9, 1e999, 1_000_000, 1 << 31, (1 << 62) + 1, 1 << 64)
VALUES = (*NUMBERS, None, True, False, "", "1", "\ud800", [], {}, [[]])
PLACES_MAX = 40
_PAIR = re.compile(rb"((?:[^=:]*[=:] ?)?)(.*)", re.DOTALL)
DEPTH_MAX = 6


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return the input with something in its JSON or its lines changed, if it has any."""
    return _with_json(data, rng) if rng.random() < 1 / 2 else _with_lines(data, rng)


def _with_json(data: bytes, rng: random.Random) -> bytes:
    text = data.decode("latin-1")  # every byte comes back as it was
    places = [at for at, one in enumerate(text) if one in "{["][:PLACES_MAX]
    if not places:
        return data
    at = rng.choice(places)
    try:
        value, end = json.JSONDecoder().raw_decode(text, at)
    except (ValueError, RecursionError):
        return data
    new = json.dumps(_changed(value, rng, DEPTH_MAX), separators=(",", ":"))
    return (text[:at] + new + text[end:]).encode("latin-1")


def _changed(value: Any, rng: random.Random, depth: int) -> Any:
    """Return a value with one thing in it deleted, or put in place of another."""
    if not isinstance(value, dict | list) or not value or not depth:
        return rng.choice(VALUES)
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = rng.choice(keys)
    how = rng.randrange(5)
    if how == 0:
        del value[key]
    elif how == 1:
        value[key] = rng.choice(VALUES)
    elif how == 2:
        value[key] = value[rng.choice(keys)]
    else:
        value[key] = _changed(value[key], rng, depth - 1)
    return value


def _with_lines(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    how = rng.randrange(6)
    if how == 0:
        del lines[at]
    elif how == 1:
        lines[at], lines[other] = lines[other], lines[at]
    elif how == 2:
        lines.insert(at, lines[other])
    else:  # what is behind a name
        name, value = _PAIR.fullmatch(lines[at]).groups()
        others = NUMBERS if value.isdigit() and rng.randrange(4) else VALUES
        lines[at] = name + json.dumps(rng.choice(others)).encode()
    return b"\n".join(lines)
