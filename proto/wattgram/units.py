"""The only file where a power of ten is written.

Inside Wattgram energy is an integer of microjoules, power an integer of microwatts, traffic an
integer of bytes and time an integer of nanoseconds: sums are exact and order does not matter.
Base units (joules, watts, grams) appear at the edge, in what a person or Prometheus reads.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

MICROJOULES_PER_JOULE: Final = 1_000_000
MICROJOULES_PER_MILLIJOULE: Final = 1_000
MICROWATTS_PER_WATT: Final = 1_000_000
MICROWATTS_PER_MILLIWATT: Final = 1_000
PICOWATTS_PER_MICROWATT: Final = 1_000_000
JOULES_PER_WATT_HOUR: Final = 3_600
JOULES_PER_KILOWATT_HOUR: Final = 3_600_000
MICROJOULES_PER_KILOWATT_HOUR: Final = JOULES_PER_KILOWATT_HOUR * MICROJOULES_PER_JOULE
PICOWATT_HOURS_PER_KILOWATT_HOUR: Final = 1_000_000_000_000_000
BYTES_PER_KILOBYTE: Final = 1_000
BYTES_PER_GIGABYTE: Final = 1_000_000_000
BYTES_PER_KIBIBYTE: Final = 1 << 10
BYTES_PER_MEBIBYTE: Final = 1 << 20
BYTES_PER_GIBIBYTE: Final = 1 << 30
BITS_PER_BYTE: Final = 8
BITS_PER_MEGABIT: Final = 1_000_000
NANOSECONDS_PER_SECOND: Final = 1_000_000_000
NANOSECONDS_PER_MICROSECOND: Final = 1_000
MICROSECONDS_PER_SECOND: Final = 1_000_000
MILLISECONDS_PER_SECOND: Final = 1_000
SECONDS_PER_MINUTE: Final = 60
SECONDS_PER_HOUR: Final = 3_600
SECONDS_PER_DAY: Final = 86_400
SECONDS_PER_YEAR: Final = 365 * SECONDS_PER_DAY
"""Over which the making of an asset is spread: as in the SCI specification's examples."""
HOURS_PER_YEAR: Final = SECONDS_PER_YEAR // SECONDS_PER_HOUR
WATTS_PER_KILOWATT: Final = 1_000
GRAMS_PER_POUND: Final = Fraction("453.59237")
GRAMS_PER_KILOGRAM: Final = 1_000
GRAMS_PER_TONNE: Final = 1_000_000
KILOGRAMS_PER_TONNE: Final = 1_000
KILOGRAMS_PER_SHORT_TON: Final = Fraction("907.18474")
KILOMETRES_PER_MILE: Final = Fraction("1.609344")
LITRES_PER_US_GALLON: Final = Fraction("3.785411784")
KILOWATT_HOURS_PER_MEGAWATT_HOUR: Final = 1_000
KILOWATT_HOURS_PER_MILLION_BTU: Final = Fraction("293.0710701722222")
WATT_HOURS_PER_KILOWATT_HOUR: Final = 1_000

ACCOUNTING_SLOT_SECONDS: Final = 300
ACCOUNTING_SLOT_NANOSECONDS: Final = ACCOUNTING_SLOT_SECONDS * NANOSECONDS_PER_SECOND


def energy_microjoules(power_microwatts: int, duration_nanoseconds: int) -> int:
    """Return the energy of a constant power, rounded to the nearest microjoule (half up)."""
    twice = 2 * power_microwatts * duration_nanoseconds + NANOSECONDS_PER_SECOND
    return twice // (2 * NANOSECONDS_PER_SECOND)


def mean_power_microwatts(energy_microjoules: int, duration_nanoseconds: int) -> int:
    """Return energy over time, rounded down; `duration_nanoseconds` must be positive."""
    return energy_microjoules * NANOSECONDS_PER_SECOND // duration_nanoseconds
