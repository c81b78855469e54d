"""PURE. What an error of NVIDIA's management library means, and what may help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from wattgram.readings import State


class Verdict(NamedTuple):
    """What an error means: for a gap, for the state of the source, and what may help."""

    reason: str
    state: State
    remedy: Literal["wait", "other_call", "restart"]
    fix: str = ""
    detail: str = ""


NOT_NOW: Final = Verdict("unreadable", State.ERROR, "wait")
_RESTART: Final = Verdict("unreadable", State.ERROR, "restart")
_LOST: Final = Verdict("gpu_lost", State.ERROR, "restart")
_DENIED: Final = Verdict("permission_denied", State.PERMISSION_DENIED, "wait")
_UNSUPPORTED: Final = Verdict("unreadable", State.ABSENT, "other_call")

# By NVML_ERROR_...; any other is "not now".
VERDICTS: Final[Mapping[int, Verdict]] = {
    1: _RESTART,  # UNINITIALIZED
    2: _RESTART,  # INVALID_ARGUMENT, as a void handle is
    3: _UNSUPPORTED,  # NOT_SUPPORTED
    4: _DENIED._replace(fix="sudo chmod a+rw /dev/nvidiactl /dev/nvidia[0-9]*"),  # NO_PERMISSION
    6: _LOST._replace(state=State.ABSENT),  # NOT_FOUND
    9: _RESTART._replace(state=State.ABSENT, fix="sudo modprobe nvidia"),  # DRIVER_NOT_LOADED
    12: _RESTART._replace(state=State.ABSENT),  # LIBRARY_NOT_FOUND
    13: _UNSUPPORTED,  # FUNCTION_NOT_FOUND
    15: _LOST,  # GPU_IS_LOST
    16: _LOST._replace(fix="sudo nvidia-smi --gpu-reset"),  # RESET_REQUIRED
    17: _DENIED,  # OPERATING_SYSTEM: the device cgroup of a container or a unit
    18: _RESTART._replace(reason="driver_mismatch", fix="sudo reboot"),  # LIB_RM_VERSION_MISMATCH
    26: _UNSUPPORTED,  # DEPRECATED
    28: _LOST._replace(state=State.ABSENT),  # GPU_NOT_FOUND
    29: _RESTART,  # INVALID_STATE
}


def verdict_on(code: int) -> Verdict:
    """Return what an error of the library means, whatever its number."""
    return VERDICTS.get(code, NOT_NOW)


def why_none(failures: Sequence[Verdict]) -> Verdict:
    """Return the failure that says best why no GPU answers."""
    for failure in failures:
        if failure.remedy != "other_call":
            return failure
    detail = f"no GPU tells its power (a Jetson?): {failures[0].detail}" if failures else "no GPU"
    return _UNSUPPORTED._replace(detail=detail)
