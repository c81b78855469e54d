"""TOML and environment into the configuration of both daemons, and back."""

from __future__ import annotations

import dataclasses
import math
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import wattgram_agent.config
import wattgram_collector.config
from wattgram.settings import (
    SettingsError,
    dump,
    is_loopback,
    load,
    named_section,
    setting,
)
from wattgram_agent.config import AgentConfig, SamplingSettings
from wattgram_collector.config import CollectorConfig

NOTHING: Mapping[str, str] = {}
KINDS = [AgentConfig, CollectorConfig]
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)


def load_agent(text: str = "", **environment: str) -> AgentConfig:
    return _load(wattgram_agent.config.load_config, text, environment)


def load_collector(text: str = "", **environment: str) -> CollectorConfig:
    return _load(wattgram_collector.config.load_config, text, environment)


def _load(load_config: Callable[..., Any], text: str, environment: Mapping[str, str]) -> Any:
    """Load `text` from a file of its own, `given.toml`."""
    if not text:
        return load_config(None, environment)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "given.toml"
        path.write_text(text, encoding="utf-8")
        return load_config(path, environment)


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_file_everything_is_its_default(kind: type[Any], tmp_path: Path) -> None:
    empty = tmp_path / "empty.toml"
    empty.write_text("")

    assert load(kind, None, NOTHING, "WATTGRAM") == kind()
    assert load(kind, empty, NOTHING, "WATTGRAM") == kind()


@pytest.mark.parametrize("kind", KINDS)
def test_the_printed_default_is_the_default(kind: type[Any], tmp_path: Path) -> None:
    path = tmp_path / "printed.toml"
    path.write_text(dump(kind()))

    assert load(kind, path, NOTHING, "WATTGRAM") == kind()


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_is_printed_below_its_help(kind: type[Any]) -> None:
    text = dump(kind())

    def check(section: Any, within: str = "") -> None:
        for field in dataclasses.fields(section):
            value = getattr(section, field.name)
            if dataclasses.is_dataclass(value):
                check(value, f"{within}{field.name}.")
                continue
            assert field.metadata["help"].endswith(".")
            assert f"# {field.metadata['help']}\n" in text
            named = named_section(type(section), field.name)
            assert (f"# [{within}{field.name}.NAME]" if named else f"{field.name} =") in text

    check(kind())


def test_the_file_wins_over_the_default_and_the_environment_over_the_file() -> None:
    file = 'host = "web1"\nsite = "cellar"\n[sampling]\nbatch_seconds = 30\n'
    config = load_agent(
        file, WATTGRAM_AGENT__HOST="web2", WATTGRAM_AGENT__SAMPLING__INTERVAL_SECONDS="2"
    )

    assert (config.host, config.site, config.grid_zone) == ("web2", "cellar", "")
    assert config.sampling == SamplingSettings(interval_seconds=2.0, batch_seconds=30.0)
    assert type(config.sampling.batch_seconds) is float


def test_a_variable_is_toml_where_it_is_toml_and_text_where_it_is_not() -> None:
    config = load_agent(
        WATTGRAM_AGENT__SOURCES__DISABLED='["nvml", "model"]',
        WATTGRAM_AGENT__SPOOL__MAX_BYTES="2_000_000",
        WATTGRAM_AGENT__PATH__SYSFS="/host/sys",
        WATTGRAM_AGENT__SITE='"42"',
        UNRELATED__HOST="no",
        WATTGRAM_COLLECTOR__HOST="no",
    )

    assert config.sources.disabled == ("nvml", "model")
    assert config.spool.max_bytes == 2_000_000
    assert config.path.sysfs == Path("/host/sys")
    assert (config.site, config.host) == ("42", "")


def test_a_table_of_free_keys_keeps_its_keys() -> None:
    config = load_collector(
        "[intensity]\noverride_grams_per_kilowatt_hour = { DE = 320, FR = 56.5 }\n",
        WATTGRAM_COLLECTOR__GRID_ZONE_OF_HOST="{ web1 = 'FR' }",
    )

    assert config.intensity.override_grams_per_kilowatt_hour == {"DE": 320.0, "FR": 56.5}
    assert config.grid_zone_of_host == {"web1": "FR"}


