"""The TDP of a CPU by its name, from a table that is read once and not kept.

`data/tdp.txt` is made by `agent/scripts/build_tdp.py`: a line is the watts and, each between
bars, the names that have them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Final

TABLE: Final = Path(__file__).with_name("data") / "tdp.txt"
SOURCE: Final = "vendor's TDP via CodeCarbon"

# What surrounds the name: marks, clock, graphics, the generation, the count of cores.
_NOISE: Final = re.compile(
    r"\((?:r|tm|c)\)|[®™\u200b]|(?:\s0\s+)?@.*|\bw/.*|\bwith\b.*|\bradeon\b.*"
    r"|\d+th gen\b|\d+-core\b|\b(?:cpu|processor|apu|intel|amd|eight|six|quad|dual)\b(?:-core)?"
)


def key_of(model_name: str) -> str:
    """PURE. Return the part of a CPU's name that tells it from others, "" when nothing does."""
    key = " ".join(_NOISE.sub(" ", model_name.lower()).split())
    key = re.sub(r" ?- ?|(?<= i[3579]) (?=\d)", "-", key)
    return key if any(letter.isdigit() for letter in key) and "|" not in key else ""


@lru_cache(maxsize=1)
def tdp_watts(model_name: str) -> float | None:
    """Return the thermal design power of one socket, None for a CPU that is not in the table."""
    key = key_of(model_name)
    if not key:
        return None
    with TABLE.open(encoding="utf-8") as lines:
        for line in lines:
            if f"|{key}|" in line:
                return float(line.partition("|")[0])
    return None
