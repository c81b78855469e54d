"""The images of deploy/container, built without an engine: buildah as root, by chroot."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from rootfs import debian_rootfs
from wheels import ROOT, wheelhouse

BASE: Final = "localhost/base"
BUILDING_SECONDS: Final = 150


class Images:
    """A store of images below `directory`, with a base made of Debian's minimal variant."""

    def __init__(self, directory: Path) -> None:
        if os.geteuid() != 0:
            pytest.skip("needs root: buildah without user namespaces")
        found = shutil.which("buildah")
        if found is None:
            pytest.skip("needs Debian's buildah (apt-get install buildah)")
        self._program = found
        self._directory = directory
        self._wheels = wheelhouse()
        self._driver = "overlay"
        try:
            self._make_base()
        except subprocess.CalledProcessError:
            self._driver = "vfs"  # slower, and works everywhere
            self._make_base()

    def build(self, target: str) -> str:
        """Build one target of the Dockerfile; return the image's name."""
        name = f"localhost/wattgram-{target}"
        self._buildah(
            "build", "--isolation", "chroot", "--layers=false", "--pull-never",
            "--build-arg", f"BASE={BASE}",
            "--build-arg", "PIP_OPTIONS=--no-index --find-links /wheels",
            "--volume", f"{self._wheels}:/wheels:ro", "--target", target, "--tag", name,
            "--format", "docker", "--file", str(ROOT / "deploy" / "container" / "Dockerfile"),
            str(ROOT),
        )  # fmt: skip
        return name

    def started(self, image: str) -> str:
        """Return the name of a container of an image, to run commands in."""
        return self._buildah("from", "--pull-never", image).stdout.strip()

    def run(
        self, container: str, *command: str, volumes: tuple[str, ...] = (), code: int = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as the image's user, in its environment, without a capability.

        What it says goes through files: buildah may lose the output of what ends at once.
        """
        said = self._directory / "said"
        shutil.rmtree(said, ignore_errors=True)
        said.mkdir()
        said.chmod(0o777)
        mounts = [part for one in (*volumes, f"{said}:/said") for part in ("--volume", one)]
        done = self._buildah(
            "run", "--isolation", "chroot", "--cap-drop", "all", *mounts, container, "--",
            "sh", "-c", '"$@" > /said/out 2> /said/err', "sh", *command, check=False,
        )  # fmt: skip
        out, err = ((said / name).read_text() for name in ("out", "err"))
        assert done.returncode == code, out + err + done.stderr
        return subprocess.CompletedProcess(command, code, out, err)

    def inspected(self, image: str) -> str:
        return self._buildah("inspect", "--type", "image", image).stdout

    def _make_base(self) -> None:
        container = self._buildah("from", "scratch").stdout.strip()
        self._buildah("add", "--quiet", container, str(debian_rootfs()), "/")
        self._buildah("commit", "--quiet", "--rm", container, BASE)

    def _buildah(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        store: list[Any] = [
            "--root",
            self._directory / "root",
            "--runroot",
            self._directory / "run",
        ]
        done = subprocess.run(
            [self._program, "--storage-driver", self._driver, *map(str, store), *arguments],
            capture_output=True, text=True, check=False, timeout=BUILDING_SECONDS,
        )  # fmt: skip
        if check and done.returncode:
            print(done.stdout[-3000:], done.stderr[-3000:])
            done.check_returncode()
        return done

    def close(self) -> None:
        """Let go of what is mounted; the directory may be removed then."""
        self._buildah("rm", "--all", check=False)
        self._buildah("rmi", "--all", "--force", check=False)
