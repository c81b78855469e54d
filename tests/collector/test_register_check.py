"""What is wrong with a register, and where it and the agents do not meet."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest

from register_scenes import SERVER, asset
from wattgram_collector.inventory.making.hardware import shipped
from wattgram_collector.inventory.making.resolving import Resolver
from wattgram_collector.inventory.register.assets import (
    Asset,
    AssetRole,
    Build,
    Embodied,
    Party,
    Register,
    SiteKind,
    Supply,
)
from wattgram_collector.inventory.register.check import Checker, Grade, Problem
from wattgram_collector.inventory.register.journal import changes, kept_versions
from wattgram_collector.ledger.journal import JournalKind, JournalRecord, chained

DAY = date(2025, 6, 1)
RESOLVER = Resolver(shipped())


def problems(*versions: Asset, agents: dict[str, str] | None = None) -> list[Problem]:
    checker = Checker(Register(versions), agents or {}, RESOLVER, list(shipped().classes))
    return list(checker.problems(DAY))


def told(*versions: Asset, agents: dict[str, str] | None = None) -> list[tuple[str, str]]:
    return [(one.grade, one.subject) for one in problems(*versions, agents=agents)]


def test_a_good_register_and_its_agents() -> None:
    assert problems(asset("a", hosts=("web*",), units=2), agents={"1": "web1", "2": "web2"}) == []


@pytest.mark.parametrize(
    ("versions", "text"),
    [
        ([asset("a", controller=Party.LESSOR)], "error: asset/a: asset a: no rule says"),
        ([asset("a", device_class="labtop")],
         "unknown and no figure or mass is said; did you mean laptop?"),
        ([asset("a", acquired_on=None)], "warning: asset/a: acquired_on is not said"),
        ([asset("a", hosts=("x",))], "warning: asset/a: no agent of the ledger is it"),
        ([asset("a"), asset("a", valid_from=DAY, acquired_on=date(2025, 4, 1))],
         "acquired on 2025-03-01 and 2025-04-01: 2025-03-01 holds"),
        ([asset("a"), asset("a", valid_from=DAY, acquired_on=None, disposed_on=date(2025, 1, 1))],
         "error: asset/a: disposed_on is before acquired_on"),
        ([asset("a"), asset("a", valid_from=DAY, units=5)],
         "warning: asset/a: 4 more units from 2025-06-01"),
        ([SERVER, asset("a", supply=Supply.GENERATOR, generator="s1")],
         "error: asset/a: its generator s1 is a server"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_asset(versions: list[Asset], text: str) -> None:
    assert any(text in str(one) for one in problems(*versions))


GATEWAY = {"device_class": "iot_gateway", "role": AssetRole.CUSTOMER_INFRA,
           "site_kind": SiteKind.CUSTOMER_SITE, "controller": Party.CUSTOMER,
           "electricity_payer": Party.CUSTOMER}  # fmt: skip


def test_what_is_sold_is_no_longer_the_organisations() -> None:
    """Owned and sold is rule 11: leased out, without the life of what is sold in 3.11."""
    sold = {**GATEWAY, "is_sold_by_org": True, "sold_on": date(2025, 4, 1)}
    text = "its owner is org: say owner = customer from the day of the sale on; its use is 3.13"

    (one,) = problems(asset("gw", **sold))

    assert (one.grade, text in str(one)) == (Grade.WARNING, True)
    assert problems(asset("gw", **{**sold, "owner": Party.CUSTOMER})) == []
    assert problems(asset("gw", **{**sold, "sold_on": date(2025, 9, 1)})) == []


def test_what_is_leased_out_is_paid_by_who_leases_it() -> None:
    leased = {**GATEWAY, "is_leased_out": True}

    (one,) = problems(asset("gw", **{**leased, "electricity_payer": Party.ORG}))

    assert str(one).startswith("warning: asset/gw: leased_out, and rule 7 holds: 3.13 is of what")
    assert problems(asset("gw", **leased)) == []


def test_what_an_earlier_version_says_is_not_asked_again() -> None:
    later = asset("a", valid_from=date(2025, 5, 1), acquired_on=None)

    assert problems(asset("a"), later) == []


def test_a_card_that_is_in_the_sum_of_its_parent_is_twice() -> None:
    build = Build(processors=2, memory_gigabytes=Fraction(64), gpus=4)
    parent = asset("s1", build=build)
    card = asset("card", device_class="gpu_card", parent="s1")
    own = asset("s1", build=build, embodied=Embodied(total_kilograms=Fraction(1)))

    assert told(parent, card) == [(Grade.ERROR, "asset/card")]
    assert told(asset("s1"), card) == []
    assert told(own, card) == []
    assert told(parent, asset("card", device_class="gpu_card", parent="s1",
                              is_included_in_parent=True)) == []  # fmt: skip


def test_agents_and_assets_that_do_not_meet() -> None:
    register = [
        asset("a", hosts=("web*",)),
        asset("b", hosts=("*eb1",)),
        asset("c", hosts=("db",)),
    ]
    agents = {str(number): f"other{number}" for number in range(20)} | {"x": "web1", "y": "web2"}

    found = told(*register, agents=agents)

    assert [one for one in found if one[0] is Grade.ERROR] == [(Grade.ERROR, "agent/web1")]
    warned = {subject for grade, subject in found if grade is Grade.WARNING}
    assert warned == {f"agent/other{number}" for number in range(20)} | {"asset/b", "asset/c"}


def test_more_agents_than_units() -> None:
    found = problems(asset("a", hosts=("web*",)), agents={"1": "web1", "2": "web2"})

    assert [str(one) for one in found] == ["error: asset/a: 2 agents are it, but units is 1"]


def test_a_generator_supplies() -> None:
    diesel = asset("g", role=AssetRole.GENERATOR, device_class="power_cooling_per_kg")

    assert problems(diesel, asset("a", supply=Supply.GENERATOR, generator="g")) == []


# ── the journal ──────────────────────────────────────────────────────────────────────────────


def test_the_newest_entry_of_an_asset_and_day_holds() -> None:
    first, other = asset("a"), asset("a", valid_from=DAY)
    newer = asset("a", note="corrected")
    entries = list(chained(changes({}, [first, other]).records, 1))
    entries += chained(changes(kept_versions(entries), [newer, other]).records, 2, 2,
                       entries[-1].hash)  # fmt: skip

    kept = kept_versions(entries)

    assert [one.asset for one in kept.values()] == [newer, other]
    assert [one.number for one in kept.values()] == [3, 2]


@pytest.mark.parametrize("text", ['{"colour":"red"}', "{}", "[]", '{"asset_id":1}', "null", "x"])
def test_an_entry_that_is_no_asset_is_named(text: str) -> None:
    entries = list(chained([JournalRecord(JournalKind.ASSET, "a", text)], 1))

    with pytest.raises(ValueError, match="journal: entry 1 is no asset"):
        kept_versions(entries)


def test_other_entries_are_passed_over() -> None:
    entries = list(chained([JournalRecord(JournalKind.ACTIVITY, "a", "{}")], 1))

    assert kept_versions(entries) == {}
