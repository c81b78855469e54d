"""PURE. Language models of others: their training, their machines, their use.

What the organisation meters itself is O or C by its asset, and is 0 here: only others' training
and the making of others' machines are U.foundation_models. Source: Technology Carbon Standard,
foundation models; constants of EcoLogits.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from wattgram.readings import Quality
from wattgram.units import SECONDS_PER_YEAR, WATT_HOURS_PER_KILOWATT_HOUR
from wattgram_collector.inventory.activities import grid
from wattgram_collector.inventory.activities.activity import (
    Activity,
    Column,
    FactorTable,
    Kind,
)
from wattgram_collector.inventory.activities.cells import number, positive, text
from wattgram_collector.inventory.activities.pricing import (
    Spot,
    constant,
    given_factor,
    needed,
    one_of,
    posting,
    refuse,
    require_own_fits,
    said,
    wrong,
)
from wattgram_collector.inventory.factors import Factor, FactorBoundary
from wattgram_collector.inventory.places import TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Posting, Stage

_MODELS: Final = scope_3(1, "models")
_LEAF: Final = TcsLeaf.U_FOUNDATION_MODELS
_MACHINE_COLUMNS: Final = (
    Column("requests", "asked of the model", positive),
    Column("latency_seconds", "of one request", positive),
    Column("gpus", "that one request runs on", positive),
    Column("batch_size", "requests at once; empty: the shipped one", positive),
)


def machine_kilograms_per_second(
    activity: Activity, factors: FactorTable
) -> tuple[Factor, Fraction]:
    """Return the making of the machines per second of a request, and the seconds.

    kg/s = (GPUs / 8 x server + GPUs x GPU) / (life x seconds of a year x batch).
    """
    requests, latency, gpus = needed(activity, "requests", "latency_seconds", "gpus",
                                     why="for the machines' part")  # fmt: skip
    names = ("server_kg", "gpu_kg", "gpus_per_server", "life_years", "batch_size")
    server, gpu, per_server, life, batch = (
        constant(factors, f"llm/{name}", name, name) for name in names
    )
    at_once = activity.number("batch_size") or batch.value
    made = gpus / per_server.value * server.value + gpus * gpu.value
    factor = given_factor(
        activity,
        "machines",
        made / (life.value * SECONDS_PER_YEAR * at_once),
        "kg/s",
        server.source,
        FactorBoundary.CRADLE_TO_GATE,
    )
    return factor, requests * latency


def _machines(activity: Activity, factors: FactorTable) -> Posting:
    factor, seconds = machine_kilograms_per_second(activity, factors)
    return posting(activity, factor, seconds, Spot(
        Stage.PURCHASED, _MODELS, _LEAF, "U12", tier=Quality.DEFAULT))  # fmt: skip


def _foundation_model(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    """Training x tokens used / tokens of the model's life, and the machines' part if said."""
    require_own_fits(activity)
    if one_of(activity, "training_kg", "requests") == "training_kg":
        refuse(activity, "latency_seconds", "gpus", "batch_size", why="is read beside requests")
        names = ("training_kg", "tokens_used", "tokens_lifetime")
        training, used, lifetime = needed(activity, *names, why="for a share of training")
        if not lifetime or used > lifetime:
            raise wrong("tokens_used", str(used), f"is more than tokens_lifetime {lifetime}")
        source = said(activity, "training_source", "beside training_kg")
        factor = given_factor(activity, "training", training / lifetime, "kg/token", source,
                              FactorBoundary.CRADLE_TO_GATE)  # fmt: skip
        yield posting(activity, factor, used, Spot(
            Stage.PURCHASED, _MODELS, _LEAF, "U12", tier=Quality.MODELLED))  # fmt: skip
        return
    refuse(activity, "tokens_used", "tokens_lifetime", "training_source",
           why="is read beside training_kg only")  # fmt: skip
    yield _machines(activity, factors)


def _llm_use(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    """Requests (or tokens) x Wh x PUE / 1000 x I: energy of use, in the provider's machines."""
    require_own_fits(activity, "kWh")
    how = one_of(activity, "wh_per_request", "wh_per_token")
    counted = "requests" if how == "wh_per_request" else "tokens"
    count, each = needed(activity, counted, how, why=f"beside {how}")
    source = said(activity, "energy_source", f"beside {how}")
    pue = activity.values["pue"]
    factor = grid.generation(activity, factors)
    note = "; ".join(one for one in (f"{float(each)} Wh each ({source})",
                                     grid.of_year(activity, factor)) if one)  # fmt: skip
    kwh = Fraction(count * each) / WATT_HOURS_PER_KILOWATT_HOUR * pue
    yield posting(activity, factor, kwh, Spot(
        Stage.USE, scope_3(1, "saas"), TcsLeaf.C_SAAS, "3", tier=Quality.MODELLED,
        note=note, pue=pue))  # fmt: skip
    if activity.number("latency_seconds") is not None:
        yield _machines(activity, factors)


FOUNDATION_MODEL: Final = Kind(
    name="foundation_model",
    meaning="the share of a third party's model: its training, or the making of its machines",
    columns=(
        Column("training_kg", "kg CO2e that training emitted", number),
        Column("tokens_used", "by the organisation", positive),
        Column("tokens_lifetime", "that the model answers in its life, as estimated", positive),
        Column("training_source", "who publishes it", text),
        *_MACHINE_COLUMNS,
    ),
    reckon=_foundation_model,
    places="3.1 (U.foundation_models)",
    formula="training x tokens / tokens of its life; or s x (g/8 x server + g x GPU) / "
            "(life x batch)",
    source="Technology Carbon Standard, foundation models; EcoLogits",
    methods={"U12": "share of training, or of machines"},
)  # fmt: skip

LLM_USE: Final = Kind(
    name="llm_use",
    meaning="prompts to a language model of a provider",
    columns=(
        Column("tokens", "that the model gave, for wh_per_token", positive),
        Column("wh_per_request", "energy of one request, watt-hours", positive),
        Column("wh_per_token", "energy of one token, watt-hours", positive),
        Column("energy_source", "who publishes it", text),
        *_MACHINE_COLUMNS,
        grid.PUE_COLUMN,
        grid.GRID_COLUMNS[0],
    ),
    reckon=_llm_use,
    places="3.1 (C.saas); the machines' making 3.1 (U.foundation_models)",
    formula="requests x Wh x PUE / 1000 x I, and the machines' part where latency is said",
    source="Technology Carbon Standard; EcoLogits",
    methods={"3": "use", "U12": "machines"},
)
KINDS: Final = (FOUNDATION_MODEL, LLM_USE)
