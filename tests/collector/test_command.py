"""The command `wattgram-collector`: what it prints, and with which code it ends."""

from __future__ import annotations

import json
import os
import tomllib
from contextlib import closing
from pathlib import Path

import pytest

from builders import NOW, apply, entry
from wattgram.handshake import HostFacts
from wattgram.settings import named_section
from wattgram_collector.__main__ import main
from wattgram_collector.config import CollectorConfig, load_config
from wattgram_collector.ledger.sqlite import SqliteLedger

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("WATTGRAM_"):
            monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "collector.toml"


# ── check-config ─────────────────────────────────────────────────────────────────────────


def test_a_good_file_is_good(file: Path, capsys: Output) -> None:
    file.write_text('grid_zone = "DE"\n[intensity.override_grams_per_kilowatt_hour]\nDE = 320.5\n')
    assert main(["check-config", "--config", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: good\n"


MARKET = """
[market.wind]
grams_per_kilowatt_hour = 0
scope = "lifecycle"
source = "a"
"""
UNKNOWN = "is no grid zone that is known"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('grid_zone = "Germany"', "grid_zone: 'Germany'"),
        ('grid_zone = "aws:mars-1"', "grid_zone: 'aws:mars-1'"),
        ('grid_zone_of_host = { web = "QQ" }', "grid_zone_of_host.web: 'QQ'"),
        ('[sites.hall]\ngrid_zone = "QQ-1"', "sites.hall.grid_zone: 'QQ-1'"),
        ('[networks.own]\ngrid_zone = "Mars"', "networks.own.grid_zone: 'Mars'"),
        (MARKET + 'zones = ["DE", "Germany"]', "market.wind.zones: 'Germany'"),
    ],
)
def test_a_zone_that_nobody_knows_is_good_with_a_warning(
    file: Path, capsys: Output, text: str, key: str
) -> None:
    file.write_text(text)
    assert main(["check-config", "--config", str(file)]) == 0
    said = capsys.readouterr()
    assert said.out == f"{file}: good\n"
    (warning,) = said.err.splitlines()
    assert f"warning: {key} {UNKNOWN}" in warning


@pytest.mark.parametrize(
    "text",
    [
        'grid_zone = "deu"',
        'grid_zone = "DE-BY"',
        'grid_zone = "aws:eu-west-1"',
        'grid_zone = "our-island"\n[intensity.override_grams_per_kilowatt_hour]\nOur-Island = 0',
    ],
)
def test_a_zone_of_a_table_or_of_the_operator_is_good(
    file: Path, capsys: Output, text: str
) -> None:
    file.write_text(text)
    assert main(["check-config", "--config", str(file)]) == 0
    assert not capsys.readouterr().err


def test_the_defaults_are_good(capsys: Output) -> None:
    assert main(["check-config"]) == 0
    assert capsys.readouterr().out == "the defaults: good\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('grid_zon = "DE"', "grid_zon is not a setting; did you mean grid_zone?"),
        ("[grpc]\nadress = 'a:1'", "grpc.adress is not a setting; did you mean grpc.address?"),
        ("[ledger]\ncommit_tick_seconds = 'x'", "ledger.commit_tick_seconds must be a number"),
        ("[ledger]\ncommit_tick_seconds = 2", "commit_tick_seconds must be 0 to 1: 2.0"),
        ("[limits]\nmax_series = 0", "max_series must be positive: 0"),
        ("[exposition]\nzero_seconds = -1", "zero_seconds must be 0 to 86400: -1"),
        ("[exposition]\nzero_seconds = nan", "exposition.zero_seconds must be finite"),
        ("[grpc]\naddress = '0.0.0.0:9880'", "plaintext is for loopback only"),
        ("[grpc]\naddress = '9880'", "address must be host:port"),
        ("[grpc]\ncertificate_file = 'c.pem'", "certificate_file and key_file go together"),
        ("[grpc]\nclient_ca_file = 'ca.pem'", "client_ca_file needs certificate_file"),
        ("[http]\naddress = '[::]:9881'", 'authentication = "required"'),
        (
            "[intensity.override_grams_per_kilowatt_hour]\nDE = -1",
            "intensity.override_grams_per_kilowatt_hour: zone DE: intensity must be 0 to 2000",
        ),
        ("grid_zone = ", "collector.toml"),
    ],
)
@pytest.mark.parametrize("command", ["check-config", "print-config", "run", "agents"])
def test_a_bad_file_ends_with_two_and_names_what_is_wrong(
    file: Path, capsys: Output, command: str, text: str, complaint: str
) -> None:
    file.write_text(text)
    assert main([command, "--config", str(file)]) == 2
    said = capsys.readouterr()
    assert complaint in said.err
    assert said.err.startswith("wattgram-collector: ")
    assert said.out == ""


