"""M of a service whose hardware nobody said anything of: through the commands, unknown."""

from __future__ import annotations

import json
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from inventory_office import CONFIG, START, Office, read
from inventory_parts import asset
from pricing_desk import bare_environment
from wattgram_collector.inventory.register.assets import Embodied, Party

PRODUCT = """
[inventory.products.mail]
functional_unit = "email"
declared_unit = "piece"
product_ids = ["urn:mail"]
"""
MADE = Embodied(
    total_kilograms=Fraction(1_460), manufacturing_share=Fraction(1), transport_share=Fraction(0)
)


def mail(directory: Path, monkeypatch: pytest.MonkeyPatch, acquired_on: date | None) -> Office:
    """A leased mail server, its energy and a count of e-mails; the report is of a day."""
    bare_environment(monkeypatch)
    office = Office(directory, CONFIG + 'company_ids = ["urn:uuid:1"]\n' + PRODUCT)
    office.hosts(srv=[(START, "10")])
    office.assets(asset("srv", hosts=("srv",), service="mail", owner=Party.LESSOR, embodied=MADE,
                        acquired_on=acquired_on, life_years=Fraction(4)))  # fmt: skip
    counted = office.written("units.csv", "service,unit,count,from,to,source\n"
                             "mail,email,1000,2025-06-01,2025-06-30,postfix\n")  # fmt: skip
    office.run("units", "import", str(counted))
    return office


def test_a_leased_server_has_its_making_in_the_sci_and_the_footprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = mail(tmp_path, monkeypatch, date(2025, 1, 1))

    folder = office.report(period="2025-06")

    (sci,) = read(folder, "sci.csv")
    assert (sci["O_g"], sci["M_g"], sci["sci_g_per_unit"]) == ("3000", "30000", "33")
    (footprint,) = json.loads((folder / "pact.json").read_text(encoding="utf-8"))
    # with 3.3b and 3.3c of 15 kWh: 45 g/kWh, and 7 / 93 of 200 g/kWh
    assert footprint["pcf"]["pcfExcludingBiogenicUptake"] == "0.033900806"


def test_what_nobody_said_is_unknown_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = mail(tmp_path, monkeypatch, None)

    folder = office.report(period="2025-06")

    (sci,) = read(folder, "sci.csv")
    assert (sci["R"], sci["O_g"], sci["M_g"], sci["sci_g_per_unit"]) == ("1000", "3000", "", "")
    assert not (folder / "pact.json").exists()
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert (
        "SCI of mail: the making of what runs asset/srv is not known: M and its SCI are not known"
        in text
    )
