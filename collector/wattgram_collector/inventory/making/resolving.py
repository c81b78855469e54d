"""PURE. Which figure of its making an asset gets, and the factor that an auditor follows.

The nearest that is known, alone; nothing is added to it:

1. the manufacturer's own figure, said with the asset;
2. a shipped product of the same name, or nearly so: the name and its score are on the posting;
3. of a server, what its parts sum to:
   TE = 1000 + 100 (processors - 1) + 533/384 max(0, GB - 16) + 50 HDD + 100 SSD + 150 GPU;
4. what its class emits; where that is an assumed mass and the mass is said, the said mass;
5. its mass times the average of IT equipment.

Where not even a mass is known there is none: unknown, never 0.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Final, NamedTuple

from wattgram.readings import Quality
from wattgram_collector.inventory.factors import Factor, FactorBoundary
from wattgram_collector.inventory.making.embodied import Figure
from wattgram_collector.inventory.making.hardware import (
    DEFAULT_MATERIAL,
    DeviceClass,
    Hardware,
    Origin,
    Split,
)
from wattgram_collector.inventory.making.models import Match, Models, maker_of, words_of
from wattgram_collector.inventory.register.assets import Asset, Build, Embodied

SERVER_CLASSES: Final = frozenset({"server", "server_tower", "edge_server"})
"""What the model of parts is of: a chassis with its own power supply."""
PARTS_LIFE_YEARS: Final = Fraction(4)
UNKNOWN_LIFE_YEARS: Final = Fraction(5)
"""Of what has no class: that of most classes."""
_MEMORY_INSIDE_GIGABYTES: Final = 16
_ALL_TO_GATE: Final = Split(Fraction(1), Fraction(0), Fraction(0))
_SPLIT_UNKNOWN: Final = "nobody says what is transport or end of life: all as cradle to gate"


class Resolved(NamedTuple):
    figure: Figure
    factor: Factor


class _Found(NamedTuple):
    """What one of the ways told of one unit."""

    kilograms: Fraction
    key: str
    origin: Origin
    tier: Quality
    note: str
    split: Split | None = None
    low: Fraction | None = None
    high: Fraction | None = None
    reference: str = ""


class Resolver:
    """Finds figures in the tables; one model is looked up once."""

    def __init__(self, hardware: Hardware) -> None:
        self._hardware = hardware
        self._match = cache(Models(hardware.products).match)

    def of(self, asset: Asset) -> Resolved | None:
        """Return the figure of one unit; None where nothing tells it.

        Raises ValueError naming the asset where what it says of its making cannot be.
        """
        known = self._hardware.classes.get(asset.device_class)
        try:
            if (found := _said(asset, known)) is not None:
                return _resolved(found, _life_years(asset, known))
            if (match := self._matched(asset)) is not None:
                its_class = self._hardware.classes[match.product.device_class]
                found = _of_product(match, its_class)
                return _resolved(found, _life_years(asset, known or its_class))
            if (found := self._parts(asset)) is not None:
                return _resolved(found, asset.life_years or PARTS_LIFE_YEARS)
            found = self._class(asset, known) if known else self._mass(asset, DEFAULT_MATERIAL)
            return found and _resolved(found, _life_years(asset, known))
        except ValueError as error:
            raise ValueError(f"asset {asset.asset_id}: {error}") from error

    def _matched(self, asset: Asset) -> Match | None:
        build = asset.build
        if not (build.manufacturer and build.model):
            return None
        return self._match(build.manufacturer, build.model, asset.device_class)

    def _parts(self, asset: Asset) -> _Found | None:
        build = asset.build
        if asset.device_class not in SERVER_CLASSES:
            return None
        if not build.processors or build.memory_gigabytes is None:
            return None
        kilograms, text = parts_kilograms(build, self._hardware)
        unsaid = [name for name in ("hdds", "ssds", "gpus") if getattr(build, name) is None]
        note = f"parts: {text}; a model of manufacture: all as cradle to gate"
        if unsaid:
            note += f"; {', '.join(unsaid)} not said, counted as none"
        key = f"parts/{build.processors}-cpu-{float(build.memory_gigabytes):g}-gb" + "".join(
            f"-{count}-{name}"
            for name, count in (("hdd", build.hdds), ("ssd", build.ssds), ("gpu", build.gpus))
            if count
        )
        return _Found(kilograms, key, self._hardware.parts["server_base"].origin,
                      Quality.MODELLED, note, _ALL_TO_GATE)  # fmt: skip

    def _class(self, asset: Asset, known: DeviceClass) -> _Found | None:
        if known.material and asset.build.mass_kilograms is not None:
            return self._mass(asset, known.material)
        note = f"class {known.name}" + (f": {known.note}" if known.note else "")
        if known.split is None:
            note += f"; {_SPLIT_UNKNOWN}"
        if asset.build.gpus and asset.device_class in SERVER_CLASSES:
            note += "; its GPU cards are not inside"
        return _Found(known.kilograms, f"class/{known.name}", known.origin, Quality.DEFAULT, note,
                      known.split, known.low_kilograms, known.high_kilograms)  # fmt: skip

    def _mass(self, asset: Asset, material: str) -> _Found | None:
        mass = asset.build.mass_kilograms
        if mass is None:
            return None
        part = self._hardware.parts[material]
        note = f"{float(mass):g} kg of {material} at {float(part.kilograms):g} kg CO2e each"
        key = f"mass/{material}-{float(mass):g}-kg"
        return _Found(part.kilograms * mass, key, part.origin, Quality.DEFAULT, note)


def parts_kilograms(build: Build, hardware: Hardware) -> tuple[Fraction, str]:
    """Return what the parts of a server emitted, and the sum as it is written.

    Source: the embodied coefficients of Cloud Carbon Footprint.
    """
    parts = hardware.parts
    gigabytes = max(build.memory_gigabytes or Fraction(0), Fraction(_MEMORY_INSIDE_GIGABYTES))
    counts = (
        ("server_base", Fraction(1)),
        ("processor", Fraction(max(build.processors or 1, 1) - 1)),
        ("memory", gigabytes - _MEMORY_INSIDE_GIGABYTES),
        ("hdd", Fraction(build.hdds or 0)),
        ("ssd", Fraction(build.ssds or 0)),
        ("gpu", Fraction(build.gpus or 0)),
    )
    total = sum((count * parts[name].kilograms for name, count in counts), Fraction(0))
    text = " + ".join(
        f"{float(count):g} {name} x {float(parts[name].kilograms):g}"
        for name, count in counts
        if count
    )
    return total, text


def _said(asset: Asset, known: DeviceClass | None) -> _Found | None:
    said = asset.embodied
    if said.total_kilograms is None:
        return None
    split, note = _said_split(said, known)
    origin = Origin(said.source or "the asset register", said.source or "as said", "", "")
    key = f"asset/{asset.asset_id}" + (f"@{asset.valid_from}" if asset.valid_from else "")
    return _Found(said.total_kilograms, key, origin, said.tier, f"said with the asset{note}",
                  split, said.low_kilograms, said.high_kilograms)  # fmt: skip


def _of_product(match: Match, its_class: DeviceClass) -> _Found:
    """A manufacturer's figure of the usual build; where the name is near, a guess at that."""
    product = match.product
    split = product.split or its_class.split
    maker = maker_of(product.manufacturer)
    key = f"product/{maker}/{'-'.join(words_of(product.model, maker))}"
    key += "" if match.is_exact else "/near"
    note = str(match) + ("" if split else f"; {_SPLIT_UNKNOWN}")
    tier = Quality.MODELLED if match.is_exact else Quality.DEFAULT
    reference = f"{product.report_date}: {product.document}"
    return _Found(product.kilograms, key, product.origin, tier, note, split, reference=reference)


