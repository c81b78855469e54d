"""What was bought: contracts, then the supplier, then the residual mix, then the grid."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import PACKAGE, SLOT, Book, intensity, terms
from wattgram.settings import SettingsError
from wattgram.units import MICROJOULES_PER_KILOWATT_HOUR
from wattgram_collector.accounting.bought import shared_out
from wattgram_collector.accounting.emissions import (
    Account,
    Amount,
    Books,
    Columns,
    Part,
    Pricing,
    postings,
    shares,
)
from wattgram_collector.accounting.market import MarketTable
from wattgram_collector.accounting.market_settings import MarketSettings
from wattgram_collector.accounting.site_settings import SiteSettings
from wattgram_collector.accounting.slots import slot_of, slot_start_unix_seconds
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.buying import market_table
from wattgram_collector.config import CollectorConfig, load_config
from wattgram_collector.intensities.places import Places
from wattgram_collector.intensity import Accounting, Intensity, Scope, Tier
from wattgram_collector.pricing import require_known

PLACES = Places()
GRID = intensity("FR", "50", scope=Scope.DIRECT)
NOON = 1_767_268_800  # 2026-01-01T12:00Z
DAY = 86_400
HEADER = "start,share\n"


def bought(table: MarketTable, *, zone: str = "FR", site: str = "", at: int = NOON) -> Any:
    """Return (grams, share, provider) of each part."""
    return [
        (float(one.factor.value), one.share, one.factor.provider) if one.factor else None
        for one in table.bought(Terms(zone=zone, site=site), at)
    ]


def section(grams: float | None = 0.0, **said: Any) -> MarketSettings:
    return MarketSettings(**{"grams_per_kilowatt_hour": grams, "source": "paper", **said})


def table(*, scope: Scope = Scope.DIRECT, **sections: MarketSettings) -> MarketTable:
    made = market_table(sections, PLACES, Book([GRID]), scope)
    assert made is not None
    return made


# ── the hierarchy ────────────────────────────────────────────────────────────────────────


def test_nothing_said_is_no_book() -> None:
    assert market_table({}, PLACES, Book([GRID]), Scope.DIRECT) is None


def test_what_no_contract_covers_goes_down_the_hierarchy() -> None:
    wind = section(share=0.25)
    supplier, mix = section(30, kind="supplier"), section(80, kind="residual_mix")
    quarter, rest = Fraction(1, 4), Fraction(3, 4)
    assert bought(table(wind=wind, seller=supplier, rest=mix)) == [
        (0, quarter, "contract"),
        (30, rest, "supplier"),
    ]
    assert bought(table(rest=mix, wind=wind)) == [
        (0, quarter, "contract"),
        (80, rest, "residual_mix"),
    ]
    assert bought(table(wind=wind)) == [(0, quarter, "contract"), (50, rest, "test")]


def test_the_grid_in_the_place_of_what_was_bought_is_known_for_it() -> None:
    (part,) = table(spain=section(zones=("ES",))).bought(Terms(zone="FR"), NOON)
    assert part.factor is GRID
    assert part.factor.accounting is Accounting.LOCATION
    (part,) = table(france=section()).bought(Terms(zone="FR"), NOON)
    assert part.factor is not None
    assert part.factor.accounting is Accounting.MARKET
    assert (part.factor.zone, part.factor.tier) == ("FR", Tier.OPERATOR)
    assert part.factor.version == "france: paper"


def test_where_nothing_is_known_nothing_is_claimed() -> None:
    covered = table(wind=section(share=0.5))
    assert bought(covered, zone="XX") == [(0, Fraction(1, 2), "contract"), None]
    assert bought(covered, zone="") == [None]


def test_a_section_is_for_its_zones_and_sites_and_days() -> None:
    found = table(
        here=section(1, share=0.1, zones=("FRA",), sites=("hall",)),
        then=section(2, share=0.2, valid_from="2026-01-01", valid_until="2026-01-02"),
    )
    at_hall = [(1, Fraction(1, 10), "contract"), (2, Fraction(1, 5), "contract")]
    assert bought(found, site="hall")[:-1] == at_hall
    assert bought(found, site="cellar")[:-1] == at_hall[1:]
    assert bought(found, zone="DE", site="hall")[:-1] == at_hall[1:]
    assert bought(found, site="hall", at=NOON - NOON % DAY)[:-1] == at_hall
    assert bought(found, site="hall", at=NOON - NOON % DAY - 1)[:-1] == at_hall[:1]
    assert bought(found, site="hall", at=NOON - NOON % DAY + DAY)[:-1] == at_hall[:1]


def test_the_nearest_supplier_holds() -> None:
    found = table(
        anywhere=section(1, kind="supplier"),
        zone=section(2, kind="supplier", zones=("FR",)),
        site=section(3, kind="supplier", sites=("hall",)),
        both=section(4, kind="supplier", sites=("hall",), zones=("FR",)),
    )
    assert bought(found, zone="DE") == [(1, 1, "supplier")]
    assert bought(found) == [(2, 1, "supplier")]
    assert bought(found, zone="DE", site="hall") == [(3, 1, "supplier")]
    assert bought(found, site="hall") == [(4, 1, "supplier")]


def test_what_is_for_a_site_is_nearer_than_what_is_for_a_zone() -> None:
    found = table(
        zone=section(2, kind="residual_mix", zones=("FR",)),
        site=section(3, kind="residual_mix", sites=("hall",)),
    )
    assert bought(found, site="hall") == [(3, 1, "residual_mix")]


def test_a_cloud_region_falls_back_to_what_its_own_name_has() -> None:
    class Asked:
        def at(self, zone: str, unix_seconds: int) -> Intensity | None:
            return intensity("GB", "106") if zone == "gcp:europe-west2" else None

    made = market_table({"es": section(zones=("ES",))}, PLACES, Asked(), Scope.DIRECT)
    assert made is not None
    (part,) = made.bought(Terms(zone="GB", place="gcp:europe-west2"), NOON)
    assert part.factor == intensity("GB", "106")


def test_a_book_of_one_factor_says_the_main_one() -> None:
    assert table(wind=section(share=0.25)).at("FR", NOON) is GRID


# ── profiles ─────────────────────────────────────────────────────────────────────────────


def test_a_profile_covers_hour_by_hour(tmp_path: Path) -> None:
    file = tmp_path / "wind.csv"
    file.write_text(f"{HEADER}2026-01-01T12:00Z,0.5\n2026-01-01T14:00+01:00,1\n")
    found = table(wind=section(profile_file=file), base=section(9, share=0.75))
    half, quarter = Fraction(1, 2), Fraction(1, 4)
    assert bought(found) == [(0, half, "contract"), (9, half, "contract")]
    assert bought(found, at=NOON + 3_599) == bought(found)
    # What is left is covered by the next, and nothing ever by two.
    assert bought(found, at=NOON + 3_600) == [(0, 1, "contract")]
    assert bought(found, at=NOON + 7_200) == [(9, 3 * quarter, "contract"), (50, quarter, "test")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("when,share\n", "line 1: the columns must be start,share, not when,share"),
        (f"{HEADER}2026-01-01T12:00Z,1.5\n", "line 2: share must be 0 to 1: 1.5"),
        (f"{HEADER}2026-01-01T12:00Z,nan\n", "line 2: share is no number: 'nan'"),
        (f"{HEADER}2026-01-01T12:00,1\n", "line 2: start has no offset"),
        (f"{HEADER}2026-01-01T12:30Z,1\n", "line 2: start is not on the hour"),
        (f"{HEADER}noon,1\n", "line 2: start must be as"),
        (f"{HEADER}2026-01-01T12:00Z,1,2\n", "line 2: 3 cells under 2 columns"),
        (
            f"{HEADER}2026-01-01T12:00Z,1\n2026-01-01T13:00+01:00,1\n",
            "line 3: 2026-01-01T13:00.01:00 is there twice",
        ),
    ],
)
def test_a_profile_that_is_wrong_is_named_with_its_line(
    tmp_path: Path, text: str, complaint: str
) -> None:
    file = tmp_path / "wind.csv"
    file.write_text(text)
    with pytest.raises(ValueError, match=f"market.wind: .*wind.csv {complaint}"):
        table(wind=section(profile_file=file))


def test_a_profile_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"market.wind: .*gone.csv: No such file"):
        table(wind=section(profile_file=tmp_path / "gone.csv"))


# ── the residual mix ─────────────────────────────────────────────────────────────────────


def test_case_greene_residual_camx(shared: Path) -> None:
    text = (shared / "data" / "derived" / "golden_carbon_cases.json").read_text(encoding="utf-8")
    (case,) = (c for c in json.loads(text)["cases"] if c["name"] == "greene_residual_camx")
    given_, expected = case["input"], case["expect"]
    grid = given_["location_kg"] / 10  # of 10 MWh, so g/kWh
    found = table(
        camx=section(
            grid,
            kind="residual_mix",
            generation_megawatt_hours=float(given_["gen_mwh"]),
            voluntary_megawatt_hours=float(given_["voluntary_mwh"]),
        )
    )
    grams, *_ = priced(found, 10_000 * MICROJOULES_PER_KILOWATT_HOUR)
    assert float(grams) / 1000 == pytest.approx(expected["market_kg"], abs=5e-5)
    assert float(grams) / 1000 / given_["location_kg"] == pytest.approx(
        expected["factor"], abs=5e-10
    )


def test_a_residual_mix_says_how_it_came_about() -> None:
    mix = section(
        200, kind="residual_mix", generation_megawatt_hours=300.0, voluntary_megawatt_hours=100.0
    )
    (part,) = table(mix=mix).bought(Terms(zone="FR"), NOON)
    assert part.factor is not None
    assert part.factor.grams_per_kilowatt_hour == "300"
    assert part.factor.version == "mix: paper; 200 x 300 / (300 - 100)"


# ── what is posted ───────────────────────────────────────────────────────────────────────


def posted(
    book: MarketTable, energy: int, under: Terms | None = None
) -> Mapping[tuple[Account, str], int]:
    """Return the energy by account and grams per kilowatt-hour."""
    slot = slot_of(NOON * 1_000_000_000)
    found = postings(
        {slot: [energy]}, Columns([PACKAGE]), under or terms("FR"), Books(Book([GRID]), book)
    )
    return {
        (key.account, key.factor.grams_per_kilowatt_hour if key.factor else ""): quantity
        for key, quantity in found.items()
    }


def priced(
    book: MarketTable, energy: int, under: Terms | None = None
) -> tuple[Fraction, Fraction]:
    """Return the grams and the energy of the market's part."""
    found = postings(
        {SLOT: [energy]}, Columns([PACKAGE]), under or terms("FR"), Books(Book([GRID]), book)
    )
    said = [
        share
        for key, quantity in found.items()
        for share in shares(
            Pricing.of(key.account, key.terms, key.factor), Amount(0).plus(quantity, key.factor)
        )
        if share.part is Part.MARKET
    ]
    grams = sum((one.grams or Fraction(0) for one in said), Fraction(0))
    return grams, sum((one.energy_microjoules for one in said), Fraction(0))


