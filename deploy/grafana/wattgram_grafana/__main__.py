"""Write the dashboards, or with --check say which of the written ones are not what this gives."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from wattgram_grafana.assembly import written
from wattgram_grafana.boards import BOARDS

DASHBOARDS: Final = Path(__file__).parents[1] / "dashboards"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="wattgram_grafana", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 on a drift")
    parser.add_argument("--to", type=Path, default=DASHBOARDS, help="where they are written")
    options = parser.parse_args(arguments)
    if options.check:
        drifted = list(drifts(options.to))
        for why in drifted:
            print(why, file=sys.stderr)
        return 1 if drifted else 0
    for board in BOARDS:
        (options.to / f"{board.uid}.json").write_text(written(board), encoding="utf-8")
    return 0


def drifts(directory: Path) -> Iterator[str]:
    """Yield what of a directory is not what `make dashboards` writes."""
    found = {path.name: path.read_text(encoding="utf-8") for path in directory.glob("*.json")}
    for board in BOARDS:
        name = f"{board.uid}.json"
        if found.pop(name, None) != written(board):
            yield f"{directory / name} is not what `make dashboards` writes"
    yield from (f"{directory / name} is no dashboard of ours" for name in sorted(found))


if __name__ == "__main__":
    sys.exit(main())
