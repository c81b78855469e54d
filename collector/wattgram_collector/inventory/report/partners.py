"""PURE. What others read of a run: `tcs.json`, and `pact.json` of the products that are set up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from fractions import Fraction
from typing import Any, NamedTuple

from wattgram_collector.inventory.report import pact, tcs
from wattgram_collector.inventory.result import Inventory
from wattgram_collector.inventory.settings import InventorySettings, ProductSettings


class Footprints(NamedTuple):
    """The footprints that can be stated, and why others cannot."""

    said: list[dict[str, Any]]
    missing: list[str]


def tcs_document(inventory: Inventory) -> dict[str, Any]:
    """Return `tcs.json`; raises ValueError where it would not be what the schemas allow."""
    settings, period = inventory.settings, inventory.period
    url = settings.methodology_url
    organisation = tcs.Organisation(
        name=settings.organisation,
        description=settings.description,
        open_corporates_url=settings.open_corporates_url,
        registered_country=settings.registered_country,
        reporting_unit=inventory.org_unit,
        auditor_link=settings.auditor_link,
        disclosures=((url, "methodology", "how the figures came about"),) if url else (),
    )
    last = period.after - timedelta(days=1)
    found = tcs.document(
        organisation, period.first, last, inventory.postings, settings.hardware_basis
    )
    problems = tcs.problems(found)
    if problems:
        raise ValueError(f"tcs.json{problems[0]}")
    return found


def footprints(inventory: Inventory, created_unix_seconds: int) -> Footprints:
    """Return a footprint of each product of the settings, and what keeps one from being stated.

    Of one unit there is none: what a service is made of is not cut by units.
    """
    found = Footprints([], [])
    if inventory.org_unit:
        return found
    postings = inventory.postings
    for service, said in sorted(inventory.settings.products.items()):
        counts = [one for one in inventory.software
                  if one.service == service and one.unit == said.functional_unit]  # fmt: skip
        if not counts or counts[0].count is None:
            unit = said.functional_unit or "functional unit"
            found.missing.append(f"pact.json: {service}: nobody counted a {unit}")
            continue
        unmade = [name for name in counts[0].without_making if name.startswith("asset/")]
        if unmade:
            names = ", ".join(unmade)
            found.missing.append(f"pact.json: {service}: the making of {names} is not known")
            continue
        product = _product(service, said, inventory.settings, counts[0].count)
        mine = pact.up_to_the_gate(service, postings)
        sources = _sources(inventory, (one.factor for one in mine))
        try:
            found.said.append(
                pact.footprint(
                    product, postings, inventory.period.interval, created_unix_seconds, sources
                )
            )
        except pact.FootprintError as error:
            found.missing.append(f"pact.json: {error}")
    return found


def _product(
    service: str, said: ProductSettings, settings: InventorySettings, amount: Fraction
) -> pact.Product:
    return pact.Product(
        service=service,
        name=said.name or service,
        description=said.description,
        company=settings.organisation,
        company_ids=settings.company_ids,
        product_ids=said.product_ids,
        unit=said.declared_unit,
        amount=amount,
    )


def _sources(inventory: Inventory, used: Iterable[str]) -> list[str]:
    known = [inventory.factors[name] for name in set(used) if name in inventory.factors]
    return sorted({f"{one.source} {one.source_version}" for one in known})
