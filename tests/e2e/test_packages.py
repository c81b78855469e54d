"""The Debian packages, in a system that has nothing but them: installed, started, removed."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chroots import Chroot
from fakes import RaplTree
from wattgram_agent import __version__

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[2]
NAMES = ("wattgram-agent", "wattgram-collector")
LARGEST_FILE_BYTES = 20_000_000
LEFT = {
    "var/lib/private",
    "var/lib/private/wattgram-collector",
    "var/lib/wattgram-collector",
    "var/lib/systemd",
    "var/log/dpkg.log",
    *(f"run/notify-{name}" for name in NAMES),
}
"""What purging leaves: the ledger, and what dpkg and systemd keep; the last is the test's own."""
CHANGED = {"etc/group", "etc/gshadow", "etc/group-", "etc/gshadow-"}
"""The group stays: files may belong to it."""


def built(out: Path, *parts: str) -> list[Path]:
    """Build quickly, that is without compressing much; return the packages by name."""
    if shutil.which("dh") is None:
        pytest.skip("needs Debian's debhelper (apt-get install debhelper)")
    command = [sys.executable, str(ROOT / "deploy/packages/deb.py"), *parts, "--level", "0"]
    subprocess.run([*command, "--out", str(out)], check=True, timeout=150)
    return sorted(out.glob("*.deb"))


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return built(tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chroot]:
    chroot = Chroot(tmp_path_factory.mktemp("system") / "root")
    asking = "import platform; print(*platform.python_version_tuple()[:2])"
    said = chroot.run("python3", "-c", asking).split()
    if tuple(said) != platform.python_version_tuple()[:2]:
        pytest.skip(f"packages are for the Python that builds them; Debian has {'.'.join(said)}")
    yield chroot
    chroot.remove()


def test_a_second_build_is_the_same_bytes(packages: list[Path], tmp_path: Path) -> None:
    (again,) = built(tmp_path, "agent")

    assert again.name == packages[0].name
    assert again.read_bytes() == packages[0].read_bytes()


def test_lintian_finds_nothing_but_what_is_stated(packages: list[Path]) -> None:
    lintian = shutil.which("lintian")
    if lintian is None:
        pytest.skip("needs Debian's lintian (apt-get install lintian)")
    command = [lintian, "--allow-root", "--fail-on", "error,warning"]
    for package in packages:
        pages = ROOT.glob(f"deploy/man/{package.name.partition('_')[0]}*.1")
        known = [] if any(pages) else ["--suppress-tags", "no-manual-page"]
        done = subprocess.run(
            [*command, *known, str(package)],
            check=False, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, "")


def test_one_file_is_an_agent(tmp_path: Path) -> None:
    one_file = tmp_path / "wattgram-agent.pyz"
    build = [sys.executable, str(ROOT / "deploy/packages/single_file.py"), "--out", str(one_file)]
    subprocess.run(build, check=True, timeout=60)
    tree = RaplTree(tmp_path)
    tree.add("intel-rapl:0", "package-0")

    def run(*arguments: str) -> str:
        bare = {"PATH": os.environ["PATH"], "SHIV_ROOT": str(tmp_path / "unpacked")}
        command = [sys.executable, "-IS", str(one_file), *arguments]
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=60, env=bare
        )
        return done.stdout

    assert run("--version").strip() == __version__
    options = ["--json", "--interval", "0.1", "--path.sysfs", str(tree.sysfs)]
    (interval,) = (json.loads(line) for line in run("sample", *options).splitlines())
    assert "rapl" in {reading["source"] for reading in interval["readings"]}
    assert one_file.stat().st_size < LARGEST_FILE_BYTES


def test_installed_started_and_purged(
    packages: list[Path], system: Chroot, tmp_path: Path
) -> None:
    before = system.files()
    for package in packages:
        (system.root / package.name).write_bytes(package.read_bytes())
    system.run("dpkg", "--force-unsafe-io", "-i", *(f"/{one.name}" for one in packages))
    for package in packages:
        (system.root / package.name).unlink()
    for name in NAMES:
        assert system.run(name, "--version").strip()
        part = name.removeprefix("wattgram-")
        said = system.run(name, "check-config", "--config", f"/etc/wattgram/{part}.toml")
        assert said.strip() == f"/etc/wattgram/{part}.toml: good"

    _runs(system, tmp_path)

    system.run("dpkg", "--remove", *NAMES)
    removed = {path for path in system.files() if "wattgram" in path} - set(before)
    assert {"etc/wattgram/agent.toml", "etc/wattgram/collector.toml"} <= removed
    assert "var/lib/wattgram-agent" in removed
    assert not [path for path in removed if path.startswith(("usr/", "lib/"))]

    said = system.run("dpkg", "--purge", *NAMES)
    after = system.files()
    assert "the ledger stays in /var/lib/wattgram-collector" in said
    assert (system.root / "var/lib/private/wattgram-collector/ledger.sqlite").exists()
    left = {path for path in after.keys() - before.keys() if not path.startswith("var/lib/dpkg/")}
    kept = {path for path in left if path.startswith("var/lib/private/wattgram-collector/")}
    assert left - kept <= LEFT | CHANGED
    changed = {path for path in after.keys() & before.keys() if after[path] != before[path]}
    assert changed <= CHANGED
    assert before.keys() - after.keys() == set()


def _runs(system: Chroot, logs: Path) -> None:
    """Both start as their units say, the agent delivers, both end when they are told to."""
    command = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", sys.executable]
    done = subprocess.run(
        [*command, str(ROOT / "tests" / "unit_runner.py"), str(system.root), str(logs)],
        check=False,
        capture_output=True,
        text=True,
        timeout=150,
    )
    written = "".join(log.read_text() for log in sorted(logs.glob("*.log")))
    assert done.returncode == 0, f"{done.stderr}\n{written}"
    result = json.loads(done.stdout)
    host = platform.node()
    assert f'host="{host}"' in result["energy"]
    assert f'host="{host}"' in result["emissions"]
    assert result["status"] == [0, 0], written
    for name in NAMES:
        assert result["said"][name][0] == "READY=1"
        assert result["said"][name][-1] == "STOPPING=1"
        assert "WATCHDOG=1" in result["said"][name]
    assert "Traceback" not in written
