"""Each joule once: which of the zones of a host are counted, and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.readings import Component, Kind, Quality
from wattgram_agent.composition import Decision, Preferences, Silence, compose, series_of
from wattgram_agent.source import Point, Scope, Zone

COMPONENTS = {
    "package": Component.CPU,
    "core": Component.CPU,
    "uncore": Component.CPU,
    "dram": Component.DRAM,
    "gpu": Component.GPU,
}
MODEL = Zone(point=Point("model", "host", "mid"), scope=Scope.HOST, quality=Quality.MODELLED)
BOUND = Zone(
    point=Point("model", "host", "low"),
    scope=Scope.HOST,
    quality=Quality.MODELLED,
    refusal="a bound",
)


SCOPES = {
    "package": Scope.CPU,
    "dram": Scope.DRAM,
    "gpu": Scope.GPU,
    "psys": Scope.PLATFORM,
}
INSIDE = {"core", "uncore"}


def zone(domain: str, instance: str = "0", source: str = "rapl", refusal: str = "") -> Zone:
    refusal = refusal or ("inside the package" if domain in INSIDE else "")
    return Zone(
        point=Point(source, domain, instance),
        scope=SCOPES.get(domain, Scope.PART),
        component=COMPONENTS.get(domain, Component.OTHER),
        refusal=refusal,
    )


def counted(*zones: Zone) -> list[str]:
    return [
        f"{decision.zone.point.domain} {decision.zone.point.instance}"
        for decision in compose(zones)
        if decision.counted
    ]


def why(*zones: Zone) -> list[str]:
    return [decision.why for decision in compose(zones)]


def test_of_a_server_its_packages_and_memories_are_counted() -> None:
    zones = [
        zone(domain, socket)
        for socket in ("0", "1")
        for domain in ("package", "core", "uncore", "dram")
    ]

    assert counted(*zones, zone("psys")) == ["package 0", "dram 0", "package 1", "dram 1"]


@pytest.mark.parametrize("domain", ["core", "uncore", "psys"])
def test_what_lies_in_a_package_or_around_it_is_never_counted(domain: str) -> None:
    """Not even when it is alone: what it holds is not the host's sum."""
    assert counted(zone(domain)) == []
    assert counted(zone(domain), zone("package")) == ["package 0"]
    assert why(zone(domain))[0] in {
        "inside the package",
        "holds the package and more, what more is not defined",
    }


def test_a_discrete_gpu_is_counted_beside_the_cpu() -> None:
    gpus = [zone("gpu", "GPU-a", "nvml"), zone("gpu", "GPU-b", "nvml")]

    assert counted(zone("package"), *gpus) == ["package 0", "gpu GPU-a", "gpu GPU-b"]


def test_a_model_is_counted_only_where_no_meter_covers_the_cpu() -> None:
    assert counted(MODEL, BOUND) == ["host mid"]
    assert counted(MODEL, BOUND, zone("psys"), zone("core")) == ["host mid"]
    assert counted(MODEL, BOUND, zone("gpu", "GPU-a", "nvml")) == ["host mid", "gpu GPU-a"]
    assert counted(MODEL, BOUND, zone("package")) == ["package 0"]
    assert why(MODEL, zone("package"))[0] == "a meter covers the CPU"


def test_a_package_that_refuses_itself_covers_no_cpu() -> None:
    assert counted(MODEL, zone("package", refusal="a mirror")) == ["host mid"]


def test_a_package_of_bytes_covers_no_cpu() -> None:
    odd = Zone(point=Point("network", "package", "eth0"), kind=Kind.RECEIVE)

    assert counted(MODEL, odd) == ["host mid", "package eth0"]


def test_a_memory_whose_package_is_not_metered_is_inside_the_model() -> None:
    """The model is of whole hosts: its memory must not be counted beside it."""
    assert counted(zone("dram"), MODEL) == ["host mid"]
    assert why(zone("dram"), MODEL)[0] == "the model holds the memory too"
    assert counted(zone("dram")) == ["dram 0"]
    assert counted(zone("dram"), BOUND) == ["dram 0"]


def test_a_zone_that_refuses_itself_is_not_counted_and_says_why() -> None:
    twin = zone("package", "0@intel-rapl-mmio:0", refusal="a second view of package 0")

    assert counted(zone("package"), twin) == ["package 0"]
    assert why(zone("package"), twin)[1] == "a second view of package 0"


