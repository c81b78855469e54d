"""A configuration that no operator means: refused with a reason, like any other that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from wattgram.settings import SettingsError
from wattgram_agent.config import AgentConfig
from wattgram_agent.config import load_config as load_agent
from wattgram_collector.config import load_config as load_collector

DEEP = "[" * 5_000
DIGITS = "9" * 5_000
"""More than Python reads as a number."""


def from_file(path: Path, text: str) -> AgentConfig:
    path.write_text(text, encoding="utf-8")
    return load_agent(path, {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"host = {DEEP}", "nested too deeply"),
        (f"[rest]\npower_watts = {DIGITS}", "limit"),
        ("[rest]\npower_watts = 9223372036854775808", "rest.power_watts is beyond 64 bits"),
        ("[spool]\nmax_bytes = 9223372036854775808", "spool.max_bytes is beyond 64 bits"),
        ('state_directory = "a\\u0000b"', "state_directory must be a path"),
        ("[spool]\nmax_age_seconds = 1e300", "spool: max_age_seconds must be positive"),
        ("[spool]\ndead_max_age_seconds = 0", "spool: dead_max_age_seconds must be positive"),
    ],
    ids=lambda text: text[:20],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        from_file(tmp_path / "agent.toml", text)
    assert str(caught.value).startswith(str(tmp_path / "agent.toml"))


def test_the_greatest_integer_is_one(tmp_path: Path) -> None:
    config = from_file(tmp_path / "agent.toml", "[spool]\nmax_bytes = 9223372036854775807")
    assert config.spool.max_bytes == (1 << 63) - 1


@pytest.mark.parametrize("value", [DEEP, f"{DIGITS}"])
def test_what_is_no_toml_in_a_variable_is_text(value: str) -> None:
    assert load_agent(None, {"WATTGRAM_AGENT__SITE": value}).site == value


@pytest.mark.parametrize(
    ("name", "value"),
    [("WATTGRAM_AGENT__SITE", "attic\udcff"), ("WATTGRAM_AGENT__S\udcff", "attic")],
)
def test_bytes_that_are_no_text_are_refused(name: str, value: str) -> None:
    """As the environment gives them; they could be kept, and would fail where they are sent."""
    with pytest.raises(SettingsError, match=r"'WATTGRAM_AGENT__S.*': not UTF-8") as caught:
        load_agent(None, {name: value})
    assert str(caught.value).isascii()


@pytest.mark.parametrize(
    ("key", "value", "most"),
    [
        ("LIMITS__MAX_SERIES", 1 << 31, (1 << 31) - 1),
        ("LIMITS__MAX_INTERVALS", 1 << 31, (1 << 31) - 1),
        ("LIMITS__MAX_MESSAGE_BYTES", 1 << 31, (1 << 31) - 1),
        ("EXPOSITION__ZERO_SECONDS", 86_401, 86_400),
    ],
)
def test_what_agents_or_clocks_could_not_be_told_is_refused(
    key: str, value: int, most: int
) -> None:
    variable = f"WATTGRAM_COLLECTOR__{key}"
    with pytest.raises(SettingsError, match=f"{key.partition('__')[2].lower()} must be .*{most}"):
        load_collector(None, {variable: str(value)})
    load_collector(None, {variable: str(most)})
