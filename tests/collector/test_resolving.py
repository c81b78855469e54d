"""Which figure an asset's making gets: the nearest that is known, alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from register_scenes import asset
from table_scripts import FIGURES, complaint_of, script
from wattgram.readings import Quality
from wattgram_collector.inventory.decision import _EMPLOYEE_CLASSES, _NETWORK_CLASSES
from wattgram_collector.inventory.factors import FactorBoundary
from wattgram_collector.inventory.making import hardware
from wattgram_collector.inventory.making.hardware import Hardware, shipped
from wattgram_collector.inventory.making.models import Models, likeness, maker_of, words_of
from wattgram_collector.inventory.making.resolving import Resolved, Resolver
from wattgram_collector.inventory.register.assets import Asset, Build, Embodied

RESOLVER = Resolver(shipped())
MODELS = Models(shipped().products)
DELL = Build(manufacturer="Dell Inc.", model="PowerEdge R740")
PARTS = Build(
    manufacturer="Nobody", model="Box", processors=2, memory_gigabytes=Fraction(384), hdds=1,
    ssds=8, gpus=2,
)  # fmt: skip


def resolved(one: Asset) -> Resolved:
    found = RESOLVER.of(one)
    assert found is not None
    return found


# ── the order ────────────────────────────────────────────────────────────────────────────────


def test_the_nearest_that_is_known_is_taken_alone() -> None:
    """The manufacturer's own, a product, its parts, its class, its mass; then nothing."""
    whole = replace(DELL, processors=2, memory_gigabytes=Fraction(384), mass_kilograms=Fraction(9))
    own = Embodied(total_kilograms=Fraction(900), source="data sheet 7")
    steps = [
        asset("a", embodied=own, build=whole),
        asset("a", build=whole),
        asset("a", build=replace(whole, manufacturer="")),
        asset("a", build=Build(mass_kilograms=Fraction(9))),
        asset("a", build=Build(mass_kilograms=Fraction(9)), device_class="unheard_of"),
    ]
    found = [resolved(one) for one in steps]

    assert [one.figure.factor for one in found] == [
        "asset/a", "product/dell/poweredge-r740", "parts/2-cpu-384-gb", "class/server",
        "mass/it_material-9-kg",
    ]  # fmt: skip
    assert [one.figure.tier for one in found] == [
        Quality.DECLARED, Quality.MODELLED, Quality.MODELLED, Quality.DEFAULT, Quality.DEFAULT,
    ]  # fmt: skip
    assert RESOLVER.of(asset("a", device_class="unheard_of")) is None


def test_a_server_of_parts() -> None:
    """U09: 1000 + 100 (2 - 1) + 533/384 (384 - 16) + 50 + 8 x 100 + 2 x 150."""
    found = resolved(asset("a", build=PARTS)).figure

    assert found.total_kilograms == 1000 + 100 + Fraction(533, 384) * 368 + 50 + 800 + 300
    assert found.manufacturing_share == 1
    assert "8 ssd x 100" in found.note


@given(
    st.integers(1, 8), st.integers(0, 4096), st.integers(0, 90), st.integers(0, 90),
    st.integers(0, 16),
)  # fmt: skip
def test_more_parts_never_emit_less(cpus: int, size: int, hdds: int, ssds: int, gpus: int) -> None:
    build = Build(processors=cpus, memory_gigabytes=Fraction(size), hdds=hdds, ssds=ssds,
                  gpus=gpus)  # fmt: skip
    before = resolved(asset("a", build=build)).figure.total_kilograms
    for name in ("processors", "memory_gigabytes", "hdds", "ssds", "gpus"):
        more = replace(build, **{name: getattr(build, name) + 1})
        assert resolved(asset("a", build=more)).figure.total_kilograms >= before
    assert before >= 1000


def test_what_is_not_said_of_the_parts_is_said() -> None:
    some = Build(processors=1, memory_gigabytes=Fraction(8))

    found = resolved(asset("a", build=some)).figure

    assert found.total_kilograms == 1000
    assert found.note.endswith("hdds, ssds, gpus not said, counted as none")


def test_a_laptop_is_not_summed_from_parts() -> None:
    found = resolved(asset("a", build=PARTS, device_class="laptop")).figure

    assert (found.factor, found.total_kilograms, found.life_years) == ("class/laptop", 241, 4)


@pytest.mark.parametrize(
    ("device_class", "mass", "kilograms"),
    [
        ("switch", None, "112"),
        ("switch", "4.5", "111.89464002"),
        ("cable_per_metre", "0.04", "0.2259178252"),
        ("router", "7", "171.7"),
        ("unheard_of", "2", "49.73095112"),
    ],
)
def test_a_mass_replaces_the_assumed_one(
    device_class: str, mass: str | None, kilograms: str
) -> None:
    """Mass x 24.865, or the average of the class's material; U07."""
    build = Build(mass_kilograms=Fraction(mass) if mass else None)

    found = resolved(asset("a", build=build, device_class=device_class)).figure

    assert found.total_kilograms == Fraction(kilograms)