AGENT_ERRORS = [
    ("hosst = 'x'", "given.toml: hosst is not a setting; did you mean host?"),
    ("[sampling]\ninterval = 1", "sampling.interval is not a setting; did you mean sampling.int"),
    ("[colector]\naddress = 'x'", "colector is not a setting; did you mean collector?"),
    ("zzzzzz = 1", "given.toml: zzzzzz is not a setting"),
    ("host = 1", "given.toml: host must be a string, not 1"),
    ("state_directory = 1", "state_directory must be a path, not 1"),
    ("[spool]\nmax_bytes = 1.5", "spool.max_bytes must be an integer, not 1.5"),
    ("[spool]\nmax_bytes = true", "spool.max_bytes must be an integer, not True"),
    ("[sampling]\nbatch_seconds = '10'", "sampling.batch_seconds must be a number, not '10'"),
    ("[sampling]\nbatch_seconds = true", "sampling.batch_seconds must be a number, not True"),
    ("[spool]\nmax_age_seconds = nan", "spool.max_age_seconds must be finite: nan"),
    ("[spool]\nmax_age_seconds = inf", "spool.max_age_seconds must be finite: inf"),
    ("[sources]\ndisabled = 'rapl'", "sources.disabled must be a list, not 'rapl'"),
    ("[sources]\ndisabled = [1]", "sources.disabled must be a string, not 1"),
    ("[log]\nlevel = 'loud'", "log.level must be one of debug, info, warning: 'loud'"),
    ("spool = 5", "given.toml: spool is a section, not 5"),
    ("[spool]\nmax_bytes = 1", "given.toml: spool: max_bytes must be at least"),
    ("[tls]\nkey_file = 'k'", "tls: certificate_file and key_file go together"),
    ("[sampling]\ninterval_seconds = 0.001", "sampling: interval_seconds must be 0.05 to"),
    ("[sampling]\nbatch_seconds = 601", "a batch holds at most 600 intervals"),
    ("host = ", "given.toml: Invalid value (at end of document)"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), AGENT_ERRORS)
def test_a_file_that_cannot_be_used_names_the_file_the_key_and_why(
    text: str, message: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load_agent(text)
    assert message in str(caught.value)
    assert "given.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("WATTGRAM_AGENT__HOSST", "x", "hosst is not a setting; did you mean host?"),
        ("WATTGRAM_AGENT__SPOOL__SYNC", "often", "sync must be one of always, interval, never"),
        ("WATTGRAM_AGENT__SPOOL", "5", "spool is a section, not 5"),
        ("WATTGRAM_AGENT__HOST__NAME", "x", "host is not a section"),
        ("WATTGRAM_AGENT__SPOOL__MAX_BYTES", "1", "spool: max_bytes must be at least"),
        ("WATTGRAM_AGENT__COLLECTOR__ADDRESS", "c:9880", "settings: collector.address c:9880"),
    ],
)
def test_an_environment_that_cannot_be_used_names_the_variable(
    variable: str, value: str, message: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load_agent('host = "web1"', **{variable: value})
    assert message in str(caught.value)
    assert variable in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b'host = "\xff"')
    for path in (tmp_path / "missing.toml", tmp_path, binary):
        with pytest.raises(SettingsError, match=f"^{path}: "):
            load(AgentConfig, path, NOTHING, "WATTGRAM_AGENT")


@pytest.mark.parametrize(
    "address", ["10.0.0.1:9880", "collector.example:9880", "0.0.0.0:9880", "[2001:db8::1]:9880"]
)
def test_neither_daemon_speaks_plaintext_off_loopback(address: str) -> None:
    with pytest.raises(SettingsError, match="plaintext is for loopback only"):
        load_agent(f"[collector]\naddress = '{address}'")
    with pytest.raises(SettingsError, match="plaintext is for loopback only"):
        load_collector(f"[grpc]\naddress = '{address}'")
    with pytest.raises(SettingsError, match="no authentication are for loopback only"):
        load_collector(f"[http]\naddress = '{address}'")

    assert load_agent(f"[collector]\naddress = '{address}'\n[tls]\nca_file = 'ca.pem'")
    certified = f"[grpc]\naddress = '{address}'\ncertificate_file = 'c.pem'\nkey_file = 'k.pem'"
    with pytest.raises(SettingsError, match="which vouches for the collector"):
        load_collector(certified)
    assert load_collector(f"{certified}\nclient_ca_file = 'ca.pem'")


@pytest.mark.parametrize("address", ["localhost:1", "127.0.0.1:1", "127.9.9.9:1", "[::1]:1"])
def test_both_daemons_speak_plaintext_on_loopback(address: str) -> None:
    assert is_loopback(address)
    assert load_agent(f"[collector]\naddress = '{address}'").collector.address == address
    assert load_collector(f"[grpc]\naddress = '{address}'").grpc.address == address


@pytest.mark.parametrize(
    "address", ["", "localhost", "localhost:", ":9880", "localhost:http", "a:65536"]
)
def test_an_address_is_host_and_port(address: str) -> None:
    with pytest.raises(SettingsError, match="collector: address must be host:port"):
        load_agent(f"[collector]\naddress = '{address}'")
    with pytest.raises(SettingsError, match="grpc: address must be host:port"):
        load_collector(f"[grpc]\naddress = '{address}'")


