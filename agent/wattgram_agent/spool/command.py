"""`wattgram-agent spool`: what waits, was refused, was lost. Reads beside a running agent."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import stat
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from wattgram.units import (
    BYTES_PER_MEBIBYTE,
    MICROJOULES_PER_JOULE,
    NANOSECONDS_PER_SECOND,
    SECONDS_PER_DAY,
    SECONDS_PER_HOUR,
)
from wattgram_agent.config import AgentConfig
from wattgram_agent.spool.letters import DIRECTORY_NAME, Letter, purge_letters, read_letters
from wattgram_agent.spool.losses import Loss, Losses
from wattgram_agent.spool.queue import Spool
from wattgram_agent.spool.recovered import Recovered
from wattgram_agent.spool.recovery import recover
from wattgram_agent.spool.segments import read_all, read_at
from wattgram_agent.spool.sessions import read_session

LETTERS_SHOWN_MAX: Final = 20
SPOOL_NAME: Final = "spool"


def show(config: AgentConfig, *, as_json: bool) -> None:
    """Print the spool of the state directory; changes nothing. Raises OSError."""
    found = describe(config, time.time())
    if as_json:
        print(json.dumps(found))
        return
    for line in _lines(found):
        print(line)


def purge(config: AgentConfig, *, everything: bool) -> None:
    """Remove dead letters and, with `everything`, all that waits. Raises OSError.

    What waits can only be removed while no agent runs; the next one tells the collector how much
    it was. Dead letters are told already.
    """
    directory = config.state_directory / SPOOL_NAME
    batches = 0
    if everything and directory.is_dir():
        spool = Spool(directory, max_bytes=config.spool.max_bytes)
        try:
            batches = spool.purge()
        finally:
            spool.close()
            _hand_over(directory)
    letters = purge_letters(directory / DIRECTORY_NAME)
    print(f"removed {letters} dead letters" + (f", {batches} batches" if everything else ""))


def describe(config: AgentConfig, now_unix_seconds: float) -> dict[str, Any]:
    """Return what is on disk, as JSON has it.

    The newest batch says up to where all was delivered when it was written: so one that was
    delivered since is still among those that wait.
    """
    directory = config.state_directory / SPOOL_NAME
    _require_readable(directory)
    kept = read_session(directory)
    data = ((number, data) for number, _, data in read_all(directory))
    certain = kept.name if kept.is_certain else ""
    found = recover(data, functools.partial(read_at, directory), certain, kept.name)
    letters = read_letters(directory / DIRECTORY_NAME)
    dead = [length for _, length, _ in read_all(directory / DIRECTORY_NAME)]
    settings = config.spool
    return {
        "directory": str(directory),
        "session": kept.name or found.session,
        "bytes": sum(length for _, length, _ in read_all(directory)),
        "max_bytes": settings.max_bytes,
        "max_age_seconds": settings.max_age_seconds,
        "sync": settings.sync,
        "corrupt_records": found.corrupt_records,
        "waiting": _waiting(found, now_unix_seconds),
        "lost": [_loss(loss) for loss in _losses(found.losses)],
        "dead_letters": {
            "batches": len(letters),
            "bytes": sum(dead),
            "max_bytes": settings.dead_max_bytes,
            "max_age_seconds": settings.dead_max_age_seconds,
            "newest": [_letter(letter) for letter in letters[-LETTERS_SHOWN_MAX:]],
        },
    }


def _require_readable(directory: Path) -> None:
    """Raise OSError where a segment is another user's: it would be shown as rotten."""
    for path in directory.glob("**/*.segment"):
        with contextlib.suppress(FileNotFoundError):
            path.open("rb").close()


