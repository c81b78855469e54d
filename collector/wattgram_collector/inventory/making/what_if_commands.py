"""`wattgram-collector what-if`: memos on hardware, from figures or from a register file."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from wattgram.units import GRAMS_PER_KILOGRAM, SECONDS_PER_YEAR
from wattgram_collector.accounting.terms import exact_text
from wattgram_collector.config import CollectorConfig
from wattgram_collector.inventory.activities.cells import number, positive
from wattgram_collector.inventory.making.embodied import total_grams
from wattgram_collector.inventory.making.hardware import Hardware, shipped
from wattgram_collector.inventory.making.lives import holding, lifelong
from wattgram_collector.inventory.making.resolving import Resolver
from wattgram_collector.inventory.making.what_if import (
    Line,
    Owned,
    Use,
    extend_life,
    ratio_method,
    refurbish,
    replace_host,
    retire_early,
)
from wattgram_collector.inventory.periods import day_of, midnight_unix_seconds
from wattgram_collector.inventory.register.assets import Asset, Condition, Register
from wattgram_collector.inventory.register.commands import read_register
from wattgram_collector.inventory.register.file import RegisterError

DONE: Final = 0
BAD_USAGE: Final = 2
_TIMEZONE: Final = "UTC"
_DIGITS: Final = 3
_MEMO: Final = "a memo: in no total of an inventory"


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add `what-if` to the subparsers `commands`."""
    text = "Say what another decision about hardware would come to; a memo, in no total."
    group = commands.add_parser("what-if", help=text, description=text)
    actions = group.add_subparsers(required=True, metavar="QUESTION")

    def action(name: str, work: Any, about: str) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = actions.add_parser(
            name, parents=[common], help=about, description=about
        )
        added.set_defaults(command=_command(work))
        added.add_argument("--json", action="store_true", help="as JSON")
        return added

    longer = action("extend-life", _extend, "What if it is kept for longer?")
    _add_thing(longer)
    longer.add_argument("--to-years", type=_positive, required=True, help="the longer life")
    _add_number(longer, "--age-years", "how old it is now; default: 0, or the asset's")
    _add_number(longer, "--repair-kilograms", "what keeping it takes", default=Fraction(0))
    _add_use(longer)
    retired = action("retire-early", _retire, "What if it is given up before its time?")
    _add_thing(retired)
    _add_number(retired, "--age-years", "how old it is then; default: 0, or the asset's")
    retired.add_argument("--units", type=_count, default=1, help="how many; default: 1")
    bought = action("refurbish", _refurbish, "What if it is bought used?")
    _add_thing(bought)
    swapped = action("replace", _replace, "When has a new host saved what its making emitted?")
    _add_thing(swapped)
    for name, about in (("--old-watts", "what the old one draws, all year"),
                        ("--new-watts", "what the new one draws"),
                        ("--grams-per-kilowatt-hour", "of the grid")):  # fmt: skip
        swapped.add_argument(name, type=_number, required=True, help=about)
    shared = action("ratio", _ratio, "What was the making, if it has its usual share of all?")
    for name, about in (("--use-kilograms", "what its use emits"),
                        ("--use-percent", "usual share of the use"),
                        ("--making-percent", "usual share of the making")):  # fmt: skip
        shared.add_argument(name, type=_number, required=True, help=about)


def _add_thing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kilograms", type=_number, help="its making, without use")
    parser.add_argument("--device-class", metavar="CLASS", help="instead: that of its class")
    parser.add_argument("--register", type=Path, metavar="FILE", help="instead: that of --asset")
    parser.add_argument("--asset", metavar="ID", help="an asset of --register")
    parser.add_argument("--years", type=_positive, help="its life; default: that of the class")


def _add_use(parser: argparse.ArgumentParser) -> None:
    for name, about in (("--kilowatt-hours-per-year", "what it uses; default: 0"),
                        ("--grams-per-kilowatt-hour", "of the grid; default: 0")):  # fmt: skip
        _add_number(parser, name, about, default=Fraction(0))


def _add_number(
    parser: argparse.ArgumentParser, name: str, about: str, default: Fraction | None = None
) -> None:
    parser.add_argument(name, type=_number, default=default, help=about)


