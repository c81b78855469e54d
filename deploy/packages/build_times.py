"""The time that a build carries: one that is said, so that two builds are the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

EARLIEST_UNIX_SECONDS: Final = 1_767_225_600
"""2026-01-01: what a build carries that was told nothing. Zip files know no time before 1980."""


def build_unix_seconds(environment: Mapping[str, str]) -> int:
    """Return SOURCE_DATE_EPOCH; raises ValueError for what is no time."""
    said = environment.get("SOURCE_DATE_EPOCH", "")
    if not said:
        return EARLIEST_UNIX_SECONDS
    if not said.isdecimal():
        raise ValueError(f"SOURCE_DATE_EPOCH must be Unix seconds: {said!r}")
    return int(said)