def test_a_life_said_goes_before_that_of_the_class() -> None:
    assert resolved(asset("a")).figure.life_years == 4
    assert resolved(asset("a", life_years=Fraction(7))).figure.life_years == 7
    assert resolved(asset("a", build=PARTS, life_years=Fraction(7))).figure.life_years == 7
    assert resolved(asset("a", device_class="monitor")).figure.life_years == 6


def test_a_figure_of_two_versions_is_two_factors() -> None:
    own = Embodied(total_kilograms=Fraction(1))
    later = asset("a", embodied=own, valid_from=date(2026, 1, 1))

    assert resolved(later).factor.factor_id == "asset/a@2026-01-01"


# ── shares ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("said", "shares"),
    [
        ({"manufacturing_share": "0.92", "transport_share": "0.05",
          "end_of_life_share": "0.03"}, ("0.92", "0.05", "0.03")),
        ({"manufacturing_share": "0.9", "transport_share": "0.1"}, ("0.9", "0.1", "0")),
        ({"transport_share": "0.1"}, None),
        ({}, ("0.928", "0.0464", "0.0256")),
    ],
)  # fmt: skip
def test_what_is_transport_and_end_of_life(said: dict[str, str], shares: Any) -> None:
    """Trap 5: a making is not all cradle to gate; what is not said is as in the class."""
    own = Embodied(total_kilograms=Fraction(10),
                   **{name: Fraction(text) for name, text in said.items()})  # fmt: skip

    found = resolved(asset("a", embodied=own)).figure
    got = (found.manufacturing_share, found.transport_share, found.end_of_life_share)

    assert sum(got) == 1
    if shares:
        assert got == tuple(map(Fraction, shares))
    else:
        assert found.transport_share == Fraction("0.1")
        assert found.end_of_life_share == Fraction("0.9") * Fraction("0.0256") / Fraction("0.9536")


def test_a_class_without_shares_is_cradle_to_gate_and_says_so() -> None:
    own = Embodied(total_kilograms=Fraction(10))

    for one in (asset("a", device_class="router", embodied=own), asset("a", device_class="hub")):
        found = resolved(one)
        assert found.figure.manufacturing_share == 1
        assert "all as cradle to gate" in found.figure.note
        assert found.factor.boundary is FactorBoundary.CRADLE_TO_GATE
    assert resolved(asset("a")).factor.boundary is FactorBoundary.CRADLE_TO_GRAVE


@pytest.mark.parametrize("shares", [("0.5", "0.6", None), ("0.5", "0.1", "0.1")])
def test_shares_that_cannot_be_are_refused(shares: tuple[str | None, ...]) -> None:
    names = ("manufacturing_share", "transport_share", "end_of_life_share")
    said = {name: Fraction(text) for name, text in zip(names, shares, strict=True) if text}

    with pytest.raises(ValueError, match="must sum to 1"):
        Embodied(total_kilograms=Fraction(1), **said)


def test_a_range_must_rise() -> None:
    with pytest.raises(ValueError, match="must rise"):
        Embodied(total_kilograms=Fraction(1), low_kilograms=Fraction(2))


# ── products ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("manufacturer", "model", "text"),
    [
        ("Dell Inc.", "PowerEdge R740", "product Dell PowerEdge R740 (score 1.00)"),
        ("DELL", "poweredge  r740XD", "product Dell PowerEdge R740XD (score 1.00)"),
        ("Dell Inc.", "PowerEdge R750", None),
        ("Dell Inc.", "PowerEdge", None),
        ("HPE", "ProLiant DL380 Gen10", "product HP ProLiant DL380 Gen10 server (score 1.00)"),
        ("Hewlett-Packard", "HP ProLiant DL380 Gen10 Plus",
         "product HP ProLiant DL380 Gen10 server (score 0.91)"),
        ("Dell Inc.", "OptiPlex 7090",
         "product Dell OptiPlex 7090 Tower (score 0.86, the highest of 2 as near)"),
        ("LENOVO", "ThinkPad T470s", "product Lenovo ThinkPad T470s (score 1.00)"),
        ("LENOVO", "XiaoXin Air 14", "product Lenovo ideapad 530S-14/XiaoXin Air 14 (score 1.00)"),
        ("Microsoft Corporation", "Surface Laptop 4", None),
        ("Apple", "iPad 9th Gen", None),
        ("Nobody", "PowerEdge R740", None),
        ("", "", None),
    ],
)  # fmt: skip
def test_a_product_is_found_by_its_name(manufacturer: str, model: str, text: str | None) -> None:
    found = MODELS.match(manufacturer, model)

    assert (str(found) if found else None) == text


def test_what_is_nearly_alike_is_of_the_same_kind() -> None:
    assert MODELS.match("Dell", "OptiPlex 7090", "desktop") is not None
    assert MODELS.match("Dell", "OptiPlex 7090", "laptop") is not None
    assert MODELS.match("Dell", "OptiPlex 7090", "server") is None
    assert MODELS.match("Dell", "PowerEdge R740", "laptop") is not None


