"""A compose file as the engine would read it: variables filled in, anchors merged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

COMPOSE: Final = Path(__file__).parents[1] / "deploy" / "compose"
_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


class MissingVariableError(Exception):
    """A variable that the file says must be set."""


def services(name: str, **variables: str) -> dict[str, dict[str, Any]]:
    """Return the services of deploy/compose/`name`; raises MissingVariableError."""
    content = yaml.safe_load((COMPOSE / name).read_text())
    filled = _filled(content, variables)
    found: dict[str, dict[str, Any]] = filled["services"]
    return found


def mounts(service: Mapping[str, Any]) -> dict[str, tuple[str, bool]]:
    """Return what is mounted: target to source, and whether it may be written."""
    parts = [str(one).split(":") for one in service.get("volumes", [])]
    return {part[1]: (part[0], part[2:] != ["ro"]) for part in parts}


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(one, variables) for key, one in value.items() if key[:2] != "x-"}
    if isinstance(value, list):
        return [_filled(one, variables) for one in value]
    if not isinstance(value, str):
        return value

    def filled(match: re.Match[str]) -> str:
        name, kind, text = match.groups()
        if not variables.get(name) and kind == "?":
            raise MissingVariableError(f"{name}: {text}")
        return variables.get(name) or (text if kind == "-" else "")

    return _VARIABLE.sub(filled, value)
