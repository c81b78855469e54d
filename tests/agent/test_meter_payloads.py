"""What meters say. Shapes are those of the makers' documentation, values are our own.

Shelly, from the second generation: shelly-api-docs.shelly.cloud/gen2/ComponentsAndServices/Switch
and /PM1. The first: shelly-api-docs.shelly.cloud/gen1/#shelly-plug-plugs-meter-0 and
#shelly-em-emeter-0. Tasmota: tasmota.github.io/docs/Commands/#management, Status 8.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram_agent.meter_payloads import Energy, PayloadError, Power, parse_payload

SWITCH = {
    "id": 0,
    "source": "WS_in",
    "output": True,
    "apower": 41.2,
    "voltage": 231.4,
    "current": 0.211,
    "freq": 50.0,
    "aenergy": {"total": 46791.262, "by_minute": [73.9, 177.7, 177.7], "minute_ts": 1682952864},
    "ret_aenergy": {"total": 0.0, "by_minute": [0.0, 0.0, 0.0], "minute_ts": 1682952864},
    "temperature": {"tC": 47.9, "tF": 118.3},
}
PM1 = {"id": 0, "voltage": 230.1, "current": 0.18, "apower": 41.2, "freq": 50.0,
       "aenergy": {"total": 0.001}}  # fmt: skip
METER = {"power": 41.2, "overpower": 0.0, "is_valid": True, "timestamp": 1676138370,
         "counters": [41.1, 41.0, 40.9], "total": 6472513}  # fmt: skip
EMETER = {"power": 10.66, "reactive": 0.0, "pf": 1.0, "voltage": 232.06, "is_valid": True,
          "total": 5.3, "total_returned": 0.0}  # fmt: skip
STATUS = {"wifi_sta": {"connected": True}, "relays": [{"ison": True}], "meters": [METER]}
TASMOTA = {"StatusSNS": {"Time": "2025-06-26T16:19:59", "ENERGY": {
    "TotalStartTime": "2022-09-03T13:02:25", "Total": 167.743, "Yesterday": 0.779,
    "Today": 0.045, "Power": 41, "ApparentPower": 45, "ReactivePower": 17, "Factor": 0.92,
    "Voltage": 231, "Current": 0.195}}}  # fmt: skip

JOULE = 1_000_000


def parse(content: Any) -> Energy | Power:
    return parse_payload(json.dumps(content).encode())


def failure(content: Any) -> tuple[str, str]:
    payload = content if isinstance(content, bytes) else json.dumps(content).encode()
    with pytest.raises(PayloadError) as caught:
        parse_payload(payload)
    return caught.value.reason, caught.value.detail


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ({"power_watts": 41.2}, Power(41_200_000)),
        ({"power_watts": 0}, Power(0)),
        ({"power_watts": 41, "note": "anything else is passed over"}, Power(41_000_000)),
        ({"energy_joules_total": 123456.7}, Energy(123_456_700_000)),
        ({"energy_joules_total": 12, "power_watts": 41.2}, Energy(12 * JOULE)),
        ({"energy_joules_total": 12, "wraps_at_joules": 262_143.5},
         Energy(12 * JOULE, 262_143_500_000)),
        ({"energy_joules_total": 12, "wraps_at_joules": 12}, Energy(12 * JOULE, 12 * JOULE)),
        (SWITCH, Energy(168_448_543_200_000)),
        (PM1, Energy(3_600_000)),
        ({"id": 0, "apower": 41.2}, Power(41_200_000)),
        (SWITCH | {"apower": None}, Energy(168_448_543_200_000)),
        (SWITCH | {"apower": -11.2}, Energy(168_448_543_200_000)),
        (SWITCH | {"errors": ["overtemp"]}, Energy(168_448_543_200_000)),
        (METER, Energy(6_472_513 * 60 * JOULE)),
        (STATUS, Energy(6_472_513 * 60 * JOULE)),
        (EMETER, Power(10_660_000)),
        ({"emeters": [EMETER]}, Power(10_660_000)),
        ({"meters": [], "emeters": [EMETER]}, Power(10_660_000)),
        (TASMOTA, Power(41_000_000)),
    ],
)  # fmt: skip
def test_documented_payloads(content: Any, value: Energy | Power) -> None:
    assert parse(content) == value


def tasmota(**energy: Any) -> dict[str, Any]:
    return {"StatusSNS": {"Time": "x", "ENERGY": energy}}


@pytest.mark.parametrize(
    ("content", "reason", "detail"),
    [
        (b"", "unreadable", "no JSON: JSONDecodeError"),
        (b"<html>", "unreadable", "no JSON: JSONDecodeError"),
        (b"\xff{}", "unreadable", "no JSON: UnicodeDecodeError"),
        (b'{"power_watts": 41', "unreadable", "no JSON: JSONDecodeError"),
        (b'{"power_watts": ' + b"9" * 5_000 + b"}", "unreadable", "no JSON: ValueError"),
        (b"[" * 60_000, "unreadable", "no JSON: RecursionError"),
        ([1], "unreadable", "the JSON is no object"),
        (41.2, "unreadable", "the JSON is no object"),
        ({}, "unreadable", "the JSON is of no known meter"),
        ({"power": 41.2}, "unreadable", "the JSON is of no known meter"),
        ({"switch:0": SWITCH}, "unreadable", "the JSON is of no known meter"),
        ({"id": 0, "output": True}, "unreadable", "the JSON is of no known meter"),
        ({"power_watts": "41.2"}, "unreadable", "power_watts is no number: str"),
        ({"power_watts": True}, "unreadable", "power_watts is no number: bool"),
        ({"power_watts": None}, "unreadable", "power_watts is no number: NoneType"),
        ({"power_watts": [41]}, "unreadable", "power_watts is no number: list"),
        ({"power_watts": -0.1}, "implausible",
         "power_watts is negative, not finite or too large"),
        (b'{"power_watts": NaN}', "implausible",
         "power_watts is negative, not finite or too large"),
        (b'{"power_watts": Infinity}', "implausible",
         "power_watts is negative, not finite or too large"),
        ({"power_watts": 100_001}, "implausible",
         "power_watts is negative, not finite or too large"),
        ({"power_watts": 10**400}, "implausible",
         "power_watts is negative, not finite or too large"),
        ({"energy_joules_total": 2**62}, "implausible",
         "energy_joules_total is negative, not finite or too large"),
        ({"energy_joules_total": "x", "power_watts": 41.2}, "unreadable",
         "energy_joules_total is no number: str"),
        ({"energy_joules_total": 13, "wraps_at_joules": 12}, "implausible",
         "energy_joules_total is beyond wraps_at_joules"),
        ({"energy_joules_total": 0, "wraps_at_joules": 0}, "implausible",
         "energy_joules_total is beyond wraps_at_joules"),
        ({"energy_joules_total": 13, "wraps_at_joules": "x"}, "unreadable",
         "wraps_at_joules is no number: str"),
        (SWITCH | {"aenergy": {"total": None}}, "unreadable", "total is no number: NoneType"),
        (PM1 | {"aenergy": {}, "apower": None}, "unreadable", "apower is no number: NoneType"),
        (PM1 | {"aenergy": None, "apower": -3}, "implausible",
         "apower is negative, not finite or too large"),
        (PM1 | {"errors": ["power_meter_failure"]}, "unreadable",
         "the Shelly says that its meter has failed"),
        (PM1 | {"errors": [None, "out_of_range:apower"]}, "unreadable",
         "the Shelly says that its meter has failed"),
        (METER | {"is_valid": False}, "unreadable",
         "the Shelly says that its value is not valid"),
        ({"meters": [METER | {"is_valid": 1}]}, "unreadable",
         "the Shelly says that its value is not valid"),
        ({"meters": [METER, METER]}, "unreadable",
         "the Shelly has not one meter: ask one, as /meter/0 or /emeter/0"),
        ({"meters": []}, "unreadable",
         "the Shelly has not one meter: ask one, as /meter/0 or /emeter/0"),
        ({"meters": {"0": METER}}, "unreadable",
         "the Shelly has not one meter: ask one, as /meter/0 or /emeter/0"),
        ({"meters": ["x"]}, "unreadable",
         "the Shelly has not one meter: ask one, as /meter/0 or /emeter/0"),
        ({"power": 0.0, "is_valid": True}, "unreadable",
         "the Shelly has no total: it is a relay without a meter"),
        ({"StatusSNS": {"Time": "x", "Switch1": "OFF"}}, "unreadable",
         "this Tasmota has no ENERGY: it has no meter"),
        ({"StatusSNS": []}, "unreadable", "this Tasmota has no ENERGY: it has no meter"),
        (tasmota(Power=[41, 2]), "unreadable", "Power is no number: list"),
        (tasmota(Total=4.1), "unreadable", "Power is no number: NoneType"),
        ({"WARNING": "Need user=<username>&password=<password>"}, "permission_denied",
         "the Tasmota wants user and password"),
    ],
)  # fmt: skip
def test_what_has_no_value_is_told(content: Any, reason: str, detail: str) -> None:
    assert failure(content) == (reason, detail)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["power_watts", "energy_joules_total", "wraps_at_joules", "apower", "aenergy", "total",
             "errors", "meters", "emeters", "power", "is_valid", "total_returned", "StatusSNS",
             "ENERGY", "Power", "WARNING"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON.map(lambda content: json.dumps(content).encode()) | st.binary())
def test_no_payload_raises_anything_else_or_gives_a_wild_value(payload: bytes) -> None:
    try:
        value = parse_payload(payload)
    except PayloadError:
        return
    if isinstance(value, Power):
        assert 0 <= value.microwatts <= 100_000 * JOULE
    else:
        assert 0 <= value.microjoules < 2**62
        assert value.wraps_at is None or value.microjoules <= value.wraps_at


@given(st.integers(0, 10**12), st.integers(0, 10**6))
def test_a_counter_that_grows_never_falls(milliwatt_hours: int, more: int) -> None:
    def counter(total: int) -> int:
        value = parse({"aenergy": {"total": total / 1_000}})
        assert isinstance(value, Energy)
        return value.microjoules

    before, after = counter(milliwatt_hours), counter(milliwatt_hours + more)

    assert after >= before
    assert abs(after - before - more * 3_600_000) <= 2_000
