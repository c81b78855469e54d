"""Build the agent's table of thermal design powers from a list of names and watts.

The list is CodeCarbon's `codecarbon/data/hardware/cpu_power.csv` (MIT), which holds what vendors
specify. Taken are the families that may still be in use; a name to which the list gives two
figures gets the lower, which is that of the plain part.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections import defaultdict
from pathlib import Path
from typing import Final

from wattgram_agent.tdp import TABLE, key_of

KEPT: Final = re.compile(
    r"xeon (?:e[357]-\d|(?:bronze|silver|gold|platinum) \d|[dew]\d?-\d|w[3579]-\d|6\d{3}\w)"
    r"|core i[3579]-[1-9]\d{2}|core i[3579]-1\d\w\d|core (?:ultra )?[3579] \d|core m|n\d{2,3}$"
    r"|epyc |ryzen |athlon (?:gold|silver|\d{3,4}ge?|pro)|opteron [346x]"
    r"|(?:pentium|celeron) (?:gold |silver )?[gjnd]?\d{4}|atom (?:c|x\d|e39|z8)"
    r"|xeon [elwx]\d{4}|core 2 |fx-\d|a\d+-\d|phenom "
)
WATTS_MAX: Final = 1_000
HEADER: Final = (
    "# Thermal design power in watts, and the CPUs that have it: vendors' specifications, by way"
    " of CodeCarbon's list (MIT). Made by agent/scripts/build_tdp.py.\n"
)


def table_of(path: Path) -> str:
    """Return the table, one line for each power, in order."""
    watts: dict[str, float] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            key, value = key_of(row["Name"]), _watts(row["TDP"])
            if KEPT.match(key) and 0 < value <= WATTS_MAX:
                watts[key] = min(value, watts.get(key, value))
    names = defaultdict(list)
    for key, value in sorted(watts.items()):
        names[value].append(key)
    return HEADER + "".join(
        f"{value:g}|{'|'.join(keys)}|\n" for value, keys in sorted(names.items())
    )


def _watts(text: str) -> float:
    """Return the figure, 0 for what is none (two figures run together)."""
    try:
        return float(text)
    except ValueError:
        return 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("list", type=Path, help="a CSV with the columns Name and TDP")
    table = table_of(parser.parse_args().list)
    TABLE.write_text(table, encoding="utf-8")
    print(f"{TABLE}: {len(table)} bytes")


if __name__ == "__main__":
    main()
