"""`make chaos` in three minutes: everything breaks at random, and the ledger closes."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from chaos.daemon import ENVIRONMENT
from chaos.faults import KINDS, NEEDS_A_DISK

pytestmark = pytest.mark.servers

SEED = 12
SECONDS_MAX = 200


def test_the_ledger_closes_whatever_breaks() -> None:
    command = [sys.executable, "-m", "chaos.run", "--short", "--seed", str(SEED)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT
    ) as chaos:
        try:
            said, _ = chaos.communicate(timeout=SECONDS_MAX)
        finally:
            chaos.terminate()  # then it ends what it has started

    assert chaos.returncode == 0, said
    left_out = () if "full_disks=yes" in said else NEEDS_A_DISK
    counts = re.findall(r"^ *(\d+) x (.+)$", said, re.MULTILINE)
    injected = {kind for count, kind in counts if int(count)}
    assert injected == KINDS.keys() - {fault.kind for fault in left_out}, said
    declared = re.search(r"^sum .* declared lost ([\d.]+) J$", said, re.MULTILINE)
    assert declared is not None
    assert float(declared[1]) > 0, said  # the small spool was too small, and said so
