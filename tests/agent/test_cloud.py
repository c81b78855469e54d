"""Which cloud a host runs in, without a network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram_agent import cloud, coefficients
from wattgram_agent.cloud import Cloud, cloud_of, read_cloud

AZURE = "7783-7084-3265-9085-8269-3286-77"


@pytest.mark.parametrize(
    ("instance_type", "generation"),
    [
        ("m5.large", "skylake-server"),
        ("c4.8xlarge", "haswell"),
        ("m5a.xlarge", "zen"),
        ("c5a.large", "zen-2"),
        ("m6i.metal", "ice-lake"),
        ("r6a.48xlarge", "zen-3"),
        ("m7i-flex.large", "sapphire-rapids"),
        ("c7a.medium", "zen-4"),
        ("u-6tb1.112xlarge", "cascade-lake"),
        ("t4g.nano", "neoverse-n1"),
        ("m7g.large", "neoverse-v1"),
        ("c8g.metal-24xl", "neoverse-v2"),
        ("q99.large", None),
    ],
)
def test_amazon_says_what_it_sold(instance_type: str, generation: str | None) -> None:
    found = cloud_of("Amazon EC2", instance_type, [], "")

    assert found == Cloud(f"Amazon EC2 {instance_type}", generation)


@pytest.mark.parametrize(
    ("vendor", "product", "tags", "xen", "label"),
    [
        ("Amazon EC2", "", [], "", "Amazon EC2"),
        ("Amazon EC2", "something else", [], "", "Amazon EC2"),
        ("Xen", "HVM domU", [], "ec2e1916-9099-7caf", "Amazon EC2"),
        ("Xen", "HVM domU", [], "f71e1916-9099-7caf", ""),
        ("Google", "Google Compute Engine", [""], "", "Google Compute Engine"),
        ("Microsoft Corporation", "Virtual Machine", [AZURE], "", "Microsoft Azure"),
        ("Microsoft Corporation", "Virtual Machine", ["1234"], "", ""),
        ("QEMU", "Standard PC", ["OracleCloud.com"], "", "Oracle Cloud"),
        ("Hetzner", "vServer", [], "", "Hetzner"),
        ("QEMU", "Standard PC (Q35 + ICH9, 2009)", [], "", ""),
        ("Dell Inc.", "m5.large", [], "", ""),
        ("", "", [], "", ""),
    ],
)
def test_others_say_who_they_are_and_no_more(
    vendor: str, product: str, tags: list[str], xen: str, label: str
) -> None:
    assert cloud_of(vendor, product, tags, xen) == Cloud(label, None)


def test_every_family_is_sold_with_one_generation_that_has_coefficients() -> None:
    families = [name for names in cloud._EC2_FAMILIES.values() for name in names.split()]
    known = {*coefficients._ROWS, *coefficients._STAND_INS}

    assert len(families) == len(set(families))
    assert set(cloud._EC2_FAMILIES) <= known


def test_the_firmware_is_read_from_the_tree_of_the_host(tmp_path: Path) -> None:
    dmi = tmp_path / "class" / "dmi" / "id"
    dmi.mkdir(parents=True)
    (dmi / "sys_vendor").write_text("Microsoft Corporation\n")
    (dmi / "board_asset_tag").write_text(f"{AZURE}\n")

    assert read_cloud(tmp_path).label == "Microsoft Azure"
    (dmi / "board_asset_tag").rename(dmi / "chassis_asset_tag")
    assert read_cloud(tmp_path).label == "Microsoft Azure"

    (tmp_path / "hypervisor").mkdir()
    (tmp_path / "hypervisor" / "uuid").write_text("ec2e1916\n")
    assert read_cloud(tmp_path).label == "Amazon EC2"


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ("dmi_aws_nitro", Cloud("Amazon EC2 m5.large", "skylake-server")),
        ("dmi_gcp", Cloud("Google Compute Engine")),
        ("dmi_azure", Cloud("Microsoft Azure")),
        ("dmi_qemu", Cloud()),
    ],
)
def test_the_known_layouts(shared: Path, tmp_path: Path, tree: str, expected: Cloud) -> None:
    trees = json.loads((shared / "fixtures" / "synthetic_trees.json").read_text())["sys_trees"]
    for name, content in trees[tree].items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    assert read_cloud(tmp_path) == expected


@given(vendor=st.text(), product=st.text(), tags=st.lists(st.text()), xen=st.text())
def test_any_firmware_is_some_cloud_or_none(
    vendor: str, product: str, tags: list[str], xen: str
) -> None:
    assert cloud_of(vendor, product, tags, xen).microarchitecture is None
