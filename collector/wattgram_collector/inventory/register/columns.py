"""PURE. The columns of the asset register: what each means, and where in an asset it goes."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, NamedTuple

from wattgram.readings import Quality
from wattgram_collector.inventory.activities.activity import Column
from wattgram_collector.inventory.activities.cells import (
    choice,
    day,
    flag,
    number,
    positive,
    ratio,
    text,
)
from wattgram_collector.inventory.register.assets import (
    AssetRole,
    Condition,
    MeteringPoint,
    Party,
    SiteKind,
    Supply,
)

SEPARATOR: Final = ";"
"""Between several hosts in one cell."""


def names(cell: str) -> tuple[str, ...]:
    found = tuple(one.strip() for one in cell.split(SEPARATOR))
    if not all(found):
        raise ValueError(f"must be names with {SEPARATOR} between them")
    return tuple(map(text, found))


class RegisterField(NamedTuple):
    """A column, and where in an asset it is: its own, its build's or its making's."""

    column: Column
    part: str = ""
    name: str = ""
    """Of the attribute; empty: as the column."""

    @property
    def is_list(self) -> bool:
        return self.column.parse is names


def count(cell: str) -> int:
    found = number(cell)
    if found.denominator != 1:
        raise ValueError("must be a whole number")
    return int(found)


def country(cell: str) -> str:
    if len(cell) != len("DE") or not (cell.isascii() and cell.isupper() and cell.isalpha()):
        raise ValueError("must be an ISO 3166 code of two letters such as DE")
    return cell


def _plain(name: str, meaning: str, parse: Any, *, required: bool = False) -> RegisterField:
    return RegisterField(Column(name, meaning, parse, required))


def _words(kind: type[StrEnum]) -> Any:
    parse = choice(*kind)
    return lambda cell: kind(parse(cell))


FIELDS: Final = (
    _plain("asset_id", "its name; one asset may have several versions", text, required=True),
    _plain("valid_from", "first day of this version; empty: ever since", day),
    _plain("device_class", "server, laptop, iot_gateway … (embodied.md)", text, required=True),
    _plain("role", ", ".join(AssetRole), _words(AssetRole), required=True),
    _plain("site", "site that it stands at", text),
    _plain("site_kind", ", ".join(SiteKind), _words(SiteKind), required=True),
    _plain("country", "ISO 3166 code", country),
    _plain("zone", "grid zone, for what no agent meters", text),
    _plain("owner", ", ".join(Party), _words(Party), required=True),
    _plain("controller", "who runs it: one of the same", _words(Party), required=True),
    _plain("electricity_payer", "who pays: one of the same", _words(Party), required=True),
    _plain("supply", ", ".join(Supply), _words(Supply)),
    _plain("generator", "asset that supplies it", text),
    _plain("units", "how many equal ones", count),
    _plain("org_unit", "part of the organisation", text),
    _plain("service", "service that it works for", text),
    _plain("customer", "whose site it stands at", text),
    _plain("agent_ids", "agents that it is", names),
    _plain("hosts", "hosts that it is, by name or pattern", names),
    _plain("parent", "asset that it is a part of", text),
    RegisterField(Column("included_in_parent", "whether the parent's figure has it inside", flag),
           name="is_included_in_parent"),
    RegisterField(Column("sold_by_org", "whether the organisation sold it", flag),
           name="is_sold_by_org"),
    _plain("sold_on", "when", day),
    RegisterField(Column("leased_out", "whether it is leased to a customer", flag),
           name="is_leased_out"),
    RegisterField(Column("required_by_service", "whether the offering needs it", flag),
           name="is_required_by_service"),
    RegisterField(Column("capitalised", "true: capital goods, false: expensed", flag),
           name="is_capitalised"),
    _plain("acquired_on", "day of acquisition", day),
    _plain("disposed_on", "day of its end", day),
    RegisterField(Column("transport_paid_by_org", "who paid its way", flag),
           name="is_transport_paid_by_org"),
    _plain("disposal_treatment", "how it was treated", text),
    _plain("condition", ", ".join(Condition), _words(Condition)),
    _plain("life_years", "expected in service", positive),
    _plain("duty_ratio", "expected share of its life that it is on", ratio),
    _plain("alpha", "share of it that is the organisation's", ratio),
    _plain("alpha_basis", "why", text),
    _plain("metering_point", "facility (no PUE is added), outlet, component",
           _words(MeteringPoint)),
    _plain("psu_efficiency", "of its power supply, where a component is metered", ratio),
    _plain("note", "anything else", text),
    *(RegisterField(Column(name, meaning, parse), "build") for name, meaning, parse in (
        ("manufacturer", "who made it", text),
        ("model", "product", text),
        ("processors", "sockets", count),
        ("memory_gigabytes", "memory", number),
        ("hdds", "hard disks", count),
        ("ssds", "solid-state disks", count),
        ("gpus", "graphics or accelerator cards", count),
        ("mass_kilograms", "mass", positive),
    )),
    *(RegisterField(Column(f"embodied_{name}", meaning, parse), "embodied", attribute)
      for name, meaning, parse, attribute in (
        ("kilograms", "making of one unit without its use", number, "total_kilograms"),
        ("manufacturing_share", "of that, cradle to gate", ratio, "manufacturing_share"),
        ("transport_share", "of that, transport", ratio, "transport_share"),
        ("end_of_life_share", "of that, end of life", ratio, "end_of_life_share"),
        ("source", "who says it", text, "source"),
        ("tier", "measured, declared, modelled or default", _words(Quality), "tier"),
        ("low_kilograms", "low end of its 95 % interval", number, "low_kilograms"),
        ("high_kilograms", "high end", number, "high_kilograms"),
    )),
)  # fmt: skip
BY_COLUMN: Final = {one.column.name: one for one in FIELDS}