names = st.text(max_size=200).filter(str.isprintable)


@example(host="\U0001f50c", site='"\x7f\\\r\n\0', disabled=["\t"], age=1e-22)
@given(host=names, site=texts, disabled=st.lists(texts, max_size=3), age=st.floats(1e-300, 3e8))
def test_an_agent_configuration_that_was_printed_is_read_back(
    host: str, site: str, disabled: list[str], age: float
) -> None:
    config = AgentConfig(host=host, site=site)
    config = dataclasses.replace(
        config,
        sources=dataclasses.replace(config.sources, disabled=tuple(disabled)),
        spool=dataclasses.replace(config.spool, max_age_seconds=age),
    )

    assert load_agent(dump(config)) == config
    assert load_agent(dump(config)).digest == config.digest


@given(
    zone=texts,
    zones=st.dictionaries(texts, texts, max_size=3),
    overrides=st.dictionaries(texts, st.floats(0, 1e300).filter(math.isfinite), max_size=3),
)
def test_a_collector_configuration_that_was_printed_is_read_back(
    zone: str, zones: dict[str, str], overrides: dict[str, float]
) -> None:
    config = CollectorConfig(grid_zone=zone, grid_zone_of_host=zones)
    config = dataclasses.replace(
        config,
        intensity=dataclasses.replace(
            config.intensity, override_grams_per_kilowatt_hour=overrides
        ),
    )

    assert tomllib.loads(dump(config))["grid_zone_of_host"] == zones
    assert load_collector(dump(config)) == config


# ── sections with names of the operator's ────────────────────────────────────────────────


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    key: str = setting("", "What opens it.")
    bells: dict[str, int] = setting({}, "Bells by name.")
    width: float | None = setting(None, "In metres.")
    wood: str = setting("oak", "What it is made of.", choices=("oak", "ash"))

    def __post_init__(self) -> None:
        if not self.key:
            raise ValueError("key is missing")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class House:
    street: str = setting("", "Where it stands.")
    door: dict[str, Door] = setting({}, "Ways in, one section each.")


def load_house(text: str = "", **environment: str) -> House:
    return _load(lambda path, given: load(House, path, given, "HOUSE"), text, environment)


def test_a_field_may_be_any_number_of_named_sections() -> None:
    text = '[door.front]\nkey = "a"\nwidth = 2\n[door."to the yard"]\nkey = "b"\n'
    house = load_house(text, HOUSE__DOOR__FRONT__KEY="c", HOUSE__DOOR__SIDE__KEY="d")

    assert house.door == {
        "front": Door(key="c", width=2.0),
        "to the yard": Door(key="b"),
        "side": Door(key="d"),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("door = 5", "given.toml: door is a section, not 5"),
        ("[door]\nfront = 5", "given.toml: door.front is a section, not 5"),
        ("[door.front]\nky = 'a'", "door.front.ky is not a setting; did you mean door.front.key"),
        ("[door.front]\nkey = 1", "door.front.key must be a string, not 1"),
        ("[door.front]\nkey = 'a'\nwood = 'fir'", "door.front.wood must be one of oak, ash"),
        ("[door.front]\n", "given.toml: door.front: key is missing"),
        ("[door.a]\nkey = 'a'\n[door.b]\n", "given.toml: door.b: key is missing"),
    ],
)
def test_a_named_section_that_cannot_be_used_is_named(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_house(text)
    assert message in str(caught.value)


def test_a_variable_of_a_named_section_is_named() -> None:
    with pytest.raises(SettingsError, match=r"^HOUSE__DOOR__FRONT__KEY: door\.front\.key must be"):
        load_house(HOUSE__DOOR__FRONT__KEY="1")


@given(names=st.dictionaries(texts, st.tuples(texts.filter(bool), texts), max_size=3))
def test_named_sections_that_were_printed_are_read_back(
    names: dict[str, tuple[str, str]],
) -> None:
    door = {name: Door(key=key, bells={bell: 1}) for name, (key, bell) in names.items()}
    house = House(street="x", door=door)

    assert load_house(dump(house)) == house


def test_where_there_is_no_named_section_an_example_of_one_is_printed() -> None:
    text = dump(House())
    example = "\n".join(line.removeprefix("# ") for line in text.splitlines()[3:])

    assert load_house(text) == House()
    assert "# Ways in, one section each.\n# [door.NAME]\n# # What opens it." in text
    assert "# # width =" in text
    with pytest.raises(SettingsError, match=r"door\.NAME: key is missing"):
        load_house(example.replace("Ways", "# Ways"))
