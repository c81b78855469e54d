"""What the agent can read as another user: over files with the modes that the kernel gives them.

Needs root, to become somebody else, and `setpriv` of util-linux.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes import RaplTree

NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534"]
ALONE = ["--clear-groups", "--inh-caps", "-all", "--bounding-set", "-all"]
GROUP = 47_110
AGENT = [sys.executable, "-m", "wattgram_agent"]


def _why_not() -> str:
    if os.geteuid() != 0:
        return "only root can become somebody else"
    if shutil.which("setpriv") is None:
        return "needs setpriv (util-linux)"
    command = [*NOBODY, *ALONE, *AGENT, "--version"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        return "another user cannot run this interpreter"
    return ""


WHY_NOT = _why_not()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "as another user")


@pytest.fixture
def tree() -> Iterator[RaplTree]:
    """A package and its memory, as the kernel makes them: for root's eyes only."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        root.chmod(0o755)
        tree = RaplTree(root, layout="kernel")
        tree.add("intel-rapl:0", "package-0")
        tree.add("intel-rapl:0:0", "dram")
        for register in registers(tree):
            register.chmod(0o400)
        yield tree


def registers(tree: RaplTree) -> list[Path]:
    return [
        tree.directory(zone) / name
        for zone in ("intel-rapl:0", "intel-rapl:0:0")
        for name in ("energy_uj", "max_energy_range_uj")
    ]


def doctor(tree: RaplTree, *rights: str) -> dict[str, Any]:
    """Return the diagnosis of `rapl`, as seen by nobody with these rights."""
    command = [*NOBODY, *rights, *AGENT, "doctor", "--json", "--path.sysfs", str(tree.sysfs)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    diagnosis = json.loads(done.stdout)
    (rapl,) = (one for one in diagnosis["sources"] if one["name"] == "rapl")
    counted = [zone["domain"] for zone in diagnosis["zones"] if zone["counted"]]
    return {**rapl, "counted": [one for one in counted if one not in {"receive", "transmit"}]}


def test_without_a_right_rapl_is_denied_and_the_model_is_counted(tree: RaplTree) -> None:
    found = doctor(tree, *ALONE)

    assert found["state"] == "permission_denied"
    assert found["reason"].endswith("energy_uj is readable by root only")
    assert "udevadm trigger" in found["fix"]
    assert found["counted"] == ["host"]


def test_the_udev_rule_s_group_and_mode_are_enough(tree: RaplTree) -> None:
    for register in registers(tree):
        os.chown(register, 0, GROUP)
        register.chmod(0o440)

    assert doctor(tree, *ALONE)["state"] == "permission_denied"
    found = doctor(tree, "--groups", str(GROUP), *ALONE[1:])
    assert (found["state"], found["counted"]) == ("active", ["package", "dram"])


def test_the_right_to_read_every_file_is_enough(tree: RaplTree) -> None:
    right = "dac_read_search"
    found = doctor(
        tree, "--clear-groups", "--inh-caps", f"-all,+{right}", "--ambient-caps", f"+{right}",
        "--bounding-set", f"-all,+{right}", "--no-new-privs",
    )  # fmt: skip

    assert (found["state"], found["counted"]) == ("active", ["package", "dram"])


def test_one_zone_that_is_denied_among_others_is_said(tree: RaplTree) -> None:
    for register in registers(tree)[:2]:
        register.chmod(0o444)
    found = doctor(tree, *ALONE)

    assert found["state"] == "active"
    assert "intel-rapl:0:0" in found["reason"]
    assert "permission" in found["reason"].lower()


def test_a_masked_tree_is_absent_and_the_host_s_own_is_the_fix(tree: RaplTree) -> None:
    shutil.rmtree(tree.sysfs)
    (tree.sysfs / "class" / "powercap").mkdir(parents=True)
    found = doctor(tree, *ALONE)

    assert found["state"] == "absent"
    assert "is empty: masked by a container runtime" in found["reason"]
    assert "--path.sysfs /host/sys" in found["fix"]


def test_a_tree_that_may_not_be_listed_is_denied(tree: RaplTree) -> None:
    (tree.sysfs / "class" / "powercap").chmod(0o700)

    assert doctor(tree, *ALONE)["state"] == "permission_denied"
