"""The scripts that build the shipped tables, as modules; and where they and the tables are."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "collector" / "scripts"
DATA = ROOT / "collector" / "wattgram_collector" / "intensities" / "data"
FIGURES = ROOT.parent / "shared" / "data"
"""The published figures, where they are beside this checkout."""


def script(name: str) -> ModuleType:
    """Import a script; they import each other by their plain names, as when they are run."""
    if str(SCRIPTS) not in sys.path:
        sys.path.append(str(SCRIPTS))
    return importlib.import_module(name)


def complaint_of(parse: Callable[[str], object], text: str) -> str | None:
    """Return what a total parser has against a text: the words of its ValueError, or nothing."""
    try:
        parse(text)
    except ValueError as error:
        return str(error)
    return None
