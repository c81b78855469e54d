"""Whether anything but its batteries feeds the host now."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from wattgram_agent.sysfs import KeptFile, UnreadableError, read_text


class Mains(NamedTuple):
    """The supplies that can feed the host in place of a battery, as they are now.

    `listed`: there is at least one. `online`: the name of one that feeds, or empty. `doubt`: why
    that is not known, None if it is.
    """

    listed: bool
    online: str
    doubt: UnreadableError | None


class Supplies:
    """Everything but batteries under power_supply: adapters come and go with their plugs."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._names: tuple[str, ...] = ()
        self._online: dict[str, KeptFile] = {}

    def look(self) -> Mains:
        """Read who is online; a supply that was plugged in since is seen."""
        try:
            names = tuple(sorted(os.listdir(self._root)))
        except OSError as error:
            failure = UnreadableError("unreadable", f"{self._root}: {error.strerror}")
            return Mains(listed=False, online="", doubt=failure)
        if names != self._names:
            self._list(names)
        doubt = None
        for name, file in self._online.items():
            try:
                if file.read() > 0:
                    return Mains(listed=True, online=name, doubt=None)
            except UnreadableError as error:
                doubt = error
        return Mains(listed=bool(self._online), online="", doubt=doubt)

    def close(self) -> None:
        for file in self._online.values():
            file.close()
        self._online = {}
        self._names = ()

    def _list(self, names: tuple[str, ...]) -> None:
        self.close()
        self._names = names
        self._online = {
            name: KeptFile(self._root / name / "online")
            for name in names
            if _feeds_the_host(self._root / name)
        }


def is_peripheral(directory: Path) -> bool:
    """Say whether a supply is that of a mouse or a phone: the host's own has no such scope."""
    return read_text(directory / "scope") not in {None, "", "System"}


def _feeds_the_host(directory: Path) -> bool:
    """Say whether it can; what does not tell its type may be mains power, and is asked."""
    if read_text(directory / "type") in {"Battery", "UPS"} or is_peripheral(directory):
        return False
    return os.path.exists(directory / "online")
