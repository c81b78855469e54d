"""PURE. The rails of the Jetson boards: which together are the host, and what lies inside which.

From NVIDIA's developer guides and device trees. Names are whole names: `VDD_GPU` is not a part
of `VDD_GPU_SOC`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from wattgram.readings import Component

# Only a Thor is known to have its input under so plain a name; it is known by the other.
THOR_INPUT: Final = "VIN"
THOR_RAIL: Final = "VDD_CPU_SOC_MSS"
_THOR: Final = frozenset({"VDD_GPU", THOR_RAIL, "VIN_SYS_5V0"})
_ORIN_AGX: Final = frozenset({"VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"})
_XAVIER_AGX: Final = frozenset({"GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"})
INPUTS: Final = (THOR_INPUT, "VDD_IN", "POM_5V_IN", "5V_IN")
# The rails that together are the host, the ones that hold most first.
_HOSTS: Final = (*(frozenset({name}) for name in INPUTS), _ORIN_AGX, _THOR, _XAVIER_AGX)

# Which rail another one is drawn from, where that is documented.
_FED_BY: Final = {"VDDQ_VDD2_1V8AO": "VIN_SYS_5V0"}
# Rails of the module, which lie inside its input; those of a carrier board may lie beside it.
_MODULE: Final = frozenset(
    {"VDD_CPU_GPU_CV", "VDD_CPU_GPU", "VDD_CPU", "VDD_GPU", "VDD_SOC", "VDD_SYS_GPU",
     "VDD_SYS_CPU", "VDD_SYS_SOC", "VDD_SYS_DDR", "VDD_4V0_WIFI", "POM_5V_GPU", "POM_5V_CPU",
     "VDDQ_VDD2_1V8AO", *_ORIN_AGX, *_THOR}
)  # fmt: skip
COMPONENTS: Final = {
    **dict.fromkeys(("CPU", "VDD_CPU", "VDD_SYS_CPU", "POM_5V_CPU"), Component.CPU),
    **dict.fromkeys(("GPU", "VDD_GPU", "VDD_SYS_GPU", "POM_5V_GPU"), Component.GPU),
    **dict.fromkeys(("VDDRQ", "VDD_SYS_DDR", "VDDQ_VDD2_1V8AO"), Component.DRAM),
}


def host_rails(labels: Collection[str]) -> frozenset[str]:
    """Return those of these rails that together are the host, empty where some are missing."""
    known = set(labels) if THOR_RAIL in labels else set(labels) - {THOR_INPUT}
    return next((host for host in _HOSTS if host <= known), frozenset())


def refusal_of(label: str, host: frozenset[str]) -> str:
    """Return why a rail is not counted beside those that are the host."""
    if label in host:
        return "a second rail of this name"
    if not host:
        return "not all the rails are there that together are the host"
    if _FED_BY.get(label) in host:
        return f"inside {_FED_BY[label]}"
    whole = ", ".join(sorted(host))
    is_inside = len(host) == 1 and label in _MODULE
    return f"inside {whole}" if is_inside else f"not known whether it is inside {whole}"
