"""What people call a container or a pod, from the files that its runtime keeps.

A container is `name (first twelve digits)`, since its name is another one's once it is gone; a
pod is `namespace/name`, which is its own. Where no file can be read it is the twelve digits, or
the pod's uid. Answers are kept, so that what is gone keeps its name.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from wattgram.workloads import Workload, WorkloadKind, workload
from wattgram_agent.workloads.cpu import read_bytes

_ID: Final = re.compile(r"[0-9a-f]{64}")
_SHORT: Final = 12
_KNOWN_MAX: Final = 5_000
_TRIES_MAX: Final = 3
_FILE_BYTES_MAX: Final = 1 << 20
_DOCKER: Final = "var/lib/docker/containers"
_STORAGES: Final = (
    "var/lib/containers/storage/overlay-containers",
    "var/lib/containers/storage/vfs-containers",
)
_TASKS: Final = "run/containerd/io.containerd.runtime.v2.task"
_ANNOTATIONS: Final = ("nerdctl/name", "io.kubernetes.cri.container-name")
_POD_LOGS: Final = "var/log/pods"


class Names:
    """Names by identifier, looked up under `root`: a few tries each, then it stays an id."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[Workload, Workload] = {}
        self._tries: dict[Workload, int] = {}
        self._stored = [
            _Index(root / storage / "containers.json", _stored_names) for storage in _STORAGES
        ]
        self._pods = _Index(root / _POD_LOGS, _pod_names)

    def named(self, raw: Workload) -> Workload:
        """Return the workload under the name that it goes by."""
        known = self._known.get(raw)
        if known is not None:
            return known
        named = self._look_up(raw)
        tries = self._tries.get(raw, 0) + 1
        if named is not None or tries >= _TRIES_MAX:
            self._tries.pop(raw, None)
            self._known[raw] = named or _by_id(raw)
        else:
            self._tries[raw] = tries
        for kept in (self._known, self._tries):
            while len(kept) > _KNOWN_MAX:
                del kept[next(iter(kept))]
        return named or _by_id(raw)

    def _look_up(self, raw: Workload) -> Workload | None:
        """Return the named workload; None when no file tells, or not yet."""
        if raw.kind is WorkloadKind.POD:
            name = self._pods.get(raw.name)
        elif raw.kind is WorkloadKind.CONTAINER and _ID.fullmatch(raw.name):
            name = self._container(raw.name)
            name = name and f"{name[:100]} ({raw.name[:_SHORT]})"
        else:
            return raw
        return workload(raw.kind, name) if name else None

    def _container(self, identifier: str) -> str:
        docker = _json(self._root / _DOCKER / identifier / "config.v2.json")
        if name := _text(docker, "Name").removeprefix("/"):
            return name
        for stored in self._stored:
            if name := stored.get(identifier):
                return name
        tasks = self._root / _TASKS
        for namespace in _listing(tasks):
            bundle = _json(tasks / namespace / identifier / "config.json")
            annotations = bundle.get("annotations") if isinstance(bundle, dict) else None
            for key in _ANNOTATIONS:
                if name := _text(annotations, key):
                    return name
        return ""


class _Index:
    """Names by identifier from one file or directory, read again only when it changed."""

    def __init__(self, path: Path, read: Callable[[Path], dict[str, str]]) -> None:
        self._path = path
        self._read = read
        self._stamp: tuple[int, int] | None = None
        self._names: dict[str, str] = {}

    def get(self, identifier: str) -> str:
        try:
            status = os.stat(self._path)
        except OSError:
            return ""
        stamp = (status.st_mtime_ns, status.st_size)
        if stamp != self._stamp:
            self._stamp, self._names = stamp, self._read(self._path)
        return self._names.get(identifier, "")


def _by_id(raw: Workload) -> Workload:
    if raw.kind is WorkloadKind.CONTAINER and _ID.fullmatch(raw.name):
        return Workload(raw.kind, raw.name[:_SHORT])
    return raw


def _stored_names(path: Path) -> dict[str, str]:
    """Return names by id from the list that Podman and CRI-O keep of their containers."""
    storage = _json(path)
    found = {}
    for container in storage if isinstance(storage, list) else ():
        names = container.get("names") if isinstance(container, dict) else None
        if isinstance(names, list) and names and isinstance(names[0], str):
            found[_text(container, "id")] = names[0]
    return found


def _pod_names(path: Path) -> dict[str, str]:
    """Return `namespace/name` by uid from directories `namespace_name_uid`."""
    found = {}
    for entry in _listing(path):
        namespace, _, rest = entry.partition("_")
        name, _, uid = rest.rpartition("_")
        if namespace and name:
            found[uid] = f"{namespace}/{name}"
    return found


def _text(table: Any, key: str) -> str:
    value = table.get(key) if isinstance(table, dict) else None
    return value if isinstance(value, str) else ""


def _json(path: Path) -> Any:
    """Return what a file holds, None when it cannot be read, is too long or is no JSON."""
    try:
        return json.loads(read_bytes(path, _FILE_BYTES_MAX))
    except (ValueError, RecursionError):
        return None


def _listing(path: Path) -> Iterator[str]:
    try:
        yield from sorted(os.listdir(path))
    except OSError:
        return
