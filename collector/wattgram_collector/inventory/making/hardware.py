"""What making hardware emits, as shipped: by class of device, by product, by part, by mass.

Every parse is PURE and total: a wrong row is a ValueError that names the file and the line.
device_classes.csv and product_models.csv derive from Boavizta's database and stay under its
licence (data/NOTICE-ODbL.txt); docs/embodied.md says what each figure is good for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib import resources
from typing import Final, NamedTuple

from wattgram_collector.intensities.tables import named, number, optional, parse, ratio
from wattgram_collector.intensities.tables import require_order as _require_order

CLASSES: Final = "device_classes.csv"
MODELS: Final = "product_models.csv"
COMPONENTS: Final = "components.csv"
SOURCES: Final = "embodied_sources.json"

_SPLIT: Final = ("transport_share", "end_of_life_share")
_ORIGIN: Final = ("source", "source_version")
COLUMNS: Final = {
    CLASSES: ("device_class", "embodied_kilograms", "low_kilograms", "high_kilograms", *_SPLIT,
              "life_years", "material", *_ORIGIN, "note"),
    MODELS: ("manufacturer", "model", "device_class", "embodied_kilograms", *_SPLIT,
             "report_date", "document", *_ORIGIN),
    COMPONENTS: ("component", "kilograms", "unit", *_ORIGIN),
}  # fmt: skip
PARTS: Final = frozenset(
    {
        "server_base", "processor", "memory", "hdd", "ssd", "gpu", "it_material",
        "small_material", "large_material", "lithium_battery_material",
    }
)  # fmt: skip
DEFAULT_MATERIAL: Final = "it_material"
_KILOGRAMS_MAX: Final = "1000000"
_YEARS_MAX: Final = "100"


class Split(NamedTuple):
    """How the making is shared between cradle to gate, transport and end of life: sums to 1."""

    manufacturing: Fraction
    transport: Fraction
    end_of_life: Fraction


class Origin(NamedTuple):
    source: str
    """Title of the data set."""
    version: str
    licence: str
    sha256: str
    """Of the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceClass:
    """What one of a class emits when nothing nearer is known, without its use."""

    name: str
    kilograms: Fraction
    low_kilograms: Fraction | None
    high_kilograms: Fraction | None
    split: Split | None
    """None: no product says it."""
    life_years: Fraction
    material: str
    """The figure is an assumed mass times this part; empty: it is not."""
    origin: Origin
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What a manufacturer says of a product in its usual build, without its use."""

    manufacturer: str
    model: str
    device_class: str
    kilograms: Fraction
    split: Split | None
    report_date: str
    document: str
    origin: Origin


class Part(NamedTuple):
    """Kilograms of CO2e for each of a part, gigabyte or kilogram."""

    name: str
    kilograms: Fraction
    unit: str
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """The three tables."""

    classes: Mapping[str, DeviceClass]
    products: tuple[Product, ...]
    parts: Mapping[str, Part]


def parse_hardware(texts: Mapping[str, str], sources: str) -> Hardware:
    """PURE. Read the tables by their file names; raises ValueError naming file and line."""
    known = _sources(sources)
    sums = {file: hashlib.sha256(text.encode()).hexdigest() for file, text in texts.items()}

    def origin(file: str, row: Mapping[str, str]) -> Origin:
        entry = known.get(row["source"])
        if entry is None:
            raise ValueError(f"source {row['source']!r} is not in {SOURCES}")
        source = f"{entry['publisher']}: {entry['title']}"
        return Origin(source, named(row, "source_version"), entry["licence"], sums[file])

    def device_class(row: Mapping[str, str]) -> DeviceClass:
        low, kilograms, high = _range(row)
        if row["material"] and row["material"] not in PARTS:
            raise ValueError(f"material {row['material']!r} is no component")
        return DeviceClass(
            name=named(row, "device_class"),
            kilograms=kilograms,
            low_kilograms=low,
            high_kilograms=high,
            split=_split(row),
            life_years=number("life_years", row["life_years"], "0.1", _YEARS_MAX),
            material=row["material"],
            origin=origin(CLASSES, row),
            note=row["note"],
        )

    def product(row: Mapping[str, str]) -> Product:
        if row["device_class"] not in classes:
            raise ValueError(f"device_class {row['device_class']!r} is not in {CLASSES}")
        return Product(
            manufacturer=named(row, "manufacturer"),
            model=named(row, "model"),
            device_class=row["device_class"],
            kilograms=_kilograms(row),
            split=_split(row),
            report_date=row["report_date"],
            document=row["document"],
            origin=origin(MODELS, row),
        )

    def part(row: Mapping[str, str]) -> Part:
        if row["component"] not in PARTS:
            raise ValueError(f"component {row['component']!r} is none of {sorted(PARTS)}")
        value = ratio("kilograms", row["kilograms"], "0", _KILOGRAMS_MAX)
        return Part(row["component"], value, named(row, "unit"), origin(COMPONENTS, row))

    parts = {
        one.name: one
        for one in parse(COMPONENTS, texts[COMPONENTS], COLUMNS[COMPONENTS], part,
                         lambda one: one.name)
    }  # fmt: skip
    if missing := PARTS - parts.keys():
        raise ValueError(f"{COMPONENTS}: no row of {', '.join(sorted(missing))}")
    classes = {
        one.name: one
        for one in parse(CLASSES, texts[CLASSES], COLUMNS[CLASSES], device_class,
                         lambda one: one.name)
    }  # fmt: skip
    products = parse(MODELS, texts[MODELS], COLUMNS[MODELS], product,
                     lambda one: (one.manufacturer, one.model))  # fmt: skip
    return Hardware(classes=classes, products=tuple(products), parts=parts)


@cache
def shipped() -> Hardware:
    """Return the tables that come with the collector."""
    folder = resources.files("wattgram_collector.inventory") / "data"
    texts = {file: (folder / file).read_text(encoding="utf-8") for file in COLUMNS}
    return parse_hardware(texts, (folder / SOURCES).read_text(encoding="utf-8"))


def _sources(text: str) -> dict[str, Mapping[str, str]]:
    found = json.loads(text)
    for name, entry in found.items():
        for field in ("title", "publisher", "licence", "attribution", "url"):
            if not entry.get(field):
                raise ValueError(f"{SOURCES}: {name} does not say its {field}")
    return dict(found)


def _kilograms(row: Mapping[str, str]) -> Fraction:
    return number("embodied_kilograms", row["embodied_kilograms"], "0.001", _KILOGRAMS_MAX)


def _range(row: Mapping[str, str]) -> tuple[Fraction | None, Fraction, Fraction | None]:
    low, high = (optional(name, row[name], "0", _KILOGRAMS_MAX)
                 for name in ("low_kilograms", "high_kilograms"))  # fmt: skip
    if (low is None) != (high is None):
        raise ValueError("low_kilograms and high_kilograms go together")
    kilograms = _kilograms(row)
    _require_order(low, kilograms, high)
    return low, kilograms, high


def _split(row: Mapping[str, str]) -> Split | None:
    transport, end = (optional(name, row[name], "0", "1") for name in _SPLIT)
    if transport is None and end is None:
        return None
    if transport is None or end is None or transport + end > 1:
        raise ValueError(f"{' and '.join(_SPLIT)} go together and sum to at most 1")
    return Split(1 - transport - end, transport, end)
