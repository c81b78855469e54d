"""`wattgram-collector explain`: the arithmetic is right, and nothing is left out of it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from builders import (
    CORE,
    DRAM,
    MODEL,
    PACKAGE,
    RECEIVE,
    SECOND,
    TRANSMIT,
    WEB,
    Book,
    batch,
    intensity,
    table,
    terms,
)
from collector_fakes import calling, configured, page
from pricing_desk import Asking, Desk, Json, bare_environment, value
from wattgram.readings import Gap
from wattgram.wire import encode_batch
from wattgram_collector.accounting.network import SWDM_V4_BOTH
from wattgram_collector.accounting.terms import Counts, Segment, Terms
from wattgram_collector.config import ExpositionSettings
from wattgram_collector.daemon import serving
from wattgram_collector.intensity import Intensity, Losses, Scope, Signal, Status, Tier
from wattgram_collector.ledger import storage

Output = pytest.CaptureFixture[str]
Make = Callable[..., Desk]

START = 1_750_000_200  # 2025-06-15T15:10:00Z, a slot's
FIRST = ("2025-06-15T15:10:00Z", "2025-06-15T15:15:00Z")
DAY = ("2025-06-15T00:00:00Z", "2025-06-16T00:00:00Z")
EVER = ("1970-01-01T00:00:00Z", "2030-01-01T00:00:00Z")
HOST = "location_based_emissions_co2e_grams"
FULL = terms(
    "FR",
    site="hall-1",
    pue="1.15",
    pue_source="operator",
    loss_share="1853/19553",
    loss_source="DEFRA 2025",
    upstream_grams_per_kilowatt_hour="45.9",
    upstream_loss_grams_per_kilowatt_hour="3.97",
    upstream_source="DEFRA 2025",
    segments=(
        SWDM_V4_BOTH,
        Segment(name="radio", kilowatt_hours_per_gigabyte="1/300", counts=Counts.TRANSMIT),
        Segment(name="line", standby_watts="1.5"),
    ),
)
DIRECT = intensity("FR", "177.5", scope=Scope.DIRECT, version="2025")


def live(start: int, grams: str, **changes: Any) -> Intensity:
    values = {
        "tier": Tier.LIVE, "status": Status.MEASURED, "version": "v", "provider": "neso",
        "valid_from_unix_seconds": start, "valid_until_unix_seconds": start + 1_800,
    }  # fmt: skip
    return intensity("FR", grams, **values | changes)


@pytest.fixture
async def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    bare_environment(monkeypatch)
    made: list[Desk] = []

    def desk(agreed: Terms, *factors: Intensity, **more: Any) -> Desk:
        values = {"now": START + 5 * 3_600, **more}
        made.append(Desk(tmp_path, {"alpha": agreed}, Book(factors), **values))
        return made[-1]

    yield desk
    for one in made:
        await one.close()


@pytest.fixture
def asking(tmp_path: Path, capsys: Output) -> Asking:
    return Asking(tmp_path, capsys)


def postings(said: Json) -> list[Json]:
    return [posting for time in said["times"] for posting in time["postings"]]


def calculated(arithmetic: str) -> Fraction:
    """Redo it with a pocket calculator: units away, then what is left from left to right."""
    text = re.sub(r"\s(J|kWh|g|B|GB|s|W)(/(kWh|GB))?(?=\s|$)", "", arithmetic)
    text = re.sub(r"[0-9.]+", lambda number: f"Fraction({number[0]!r})", text)
    assert re.fullmatch(r"(Fraction\('[0-9.]+'\)|[-+/x() ])+", text), text
    return eval(text.replace("x", "*"), {"Fraction": Fraction})  # type: ignore[no-any-return] # noqa: S307


async def test_the_arithmetic_of_every_share_comes_to_its_grams(
    make: Make, asking: Asking
) -> None:
    more = live(START, "600.5", scope=Scope.DIRECT, signal=Signal.MARGINAL)
    desk = make(FULL, DIRECT, market=Book([intensity("FR", "12.5")]), marginal=Book([more]))
    desk.deliver(START, 300, {PACKAGE: 61_234_567, RECEIVE: 7_654_321, TRANSMIT: 1_234_567})
    found = postings(asking.explained("alpha", *FIRST))
    shares = [share for posting in found for share in posting["shares"]]
    for share in shares:
        grams = Fraction(share["emissions_co2e_grams_exact"])
        assert calculated(share["arithmetic"]) == grams > 0
        assert float(grams) == share["emissions_co2e_grams"]
    assert sorted((one["part"], one.get("segment", "")) for one in shares) == [
        ("facility_overhead", ""),
        ("host", ""),
        ("marginal", ""),
        ("market", ""),
        ("network", "line"),
        ("network", "network_swdm_v4"),
        ("network", "network_swdm_v4"),
        ("network", "radio"),
        ("transmission_losses", ""),
        ("upstream", ""),
    ]
    for posting in found:
        is_network = posting["shares"][0]["part"] == "network"
        assert posting.get("consequential_safe") is (False if is_network else None)


async def test_every_share_is_in_the_totals(make: Make, asking: Asking) -> None:
    desk = make(FULL, DIRECT)
    for number in range(40):
        desk.deliver(START + number * 300 + 17, 300, {PACKAGE: 1_000_003 + number, TRANSMIT: 99})
    for every in ("slot", "hour", "day"):
        said = asking.explained("alpha", *DAY, "--every", every)
        totals = {one["measure"]: one for one in said["totals"]["figures"]}
        every_share = [share for one in postings(said) for share in one["shares"]]
        host = [share for share in every_share if share["part"] == "host"]
        grams = sum(Fraction(one["emissions_co2e_grams_exact"]) for one in host)
        assert grams == value(totals, HOST)
        times = [
            one for time in said["times"] for one in time["figures"] if one["measure"] == HOST
        ]
        assert sum(Fraction(one["value_exact"]) for one in times) == grams
        assert sum(time["slots_with_energy"] for time in said["times"]) == 41
    assert len(said["times"]) == 1


async def test_energy_says_how_well_it_is_known_and_what_is_counted(
    make: Make, asking: Asking
) -> None:
    desk = make(terms("FR"), DIRECT)
    columns = {PACKAGE: 5_000_000, CORE: 3_000_000, DRAM: None, MODEL: 250_000, WEB: 4_000_000}
    desk.deliver(START, 60, columns)
    (time,) = asking.explained("alpha", *FIRST)["times"]
    assert [
        (one["source"], one["domain"], one["quality"], one["counted"], one["energy_joules_exact"])
        for one in time["energy"]
    ] == [
        ("model", "cpu", "modelled", True, "0.25"),
        ("rapl", "package", "measured", True, "5"),
        ("rapl", "core", "measured", False, "3"),
    ]
    assert time["energy"][2]["why_not_counted"].startswith("inside of, or beside")
    text = asking.run("explain", "--host", "alpha", "--from", FIRST[0], "--to", FIRST[1])
    assert "  rapl core/0 (other, measured): 3 J, not counted: inside of" in text
    assert "  model cpu/host (cpu, modelled): 0.25 J, counted\n" in text


async def test_energy_without_a_factor_says_why(make: Make, asking: Asking) -> None:
    desk = make(terms(""))
    desk.deliver(START, 60, {PACKAGE: 1_000_000, TRANSMIT: 10})
    desk.terms = {"alpha": terms("XX", network_zone="")}
    desk.deliver(START, 60, {PACKAGE: 2_000_000, TRANSMIT: 20})
    said = asking.explained("alpha", *FIRST)
    reasons = {(one["account"], one["quantity"]): one["why_unpriced"] for one in postings(said)}
    assert reasons == {
        (
            "host_microjoules",
            1_000_000,
        ): "the grid zone of the host is not known: set grid_zone or grid_zone_of_host",
        ("host_microjoules", 2_000_000): "no intensity of XX was known on the axes that were "
        "asked for",
        ("transmit_bytes", 10): "the grid zone of the network is not known",
        ("transmit_bytes", 20): "the grid zone of the network is not known",
    }
    totals = {one["measure"]: one for one in said["totals"]["figures"]}
    assert value(totals, "unpriced_energy_joules") == 3
    assert HOST not in totals
    shares = [share for one in postings(said) for share in one["shares"]]
    assert not any("emissions_co2e_grams" in share for share in shares)
    text = asking.run("explain", "--host", "alpha", "--from", FIRST[0], "--to", FIRST[1])
    assert "host: unpriced: the grid zone of the host is not known" in text
    assert "host: 1 J = 1 J, unpriced" in text


async def test_a_grid_at_zero_is_priced(make: Make, asking: Asking) -> None:
    make(terms("FR"), intensity("FR", "0")).deliver(START, 60)
    totals = {
        one["measure"]: one for one in asking.explained("alpha", *FIRST)["totals"]["figures"]
    }
    assert (value(totals, HOST), value(totals, "unpriced_energy_joules")) == (0, 0)


async def test_what_was_restated_says_by_which_pass_and_from_what(
    make: Make, asking: Asking
) -> None:
    desk = make(FULL, intensity("FR", "40"))
    desk.deliver(START, 60, {PACKAGE: 3_600_000})
    await desk.restater.take([live(START - 600, "50")])
    assert await desk.restater.restate_due()
    (host,) = [one for one in postings(asking.explained("alpha", *FIRST))
               if one["account"] == "host_microjoules"]  # fmt: skip
    assert host["restated_by_pass"] == 1
    assert host["factor"]["intensity_grams_per_kilowatt_hour"] == "50"
    assert host["factor"]["version"].startswith("v fetched 2025-06-15T")
    assert (host["factor"]["tier"], host["age_seconds"]) == ("live", 0)
    before = host["factor_at_ingest"]
    assert (before["intensity_grams_per_kilowatt_hour"], before["tier"]) == ("40", "annual")
    share = host["shares"][0]
    assert share["emissions_co2e_grams_exact"] == "0.00005"
    assert share["emissions_at_ingest_co2e_grams_exact"] == "0.00004"
    text = asking.run("explain", "--host", "alpha", "--from", FIRST[0], "--to", FIRST[1])
    assert "restated by pass 1; at ingest FR 40 g/kWh, annual" in text
    assert "host: 3.6 J / 3600000 J/kWh x 50 g/kWh = 0.00005 g (at ingest 0.00004 g)" in text
    assert f"{HOST} lifecycle: 0.00005; 0.00004" in text
    assert "; 0.00004 + 0.00001\n" in text


async def test_what_a_frozen_period_would_be_is_said_apart(make: Make, asking: Asking) -> None:
    desk = make(terms("FR"), intensity("FR", "40"), freeze_days=1)
    desk.deliver(START, 60, {PACKAGE: 3_600_000})
    desk.now = START + 3 * 86_400
    await desk.restater.take([live(START - 600, "50")])
    assert await desk.restater.restate_due()
    said = asking.explained("alpha", *FIRST)
    (host,) = postings(said)
    assert "restated_by_pass" not in host
    assert host["factor"]["intensity_grams_per_kilowatt_hour"] == "40"
    assert host["prior_period_factor"]["intensity_grams_per_kilowatt_hour"] == "50"
    totals = {one["measure"]: one for one in said["totals"]["figures"]}
    assert value(totals, HOST) == value(totals, HOST, "at_ingest") == Fraction("0.00004")
    assert value(totals, HOST, "prior_period_adjustment") == Fraction("0.00001")
    text = asking.run("explain", "--host", "alpha", "--from", FIRST[0], "--to", FIRST[1])
    assert "its period is frozen; a prior period's adjustment: FR 50 g/kWh" in text
    assert "; prior periods 0.00001\n" in text


async def test_the_last_known_value_says_how_old_it_is(make: Make, asking: Asking) -> None:
    desk = make(terms("FR"), intensity("FR", "40"))
    await desk.restater.take([live(START - 5_400, "50")])
    desk.deliver(START, 60)
    desk.deliver(START + 300, 60)
    (host,) = postings(asking.explained("alpha", *DAY, "--every", "hour"))
    assert (host["factor"]["tier"], host["age_seconds"]) == ("last_known", 3_900)
    text = asking.run("explain", "--host", "alpha", "--from", DAY[0], "--to", DAY[1])
    assert ", 3900 s old at its last slot\n" in text


async def test_gaps_are_said_with_what_the_ledger_knows_of_them(
    make: Make, asking: Asking
) -> None:
    gaps = (Gap(source="rapl", reason="suspended", duration_nanoseconds=90 * SECOND, count=2),)
    make(terms("FR"), DIRECT).deliver(START, 60, gaps=gaps)
    said = asking.explained("alpha", FIRST[0], "2025-06-15T15:25:00Z", "--every", "day")
    assert said["gaps_since_ever"] == {"suspended": {"gap_seconds": 90.0, "gaps": 2}}
    assert (said["times"][0]["slots"], said["times"][0]["slots_with_energy"]) == (3, 1)
    text = asking.run("explain", "--host", "alpha", "--from", FIRST[0], "--to",
                      "2025-06-15T15:25:00Z", "--every", "day")  # fmt: skip
    assert "energy is known in 1 of 3 slots" in text
    assert "gaps ever, suspended: 90 s (the ledger does not say when)" in text


SAMPLE = re.compile(r"wattgram_(\w+?)(?:_total)?\{(.*)\} (\S+)")


def shown(text: str, name: str) -> float:
    """The sum of a family on /metrics over its labels."""
    return sum(float(found[3]) for found in SAMPLE.finditer(text) if found[1] == name)


async def test_the_whole_history_comes_to_what_is_exposed(make: Make, asking: Asking) -> None:
    desk = make(FULL, DIRECT, market=Book([intensity("FR", "12.5")]))
    for number in range(30):
        cells = {PACKAGE: 61_234_567 + number, RECEIVE: 1_111, TRANSMIT: 2_222}
        desk.deliver(START + number * 171, 171, cells)
    await desk.restater.take([live(START, "50.25"), live(START + 1_800, "60")])
    assert await desk.restater.restate_due()
    said = asking.explained("alpha", *EVER)
    text = desk.metrics()
    totals: dict[str, dict[str, Fraction]] = {}
    for one in said["totals"]["figures"]:
        sums = totals.setdefault(one["measure"], {})
        for key in ("value", "at_ingest", "adjustment"):
            sums[key] = sums.get(key, Fraction(0)) + Fraction(one.get(f"{key}_exact", 0))
    assert float(totals["energy_joules"]["value"]) == shown(text, "host_energy_joules")
    assert float(totals[HOST]["at_ingest"]) == shown(text, "emissions_co2e_grams")
    assert float(totals[HOST]["adjustment"]) == shown(text, "emissions_adjustment_co2e_grams")
    for name in ("facility_overhead", "transmission_loss", "upstream"):
        whole = totals[f"{name}_emissions_co2e_grams"]["at_ingest"]
        assert float(whole) == shown(text, f"{name}_emissions_co2e_grams") > 0
    market = totals["market_based_emissions_co2e_grams"]["at_ingest"]
    assert float(market) == shown(text, "market_emissions_co2e_grams")
    network = totals["network_emissions_co2e_grams"]["at_ingest"]
    assert float(network) == pytest.approx(shown(text, "network_emissions_co2e_grams"), rel=1e-15)


async def test_it_works_beside_a_running_collector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asking: Asking
) -> None:
    bare_environment(monkeypatch)
    config = configured(tmp_path, grid_zone="DE", exposition=ExpositionSettings(zero_seconds=0))
    ledger = storage.opened(config)
    async with serving(config, ledger) as (grpc_port, http_port):
        async with calling(grpc_port, of=table(PACKAGE)) as caller:
            for sequence in range(1, 6):
                await caller.send(encode_batch(batch([7_654_321], sequence=sequence)))
            await caller.until(5)
        text = await page(http_port, "/metrics")
        said = asking.explained("host-of-agent-1", *EVER)
    ledger.close()
    again = asking.explained("agent-1", *EVER)
    assert again == said
    totals = {one["measure"]: one for one in said["totals"]["figures"]}
    assert value(totals, "energy_joules") == Fraction("38.271605")
    assert totals[HOST]["at_ingest"] == shown(text, "emissions_co2e_grams") > 0


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (("--host", "beta"), 1, "no host 'beta' in the ledger: see wattgram-collector agents"),
        (("--host", "alpha", "--from", "soon"), 2, "not a time: 'soon'; give RFC 3339"),
        (("--host", "alpha", "--from", "now", "--to", "-2h"), 2, "ends before it begins"),
    ],
)
async def test_what_cannot_be_answered_says_so(
    make: Make, asking: Asking, words: tuple[str, ...], code: int, complaint: str
) -> None:
    make(terms("FR"))
    assert complaint in asking.run("explain", *words, code=code)


@pytest.mark.parametrize(
    ("changes", "losses", "upstream"),
    [
        ({"losses": Losses.BUSBAR}, "(somebody)", "(somebody else)"),
        ({"losses": Losses.DELIVERED}, "inside the factor, none are added", "(somebody else)"),
        ({"losses": Losses.UNSPECIFIED}, "does not say whether they are inside, none are added",
         "(somebody else)"),
        ({"scope": Scope.LIFECYCLE}, "(somebody)", "inside the factor, none are added"),
    ],
)  # fmt: skip
async def test_what_a_factor_has_inside_is_said_beside_the_term_that_it_leaves_out(
    make: Make, asking: Asking, changes: dict[str, Any], losses: str, upstream: str
) -> None:
    agreed = terms(
        "FR", loss_share="0.04", loss_source="somebody",
        upstream_grams_per_kilowatt_hour="45.9", upstream_source="somebody else",
    )  # fmt: skip
    values = {"scope": Scope.DIRECT, "losses": Losses.BUSBAR, **changes}
    desk = make(agreed, intensity("FR", "100", **values))
    desk.deliver(START, 300)
    said = asking.run("explain", "--host", "alpha", "--from", FIRST[0], "--to", FIRST[1])
    lines = [line.strip() for line in said.splitlines()]

    (of_losses,) = (line for line in lines if line.startswith("losses "))
    (of_upstream,) = (line for line in lines if line.startswith("upstream 45.9"))
    assert of_losses.endswith(losses)
    assert of_upstream.endswith(upstream)
    assert ("none are added" in of_losses) != any("transmission_losses:" in one for one in lines)
    assert ("none are added" in of_upstream) != any("upstream:" in one for one in lines)


async def test_a_time_without_anything_is_no_error(make: Make, asking: Asking) -> None:
    make(terms("FR"), DIRECT, intensity("FR", "1", losses=Losses.DELIVERED))
    said = asking.explained("alpha", "-2h", "now")
    assert said["times"] == []
    assert said["totals"]["energy"] == []
