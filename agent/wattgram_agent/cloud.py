"""Who runs this virtual machine, and what it was sold as: read from firmware tables, offline.

Amazon writes the instance type there, whose family says the generation of the CPU. Others do not.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

from wattgram_agent.sysfs import read_text


class Cloud(NamedTuple):
    """`label` is for people; `microarchitecture` None where what was sold does not say."""

    label: str = ""
    microarchitecture: str | None = None


_VENDORS: Final = {
    "Google": "Google Compute Engine", "DigitalOcean": "DigitalOcean", "Hetzner": "Hetzner",
    "OpenStack Foundation": "OpenStack", "Scaleway": "Scaleway", "OVHcloud": "OVHcloud",
    "Alibaba Cloud": "Alibaba Cloud", "Vultr": "Vultr", "Linode": "Linode",
    "Akamai Cloud Compute": "Akamai", "UpCloud": "UpCloud", "Exoscale": "Exoscale",
    "Tencent Cloud": "Tencent Cloud", "Huawei Cloud": "Huawei Cloud",
}  # fmt: skip
_ORACLE_TAG: Final = "OracleCloud.com"
_AZURE_TAG: Final = "7783-7084-3265-9085-8269-3286-77"

# Amazon's documented CPUs. Families that are sold with CPUs of two generations are left out
# where the older is not the rule: there the numbers of the CPU decide or nobody.
_EC2_FAMILIES: Final = {
    "sandy-bridge": "m1 m2 m3 c1 cc2 g2 hs1",
    "ivy-bridge": "c3 r3 i2",
    "haswell": "c4 d2 x1 x1e t2",
    "broadwell": "m4 r4 i3 h1 f1 g3 g3s p2 p3",
    "skylake-server": "m5 m5d c5 c5d r5 r5d t3 z1d i3en p3dn",
    "cascade-lake": "m5n m5dn m5zn c5n r5n r5dn r5b d3 d3en g4dn inf1 p4d p4de vt1 u-6tb1 u-9tb1",
    "ice-lake": "m6i m6id m6in m6idn c6i c6id c6in r6i r6id r6in r6idn i4i x2idn x2iedn trn1",
    "sapphire-rapids": "m7i m7i-flex c7i c7i-flex r7i r7iz i7i i7ie u7i-12tb p5e p5en trn2",
    "granite-rapids": "m8i m8i-flex c8i c8i-flex r8i r8i-flex x8i",
    "zen": "m5a m5ad r5a r5ad t3a",
    "zen-2": "c5a c5ad g4ad g5",
    "zen-3": "m6a c6a r6a hpc6a g6 gr6 g6e inf2 p5",
    "zen-4": "m7a c7a r7a hpc7a",
    "zen-5": "m8a c8a r8a hpc8a",
    "neoverse-n1": "m6g m6gd c6g c6gd c6gn r6g r6gd t4g x2gd im4gn is4gen i4g g5g",
    "neoverse-v1": "m7g m7gd c7g c7gd c7gn r7g r7gd hpc7g",
    "neoverse-v2": "m8g m8gd c8g c8gd c8gn r8g r8gd x8g i8g i8ge",
}
_INSTANCE_TYPE: Final = re.compile(r"([a-z][a-z0-9-]{0,15})\.[a-z0-9-]{1,20}")


def read_cloud(sysfs: Path) -> Cloud:
    """Return what the firmware of this host says of who runs it."""
    dmi = sysfs / "class" / "dmi" / "id"
    names = ("sys_vendor", "product_name", "chassis_asset_tag", "board_asset_tag")
    vendor, product, *tags = (read_text(dmi / name) or "" for name in names)
    return cloud_of(vendor, product, tags, read_text(sysfs / "hypervisor" / "uuid") or "")


def cloud_of(sys_vendor: str, product_name: str, tags: list[str], xen_uuid: str) -> Cloud:
    """PURE. Return the cloud of these names; `tags` are the asset tags of chassis and board."""
    if sys_vendor == "Amazon EC2":
        found = _INSTANCE_TYPE.fullmatch(product_name)
        if not found:
            return Cloud("Amazon EC2")
        return Cloud(f"Amazon EC2 {product_name}", _ec2_generation(found[1]))
    if xen_uuid.startswith("ec2"):
        return Cloud("Amazon EC2")
    if _AZURE_TAG in tags:
        return Cloud("Microsoft Azure")
    if _ORACLE_TAG in tags:
        return Cloud("Oracle Cloud")
    return Cloud(_VENDORS.get(sys_vendor, ""))


def _ec2_generation(family: str) -> str | None:
    for name, families in _EC2_FAMILIES.items():
        if family in families.split():
            return name
    return None
