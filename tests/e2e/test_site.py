"""The documentation as a site: every page has its place in it, and no link leads nowhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.servers


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    built = subprocess.run(
        [*command, "--config-file", ROOT / "deploy/site/mkdocs.yml", "--site-dir", tmp_path],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (built.returncode, built.stdout, built.stderr) == (0, "", "")
    pages = {page.relative_to(tmp_path).with_suffix(".md") for page in tmp_path.rglob("*.html")}
    names = {page.relative_to(ROOT / "docs") for page in (ROOT / "docs").rglob("*.md")}
    renamed = {Path("README.md"): Path("index.md")}
    assert {renamed.get(Path(name.name), name).name for name in names} <= {p.name for p in pages}
    for page in tmp_path.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r'<(?:script|link)[^>]+(?:src|href)="https?://', text), page