def test_a_zone_of_an_unknown_name_is_not_counted() -> None:
    assert counted(zone("package"), zone("platform_thing")) == ["package 0"]
    assert why(zone("platform_thing")) == ["what platform_thing covers is not known"]


def test_bytes_are_not_energy_and_are_all_counted() -> None:
    zones = [
        Zone(point=Point("network", kind.name.lower(), "eth0"), kind=kind)
        for kind in (Kind.RECEIVE, Kind.TRANSMIT)
    ]

    assert counted(*zones) == ["receive eth0", "transmit eth0"]


any_zone = st.builds(
    zone,
    st.sampled_from([*COMPONENTS, "psys", "unheard_of"]),
    st.sampled_from("01"),
    st.sampled_from(["rapl"]),
    st.sampled_from(["", "", "a twin"]),
) | st.sampled_from([MODEL, BOUND])


@given(st.lists(any_zone, max_size=8))
def test_what_is_counted_never_overlaps(zones: list[Zone]) -> None:
    decisions = compose(zones)
    domains = {decision.zone.point.domain for decision in decisions if decision.counted}

    assert [decision.zone for decision in decisions] == zones
    assert domains <= {"package", "dram", "gpu", "host"}
    assert not ({"package", "dram"} & domains and "host" in domains)
    assert all(decision.why for decision in decisions)
    assert not any(decision.counted and decision.zone.refusal for decision in decisions)


def test_a_series_says_of_a_zone_what_it_is_and_whether_it_counts() -> None:
    modelled = series_of(Decision(MODEL, counted=True, why=""))
    receive = Zone(point=Point("network", "receive", "eth0"), kind=Kind.RECEIVE)

    assert (modelled.quality, modelled.component, modelled.counted) == (
        Quality.MODELLED,
        Component.OTHER,
        True,
    )
    assert series_of(Decision(receive, counted=False, why="")).kind is Kind.RECEIVE
    dram = series_of(Decision(zone("dram", "1"), counted=True, why=""))
    assert (dram.source, dram.domain, dram.instance) == ("rapl", "dram", "1")
    assert dram.component is Component.DRAM


BATTERY = Zone(point=Point("battery", "battery", "BAT0"), scope=Scope.HOST)
DCMI = Zone(point=Point("ipmi", "dcmi", "0"), scope=Scope.HOST)
BOARD = Zone(point=Point("nvml", "gpu", "GPU-a"), scope=Scope.GPU, component=Component.GPU)
RAIL = Zone(
    point=Point("hwmon", "ina226", "VIN"), scope=Scope.PART, refusal="what it feeds is unknown"
)
REST = Zone(point=Point("rest", "power", "declared"), scope=Scope.REST, quality=Quality.MODELLED)


def test_a_meter_of_the_whole_host_is_counted_alone() -> None:
    zones = [DCMI, zone("package"), zone("dram"), BOARD, REST, MODEL]

    assert counted(*zones) == ["dcmi 0"]
    assert why(*zones) == ["meters the whole host", *["ipmi meters the whole host"] * 5]


def test_of_two_meters_of_the_whole_host_the_better_one_is_counted() -> None:
    assert counted(BATTERY, DCMI) == ["dcmi 0"]
    assert why(BATTERY, DCMI)[0] == "ipmi meters the whole host"


def test_all_meters_of_one_source_are_the_host_together() -> None:
    second = Zone(point=Point("battery", "battery", "BAT1"), scope=Scope.HOST)

    assert counted(BATTERY, second, zone("package")) == ["battery BAT0", "battery BAT1"]


def test_a_part_of_the_meters_of_a_host_is_not_the_host() -> None:
    second = Zone(point=Point("battery", "battery", "BAT1"), scope=Scope.HOST)
    fails = {second.point: Silence("cannot be read: timeout", is_failure=True)}
    decisions = compose([BATTERY, second, zone("package")], fails)

    assert [one.counted for one in decisions] == [False, False, True]
    assert decisions[0].why == "another meter of the host cannot be read: this one is a part"
    idle = {second.point: Silence("not discharging")}
    assert [one.counted for one in compose([BATTERY, second, zone("package")], idle)] == [
        True, False, False,
    ]  # fmt: skip


def test_who_has_nothing_to_say_makes_way_for_the_next_best() -> None:
    zones = [BATTERY, zone("package"), MODEL]
    first, second = compose(zones, {BATTERY.point: Silence("on mains power")})[:2]

    assert (first.counted, first.why) == (False, "on mains power")
    assert second.counted
    silent = {
        BATTERY.point: Silence("on mains power"),
        zone("package").point: Silence("cannot be read", is_failure=True),
    }
    assert [one.counted for one in compose(zones, silent)] == [False, False, True]