def test_a_file_that_is_not_there_is_named(file: Path, capsys: Output) -> None:
    assert main(["check-config", "--config", str(file)]) == 2
    assert f"{file}: No such file" in capsys.readouterr().err


def test_a_bad_variable_is_named(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setenv("WATTGRAM_COLLECTOR__LIMITS__MAX_SERIES", "many")
    assert main(["check-config"]) == 2
    said = capsys.readouterr().err
    assert "WATTGRAM_COLLECTOR__LIMITS__MAX_SERIES: limits.max_series must be an integer" in said


@pytest.mark.parametrize("arguments", [[], ["dance"], ["agents", "--yaml"]])
def test_wrong_usage_ends_with_two(arguments: list[str], capsys: Output) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: wattgram-collector" in capsys.readouterr().err


# ── print-config ─────────────────────────────────────────────────────────────────────────


def test_what_is_printed_loads_back(file: Path, tmp_path: Path, capsys: Output) -> None:
    file.write_text(
        'grid_zone = "FR"\nstate_directory = "/srv/state"\ngrid_zone_of_host = { "a b" = "DE" }\n'
        '[grpc]\naddress = "[::1]:1234"\n[ledger]\ncommit_tick_seconds = 0\n'
        '[intensity.override_grams_per_kilowatt_hour]\nDE = 1e-3\n[log]\nformat = "json"\n'
    )
    assert main(["print-config", "--config", str(file)]) == 0
    printed = tmp_path / "printed.toml"
    printed.write_text(capsys.readouterr().out)
    assert load_config(printed, {}) == load_config(file, {}) != CollectorConfig()


def test_the_defaults_are_printed_with_every_key_explained(file: Path, capsys: Output) -> None:
    assert main(["print-config"]) == 0
    text = capsys.readouterr().out
    file.write_text(text)
    assert load_config(file, {}) == CollectorConfig()
    named = {name for name in CollectorConfig.__slots__ if named_section(CollectorConfig, name)}
    assert {*tomllib.loads(text), *named} == set(CollectorConfig.__slots__)
    for name in named:
        assert f"# [{name}.NAME]\n" in text  # an example, since there is none
    for before, line in zip(text.splitlines(), text.splitlines()[1:], strict=False):
        if " = " in line and not line.startswith("#"):
            assert before.startswith("# ")


# ── agents ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WATTGRAM_COLLECTOR__STATE_DIRECTORY", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def _two_agents(state: Path) -> None:
    with closing(SqliteLedger(state / "ledger.sqlite")) as ledger:
        for name in ("zeta", "alpha"):
            record = ledger.enrol(f"id-of-{name}", HostFacts(host=name))
            ledger.open_session(record.key, "session-1", 1)
        apply(ledger, [entry(1)])


@pytest.mark.usefixtures("_two_agents")
def test_agents_are_listed_as_json_by_host_with_when_they_were_seen(capsys: Output) -> None:
    assert main(["agents", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"host": "alpha", "agent_id": "id-of-alpha", "last_seen_unix_nanoseconds": None},
        {"host": "zeta", "agent_id": "id-of-zeta", "last_seen_unix_nanoseconds": NOW},
    ]


@pytest.mark.usefixtures("_two_agents")
def test_agents_are_listed_for_people_too(capsys: Output) -> None:
    assert main(["agents"]) == 0
    alpha, zeta = capsys.readouterr().out.splitlines()
    assert alpha.split() == ["alpha", "id-of-alpha", "last", "seen", "never"]
    assert zeta.split()[:4] == ["zeta", "id-of-zeta", "last", "seen"]
    assert "2025-06-1" in zeta


def test_looking_for_a_ledger_does_not_make_one(state: Path, capsys: Output) -> None:
    """As another user it would make a file that the collector then cannot write."""
    assert main(["agents", "--json"]) == 1
    assert f"{state}/ledger.sqlite: no ledger yet" in capsys.readouterr().err
    assert not state.exists()


def test_a_ledger_that_is_none_ends_with_one(state: Path, capsys: Output) -> None:
    state.mkdir()
    (state / "ledger.sqlite").write_bytes(b"no database at all" * 99)
    assert main(["agents"]) == 1
    assert "ledger.sqlite: file is not a database" in capsys.readouterr().err
