"""What a BMC says to what it measures; whatever it says, a reading or a RedfishError."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wattgram_collector.redfish import resources
from wattgram_collector.redfish.resources import EnergyReading, PowerReading, RedfishError

PARSERS = [
    resources.environment_power,
    resources.environment_energy,
    resources.control_power,
    resources.supply_power,
    resources.members,
]
NAMES = ["PowerWatts", "EnergykWh", "Reading", "PowerControl", "PowerConsumedWatts", "Members",
         "InputPowerWatts", "Status", "State", "@odata.id"]  # fmt: skip
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


def environment(watts: str = "374", kilowatt_hours: str = "null") -> resources.Resource:
    return resources.parse(
        f'{{"PowerWatts": {{"Reading": {watts}}}, "EnergykWh": {{"Reading": {kilowatt_hours}}}}}'
        .encode(),
        "/e",
    )  # fmt: skip


def control(*members: Any) -> resources.Resource:
    return {"PowerControl": list(members)}


# ── power ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("watts", "microwatts"),
    [("374", 374_000_000), ("937.4", 937_400_000), ("3.74e2", 374_000_000), ("0.0000005", 0),
     ("1000000", 1_000_000_000_000)],
)  # fmt: skip
def test_the_power_of_the_chassis_is_exact(watts: str, microwatts: int) -> None:
    found = resources.environment_power(environment(watts), "/e")
    assert found == PowerReading("/e: PowerWatts.Reading", microwatts)


@pytest.mark.parametrize(
    ("watts", "reason", "message"),
    [
        ("null", "unreadable", "/e: PowerWatts.Reading is null"),
        ('"374"', "unreadable", "/e: PowerWatts.Reading is 374"),
        ("true", "unreadable", "/e: PowerWatts.Reading is a bool"),
        ("[374]", "unreadable", "/e: PowerWatts.Reading is a list"),
        ("0", "implausible", "/e: PowerWatts.Reading is 0, which"),
        ("0.0", "implausible", "/e: PowerWatts.Reading is 0.0, which"),
        ("-1", "implausible", "/e: PowerWatts.Reading is -1, which"),
        ("1000001", "implausible", "/e: PowerWatts.Reading is"),
        ("1e999999999", "implausible", "/e: PowerWatts.Reading is"),
    ],
)
def test_what_is_no_power_is_named(watts: str, reason: str, message: str) -> None:
    with pytest.raises(RedfishError) as caught:
        resources.environment_power(environment(watts), "/e")
    assert str(caught.value).startswith(message)
    assert caught.value.reason == reason


def test_a_power_that_is_not_there_is_not_zero() -> None:
    for found in ({}, {"PowerWatts": None}, {"PowerWatts": 5}, {"PowerWatts": {}}):
        with pytest.raises(RedfishError, match=r"PowerWatts\.Reading is null"):
            resources.environment_power(found, "/e")


def test_only_the_first_member_of_power_control_is_the_chassis() -> None:
    found = resources.control_power(
        control({"PowerConsumedWatts": 300}, {"PowerConsumedWatts": 120}), "/p"
    )
    assert found == PowerReading("/p: PowerControl[0].PowerConsumedWatts", 300_000_000)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({}, r"PowerControl\[0\] is missing"),
        (control(), r"PowerControl\[0\] is missing"),
        ({"PowerControl": {"0": {}}}, r"PowerControl\[0\] is missing"),
        (control(None, {"PowerConsumedWatts": 120}), r"PowerControl\[0\] is missing"),
        (control({"PowerConsumedWatts": None}, {"PowerConsumedWatts": 120}), "Watts is null"),
        (control({"PowerConsumedWatts": 0}), "which no chassis draws"),
        (control({"PowerConsumedWatts": 9, "Status": {"State": "Disabled"}}), "is Disabled"),
        (control({"PowerConsumedWatts": 9, "Status": {"State": "Absent"}}), "is Absent"),
    ],
)
def test_where_the_first_member_says_nothing_no_other_is_taken(found: Any, message: str) -> None:
    with pytest.raises(RedfishError, match=message):
        resources.control_power(found, "/p")


def test_the_inputs_of_all_supplies_are_added_up_and_one_may_rest() -> None:
    supplies = [
        resources.supply_power({"InputPowerWatts": {"Reading": watts}}, f"/s/{watts}")
        for watts in (Decimal("200.5"), 0)
    ]
    assert resources.together(supplies, "/s").microwatts == 200_500_000
    for nothing in ([], supplies[1:]):
        with pytest.raises(RedfishError, match="power supplies take 0 W"):
            resources.together(nothing, "/s")


# ── energy ───────────────────────────────────────────────────────────────────────────────


def test_an_energy_register_is_exact() -> None:
    found = resources.environment_energy(environment(kilowatt_hours="325675.0001"), "/e")
    assert found == EnergyReading("/e: EnergykWh.Reading", 325_675_000_1 * 360_000_000)


@pytest.mark.parametrize(
    ("kilowatt_hours", "fine"),
    [("325675", False), ("12.5", False), ("12.345", False), ("12.3456", True),
     ("12.345678901", True), ("12.3000000000000007", False), ("1.2e3", False), ("null", False),
     ('"12.3456"', False)],
)  # fmt: skip
def test_a_register_is_believed_when_its_steps_are_small(kilowatt_hours: str, fine: bool) -> None:  # noqa: FBT001
    assert resources.is_fine(environment(kilowatt_hours=kilowatt_hours)) is fine


@pytest.mark.parametrize("kilowatt_hours", ["null", "-1.0001", "1e10", '"1.2345"', "true"])
def test_what_is_no_register_is_an_error(kilowatt_hours: str) -> None:
    with pytest.raises(RedfishError, match=r"/e: EnergykWh\.Reading is"):
        resources.environment_energy(environment(kilowatt_hours=kilowatt_hours), "/e")


# ── links ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "target",
    ["https://elsewhere/redfish/v1/", "//elsewhere/x", "/\\elsewhere/x", "redfish/v1", "", "x:y",
     "/a\nb", "/ä", "/a b", "/" + "a" * 600, 5, None],
)  # fmt: skip
def test_a_link_that_is_no_path_on_the_bmc_is_refused(target: Any) -> None:
    with pytest.raises(RedfishError, match="which is no path on the BMC"):
        resources.link({"Power": {"@odata.id": target}}, "Power")
    with pytest.raises(RedfishError, match="which is no path on the BMC"):
        resources.members({"Members": [{"@odata.id": target}]}, "/c")


def test_a_link_that_is_not_there_is_none() -> None:
    assert resources.link({}, "Power") is None
    assert resources.link({"Power": None}, "Power") is None
    assert resources.link({"Power": {"@odata.id": "/a/b%7C"}}, "Power") == "/a/b%7C"


def test_the_chassis_is_the_only_one_or_the_one_that_was_named() -> None:
    two = ["/c/Self", "/c/Enclosure/"]
    assert resources.chosen(["/c/1/"], "/c", "") == "/c/1/"
    assert resources.chosen(two, "/c", "Enclosure") == "/c/Enclosure/"
    for paths, identity, message in (
        (two, "", "2 chassis, set `chassis` to one of: Self, Enclosure"),
        ([], "", "0 chassis"),
        (two, "self", "no chassis 'self', there are Self, Enclosure"),
    ):
        with pytest.raises(RedfishError, match=message):
            resources.chosen(paths, "/c", identity)


# ── garbage ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"5", b"null", b"\xff\xfe", b'{"a": NaN}', b'{"a": -Infinity}',
     b"[" * 100_000, b'{"a": ' + b"9" * 10_000 + b"}", b'{"a": 1e99999999999999999999}', b"<html>",
     b"\xef\xbb\xbf{}"],
    ids=range(13),
)  # fmt: skip
def test_what_is_no_json_object_is_an_error_that_names_the_path(body: bytes) -> None:
    with pytest.raises(RedfishError, match=r"^/path: not "):
        resources.parse(body, "/path")


def failure(read: Callable[[], object]) -> RedfishError | None:
    try:
        read()
    except RedfishError as error:
        return error
    return None


@given(body=st.binary(max_size=100) | documents.map(lambda one: json.dumps(one).encode()))
def test_any_answer_is_read_or_is_an_error_fit_for_a_log(body: bytes) -> None:
    for parser in PARSERS:
        error = failure(lambda parser=parser: parser(resources.parse(body, "/path"), "/path"))
        assert error is None or (str(error).isprintable() and str(error).isascii())
        assert len(str(error)) < 300


@given(documents.filter(lambda one: isinstance(one, dict)))
def test_the_state_and_the_steps_of_any_answer_are_known(document: dict[str, Any]) -> None:
    assert isinstance(resources.state_of(document), str)
    assert resources.is_fine(document) is False  # no Decimal among them


@given(st.decimals(allow_nan=False, allow_infinity=False) | st.integers())
@example(10**400)
@example(Decimal("1e400"))
def test_a_power_is_what_was_said_to_the_microwatt_or_an_error(watts: Decimal | int) -> None:
    found = {"PowerWatts": {"Reading": watts}}
    error = failure(lambda: resources.environment_power(found, "/e"))
    if 0 < watts <= 1_000_000:
        assert error is None
        assert abs(resources.environment_power(found, "/e").microwatts - watts * 1_000_000) <= 1
    else:
        assert error is not None
        assert error.reason == "implausible"


# ── captured ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("vendor", "watts"), [("dell", 429), ("hp", 221)])
def test_captured_answers_of_two_vendors(shared: Path, vendor: str, watts: int) -> None:
    folder = shared / "fixtures" / "telegraf" / "redfish"
    found = resources.parse((folder / f"{vendor}_power.json").read_bytes(), "/p")
    assert resources.control_power(found, "/p").microwatts == watts * 1_000_000
    with pytest.raises(RedfishError, match="not JSON"):
        resources.parse((folder / f"{vendor}_powerinvalid.json").read_bytes(), "/p")
