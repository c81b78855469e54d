"""The script `wattgram-collector`, as pip installs it."""

from __future__ import annotations

from wattgram.entry import run


def main() -> int:
    """Run one command; return its exit code."""
    return run("collector")
