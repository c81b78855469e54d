"""Build the Debian packages of both daemons: dist/wattgram-{agent,collector}_*.deb.

They fit the Debian or Ubuntu release whose python3 is the one that runs this: the compiled
libraries do. debhelper writes what belongs to the release: service, users, maintainer scripts.
Set DEBFULLNAME and DEBEMAIL to be named as the one who made them.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from build_times import build_unix_seconds
from conffiles import conffile
from licences import copyright_file
from vendoring import PARTS, ROOT, VendoringError, project, set_times, stage

HERE: Final = Path(__file__).resolve().parent
DEPLOY: Final = ROOT / "deploy"
LIBRARIES: Final = "usr/lib/wattgram"
LEVEL: Final = 6
NEEDED: Final = ("dh", "dpkg-deb", "dpkg-shlibdeps")
LAUNCHER: Final = """\
#!/usr/bin/python3 -IS
# Python's own library and what this package brings: nothing else that is installed here.
import sys

sys.path.insert(0, "/{libraries}/{part}")

from wattgram_{part}.__main__ import main

sys.exit(main())
"""
ZSH: Final = "usr/share/zsh/vendor-completions"
BASH: Final = "usr/share/bash-completion/completions"


def python_dependency() -> str:
    """Return the versions of python3 that the compiled libraries fit."""
    major, minor = sys.version_info[:2]
    return f"python3 (>= {major}.{minor}), python3 (<< {major}.{minor + 1})"


def version() -> str:
    """Return the package's version: it names the Python, so each release can have its own."""
    return f"{project()['version']}-1+py{sys.version_info[0]}.{sys.version_info[1]}"


def maintainer(environment: Mapping[str, str]) -> str:
    """Return who is responsible for the package."""
    name = environment.get("DEBFULLNAME") or "The Wattgram authors"
    return f"{name} <{environment.get('DEBEMAIL') or 'wattgram@localhost'}>"


def lay_out(part: str, debian: Path, staged: Path) -> None:
    """Put all of one package under `staged`, and under `debian` what debhelper works with.

    Raises VendoringError and OSError.
    """
    name = f"wattgram-{part}"
    root = staged / name
    folder = f"{LIBRARIES}/{part}"
    libraries = stage(PARTS[part], root / folder)
    (debian / f"{name}.copyright").write_text(copyright_file(libraries, folder))
    command = root / "usr" / "bin" / name
    command.parent.mkdir(parents=True)
    command.write_text(LAUNCHER.format(libraries=LIBRARIES, part=part))
    command.chmod(0o755)
    settings = root / "etc" / "wattgram" / f"{part}.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(conffile(part))
    shutil.copy(DEPLOY / "systemd" / f"{name}.service", debian / f"{name}.service")
    examples = root / "usr" / "share" / "doc" / name / "examples"
    shutil.copytree(DEPLOY / "systemd" / f"{name}.service.d", examples / f"{name}.service.d")
    if part == "agent":
        _add_rights(debian, root, examples)
    _add_pages_and_completions(name, debian, root)


def _add_rights(debian: Path, root: Path, examples: Path) -> None:
    """Add what lets the agent read the CPU's registers, and what an operator may add to that."""
    name = "wattgram-agent"
    shutil.copy(DEPLOY / "sysusers" / f"{name}.conf", debian / f"{name}.sysusers")
    shutil.copy(DEPLOY / "udev" / "60-wattgram-rapl.rules", debian / f"{name}.wattgram-rapl.udev")
    drop_in = root / "lib" / "systemd" / "system" / f"{name}.service.d"
    drop_in.mkdir(parents=True)
    shutil.move(examples / f"{name}.service.d" / "rapl.conf", drop_in)
    shutil.copy(DEPLOY / "udev" / "60-wattgram-ipmi.rules", examples)
    shutil.copy(DEPLOY / "tmpfiles" / "wattgram-rapl.conf", examples)


def _add_pages_and_completions(name: str, debian: Path, root: Path) -> None:
    """Add manual pages and completions, as far as deploy/man and deploy/completions have them."""
    pages = sorted(DEPLOY.glob(f"man/{name}*.[1-8]"))
    copies = [Path(shutil.copy(page, debian)) for page in pages]
    (debian / f"{name}.manpages").write_text("".join(f"debian/{one.name}\n" for one in copies))
    for file, folder in ((f"bash/{name}", BASH), (f"zsh/_{name}", ZSH)):
        found = DEPLOY / "completions" / file
        if found.is_file():
            (root / folder).mkdir(parents=True)
            shutil.copy(found, root / folder)


def write_control(debian: Path, unix_seconds: int) -> None:
    """Write control and changelog; raises OSError."""
    asking = ["dpkg", "--print-architecture"]
    architecture = subprocess.run(asking, check=True, capture_output=True, text=True).stdout
    by = maintainer(os.environ)
    control = debian / "control"
    text = control.read_text()
    for name, value in (
        ("MAINTAINER", by),
        ("ARCHITECTURE", architecture.strip()),
        ("PYTHON", python_dependency()),
    ):
        text = text.replace(f"@{name}@", value)
    control.write_text(text)
    when = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(unix_seconds))
    (debian / "changelog").write_text(
        f"wattgram ({version()}) unstable; urgency=medium\n\n"
        "  * What changed is in changelog.gz beside this file.\n\n"
        f" -- {by}  {when}\n"
    )


def build(parts: list[str], out: Path, level: int = LEVEL) -> list[Path]:
    """Build the packages of `parts` into `out`, compressed at `level`; return where they are.

    Raises VendoringError, OSError and subprocess.CalledProcessError.
    """
    epoch = build_unix_seconds(os.environ)
    with tempfile.TemporaryDirectory(prefix="wattgram-deb-") as scratch:
        tree = Path(scratch) / "wattgram"
        debian, staged = tree / "debian", tree / "staged"
        shutil.copytree(HERE / "debian", debian)
        shutil.copy(ROOT / "CHANGELOG.md", tree / "CHANGELOG.md")
        for part in parts:
            lay_out(part, debian, staged)
        write_control(debian, epoch)
        set_times(staged, epoch)
        rules = [str(debian / "rules"), "binary"]
        chosen = [f"-pwattgram-{part}" for part in parts]
        subprocess.run(
            rules,
            cwd=tree,
            check=True,
            env=_environment(epoch, chosen, level),
            stdout=subprocess.DEVNULL,
        )
        out.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copy(package, out)) for package in sorted(Path(scratch).glob("*.deb"))]


def _environment(epoch: int, chosen: list[str], level: int) -> dict[str, str]:
    """Return what the build sees: nothing that differs from one machine to another."""
    return {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "SOURCE_DATE_EPOCH": str(epoch),
        "DEB_RULES_REQUIRES_ROOT": "no",
        "DH_OPTIONS": " ".join(chosen),
        "XZ_LEVEL": str(level),
    }


def main() -> int:
    """Build; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help="agent, collector: default both")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--level", type=int, default=LEVEL, help="of compression, 0 to 9")
    options = parser.parse_args()
    parts = options.parts or list(PARTS)
    unknown = set(parts) - set(PARTS)
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if unknown or missing or platform.system() != "Linux":
        why = f"no part {unknown.pop()}" if unknown else f"needs {', '.join(missing)} (debhelper)"
        print(f"{parser.prog}: {why}", file=sys.stderr)
        return 2
    try:
        built = build(parts, options.out, options.level)
    except (VendoringError, OSError, ValueError, subprocess.CalledProcessError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    for package in built:
        print(f"{package}  {package.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