def _command(work: Any) -> Callable[[CollectorConfig, Any], int]:
    def run(_: CollectorConfig, options: argparse.Namespace) -> int:
        try:
            lines = work(options)
        except RegisterError as error:
            sys.stderr.writelines(f"wattgram-collector: {one}\n" for one in error.problems)
            return BAD_USAGE
        except ValueError as error:
            sys.stderr.write(f"wattgram-collector: {error}\n")
            return BAD_USAGE
        sys.stdout.writelines(f"{one}\n" for one in _written(lines, is_json=options.json))
        return DONE

    return run


def _written(lines: list[Line], *, is_json: bool) -> list[str]:
    if is_json:
        said = {one.name: None if one.value is None else _text(one.value) for one in lines}
        return [json.dumps({"memo": _MEMO, **said}, indent=2)]
    rows = [
        f"{one.name:<36} {'never' if one.value is None else _text(one.value):>14}  {one.formula}"
        for one in lines
    ]
    return [*rows, _MEMO]


def _extend(options: argparse.Namespace) -> list[Line]:
    use = Use(options.kilowatt_hours_per_year, options.grams_per_kilowatt_hour)
    return extend_life(_owned(options), options.to_years, use, options.repair_kilograms)


def _retire(options: argparse.Namespace) -> list[Line]:
    return retire_early(_owned(options), options.units)


def _refurbish(options: argparse.Namespace) -> list[Line]:
    owned = _owned(options, is_new=True)
    return refurbish(owned.kilograms, owned.life_years)


def _replace(options: argparse.Namespace) -> list[Line]:
    owned = _owned(options)
    return replace_host(owned.kilograms, options.old_watts, options.new_watts,
                        options.grams_per_kilowatt_hour, owned.life_years)  # fmt: skip


def _ratio(options: argparse.Namespace) -> list[Line]:
    return ratio_method(options.use_kilograms, options.use_percent, options.making_percent)


def _owned(options: argparse.Namespace, *, is_new: bool = False) -> Owned:
    """Return one unit of what is asked about; raises ValueError where it is not said in one way.

    `is_new`: as if it had been bought new.
    """
    ways = (options.kilograms, options.device_class, options.register)
    if sum(one is not None for one in ways) != 1:
        raise ValueError("say one of --kilograms, --device-class or --register with --asset")
    tables = shipped()
    said_age = getattr(options, "age_years", None)
    if options.register is not None:
        return _of_register(options, tables, said_age, is_new=is_new)
    if options.kilograms is not None:
        if options.years is None:
            raise ValueError("--kilograms needs --years")
        return Owned(options.kilograms, options.years, said_age or Fraction(0))
    found = tables.classes.get(options.device_class)
    if found is None:
        known = ", ".join(tables.classes)
        raise ValueError(f"no class {options.device_class!r}; there are {known}")
    return Owned(found.kilograms, options.years or found.life_years, said_age or Fraction(0))


def _of_register(
    options: argparse.Namespace, tables: Hardware, said_age: Fraction | None, *, is_new: bool
) -> Owned:
    now = int(time.time())
    register = Register(read_register(options.register))
    if options.asset is None or options.asset not in register:
        raise ValueError(f"{options.register}: no asset {options.asset!r}; say it with --asset")
    versions = lifelong(register.versions(options.asset))
    asset = holding(versions, day_of(now, _TIMEZONE)) or versions[0]
    if is_new:
        asset = replace(asset, condition=Condition.NEW)
    resolved = Resolver(tables).of(asset)
    if resolved is None:
        raise ValueError(f"asset {asset.asset_id}: nothing tells what making it emitted")
    figure = resolved.figure
    kilograms = total_grams(replace(asset, units=1), figure) / GRAMS_PER_KILOGRAM
    return Owned(kilograms, options.years or figure.life_years,
                 _age_years(asset, now) if said_age is None else said_age)  # fmt: skip


def _age_years(asset: Asset, now_unix_seconds: int) -> Fraction:
    if asset.acquired_on is None:
        return Fraction(0)
    since = midnight_unix_seconds(asset.acquired_on, _TIMEZONE)
    return Fraction(max(now_unix_seconds - since, 0), SECONDS_PER_YEAR)


def _text(value: Fraction) -> str:
    return exact_text(Fraction(round(value, _DIGITS)))


def _number(text: str) -> Fraction:
    try:
        return number(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _positive(text: str) -> Fraction:
    try:
        return positive(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _count(text: str) -> int:
    found = _positive(text)
    if found.denominator != 1:
        raise argparse.ArgumentTypeError("must be a whole number")
    return int(found)
