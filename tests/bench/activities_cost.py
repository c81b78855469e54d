"""A hundred thousand activities from a file into the ledger, one in a hundred of them broken.

Budget of the issue: every broken row is named, nothing is half booked, at most 30 s.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

ROWS = 100_000
BROKEN_EVERY = 100
SECONDS_MAX = 30.0
_HEADER = (
    "activity_id,kind,from,to,site,country,supplier,paid_by,evidence,kwh,fuel,litres,method,"
    "vehicle,tonnes,km,mode,amount,price_year,material,treatment,kg,grid_zone"
)
_GOOD = (
    "{n},electricity,2025-01-01,2025-01-31,s{s},{c},,,inv-{n},{q},,,,,,,,,,,,,",
    "{n},fuel,2025-02-01,2025-02-28,s{s},,,,inv-{n},,diesel,{q},,,,,,,,,,,",
    "{n},transport,2025-03-03,,,,haulier {s},org,inv-{n},,,,T02,hgv,1.25,{q},,,,,,,",
    "{n},transport,2025-03-04,,,,haulier {s},customer,inv-{n},,,,T03,,,,road,{q},2022,,,,",
    "{n},waste,2025-04-01,2025-06-30,s{s},,,,inv-{n},,,,,,,,,,,mixed_electronics,recycled,{q},",
)
_BROKEN = (
    "{n},electricity,31/12/2025,,s1,GB,,,,10,,,,,,,,,,,,,",
    '{n},fuel,2025-02-01,2025-02-28,s1,,,,,,diesel,"1.000,5",,,,,,,,,,,',
    "{n},transport,2025-03-03,,,,,org,,,,,T02,hovercraft,1.25,10,,,,,,,",
    "{n},fule,2025-03-03,,,,,,,,diesel,10,,,,,,,,,,,",
    "{n},fuel,2025-03-03,,,,,,,,diesel,10",
)
_COUNTRIES = ("GB", "US")


def run(directory: Path, rows: int = ROWS) -> bool:
    """Print seconds and memory; return whether all was as it must be."""
    directory.mkdir(parents=True)
    file = directory / "activities.csv"
    broken = write(file, rows)
    errors = directory / "errors.csv"
    environment = {**os.environ, "WATTGRAM_COLLECTOR__STATE_DIRECTORY": str(directory)}
    good = True
    for words, expected in ((), 0), (("--keep-good",), rows - len(broken)):
        command = [sys.executable, "-m", "wattgram_collector", "activities", "import", str(file),
                   "--json", "--errors", str(errors), *words]  # fmt: skip
        start, used = time.monotonic(), cpu_seconds()
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment
        )
        seconds, used = time.monotonic() - start, cpu_seconds() - used
        said = json.loads(done.stdout)
        named = {one["line"] for one in said["problems"]}
        is_good = (named == broken and said["taken"] == expected and done.returncode == 1
                   and seconds <= SECONDS_MAX)  # fmt: skip
        good &= is_good
        how = " ".join(words) or "--all-or-nothing"
        print(
            f"activities: {rows:,} rows, {len(broken):,} broken, {how}: {seconds:.1f} s "
            f"(budget {SECONDS_MAX:.0f} s; CPU {used:.1f} s), {said['taken']:,} taken, "
            f"{len(named):,} named, {'good' if is_good else 'NOT GOOD'}"
        )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    ledger = (directory / "ledger.sqlite").stat().st_size / 2**20
    print(f"activities: at most {peak:.0f} MiB of memory, ledger {ledger:.0f} MiB, "
          f"file {file.stat().st_size / 2**20:.1f} MiB")  # fmt: skip
    return good


def cpu_seconds() -> float:
    """Return what the commands that ended have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def write(file: Path, rows: int) -> set[int]:
    """Write rows of five kinds; return the lines that are broken."""
    broken = set()
    with file.open("w", encoding="utf-8") as out:
        out.write(f"{_HEADER}\n")
        for number in range(rows):
            is_broken = number % BROKEN_EVERY == BROKEN_EVERY - 1
            forms = _BROKEN if is_broken else _GOOD
            turn = number // BROKEN_EVERY if is_broken else number
            said = {"n": f"row-{number}", "s": number % 40, "q": f"{number % 977 + 1}.25",
                    "c": _COUNTRIES[number % len(_COUNTRIES)]}  # fmt: skip
            out.write(forms[turn % len(forms)].format(**said) + "\n")
            if is_broken:
                broken.add(number + 2)
    return broken
