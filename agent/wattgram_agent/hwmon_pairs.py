"""PURE. Which voltage of an hwmon chip belongs to which current, so that a product is a power.

The numbers of `inN` and `currN` are each driver's own. A product of a wrong pair is a wrong power
that looks right (an output's amperes times the input's volts), so that a chip that is not known
here has no power.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# Which voltage belongs to a current, by chip: `in0` is often the shunt's, not the rail's.
_FIRST: Final = {1: 1}
_SECOND: Final = {1: 2}
_VOLTAGE_OF_CURRENT: Final[Mapping[str, Mapping[int, int]]] = {
    "ina3221": {1: 1, 2: 2, 3: 3},
    **dict.fromkeys(
        ("ina209", "ina219", "ina220", "ina226", "ina228", "ina230", "ina231", "ina233"), _FIRST
    ),
    **dict.fromkeys(("ina237", "ina238", "ina260"), _FIRST),
    **dict.fromkeys(("ltc2945", "ltc4260", "ltc4261", "ltc4282"), _FIRST),
    "ltc2947": {1: 0},
    "ltc2992": {1: 0, 2: 2},
    **dict.fromkeys(("max20730", "max20751"), _SECOND),
    **dict.fromkeys(("adm1075", "adm1272", "adm1273", "adm1275", "adm1276"), _FIRST),
    **dict.fromkeys(("adm1278", "adm1281", "adm1293", "adm1294"), _FIRST),
}
# Where the order says nothing the PMBus core's labels do: `iout1` belongs to `vout1`.
_PMBUS: Final = frozenset(
    {"ir35221", "max34440", "max34451", "mp2975", "pmbus", "tps40422", "tps53679", "tps546d24"}
    | {"ucd9000", "ucd90320", "xdpe12284"}
)


def voltage_index(chip_name: str, current_index: int) -> int | None:
    """Return which `in` belongs to a `curr`, None where the chip alone does not say."""
    return _VOLTAGE_OF_CURRENT.get(chip_name, {}).get(current_index)


def voltage_label(chip_name: str, current_label: str) -> str:
    """Return how the voltage of a current is labelled, empty where labels say nothing."""
    if chip_name in _PMBUS and current_label.startswith("i"):
        return "v" + current_label[1:]
    return ""
