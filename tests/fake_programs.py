"""Programs that a test writes for itself, as shell scripts in a directory of its own."""

from __future__ import annotations

from pathlib import Path


def write_program(directory: Path, name: str, script: str) -> Path:
    """Write a script of /bin/sh; only builtins and absolute paths are sure to be found by it."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def printing(text: str) -> str:
    """Return the script that prints `text`."""
    quoted = text.replace("'", "'\\''")
    return f"printf '%s' '{quoted}'"
