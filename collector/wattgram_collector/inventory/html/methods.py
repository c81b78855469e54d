"""PURE. How a posting was made, in words: from the rule that stands on it and what it is of."""

from __future__ import annotations

from typing import Final, NamedTuple

from wattgram_collector.inventory.postings import Posting, Stage


class How(NamedTuple):
    """A method in words, and the rule that stands on the posting."""

    words: str
    meaning: str
    rule: str
    decided: str = ""
    """Of an asset: what the row of the decision table is."""


_ROWS: Final = {
    "1": "a generator of the organisation, or what it supplies: scope 1",
    "2": "a provider's cloud: category 1",
    "3": "software as a service: category 1",
    "4": "run and paid by the organisation on its own site: scope 2",
    "5": "run by the organisation, paid by its landlord or provider: scope 2 by operational "
    "control",
    "6": "leased and outside the boundary: category 8",
    "7": "at a customer and paid by the organisation",
    "8": "an employee's device away from the office: category 7",
    "9": "run by a provider for the organisation: category 1",
    "10": "a customer's own device: category 11",
    "11": "at a customer, owned by the organisation, paid by the customer: category 13",
    "12": "at a customer, sold by the organisation: category 11",
    "13": "at a customer, bought elsewhere, needed by the service: category 11",
    "14": "bytes over networks of others",
}
"""Of the decision table: what decided where an asset belongs."""

_STAGES: Final = {
    Stage.USE: ("metered energy", "metered energy x intensity of its grid at its own time"),
    Stage.ELECTRICITY_SUPPLY: ("derived from energy", "energy x supply of the fuel of its grid"),
    Stage.LOSSES: ("derived from energy", "energy x losses of the grid, with their supply"),
    Stage.RESOLD: ("derived from energy", "energy sold on x intensity, supply and losses"),
    Stage.EMBODIED_ACQUIRED: ("embodied (acquired)", ("figure of the making x share x "
                              "condition, once, when it was acquired")),
    Stage.EMBODIED_AMORTISED: ("embodied (amortised)", ("figure of the making spread over the "
                               "expected life")),
    Stage.TRANSPORT: ("embodied (transport)", "the transport's part of the embodied figure"),
    Stage.END_OF_LIFE: ("embodied (end of life)", "the end of life's part of the embodied figure"),
    Stage.NETWORK: ("bytes x kWh/GB", "bytes x energy per gigabyte x intensity"),
}  # fmt: skip
"""Of what assets and agents have; activities say their own method."""

_ENDINGS: Final = {
    "spend": ("spend-based", "money in USD of 2022 x kg/USD"),
    "supplier": ("supplier's figure", "kilograms as the supplier reports them"),
    "hybrid": ("hybrid", "the supplier's scopes 1 and 2, and the rest by quantity or money"),
    "average": ("average data", "quantity x an average factor"),
    "energy": ("energy x intensity", "electricity used for the organisation x its grid"),
    "distance": ("distance-based", "kilometres x kg/km, of persons or of vehicles"),
    "fuel": ("fuel-based", "litres x kg/l, burnt and supplied"),
    "nights": ("nights", "nights x kg/night"),
    "site": ("site-specific", "what the site itself used, shared out"),
    "asset": ("asset-specific", "the energy and fuel of the asset itself"),
    "lessor": ("lessor-specific", "the lessor's energy and fuel by share of the area"),
}
_CODES: Final = {
    "S1": ("fuel-based", "fuel burnt x kg/l or kg/kWh; refrigerant x warming potential"),
    "S2": ("energy x intensity", "purchased electricity x intensity of its grid"),
    "3a": ("fuel-based", "fuel x its supply"),
    "3b": ("derived from energy", "electricity x supply of the fuel of its grid"),
    "3c": ("derived from energy", "electricity x losses of the grid, with their supply"),
    "3d": ("derived from energy", "electricity sold on x intensity, supply and losses"),
    "T01": ("fuel-based", "fuel, electricity and refrigerants of the vehicle"),
    "T01a": ("fuel-based", "fuel from money: spend / price of a litre"),
    "T01b": ("fuel-based", "fuel from distance: km x l/100 km"),
    "T01c": ("fuel-based", "a shared vehicle: fuel x own load / all loads"),
    "T02": ("distance-based", "tonnes x km x kg/(t.km)"),
    "T02a": ("distance-based", "tonnes x great circle x detour x kg/(t.km)"),
    "T03": ("spend-based", "money in USD of 2022 x kg/USD"),
    "T04": ("site-specific", "what the site uses x own volume / all of it"),
    "T05": ("average data", "volume x days x kg per volume and day"),
    "T07": ("distance-based", "customers' trips x km / things bought on one trip"),
    "D01": ("product analytics", "hours by class and country x W x intensity"),
    "D02": ("energy x intensity", "energy charged x intensity where and when it was"),
    "D04": ("consequential memo", "devices x making x life that was left"),
    "D08": ("bytes x kWh/GB", "bytes x energy per gigabyte x intensity"),
    "D10": ("power x hours", "power x hours x intensity"),
    "D12": ("bytes x kWh/GB", "bytes to a supplier x energy per gigabyte x intensity"),
    "U02": ("bytes x kWh/GB", "bytes of software x energy per gigabyte x intensity"),
    "U12": ("share of a model", "share of a model's training, or of the machines it ran on"),
    "U15": ("data at rest", "TBh x Wh/TBh x replicas x intensity"),
    "U16": ("bytes x kWh/GB", "bytes of content x energy per gigabyte x intensity"),
    "U17": ("bytes x kWh/GB", "bytes of a CDN x energy per gigabyte x intensity"),
    "P10": ("water", "IT energy x litres per kWh; in no carbon total"),
    "P17": ("instrument", "listed, never netted"),
    "3": ("requests", "requests x Wh x intensity, and the machines' part"),
    "5": ("waste by type", "kilograms x factor of the treatment"),
    "8": ("work at home", "kWh x intensity, or hours x kg/h"),
    "14": ("franchisee's figures", "scopes 1 and 2 of the franchisee"),
    "15": ("investee's figures", "share x scopes 1 and 2 of the investee"),
}
"""Of activities, as their kinds put them on a posting; docs/activities.md has the formulas."""
_BY_POWER: Final = ("power x hours", "units x power x hours x intensity")
_AT_END: Final = ("end of what was sold", "units x mass x treatments, whenever it will be")
_LIFETIME: Final = ("lifetime of what was sold", "units x use of a year x years x intensity")


def how(posting: Posting) -> How:
    """Return how a posting was made; one without a rule is told by what it is of."""
    rule = posting.rule
    if not posting.subject.startswith("activity/"):
        words, meaning = _STAGES.get(posting.stage, (posting.stage.replace("_", " "), ""))
        return How(words, meaning, rule, _ROWS.get(rule, ""))
    return How(*_of_activity(posting, rule), rule)


def _of_activity(posting: Posting, rule: str) -> tuple[str, str]:
    ending = rule.rpartition(" ")[2]
    if ending != rule and ending in _ENDINGS:
        return _ENDINGS[ending]
    if rule == "12":
        return _AT_END if posting.stage is Stage.END_OF_LIFE else _LIFETIME
    if rule in _CODES:
        return _CODES[rule]
    if rule in _ROWS:
        return _BY_POWER
    return rule or posting.stage.replace("_", " "), ""
