"""PURE. Which interfaces are counted, told from what sysfs, routes and names say of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram_agent.sources.network import Interface, choose, default_route

ROUTES = "Iface\tDestination\tGateway\tFlags\n{0}\t0011A8C0\t00000000\t0001\n{1}\t00000000\t0111\n"


def test_hardware_wins_over_routes_and_routes_over_names() -> None:
    eth0, veth = Interface("eth0", True, ""), Interface("veth1", False, "")  # noqa: FBT003

    assert choose([eth0, veth], "veth1") == {"eth0": "physical"}
    assert choose([veth], "veth1") == {"veth1": "virtual, of the default route"}
    assert choose([veth], "gone") == {}


@pytest.mark.parametrize(
    ("name", "is_physical"),
    [(name, True) for name in ("eth0", "eno1", "enp3s0", "wlan0", "wlp2s0", "ib0", "usb0", "lan1")]
    + [
        (name, False)
        for name in (
            "lo", "docker0", "br-0a1b2c", "br0", "virbr0", "veth12", "bond0", "team0", "tun0",
            "tap1", "wg0", "dummy0", "ifb0", "cni0", "flannel.1", "cali12", "eth0.100", "eth0@if5",
        )
    ],
)  # fmt: skip
def test_a_name_alone_tells_whether_an_interface_may_be_hardware(
    name: str, *, is_physical: bool
) -> None:
    assert choose([Interface(name, None, "")], "") == (
        {name: "physical by its name"} if is_physical else {}
    )


# As in the kernel, no interface is above itself, not by way of others either.
MASTERS = {"bond0": [""], "eth0": ["", "bond0"]}
interfaces = st.lists(
    st.sampled_from(["lo", "eth0", "eth1", "enP1", "bond0", "veth1", "wlan0"]).flatmap(
        lambda name: st.builds(
            Interface,
            st.just(name),
            st.sampled_from([True, False, None]),
            st.sampled_from(MASTERS.get(name, ["", "bond0", "eth0"])),
        )
    ),
    unique_by=lambda interface: interface.name,
)


@given(interfaces, st.sampled_from(["", "eth0", "veth1", "gone"]))
def test_no_byte_is_chosen_twice(given_interfaces: list[Interface], route: str) -> None:
    chosen = choose(given_interfaces, route)
    hardware = {interface.name for interface in given_interfaces if interface.is_hardware}

    assert set(chosen) <= {interface.name for interface in given_interfaces}
    assert not any(
        interface.master in hardware
        for interface in given_interfaces
        if interface.name in chosen and interface.is_hardware
    )
    if any(interface.is_hardware and interface.master not in hardware
           for interface in given_interfaces):  # fmt: skip
        assert set(chosen) <= hardware


def test_the_default_route_is_the_first_one_to_everywhere() -> None:
    assert default_route(ROUTES.format("eth0", "eth1")) == "eth1"
    assert default_route(ROUTES.format("eth0", "eth1") + "eth2\t00000000\t\n") == "eth1"
    assert default_route("") == default_route("Iface\tDestination\n\nshort\n") == ""
