"""The hosts that a reader asks for by the query string."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from page_scenes import row, rows
from wattgram.readings import Quality
from wattgram_collector.exposition.pages.asked import ROWS, SORTS, Asked, answer, read
from wattgram_collector.intensity import Tier
from wattgram_collector.views.model import Presence


def names(asked: Asked) -> list[str]:
    return [one.host for one in answer(rows(), asked).rows]


def test_unasked_all_hosts_are_in_the_order_of_their_names() -> None:
    assert names(read({})) == ["alpha", "beta", "delta", "gateway-7"]
    assert not read({}).is_filtered
    assert read({}).link() == "?"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "ETA"}, ["beta"]), ({"q": " slough "}, ["delta", "gateway-7"]),
        ({"q": "fr"}, ["alpha"]), ({"q": "laptop"}, ["beta"]), ({"q": "rapl"}, ["alpha"]),
        ({"q": "nothing"}, []), ({"state": "late"}, ["gateway-7"]),
        ({"state": "gone"}, []), ({"problems": "1"}, ["beta", "gateway-7"]),
        ({"problems": "1", "state": "reports"}, ["beta"]),
    ],
)  # fmt: skip
def test_hosts_are_found(query: dict[str, str], found: list[str]) -> None:
    assert names(read(query)) == found
    assert read(query).is_filtered


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("power", ["alpha", "delta", "beta", "gateway-7"]),
        ("rate", ["beta", "alpha", "delta", "gateway-7"]),
        ("quality", ["alpha", "delta", "beta", "gateway-7"]),
        ("tier", ["alpha", "beta", "delta", "gateway-7"]),
        ("site", ["alpha", "delta", "gateway-7", "beta"]),
        ("state", ["alpha", "beta", "delta", "gateway-7"]),
        ("energy", ["alpha", "beta", "delta", "gateway-7"]),
        ("grams", ["beta", "alpha", "gateway-7", "delta"]),
        ("problems", ["beta", "gateway-7", "alpha", "delta"]),
    ],
)
def test_hosts_are_sorted_and_what_is_unknown_comes_last(sort: str, order: list[str]) -> None:
    assert names(read({"sort": sort})) == order


def test_the_other_way_round_what_is_unknown_still_comes_last() -> None:
    turned = read({"sort": "power"}).sorted_by("power")
    assert turned.is_turned
    assert names(turned) == ["beta", "delta", "alpha", "gateway-7"]
    assert not turned.sorted_by("power").is_turned
    assert not turned.sorted_by("rate").is_turned


def test_zero_is_a_number_and_stands_before_what_is_unknown() -> None:
    shown = answer([row("a", power_watts=None), row("b", power_watts=0.0)], Asked(sort="power"))
    assert [one.host for one in shown.rows] == ["b", "a"]


def test_every_column_takes_a_row_of_which_nothing_is_known() -> None:
    bare = row("x", site="", power_watts=None, power_quality=None, tier=None, grams_per_hour=None,
               energy_joules=None, grams=None, presence=Presence.GONE)  # fmt: skip
    full = row("y", power_quality=Quality.DEFAULT, tier=Tier.WORLD)
    for sort in SORTS:
        assert len(answer([bare, full], Asked(sort=sort)).rows) == 2


def test_a_large_fleet_comes_page_by_page() -> None:
    many = [row(f"node-{at:04}") for at in range(2 * ROWS + 1)]
    pages = [answer(many, Asked(page=page)) for page in (1, 2, 3)]
    assert [len(page.rows) for page in pages] == [ROWS, ROWS, 1]
    assert [page.first for page in pages] == [1, ROWS + 1, 2 * ROWS + 1]
    assert {page.pages for page in pages} == {3}
    assert pages[2].rows[0].host == f"node-{2 * ROWS:04}"
    assert answer(many, Asked(page=99)).asked.page == 3
    assert answer(many, Asked(page=-1)).asked.page == 1
    assert answer([], Asked()).pages == 1


asks = st.builds(
    Asked,
    search=st.text(max_size=20).map(str.strip),
    state=st.sampled_from([None, *Presence]),
    has_problem=st.booleans(),
    sort=st.sampled_from(list(SORTS)),
    is_turned=st.booleans(),
    page=st.integers(1, 1_000),
)


@given(asks)
def test_a_link_asks_for_what_it_was_made_of(asked: Asked) -> None:
    assert read(dict(parse_qsl(asked.link()[1:], errors="strict"))) == asked


@given(st.dictionaries(st.sampled_from(["q", "state", "problems", "sort", "turn", "page"]),
                       st.text(max_size=200)))  # fmt: skip
def test_any_query_is_answered(query: dict[str, str]) -> None:
    assert answer(rows(), read(query)).pages == 1
