"""The name under which a spool delivers: one small file beside its segments.

Batches are numbered within a session. The file is the word on which one it is; its checksum tells
a flipped bit from a name.
"""

from __future__ import annotations

import uuid
import zlib
from pathlib import Path
from typing import Final, NamedTuple

from wattgram.readings import LABEL_LENGTH_MAX
from wattgram_agent.sysfs import read_text

FILE_NAME: Final = "session"


class Kept(NamedTuple):
    """What the file says, '' for nothing; older agents wrote no checksum.

    One whose checksum is wrong says nothing: under another name all would be delivered again.
    """

    name: str = ""
    is_certain: bool = False


def new_session() -> str:
    return str(uuid.uuid4())


def read_session(directory: Path) -> Kept:
    """Return the session of the spool in `directory`, as far as it can be read."""
    text = read_text(directory / FILE_NAME) or ""
    name, _, checksum = text.partition("\n")
    if not 0 < len(name) <= LABEL_LENGTH_MAX or not name.isprintable():
        return Kept()
    is_certain = text == as_text(name).strip()
    return Kept(name, is_certain) if is_certain or not checksum else Kept()


def as_text(name: str) -> str:
    """Return what the file of this session holds."""
    return f"{name}\n# {zlib.crc32(name.encode()):08x}\n"


def choose(kept: Kept, said: str, *, is_new: bool, has_strangers: bool) -> tuple[str, bool]:
    """Return the session to go on with, and whether the one of the batches on disk is lost.

    `said` is what the segments say, `is_new` that they hold no batch of it: a session is never
    used again without its batches, their numbers would be taken for repetitions. Where they hold
    batches of another one as well, only the file can say which is the newer.
    """
    if is_new:
        return new_session(), False
    if kept.is_certain:
        return kept.name, False
    name = "" if has_strangers else said or kept.name
    return (name, False) if name else (new_session(), True)
