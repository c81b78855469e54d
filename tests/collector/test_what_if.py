"""What another decision about hardware would come to."""

from __future__ import annotations

import json
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram_collector.__main__ import main
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

Output = pytest.CaptureFixture[str]


def values(lines: Iterable[Line]) -> dict[str, Any]:
    return {one.name: one.value for one in lines}


def owned(kilograms: int, years: int, age: int = 0) -> Owned:
    return Owned(Fraction(kilograms), Fraction(years), Fraction(age))


def test_a_laptop_kept_for_six_years_instead_of_four() -> None:
    """Golden G7: 72.5 to 48.33 kg a year, 24.17 less."""
    found = values(extend_life(owned(290, 4), Fraction(6), Use()))

    assert found["embodied_before_kilograms_per_year"] == Fraction("72.5")
    assert round(float(found["embodied_after_kilograms_per_year"]), 2) == 48.33
    assert round(float(found["embodied_change_kilograms_per_year"]), 2) == -24.17


def test_a_phone_kept_for_four_years_instead_of_two() -> None:
    """Golden G8: with 7 kWh a year at 400 g, 45.3 to 24.05 kg a year: 46.9 % less."""
    use = Use(Fraction(7), Fraction(400))

    found = values(extend_life(owned(85, 2), Fraction(4), use))

    assert found["whole_before_kilograms_per_year"] == Fraction("45.3")
    assert found["whole_after_kilograms_per_year"] == Fraction("24.05")
    assert round(float(found["whole_change_percent"]), 1) == -46.9


def test_what_is_left_is_spread_over_what_is_left() -> None:
    """Prospective: (TE - accrued + repair) / (L' - age)."""
    found = values(extend_life(owned(400, 4, 2), Fraction(6), Use(), Fraction(20)))

    assert found["prospective_kilograms_per_year"] == Fraction(200 + 20, 4)


def test_an_asset_given_up_early_destroys_what_is_left() -> None:
    """D04: units x TE x remaining life / life."""
    found = values(retire_early(owned(290, 4, 1), units=10))

    assert found == {"accrued_kilograms": 725, "written_off_kilograms": 2175}
    assert values(retire_early(owned(290, 4, 9)))["written_off_kilograms"] == 0


def test_what_is_bought_used_is_in_part_somebody_elses() -> None:
    found = values(refurbish(Fraction(200), Fraction(4)))

    shares = {"new": 200, "remanufactured": 80, "refurbished": 30, "reused": 0}
    assert {name: found[f"{name}_kilograms"] for name in shares} == shares
    assert found["refurbished_kilograms_per_year"] == Fraction("7.5")


def test_a_new_host_breaks_even() -> None:
    """1278 / ((400 - 250) x 8.76 x 328 / 1000) = 2.965 years."""
    found = values(replace_host(Fraction(1278), Fraction(400), Fraction(250), Fraction(328),
                                Fraction(4)))  # fmt: skip

    assert round(float(found["break_even_years"]), 3) == 2.965
    assert found["net_over_life_kilograms"] < 0


@pytest.mark.parametrize("watts", [400, 500])
def test_a_host_that_saves_nothing_never_breaks_even(watts: int) -> None:
    found = values(replace_host(Fraction(1), Fraction(400), Fraction(watts), Fraction(1),
                                Fraction(4)))  # fmt: skip

    assert found["break_even_years"] is None


def test_the_ratio_method() -> None:
    """Golden G6: 1000 kg of use at 80 % with 20 % of making is 250 kg."""
    found = ratio_method(Fraction(1000), Fraction(80), Fraction(20))

    assert values(found) == {"embodied_kilograms": 250}
    with pytest.raises(ValueError, match="above 0"):
        ratio_method(Fraction(1000), Fraction(0), Fraction(20))


