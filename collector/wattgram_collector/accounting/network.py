"""PURE. Models of the energy that moving bytes takes outside the host.

An allocation with an uncertainty of about a factor of two either way (Mytton, Lunden, Malmodin
2024, doi 10.1111/jiec.13512): network energy does not follow traffic in the short run. The host
is metered itself: what a model says of the servers is left out of the default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Final

from wattgram.units import (
    BITS_PER_BYTE,
    BITS_PER_MEGABIT,
    BYTES_PER_GIGABYTE,
    JOULES_PER_KILOWATT_HOUR,
)
from wattgram_collector.accounting.network_settings import NetworkSettings
from wattgram_collector.accounting.terms import Counts, Segment, exact_text, stated

CONSEQUENTIAL_SAFE: Final = False
"""Whether moving fewer bytes would save what is stated; said wherever network energy is shown."""
ALLOCATION_NOTE: Final = (
    f"consequential_safe={str(CONSEQUENTIAL_SAFE).lower()}: an allocation by traffic, good to a "
    "factor of two; moving fewer bytes does not save it"
)
OWN_NETWORK: Final = "own_network"

_SWDM_V4: Final = "Sustainable Web Design Model v4, operational energy of the network segment"
# As ledgers of schema 2 and before were posted.
SWDM_V4_BOTH: Final = Segment(
    name="network_swdm_v4",
    kilowatt_hours_per_gigabyte="0.059",
    counts=Counts.BOTH,
    source=_SWDM_V4,
)
_SWDM_V4_ALL: Final = (
    Segment(
        name="data_centre_swdm_v4",
        kilowatt_hours_per_gigabyte="0.055",
        source="Sustainable Web Design Model v4, operational energy of data centres; servers that "
        "are metered are in it, so it must not be added to them",
    ),
    replace(SWDM_V4_BOTH, counts=Counts.TRANSMIT),
    Segment(
        name="client",
        kilowatt_hours_per_gigabyte="0.080",
        source="Sustainable Web Design Model v4, operational energy of user devices",
    ),
)

_MALMODIN: Final = (
    "Malmodin 2020, power model: {watts} W per {unit} and {per_rate} W per Mbit/s (/ 450 = kWh/GB)"
)
# Segment: watts for each line or subscriber, watts per Mbit/s, what they are per.
_MALMODIN_BY_ACCESS: Final[Mapping[str, tuple[tuple[str, str, str, str], ...]]] = {
    "fixed": (("access_fixed", "1.5", "0.03", "line"),),
    "home": (
        ("access_fixed", "1.5", "0.03", "line"),
        ("client", "16.5", "0.02", "household"),
    ),
    "mobile": (
        ("backbone", "0.2", "0.03", "subscriber"),
        ("access_mobile", "1.0", "1.5", "subscriber"),
    ),
}

DEFAULT: Final = "swdm_v4"
BUILT_IN: Final[Mapping[str, NetworkSettings]] = {
    "swdm_v4": NetworkSettings(),
    "swdm_v4_all": NetworkSettings(model="swdm_v4_all"),
    "malmodin_fixed": NetworkSettings(model="malmodin_power", access="fixed"),
    "malmodin_home": NetworkSettings(model="malmodin_power", access="home"),
    "malmodin_mobile": NetworkSettings(model="malmodin_power", access="mobile"),
    "none": NetworkSettings(model="none"),
}
"""By the names that need no section."""


def segments(settings: NetworkSettings) -> tuple[Segment, ...]:
    """Return the stretches of network that a model has, with what is declared of the traffic."""
    counts = Counts(settings.counts)
    return tuple(
        replace(_beyond(one, settings.own_share), counts=counts) for one in _model(settings)
    )


def kilowatt_hours_per_gigabyte(watts_per_megabit_per_second: Fraction) -> Fraction:
    """Return the energy of a gigabyte at a power in proportion to its rate: W per Mbit/s / 450."""
    bytes_per_second = Fraction(BITS_PER_MEGABIT, BITS_PER_BYTE)
    joules_per_byte = watts_per_megabit_per_second / bytes_per_second
    return joules_per_byte * BYTES_PER_GIGABYTE / JOULES_PER_KILOWATT_HOUR


def _model(settings: NetworkSettings) -> tuple[Segment, ...]:
    match settings.model:
        case "swdm_v4":
            return (SWDM_V4_BOTH,)
        case "swdm_v4_all":
            return _SWDM_V4_ALL
        case "malmodin_power":
            return _malmodin(settings)
        case "custom":
            return _custom(settings)
        case _:
            return ()


def _malmodin(settings: NetworkSettings) -> tuple[Segment, ...]:
    return tuple(
        Segment(
            name=name,
            kilowatt_hours_per_gigabyte=exact_text(kilowatt_hours_per_gigabyte(Fraction(rate))),
            standby_watts=_per_host(Fraction(watts), settings),
            source=_MALMODIN.format(watts=watts, unit=unit, per_rate=rate) + _shared(settings),
        )
        for name, watts, rate, unit in _MALMODIN_BY_ACCESS[settings.access]
    )


def _custom(settings: NetworkSettings) -> tuple[Segment, ...]:
    energies, powers = settings.kilowatt_hours_per_gigabyte, settings.standby_watts
    return tuple(
        Segment(
            name=name,
            kilowatt_hours_per_gigabyte=stated(energies.get(name, 0.0)),
            standby_watts=_per_host(Fraction(repr(powers.get(name, 0.0))), settings),
            source=settings.source + (_shared(settings) if name in powers else ""),
        )
        for name in sorted({*energies, *powers})
    )


def _per_host(watts: Fraction, settings: NetworkSettings) -> str:
    return exact_text(watts / Fraction(repr(settings.hosts_per_line)))


def _shared(settings: NetworkSettings) -> str:
    if settings.hosts_per_line == 1:
        return ""
    return f"; shared by {stated(settings.hosts_per_line)} hosts"


def _beyond(segment: Segment, own_share: float) -> Segment:
    """Take out the traffic that is declared to stay inside; own_network carries all of it."""
    if own_share == 0 or segment.name == OWN_NETWORK:
        return segment
    beyond = 1 - Fraction(repr(own_share))
    return replace(
        segment,
        kilowatt_hours_per_gigabyte=exact_text(
            Fraction(segment.kilowatt_hours_per_gigabyte) * beyond
        ),
        source=f"{segment.source}; x {exact_text(beyond)}, own_share is declared",
    )
