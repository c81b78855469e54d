"""The files of a run into their folder: all of them, or as it was before."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from wattgram.units import SECONDS_PER_DAY
from wattgram_collector import __version__
from wattgram_collector.inventory.html.beside import Beside, Month, months_of
from wattgram_collector.inventory.html.markdown import markdown_report
from wattgram_collector.inventory.html.page import html_report
from wattgram_collector.inventory.metering.metered import Metering
from wattgram_collector.inventory.report import ledger_file
from wattgram_collector.inventory.report import seen as seen_files
from wattgram_collector.inventory.report import tables as files
from wattgram_collector.inventory.report.files import (
    ALL,
    MANIFEST,
    documents,
    manifest_of,
    tables,
)
from wattgram_collector.inventory.report.partners import Footprints
from wattgram_collector.inventory.result import Inventory, SiteHour

_MANIFEST_BYTES_MAX: Final = 1 << 20
_PARTIAL: Final = ".partial-"
_OLD: Final = ".old-"
_LEFT_SECONDS: Final = SECONDS_PER_DAY
_SAME: Final = ("organisation", "org_unit", "period_from", "period_to")
"""Of a manifest: what another report of the same folder must say as well."""


class FolderError(ValueError):
    """A folder that is not to be written over; the text says why, and what to do."""


class Written(NamedTuple):
    """What was written."""

    folder: Path
    names: tuple[str, ...]
    ledger_head: str


def require_replaceable(folder: Path, inventory: Inventory, *, is_forced: bool) -> None:
    """Raise FolderError for a folder that is no report, or one that this is no newer one of.

    That is one of a longer journal, of somebody else whose folder has the same name, of other
    days, or of a period that was closed where this run is a draft.
    """
    if not folder.exists():
        return
    names = {one.name for one in folder.iterdir()} if folder.is_dir() else {str(folder)}
    strange = sorted(names - ALL)
    if strange:
        raise FolderError(f"{folder}: {strange[0]} is of no report: give another --out")
    if is_forced or not names:
        return
    try:
        said = json.loads((folder / MANIFEST).read_bytes()[:_MANIFEST_BYTES_MAX])
        reason = _not_older(said, manifest_of(inventory, "", "", ""))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FolderError(f"{folder}: its {MANIFEST} cannot be read: --force writes over it"
                          ) from error  # fmt: skip
    if reason:
        raise FolderError(f"{folder}: {reason}: --force writes over it")


def _not_older(said: Any, mine: Mapping[str, Any]) -> str:
    """Return why a report is no older one of the same; empty where it is."""
    for key in _SAME:
        if said[key] != mine[key]:
            return f"is of {key} {said[key]!r}, and this run of {mine[key]!r}"
    if said["closed"] is not None and mine["closed"] is None:
        return f"is of a period that was closed (days of {said['timezone']}), and this is a draft"
    entries = int(said["journal_entries"])
    if entries > mine["journal_entries"]:
        return (f"was made of {entries} journal entries, this ledger has "
                f"{mine['journal_entries']}")  # fmt: skip
    return ""


def write_files(
    folder: Path,
    inventory: Inventory,
    metering: Metering,
    formats: Collection[str],
    footprints: Footprints,
    config_sha256: str,
) -> Written:
    """Write everything beside `folder`, and put it in its place when it is whole.

    Where that is a link, what it leads to is replaced. Raises OSError, and ValueError where a
    document would not be what its schema allows.
    """
    place = folder.resolve()
    place.parent.mkdir(parents=True, exist_ok=True)
    _clear(place)
    partial = place.with_name(f".{place.name}{_PARTIAL}{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        desk = _Desk(partial, {})
        head = desk.fill(inventory, metering, formats, footprints)
        said = manifest_of(inventory, __version__, config_sha256, head)
        desk.write(MANIFEST, files.manifest(desk.checksums, said))
        del desk.checksums[MANIFEST]
        _put(partial, place)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return Written(folder, tuple(sorted(desk.checksums)), head)


def _clear(place: Path) -> None:
    """Remove what runs that were killed have left beside a folder, once nobody can be at it."""
    for mark in (_PARTIAL, _OLD):
        for left in place.parent.glob(f".{glob.escape(place.name)}{mark}*"):
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > _LEFT_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)


def _put(partial: Path, folder: Path) -> None:
    """Move a folder to its place; what was there is gone when the new one is there."""
    if not folder.exists():
        os.rename(partial, folder)
        return
    old = folder.with_name(f".{folder.name}{_OLD}{os.getpid()}")
    shutil.rmtree(old, ignore_errors=True)
    os.rename(folder, old)
    try:
        os.rename(partial, folder)
    except OSError:
        with suppress(OSError):
            os.rename(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


class _Desk(NamedTuple):
    folder: Path
    checksums: dict[str, str]

    def fill(
        self,
        inventory: Inventory,
        metering: Metering,
        formats: Collection[str],
        footprints: Footprints,
    ) -> str:
        """Write the files of some formats; return the hash of the ledger's last row."""
        text, head = ledger_file.write(inventory.rows)
        months = None
        if "csv" in formats:
            self.write("ledger.csv", text)
            for name, table in tables(inventory):
                self.write(name, table)
            months = self._energy(metering, inventory.period.timezone)
        del text
        if "json" in formats:
            for name, text in documents(inventory, footprints):
                self.write(name, text)
        if "html" in formats:
            if months is None:
                months = months_of(metering.site_hours(), inventory.period.timezone)
            beside = _beside(head, months)
            self.write("report.html", html_report(inventory, beside))
            self.write("report.md", markdown_report(inventory, beside))
        return head

    def _energy(self, metering: Metering, timezone: str) -> list[Month]:
        """Write `energy.csv` hour by hour, and return what its months come to."""
        with self._open("energy.csv") as add:
            add(seen_files.ENERGY_HEADER)

            def hours() -> Iterator[SiteHour]:
                for one in metering.site_hours():
                    add(seen_files.energy_line(one))
                    yield one

            return months_of(hours(), timezone)

    def write(self, name: str, text: str) -> None:
        """Write a file and remember its checksum; raises OSError."""
        with self._open(name) as add:
            add(text)

    @contextmanager
    def _open(self, name: str) -> Iterator[Callable[[str], None]]:
        checksum = hashlib.sha256()
        with (self.folder / name).open("wb") as file:

            def add(text: str) -> None:
                content = text.encode()
                checksum.update(content)
                file.write(content)

            yield add
            file.flush()
            os.fsync(file.fileno())
        self.checksums[name] = checksum.hexdigest()


def _beside(head: str, months: list[Month]) -> Beside:
    """Return what the page shows beside the figures."""
    return Beside(tool_version=__version__, ledger_head=head, months=months)
