"""Run another program and take what it prints: within a time, within a size, never in a shell.

The program has no input, an environment of two variables and a session of its own, so that all
that it starts ends with it. What cannot be killed (a program that hangs in the kernel) is left
alone, and not started a second time before it is gone.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess  # psutil has imported it anyway
import time
from collections.abc import Sequence
from typing import Final

OUTPUT_BYTES_MAX: Final = 1 << 16
_CHUNK_BYTES: Final = 1 << 12
_REAP_SECONDS: Final = 0.5
_DETAIL_LENGTH_MAX: Final = 200

# By name, the program that did not even die.
_stuck: dict[str, subprocess.Popen[bytes]] = {}


class CommandError(Exception):
    """A program gave no result. `reason` is a gap's reason, `detail` is for people."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def find_program(name: str) -> str | None:
    """Return where in PATH a program is; an entry that is no absolute path is passed over."""
    for directory in os.get_exec_path():
        path = os.path.join(directory, name)
        if os.path.isabs(path) and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def run(arguments: Sequence[str], timeout_seconds: float) -> str:
    """Return what a program printed before it ended well; raises CommandError.

    `arguments` begin with the path of the program.
    """
    deadline = time.monotonic() + timeout_seconds
    name = os.path.basename(arguments[0])
    process = _start(name, arguments)
    try:
        printed, complaint = _read(process, deadline)
        status = process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        detail = f"{name} did not end within {timeout_seconds:.3g} s"
        raise CommandError("timeout", detail) from error
    except OverflowError as error:
        detail = f"{name} prints more than {OUTPUT_BYTES_MAX} bytes"
        raise CommandError("unreadable", detail) from error
    finally:
        _end(name, process)
    if status:
        raise _failure(name, status, complaint.strip() or printed)
    return printed.decode(errors="replace")


def _start(name: str, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    last = _stuck.get(name)
    if last is not None and last.poll() is None:
        raise CommandError("timeout", f"{name} hangs since an earlier call and cannot be killed")
    _stuck.pop(name, None)
    try:
        return subprocess.Popen(  # noqa: S603 - a program that find_program named, no shell
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath)},
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        reason = "permission_denied" if isinstance(error, PermissionError) else "unreadable"
        raise CommandError(reason, f"{name}: {error.strerror}") from error


def _read(process: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, bytes]:
    """Return what was printed, and what was complained, up to the end of both.

    Raises subprocess.TimeoutExpired and OverflowError.
    """
    texts: list[bytearray] = []
    with selectors.DefaultSelector() as selector:
        for pipe in (process.stdout, process.stderr):
            texts.append(bytearray())
            if pipe is not None:
                selector.register(pipe, selectors.EVENT_READ, texts[-1])
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired(process.args, 0)
            for key, _ in selector.select(left):
                chunk = os.read(key.fd, _CHUNK_BYTES)
                key.data.extend(chunk)
                if not chunk:
                    selector.unregister(key.fileobj)
                if len(key.data) > OUTPUT_BYTES_MAX:
                    raise OverflowError
    return bytes(texts[0]), bytes(texts[1])


def _end(name: str, process: subprocess.Popen[bytes]) -> None:
    """Close the pipes, and kill what has not been waited for, with all that it started."""
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    if process.returncode is not None:
        return
    with contextlib.suppress(OSError):
        # Not SIGTERM: it can be ignored. The number is not reused before the process is reaped.
        os.killpg(process.pid, signal.SIGKILL)
    try:
        process.wait(_REAP_SECONDS)
    except subprocess.TimeoutExpired:
        _stuck[name] = process


def _failure(name: str, status: int, complaint: bytes) -> CommandError:
    lines = [line.strip() for line in complaint.decode(errors="replace").splitlines()]
    said = "; ".join(line for line in lines if line)
    said = "".join(c if c.isprintable() else " " for c in said)[:_DETAIL_LENGTH_MAX]
    is_denied = "permission denied" in said.lower() or "not permitted" in said.lower()
    return CommandError(
        "permission_denied" if is_denied else "unreadable", f"{name} failed ({status}): {said}"
    )
