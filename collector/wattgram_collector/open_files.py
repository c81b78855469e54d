"""As many open files as there may be connections: the usual 1,024 are no thousand agents."""

from __future__ import annotations

import logging
import resource
from typing import Final

LOG: Final = logging.getLogger("wattgram.collector")
OTHER_FILES: Final = 200
"""The ledger, BMCs, certificates, the libraries' own."""


def allow_open_files(connections: int) -> None:
    """Raise this process's soft limit as far as its hard one goes; say if that is too little."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + OTHER_FILES
    wanted = wanted_limit(soft, hard, needed)
    if wanted != soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted != resource.RLIM_INFINITY and wanted < needed:
        LOG.warning("open_files_limited limit=%d needed=%d: fewer can connect than the limits say",
                    wanted, needed)  # fmt: skip


def wanted_limit(soft: int, hard: int, needed: int) -> int:
    """PURE. Return the soft limit to set: never a lower one."""
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return soft
    return needed if hard == resource.RLIM_INFINITY else min(needed, hard)
