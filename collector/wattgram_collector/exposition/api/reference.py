"""PURE. docs/api.md: every path of the description, and every shape."""

from __future__ import annotations

from typing import Any, Final

from wattgram_collector.exposition.api.asked import Json
from wattgram_collector.exposition.api.openapi import ABOUT

_ACCESS: Final = (
    "With `http.authentication` each request needs a user or a token that may read "
    "([access](access.md)). Errors are problem details (RFC 9457). Answers are not to be "
    "cached; the description has an ETag. Where CSV is offered, `format=csv` or "
    "`Accept: text/csv` asks for it, and a cell that a spreadsheet would run has a quote "
    "before it."
)


def lines(found: Json) -> list[str]:
    """Return docs/api.md: every path with what it is asked and what it answers."""
    said = [
        "# The JSON API",
        "",
        "Made from the code: `make docs`. As OpenAPI 3.1 it is on `/api/openapi.json`.",
        "",
        ABOUT,
        "",
        "```sh",
        "curl -s http://127.0.0.1:9881/api/v1/fleet",
        "curl -s 'http://127.0.0.1:9881/api/v1/hosts?sort=-power_watts&limit=10&format=csv'",
        "curl -s 'http://127.0.0.1:9881/api/v1/hosts/NAME/explain?from=-1h'",
        "```",
        "",
        _ACCESS,
    ]
    for path, item in found["paths"].items():
        for method, operation_ in item.items():
            said += _section(method.upper(), path, operation_)
    said += ["", "## Shapes", ""]
    for name, one in found["components"]["schemas"].items():
        said += _shape(name, one)
    return [*said, ""]


def _section(method: str, path: str, operation_: Json) -> list[str]:
    answers = operation_["responses"].get("200", {}).get("content", {})
    schema_ = answers.get("application/json", {}).get("schema", {})
    found = ["", f"## `{method} {path}`", "", operation_["summary"], ""]
    shape = schema_.get("$ref", "").rpartition("/")[2]
    told = [f"Answers [{shape}](#{shape.lower()})"] if shape else ["Answers JSON"]
    if "application/json" not in answers:
        told = [f"Answers `{kind}`" for kind in answers]
    told += ["also as CSV"] if "text/csv" in answers else []
    found += [", ".join(told) + "."]
    taken = operation_.get("requestBody", {}).get("content", {})
    if taken:
        items = taken["application/json"]["schema"]["items"]
        kinds = ", ".join(f"`{kind}`" for kind in taken)
        found += ["", f"Takes a list of {_kind(items)}, as {kinds}; for admins only."]
    if operation_["parameters"]:
        found += ["", "| parameter | values | what it says |", "|---|---|---|"]
        for one in operation_["parameters"]:
            about = one.get("description", "")
            found.append(f"| `{one['name']}` | {_values(one['schema'])} | {about} |")
    return found


def _values(said: Json) -> str:
    default = f", default `{said['default']}`" if "default" in said else ""
    if "enum" in said:
        words = [one for one in said["enum"] if not one.startswith("-")]
        signed = " (or with `-` before it)" if len(words) < len(said["enum"]) else ""
        return " ".join(f"`{one}`" for one in words) + signed + default
    if said["type"] == "integer":
        bounds = f"{said['minimum']} to {said['maximum']}" if "maximum" in said else "number"
        return bounds + default
    return "text" + default


def _shape(name: str, one: Json) -> list[str]:
    found = ["", f"### {name}", "", one.get("description", ""), ""]
    if "enum" in one:
        return [*found, "One of " + ", ".join(f"`{value}`" for value in one["enum"]) + "."]
    found += ["| field | what it is |", "|---|---|"]
    for field, said in one["properties"].items():
        about = said.get("description", "")
        found.append(f"| `{field}` | {_kind(said)}{'. ' + about if about else ''} |")
    return found


def _kind(said: Json) -> str:
    if "$ref" in said:
        name = said["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in said:
        return f"{_kind(said['anyOf'][0])} or null"
    kind: Any = said["type"]
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        inner = said.get("items")
        return f"list of {_kind(inner)}" if inner else "pair"
    if kind == "object" and isinstance(said.get("additionalProperties"), dict):
        return f"{_kind(said['additionalProperties'])} by name"
    return str(kind)
