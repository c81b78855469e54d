"""PURE. What meters in the supply say, as energy or as power.

The energy counter is taken where its steps are far below 1 Wh, else the power. A value that is
missing, negative, no number or said to be invalid is an error, never a zero.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from wattgram.readings import QUANTITY_MAX
from wattgram.units import (
    MICROJOULES_PER_JOULE,
    MICROWATTS_PER_WATT,
    SECONDS_PER_HOUR,
)

WATTS_MAX: Final = 100_000

_SECONDS_PER_MINUTE: Final = 60
_MICROJOULES_PER_WATT_HOUR: Final = SECONDS_PER_HOUR * MICROJOULES_PER_JOULE
_MICROJOULES_PER_WATT_MINUTE: Final = _SECONDS_PER_MINUTE * MICROJOULES_PER_JOULE

_METER_ERROR: Final = re.compile("power_meter|apower|aenergy")


class Energy(NamedTuple):
    """A counter in microjoules, and where it starts again from zero if that is known."""

    microjoules: int
    wraps_at: int | None = None


class Power(NamedTuple):
    """A power at this instant."""

    microwatts: int


class PayloadError(Exception):
    """A payload has no value. `reason` is a gap's reason; the text repeats no content."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def parse_payload(payload: bytes) -> Energy | Power:
    """Return the value in what a meter answered; raises PayloadError."""
    try:
        content = json.loads(payload.decode())
    except (ValueError, RecursionError) as error:
        raise PayloadError("unreadable", f"no JSON: {type(error).__name__}") from error
    if not isinstance(content, dict):
        raise PayloadError("unreadable", "the JSON is no object")
    if content.keys() & {"power_watts", "energy_joules_total"}:
        return _ours(content)
    if content.keys() & {"apower", "aenergy"}:
        return _shelly_rpc(content)
    if content.keys() & {"meters", "emeters"}:
        return _shelly_status(content)
    if "is_valid" in content:
        return _shelly_meter(content)
    if "StatusSNS" in content:
        return _tasmota(content)
    if "WARNING" in content:
        raise PayloadError("permission_denied", "the Tasmota wants user and password")
    raise PayloadError("unreadable", "the JSON is of no known meter")


def _ours(content: Mapping[str, Any]) -> Energy | Power:
    """{"power_watts": 41.2} or {"energy_joules_total": 123456.7, "wraps_at_joules": 262143}."""
    if "energy_joules_total" not in content:
        return _power(content, "power_watts")
    energy = _energy(content, "energy_joules_total", MICROJOULES_PER_JOULE)
    if "wraps_at_joules" not in content:
        return energy
    wraps_at = _energy(content, "wraps_at_joules", MICROJOULES_PER_JOULE).microjoules
    if not wraps_at or energy.microjoules > wraps_at:
        raise PayloadError("implausible", "energy_joules_total is beyond wraps_at_joules")
    return Energy(energy.microjoules, wraps_at)


def _shelly_rpc(content: Mapping[str, Any]) -> Energy | Power:
    """Switch.GetStatus and PM1.GetStatus of the second generation and later: steps of 1 mWh."""
    errors = content.get("errors")
    if isinstance(errors, list) and any(
        isinstance(error, str) and _METER_ERROR.search(error) for error in errors
    ):
        raise PayloadError("unreadable", "the Shelly says that its meter has failed")
    counter = content.get("aenergy")
    if isinstance(counter, dict) and "total" in counter:
        return _energy(counter, "total", _MICROJOULES_PER_WATT_HOUR)
    return _power(content, "apower")


def _shelly_status(content: Mapping[str, Any]) -> Energy | Power:
    """/status of the first generation."""
    meters = content.get("meters") or content.get("emeters")
    if not isinstance(meters, list) or len(meters) != 1 or not isinstance(meters[0], dict):
        raise PayloadError(
            "unreadable", "the Shelly has not one meter: ask one, as /meter/0 or /emeter/0"
        )
    return _shelly_meter(meters[0])


def _shelly_meter(content: Mapping[str, Any]) -> Energy | Power:
    """/meter/N of the first generation: whole watt-minutes. /emeter/N: tenths of watt-hours.

    A relay without a meter answers a power that somebody has configured, and no total.
    """
    if content.get("is_valid") is not True:
        raise PayloadError("unreadable", "the Shelly says that its value is not valid")
    if "total" not in content:
        raise PayloadError("unreadable", "the Shelly has no total: it is a relay without a meter")
    if "total_returned" in content:
        return _power(content, "power")
    return _energy(content, "total", _MICROJOULES_PER_WATT_MINUTE)


def _tasmota(content: Mapping[str, Any]) -> Power:
    """Status 8: the total has steps of 1 Wh, so the power."""
    status = content["StatusSNS"]
    energy = status.get("ENERGY") if isinstance(status, dict) else None
    if not isinstance(energy, dict):
        raise PayloadError("unreadable", "this Tasmota has no ENERGY: it has no meter")
    return _power(energy, "Power")


def _power(content: Mapping[str, Any], key: str) -> Power:
    most = WATTS_MAX * MICROWATTS_PER_WATT
    return Power(_scaled(content, key, MICROWATTS_PER_WATT, most))


def _energy(content: Mapping[str, Any], key: str, microjoules_per_unit: int) -> Energy:
    return Energy(_scaled(content, key, microjoules_per_unit, QUANTITY_MAX))


def _scaled(content: Mapping[str, Any], key: str, per_unit: int, most: int) -> int:
    """Return a number of the content in millionths, 0 to `most`, rounded to the nearest."""
    value = content.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PayloadError("unreadable", f"{key} is no number: {type(value).__name__}")
    # NaN is neither; what is checked first is never too large to be multiplied.
    if not 0 <= value <= most or (scaled := round(value * per_unit)) > most:
        raise PayloadError("implausible", f"{key} is negative, not finite or too large")
    return scaled
