"""What may be said of a BMC in the configuration; its password never is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.settings import SettingsError, dump
from wattgram_collector.config import CollectorConfig, RedfishSettings, load_config
from wattgram_collector.redfish.watch import hosts_of_meters

GOOD = {"url": "https://bmc1", "username": "reader", "password_file": Path("/run/password")}


def loaded(tmp_path: Path, text: str) -> CollectorConfig:
    path = tmp_path / "collector.toml"
    path.write_text(text)
    return load_config(path, {})


def section(name: str, **changes: str) -> str:
    values = {"url": "'https://bmc1'", "username": "'r'", "password_file": "'/p'", **changes}
    return "\n".join([f"[redfish.{name}]", *(f"{key} = {one}" for key, one in values.items()), ""])


def test_a_section_is_a_server(tmp_path: Path) -> None:
    config = loaded(tmp_path, section("r1") + section("r2", host="'web2'", period_seconds="10"))
    assert config.redfish["r1"].period_seconds == 60
    assert config.redfish["r2"].period_seconds == 10
    assert hosts_of_meters(config.redfish) == {"redfish:r1": "r1", "redfish:r2": "web2"}


def test_what_is_printed_names_the_file_of_the_password_and_is_read_back(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hunter2")
    config = loaded(tmp_path, section("r1", password_file=f"'{secret}'"))
    assert f'password_file = "{secret}"' in dump(config)
    assert "hunter2" not in dump(config) + repr(config)
    assert loaded(tmp_path, dump(config)) == config


@pytest.mark.parametrize(
    "url",
    ["https://bmc1", "https://bmc1/", "https://bmc1.example:8443", "https://10.0.0.5:443",
     "https://[fe80::1]", "https://[::1]:65535"],
)  # fmt: skip
def test_a_bmc_is_an_https_origin(url: str) -> None:
    assert RedfishSettings(**{**GOOD, "url": url}).url == url


@pytest.mark.parametrize(
    "url",
    ["", "bmc1", "http://bmc1", "https://", "https://bmc1/redfish", "https://bmc1?x",
     "https://user:pw@bmc1", "https://bmc1:0", "https://bmc1:70000", "https://bmc1:",
     "https://b c", "https://bmc1#x", "https://bmc1\\x", "https://bmc1\n", "ftp://bmc1", "https://bmc1//"],
)  # fmt: skip
def test_what_is_none_is_refused(url: str) -> None:
    """A password in a URL would be in every log."""
    with pytest.raises(ValueError, match="url must be https://host or https://host:port"):
        RedfishSettings(**{**GOOD, "url": url})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"username": ""}, "username must be printable"),
        ({"username": "a:b"}, "username must be printable"),
        ({"username": "a\nb"}, "username must be printable"),
        ({"password_file": None}, "password_file is missing"),
        ({"fingerprint": "ab" * 31}, "fingerprint must be a SHA-256 in hex"),
        ({"fingerprint": "zz" * 32}, "fingerprint must be a SHA-256 in hex"),
        ({"fingerprint": "ab" * 20}, "fingerprint must be a SHA-256 in hex"),
        ({"fingerprint": "ab" * 32, "ca_file": Path("/ca")}, "exclude each other"),
        ({"fingerprint": "ab" * 32, "insecure": True}, "exclude each other"),
        ({"ca_file": Path("/ca"), "insecure": True}, "exclude each other"),
        ({"host": "x" * 151}, "host must be at most 150 characters"),
        ({"host": "a\nb"}, "host must be 1 to 200 printable characters"),
        ({"grid_zone": "\t"}, "grid_zone must be"),
        ({"period_seconds": 9.9}, "period_seconds must be 10 to 3600"),
        ({"period_seconds": 3601.0}, "period_seconds must be 10 to 3600"),
    ],
)
def test_what_cannot_be_used_says_why(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RedfishSettings(**{**GOOD, **changes})  # type: ignore[arg-type]


def test_two_sections_are_not_the_same_host(tmp_path: Path) -> None:
    for text in (
        section("r1", host="'web1'") + section("r2", host="'web1'"),
        section("r1") + section("r2", host="'r1'"),
    ):
        with pytest.raises(SettingsError, match=r"redfish\.r1 and redfish\.r2 are the same host"):
            loaded(tmp_path, text)
    with pytest.raises(SettingsError, match="the name of a redfish section must be"):
        loaded(tmp_path, section('""'))


@given(st.text(max_size=80))
def test_no_text_is_a_url_that_leads_anywhere_but_to_the_host_it_names(text: str) -> None:
    try:
        RedfishSettings(**{**GOOD, "url": f"https://bmc1{text}"})
    except ValueError:
        return
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:/")
