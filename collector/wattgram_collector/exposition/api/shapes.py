"""PURE. Values of the views to JSON and to lines of CSV, and their types to JSON Schema.

All three go by the fields and properties of the same dataclasses, so that none says what another
does not.
"""

from __future__ import annotations

import ast
import csv
import inspect
import io
import re
import textwrap
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Final

from wattgram_collector.reports.cells import name_cell

Json = dict[str, Any]
Column = tuple[str, Callable[[Any], Any]]

_PRIMITIVES: Final[Mapping[Any, Json]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
}
_NONE: Final = re.compile(r"\bNone\b")
_REFERENCE: Final = "#/components/schemas/"


# ── what a type has ──────────────────────────────────────────────────────────────────────────


def hints(kind: type[Any]) -> dict[str, Any]:
    """Return the fields of a dataclass, and then its properties, with their types."""
    if kind not in _HINTS:
        _HINTS[kind] = _hints(kind)
    return _HINTS[kind]


_HINTS: Final[dict[type[Any], dict[str, Any]]] = {}


def _hints(kind: type[Any]) -> dict[str, Any]:
    found = typing.get_type_hints(kind)
    named = {one.name: found[one.name] for one in fields(kind)}
    for name, value in vars(kind).items():
        if isinstance(value, property) and value.fget is not None:
            named[name] = typing.get_type_hints(value.fget)["return"]
    return named


@cache
def descriptions(kind: Any) -> dict[str, str]:
    """Return what the source of a dataclass says of its fields and properties."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    if not isinstance(tree, ast.ClassDef):
        raise TypeError(f"{kind} is no class")
    found: dict[str, str] = {}
    name = ""
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and name:
            found[name] = " ".join(str(node.value.value).split())
            name = ""
        elif isinstance(node, ast.FunctionDef):
            found[node.name] = " ".join((ast.get_docstring(node) or "").split())
            name = ""
    return {key: _NONE.sub("null", text) for key, text in found.items() if text}


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────


def plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(one) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(one) for one in value]
    return {name: plain(getattr(value, name)) for name in hints(type(value))}


def schema(kind: Any, known: dict[str, Json]) -> Json:
    """Return the JSON Schema of a type; those of dataclasses and enumerations go to `known`."""
    if kind in _PRIMITIVES:
        return dict(_PRIMITIVES[kind])
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _union([one for one in arguments if one is not types.NoneType], known)
    if origin is tuple:
        return _array(arguments, known)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        found: Json = {"type": "object", "additionalProperties": schema(arguments[1], known)}
        if isinstance(arguments[0], type) and issubclass(arguments[0], Enum):
            found["propertyNames"] = schema(arguments[0], known)
        return found
    return _named(kind, known)


def _union(kinds: Sequence[Any], known: dict[str, Json]) -> Json:
    (kind,) = kinds
    found = schema(kind, known)
    if "type" in found:
        return {**found, "type": [found["type"], "null"]}
    return {"anyOf": [found, {"type": "null"}]}


def _array(kinds: Sequence[Any], known: dict[str, Json]) -> Json:
    if kinds[-1] is Ellipsis:
        return {"type": "array", "items": schema(kinds[0], known)}
    return {
        "type": "array",
        "prefixItems": [schema(one, known) for one in kinds],
        "minItems": len(kinds),
        "maxItems": len(kinds),
    }


def _named(kind: type, known: dict[str, Json]) -> Json:
    if kind.__name__ not in known:
        known[kind.__name__] = {}  # a type may hold itself
        about = _NONE.sub("null", " ".join((inspect.getdoc(kind) or "").split()))
        if issubclass(kind, Enum):
            known[kind.__name__] = {
                "type": "string",
                "enum": [one.value for one in kind],
                "description": about,
            }
        elif is_dataclass(kind):
            known[kind.__name__] = _object(kind, about, known)
        else:
            raise TypeError(f"no schema of {kind}")
    return {"$ref": _REFERENCE + kind.__name__}


def _object(kind: type, about: str, known: dict[str, Json]) -> Json:
    said = descriptions(kind)
    properties = {}
    for name, hint in hints(kind).items():
        properties[name] = schema(hint, known)
        if name in said:
            properties[name]["description"] = said[name]
    return {
        "type": "object",
        "description": about,
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


# ── CSV ──────────────────────────────────────────────────────────────────────────────────────


def columns(kind: Any, prefix: str = "") -> list[Column]:
    """Return the columns of a dataclass: those of what it holds have both names. Lists have none.

    A mapping has a column for each key that it can have.
    """
    found: list[Column] = []
    for name, hint in hints(kind).items():
        found += _columns_of(f"{prefix}{name}", hint, _getter(name))
    return found


def _columns_of(name: str, hint: Any, get: Callable[[Any], Any]) -> list[Column]:
    kinds = [one for one in typing.get_args(hint) if one is not types.NoneType]
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        (hint,) = kinds
        kinds = list(typing.get_args(hint))
    origin = typing.get_origin(hint)
    if origin is tuple:
        return []
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not issubclass(kinds[0], Enum):
            return []
        return [(f"{name}.{key.value}", _item(get, key)) for key in kinds[0]]
    if is_dataclass(hint):
        return [(inner, _after(get, more)) for inner, more in columns(hint, f"{name}.")]
    return [(name, get)]


def _getter(name: str) -> Callable[[Any], Any]:
    return lambda value: getattr(value, name)


def _item(get: Callable[[Any], Any], key: object) -> Callable[[Any], Any]:
    return lambda value: get(value).get(key)


def _after(get: Callable[[Any], Any], more: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def both(value: Any) -> Any:
        inner = get(value)
        return None if inner is None else more(inner)

    return both


def as_csv(kind: Any, rows: Iterable[Any]) -> str:
    """Return rows of one dataclass as CSV (RFC 4180, a line of names first); unknown is empty."""
    found = columns(kind)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([name for name, _ in found])
    for row in rows:
        writer.writerow([_cell(get(row)) for _, get in found])
    return out.getvalue()


def _cell(value: Any) -> Any:
    """Return a cell; text that a spreadsheet would run is made text by a quote before it."""
    plainly = plain(value)
    if isinstance(plainly, str):
        return name_cell(plainly)
    return "" if plainly is None else plainly
