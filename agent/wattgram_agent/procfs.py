"""psutil reads the procfs that one variable of the process names: one reader at a time.

The sampler reads while another thread looks for sources, and their procfs may differ: the
interfaces of a host that is mounted elsewhere are those of its process 1.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

from wattgram_agent.sysfs import require_regular

_ONE_READER: Final = threading.Lock()


@contextmanager
def psutil_reading(procfs: Path, file: str) -> Iterator[None]:
    """Let psutil read `file` under `procfs`; raises OSError for what would never end."""
    require_regular(procfs / file)
    with _ONE_READER:
        psutil.PROCFS_PATH = str(procfs)
        yield
