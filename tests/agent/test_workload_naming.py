"""Paths of control groups to workloads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.readings import require_label
from wattgram.workloads import Workload, WorkloadKind, workload
from wattgram_agent.workloads.naming import workload_of

ID = "0123456789abcdef" * 4
UID = "a1b2c3d4-0000-1111-2222-333344445555"
FLAT_UID = UID.replace("-", "_")
POD = WorkloadKind.POD
CONTAINER = WorkloadKind.CONTAINER
SYSTEMD = WorkloadKind.SYSTEMD
VM = WorkloadKind.VM


@pytest.mark.parametrize(
    ("path", "kind", "name"),
    [
        # units, slices and sessions
        ("/system.slice/cron.service", SYSTEMD, "cron.service"),
        ("/system.slice/system-getty.slice/getty@tty1.service", SYSTEMD, "getty@tty1.service"),
        ("/system.slice/system-getty.slice", SYSTEMD, "system-getty.slice"),
        ("/system.slice", SYSTEMD, "system.slice"),
        ("/init.scope", SYSTEMD, "init.scope"),
        ("/system.slice/postgresql.service/worker", SYSTEMD, "postgresql.service"),
        ("/system.slice/_cpu.service", SYSTEMD, "cpu.service"),
        ("/user.slice", SYSTEMD, "user.slice"),
        ("/user.slice/user-1000.slice/session-3.scope", SYSTEMD, "user-1000.slice"),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/firefox.service",
            SYSTEMD,
            "user-1000.slice",
        ),
        ("/slurm/uid_1000/job_12/step_0", SYSTEMD, "slurm"),
        # containers
        (f"/system.slice/docker-{ID}.scope", CONTAINER, ID),
        (f"/docker/{ID}", CONTAINER, ID),
        (f"/docker/{ID}/system.slice/nginx.service", CONTAINER, ID),
        ("/docker", SYSTEMD, "docker"),
        (f"/machine.slice/libpod-{ID}.scope/container", CONTAINER, ID),
        (f"/machine.slice/libpod-conmon-{ID}.scope", CONTAINER, ID),
        (
            f"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope",
            CONTAINER,
            ID,
        ),
        (f"/system.slice/cri-containerd-{ID}.scope", CONTAINER, ID),
        (f"/system.slice/crio-{ID}.scope", CONTAINER, ID),
        (f"/default/{ID}", CONTAINER, ID),
        (f"/ecs/0123456789/{ID}", CONTAINER, ID),
        ("/lxc.payload.web-1/init.scope", CONTAINER, "web-1"),
        ("/lxc.monitor.web-1", CONTAINER, "web-1"),
        ("/lxc/104/ns/system.slice", CONTAINER, "104"),
        ("/machine.slice/systemd-nspawn@web-1.service/payload", CONTAINER, "web-1"),
        (r"/machine.slice/machine-web\x2d1.scope", CONTAINER, "web-1"),
        (r"/machine.slice/machine-lxc\x2d7\x2dweb.scope", CONTAINER, "web"),
        # pods
        (
            f"/kubepods.slice/kubepods-burstable.slice/kubepods-pod{FLAT_UID}.slice/{ID}",
            POD,
            UID,
        ),
        (f"/kubepods.slice/kubepods-pod{FLAT_UID}.slice/crio-{ID}.scope", POD, UID),
        (f"/kubepods/burstable/pod{UID}/{ID}", POD, UID),
        (f"/kubepods/pod{UID}", POD, UID),
        (f"/kubepods.slice/kubepods-pod{'0a' * 16}.slice", POD, "0a" * 16),
        (f"/kubelet-kubepods-besteffort-pod{FLAT_UID}.slice:cri-containerd:{ID}", POD, UID),
        ("/kubepods.slice/kubepods-burstable.slice", SYSTEMD, "kubepods-burstable.slice"),
        ("/kubepods/burstable", SYSTEMD, "kubepods"),
        # virtual machines
        (
            r"/machine.slice/machine-qemu\x2d1\x2dbuild\x2dhost.scope/libvirt/vcpu0",
            VM,
            "build-host",
        ),
        ("/machine/qemu-3-db.libvirt-qemu/emulator", VM, "db"),
        ("/qemu.slice/104.scope", VM, "104"),
        ("/firecracker/vm-7", VM, "vm-7"),
        # as seen from inside another namespace
        (f"/../../kubepods-pod{FLAT_UID}.slice/cri-containerd-{ID}.scope", POD, UID),
        (f"/../docker-{ID}.scope", CONTAINER, ID),
    ],
)
def test_a_group_is_the_workload_that_people_know(
    path: str, kind: WorkloadKind, name: str
) -> None:
    assert workload_of(path) == Workload(kind, name)


@pytest.mark.parametrize("path", ["/", "", "/..", "//"])
def test_the_root_is_nobody(path: str) -> None:
    assert workload_of(path) is None


def test_an_id_that_is_too_short_is_no_container() -> None:
    assert workload_of(f"/docker/{ID[:40]}") == Workload(SYSTEMD, "docker")


def test_a_name_is_made_a_label() -> None:
    assert workload(SYSTEMD, "a\n\udc80b") == Workload(SYSTEMD, "a??b")
    assert workload(SYSTEMD, "") == Workload(SYSTEMD, "?")
    assert len(workload(SYSTEMD, "x" * 999).name) == 200


@given(
    st.lists(
        st.text(max_size=30)
        | st.sampled_from(
            ("lxc", "machine-\\xff.scope", "machine-qemu\\x2d1\\x2d.scope", "lxc.payload.\n",
             "user-1000.slice", "qemu.slice", f"docker-{ID}.scope", "_.service", ".slice")
        ),
        max_size=6,
    )
)  # fmt: skip
def test_any_path_gives_a_label_or_nothing(segments: list[str]) -> None:
    found = workload_of("/".join(segments))
    if found is not None:
        require_label("workload", found.name)
