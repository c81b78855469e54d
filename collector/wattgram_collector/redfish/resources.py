"""PURE. What a BMC answers to what it measures. Anything it may say is read or is a RedfishError.

An answer is hostile until it was read: only the numbers asked for are taken, in the range that a
chassis can draw; null, text and 0 W are no readings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple, NoReturn

from wattgram.readings import State
from wattgram.units import MICROJOULES_PER_KILOWATT_HOUR, MICROWATTS_PER_WATT

ROOT: Final = "/redfish/v1/"
WATTS_MAX: Final = 1_000_000
KILOWATT_HOURS_MAX: Final = 1_000_000_000
# A step of at most 360 J. The default form of a counter, whole kilowatt-hours, is hours apart;
# more digits than these are the noise of a float, and say nothing of the step.
ENERGY_DECIMALS: Final = range(4, 10)

_PATH: Final = re.compile(r"/(?![/\\])[!-~]{0,500}")
_SAID_LENGTH_MAX: Final = 60
_SWITCHED_OFF: Final = frozenset({"Absent", "Disabled", "UnavailableOffline"})

Resource = Mapping[str, Any]


class RedfishError(Exception):
    """No reading this time: the state of the source, a gap's reason, and for people what it was.

    The text never holds more than a few printable characters of what the BMC said.
    """

    def __init__(
        self, detail: str, reason: str = "unreadable", state: State = State.ERROR
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.state = state


class PowerReading(NamedTuple):
    """A power at an instant, and which value of the BMC it is."""

    origin: str
    microwatts: int


class EnergyReading(NamedTuple):
    """A register of energy, and which value of the BMC it is."""

    origin: str
    microjoules: int


Sample = PowerReading | EnergyReading


def parse(body: bytes, path: str) -> Resource:
    """Return the JSON object in `body`; numbers with a point are Decimal."""
    try:
        found = json.loads(body.decode(), parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise RedfishError(f"{path}: not JSON: {said(str(error))}") from None
    if not isinstance(found, dict):
        raise RedfishError(f"{path}: not a JSON object")
    return found


def link(resource: Resource, name: str) -> str | None:
    """Return the path that `name` of a resource leads to, None when it has no such link."""
    target = resource.get(name)
    return None if target is None else _path_of(target, name)


def members(collection: Resource, path: str) -> list[str]:
    """Return the paths of a collection's members."""
    found = collection.get("Members")
    if not isinstance(found, list):
        raise RedfishError(f"{path}: Members is {said(found)}")
    return [_path_of(target, f"{path}: Members") for target in found]


def chosen(paths: list[str], path: str, identity: str) -> str:
    """Return the one chassis, or that whose id, the last part of its path, is `identity`."""
    known = {one.rstrip("/").rpartition("/")[2]: one for one in paths}
    if identity:
        if identity in known:
            return known[identity]
        raise RedfishError(f"{path}: no chassis {identity!r}, there are {said(', '.join(known))}")
    if len(paths) != 1:
        raise RedfishError(
            f"{path}: {len(paths)} chassis, set `chassis` to one of: {said(', '.join(known))}"
        )
    return paths[0]


def environment_power(resource: Resource, path: str) -> PowerReading:
    """Read EnvironmentMetrics, the power of the whole chassis."""
    return _power(_reading(resource, "PowerWatts"), f"{path}: PowerWatts.Reading")


def environment_energy(resource: Resource, path: str) -> EnergyReading:
    """Read the energy register of EnvironmentMetrics."""
    value = _reading(resource, "EnergykWh")
    at = f"{path}: EnergykWh.Reading"
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise RedfishError(f"{at} is {said(value)}")
    if not 0 <= value < KILOWATT_HOURS_MAX:
        raise RedfishError(f"{at} is out of range", "implausible")
    return EnergyReading(at, round(value * MICROJOULES_PER_KILOWATT_HOUR))


def is_fine(resource: Resource) -> bool:
    """Return whether the energy register moves in steps that are small in a minute."""
    value = _reading(resource, "EnergykWh")
    if not isinstance(value, Decimal):
        return False
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and -exponent in ENERGY_DECIMALS


def control_power(resource: Resource, path: str) -> PowerReading:
    """Read the first member of PowerControl; the others are parts of what it measures."""
    found = resource.get("PowerControl")
    at = f"{path}: PowerControl[0]"
    if not isinstance(found, list) or not found or not isinstance(found[0], dict):
        raise RedfishError(f"{at} is missing")
    if (state := state_of(found[0])) in _SWITCHED_OFF:
        raise RedfishError(f"{at} is {state}")
    return _power(found[0].get("PowerConsumedWatts"), f"{at}.PowerConsumedWatts")


def supply_power(resource: Resource, path: str) -> PowerReading:
    """Read what one power supply takes from the wall. Unlike a chassis it may take nothing."""
    value = _reading(resource, "InputPowerWatts")
    return _power(value, f"{path}: InputPowerWatts.Reading", may_be_zero=True)


def together(supplies: list[PowerReading], path: str) -> PowerReading:
    """Add up the supplies; raises RedfishError when there are none or they deliver nothing."""
    total = sum(supply.microwatts for supply in supplies)
    if not supplies or not total:
        raise RedfishError(f"{path}: {len(supplies)} power supplies take 0 W", "implausible")
    return PowerReading(f"{path}: {len(supplies)} x InputPowerWatts.Reading", total)


def state_of(resource: Resource) -> str:
    """Return Status.State, '' when it is not said."""
    status = resource.get("Status")
    state = status.get("State") if isinstance(status, dict) else None
    return state if isinstance(state, str) else ""


def said(value: Any) -> str:
    """Return a little of what a BMC said, fit for a log line."""
    text = "null" if value is None else value if isinstance(value, str) else str(type(value))
    text = ascii(text[:_SAID_LENGTH_MAX])
    return text[1:-1] if value is None or isinstance(value, str) else f"a {type(value).__name__}"


def _path_of(target: Any, at: str) -> str:
    """Return a link's path. One that could lead to another host is an error."""
    path = target.get("@odata.id") if isinstance(target, dict) else None
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        raise RedfishError(f"{at}: @odata.id is {said(path)}, which is no path on the BMC")
    return path


def _reading(resource: Resource, name: str) -> Any:
    """Return the Reading in an excerpt of a sensor, None when there is none."""
    excerpt = resource.get(name)
    return excerpt.get("Reading") if isinstance(excerpt, dict) else None


def _power(value: Any, at: str, *, may_be_zero: bool = False) -> PowerReading:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise RedfishError(f"{at} is {said(value)}")
    if not 0 <= value <= WATTS_MAX or not (value or may_be_zero):
        # A BMC that answers draws power itself: 0 W is a meter that is not there.
        raise RedfishError(f"{at} is {Decimal(value):.6g}, which no chassis draws", "implausible")
    return PowerReading(at, round(value * MICROWATTS_PER_WATT))


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
