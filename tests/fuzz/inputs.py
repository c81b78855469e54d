"""How the bytes of an input are cut into what a target needs, and where it may write files."""

from __future__ import annotations

import contextlib
import os
import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from google.protobuf import text_format
from google.protobuf.message import Message

CUT = b"\n%%\n"
IN_WORDS = b"# in words\n"
LINK = "-> "
DEEP = b"[" * 2_000
DIGITS = b"9" * 4_400
"""More of each than Python reads: it has limits of its own, with errors of their own."""
FILES_MAX = 40
PARTS_MAX = 10
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108


def pieces(data: bytes, most: int) -> list[bytes]:
    """Return the parts of an input, at least one; what is beyond `most` is left out."""
    return data.split(CUT)[:most]


def together(*parts: bytes) -> bytes:
    """Return the input that `pieces` cuts into these."""
    return CUT.join(parts)


def as_message(data: bytes, kind: type[Message]) -> bytes:
    """Return a message as it travels, of what may be its text: in that no length must be right."""
    if not data.startswith(IN_WORDS):
        return data
    try:
        return text_format.Parse(data.removeprefix(IN_WORDS), kind()).SerializeToString()
    except (text_format.ParseError, ValueError, RecursionError):
        return data


def in_words(message: bytes, kind: type[Message]) -> bytes:
    """Return the text of which `as_message` makes this message."""
    return IN_WORDS + text_format.MessageToBytes(kind.FromString(message))


def as_text(data: bytes) -> str:
    """Return what a program gets of bytes from its environment or from a directory."""
    return data.decode(errors="surrogateescape")


def empty_directory(name: str) -> Path:
    """Return a directory of this process with nothing in it."""
    directory = _scratch() / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    return directory


def tree(data: bytes, later_in: Path | None = None) -> Path:
    """Write the files of an input: each piece is a path, a line's end, and what it holds.

    What begins with an arrow is a link, to what is in the tree. A path that begins with a plus is
    written later, into the tree that is there. Returns its root.
    """
    root = later_in or empty_directory("tree")
    for piece in pieces(data, FILES_MAX):
        name, _, content = piece.partition(b"\n")
        if name.startswith(b"+") is not (later_in is not None):
            continue
        name = name.removeprefix(b"+")
        parts = [part for part in as_text(name).split("/") if part not in {"", ".", ".."}]
        path = root.joinpath(*parts[:PARTS_MAX])
        target = as_text(content).removeprefix(LINK).strip()
        with contextlib.suppress(OSError, ValueError):
            path.parent.mkdir(parents=True, exist_ok=True)
            if content.startswith(LINK.encode()) and _is_inside(root, path.parent, target):
                path.symlink_to(target)
            else:
                path.write_bytes(content)
    return root


def _is_inside(root: Path, parent: Path, target: str) -> bool:
    reached = os.path.normpath(parent / target)
    return not target.startswith("/") and reached.startswith(f"{root}/")


def scratch_file(name: str, data: bytes = b"") -> Path:
    """Return a file of this process, mode 0600, that holds `data` and nothing else."""
    path = _scratch() / name
    path.write_bytes(data)
    path.chmod(0o600)
    return path


@cache
def _kept() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="wattgram-fuzz-", dir=MEMORY)


def _scratch() -> Path:
    return Path(_kept().name)
