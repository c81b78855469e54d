"""The script `wattgram-agent`, as pip installs it."""

from __future__ import annotations

from wattgram.entry import run


def main() -> int:
    """Run one command; return its exit code."""
    return run("agent")
