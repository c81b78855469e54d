"""PURE. Two values of a register to the increase between them.

Decides one thing: whether a difference is use, a wrap, or nothing that may be booked. It does
not know what is measured, nor what time it is.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from wattgram.units import MICROWATTS_PER_WATT, NANOSECONDS_PER_SECOND

# No machine that we know of draws so much.
POWER_CEILING_MICROWATTS: Final = 100_000 * MICROWATTS_PER_WATT
# Nor a package: a larger difference of a register that wraps is one that was reset and looks as
# if it had wrapped.
WRAPPING_CEILING_MICROWATTS: Final = 10_000 * MICROWATTS_PER_WATT

# Within so long a register may move at once: the slowest meters are written once a second.
STEP_NANOSECONDS: Final = NANOSECONDS_PER_SECOND

# Up to here one read of a 32-bit energy register cannot hide a second wrap: the smallest range
# in the field is 65 kJ, which takes a 2 kW package 32 s.
UNAMBIGUOUS_NANOSECONDS: Final = 30 * NANOSECONDS_PER_SECOND

# What a package may draw for as long as it takes to wrap; turbo peaks are above it, but short.
SUSTAINED_POWER_MICROWATTS: Final = 1_000 * MICROWATTS_PER_WATT


class Increase(NamedTuple):
    """What was used since the previous value."""

    quantity: int
    wrapped: bool = False


class Lost(NamedTuple):
    """Nothing may be booked; the new value is the next baseline. `reason` is for the gap."""

    reason: str
    detail: str


def energy_increase(
    previous: int, current: int, wraps_at: int | None, elapsed_nanoseconds: int
) -> Increase | Lost:
    """Return what an energy register counted, in microjoules, or why that is not known.

    `wraps_at` is the value at which the register starts again from zero (the zone's own
    `max_energy_range_uj`), None when unknown. Raises ValueError unless time has passed.
    """
    if elapsed_nanoseconds <= 0:
        raise ValueError(f"no time passed between two samples: {elapsed_nanoseconds} ns")
    wrapped = current < previous
    if wrapped and not wraps_at:
        return Lost("counter_reset", f"{previous} fell to {current}, range unknown")
    if wrapped and wraps_at is not None and previous > wraps_at:
        return Lost("counter_reset", f"{previous} is outside the range {wraps_at}")
    if wraps_at and elapsed_nanoseconds > _unambiguous_nanoseconds(wraps_at):
        seconds = elapsed_nanoseconds / NANOSECONDS_PER_SECOND
        return Lost("late_sample", f"the register may have wrapped unseen in {seconds:.0f} s")
    quantity = current - previous + (wraps_at or 0 if wrapped else 0)
    ceiling = WRAPPING_CEILING_MICROWATTS if wraps_at else POWER_CEILING_MICROWATTS
    # Registers move in steps: two reads that follow a stall at once may lie around a large one.
    if quantity * NANOSECONDS_PER_SECOND > ceiling * max(elapsed_nanoseconds, STEP_NANOSECONDS):
        return Lost(
            "counter_reset" if wrapped else "implausible",
            f"{previous} to {current} would be {quantity} uJ in {elapsed_nanoseconds} ns",
        )
    return Increase(quantity, wrapped)


def traffic_increase(previous: int, current: int) -> Increase | Lost:
    """Return the bytes that passed. A counter that fell is another one, or slipped."""
    if current < previous:
        return Lost("counter_reset", f"{previous} fell to {current}")
    return Increase(current - previous)


def _unambiguous_nanoseconds(wraps_at: int) -> int:
    half_range = wraps_at * NANOSECONDS_PER_SECOND // (2 * SUSTAINED_POWER_MICROWATTS)
    return max(half_range, UNAMBIGUOUS_NANOSECONDS)
