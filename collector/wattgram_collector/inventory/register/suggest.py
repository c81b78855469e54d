"""PURE. A register drafted from what agents say of their hosts; a person decides what is right.

What a host is made of is known; who owns it, runs it and pays for it is not. The draft says what
is usual for the kind of machine, and says that it is a guess.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram.handshake import HostFacts
from wattgram.units import BYTES_PER_GIBIBYTE
from wattgram_collector.inventory.register.assets import (
    Asset,
    AssetRole,
    Build,
    MeteringPoint,
    Party,
    SiteKind,
)
from wattgram_collector.ledger import AgentRecord

_CLOUDS: Final = frozenset({"amazon", "google", "microsoft", "digitalocean", "hetzner"})
_CLASS_OF_CHASSIS: Final = {
    "rack": "server", "blade": "server_blade", "laptop": "laptop", "desktop": "desktop",
    "all_in_one": "desktop", "mini": "desktop", "stick": "thin_client", "tablet": "tablet",
    "handheld": "tablet", "iot_gateway": "iot_gateway", "embedded": "iot_gateway",
    "blade_enclosure": "server_blade",
}  # fmt: skip
_CLASS_OF_FACT: Final = {
    "server": "server", "laptop": "laptop", "desktop": "desktop", "workstation": "workstation",
    "edge": "edge_server", "iot": "iot_gateway", "virtual_machine": "virtual_machine",
}  # fmt: skip
_SERVER_WORDS: Final = ("xeon", "epyc", "poweredge", "proliant", "thinksystem", "supermicro")
_BOARDS: Final = ("raspberry", "nvidia jetson")
_EMPLOYEE: Final = frozenset({"laptop", "desktop", "workstation", "tablet", "thin_client"})
_SITE_GUESSED: Final = "owner, controller, electricity_payer and site_kind are guesses: check them"
_BITS_KEPT: Final = 3


class Draft(NamedTuple):
    """An asset, and what a person is to look at."""

    asset: Asset
    remarks: tuple[str, ...]


def drafts(agents: Iterable[AgentRecord], bound: Iterable[str]) -> list[Draft]:
    """Return an asset for each agent that none is bound to, by host name."""
    known = set(bound)
    found = [draft(one) for one in agents if one.agent_id not in known]
    return sorted(found, key=lambda one: one.asset.asset_id)


def draft(agent: AgentRecord) -> Draft:
    """Return an asset of what one agent says."""
    facts = agent.facts
    device_class = class_of(facts)
    remarks = [_SITE_GUESSED, f"bound to agent {agent.agent_id}"]
    parties = (Party.ORG, Party.ORG, Party.ORG)
    role, site_kind = AssetRole.SERVER, SiteKind.ONSITE
    if facts.virtualization in _CLOUDS:
        site_kind = SiteKind.CLOUD
        parties = (Party.PROVIDER, Party.PROVIDER, Party.PROVIDER)
        remarks.append(f"runs at {facts.virtualization}: say acquired_on, when it was rented")
    if facts.virtualization:
        remarks.append(
            "a virtual machine: say embodied_kilograms of its share, or its host as parent "
            "with included_in_parent"
        )
    elif device_class in _EMPLOYEE:
        role = AssetRole.EMPLOYEE_DEVICE
        remarks.append("at an employee's home or on the road: site_kind is offsite")
    elif device_class == "iot_gateway":
        role = AssetRole.IOT
        remarks.append("at a customer: role customer_infra, site_kind customer_site")
    if not facts.virtualization:
        remarks.append("acquired_on is not known: without it its making is in no year")
    owner, controller, payer = parties
    asset = Asset(
        asset_id=agent.host,
        device_class=device_class,
        role=role,
        site=facts.site,
        site_kind=site_kind,
        owner=owner,
        controller=controller,
        electricity_payer=payer,
        agent_ids=(agent.agent_id,),
        build=_build(facts),
        metering_point=MeteringPoint.OUTLET,
        note=facts.cpu_model,
    )
    return Draft(asset, tuple(remarks))


def class_of(facts: HostFacts) -> str:
    """Return the class of device: by virtualisation, by chassis, by what else is said."""
    if facts.virtualization:
        return "virtual_machine"
    named = f"{facts.product_model} {facts.cpu_model}".lower()
    is_server = any(word in named for word in _SERVER_WORDS)
    if facts.chassis == "tower":
        return "server_tower" if is_server else "desktop"
    if found := _CLASS_OF_CHASSIS.get(facts.chassis):
        is_odd = found == "desktop" and "xeon" not in named and is_server
        return "server" if is_odd else found
    if found := _CLASS_OF_FACT.get(facts.device_class):
        return found
    if any(word in named for word in _BOARDS):
        return "iot_gateway"
    return "server"


def installed_gigabytes(memory_bytes: int) -> Fraction:
    """Return what is built in, of what a kernel has left: the next size with three bits.

    A kernel keeps up to a tenth for itself: 376 GiB are of 384, 15.5 of 16, 7.6 of 8.
    """
    gibibytes = -(-memory_bytes // BYTES_PER_GIBIBYTE)
    step = 1 << max(gibibytes.bit_length() - 1 - _BITS_KEPT, 0)
    return Fraction(-(-gibibytes // step) * step)


def _build(facts: HostFacts) -> Build:
    memory = facts.memory_bytes
    return Build(
        manufacturer=facts.manufacturer,
        model=facts.product_model,
        processors=facts.processors,
        memory_gigabytes=installed_gigabytes(memory) if memory else None,
        hdds=facts.hdds,
        ssds=facts.ssds,
        gpus=facts.gpus,
    )
