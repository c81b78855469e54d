"""The file in /etc/wattgram: every setting, its help and its default, all of them as comments.

What is commented out follows the program, so a later version may choose better defaults, and the
package manager need not ask about a file that nobody changed.
"""

from __future__ import annotations

import importlib
import re
from typing import Final

from wattgram.settings import dump

KEY: Final = re.compile(r"^([A-Za-z0-9_-]+ = .*)$", re.MULTILINE)
KINDS: Final = {
    "agent": ("wattgram_agent.config", "AgentConfig"),
    "collector": ("wattgram_collector.config", "CollectorConfig"),
}
HEAD: Final = """\
# Configuration of wattgram-{part}. What stands here as a comment is the default: take away the
# first character to change it. Check with: wattgram-{part} check-config --config FILE

"""


def conffile(part: str) -> str:
    """Return the commented configuration of `agent` or `collector`, as TOML."""
    module, name = KINDS[part]
    config = getattr(importlib.import_module(module), name)()
    return HEAD.format(part=part) + KEY.sub(r"#\1", dump(config))
