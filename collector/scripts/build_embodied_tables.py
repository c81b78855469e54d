"""Build the tables of what making hardware emits; docs/embodied.md says where each figure is from.

What it makes is read back by the collector's own parsers, and every source is in
embodied_sources.json. What derives from Boavizta's database stays under its licence, in files of
its own beside their notice.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Final

from figures import Row, TableError, read_text, render, rows

from wattgram.units import KILOGRAMS_PER_TONNE
from wattgram_collector.inventory.making import hardware
from wattgram_collector.inventory.making.hardware import CLASSES, COLUMNS, COMPONENTS, MODELS

DATA: Final = Path(hardware.__file__).parent.parent / "data"
CLASS_FIGURES: Final = "embodied/device_defaults.csv"
BOAVIZTA: Final = "embodied/boavizta-data-us.csv"
CCF: Final = "embodied/ccf_components.csv"
MATERIALS: Final = "transport/defra2025_weee_waste_and_electrical_material.csv"

SOURCES: Final = {
    "BOAV-2023": "boavizta", "DEFRA-2025": "desnz_2025", "CCF": "ccf", "ECOLOGITS": "ecologits",
    "PIRSON-BOL-2021": "pirson_bol_2021", "TCS-GWF": "tcs_pages", "TCE-0.7": "tcs_estimator",
}  # fmt: skip
VERSIONS: Final = {
    "boavizta": "61323eb5", "desnz_2025": "2025", "ccf": "b0032d92", "ecologits": "2d0a1c76",
    "pirson_bol_2021": "arXiv 2105.02082", "tcs_pages": "a73ed460", "tcs_estimator": "0.7",
}  # fmt: skip
# What a stated mass is multiplied with; by how the table of classes names it, in kg/kg.
MATERIAL_OF: Final = {
    "24.865": "it_material",
    "5.648": "small_material",
    "3.267": "large_material",
}
MATERIAL_NAMES: Final = {
    "Electrical items - IT": "it_material",
    "Electrical items - small": "small_material",
    "Electrical items - large": "large_material",
    "Batteries - Li ion": "lithium_battery_material",
}
PARTS: Final = {
    "base_server_mono_socket_low_dram_no_storage": ("server_base", "one server"),
    "additional_cpu": ("processor", "each processor after the first"),
    "dram": ("memory", "each gigabyte above 16"),
    "hdd": ("hdd", "each hard disk"),
    "ssd": ("ssd", "each solid-state disk"),
    "gpu_card": ("gpu", "each card"),
}
MEMORY: Final = "533/384"
"""Kilograms over gigabytes, as the source derives it."""
SUBCATEGORIES: Final = {
    "Laptop": "laptop", "Desktop": "desktop", "Workstation": "workstation", "Monitor": "monitor",
    "Smartphone": "smartphone", "Tablet": "tablet", "Thin Client": "thin_client",
    "Thin client": "thin_client", "Printer": "printer", "Server": "server",
    "Converged Edge": "edge_server", "Converged": "server_blade", "Hard drive": "hdd",
    "SAN/NAS": "storage_array", "IoT": "iot_gateway", "Network": "wifi_ap",
}  # fmt: skip
NOT_SHIPPED: Final = frozenset({"Gaming", "Multimedia", "EntertainmentT", "Entertainment"})
NOTES: Final = {
    "server": "median of 55 products; published figures go up to 3660: prefer the product's own",
    "server_blade": "median of 7 products of one maker; the enclosure is an asset of its own",
    "server_tower": "median of 8 products",
    "edge_server": "mean of 2 products only",
    "ai_server_chassis_8gpu": "without its cards: each is an asset of class gpu_card",
    "gpu_card": "150 to 318 are published; not where the server's figure has it inside",
    "storage_array": "1 product only",
    "hdd": "median of 11 products",
    "laptop": "median of 422 products; high is the top of what is often quoted",
    "desktop": "median of 254 products",
    "workstation": "median of 4 products only",
    "thin_client": "median of 16 products; the life is our choice",
    "monitor": "median of 257 products",
    "printer": "median of 11 products; their use, mostly paper, is not inside",
    "smartphone": "median of 50 products; high is the top of what is often quoted",
    "tablet": "median of 22 products",
    "peripheral": "0.5 kg: keyboard, mouse and headset",
    "iot_gateway": "median of 30 consumer devices in place of gateways",
    "iot_sensor": "an order of magnitude: what is published spreads by more than 150",
    "ot_device": "2 kg; state the mass",
    "router": "of a case study; one for a home has about 19",
    "switch": "4.5 kg: 24 or 48 ports",
    "bridge": "0.5 kg",
    "wifi_ap": "1 kg; one for a home has about 19",
    "firewall": "5 kg: one rack unit",
    "modem": "median of 4 home network devices",
    "hub": "0.5 kg",
    "repeater": "0.5 kg",
    "cable_per_metre": "0.04 kg of copper cable; units are metres",
    "network_device_generic": "where nothing but the number of devices is known",
    "power_cooling_per_kg": "UPS, PDU, air conditioning; units are kilograms",
}
SPLIT_SUM: Final = (Fraction("0.97"), Fraction("1.03"))
SPLITS_MIN: Final = 5
"""Fewer products than this say nothing of their class."""
_DIGITS: Final = 4
_FOOTNOTE: Final = re.compile(r"(?i)(server|module|system|plus)4$")


def text_of(number: Fraction, digits: int = _DIGITS) -> str:
    """Return a decimal without zeros at its end, rounded half to even."""
    text = f"{float(round(number, digits)):.{digits}f}"
    return text.rstrip("0").rstrip(".")


def components(directory: Path) -> Iterator[Row]:
    text = read_text(directory / CCF)
    for where, row in rows(text, CCF, "component kgco2e"):
        if row["component"] not in PARTS:
            raise TableError(f"{where}: unknown component {row['component']}")
        name, unit = PARTS[row["component"]]
        value = MEMORY if name == "memory" else row["kgco2e"]
        yield {"component": name, "kilograms": value, "unit": unit, **_origin("ccf")}
    text = read_text(directory / MATERIALS)
    for _, row in rows(text, MATERIALS, "material kgco2e_per_tonne"):
        if row["material"] in MATERIAL_NAMES:
            value = text_of(Fraction(row["kgco2e_per_tonne"]) / KILOGRAMS_PER_TONNE, 8)
            yield {"component": MATERIAL_NAMES[row["material"]], "kilograms": value,
                   "unit": "each kilogram", **_origin("desnz_2025")}  # fmt: skip


def classes(directory: Path, splits: Mapping[str, Row]) -> Iterator[Row]:
    text = read_text(directory / CLASS_FIGURES)
    for where, row in rows(text, CLASS_FIGURES, "device_class embodied_kgco2e basis source_id"):
        if row["source_id"] not in SOURCES:
            raise TableError(f"{where}: unknown source {row['source_id']}")
        _, is_mass, factor = row["basis"].partition("mass x ")
        source = SOURCES[row["source_id"]]
        yield {
            "device_class": row["device_class"],
            "embodied_kilograms": row["embodied_kgco2e"],
            "low_kilograms": row["low"] if row["high"] else "",
            "high_kilograms": row["high"] if row["low"] else "",
            **(splits.get(row["device_class"], {}) if source == "boavizta" else {}),
            "life_years": row["lifetime_years"],
            "material": MATERIAL_OF[factor] if is_mass else "",
            "note": NOTES.get(row["device_class"], ""),
            **_origin(source),
        }


def products(directory: Path) -> Iterator[Row]:
    """Yield what manufacturers say of their products, without the use of them."""
    text = read_text(directory / BOAVIZTA)
    columns = "manufacturer name subcategory gwp_total gwp_use_ratio server_type report_date"
    for where, row in rows(text, BOAVIZTA, columns):
        kind = row["subcategory"]
        if kind in NOT_SHIPPED or not (row["gwp_use_ratio"] and row["gwp_total"]):
            continue
        if kind not in SUBCATEGORIES:
            raise TableError(f"{where}: unknown subcategory {kind!r}")
        made = 1 - Fraction(row["gwp_use_ratio"])
        if not 0 < made <= 1:
            raise TableError(f"{where}: gwp_use_ratio {row['gwp_use_ratio']} is no share")
        yield {
            "manufacturer": row["manufacturer"].strip(),
            "model": _FOOTNOTE.sub(r"\1", " ".join(row["name"].split())),
            "device_class": _class_of(row),
            "embodied_kilograms": text_of(Fraction(row["gwp_total"]) * made, 2),
            **(split_of(row, made) or {}),
            "report_date": " ".join(row["report_date"].split()),
            "document": row["sources"].partition("?")[0].strip(),
            **_origin("boavizta"),
        }


def _class_of(row: Row) -> str:
    found = SUBCATEGORIES[row["subcategory"]]
    if found == "server":
        return {"Blade": "server_blade", "Tower": "server_tower"}.get(row["server_type"], found)
    return "wifi_ap" if row["name"].startswith("Nest Wifi") else found


def split_of(row: Row, made: Fraction) -> Row | None:
    """Return the shares of transport and end of life; None where they are not both said.

    Nought beside nought is not said either: readers of data sheets wrote it for an empty cell.
    """
    said = [row[f"gwp_{name}_ratio"] for name in ("manufacturing", "transport", "eol")]
    if not all(said):
        return None
    making, transport, end = map(Fraction, said)
    least, most = SPLIT_SUM
    if not transport + end or not least <= making + transport + end + 1 - made <= most:
        return None
    whole = making + transport + end
    return {"transport_share": text_of(transport / whole),
            "end_of_life_share": text_of(end / whole)}  # fmt: skip


def class_splits(made: Iterable[Row]) -> dict[str, Row]:
    """Return the median split of each class that enough products say."""
    said: dict[str, list[Row]] = {}
    for row in made:
        if row.get("transport_share"):
            said.setdefault(row["device_class"], []).append(row)
    return {
        name: {
            part: text_of(median(Fraction(one[part]) for one in found))
            for part in ("transport_share", "end_of_life_share")
        }
        for name, found in said.items()
        if len(found) >= SPLITS_MIN
    }


def distinct(made: Iterable[Row]) -> list[Row]:
    """Return the products in order; of one name the figure that is highest."""
    found: dict[tuple[str, str], Row] = {}
    for row in made:
        key = (row["manufacturer"].lower(), row["model"].lower())
        kept = found.get(key)
        if kept is None or Fraction(row["embodied_kilograms"]) > Fraction(
            kept["embodied_kilograms"]
        ):
            found[key] = row
    return [found[key] for key in sorted(found)]


def _origin(source: str) -> Row:
    return {"source": source, "source_version": VERSIONS[source]}


def build(directory: Path) -> dict[str, str]:
    """Return the text of every table by its file; raises TableError or ValueError."""
    models = distinct(products(directory))
    tables = {
        COMPONENTS: list(components(directory)),
        CLASSES: list(classes(directory, class_splits(models))),
        MODELS: models,
    }
    texts = {file: render(COLUMNS[file], made) for file, made in tables.items()}
    hardware.parse_hardware(texts, read_text(DATA / hardware.SOURCES))
    return texts


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Build the tables of embodied carbon.")
    parser.add_argument("input", type=Path, metavar="INPUT_DIRECTORY")
    parser.add_argument("--output", type=Path, default=DATA, metavar="DIRECTORY")
    parser.add_argument("--check", action="store_true", help="compare; write nothing")
    options = parser.parse_args(arguments)
    try:
        for file, text in build(options.input).items():
            if not options.check:
                (options.output / file).write_bytes(text.encode())
            elif (options.output / file).read_bytes() != text.encode():
                raise TableError(f"{file} is not what {options.input} gives: rebuild")
    except (OSError, csv.Error, ValueError) as error:
        sys.exit(f"build_embodied_tables: {error}")


if __name__ == "__main__":
    main()