def test_a_posting_is_split_and_the_location_based_one_is_not() -> None:
    book = table(wind=section(share=1 / 3), sun=section(7, share=0.5))
    assert posted(book, 100) == {
        (Account.HOST, "50"): 100,
        (Account.MARKET, "0"): 33,
        (Account.MARKET, "7"): 50,
        (Account.MARKET, "50"): 17,
    }


def test_nothing_used_is_posted_where_it_is_all_bought_at_once() -> None:
    assert posted(table(wind=section()), 0) == {(Account.HOST, "50"): 0, (Account.MARKET, "0"): 0}
    # What is covered in part by nothing is no row of its own.
    assert posted(table(wind=section(share=0.001)), 1) == {
        (Account.HOST, "50"): 1,
        (Account.MARKET, "50"): 1,
    }


def test_the_overhead_of_a_facility_is_bought_too() -> None:
    book = table(seller=section(100, kind="supplier"))
    hall = terms("FR", pue="1.5")
    assert priced(book, MICROJOULES_PER_KILOWATT_HOUR, hall)[0] == 150


@given(
    st.integers(0, 1 << 62),
    st.lists(st.integers(0, 1000), min_size=1, max_size=6).filter(any),
)
def test_no_microjoule_is_lost_between_the_parts(energy: int, weights: list[int]) -> None:
    parts = shared_out(energy, [Fraction(one, sum(weights)) for one in weights])
    assert sum(parts) == energy
    assert all(part >= 0 for part in parts)
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(energy * weight, sum(weights))) < 1


