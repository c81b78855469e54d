"""PURE. Where an emission belongs: in the GHG Protocol, and in the Technology Carbon Standard."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

CATEGORIES: Final = range(1, 16)
"""Of scope 3."""

CATEGORY_NAMES: Final = {
    1: "Purchased goods and services",
    2: "Capital goods",
    3: "Fuel- and energy-related activities",
    4: "Upstream transportation and distribution",
    5: "Waste generated in operations",
    6: "Business travel",
    7: "Employee commuting",
    8: "Upstream leased assets",
    9: "Downstream transportation and distribution",
    10: "Processing of sold products",
    11: "Use of sold products",
    12: "End-of-life treatment of sold products",
    13: "Downstream leased assets",
    14: "Franchises",
    15: "Investments",
}


class GhgPlace(NamedTuple):
    """A scope; of scope 3 a category, and what within it is told apart, as in `3a` or `cloud`."""

    scope: int
    category: int = 0
    """0 for scopes 1 and 2."""
    subcategory: str = ""

    def __str__(self) -> str:
        text = f"3.{self.category}" if self.scope == 3 else str(self.scope)  # noqa: PLR2004
        return f"{text} {self.subcategory}".rstrip()


SCOPE_1: Final = GhgPlace(1)
SCOPE_2: Final = GhgPlace(2)


def scope_3(category: int, subcategory: str = "") -> GhgPlace:
    """Return a category of scope 3; raises ValueError for one that does not exist."""
    if category not in CATEGORIES:
        raise ValueError(f"scope 3 has the categories 1 to 15, not {category}")
    return GhgPlace(3, category, subcategory)


class TcsLeaf(StrEnum):
    """A leaf of the standard's tree: its path in `tcs.json`, schema 0.1.0."""

    U_SOFTWARE = "upstream_emissions.software"
    U_EMPLOYEE_HARDWARE = "upstream_emissions.employee_hardware"
    U_NETWORK_HARDWARE = "upstream_emissions.network_hardware"
    U_SERVER_HARDWARE = "upstream_emissions.server_hardware"
    U_FOUNDATION_MODELS = "upstream_emissions.foundation_models"
    U_CONTENT_AND_DATA = "upstream_emissions.content_and_data"
    O_EMPLOYEE_HARDWARE = "direct_emissions.onsite_employee_hardware"
    O_NETWORKING = "direct_emissions.networking"
    O_SERVERS = "direct_emissions.servers"
    G_GENERATORS = "direct_emissions.generators"
    C_EMPLOYEE_HARDWARE = "indirect_emissions.offsite_employee_hardware"
    C_CLOUD_SERVICES = "indirect_emissions.cloud_services"
    C_SAAS = "indirect_emissions.saas"
    C_MANAGED_SERVICES = "indirect_emissions.managed_services"
    D_CUSTOMER_DEVICES = "downstream_emissions.customer_devices"
    D_NETWORK_DATA_TRANSFER = "downstream_emissions.network_data_transfer"
    D_DOWNSTREAM_INFRASTRUCTURE = "downstream_emissions.downstream_infrastructure"

    @property
    def letter(self) -> str:
        """U, O, G, C or D."""
        return self.name[0]

    @property
    def code(self) -> str:
        """The short form, as `O.servers`."""
        return f"{self.letter}.{self.value.partition('.')[2]}"

    @classmethod
    def of_code(cls, code: str) -> TcsLeaf:
        """Return the leaf of a short form; raises ValueError naming those that exist."""
        for leaf in cls:
            if leaf.code == code:
                return leaf
        known = ", ".join(leaf.code for leaf in cls)
        raise ValueError(f"the Technology Carbon Standard has no {code!r}; it has {known}")
