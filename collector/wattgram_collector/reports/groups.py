"""PURE. What is kept of the postings of one group while they stream by: sums, never rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple

from wattgram_collector.accounting.emissions import Account, Part, Pricing, Share, shares
from wattgram_collector.accounting.uncertainty import Errors, Mix
from wattgram_collector.intensity import Scope, Tier
from wattgram_collector.ledger.restatement import Posted
from wattgram_collector.reports.sums import Rates, Sums


class Basis(NamedTuple):
    """What may be one total: of one part, on one scope, of one segment of the network."""

    part: Part
    scope: Scope | None
    """None where nothing prices it."""
    segment: str


class Total(NamedTuple):
    """What shares of one basis come to. `grams` is None where nothing prices them."""

    energy_microjoules: Fraction
    grams: Fraction | None

    def plus(self, share: Share) -> Total:
        grams = self.grams
        if share.grams is not None:
            grams = (grams or Fraction(0)) + share.grams
        return Total(self.energy_microjoules + share.energy_microjoules, grams)


NOTHING = Total(Fraction(0), None)


class Group:
    """Postings as they were priced at ingest, as they are now, and as was noted for frozen ones.

    Memory: a few numbers for each pricing, and two for each host.
    """

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self.ingest = Sums(rates)
        self.now = Sums(rates)
        self.noted = Sums(rates)
        """What noted values would change: a posting at them, and taken away as it is now."""
        self._hosts: dict[int, list[float]] = {}

    def add(self, one: Posted) -> None:
        """Add a row of the ledger."""
        quantity = one.quantity
        now = self._rates.of(one.account, one.terms, one.restated)
        at_ingest = now
        if one.factor is not one.restated:
            at_ingest = self._rates.of(one.account, one.terms, one.factor)
        self.ingest.add(at_ingest, quantity)
        self.now.add(now, quantity)
        if one.noted is not None:
            self.noted.add(self._rates.of(one.account, one.terms, one.noted), quantity)
            self.noted.add(now, -quantity)
        if one.account is Account.HOST:
            host = self._hosts.setdefault(one.agent_key, [0.0, 0.0])
            host[0] += quantity
            host[1] += quantity * now.numerator / now.denominator

    @property
    def hosts(self) -> int:
        """How many hosts used energy."""
        return len(self._hosts)

    def energy_errors(self, mixes: Mapping[int, Mix], scale: float) -> Errors:
        """Return the error of the hosts' energy, in microjoules times `scale`."""
        return self._host_errors(mixes, 0, scale)

    def grams_errors(self, mixes: Mapping[int, Mix], grams: float) -> Errors:
        """Return what the error of the hosts' energy is of a total of so many grams."""
        of = 1 if any(host[1] for host in self._hosts.values()) else 0
        whole = sum(host[of] for host in self._hosts.values())
        return self._host_errors(mixes, of, grams / whole if whole else 0.0)

    def _host_errors(self, mixes: Mapping[int, Mix], of: int, scale: float) -> Errors:
        errors = Errors()
        for agent, host in self._hosts.items():
            mixes[agent].add_to(errors, host[of] * scale)
        return errors


def totals(sums: Sums) -> dict[Basis, Total]:
    """Return what the sums come to, basis by basis."""
    found: dict[Basis, Total] = {}
    for pricing, amount in sums.amounts():
        for share in shares(pricing, amount):
            basis = Basis(share.part, pricing.scope, share.segment)
            found[basis] = found.get(basis, NOTHING).plus(share)
    return found


def shares_of(sums: Sums, part: Part) -> Iterator[tuple[Pricing, Share]]:
    """Yield the shares of one part, with how each was priced."""
    for pricing, amount in sums.amounts():
        for share in shares(pricing, amount):
            if share.part is part:
                yield pricing, share


def energy_by_tier(sums: Sums) -> dict[Tier | None, int]:
    """Return the hosts' energy in microjoules by the tier of its factor now; None: unpriced."""
    found: dict[Tier | None, int] = {}
    for pricing, amount in sums.amounts():
        if pricing.account is Account.HOST:
            found[pricing.tier] = found.get(pricing.tier, 0) + amount.quantity
    return found


def mean_intensities(sums: Sums) -> dict[Scope, Fraction]:
    """Return sum(E x I) / sum(E) of the hosts' priced energy in g/kWh, by scope."""
    energy: dict[Scope, int] = {}
    weighted: dict[Scope, Fraction] = {}
    for pricing, amount in sums.amounts():
        scope = pricing.scope
        if pricing.account is Account.HOST and scope is not None:
            energy[scope] = energy.get(scope, 0) + amount.quantity
            weighted[scope] = weighted.get(scope, Fraction(0)) + amount.weighted
    return {scope: weighted[scope] / whole for scope, whole in energy.items() if whole}