@given(
    st.integers(0, 1 << 50),
    st.lists(st.sampled_from([0.1, 0.2, 0.25, 1 / 3, 1 / 7]), max_size=3),
    st.sampled_from(["supplier", ""]),
)
def test_what_is_bought_is_the_energy_of_the_host(
    energy: int, covered: list[float], seller: str
) -> None:
    sections = {f"c{n}": section(n, share=share) for n, share in enumerate(covered)}
    if seller or not sections:
        sections["s"] = section(9, kind="supplier")
    found = posted(table(**sections), energy)
    assert sum(n for (account, _), n in found.items() if account is Account.MARKET) == energy
    assert found[Account.HOST, "50"] == energy


# ── what is refused ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("sections", "complaint"),
    [
        (
            {"a": section(share=0.6), "b": section(share=0.5)},
            "market.a, market.b together cover more than all",
        ),
        (
            {"a": section(share=0.6, sites=("x",)), "b": section(share=0.5, zones=("FR",))},
            "market.a, market.b together cover more than all",
        ),
        (
            {"a": section(kind="supplier"), "b": section(kind="supplier")},
            "market.a and market.b hold at the same time",
        ),
        ({"a": section(scope="lifecycle")}, "market.a is lifecycle, and energy is priced direct"),
    ],
)
def test_what_would_count_twice_is_refused(
    sections: dict[str, MarketSettings], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        table(**sections)


def test_one_contract_after_the_other_is_fine() -> None:
    found = table(a=section(1, valid_until="2026-01-01"), b=section(2, valid_from="2026-01-01"))
    assert bought(found, at=NOON - DAY) == [(1, 1, "contract")]
    assert bought(found) == [(2, 1, "contract")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("grams_per_kilowatt_hour = 1", "source is missing"),
        ('source = "x"', "grams_per_kilowatt_hour must be 0 to 2000: None"),
        ('source = "x"\ngrams_per_kilowatt_hour = -1', "must be 0 to 2000"),
        ('source = "x"\ngrams_per_kilowatt_hour = 0\nshare = 0', "share must be above 0"),
        ('source = "x"\nkind = "supplier"\nshare = 0.5', "are a contract's"),
        (
            'source = "x"\ngrams_per_kilowatt_hour = 0\nshare = 0.5\nprofile_file = "p"',
            "exclude each other",
        ),
        ('source = "x"\nvalid_from = "soon"', "valid_from must be a day"),
        ('source = "x"\nvalid_from = "2026-02-01"\nvalid_until = "2026-02-01"', "no time"),
        ('source = "x"\ndeliveries_file = "d"', "carbon_free = true only"),
        (
            'source = "x"\ndeliveries_file = "d"\ncarbon_free = true\ngrams_per_kilowatt_hour = 0',
            "prices nothing",
        ),
        ('source = "x"\nkind = "residual_mix"\ngeneration_megawatt_hours = 1', "go together"),
        (
            (
                'source = "x"\nkind = "residual_mix"\ngeneration_megawatt_hours = 1\n'
                "voluntary_megawatt_hours = 1"
            ),
            "to less than 1",
        ),
        ('source = "x"\ngrams_per_kilowatt_hour = 0\nsites = ["y"]', "there is no site 'y'"),
    ],
)
def test_a_section_that_is_wrong_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "collector.toml"
    file.write_text(f"[market.a]\n{text}\n")
    with pytest.raises(SettingsError, match=complaint):
        load_config(file, {})


def test_a_configuration_is_held_against_tables_and_files() -> None:
    """As `check-config` does."""
    require_known(CollectorConfig())
    for config, complaint in (
        (CollectorConfig(market={"a": section()}), "market.a is direct"),
        (CollectorConfig(sites={"a": SiteSettings(cloud="aws:mars-1")}), "sites.a: cloud"),
    ):
        with pytest.raises(ValueError, match=complaint):
            require_known(config)


def test_the_start_of_a_slot_says_which_hour_it_is_in() -> None:
    assert slot_start_unix_seconds(slot_of(NOON * 1_000_000_000)) == NOON