def test_psys_is_counted_only_if_it_is_asked_for_and_then_without_what_it_holds() -> None:
    zones = [zone("psys"), zone("package"), zone("dram"), BOARD, REST, MODEL]
    decisions = compose(zones, preferences=Preferences(psys=True))

    assert [one.counted for one in decisions] == [True, False, False, True, False, False]
    assert [one.why for one in decisions[:3]] == [
        "overlaps no other counted zone", "inside psys", "inside psys",
    ]  # fmt: skip


def test_what_the_operator_declares_to_meter_the_host_is_counted_whatever_it_is() -> None:
    wanted = Preferences(host_meters=("hwmon/ina226/VIN",))
    decisions = compose([RAIL, DCMI, zone("package")], preferences=wanted)

    assert [one.counted for one in decisions] == [True, False, False]
    assert decisions[0].why == "declared to meter the whole host"
    assert counted(RAIL, zone("package")) == ["package 0"]
    silent = {RAIL.point: Silence("cannot be read", is_failure=True)}
    assert [one.counted for one in compose([RAIL, DCMI], silent, wanted)] == [False, True]


def test_one_of_several_meters_of_a_cpu_is_counted() -> None:
    perf = zone("package", source="perf")
    apu = Zone(point=Point("amdgpu", "apu", "0"), scope=Scope.CPU, component=Component.CPU)

    assert counted(perf, zone("package"), apu) == ["package 0"]
    assert why(perf, zone("package"), apu) == [
        "rapl meters it already", "overlaps no other counted zone", "rapl meters it already",
    ]  # fmt: skip
    assert counted(apu, MODEL) == ["apu 0"]


def test_what_the_operator_declared_of_the_rest_goes_with_meters_of_the_components() -> None:
    assert counted(REST, zone("package")) == ["power declared", "package 0"]
    assert counted(REST, MODEL) == ["host mid"]
    assert counted(REST) == []


scopes = st.sampled_from(
    [BATTERY, DCMI, BOARD, RAIL, REST, MODEL, BOUND]
    + [zone(domain) for domain in ("package", "dram", "psys", "core")]
    + [zone(domain, source="perf") for domain in ("package", "dram")]
)


@given(
    st.lists(scopes, unique_by=lambda one: one.point, max_size=11),
    st.sets(st.integers(0, 10)),
    st.sampled_from(
        [
            Preferences(psys=psys, host_meters=named)
            for psys in (True, False)
            for named in ((), ("hwmon/ina226/VIN",))
        ]
    ),
)
def test_the_counted_set_holds_nothing_twice_and_is_the_best_that_speaks(
    zones: list[Zone], silent_indices: set[int], wanted: Preferences
) -> None:
    silent = {zones[n].point: Silence("silent") for n in silent_indices if n < len(zones)}
    decisions = compose(zones, silent, wanted)
    chosen = [one.zone for one in decisions if one.counted]
    heard = [one for one in zones if one.point not in silent]
    found = {one.scope for one in chosen}

    assert not set(silent) & {one.point for one in chosen}
    if Scope.HOST in found or RAIL in chosen:
        modelled = MODEL in chosen
        assert len({one.point.source for one in chosen if one.scope is not Scope.GPU}) == 1
        assert (BOARD in chosen) == (modelled and BOARD in heard)
    assert not (Scope.PLATFORM in found and found & {Scope.CPU, Scope.DRAM, Scope.REST})
    for scope in (Scope.CPU, Scope.DRAM):
        assert len({one.point.source for one in chosen if one.scope is scope}) <= 1
    covers = {Scope.HOST, Scope.CPU} | ({Scope.PLATFORM} if wanted.psys else set())
    if any(one.scope in covers and not one.refusal for one in heard):
        assert chosen


def test_a_part_of_the_meters_that_are_declared_is_not_the_host() -> None:
    second = Zone(point=Point("hwmon", "ina226", "VIN2"), refusal="what it feeds is unknown")
    wanted = Preferences(host_meters=("hwmon/ina226/VIN", "hwmon/ina226/VIN2"))
    fails = {second.point: Silence("cannot be read", is_failure=True)}
    decisions = compose([RAIL, second, zone("package")], fails, wanted)

    assert [one.counted for one in decisions] == [False, False, True]