def _said_split(said: Embodied, known: DeviceClass | None) -> tuple[Split | None, str]:
    """Return the shares of a figure; those not said are of what is left, as in the class."""
    given = (said.manufacturing_share, said.transport_share, said.end_of_life_share)
    usual = known.split if known else None
    if given == (None, None, None):
        if usual is None:
            return None, f"; {_SPLIT_UNKNOWN}"
        return usual, "; shared as the class is"
    rest = 1 - sum((one for one in given if one is not None), Fraction(0))
    weights = [
        weight if one is None else Fraction(0)
        for one, weight in zip(given, usual or _ALL_TO_GATE, strict=True)
    ]
    if rest < 0 or (rest and None not in given):
        raise ValueError("its shares of manufacture, transport and end of life must sum to 1")
    if rest and not any(weights):
        weights = [Fraction(one is None) for one in given]
    whole = sum(weights, Fraction(0)) or Fraction(1)
    shares = (
        one if one is not None else rest * weight / whole
        for one, weight in zip(given, weights, strict=True)
    )
    return Split(*shares), ""


def _life_years(asset: Asset, known: DeviceClass | None) -> Fraction:
    return asset.life_years or (known.life_years if known else UNKNOWN_LIFE_YEARS)


def _resolved(found: _Found, life_years: Fraction) -> Resolved:
    to_gate, transport, end = found.split or _ALL_TO_GATE
    figure = Figure(
        total_kilograms=found.kilograms,
        manufacturing_share=to_gate,
        transport_share=transport,
        end_of_life_share=end,
        life_years=life_years,
        factor=found.key,
        tier=found.tier,
        low_kilograms=found.low,
        high_kilograms=found.high,
        note=found.note,
    )
    boundary = FactorBoundary.CRADLE_TO_GATE if to_gate == 1 else FactorBoundary.CRADLE_TO_GRAVE
    factor = Factor(
        factor_id=found.key,
        value=found.kilograms,
        unit="kg/unit",
        source=found.origin.source,
        source_version=found.origin.version,
        boundary=boundary,
        licence=found.origin.licence,
        sha256=found.origin.sha256,
        tier=found.tier,
        uncertainty_ratio=figure.uncertainty_ratio,
        reference=found.reference,
    )
    return Resolved(figure, factor)
