"""PURE. What is wrong with a register, and where it and the ledger's agents do not meet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple

from wattgram_collector.inventory.decision import (
    Consolidation,
    Making,
    UndecidedError,
    decide,
)
from wattgram_collector.inventory.making.lives import holding, lifelong
from wattgram_collector.inventory.making.resolving import Resolver
from wattgram_collector.inventory.register.assets import Asset, AssetRole, Party, Register

_CARDS: Final = {"gpu_card": "gpus", "hdd": "hdds", "ssd": "ssds"}


class Grade(StrEnum):
    ERROR = "error"
    """Something is in no total, or twice, until it is put right."""
    WARNING = "warning"


class Problem(NamedTuple):
    grade: Grade
    subject: str
    """`asset/ID` or `agent/HOST`."""
    text: str

    def __str__(self) -> str:
        return f"{self.grade}: {self.subject}: {self.text}"


class Checker:
    """Looks at a register on a day; `agents` is agent id to host name, `classes` are known."""

    def __init__(
        self,
        register: Register,
        agents: Mapping[str, str],
        resolver: Resolver,
        classes: Sequence[str],
        consolidation: Consolidation = Consolidation.OPERATIONAL_CONTROL,
    ) -> None:
        self._register = register
        self._agents = agents
        self._resolver = resolver
        self._classes = classes
        self._consolidation = consolidation

    def problems(self, day: date) -> Iterator[Problem]:
        """Yield what is wrong: of the assets that hold on the day, then of the agents."""
        held = []
        for asset_id in self._register:
            said = self._register.versions(asset_id)
            try:
                versions = lifelong(said)
            except ValueError as error:
                yield Problem(Grade.ERROR, f"asset/{asset_id}", str(error))
                continue
            yield from _acquired_twice(said)
            yield from _grown(versions)
            asset = holding(versions, day)
            if asset is not None:
                held.append(asset)
                yield from self._of_asset(asset, day)
        yield from self._of_agents(held, day)

    def _of_asset(self, asset: Asset, day: date) -> Iterator[Problem]:
        name = f"asset/{asset.asset_id}"
        try:
            decision = decide(asset, self._consolidation)
        except UndecidedError as error:
            yield Problem(Grade.ERROR, name, str(error))
            return
        making = decision.making
        yield from _handed_over(asset, decision.rule, day)
        supplier = self._register.at(asset.generator, day) if asset.generator else None
        if supplier is not None and supplier.role is not AssetRole.GENERATOR:
            yield Problem(
                Grade.ERROR, name, f"its generator {asset.generator} is a {supplier.role}"
            )
        if making is not Making.NONE and not asset.is_included_in_parent:
            yield from self._of_making(asset, day)

    def _of_making(self, asset: Asset, day: date) -> Iterator[Problem]:
        name = f"asset/{asset.asset_id}"
        try:
            resolved = self._resolver.of(asset)
        except ValueError as error:
            yield Problem(Grade.ERROR, name, str(error))
            return
        if resolved is None:
            near = get_close_matches(asset.device_class, self._classes, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            text = f"nothing tells what making it emitted: class {asset.device_class!r}"
            yield Problem(
                Grade.WARNING, name, f"{text} is unknown and no figure or mass is said{hint}"
            )
        if asset.acquired_on is None:
            yield Problem(Grade.WARNING, name, "acquired_on is not said: its making is in no year")
        part = _CARDS.get(asset.device_class)
        parent = self._lifelong_at(asset.parent, day) if part and asset.parent else None
        if parent is not None and part and self._has_inside(parent, part):
            text = f"its making is twice: the figure of {parent.asset_id} has its {part} inside"
            yield Problem(Grade.ERROR, name, f"{text}; say included_in_parent")

    def _lifelong_at(self, asset_id: str, day: date) -> Asset | None:
        return holding(lifelong(self._register.versions(asset_id)), day)

    def _has_inside(self, parent: Asset, part: str) -> bool:
        resolved = self._resolver.of(parent)
        is_summed = resolved is not None and resolved.figure.factor.startswith("parts/")
        return is_summed and bool(getattr(parent.build, part))

    def _of_agents(self, held: Sequence[Asset], day: date) -> Iterator[Problem]:
        agents = sorted(self._agents.items(), key=lambda one: one[1])
        bound, claimed = self._bound(agents, day)
        yield from claimed
        told = {one.subject for one in claimed}
        for agent_id, host in agents:
            name = f"agent/{host}"
            if agent_id not in bound and name not in told:
                text = "no asset is this host: where its energy belongs is undecided"
                yield Problem(Grade.WARNING, name, text)
        counts = Counter(bound.values())
        for asset in held:
            name, count = f"asset/{asset.asset_id}", counts[asset.asset_id]
            if (asset.agent_ids or asset.hosts) and not count:
                yield Problem(Grade.WARNING, name, "no agent of the ledger is it")
            if count > asset.units:
                yield Problem(
                    Grade.ERROR, name, f"{count} agents are it, but units is {asset.units}"
                )

    def _bound(
        self, agents: Sequence[tuple[str, str]], day: date
    ) -> tuple[dict[str, str], list[Problem]]:
        """Return the asset's name of each agent, and who is claimed twice: found by halving."""
        try:
            found = self._register.bound(dict(agents), day)
        except ValueError as error:
            if len(agents) == 1:
                return {}, [Problem(Grade.ERROR, f"agent/{agents[0][1]}", str(error))]
            middle = len(agents) // 2
            one, its = self._bound(agents[:middle], day)
            other, others = self._bound(agents[middle:], day)
            return one | other, its + others
        return {agent_id: asset.asset_id for agent_id, asset in found.items()}, []


def _handed_over(asset: Asset, rule: str, day: date) -> Iterator[Problem]:
    """Yield what is sold or leased out in words, and is not where that would have it."""
    name = f"asset/{asset.asset_id}"
    is_sold = asset.is_sold_by_org and (asset.sold_on is None or asset.sold_on <= day)
    if is_sold and asset.owner is Party.ORG:
        text = (
            "sold_by_org, and its owner is org: say owner = customer from the day of the sale on"
        )
        where = "is 3.13 as if it were leased out" if rule == "11" else "and life are not 3.11"
        yield Problem(Grade.WARNING, name, f"{text}; its use {where}")
    if asset.is_leased_out and rule != "11":
        text = f"leased_out, and rule {rule} holds: 3.13 is of what the organisation owns, and"
        yield Problem(Grade.WARNING, name, f"{text} a customer runs and pays the electricity of")


def _acquired_twice(versions: Sequence[Asset]) -> Iterator[Problem]:
    days = sorted({one.acquired_on for one in versions if one.acquired_on})
    if len(days) > 1:
        first = next(one.acquired_on for one in versions if one.acquired_on)
        said = " and ".join(map(str, days))
        text = f"its versions say that it was acquired on {said}: {first} holds"
        yield Problem(Grade.WARNING, f"asset/{versions[0].asset_id}", text)


def _grown(versions: Sequence[Asset]) -> Iterator[Problem]:
    for before, after in pairwise(versions):
        if after.units > before.units:
            yield Problem(
                Grade.WARNING,
                f"asset/{after.asset_id}",
                f"{after.units - before.units} more units from {after.valid_from}: they are in no "
                "year of acquisition; what was bought later is an asset of its own",
            )
