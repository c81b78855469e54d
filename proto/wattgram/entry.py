"""What the scripts that pip installs begin with.

pip makes both, whichever extra was asked for: one without its libraries says what to install.
"""

from __future__ import annotations

import importlib
import sys


def run(part: str) -> int:
    """Run `main` of one daemon's package; return its exit code."""
    package = f"wattgram_{part}"
    try:
        module = importlib.import_module(f"{package}.__main__")
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing.startswith("wattgram"):
            raise
        print(  # noqa: T201
            f"wattgram-{part}: the library {missing} is not installed; the extra "
            f"wattgram[{part}] brings it (docs/install.md)",
            file=sys.stderr,
        )
        return 1
    return int(module.main())
