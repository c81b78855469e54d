"""PURE. Bytes to the energy that moving them takes outside the host.

Sustainable Web Design Model v4, operational energy of the network segment: 0.059 kWh per
gigabyte (10^9 bytes), 2022-2023 figures; its data-centre and device segments are left out,
since the host is metered. An allocation with an uncertainty of about a factor of two either
way (Mytton, Lunden, Malmodin 2024): network energy does not follow traffic in the short run.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from wattgram.units import BYTES_PER_GIGABYTE, MICROJOULES_PER_KILOWATT_HOUR

SEGMENT: Final = "network_swdm_v4"
KILOWATT_HOURS_PER_GIGABYTE: Final = Fraction("0.059")


def network_energy_microjoules(transferred_bytes: int) -> Fraction:
    """Return the modelled energy of the network segment for bytes received and transmitted."""
    return (
        transferred_bytes
        * KILOWATT_HOURS_PER_GIGABYTE
        * MICROJOULES_PER_KILOWATT_HOUR
        / BYTES_PER_GIGABYTE
    )
