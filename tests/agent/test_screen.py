"""What `top` shows: a page that fits, and in which nothing that is unknown is a zero."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram_agent.screen import Device, Meter, Moment, Share, as_lines, as_object

WATT = 1_000_000

MOMENT = Moment(
    host="gateway-7",
    unix_seconds=1_750_000_000,
    interval_seconds=2.0,
    power_microwatts=42_500_000,
    quality="modelled",
    energy_microjoules=7_200 * WATT,
    since_unix_seconds=1_749_960_000,
    is_today=True,
    meters=(
        Meter(name="rapl/core/0", power_microwatts=WATT, counted=False, quality="measured"),
        Meter(name="rapl/package/0", power_microwatts=40 * WATT, counted=True, quality="measured"),
        Meter(
            name="battery/battery/BAT0", power_microwatts=None, counted=False,
            quality="measured", remark="on mains power",
        ),
        Meter(name="rest/power/declared", power_microwatts=2_500_000, counted=True,
              quality="modelled"),
    ),
    sources=(("nvml", "permission_denied", "may not open /dev/nvidia0"),),
    shares=(
        Share(kind="systemd", name="busy.service", power_microwatts=30 * WATT,
              energy_microjoules=3_000 * WATT),
        Share(kind="idle", name="idle", power_microwatts=12_500_000,
              energy_microjoules=5_400_000 * WATT),
    ),
    devices=(
        Device(name="eth0", receive_bytes_per_second=1_500.0, transmit_bytes_per_second=None),
    ),
    by="workloads",
)  # fmt: skip


def words(line: str) -> str:
    return " ".join(line.split())


def test_the_page_says_what_is_used_by_whom_and_what_is_known() -> None:
    page = [words(line) for line in as_lines(MOMENT, 80, 24)]

    assert page[0].startswith("wattgram gateway-7 every 2.0 s")
    assert page[1].startswith("42.50 W now (modelled) 2.0 Wh today, from ")
    assert page[3:9] == [
        "METER WATTS STATE",
        "rapl/package/0 40.00 counted",
        "rest/power/declared (modelled) 2.50 counted",
        "rapl/core/0 1.00 shown",
        "battery/battery/BAT0 on mains power - shown",
        "nvml: may not open /dev/nvidia0 - permission den",
    ]
    assert "KIND WORKLOAD WATTS % ENERGY" in page
    assert "systemd busy.service 30.00 70.6 3000 J #######" in page
    assert "idle 12.50 29.4 1.50 kWh ###" in page
    assert page[-2:] == ["NETWORK IN OUT", "eth0 1.5 kB/s -"]
    assert len(page) == 24


def test_the_page_says_in_which_grid_the_host_is() -> None:
    moment = replace(MOMENT, grid_zone="FR")

    assert words(as_lines(moment, 80, 24)[0]).startswith("wattgram gateway-7 in FR every 2.0 s")
    assert as_object(moment)["grid_zone"] == "FR"


def test_a_power_that_is_not_known_is_said_to_be_unknown() -> None:
    page = as_lines(replace(MOMENT, power_microwatts=None, is_today=False), 80, 24)

    assert page[1].startswith("power unknown")
    assert " since " in page[1]


def test_more_meters_than_there_is_room_for_are_counted() -> None:
    many = [
        Meter(name=f"hwmon/rail/{n}", power_microwatts=n, counted=False, quality="measured")
        for n in range(20)
    ]
    page = as_lines(replace(MOMENT, meters=many), 80, 24)

    assert "  and 13 more: wattgram-agent doctor" in page


sizes = st.tuples(st.integers(1, 250), st.integers(1, 100))
names = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=120)
moments = st.builds(
    lambda shares, devices, power: replace(
        MOMENT,
        power_microwatts=power,
        shares=[
            Share(kind="pod", name=name, power_microwatts=amount, energy_microjoules=amount)
            for name, amount in shares
        ],
        devices=[
            Device(name=name, receive_bytes_per_second=rate, transmit_bytes_per_second=rate)
            for name, rate in devices
        ],
    ),
    st.lists(st.tuples(names, st.integers(0, 10**15)), max_size=60),
    st.lists(st.tuples(names, st.floats(0, 1e15)), max_size=6),
    st.none() | st.integers(0, 10**15),
)


@given(moments, sizes)
def test_every_page_fits_its_screen(moment: Moment, size: tuple[int, int]) -> None:
    columns, lines = size
    page = as_lines(moment, columns, lines)

    assert len(page) <= lines
    assert all(len(line) <= columns for line in page)


@given(moments)
def test_every_moment_is_an_object_for_json(moment: Moment) -> None:
    found = as_object(moment)

    assert json.loads(json.dumps(found)) == found
    assert len(found["workloads"]) == len(moment.shares)


def test_the_object_holds_base_units_and_null_for_what_is_not_known() -> None:
    found = as_object(MOMENT)

    assert found["power_watts"] == 42.5
    assert found["energy_joules"] == 7_200.0
    assert found["meters"][2] == {
        "name": "battery/battery/BAT0", "power_watts": None, "counted": False,
        "quality": "measured", "remark": "on mains power",
    }  # fmt: skip
    assert found["workloads"][0]["power_watts"] == 30.0
    assert found["network"][0]["transmit_bytes_per_second"] is None
    assert as_object(replace(MOMENT, power_microwatts=None))["power_watts"] is None


@pytest.mark.parametrize(
    ("microjoules", "shown"),
    [
        (0, "0 J"),
        (3_599 * WATT, "3599 J"),
        (3_600 * WATT, "1.0 Wh"),
        (3_600_000 * WATT, "1.00 kWh"),
    ],
)
def test_energy_is_in_the_unit_that_a_person_thinks_in(microjoules: int, shown: str) -> None:
    page = as_lines(replace(MOMENT, energy_microjoules=microjoules), 80, 24)

    assert f" {shown} today" in page[1]
