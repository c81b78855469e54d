"""Build the agent as one file that needs nothing but a Python: dist/wattgram-agent.pyz."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from build_times import build_unix_seconds
from vendoring import PARTS, ROOT, VendoringError, set_times, stage


def build(target: Path, libraries: Path | None) -> None:
    """Write `target`; `libraries` is a folder to use in place of what is installed here.

    Raises VendoringError, OSError and subprocess.CalledProcessError.
    """
    part = PARTS["agent"]
    with tempfile.TemporaryDirectory() as scratch:
        staged = Path(scratch) / "site-packages"
        stage(part, staged, libraries)
        epoch = build_unix_seconds(os.environ)
        set_times(staged, epoch)
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [
                *(sys.executable, "-m", "shiv", "--reproducible", "--compressed"),
                *("--site-packages", str(staged), "--output-file", str(target)),
                *("--entry-point", "wattgram_agent.__main__:main"),
                *("--python", "/usr/bin/env python3"),
            ],
            check=True,
            env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)},
            stdout=subprocess.DEVNULL,
        )
    target.chmod(0o755)


def main() -> int:
    """Build; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "wattgram-agent.pyz")
    parser.add_argument(
        "--libraries", type=Path, help="libraries for another machine (pip install --target)"
    )
    options = parser.parse_args()
    try:
        build(options.out, options.libraries)
    except (VendoringError, OSError, subprocess.CalledProcessError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    print(f"{options.out}  {options.out.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
