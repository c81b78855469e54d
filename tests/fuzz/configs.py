"""What an operator writes: a TOML file and variables, of both daemons."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from builders import NOW
from fuzz.inputs import as_text, pieces, scratch_file
from wattgram.handshake import Welcome
from wattgram.settings import SettingsError, dump
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram.wire import encode_welcome
from wattgram_agent.config import AgentConfig, require_directories
from wattgram_agent.config import load_config as load_agent
from wattgram_agent.source import SourceUnavailableError
from wattgram_agent.sources import external, rest
from wattgram_collector.access.certificates import server_names, with_authority
from wattgram_collector.config import CollectorConfig
from wattgram_collector.config import load_config as load_collector
from wattgram_collector.ingest.admission import Gate
from wattgram_collector.intensities.operator import OperatorTable

PIECES_MAX = 8
SECOND = NANOSECONDS_PER_SECOND

Load = Callable[[Path | None, Mapping[str, str]], Any]


def agent(data: bytes) -> bool:
    """A configuration is refused with a reason, or can be used, printed and read back."""
    config: AgentConfig | None = _loaded(data, "WATTGRAM_AGENT", load_agent)
    if config is None:
        return False
    assert len(config.digest) == 8
    assert config.tls.as_files.is_on == config.tls.is_on
    assert config.keeps_connection in {True, False}
    assert int(config.spool.max_age_seconds * SECOND) < NOW
    for discover in (
        functools.partial(external.discover, settings=config.external),
        functools.partial(rest.discover, settings=config.rest),
    ):
        try:
            discover(config.host_paths).close()
        except SourceUnavailableError as error:
            assert error.reason
    try:
        require_directories(config)
    except SettingsError as error:
        assert "is not a directory" in str(error)
    return True


def collector(data: bytes) -> bool:
    """As for the agent's."""
    config: CollectorConfig | None = _loaded(data, "WATTGRAM_COLLECTOR", load_collector)
    if config is None:
        return False
    assert server_names(config)
    with_authority(config, Path("server.pem"), Path("ca.pem"))
    limits = config.limits
    assert encode_welcome(
        Welcome(applied_sequence=1, wall_unix_nanoseconds=NOW, limits=limits.as_sent)
    )
    assert limits.max_message_bytes < 1 << 31
    assert int(config.exposition.zero_seconds * SECOND) >= 0
    Gate(limits).refusal()
    assert config.credentials_path
    assert all(len(server.fingerprint_bytes) in {0, 32} for server in config.redfish.values())
    try:
        OperatorTable(config.intensity.override_grams_per_kilowatt_hour)
    except ValueError as error:
        assert str(error)
    return True


def _loaded(data: bytes, prefix: str, load: Load) -> Any:
    file, *variables = pieces(data, PIECES_MAX)
    path = scratch_file("config.toml", file)
    environment = {}
    for variable in variables:
        name, _, value = as_text(variable.replace(b"\0", b"")).partition("=")
        environment[f"{prefix}__{name}"] = value
    try:
        config = load(path, environment)
    except SettingsError as error:
        assert str(error)
        str(error).encode(errors="backslashreplace")
        return None
    text = dump(config)
    path.write_text(text, encoding="utf-8")
    assert load(path, {}) == config
    assert all("\0" not in str(one) for one in _paths(config))
    return config


def _paths(section: Any) -> list[Path]:
    found: list[Path] = []
    for field in fields(section):
        value = getattr(section, field.name)
        if is_dataclass(value):
            found += _paths(value)
        elif isinstance(value, Path):
            found.append(value)
    return found
