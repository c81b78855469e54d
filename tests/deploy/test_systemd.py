"""The units: what systemd says of them, and that they ask for what the daemons do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from wattgram_agent.__main__ import EXIT_BAD_CONFIG
from wattgram_collector import __main__ as collector_main

DEPLOY = Path(__file__).parents[2] / "deploy"
PAGE = (Path(__file__).parents[2] / "docs" / "systemd.md").read_text(encoding="utf-8")
UNITS = DEPLOY / "systemd"
NAMES = ("wattgram-agent", "wattgram-collector")
DROP_INS = [
    (name, path.name) for name in NAMES for path in sorted((UNITS / f"{name}.service.d").iterdir())
]
WAYS_TO_THE_CPU = {"rapl.conf", "perf.conf", "read-all.conf"}
"""One of them is enough; each page and comment says so."""
EXPOSED_MOST = 2.0
LEVEL = re.compile(r"Overall exposure level for \S+: (\d+\.\d)")
ANALYZE = shutil.which("systemd-analyze") or ""

needs_systemd = pytest.mark.skipif(not ANALYZE, reason="needs systemd-analyze (systemd)")


def staged(root: Path, name: str, drop_ins: Iterable[str]) -> Path:
    """Return a root that holds one unit, some of its drop-ins, and the commands that it names."""
    units = root / "usr/lib/systemd/system"
    (units / f"{name}.service.d").mkdir(parents=True)
    shutil.copy(UNITS / f"{name}.service", units)
    for one in drop_ins:
        shutil.copy(UNITS / f"{name}.service.d" / one, units / f"{name}.service.d")
    for command in (f"usr/bin/{name}", "bin/kill"):
        (root / command).parent.mkdir(parents=True, exist_ok=True)
        (root / command).write_text("#!/bin/sh\n")
        (root / command).chmod(0o755)
    return root


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ANALYZE, *arguments], check=False, capture_output=True, text=True, timeout=30
    )


def exposure(root: Path, name: str) -> float:
    done = analyze("security", "--offline=yes", f"--root={root}", f"{name}.service")
    found = LEVEL.search(done.stdout)
    assert found, done.stderr
    return float(found[1])


def verified(root: Path, name: str) -> tuple[int, str]:
    done = analyze(
        "verify", "--man=no", "--recursive-errors=no", f"--root={root}", f"{name}.service"
    )
    return done.returncode, done.stdout + done.stderr


def settings(name: str) -> dict[str, list[str]]:
    lines = (UNITS / f"{name}.service").read_text().splitlines()
    found: dict[str, list[str]] = {}
    for line in lines:
        key, is_setting, value = line.partition("=")
        if is_setting and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


@needs_systemd
@pytest.mark.parametrize(("name", "drop_in"), [*((name, "") for name in NAMES), *DROP_INS])
def test_a_unit_is_good_and_exposes_what_its_page_says(
    tmp_path: Path, name: str, drop_in: str
) -> None:
    root = staged(tmp_path, name, [drop_in] if drop_in else [])
    exposed = exposure(root, name)

    assert exposed <= EXPOSED_MOST
    assert verified(root, name) == (0, "")
    assert re.search(rf"^\| `{drop_in or name}` .*\| {exposed} \|$", PAGE, re.MULTILINE)


@needs_systemd
@pytest.mark.parametrize("way", sorted(WAYS_TO_THE_CPU))
def test_with_every_drop_in_at_once_it_is_still_hardened(tmp_path: Path, way: str) -> None:
    others = {name for of, name in DROP_INS if of == NAMES[0]} - WAYS_TO_THE_CPU
    root = staged(tmp_path, NAMES[0], [way, *others])

    assert exposure(root, NAMES[0]) <= EXPOSED_MOST
    assert verified(root, NAMES[0]) == (0, "")


@needs_systemd
def test_what_is_misspelt_or_left_out_is_noticed(tmp_path: Path) -> None:
    root = staged(tmp_path, NAMES[0], [])
    unit = root / "usr/lib/systemd/system" / f"{NAMES[0]}.service"
    text = unit.read_text()
    unit.write_text(text.replace("WatchdogSec", "WatchdogSecs"))

    status, said = verified(root, NAMES[0])
    assert status != 0 or "WatchdogSecs" in said
    unit.write_text(re.sub(r"(?m)^(Protect|SystemCallFilter|Restrict).*\n", "", text))
    assert exposure(root, NAMES[0]) > EXPOSED_MOST


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_fits_what_its_daemon_does(name: str) -> None:
    unit = settings(name)
    part = name.removeprefix("wattgram-")

    assert unit["Type"] == ["notify"]
    assert unit["ExecStart"] == [f"/usr/bin/{name} run --config /etc/wattgram/{part}.toml"]
    assert unit["RestartPreventExitStatus"] == [str(EXIT_BAD_CONFIG)]
    assert collector_main.EXIT_BAD_CONFIG == EXIT_BAD_CONFIG
    assert int(unit["WatchdogSec"][0]) >= 30
    assert unit["StateDirectory"] == [name]
    assert unit["DynamicUser"] == ["yes"]
    assert unit["MemoryMax"]


@pytest.mark.parametrize("name", NAMES)
def test_a_credential_that_is_missing_stops_no_start(name: str) -> None:
    """One with an absolute path would; one by name is looked for in /etc/credstore."""
    loaded = [one.partition(":") for one in settings(name)["LoadCredential"]]

    assert all(path.startswith(f"{name}.") for _, _, path in loaded)
    assert all(f"/etc/credstore/{path}" in PAGE for _, _, path in loaded)
    assert all(f"/run/credentials/{name}.service/{given}" in PAGE for given, _, _ in loaded)


def test_the_group_of_the_udev_rule_is_made_and_joined() -> None:
    rule = (DEPLOY / "udev" / "60-wattgram-rapl.rules").read_text()
    drop_in = (UNITS / "wattgram-agent.service.d" / "rapl.conf").read_text()
    users = (DEPLOY / "sysusers" / "wattgram-agent.conf").read_text()

    assert "/bin/chgrp wattgram " in rule
    assert "SupplementaryGroups=wattgram\n" in drop_in
    assert "\ng wattgram -\n" in users


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="needs systemd-sysusers")
def test_sysusers_makes_the_group(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may write groups")
    (tmp_path / "etc").mkdir()
    command = [
        "systemd-sysusers",
        f"--root={tmp_path}",
        str(DEPLOY / "sysusers/wattgram-agent.conf"),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=30)

    assert "wattgram:" in (tmp_path / "etc" / "group").read_text()


@pytest.mark.skipif(shutil.which("systemd-tmpfiles") is None, reason="needs systemd-tmpfiles")
def test_tmpfiles_opens_the_registers_to_the_group_only(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may give files away")
    zone = tmp_path / "sys/class/powercap/intel-rapl:0"
    zone.mkdir(parents=True)
    for name in ("energy_uj", "max_energy_range_uj", "name"):
        (zone / name).write_text("1\n")
        (zone / name).chmod(0o400)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/group").write_text("root:x:0:\nwattgram:x:4711:\n")
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    conf = DEPLOY / "tmpfiles" / "wattgram-rapl.conf"
    command = ["systemd-tmpfiles", f"--root={tmp_path}", "--create", str(conf)]
    subprocess.run(command, check=True, capture_output=True, timeout=30)

    opened = {path.name: path.stat() for path in zone.iterdir()}
    for name in ("energy_uj", "max_energy_range_uj"):
        assert (opened[name].st_mode & 0o777, opened[name].st_gid) == (0o440, 4711)
    assert (opened["name"].st_mode & 0o777, opened["name"].st_gid) == (0o400, 0)
