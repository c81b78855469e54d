"""What may be said of a provider in the configuration; its key never is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provider_client import DIRECT, KEY, LIFECYCLE
from wattgram.settings import SettingsError, dump
from wattgram_collector.__main__ import main
from wattgram_collector.config import CollectorConfig, load_config
from wattgram_collector.intensities.places import Places
from wattgram_collector.intensities.providers import kinds
from wattgram_collector.intensities.providers.key_file import TokenFile, read_token
from wattgram_collector.intensities.providers.kinds import Axis, factors_of, manners_of
from wattgram_collector.intensities.providers.provider import Outcome, ProviderError
from wattgram_collector.intensities.providers.settings import (
    KINDS,
    NEEDS_TOKEN,
    ProviderSettings,
    require_kinds,
)
from wattgram_collector.intensities.providers.wiring import enabled, problems
from wattgram_collector.intensity import Scope

REGIONS = {"US-CAL-CISO": "CAISO_NORTH", "FR": "48.85,2.35"}
AXIS = Axis(Scope.LIFECYCLE, {Scope.LIFECYCLE: LIFECYCLE, Scope.DIRECT: DIRECT}.__getitem__)


def loaded(tmp_path: Path, text: str, **variables: str) -> CollectorConfig:
    path = tmp_path / "collector.toml"
    path.write_text(text)
    return load_config(path, variables)


def key_file(tmp_path: Path, text: str = KEY, mode: int = 0o600) -> Path:
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(mode)
    return path


def section(name: str, tmp_path: Path, **changes: Any) -> ProviderSettings:
    needed = {"token_file": key_file(tmp_path)} if name in NEEDS_TOKEN else {}
    regions = {"regions": REGIONS} if name == "watttime" else {}
    return ProviderSettings(**{"enabled": True, **needed, **regions, **changes})


def test_nobody_is_asked_by_default() -> None:
    assert enabled(CollectorConfig().providers) == []
    assert enabled({"neso": ProviderSettings()}) == []


def test_one_line_asks_a_provider_without_a_key(tmp_path: Path) -> None:
    config = loaded(tmp_path, "providers.neso.enabled = true\n")
    told = loaded(tmp_path, "", WATTGRAM_COLLECTOR__PROVIDERS__NESO__ENABLED="true")

    assert enabled(config.providers) == enabled(told.providers) == ["neso"]


def test_what_is_printed_names_the_file_of_the_key_and_is_read_back(tmp_path: Path) -> None:
    file = key_file(tmp_path)
    section = "[providers.eia]\nenabled = true\nzones = ['US-CAL-CISO']\n"
    config = loaded(tmp_path, f"{section}token_file = '{file}'\n")

    assert KEY not in dump(config) + repr(config)
    assert loaded(tmp_path, dump(config)) == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[providers.nezo]", "providers.nezo is no provider; did you mean neso?"),
        ("[providers.acme]", "providers.acme is no provider; there are neso, energy_charts"),
        ("[providers.eia]\nenabled = true", "providers.eia needs token_file"),
        ("[providers.watttime]\nenabled = true\ntoken_file = '/k'", "watttime needs regions"),
        ("[providers.neso]\nenable = true", "providers.neso.enable is not a setting; did you"),
        ("[providers.neso]\nenabled = 'yes'", "providers.neso.enabled must be true or false"),
        ("[providers.neso]\nscope = 'both'", "scope must be one of as_priced, direct, lifecycle"),
        ("[providers.neso]\nversion = 'v5'", "version must be one of v3, v4"),
        ("[providers.neso]\nzones = ['']", "zones must be"),
        ("[providers.neso]\nrequests_per_hour = -1", "requests_per_hour must be 0 to 100000"),
        ("[providers.neso]\nurl = 'ftp://x'", "providers.neso: url must be https://host"),
        ("[providers.neso]\nurl = 'http://example.org'", "url must be https"),
        ("[providers.neso]\nurl = 'https://me:pw@example.org'", "url must be https://host"),
        ("[providers.neso]\nurl = 'https://example.org/?key=1'", "url must be https://host"),
        ("[providers.watttime]\nregions = { FR = 'not a region' }", "providers.watttime: "),
    ],
)
def test_a_section_that_cannot_be_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        loaded(tmp_path, text)

    assert message in str(refused.value)
    assert "collector.toml" in str(refused.value)


@pytest.mark.parametrize(
    "url", ["https://mirror.example", "https://mirror.example:8443/neso/v1", "http://127.0.0.1:80",
            "http://localhost", "http://[::1]:8080/x"],
)  # fmt: skip
def test_a_mirror_is_https_or_on_this_host(url: str) -> None:
    assert ProviderSettings(url=url).url == url


def test_too_many_zones_are_refused() -> None:
    with pytest.raises(ValueError, match="201 are more than 200"):
        ProviderSettings(zones=tuple(f"Z{number}" for number in range(201)))


# ── the key ──────────────────────────────────────────────────────────────────────────────────


def test_a_key_is_read_each_time(tmp_path: Path) -> None:
    path = key_file(tmp_path, f"{KEY}\n")
    token = TokenFile(path)

    assert token() == KEY
    path.write_text("another")
    assert token() == "another"
    assert "another" not in repr(token)


@pytest.mark.parametrize(
    ("text", "mode", "message"),
    [
        (KEY, 0o644, "mode 0644: chmod 600"),
        (KEY, 0o660, "mode 0660: chmod 600"),
        ("", 0o600, "no key in it"),
        (" \n ", 0o600, "no key in it"),
        ("two\nlines", 0o600, "no key in it"),
        ("kéy", 0o600, "no key in it"),
        ("x" * 4097, 0o600, "no key in it"),
    ],
)
def test_a_file_that_holds_no_key_is_named(
    tmp_path: Path, text: str, mode: int, message: str
) -> None:
    with pytest.raises(ProviderError, match=message) as refused:
        read_token(key_file(tmp_path, text, mode))

    assert refused.value.outcome is Outcome.UNAUTHORIZED
    assert str(tmp_path / "key") in str(refused.value)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("name", ["missing", "."])
def test_what_is_no_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProviderError, match="token_file /"):
        read_token(tmp_path / name)


# ── from a section to a provider ─────────────────────────────────────────────────────────────


def test_the_table_has_every_kind() -> None:
    assert set(kinds.KINDS) == set(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_made_from_its_section(tmp_path: Path, name: str) -> None:
    provider = kinds.KINDS[name].make(section(name, tmp_path), AXIS)

    assert provider.name == name
    assert provider.slot_seconds > 0
    assert provider.lag_seconds >= 0
    assert kinds.KINDS[name].base_url.startswith("https://")
    require_kinds({name: section(name, tmp_path)})


@pytest.mark.parametrize(
    ("name", "said", "scope"),
    [
        ("neso", "as_priced", Scope.LIFECYCLE),
        ("neso", "direct", Scope.DIRECT),
        ("electricity_maps", "as_priced", Scope.LIFECYCLE),
        ("electricity_maps", "direct", Scope.DIRECT),
        ("energy_charts", "as_priced", Scope.UNSPECIFIED),
        ("energy_charts", "lifecycle", Scope.LIFECYCLE),
    ],
)
def test_a_provider_is_asked_on_the_axis_that_is_priced_with(
    tmp_path: Path, name: str, said: str, scope: Scope
) -> None:
    provider: Any = kinds.KINDS[name].make(section(name, tmp_path, scope=said), AXIS)

    assert provider.scope is scope


@pytest.mark.parametrize(
    ("per_hour", "requests", "seconds"), [(0.0, 30, 3_600), (600.0, 600, 3_600), (0.5, 1, 7_200)]
)
def test_the_limit_of_a_plan_is_the_operators(
    per_hour: float, requests: int, seconds: int
) -> None:
    kind = kinds.KINDS["electricity_maps"]
    manners = manners_of(kind, ProviderSettings(requests_per_hour=per_hour))

    assert (manners.requests, manners.per_seconds) == (requests, seconds)
    assert manners.forecast_seconds == kind.manners.forecast_seconds


def test_the_shipped_factors_are_on_the_axis_that_is_asked_for() -> None:
    factors = factors_of(Places())

    assert factors(Scope.LIFECYCLE).of("coal") == 820
    assert factors(Scope.DIRECT).of("coal") == 760
    assert factors(Scope.LIFECYCLE).scope is Scope.LIFECYCLE
    assert factors(Scope.LIFECYCLE).name


# ── check-config ─────────────────────────────────────────────────────────────────────────────


def test_what_is_wrong_with_the_enabled_ones_is_said(tmp_path: Path) -> None:
    sections = {
        "neso": section("neso", tmp_path, zones=("GB", "DE")),
        "eia": section("eia", tmp_path, token_file=tmp_path / "none"),
        "entsoe": ProviderSettings(zones=("nowhere",)),
    }

    assert problems(sections) == [
        "providers.neso.zones: DE is no zone that it serves",
        f"providers.eia: token_file {tmp_path / 'none'}: No such file or directory",
    ]


def test_check_config_says_it_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "collector.toml"
    path.write_text("providers.neso = { enabled = true, zones = ['FR'] }\n")
    assert main(["check-config", "--config", str(path)]) == 2
    assert f"{path}: providers.neso.zones: FR is no zone" in capsys.readouterr().err

    path.write_text("providers.neso.enabled = true\n")
    assert main(["check-config", "--config", str(path)]) == 0