@pytest.mark.parametrize(
    ("age", "longer", "problem"),
    [(0, 4, "must become longer"), (0, 3, "must become longer"), (6, 5, "is over already")],
)
def test_a_life_that_cannot_be_extended(age: int, longer: int, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        extend_life(owned(1, 4, age), Fraction(longer), Use())


whole = st.integers(1, 1_000).map(Fraction)


@given(whole, st.integers(1, 9), st.integers(1, 9), st.integers(0, 9), whole)
def test_a_longer_life_never_costs_more_a_year(
    kilograms: Fraction, life: int, more: int, age: int, use: Fraction
) -> None:
    thing = Owned(kilograms, Fraction(life), Fraction(min(age, life)))
    found = values(extend_life(thing, Fraction(life + more), Use(use, Fraction(100))))

    assert found["embodied_change_kilograms_per_year"] < 0
    assert -100 < found["whole_change_percent"] < 0
    assert found["prospective_kilograms_per_year"] <= kilograms / life
    left = values(retire_early(thing))
    assert left["accrued_kilograms"] + left["written_off_kilograms"] == kilograms


# ── the command ──────────────────────────────────────────────────────────────────────────────


def answer(capsys: Output, *words: str) -> Any:
    assert main(["what-if", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_command_answers_with_a_memo(capsys: Output) -> None:
    use = ("--kilowatt-hours-per-year", "7", "--grams-per-kilowatt-hour", "400")
    phone = ("--kilograms", "85", "--years", "2")

    found = answer(capsys, "extend-life", *phone, "--to-years", "4", *use)

    assert found["memo"] == "a memo: in no total of an inventory"
    assert found["whole_change_percent"] == "-46.909"


def test_a_class_knows_its_making_and_its_life(capsys: Output) -> None:
    found = answer(capsys, "replace", "--device-class", "server", "--old-watts", "400",
                   "--new-watts", "250", "--grams-per-kilowatt-hour", "328")  # fmt: skip

    assert found["break_even_years"] == "2.965"
    assert answer(capsys, "ratio", "--use-kilograms", "1000", "--use-percent", "80",
                  "--making-percent", "20")["embodied_kilograms"] == "250"  # fmt: skip


def test_an_asset_of_a_register(capsys: Output, tmp_path: Path) -> None:
    file = tmp_path / "assets.csv"
    file.write_text(
        "asset_id,device_class,role,site_kind,owner,controller,electricity_payer,units,alpha,"
        "alpha_basis,condition,embodied_kilograms\n"
        "l,laptop,employee_device,onsite,org,org,org,30,0.5,half,refurbished,200\n"
    )
    register = ("--register", str(file), "--asset", "l")

    retired = answer(capsys, "retire-early", *register, "--age-years", "1", "--units", "3")
    bought = answer(capsys, "refurbish", *register)

    assert retired["written_off_kilograms"] == "33.75"  # 3 x 200 x 0.5 x 0.15 x 3/4
    assert bought["refurbished_kilograms"] == "15"
    assert main(["what-if", "retire-early", "--register", str(file), "--asset", "x"]) == 2
    assert "no asset 'x'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--years", "4"], "say one of --kilograms"),
        (["--kilograms", "4"], "--kilograms needs --years"),
        (["--kilograms", "4", "--device-class", "laptop"], "say one of --kilograms"),
        (["--device-class", "lap"], "no class 'lap'; there are server"),
        (["--register", "none.toml", "--asset", "x"], "none.toml: No such file"),
    ],
)
def test_what_is_not_said_in_one_way_is_refused(
    capsys: Output, words: list[str], problem: str
) -> None:
    assert main(["what-if", "retire-early", *words]) == 2
    assert problem in capsys.readouterr().err


def test_a_person_reads_lines_with_their_formulas(capsys: Output) -> None:
    main(["what-if", "replace", "--kilograms", "1", "--years", "4", "--old-watts", "1",
          "--new-watts", "1", "--grams-per-kilowatt-hour", "1"])  # fmt: skip

    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split(None, 2) == ["break_even_years", "never", "TE_new / saved"]
    assert lines[-1] == "a memo: in no total of an inventory"
