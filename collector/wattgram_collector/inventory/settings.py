"""What an operator may set of the inventory: who reports, by which rules, in whose time zone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wattgram.settings import setting
from wattgram_collector.inventory.decision import Consolidation, HardwareBasis
from wattgram_collector.timezones import is_timezone

PERCENT_MAX: Final = 100.0
MINUTES_MAX: Final = 1440.0
YEAR_MIN: Final = 1990
YEAR_MAX: Final = 2200


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductSettings:
    """One `[inventory.products.<service>]`: what partners get a footprint of (PACT)."""

    name: str = setting("", "As the company calls it.")
    description: str = setting("", "What it is.")
    product_ids: tuple[str, ...] = setting((), "URNs of the product.")
    functional_unit: str = setting("", "Functional unit that is counted for it, as in units add.")
    declared_unit: str = setting(
        "piece", "Of the data model.", choices=("hour", "piece", "megabit second")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class InventorySettings:
    """The section `[inventory]`."""

    organisation: str = setting("", "Name of who reports; the report needs it.")
    description: str = setting("", "What the organisation is, for tcs.json.")
    registered_country: str = setting("", "Two letters, as in DE.")
    open_corporates_url: str = setting("", "Its page there, for tcs.json.")
    company_ids: tuple[str, ...] = setting((), "URNs of the company, for pact.json.")
    timezone: str = setting("UTC", "Whose midnight a year begins at, such as Europe/Berlin.")
    consolidation: str = setting(
        Consolidation.OPERATIONAL_CONTROL.value,
        "Whose emissions are the organisation's own (Corporate Standard, chapter 3).",
        choices=tuple(one.value for one in Consolidation),
    )
    equity_share_percent: float = setting(
        PERCENT_MAX,
        "Share that the organisation has in what it reports on; where consolidation is "
        "equity_share, all is taken by this share.",
    )
    hardware_basis: str = setting(
        HardwareBasis.PURCHASE_YEAR.value,
        "From which book tcs.json has the making of hardware.",
        choices=tuple(one.value for one in HardwareBasis),
    )
    network_category: int = setting(
        11, "Category of scope 3 of data that customers pay the network for: 9 or 11."
    )
    fill_gaps: bool = setting(
        default=False,
        help_text="Fill time that an agent did not see with the mean of the same hour of the "
        "week, as modelled energy.",
    )
    metrics_minutes: float = setting(
        15.0,
        "Least time between two times that the year so far is worked out for /metrics; 0: never.",
    )
    base_year: int = setting(0, "Year that later ones are compared with; 0: none.")
    base_year_rationale: str = setting("", "Why that one, and when it is calculated anew.")
    net_revenue: float = setting(0.0, "Of the period, for ESRS E1-6; 0: not said.")
    currency: str = setting("EUR", "Of the net revenue.")
    approved_by: str = setting("", "Who answers for the report.")
    auditor_link: str = setting("", "Page of who verified it; empty: self reported.")
    methodology_url: str = setting("", "Where the report may be read, for tcs.json.")
    products: dict[str, ProductSettings] = setting(
        {}, "Services of which pact.json has a footprint: `[inventory.products.<service>]`."
    )

    def __post_init__(self) -> None:
        if self.network_category not in (9, 11):
            raise ValueError(f"network_category must be 9 or 11, not {self.network_category}")
        if self.base_year and not YEAR_MIN <= self.base_year <= YEAR_MAX:
            raise ValueError(f"base_year must be {YEAR_MIN} to {YEAR_MAX}, or 0")
        if not 0 < self.equity_share_percent <= PERCENT_MAX:
            raise ValueError("equity_share_percent must be above 0 and at most 100")
        if not 0 <= self.metrics_minutes <= MINUTES_MAX:
            raise ValueError(f"metrics_minutes must be 0 to {MINUTES_MAX:g}")
        if self.net_revenue < 0:
            raise ValueError("net_revenue must not be below zero")
        if self.registered_country and len(self.registered_country) != len("DE"):
            raise ValueError("registered_country is two letters, such as DE")
        if not is_timezone(self.timezone):
            raise ValueError(f"timezone must be a name such as Europe/Berlin: {self.timezone!r}")
