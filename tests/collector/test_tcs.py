"""`tcs.json`: what is in it, and what its schemas refuse."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from wattgram_collector.inventory.places import SCOPE_1, SCOPE_2, TcsLeaf
from wattgram_collector.inventory.postings import Method, Posting, Stage
from wattgram_collector.inventory.report.tcs import Organisation, document, problems

SCHEMAS = Path(__file__).parents[3] / "shared" / "data" / "tcs" / "schemas"


def posting(leaf: TcsLeaf, kilograms: Any, **said: Any) -> Posting:
    facts = {
        "start_unix_seconds": 0,
        "end_unix_seconds": 300,
        "subject": "asset/a",
        "stage": Stage.USE,
        "place": SCOPE_1,
        "leaf": leaf,
        "grams": None if kilograms is None else Fraction(kilograms) * 1_000,
    }
    return Posting(**{**facts, **said})


LOCATION = {"place": SCOPE_2, "method": Method.LOCATION}
MARKET = {"place": SCOPE_2, "method": Method.MARKET, "in_tcs": False}
WHO = Organisation(
    "Example plc",
    registered_country="GB",
    auditor_link="https://auditor.example/",
    disclosures=(("https://example.com/report", "report", "the report"),),
)
POSTED = [
    posting(TcsLeaf.O_SERVERS, "10.1234565", **LOCATION),
    posting(TcsLeaf.O_SERVERS, 4, **MARKET),
    posting(TcsLeaf.G_GENERATORS, 3),
    posting(TcsLeaf.U_SERVER_HARDWARE, 20, stage=Stage.EMBODIED_ACQUIRED, subject="asset/b"),
    posting(TcsLeaf.C_SAAS, 0, subject="activity/saas"),
    posting(TcsLeaf.D_CUSTOMER_DEVICES, None, subject="activity/devices"),
]


def made(who: Organisation = WHO) -> dict[str, Any]:
    return document(who, date(2025, 1, 1), date(2025, 12, 31), POSTED, "purchase_year")


def test_what_is_in_the_document() -> None:
    assert made() == {
        "schema_version": "0.1.2",
        "organisation": {"organisation_name": "Example plc", "registered_country": "GB"},
        "emissions_reports": [
            {
                "schema_version": "0.0.3",
                "reporting_period": {"from_date": "2025-01-01", "to_date": "2025-12-31"},
                "verification": "independently verified",
                "auditor_link": "https://auditor.example/",
                "disclosures": [
                    {
                        "url": "https://example.com/report",
                        "doc_type": "report",
                        "description": "the report",
                    }
                ],
                "tech_carbon_standard": {
                    "schema_version": "0.1.0",
                    "upstream_emissions": {
                        "server_hardware": {"emissions": 20.0, "notes": "hardware: purchase year"}
                    },
                    "direct_emissions": {
                        "servers": {
                            "emissions": 10.123456,
                            "method": "location-based",
                            "notes": "market-based: 4.0 kgCO2e",
                        },
                        "generators": {"emissions": 3.0},
                    },
                    "indirect_emissions": {
                        "saas": {
                            "emissions": 0.0,
                            "notes": "evaluated, and nothing was emitted",
                        }
                    },
                },
            }
        ],
    }


def _set(*path: Any) -> Callable[[Any, Any], None]:
    def change(said: Any, value: Any) -> None:
        for key in path[:-1]:
            said = said[key]
        said[path[-1]] = value

    return change


REPORT = ("emissions_reports", 0)
STANDARD = (*REPORT, "tech_carbon_standard")
WRONG: list[tuple[tuple[Any, ...], Any, str]] = [
    ((*STANDARD, "direct_emissions", "servers", "emissions"), -1, "must not be below 0"),
    ((*STANDARD, "direct_emissions", "servers", "emissions"), "1", "must be a number"),
    ((*STANDARD, "direct_emissions", "servers", "emissions"), True, "must be a number"),
    ((*STANDARD, "direct_emissions", "servers", "extra"), 1, "extra is not in the schema"),
    ((*STANDARD, "direct_emissions", "servers", "method"), "both", "must be one of"),
    ((*STANDARD, "direct_emissions", "generators", "method"), "location-based", "method is not"),
    ((*STANDARD, "downstream_emissions"), {"end_user_devices": {"emissions": 1}}, "end_user"),
    ((*STANDARD, "schema_version"), "9", "must be one of 0.1.0"),
    ((*REPORT, "reporting_period", "to_date"), "31.12.2025", "must be a day"),
    ((*REPORT, "reporting_period"), {"from_date": "2025-01-01"}, "to_date is required"),
    ((*REPORT, "verification"), "trust us", "must be one of"),
    ((*REPORT, "disclosures", 0, "doc_type"), "blog", "must be one of"),
    ((*REPORT, "auditor_link"), "auditor", "must be a URL"),
    (("organisation",), {}, "organisation_name is required"),
    (("organisation", "country"), "GB", "country is not in the schema"),
    (("emissions_reports",), {}, "must be a list"),
    (("more",), 1, "more is not in the schema"),
]


@pytest.mark.parametrize(("path", "value", "problem"), WRONG)
def test_what_is_wrong_is_named_with_its_path(
    path: tuple[Any, ...], value: Any, problem: str
) -> None:
    said = made()
    _set(*path)(said, value)

    (found,) = problems(said)

    assert problem in found


def test_who_is_verified_names_the_auditor() -> None:
    said = made()
    del said["emissions_reports"][0]["auditor_link"]

    assert problems(said) == [
        ".emissions_reports[0]: auditor_link is required where it is independently verified"
    ]


def test_without_an_auditor_it_is_self_reported() -> None:
    said = made(Organisation("Example plc"))

    assert said["emissions_reports"][0]["verification"] == "self reported"
    assert problems(said) == []


# ── beside the official schemas ──────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def official() -> Callable[[Any], bool]:
    if not SCHEMAS.is_dir():
        pytest.skip("needs the standard's schemas in ../shared, which are not part of the project")
    found = [json.loads(file.read_text()) for file in SCHEMAS.glob("*/v*.json")]
    registry: Registry[Any] = Registry().with_resources(
        (one["$id"], Resource.from_contents(one)) for one in found
    )
    root = json.loads((SCHEMAS / "index.json").read_text())
    return Draft202012Validator(
        root, registry=registry, format_checker=FormatChecker(["date"])
    ).is_valid


def test_the_official_schemas_take_ours_and_their_own_example(
    official: Callable[[Any], bool],
) -> None:
    example = SCHEMAS / "examples" / "reporting_organisation" / "v0.1.2.json"
    theirs = json.loads(example.read_text())

    assert official(made())
    assert official(theirs)
    assert problems(theirs) == []


@pytest.mark.parametrize(("path", "value", "problem"), WRONG)
def test_the_official_schemas_refuse_what_we_refuse(
    path: tuple[Any, ...], value: Any, problem: str, official: Callable[[Any], bool]
) -> None:
    said = made()
    _set(*path)(said, value)
    if "URL" in problem:
        pytest.skip("the library checks URLs only with a package that we do not have")

    assert not official(said)


values = st.sampled_from(
    [None, True, 0, -1, 0.5, "", "0.1.0", "0.1.2", "location-based", "2025-01-01", [], {},
     {"emissions": 1}, {"emissions": 1, "method": "other"}]
)  # fmt: skip


@st.composite
def documents(draw: st.DrawFn) -> Any:
    """A document of ours with some of its values changed, taken away or added."""
    said = copy.deepcopy(made())
    for _ in range(draw(st.integers(0, 3))):
        holder, key = said, "schema_version"
        while isinstance(holder, dict | list) and holder:
            keys = sorted(holder) if isinstance(holder, dict) else list(range(len(holder)))
            key = draw(st.sampled_from(keys))
            if not isinstance(holder[key], dict | list) or draw(st.booleans()):
                break
            holder = holder[key]
        if isinstance(holder, dict) and draw(st.booleans()):
            holder.pop(key, None)
        elif isinstance(holder, dict | list) and holder:
            holder[key] = copy.deepcopy(draw(values))
    return said


def test_ours_and_the_official_schemas_agree(official: Callable[[Any], bool]) -> None:
    """Law: `problems` refuses what the schemas refuse, and nothing else but bad URLs."""

    @given(documents())
    def agree(said: Any) -> None:
        found = [one for one in problems(said) if "must be a URL" not in one]
        assert official(said) == (not found), found

    agree()
