"""What goes into a package: our own files, and the libraries that the tests ran with.

The libraries are copied from the environment that runs this (`.venv`), where they are pinned, so
a build asks nobody for anything and gives what was tested. Each file is checked against the hash
that its wheel gave it: a library that somebody changed is not packaged.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import tomllib
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).resolve().parents[2]
NOT_SHIPPED: Final = {"__pycache__", "tests", "testing"}
"""Folders that nobody imports at run time."""
TEST_MODULE: Final = "_testcapi."
NOT_KEPT: Final = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
"""What the installer noted about this environment; it holds paths, and names what is left out."""
SOURCES: Final = {".c", ".cpp", ".h", ".pxd", ".pxi", ".pyx", ".pyi", ".lib"}
"""Of no use without a compiler or an editor."""


class VendoringError(Exception):
    """What is installed cannot be packaged; the text names it and says why."""


class Part(NamedTuple):
    """One daemon: the extras of the project that it needs, and its folders in this repository."""

    extras: tuple[str, ...]
    folders: tuple[str, ...]


PARTS: Final = {
    "agent": Part(("agent",), ("agent/wattgram_agent", "proto/wattgram")),
    "collector": Part(("collector", "push"), ("collector/wattgram_collector", "proto/wattgram")),
}


def project() -> dict[str, object]:
    """Return the `project` table of pyproject.toml."""
    table: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


def requirements(part: Part) -> list[str]:
    """Return what the project asks for, for one daemon."""
    about = project()
    extras = about["optional-dependencies"]
    return [*about["dependencies"], *(one for name in part.extras for one in extras[name])]


def libraries(wanted: Iterable[str]) -> list[metadata.Distribution]:
    """Return what is installed of these requirements and of all that they need, by name.

    Raises VendoringError for one that is not installed, or not in the version that is asked for.
    """
    found: dict[str, metadata.Distribution] = {}
    todo = [Requirement(one) for one in wanted]
    while todo:
        one = todo.pop()
        name = canonicalize_name(one.name)
        if name in found:
            continue
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError as error:
            raise VendoringError(f"{one.name} is not installed here") from error
        if not one.specifier.contains(found[name].version, prereleases=True):
            raise VendoringError(f"{one} is asked for, {found[name].version} is installed")
        todo += _needs(found[name], one.extras)
    return [found[name] for name in sorted(found)]


def _needs(library: metadata.Distribution, extras: set[str]) -> Iterator[Requirement]:
    for need in map(Requirement, library.requires or []):
        chosen = extras or {""}
        if need.marker is None or any(need.marker.evaluate({"extra": one}) for one in chosen):
            yield need


def stage(part: Part, target: Path, given: Path | None = None) -> list[metadata.Distribution]:
    """Put one daemon and its libraries under `target`, which is made; return the libraries.

    Those in the folder `given` are taken in place of what is installed here: another machine's.
    Raises VendoringError and OSError.
    """
    target.mkdir(parents=True)
    found = [] if given else libraries(requirements(part))
    if given is not None:
        found = sorted(metadata.distributions(path=[str(given)]), key=lambda one: one.name)
        _require_all(part, found)
    for library in found:
        copy_library(library, target)
    for folder in part.folders:
        source = ROOT / folder
        shutil.copytree(source, target / source.name, ignore=_not_ours_to_ship)
    return found


def _require_all(part: Part, found: list[metadata.Distribution]) -> None:
    """Raise VendoringError unless what the daemon asks for directly is there."""
    there = {canonicalize_name(one.name) for one in found}
    missing = [one for one in requirements(part) if not _is_one_of(one, there)]
    if missing:
        raise VendoringError(f"the libraries that were given lack {', '.join(missing)}")


def _is_one_of(requirement: str, names: set[str]) -> bool:
    return canonicalize_name(Requirement(requirement).name) in names


def copy_library(library: metadata.Distribution, target: Path) -> None:
    """Copy what a library installed and is used at run time; raises VendoringError."""
    files = library.files
    if not files:
        raise VendoringError(f"{library.name} does not say which files are its own")
    for file in files:
        path = PurePosixPath(file)
        if not is_shipped(path):
            continue
        data = Path(str(library.locate_file(file))).read_bytes()
        if file.hash is not None:
            _require_hash(library.name, path, data, file.hash)
        place = target / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)


def is_shipped(path: PurePosixPath) -> bool:
    """Whether a file that a library installed goes into a package."""
    if path.is_absolute() or ".." in path.parts:
        return False  # a command, a manual page: the packages have their own
    if path.parts[0].endswith(".dist-info"):
        return path.name not in NOT_KEPT
    if path.name.startswith(TEST_MODULE):
        return False
    return not NOT_SHIPPED & set(path.parts) and path.suffix not in SOURCES


def _require_hash(library: str, path: PurePosixPath, data: bytes, said: metadata.FileHash) -> None:
    digest = base64.urlsafe_b64encode(hashlib.new(said.mode, data).digest()).rstrip(b"=").decode()
    if digest != said.value:
        raise VendoringError(f"{library}: {path} is not what its wheel brought")


def _not_ours_to_ship(_: str, names: list[str]) -> set[str]:
    return {name for name in names if name == "__pycache__" or name.endswith((".pyi", ".pyc"))}


def set_times(root: Path, unix_seconds: int) -> None:
    """Give all under `root` one time and plain modes, whoever built it and when."""
    for folder, _, names in os.walk(root, topdown=False):
        for name in names:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(0o755 if os.access(path, os.X_OK) and path.suffix == "" else 0o644)
                os.utime(path, (unix_seconds, unix_seconds))
        Path(folder).chmod(0o755)
        os.utime(folder, (unix_seconds, unix_seconds))
