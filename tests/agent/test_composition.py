"""Each joule once: which of the zones of a host are counted, and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.readings import Component, Kind, Quality
from wattgram_agent.composition import Decision, compose, series_of
from wattgram_agent.source import Point, Zone

COMPONENTS = {
    "package": Component.CPU,
    "core": Component.CPU,
    "uncore": Component.CPU,
    "dram": Component.DRAM,
    "gpu": Component.GPU,
}
MODEL = Zone(point=Point("model", "host", "mid"), quality=Quality.MODELLED)
BOUND = Zone(point=Point("model", "host", "low"), quality=Quality.MODELLED, refusal="a bound")


def zone(domain: str, instance: str = "0", source: str = "rapl", refusal: str = "") -> Zone:
    return Zone(
        point=Point(source, domain, instance),
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
    assert why(zone("platform_thing")) == ["what domain platform_thing covers is not known"]


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
    st.sampled_from(["rapl", "nvml"]),
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
