"""What sites used by the hour: the same sums however they are gathered."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import intensity
from metered_scenes import DIRECT, FIRST, HOST, KILOWATT_HOUR, UK, Row, metering
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.intensity import Accounting, Scope
from wattgram_collector.inventory.metering import hours
from wattgram_collector.inventory.result import SiteHour

BOUGHT = intensity("GB", "20", scope=Scope.DIRECT, accounting=Accounting.MARKET)
HOUR = FIRST * 300


def test_an_hour_has_its_energy_and_grams_by_both_methods() -> None:
    rows = [Row(1, FIRST + at, KILOWATT_HOUR) for at in (0, 11, 12)]
    rows += [Row(1, FIRST + 12, KILOWATT_HOUR, Account.MARKET, factor=BOUGHT)]
    first, second = metering(rows, replace(HOST, site="hall 7")).site_hours()
    assert first == SiteHour("hall 7", HOUR, "GB", Fraction(2), Fraction(3),
                             Fraction(531), Fraction(531))  # fmt: skip
    assert second == SiteHour("hall 7", HOUR + 3600, "GB", Fraction(1), Fraction(3, 2),
                              Fraction(531, 2), Fraction(30))  # fmt: skip


def test_what_is_priced_or_bought_in_part_is_not_known() -> None:
    rows = [
        Row(1, FIRST, KILOWATT_HOUR),
        Row(2, FIRST, KILOWATT_HOUR, factor=None),
        Row(1, FIRST, KILOWATT_HOUR, Account.MARKET, factor=BOUGHT),
    ]
    (one,) = metering(rows).site_hours()
    assert (one.site, one.facility_kilowatt_hours) == ("hall", 3)
    assert (one.location_grams, one.market_grams) == (None, None)


ROWS = st.lists(
    st.builds(
        Row,
        st.integers(1, 4),
        st.integers(FIRST, FIRST + 40),
        st.integers(0, KILOWATT_HOUR),
        st.sampled_from((Account.HOST, Account.MARKET)),
        st.sampled_from((UK, replace(UK, pue="1.2"), replace(UK, zone="FR"))),
        st.sampled_from((DIRECT, BOUGHT, None)),
    ),
    max_size=20,
)


@settings(max_examples=20)
@given(ROWS)
def test_nothing_depends_on_how_much_is_held(rows: list[Row]) -> None:
    assets = [replace(HOST, asset_id=f"a{at}", site=f"s{at % 2}", agent_ids=(f"agent-{at}",))
              for at in (1, 2, 3)]  # fmt: skip
    held = list(metering(rows, *assets).site_hours())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hours, "_GATHERED_MAX", 1)
        found = metering(rows, *assets)
        assert list(found.site_hours()) == held
        assert list(found.site_hours()) == held, "again"
        found.hours.close()
    energy = sum((one.it_kilowatt_hours for one in held), Fraction(0))
    assert energy * KILOWATT_HOUR == sum(
        one.quantity for one in rows if one.account is Account.HOST
    )
    keys = [(one.site, one.zone, one.hour_unix_seconds) for one in held]
    assert keys == sorted(set(keys))
