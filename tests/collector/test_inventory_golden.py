"""Known answers through the commands: `activities import`, `report`, `what-if` and others."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from activity_rows import own
from inventory_office import Office, document, leaf, line, read
from inventory_parts import asset
from pricing_desk import bare_environment
from wattgram_collector.inventory.register.assets import Embodied
from wattgram_collector.inventory.report import tcs

SERVER = {"kind": "device_energy", "where": "onsite", "watts": "237", "hours_per_day": "24",
          "days": "365", "used_by": "servers", **own("0.328", "kg/kWh")}  # fmt: skip
ROWS = (
    {"kind": "device_energy", "activity_id": "g1", "where": "home",
     "watts": "17.1", "hours_per_day": "8", "days": "220", "units": "50",
     "paid_by": "employee", **own("0.328", "kg/kWh")},
    {**SERVER, "activity_id": "g4", "units": "10", "pue": "1.6"},
    {"kind": "electricity", "activity_id": "g11", "kwh": "1000",
     "country": "GB"},
    {"kind": "fuel", "activity_id": "g13", "fuel": "diesel", "litres": "100"},
    {"kind": "transport", "activity_id": "g14", "method": "T03",
     "mode": "road", "amount": "5000", "price_year": "2022"},
    {"kind": "data_transfer", "activity_id": "g16", "calls": "2091000000",
     "payload_bytes": "1000", "network": "gwf_case", "paid_by": "customer",
     **own("0.49", "kg/kWh")},
)  # fmt: skip


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    bare_environment(monkeypatch)
    return Office(tmp_path)


def close(found: Decimal | float, expected: str) -> bool:
    """Whether a number is the expected one, to its last digit."""
    said = Decimal(expected)
    places = len(expected.partition(".")[2])
    return abs(Decimal(str(found)) - said) <= Decimal(10) ** -places / 2


def test_activities_in_a_report(office: Office) -> None:
    """G1, G4, G11, G13, G14, G16, G18: each row of ledger.csv, and the document of them all."""
    office.activities(*ROWS)
    folder = office.report("--format", "csv,json")
    rows = read(folder, "ledger.csv")

    def of(activity_id: str, scope: str, part: str = "", method: str = "-") -> Decimal:
        found = [Decimal(row["kgco2e"]) for row in rows
                 if (row["activity_id"], row["scope"], row["subcategory"], row["method"])
                 == (activity_id, scope, part, method)]  # fmt: skip
        assert found
        return sum(found, Decimal(0))

    assert line(folder, "3.7") == of("g1", "3") == Decimal("493.5744")
    assert close(leaf(folder, "indirect_emissions.offsite_employee_hardware"), "493.6")
    assert close(of("g4", "2", method="location"), "10895.5")
    assert close(leaf(folder, "direct_emissions.servers"), "10895.5")
    uk = [of("g11", "2", method="location"), of("g11", "3", "3b"), of("g11", "3", "3c")]
    assert uk == [Decimal(177), Decimal("45.9"), Decimal("22.5")]
    assert of("g13", "1") == line(folder, "1") == Decimal("269.72")
    assert close(of("g13", "3", "3a"), "62.4")
    assert line(folder, "3.4") == of("g14", "3") == Decimal(2975)
    assert close(line(folder, "3.11"), "2.88")
    (flow,) = [row for row in rows if row["stage"] == "network"]
    assert close(Decimal(flow["quantity"]), "5.88")
    assert tcs.problems(document(folder, "tcs.json")) == []
    assert "sound" in office.run("report", "--verify", str(folder))


def test_a_server_over_its_life(office: Office) -> None:
    """G17: 1,278 kg over 4 years are 36.47 g an hour; G10: 1,000 kg are 28.54 g an hour."""
    made = {"acquired_on": date(2025, 1, 1), "life_years": Fraction(4)}
    whole: dict[str, Any] = {"manufacturing_share": Fraction(1), "transport_share": Fraction(0)}
    office.assets(
        asset("g17", embodied=Embodied(total_kilograms=Fraction(1_278), **whole), **made),
        asset(
            "g10", embodied=Embodied(total_kilograms=Fraction(1_000), **whole), service="s", **made
        ),
    )
    hour = office.written("units.csv", "service,unit,count,from,to,source\n"
                          "s,hour,8760,2025-01-01,2025-12-31,clock\n")  # fmt: skip
    office.run("units", "import", str(hour))

    folder = office.tables()

    accrued = {row["asset_id"]: row for row in read(folder, "assets.csv")}
    assert close(Decimal(accrued["g17"]["accrued_kg"]) * 1_000 / 8_760, "36.47")
    assert Decimal(accrued["g17"]["remaining_kg"]) == Decimal("958.5")
    assert accrued["g17"]["acquired_in_period"] == "true"
    (sci,) = read(folder, "sci.csv")
    assert close(Decimal(sci["M_g"]) / 8_760, "28.54")
    assert line(folder, "3.2") == 2_278  # the year of the purchase has all of it
    shown = json.loads(office.run("assets", "show", "g17", "--json"))
    assert shown["making"]["rate_grams_per_second"] == "0.0101313"


PHONE = "extend-life --kilograms 85 --years 2 --to-years 4"
WHAT_IFS = (
    ("G2", "extend-life --kilograms 277 --years 4 --to-years 5",
     {"embodied_before_kilograms_per_year": "69.25"}),
    ("G6", "ratio --use-kilograms 1000 --use-percent 80 --making-percent 20",
     {"embodied_kilograms": "250"}),
    ("G7", "extend-life --kilograms 290 --years 4 --to-years 6",
     {"embodied_before_kilograms_per_year": "72.5", "embodied_after_kilograms_per_year": "48.333",
      "embodied_change_kilograms_per_year": "-24.167"}),
    ("G8", f"{PHONE} --kilowatt-hours-per-year 7 --grams-per-kilowatt-hour 400",
     {"whole_before_kilograms_per_year": "45.3", "whole_after_kilograms_per_year": "24.05",
      "whole_change_percent": "-46.909"}),
)  # fmt: skip


@pytest.mark.parametrize(("words", "expected"), [one[1:] for one in WHAT_IFS],
                         ids=[one[0] for one in WHAT_IFS])  # fmt: skip
def test_what_ifs(office: Office, words: str, expected: dict[str, str]) -> None:
    found = json.loads(office.run("what-if", *words.split(), "--json"))

    assert {name: found[name] for name in expected} == expected