def test_a_near_name_is_a_default_and_another_factor() -> None:
    near = Build(manufacturer="Dell", model="OptiPlex 7090")
    found = resolved(asset("a", device_class="desktop", build=near))

    assert found.figure.tier is Quality.DEFAULT
    assert found.factor.factor_id == "product/dell/optiplex-7090-tower/near"
    assert found.factor.source_version == "61323eb5"
    assert "optiplex-7090-tower" in found.factor.reference


words = st.lists(st.sampled_from(["a", "b", "c1", "d2", "e", "f3"]), max_size=5, unique=True)


@given(words, words)
def test_a_likeness_is_a_share_and_1_only_for_the_same(one: list[str], other: list[str]) -> None:
    found = likeness(one, other)

    assert 0 <= found <= 1
    assert (found == 1) == (bool(one) and set(one) == set(other))
    if found:
        assert {word for word in one if word[-1].isdigit()} <= set(other)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ThinkPad X1 Carbon 5th Gen", ("thinkpad", "x1", "carbon", "gen5")),
        ("ThinkPad X1 Carbon Gen 5", ("thinkpad", "x1", "carbon", "gen5")),
        ("iPad (9th generation)", ("ipad", "gen9")),
        ("Latitude 7400 2-in-1", ("latitude", "7400", "2in1")),
        ("ThinkSystem SR650 -[7X06CTO1WW]-", ("thinksystem", "sr650")),
    ],
)
def test_the_words_of_a_name(text: str, found: tuple[str, ...]) -> None:
    assert words_of(text) == found


def test_makers_by_one_name() -> None:
    names = ("Dell Inc.", "DELL", "Hewlett-Packard", "HPE", "Hewlett Packard Enterprise", "")

    assert [maker_of(one) for one in names] == ["dell", "dell", "hp", "hp", "hp", ""]


# ── the tables ───────────────────────────────────────────────────────────────────────────────


def test_the_tables_are_what_the_published_figures_give() -> None:
    if not FIGURES.exists():
        pytest.skip("the published figures are not beside this checkout")
    builder = script("build_embodied_tables")

    texts = builder.build(FIGURES)

    for file, text in texts.items():
        assert (builder.DATA / file).read_text(encoding="utf-8") == text, file


def test_the_split_of_a_product() -> None:
    builder = script("build_embodied_tables")
    row = {"gwp_manufacturing_ratio": "0.76", "gwp_transport_ratio": "0.02",
           "gwp_eol_ratio": "0.02"}  # fmt: skip
    made = Fraction("0.8")

    assert builder.split_of(row, made) == {"transport_share": "0.025",
                                           "end_of_life_share": "0.025"}  # fmt: skip
    for name in row:
        assert builder.split_of({**row, name: ""}, made) is None
    nought = {**row, "gwp_transport_ratio": "0", "gwp_eol_ratio": "0.0"}
    assert builder.split_of(nought, made) is None
    assert builder.split_of({**row, "gwp_manufacturing_ratio": "7.76"}, made) is None


def texts() -> dict[str, str]:
    folder = script("build_embodied_tables").DATA
    return {file: (folder / file).read_text(encoding="utf-8")
            for file in (*hardware.COLUMNS, hardware.SOURCES)}  # fmt: skip


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        ("components.csv", "hdd,50,", "hdd,-50,", "components.csv line 5: "),
        ("components.csv", "hdd,50,", "tape,50,", "component 'tape' is none of"),
        ("components.csv", "hdd,50,each hard disk,ccf,b0032d92\n", "", "no row of hdd"),
        ("device_classes.csv", "server,1278,1185,", "server,1278,1300,",
         "device_classes.csv line 2: low, value and high are not in order"),
        ("device_classes.csv", "server,1278,1185,1720", "server,1278,,1720", "go together"),
        ("device_classes.csv", ",0.0464,0.0256,", ",0.0464,,", "go together and sum to at most 1"),
        ("device_classes.csv", ",0.0464,0.0256,", ",0.7,0.4,", "sum to at most 1"),
        ("device_classes.csv", ",it_material,", ",wood,", "material 'wood' is no component"),
        ("device_classes.csv", ",boavizta,", ",hearsay,", "source 'hearsay' is not in"),
        ("product_models.csv", ",laptop,", ",lap,", "device_class 'lap' is not in"),
        ("embodied_sources.json", '"licence": "Apache-2.0"', '"licence": ""',
         "ccf does not say its licence"),
    ],
)  # fmt: skip
def test_a_row_that_is_wrong_is_named(file: str, old: str, new: str, problem: str) -> None:
    found = texts()
    assert old in found[file]
    found[file] = found[file].replace(old, new, 1)

    def parse(_: str) -> Hardware:
        tables = {name: text for name, text in found.items() if name != hardware.SOURCES}
        return hardware.parse_hardware(tables, found[hardware.SOURCES])

    assert problem in (complaint_of(parse, "") or "")


def test_every_class_of_the_decision_table_has_a_figure() -> None:
    missing = (_EMPLOYEE_CLASSES | _NETWORK_CLASSES) - shipped().classes.keys()

    assert missing == {"gateway"}
