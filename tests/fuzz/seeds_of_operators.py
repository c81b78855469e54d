"""Seeds of what operators write, and of what lets somebody in."""

from __future__ import annotations

import json
from collections.abc import Mapping

from activity_rows import EXAMPLES, YEAR
from activity_scenes import FUEL
from builders import NOW
from fuzz.inputs import DEEP, DIGITS, together
from letting_in import AGENT_TOKEN, READ_TOKEN, basic, everybody
from wattgram.certificates import EnrolRequest, Issued, encode_renewal
from wattgram.settings import dump
from wattgram.token import Token
from wattgram_agent.config import AgentConfig
from wattgram_agent.key_pair import KeyPair
from wattgram_collector.access import credentials_file, revocation
from wattgram_collector.access.authority import Authority, make_authority
from wattgram_collector.access.credentials import NOBODY
from wattgram_collector.access.revocation import Revoked
from wattgram_collector.config import CollectorConfig

Seeds = Mapping[str, bytes]

_YEAR_SECONDS = 365 * 86_400


def activities() -> Seeds:
    rows = [{**YEAR, "kind": kind, **row} for kind, row in EXAMPLES]
    few = [b"kind,from,fuel,litres,note\r\n", b'fuel,2025-01-01,diesel,1,"a\n""b"""\r\n']
    return {
        "csv": b"c" + FUEL.encode(),
        "semicolons": b"c\xef\xbb\xbf" + FUEL.replace(",", ";").encode(),
        "quotes": b"c" + b"".join(few) + b'fuel,soon,"die"sel,1,\n\nfuel,2025-01-01,diesel,2\n',
        "open": b"c" + FUEL.encode() + b'"x,',
        "every": b"l" + "\n".join(map(json.dumps, rows[:30])).encode(),
        "others": b"l" + "\n".join(map(json.dumps, rows[30:])).encode(),
        "array": b"j" + json.dumps({"activities": rows[:5]}, indent=1).encode(),
        "deep": b"j" + DEEP,
        "digits": b'j{"kind": "fuel", "from": "2025-01-01", "fuel": "diesel", "litres": '
        + DIGITS + b"}",
        "old": b'l{"kind": "fuel", "from": "0001-01-01", "to": "9999-12-31", "fuel": "diesel"}',
    }  # fmt: skip


def agent_config() -> Seeds:
    small = b"""host = "alpha"
grid_zone = "DE"
[sampling]
interval_seconds = 0.5
batch_seconds = 5
[sources]
disabled = ["nvml"]
host_meters = ["external/meter/plug"]
[external]
meters = ["http://10.0.0.2/rpc/Switch.GetStatus?id=0", "/run/meter.json"]
[rest]
power_watts = 12.5
supply_efficiency = 0.92
[collector]
address = "collector.example:9880"
addresses = ["[::1]:9880"]
[tls]
ca_file = "/etc/ca.pem"
token_file = "/etc/token"
"""
    return {
        "defaults": dump(AgentConfig()).encode(),
        "small": together(small, b"SPOOL__SYNC=interval", b"LOG__LEVEL=debug", b"SITE=attic"),
        "bad": b'hots = "alpha"\n',
        "deep": b"host = " + DEEP,
        "digits": b"[rest]\npower_watts = " + DIGITS,
        "variables": together(b"", b"HOST=" + DEEP, b"REST__POWER_WATTS=" + DIGITS, b"SITE=\xff"),
        "section": b"sampling = 3",
        "value": b"[host]\nname = 1",
        "list": b"external = { meters = 3 }",
        "nul": b'state_directory = "a\\u0000b"',
        "old": b"[spool]\nmax_age_seconds = 1e300",
    }


def collector_config() -> Seeds:
    small = b"""grid_zone_of_host = { alpha = "DE", beta = "FR" }
[grpc]
address = "0.0.0.0:9880"
[http]
address = "[::]:9881"
authentication = "required"
[access]
directory = "/var/lib/ca"
enrolment = true
names = ["collector.example", "10.0.0.1"]
[intensity]
override_grams_per_kilowatt_hour = { DE = 320.5, FR = 44 }
[limits]
max_agents = 100
[redfish.r1]
url = "https://10.0.0.3"
username = "reader"
password_file = "/etc/r1"
host = "alpha"
period_seconds = 30
[redfish."rack 1/2"]
url = "https://bmc.example:8443"
username = "reader"
password_file = "/etc/r2"
fingerprint = "%s"
"""
    return {
        "defaults": dump(CollectorConfig()).encode(),
        "small": together(
            small % (b"ab" * 32), b"LEDGER__CHECK_SECONDS=0", b"EXPOSITION__SENSORS=true"
        ),
        "deep": b"grid_zone = " + DEEP,
        "section": b"redfish = { r1 = 3 }",
        "value": b"redfish = 3",
        "table": b"grid_zone_of_host = 3",
        "wide": b"[limits]\nmax_series = 4294967296",
        "long": b"[exposition]\nzero_seconds = 1e300",
    }


def credentials() -> Seeds:
    header = credentials_file.render(NOBODY)
    return {
        "everybody": credentials_file.render(everybody()),
        "deep": header + DEEP,
        "digits": header + b'{"token": "x", "role": "read", "made_unix_seconds": ' + DIGITS + b"}",
    }


def authorization() -> Seeds:
    token = str(Token(bytes(32), bytes(32)))
    password = basic("reader")["Authorization"]
    return {
        "agent": f"Bearer {AGENT_TOKEN}".encode(),
        "reader": f"Bearer {READ_TOKEN}".encode(),
        "password": password.encode(),
        "token": token.encode(),
        "address": together(b"https://[::1]:9881", b"192.0.2.1", b"fe80::1%eth0"),
    }


def revocations() -> Seeds:
    digits = b"agent x " + DIGITS
    both = Revoked({"agent-1": 5, "agent-2": 6}, {0xABC: 7})
    return {
        "both": revocation.dump(both).encode(),
        "colons": b"serial 0a:bc 1\nagent x 2\n",
        "digits": digits,
    }


def certificates() -> Seeds:
    key, certificate = make_authority(NOW // 10**9)
    pair = KeyPair()
    return {
        "authority": together(key, certificate),
        "pair": together(certificate, key),
        "request-pem": pair.request_pem.encode(),
        "request-der": pair.request_der,
    }


def enrolment() -> Seeds:
    request = KeyPair().request_pem
    return {
        "any": EnrolRequest(token="TOKEN", csr_pem=request).to_json(),  # noqa: S106
        "named": EnrolRequest(token="TOKEN", csr_pem=request, agent_id="agent-9").to_json(),  # noqa: S106
        "known": EnrolRequest(token="TOKEN", csr_pem="", agent_id="known-agent").to_json(),  # noqa: S106
        "deep": DEEP,
        "surrogates": b'{"token": "TOKEN", "csr": "\\ud800", "agent_id": "\\ud800"}',
        "surrogate": b'{"token": "TOKEN", "csr": "\\ud800"}',
        "wrong": EnrolRequest(token="wge1.a.b", csr_pem=request).to_json(),  # noqa: S106
    }


def issued() -> Seeds:
    pair = KeyPair()
    authority = Authority(*make_authority(NOW // 10**9))
    signed = authority.sign_agent(pair.request_der, "agent-1", NOW // 10**9, _YEAR_SECONDS)
    one: Issued = signed.issued
    return {
        "json": one.to_json(),
        "answer": one.encode(),
        "renewal": encode_renewal(pair.request_der),
    }
