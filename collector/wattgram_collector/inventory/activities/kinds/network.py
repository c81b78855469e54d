"""PURE. Bytes: what the network, storage and language models use for them.

A gigabyte is 10^9 bytes, and the figures are per gigabyte, not per megabyte. An energy per byte is
an allocation of a network that is built anyway: it says nothing of what fewer bytes would save.
Source: Technology Carbon Standard, network data transfer; figures of constants.csv.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram.readings import Quality
from wattgram.units import BYTES_PER_GIGABYTE, WATT_HOURS_PER_KILOWATT_HOUR
from wattgram_collector.inventory.activities import grid
from wattgram_collector.inventory.activities.activity import (
    Activity,
    Column,
    FactorTable,
    Kind,
)
from wattgram_collector.inventory.activities.cells import choice, number, positive, text
from wattgram_collector.inventory.activities.pricing import (
    ONE,
    Spot,
    constant,
    needed,
    one_of,
    posting,
    refuse,
    require_own_fits,
    said,
    wrong,
)
from wattgram_collector.inventory.factors import Factor
from wattgram_collector.inventory.places import SCOPE_2, GhgPlace, TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Posting, Stage
from wattgram_collector.inventory.register.assets import Party

NOT_CONSEQUENTIAL: Final = "consequential_safe=false"
NEVER_ALONE: Final = "swd4_embodied"


class _Flow(NamedTuple):
    place: GhgPlace
    leaf: TcsLeaf
    rule: str


FLOWS: Final = {
    "customer": _Flow(scope_3(11), TcsLeaf.D_NETWORK_DATA_TRANSFER, "D08"),
    "cdn": _Flow(scope_3(1, "cloud"), TcsLeaf.C_CLOUD_SERVICES, "U17"),
    "supplier_api": _Flow(scope_3(1, "saas"), TcsLeaf.C_SAAS, "D12"),
    "software": _Flow(scope_3(1, "software"), TcsLeaf.U_SOFTWARE, "U02"),
    "content": _Flow(scope_3(1, "content"), TcsLeaf.U_CONTENT_AND_DATA, "U16"),
}
BYTES_COLUMNS: Final = (
    Column("gigabytes", "of 10^9 bytes", number),
    Column("bytes", "instead of gigabytes", number),
    Column("network", "figure: aslan2015, gwf_case, swd4, eu_fixed, eu_mobile, radio_4g …", text),
    Column("kwh_per_gigabyte", "instead of `network`: a figure of your own", number),
    Column("network_source", "who publishes it", text),
)


def gigabytes(activity: Activity) -> Fraction:
    """Return the traffic of a row, given as gigabytes, bytes, or calls of a payload (D05)."""
    columns = [one for one in ("gigabytes", "bytes", "calls") if one in activity.values]
    how = one_of(activity, *columns)
    if how == "gigabytes":
        return needed(activity, "gigabytes", why="")[0]
    if how == "bytes":
        return needed(activity, "bytes", why="")[0] / BYTES_PER_GIGABYTE
    calls, payload = needed(activity, "calls", "payload_bytes", why="beside calls")
    overhead = activity.number("overhead_bytes") or Fraction(0)
    return calls * (payload + overhead) / BYTES_PER_GIGABYTE


def kwh_per_gigabyte(activity: Activity, factors: FactorTable) -> tuple[Fraction, str]:
    """Return the energy of a gigabyte and whose figure it is."""
    if one_of(activity, "network", "kwh_per_gigabyte") == "kwh_per_gigabyte":
        value = needed(activity, "kwh_per_gigabyte", why="")[0]
        source = said(activity, "network_source", "beside kwh_per_gigabyte")
        return value, source
    refuse(activity, "network_source", why="is read beside kwh_per_gigabyte only")
    name = str(activity.values["network"])
    if name == NEVER_ALONE:
        raise wrong("network", name, "is a memo of the network's making, not its energy")
    found = constant(factors, f"network/{name}", "network", name)
    return found.value, f"{name}, {found.source_version}"


def parse_path(cell: str) -> tuple[tuple[str, Fraction], ...]:
    """Return countries with their kilometres, as in `GB:300;US:5000`."""
    found = []
    for part in cell.split(";"):
        country, colon, km = part.strip().partition(":")
        if not colon or len(country) != 2:  # noqa: PLR2004 -- ISO 3166 alpha-2
            raise ValueError("must be countries with kilometres such as GB:300;US:5000")
        found.append((country, positive(km)))
    return tuple(found)


def _path_postings(
    activity: Activity, factors: FactorTable, kwh: Fraction, spot: Spot
) -> Iterator[Posting]:
    """Yield kWh at the grid of the row, or at those of the path by their kilometres (D07)."""
    path: tuple[tuple[str, Fraction], ...] = activity.values.get("path_km") or ()
    if not path:
        factor = grid.generation(activity, factors)
        yield posting(activity, factor, kwh, _noted(activity, factor, spot))
        return
    if activity.own_factor is not None:
        raise wrong("path_km", "", "is not read beside a factor of your own")
    total = sum((km for _, km in path), Fraction(0))
    parts: dict[str, tuple[Factor, Fraction]] = {}
    for country, km in path:
        there = _at(activity, country)
        factor = grid.generation(there, factors)
        before = parts.get(factor.factor_id, (factor, Fraction(0)))[1]
        parts[factor.factor_id] = factor, before + kwh * km / total
    for factor, part in parts.values():
        yield posting(activity, factor, part, _noted(activity, factor, spot))


def _at(activity: Activity, country: str) -> Activity:
    values = {**activity.values, "grid_zone": ""}
    return replace(activity, country=country, values=values)


def _noted(activity: Activity, factor: Factor, spot: Spot) -> Spot:
    notes = [spot.note, grid.of_year(activity, factor)]
    return spot._replace(note="; ".join(one for one in notes if one))


def transfer(
    activity: Activity, factors: FactorTable, traffic: Fraction, flow: _Flow
) -> Iterator[Posting]:
    """Yield GB x kWh/GB x I. There is no PUE: the figures have overheads inside."""
    per_gigabyte, source = kwh_per_gigabyte(activity, factors)
    note = f"{float(per_gigabyte)} kWh/GB ({source}); {NOT_CONSEQUENTIAL}"
    spot = Spot(Stage.NETWORK, flow.place, flow.leaf, flow.rule, note=note, tier=Quality.MODELLED)
    yield from _path_postings(activity, factors, traffic * per_gigabyte, spot)


def customer_flow(activity: Activity) -> _Flow:
    """Return where bytes to customers belong: 3.1 if the organisation pays the network.

    Where customers pay, 3.11 (their use of the service) or 3.9, as `category` says.
    """
    flow = FLOWS["customer"]
    category = activity.values.get("category")
    if activity.paid_by is Party.CUSTOMER:
        return flow._replace(place=scope_3(int(category or 11)))
    if category is not None:
        raise wrong("category", str(category), "is read where paid_by = customer only")
    return flow._replace(place=scope_3(1, "network"))


def _data_transfer(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    require_own_fits(activity, "kWh")
    purpose = str(activity.values["purpose"])
    if purpose == "customer":
        flow = customer_flow(activity)
    else:
        refuse(activity, "category", why="is read where purpose = customer only")
        flow = FLOWS[purpose]
    if activity.number("calls") is None:
        refuse(activity, "payload_bytes", "overhead_bytes", why="is read beside calls only")
    yield from transfer(activity, factors, gigabytes(activity), flow)


DATA_TRANSFER: Final = Kind(
    name="data_transfer",
    meaning="bytes over networks of others; count a flow once, where it is sent",
    columns=(
        Column("purpose", "customer (empty), cdn, supplier_api, software or content",
               choice(*FLOWS), default="customer"),
        *BYTES_COLUMNS,
        Column("calls", "requests, instead of bytes", positive),
        Column("payload_bytes", "of one call", number),
        Column("overhead_bytes", "of one call beside its payload; empty: 0", number),
        Column("path_km", "countries on the way with kilometres: GB:300;US:5000", parse_path),
        Column("category", "9 or 11 (empty), where customers pay their network",
               choice("9", "11")),
        grid.GRID_COLUMNS[0],
    ),
    reckon=_data_transfer,
    places="3.1 or 3.11 (D.network_data_transfer); 3.1 of C or U by purpose",
    formula="GB x kWh/GB x I; GB = calls x (payload + overhead) / 10^9",
    source="Technology Carbon Standard, network data transfer",
    methods={one.rule: name for name, one in FLOWS.items()} | {"D07": "weighted by distance"},
)  # fmt: skip

# ── storage ──────────────────────────────────────────────────────────────────────────────────

_STORED: Final = {
    "own": (SCOPE_2, TcsLeaf.O_SERVERS, "U15"),
    "cloud": (scope_3(1, "cloud"), TcsLeaf.C_CLOUD_SERVICES, "U15"),
    "content": (scope_3(1, "content"), TcsLeaf.U_CONTENT_AND_DATA, "U15"),
}


def _data_storage(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    """TB x hours x Wh/TBh x replicas x PUE / 1000."""
    require_own_fits(activity, "kWh")
    terabyte_hours, replicas = needed(activity, "terabyte_hours", "replicas", why="")
    medium, pue = str(activity.values["medium"]), activity.values["pue"]
    found = constant(factors, f"storage/{medium}", "medium", medium)
    kwh = terabyte_hours * found.value * replicas / WATT_HOURS_PER_KILOWATT_HOUR * pue
    place, leaf, rule = _STORED[activity.values["where"]]
    if place == SCOPE_2:
        yield from grid.scope_2(activity, factors, kwh, leaf, rule, pue, Quality.MODELLED)
        return
    factor = grid.generation(activity, factors)
    note = f"{float(found.value)} Wh/TBh ({found.source_version})"
    yield posting(activity, factor, kwh, _noted(activity, factor, Spot(
        Stage.USE, place, leaf, rule, tier=Quality.MODELLED, note=note, pue=pue)))  # fmt: skip


DATA_STORAGE: Final = Kind(
    name="data_storage",
    meaning="data at rest, of which no agent meters the disks; archives too (U15, U18)",
    columns=(
        Column("terabyte_hours", "terabytes x hours", positive, is_required=True),
        Column("medium", "hdd or ssd", text, is_required=True),
        Column("replicas", "copies; empty: 1", positive, default=ONE),
        Column("where", "own (scope 2), cloud (empty) or content", choice(*_STORED),
               default="cloud"),
        grid.PUE_COLUMN,
        *grid.GRID_COLUMNS,
    ),
    reckon=_data_storage,
    places="2 (O.servers), or 3.1 (C.cloud_services, U.content_and_data), by where",
    formula="TBh x Wh/TBh x replicas x PUE / 1000 x I",
    source="Technology Carbon Standard; Cloud Carbon Footprint",
    methods={"U15": "data at rest"},
)  # fmt: skip
KINDS: Final = (DATA_TRANSFER, DATA_STORAGE)
