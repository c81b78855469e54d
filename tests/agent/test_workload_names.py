"""What runtimes call their containers and pods, from files that they keep."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.readings import require_label
from wattgram.workloads import Workload, WorkloadKind
from wattgram_agent.workloads import names
from wattgram_agent.workloads.names import Names

ID = "1a2b3c4d5e6f" + "0" * 52
OTHER_ID = "f" * 64
UID = "a1b2c3d4-0000-1111-2222-333344445555"
RAW = Workload(WorkloadKind.CONTAINER, ID)
POD = Workload(WorkloadKind.POD, UID)
SHORT = Workload(WorkloadKind.CONTAINER, "1a2b3c4d5e6f")
WEB = Workload(WorkloadKind.CONTAINER, "web (1a2b3c4d5e6f)")
FILES = {
    "docker": (f"var/lib/docker/containers/{ID}/config.v2.json", {"Name": "/web", "ID": ID}),
    "podman": (
        "var/lib/containers/storage/overlay-containers/containers.json",
        [{"id": OTHER_ID, "names": ["db"]}, {"id": ID, "names": ["web", "alias"]}],
    ),
    "podman on vfs": (
        "var/lib/containers/storage/vfs-containers/containers.json",
        [{"id": ID, "names": ["web"]}],
    ),
    "containerd": (
        f"run/containerd/io.containerd.runtime.v2.task/k8s.io/{ID}/config.json",
        {"annotations": {"io.kubernetes.cri.container-name": "web"}},
    ),
    "nerdctl": (
        f"run/containerd/io.containerd.runtime.v2.task/default/{ID}/config.json",
        {"annotations": {"nerdctl/name": "web", "io.kubernetes.cri.container-name": "x"}},
    ),
}


def write(root: Path, name: str, content: object) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize("runtime", FILES)
def test_a_container_is_called_what_its_runtime_calls_it(tmp_path: Path, runtime: str) -> None:
    write(tmp_path, *FILES[runtime])

    assert Names(tmp_path).named(RAW) == WEB


def test_a_container_that_nobody_knows_is_the_first_of_its_id(tmp_path: Path) -> None:
    write(tmp_path, FILES["podman"][0], [{"id": OTHER_ID, "names": ["db"]}])

    assert Names(tmp_path).named(RAW) == SHORT


def test_a_pod_is_its_namespace_and_name(tmp_path: Path) -> None:
    (tmp_path / "var/log/pods" / f"shop_web-0_{UID}").mkdir(parents=True)
    (tmp_path / "var/log/pods/odd").mkdir()

    assert Names(tmp_path).named(POD) == Workload(WorkloadKind.POD, "shop/web-0")


def test_a_pod_that_nobody_knows_is_its_uid(tmp_path: Path) -> None:
    assert Names(tmp_path).named(POD) == POD


@pytest.mark.parametrize(
    "raw",
    [
        Workload(WorkloadKind.SYSTEMD, "cron.service"),
        Workload(WorkloadKind.VM, "build"),
        Workload(WorkloadKind.CONTAINER, "an-lxc-container"),
    ],
)
def test_what_its_group_names_keeps_that_name(tmp_path: Path, raw: Workload) -> None:
    assert Names(tmp_path).named(raw) == raw


def test_a_container_that_is_gone_keeps_its_name(tmp_path: Path) -> None:
    file = write(tmp_path, *FILES["docker"])
    known = Names(tmp_path)
    known.named(RAW)
    file.unlink()

    assert known.named(RAW) == WEB


def test_a_file_that_comes_a_little_later_is_found(tmp_path: Path) -> None:
    known = Names(tmp_path)
    assert known.named(RAW) == SHORT
    write(tmp_path, *FILES["docker"])

    assert known.named(RAW) == WEB


def test_after_a_few_tries_nobody_is_asked_any_more(tmp_path: Path) -> None:
    """A name that changed late would break one container into two series."""
    known = Names(tmp_path)
    for _ in range(names._TRIES_MAX):
        known.named(RAW)
    write(tmp_path, *FILES["docker"])

    assert known.named(RAW) == SHORT


def test_a_list_of_containers_is_read_again_only_when_it_changed(tmp_path: Path) -> None:
    file = write(tmp_path, *FILES["podman"])
    known = Names(tmp_path)
    known.named(RAW)
    status = file.stat()
    text = file.read_text()
    file.write_text(text.replace('"db"', '"xx"'))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    other = Workload(WorkloadKind.CONTAINER, OTHER_ID)
    assert known.named(other).name.startswith("db ")
    file.write_text(text.replace('"db"', '"cache"'))

    assert Names(tmp_path).named(other).name.startswith("cache ")


def test_what_is_remembered_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "_KNOWN_MAX", 5)
    known = Names(tmp_path)
    for number in range(20):
        known.named(Workload(WorkloadKind.CONTAINER, f"{number:064x}"))

    assert len(known._known) <= 5
    assert len(known._tries) <= 5


def test_a_fifo_in_place_of_a_file_makes_nobody_wait(tmp_path: Path) -> None:
    path = tmp_path / FILES["docker"][0]
    path.parent.mkdir(parents=True)
    os.mkfifo(path)

    assert Names(tmp_path).named(RAW) == SHORT


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("Name", "id", "names", "annotations", "nerdctl/name")),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(st.sampled_from(sorted(FILES)), json_values | st.text(max_size=20))
def test_no_file_makes_it_fail_and_every_name_is_a_label(runtime: str, content: object) -> None:
    with tempfile.TemporaryDirectory() as directory:
        write(Path(directory), FILES[runtime][0], content)

        require_label("name", Names(Path(directory)).named(RAW).name)
