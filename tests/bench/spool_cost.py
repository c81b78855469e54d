"""What the spool of 12 series writes: `python tests/bench/spool_cost.py DIR DEVICE --sync always`.

DIR is on a file system of its own on DEVICE (such as `loop0`), so that what the file system writes
for itself is counted too. At the real pace, for a file system has timers of its own; as while the
collector is there, every batch is forgotten at once.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from wire_cost import SAMPLES, batch, table

from wattgram.units import NANOSECONDS_PER_SECOND, SECONDS_PER_DAY
from wattgram_agent.meter import Register
from wattgram_agent.source import Point
from wattgram_agent.spool.queue import Spool

SECTOR_BYTES = 512


def written_bytes(device: str) -> int:
    """Return what was written to a device since the boot."""
    return int(Path(f"/sys/block/{device}/stat").read_text().split()[6]) * SECTOR_BYTES


def write(directory: Path, sync: str, batches: int) -> int:
    """Put so many batches into a spool, one every ten seconds; return their bytes."""
    chance = random.Random(1)
    spool = Spool(directory, max_bytes=1 << 26, sync=sync)
    of = table()
    points = [Point(one.source, one.domain, one.instance) for one in of.series]
    length = 0
    for number in range(1, batches + 1):
        at = number * SAMPLES * NANOSECONDS_PER_SECOND
        registers = {point: Register(number, at) for point in points}
        spool.append(batch(number, chance, at), of, registers)
        length += spool.after(number - 1)[0].length
        spool.forget(number)
        time.sleep(SAMPLES)
    spool.close()
    return length


def main() -> None:
    """Print what a day of it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("device")
    parser.add_argument("--sync", default="always")
    parser.add_argument("--minutes", type=int, default=10)
    given = parser.parse_args()
    batches = given.minutes * 60 // SAMPLES
    os.sync()
    before = written_bytes(given.device)
    length = write(given.directory / "spool", given.sync, batches)
    os.sync()
    device = written_bytes(given.device) - before
    per_day = SECONDS_PER_DAY / SAMPLES / batches / 1e6
    print(f"{given.sync}: batches {length * per_day:.1f} MB/day, "
          f"device {device * per_day:.0f} MB/day")  # fmt: skip


if __name__ == "__main__":
    main()
