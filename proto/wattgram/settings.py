"""The configuration format of both daemons: TOML into frozen dataclasses, and back.

A section is a dataclass, a key a field; the field's type is checked, its `help` is printed by
`print-config`. A field of type `dict[str, Section]` is any number of sections, each with a name of
the operator's. An unknown key is an error with a suggestion. An environment variable
`WATTGRAM_AGENT__SECTION__KEY` overrides the file; its value is read as TOML where it is TOML
and as text where it is not.
"""

from __future__ import annotations

import dataclasses
import difflib
import ipaddress
import json
import math
import re
import tomllib
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

Settings = TypeVar("Settings")

_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_NAMES: Final = {str: "a string", int: "an integer", float: "a number", bool: "true or false"}


PORT_MAX: Final = 65_535
INTEGER_MAX: Final = (1 << 63) - 1
"""TOML's own; a greater one is no number that anything here counts to."""


class SettingsError(ValueError):
    """A configuration that cannot be used; the text names the key and where it was set."""


def setting(default: Any, help_text: str, *, choices: tuple[str, ...] = ()) -> Any:
    """Declare one key: its default, one line of help and, if closed, its values."""
    metadata = {"help": help_text, "choices": choices}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=lambda: dict(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """The `log` section, which both daemons have."""

    level: str = setting("info", "Least severity logged.", choices=("debug", "info", "warning"))
    format: str = setting("text", "key=value text, or JSON lines.", choices=("text", "json"))


def load(
    kind: type[Settings], path: Path | None, environment: Mapping[str, str], prefix: str
) -> Settings:
    """Read `path` (None: defaults only) and the environment into a `kind`.

    Raises SettingsError naming the file or variable, the key, and what was wrong.
    """
    table: dict[str, Any] = {}
    if path is not None:
        try:
            table = _parsed(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(f"{path}: {error.strerror}") from error
        except ValueError as error:
            raise SettingsError(f"{path}: {error}") from error
    origins = _overlay(table, environment, prefix)
    built: Settings = _section(kind, table, "", str(path or "defaults"), origins)
    return built


def named_section(kind: Any, name: str) -> Any:
    """Return the dataclass of the sections that the field `name` of `kind` holds, else None."""
    return _named_section(get_type_hints(kind)[name])


def _named_section(hint: Any) -> Any:
    item = get_args(hint)[1] if get_origin(hint) is dict else None
    return item if dataclasses.is_dataclass(item) else None


def is_loopback(address: str) -> bool:
    """Return whether `host:port` can only be reached from this host."""
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_address(name: str, address: str) -> None:
    """Raise ValueError unless `address` is host:port."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > PORT_MAX:
        raise ValueError(f"{name} must be host:port: {address!r}")


def dump(settings: Any) -> str:
    """Return `settings` as commented TOML, which `load` reads back."""
    lines: list[str] = []
    _dump_section(settings, "", lines)
    return "\n".join(lines).strip() + "\n"


def as_data(settings: Any) -> dict[str, Any]:
    """Return `settings` as an object for JSON: what `dump` says."""
    return _parsed(dump(settings))


def _parsed(text: str) -> dict[str, Any]:
    """Return the table in a TOML text; raises ValueError for whatever is wrong with it."""
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _overlay(table: dict[str, Any], environment: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Put the variables into the table; return which key came from which variable."""
    origins = {}
    for variable in sorted(environment):
        if not variable.startswith(prefix + "__"):
            continue
        _require_utf_8(variable, environment[variable])
        keys = variable.removeprefix(prefix + "__").lower().split("__")
        section = table
        for key in keys[:-1]:
            section = section.setdefault(key, {})
            if not isinstance(section, dict):
                raise SettingsError(f"{variable}: {key} is not a section")
        text = environment[variable]
        try:
            section[keys[-1]] = _parsed(f"value = {text}")["value"]
        except ValueError:
            section[keys[-1]] = text
        origins[".".join(keys)] = variable
    return origins


def _require_utf_8(variable: str, text: str) -> None:
    """Raise SettingsError for bytes that are no text: they could be kept, but never sent."""
    try:
        f"{variable}{text}".encode()
    except UnicodeEncodeError as error:
        raise SettingsError(f"{variable!a}: not UTF-8") from error


def _section(
    kind: Any, table: Mapping[str, Any], at: str, file: str, origins: Mapping[str, str]
) -> Any:
    fields = {field.name: field for field in dataclasses.fields(kind)}
    hints = get_type_hints(kind)
    values = {}
    for key, value in table.items():
        name = f"{at}{key}"
        where = f"{origins.get(name, file)}: {name}"
        if key not in fields:
            close = difflib.get_close_matches(key, fields, n=1)
            hint = f"; did you mean {at}{close[0]}?" if close else ""
            raise SettingsError(f"{where} is not a setting{hint}")
        if dataclasses.is_dataclass(hints[key]):
            values[key] = _section(hints[key], _table(value, where), f"{name}.", file, origins)
        elif item := _named_section(hints[key]):
            values[key] = {
                part: _section(
                    item,
                    _table(section, f"{where}.{part}"),
                    f"{name}.{part}.",
                    file,
                    origins,
                )
                for part, section in _table(value, where).items()
            }
        else:
            values[key] = _value(hints[key], value, where)
            choices = fields[key].metadata.get("choices")
            if choices and values[key] not in choices:
                raise SettingsError(f"{where} must be one of {', '.join(choices)}: {value!r}")
    try:
        return kind(**values)
    except ValueError as error:
        where = ", ".join([file, *(origins[key] for key in origins if key.startswith(at))])
        raise SettingsError(f"{where}: {at.rstrip('.') or 'settings'}: {error}") from error


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise SettingsError(f"{where} is a section, not {value!r}")
    return value


def _value(hint: Any, value: Any, where: str) -> Any:
    origin = get_origin(hint)
    if origin in {Union, types.UnionType}:
        inner = next(choice for choice in get_args(hint) if choice is not type(None))
        return _value(inner, value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise SettingsError(f"{where} must be a list, not {value!r}")
        return tuple(_value(get_args(hint)[0], item, where) for item in value)
    if origin is dict:
        if not isinstance(value, dict):
            raise SettingsError(f"{where} must be a table, not {value!r}")
        return {key: _value(get_args(hint)[1], item, where) for key, item in value.items()}
    if hint is Path and isinstance(value, str) and "\0" not in value:
        return Path(value)
    _require_in_range(value, where)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise SettingsError(f"{where} must be {_NAMES.get(hint, 'a path')}, not {value!r}")
    return value


def _require_in_range(value: Any, where: str) -> None:
    """Raise SettingsError for a number that nobody can count with."""
    if isinstance(value, float) and not math.isfinite(value):
        raise SettingsError(f"{where} must be finite: {value}")
    if isinstance(value, int) and abs(value) > INTEGER_MAX:
        raise SettingsError(f"{where} is beyond 64 bits")


def _dump_section(section: Any, at: str, lines: list[str]) -> None:
    nested: list[tuple[str, Any]] = []
    templates: list[tuple[str, Any, str]] = []
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if dataclasses.is_dataclass(value):
            nested.append((field.name, value))
        elif item := named_section(type(section), field.name):
            nested += [(f"{field.name}.{_key(name)}", one) for name, one in sorted(value.items())]
            templates += [] if value else [(field.name, item, field.metadata["help"])]
        else:
            _dump_key(field, value, lines)
    for name, value in nested:
        lines.append(f"[{at}{name}]")
        _dump_section(value, f"{at}{name}.", lines)
    for name, kind, help_text in templates:
        _dump_template(f"{at}{name}", kind, help_text, lines)


def _dump_key(field: dataclasses.Field[Any], value: Any, lines: list[str]) -> None:
    choices = field.metadata.get("choices")
    lines.append(f"# {field.metadata['help']}")
    if choices:
        lines.append(f"# One of: {', '.join(choices)}.")
    lines.append(f"# {field.name} =" if value is None else f"{field.name} = {as_toml(value)}")
    lines.append("")


def _dump_template(name: str, kind: Any, help_text: str, lines: list[str]) -> None:
    """Show, as a comment, what a section of which there is none yet would hold."""
    keys: list[str] = []
    for field in dataclasses.fields(kind):
        made = field.default_factory
        default = field.default if made is dataclasses.MISSING else made()
        _dump_key(field, default, keys)
    lines += [f"# {help_text}", f"# [{name}.NAME]"]
    lines += [f"# {line}".rstrip() for line in keys[:-1]]


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else as_toml(name)


def as_toml(value: Any) -> str:
    if isinstance(value, dict):
        items = (f"{as_toml(key)} = {as_toml(item)}" for key, item in sorted(value.items()))
        return "{ " + ", ".join(items) + " }" if value else "{}"
    if isinstance(value, tuple):
        return "[" + ", ".join(as_toml(item) for item in value) + "]"
    if isinstance(value, (str, Path)):
        # TOML is stricter than JSON: no surrogate pairs, and DEL only as an escape.
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007F")
    return json.dumps(value)
