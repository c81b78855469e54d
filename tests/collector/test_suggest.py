"""A register drafted from what agents say."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from register_scenes import agent
from wattgram.handshake import HostFacts
from wattgram_collector.inventory.decision import decide
from wattgram_collector.inventory.register.assets import AssetRole, Build, Party, SiteKind
from wattgram_collector.inventory.register.suggest import (
    class_of,
    draft,
    drafts,
    installed_gigabytes,
)
from wattgram_collector.ledger.sqlite import SqliteLedger

GIB = 1 << 30


def test_a_server_with_what_it_is_made_of() -> None:
    found = draft(
        agent("db1", site="hall", manufacturer="Dell Inc.", product_model="PowerEdge R740",
              chassis="rack", processors=2, memory_bytes=376 * GIB, hdds=0, ssds=8, gpus=2,
              cpu_model="Xeon")
    )  # fmt: skip

    assert found.asset.asset_id == "db1"
    assert found.asset.agent_ids == ("id-of-db1",)
    assert (found.asset.device_class, found.asset.role) == ("server", AssetRole.SERVER)
    assert found.asset.site == "hall"
    assert found.asset.build == Build(
        manufacturer="Dell Inc.", model="PowerEdge R740", processors=2,
        memory_gigabytes=Fraction(384), hdds=0, ssds=8, gpus=2,
    )  # fmt: skip
    assert found.remarks[0].startswith("owner, controller, electricity_payer and site_kind are")


def test_an_old_agent_leaves_unknown_what_it_does_not_say() -> None:
    assert draft(agent("db1")).asset.build == Build()


def test_a_cloud_machine_is_the_providers() -> None:
    found = draft(agent("vm", virtualization="amazon", memory_bytes=8 * GIB))

    assert found.asset.site_kind is SiteKind.CLOUD
    assert found.asset.owner is Party.PROVIDER
    assert decide(found.asset).rule == "2"
    assert any("runs at amazon" in one for one in found.remarks)


def test_a_virtual_machine_on_an_own_host_is_told() -> None:
    found = draft(agent("vm", virtualization="qemu"))

    assert found.asset.device_class == "virtual_machine"
    assert found.asset.site_kind is SiteKind.ONSITE
    assert any("its host as parent" in one for one in found.remarks)


def test_every_draft_is_decided() -> None:
    kinds = [{}, {"chassis": "laptop"}, {"virtualization": "google"}, {"chassis": "iot_gateway"},
             {"virtualization": "qemu"}, {"chassis": "blade"}]  # fmt: skip
    payers = []
    for kind in kinds:
        asset = draft(agent("h", **kind)).asset
        payers.append(asset.electricity_payer)
        assert decide(asset).energy is not None
    assert payers.count(Party.PROVIDER) == 1


@pytest.mark.parametrize(
    ("facts", "device_class"),
    [
        ({}, "server"),
        ({"chassis": "laptop"}, "laptop"),
        ({"chassis": "tower"}, "desktop"),
        ({"chassis": "tower", "cpu_model": "Intel(R) Xeon(R) E-2288G"}, "server_tower"),
        ({"chassis": "desktop", "product_model": "ProLiant MicroServer"}, "server"),
        ({"chassis": "desktop", "cpu_model": "Intel Core i7"}, "desktop"),
        ({"chassis": "blade"}, "server_blade"),
        ({"device_class": "laptop"}, "laptop"),
        ({"device_class": "edge"}, "edge_server"),
        ({"product_model": "Raspberry Pi 4 Model B Rev 1.4"}, "iot_gateway"),
        ({"virtualization": "kvm", "chassis": "rack"}, "virtual_machine"),
        ({"chassis": "unheard of"}, "server"),
    ],
)
def test_the_class_of_a_device(facts: dict[str, Any], device_class: str) -> None:
    assert class_of(HostFacts(host="h", **facts)) == device_class


@pytest.mark.parametrize(
    ("gibibytes", "gigabytes"),
    [(0.9, 1), (1.9, 2), (7.6, 8), (15.5, 16), (23.4, 24), (31.2, 32), (62.7, 64), (94.2, 96),
     (125.6, 128), (141.4, 144), (251.3, 256), (376, 384), (503.5, 512), (755, 768),
     (1007.4, 1024), (16, 16)],
)  # fmt: skip
def test_the_memory_that_is_built_in(gibibytes: float, gigabytes: int) -> None:
    assert installed_gigabytes(int(gibibytes * GIB)) == gigabytes


def test_only_agents_that_no_asset_is_are_drafted_by_name() -> None:
    found = drafts([agent("b"), agent("a"), agent("c")], ["id-of-c"])

    assert [one.asset.asset_id for one in found] == ["a", "b"]


def test_what_an_agent_says_is_kept_and_what_an_old_one_said_is_read(tmp_path: Path) -> None:
    facts = HostFacts(host="db1", manufacturer="Dell Inc.", processors=2, memory_bytes=1 << 50,
                      gpus=0)  # fmt: skip
    with closing(SqliteLedger(tmp_path / "ledger.db")) as ledger:
        ledger.enrol("new", facts)
        ledger.enrol("old", HostFacts(host="db2"))
        with closing(sqlite3.connect(tmp_path / "ledger.db")) as file, file:
            file.execute("UPDATE agents SET facts = '{\"host\": \"db2\"}' WHERE agent_id = 'old'")

    with closing(SqliteLedger(tmp_path / "ledger.db")) as ledger:
        found = {one.agent_id: one.facts for one in ledger.agents()}
    assert found == {"new": facts, "old": HostFacts(host="db2")}