def _hand_over(directory: Path) -> None:
    """Give what root has written to the user whose spool it is, who could not read it."""
    owner, mine = directory.stat(), os.geteuid()
    for path in directory.iterdir():
        found = path.lstat()
        is_file = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
        if is_file and found.st_uid == mine != owner.st_uid:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _waiting(found: Recovered, now_unix_seconds: float) -> dict[str, Any]:
    entries = found.entries
    seconds = sum(entry.duration_nanoseconds for entry in entries) / NANOSECONDS_PER_SECOND
    ends = [entry.end_unix_nanoseconds / NANOSECONDS_PER_SECOND for entry in entries]
    return {
        "batches": len(entries),
        "bytes": sum(entry.length for entry in entries),
        "seconds": seconds,
        "first_sequence": entries[0].sequence if entries else None,
        "last_sequence": entries[-1].sequence if entries else None,
        "oldest_age_seconds": max(0.0, now_unix_seconds - ends[0]) if ends else None,
        "newest_age_seconds": max(0.0, now_unix_seconds - ends[-1]) if ends else None,
    }


def _losses(losses: Losses) -> list[Loss]:
    """Return what is not yet known to have been heard, added up by reason."""
    known = Losses(dict(losses.owed), dict(losses.told))
    known.owe_again(list(known.told))
    return list(known.owed.values())


def _loss(loss: Loss) -> dict[str, Any]:
    return {
        "reason": loss.reason,
        "batches": loss.batches,
        "seconds": loss.duration_nanoseconds / NANOSECONDS_PER_SECOND,
        "batches_of_unknown_length": loss.unknown,
    }


def _letter(letter: Letter) -> dict[str, Any]:
    length = letter.end_unix_nanoseconds - letter.start_unix_nanoseconds
    return {
        "session": letter.session,
        "sequence": letter.sequence,
        "reason": letter.reason,
        "set_aside_unix_seconds": letter.set_aside_unix_seconds,
        "start_unix_nanoseconds": letter.start_unix_nanoseconds,
        "seconds": length / NANOSECONDS_PER_SECOND,
        "energy_joules": letter.energy_microjoules / MICROJOULES_PER_JOULE,
        "bytes": len(letter.batch),
    }


def _lines(found: dict[str, Any]) -> list[str]:
    waiting, dead = found["waiting"], found["dead_letters"]
    used, room = _mebibytes(found["bytes"]), _mebibytes(found["max_bytes"])
    size, span = _mebibytes(waiting["bytes"]), _span(waiting["seconds"])
    lines = [
        f"{found['directory']}: {used} of {room}, sync {found['sync']}",
        f"waiting: {waiting['batches']} batches, {size}, {span} of measurements",
    ]
    if waiting["batches"]:
        lines.append(
            f"  from {_span(waiting['oldest_age_seconds'])} to "
            f"{_span(waiting['newest_age_seconds'])} ago (kept for "
            f"{_span(found['max_age_seconds'])})"
        )
    for loss in found["lost"]:
        unknown = loss["batches_of_unknown_length"]
        lines.append(
            f"lost, to be told: {loss['batches']} batches, {_span(loss['seconds'])}, "
            f"{loss['reason']}" + (f", {unknown} of unknown length" if unknown else "")
        )
    if found["corrupt_records"]:
        lines.append(f"corrupt records: {found['corrupt_records']}")
    lines.append(
        f"dead letters: {dead['batches']}, {_mebibytes(dead['bytes'])} of "
        f"{_mebibytes(dead['max_bytes'])}, kept for {_span(dead['max_age_seconds'])}"
    )
    lines += [
        f"  {_when(letter['set_aside_unix_seconds'])}  batch {letter['sequence']}  "
        f"{letter['reason']}  {letter['energy_joules']:.3f} J over {_span(letter['seconds'])}"
        for letter in dead["newest"]
    ]
    return lines


def _mebibytes(count: int) -> str:
    return f"{count / BYTES_PER_MEBIBYTE:.1f} MiB"


def _span(seconds: float) -> str:
    if seconds >= 2 * SECONDS_PER_DAY:
        return f"{seconds / SECONDS_PER_DAY:.1f} days"
    if seconds >= 2 * SECONDS_PER_HOUR:
        return f"{seconds / SECONDS_PER_HOUR:.1f} h"
    return f"{seconds:.0f} s"


def _when(unix_seconds: int) -> str:
    try:
        return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, OSError, ValueError):
        return str(unix_seconds)
