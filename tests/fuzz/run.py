"""`make fuzz`: anything at all into everything that reads what others wrote.

Each target gets its share of the time, one after the other, in a process of its own. What reaches
new code is kept in var/fuzz for the next run; what crashes is kept in tests/fuzz/corpus, where
every test run tries it again. Ends with a table; the status is 1 when something crashed.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fuzz.targets import CORPUS, TARGETS
from fuzz.worker import INPUT_SECONDS_MAX, has_atheris

STATE = Path("var") / "fuzz"
START_SECONDS = 30  # imports, and reading back what was kept

_EXECUTIONS = re.compile(r"number_of_executed_units: *(\d+)|^#(\d+)\s", re.MULTILINE)
_COVERED = re.compile(r"\bcov: (\d+)")
_KEPT = re.compile(r"\bcorp: (\d+)/")
_TAIL_LINES = 40


class Row(NamedTuple):
    """What became of one target. `covered` is None where nobody counted."""

    target: str
    executions: int
    seconds: float
    covered: int | None
    corpus: int
    found: tuple[Path, ...] = ()
    is_broken: bool = False
    """It ended badly, and left no input that says why."""

    @property
    def is_bad(self) -> bool:
        return bool(self.found) or self.is_broken


def read_row(name: str, said: str, seconds: float, found: Sequence[Path], status: int) -> Row:
    """PURE. Return what a worker's words come to."""
    counts = [int(one or other) for one, other in _EXECUTIONS.findall(said)]
    return Row(
        target=name,
        executions=max(counts, default=0),
        seconds=seconds,
        covered=max(map(int, _COVERED.findall(said)), default=None),
        corpus=max(map(int, _KEPT.findall(said)), default=0),
        found=tuple(found),
        is_broken=status != 0 and not found,
    )


def as_table(rows: Sequence[Row]) -> str:
    """PURE. Return what is printed at the end."""
    lines = [
        f"{'target':18}{'executions':>12}{'per second':>12}{'edges':>8}{'corpus':>8}{'crashes':>9}"
    ]
    for row in rows:
        rate = row.executions / row.seconds if row.seconds else 0
        covered = "-" if row.covered is None else row.covered
        crashes = "broken" if row.is_broken else len(row.found)
        lines.append(
            f"{row.target:18}{row.executions:>12}{rate:>12.0f}{covered:>8}{row.corpus:>8}"
            f"{crashes:>9}"
        )
    total = sum(row.executions for row in rows)
    crashes = sum(row.is_bad for row in rows)
    lines.append(f"{'all':18}{total:>12}{'':>28}{crashes:>9}")
    return "\n".join(lines)


def keep(found: Path, corpus: Path) -> Path:
    """Move an input that crashed to where every test run tries it; return where."""
    data = found.read_bytes()
    name = f"found-{hashlib.sha1(data).hexdigest()[:12]}"  # noqa: S324
    corpus.mkdir(parents=True, exist_ok=True)
    (corpus / name).write_bytes(data)
    found.unlink()
    return corpus / name


def work(name: str, seconds: int, engine: str) -> Row:
    """Run one target; print what it said only if that is of interest."""
    inputs, found = STATE / name, STATE / "found" / name
    command = [sys.executable, "-m", "fuzz.worker", name, "--seconds", str(seconds),
               "--corpus", str(inputs), "--found", str(found), "--engine", engine]  # fmt: skip
    began = time.monotonic()
    limit = seconds + START_SECONDS + 2 * INPUT_SECONDS_MAX
    try:
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=limit)  # fmt: skip
        said, status = done.stdout.decode(errors="replace"), done.returncode
    except subprocess.TimeoutExpired as error:
        said, status = (error.stdout or b"").decode(errors="replace"), 1
        said += f"\n{name} did not end within {limit} s"
    kept = [keep(path, CORPUS / name) for path in sorted(found.glob("*"))]
    row = read_row(name, said, time.monotonic() - began, kept, status)
    if row.is_bad:
        print("\n".join([f"── {name}", *said.splitlines()[-_TAIL_LINES:]]))
        print("\n".join(f"kept: {path}" for path in kept))
    print(f"{name}: {row.executions} executions, {len(kept)} crashes", flush=True)
    return row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="for all targets together")
    parser.add_argument("--engine", choices=("atheris", "hypothesis"))
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(TARGETS)}; default: all")
    options = parser.parse_args()
    unknown = set(options.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no target {', '.join(sorted(unknown))}")
    names = options.targets or list(TARGETS)
    engine = options.engine or ("atheris" if has_atheris() else "hypothesis")
    each = max(1, options.seconds // len(names))
    print(f"{len(names)} targets, {each} s each, by {engine}", flush=True)
    if not has_atheris():
        print("atheris is not installed here: inputs are changed at random, nobody counts what "
              "they reach", flush=True)  # fmt: skip
    rows = [work(name, each, engine) for name in names]
    print(as_table(rows))
    return int(any(row.is_bad for row in rows))


if __name__ == "__main__":
    sys.exit(main())
