"""Sites, network and market on a real socket: from a batch to /metrics and the ledger."""

from __future__ import annotations

import json
import time
from contextlib import closing
from fractions import Fraction
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from builders import PACKAGE, RECEIVE, SECOND, TRANSMIT, Book, batch, table
from collector_fakes import calling, configured, page
from wattgram.handshake import HostFacts
from wattgram.units import BYTES_PER_GIGABYTE, MICROJOULES_PER_KILOWATT_HOUR
from wattgram.wire import encode_batch
from wattgram_collector.accounting.cfe import contracted_score
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.accounting.market_settings import MarketSettings
from wattgram_collector.accounting.network_settings import NetworkSettings
from wattgram_collector.accounting.site_settings import SiteSettings
from wattgram_collector.buying import market_table
from wattgram_collector.config import ExpositionSettings, IntensitySettings, LedgerSettings
from wattgram_collector.daemon import serving
from wattgram_collector.intensities.places import Places
from wattgram_collector.intensity import Accounting, Scope
from wattgram_collector.ledger.sqlite import SqliteLedger

SERIES = (PACKAGE, RECEIVE, TRANSMIT)
MARKET = {
    "wind": MarketSettings(
        grams_per_kilowatt_hour=0.0, share=0.25, carbon_free=True, source="PPA", sites=("hall",)
    )
}


def require_sites(metrics: str, discovery: str) -> None:
    """The operator's word for where a host stands, and what it is, is on metrics and target."""
    sites = {
        sample.labels["host"]: (sample.labels["site"], sample.labels["device_class"])
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name == "wattgram_host_info"
    }
    assert sites == {"host-of-server": ("hall", "mainframe"), "host-of-laptop": ("rest", "laptop")}
    labels = [one["labels"] for one in json.loads(discovery)]
    assert {one.get("site") for one in labels} == {None, "hall", "rest"}
    assert {one.get("device_class") for one in labels} == {None, "mainframe", "laptop"}


async def test_a_site_a_model_and_a_contract_are_on_the_page_and_in_the_ledger(
    tmp_path: Path,
) -> None:
    """As DESNZ 2025 has it of Great Britain, per kWh: 177 + 18.53 + 45.9 + 3.97 g."""
    config = configured(
        tmp_path,
        ledger=LedgerSettings(commit_tick_seconds=0.005),
        exposition=ExpositionSettings(zero_seconds=0),
        intensity=IntensitySettings(scope="direct"),
        sites={
            "hall": SiteSettings(
                hosts=("host-of-server",),
                pue=1.2,
                pue_source="meters",
                network="line",
                device_class="mainframe",
            ),
            "rest": SiteSettings(hosts=("*",), site_class="unknown_datacenter"),
        },
        networks={"line": NetworkSettings(own_share=0.5)},
        market=MARKET,
    )
    ledger_path = tmp_path / "ledger.sqlite"
    # A kilowatt-hour in half a minute; not across the border of a slot or of an hour.
    start = (time.time_ns() // (3_600 * SECOND) - 1) * 3_600 * SECOND
    kilowatt_hour = [MICROJOULES_PER_KILOWATT_HOUR // 30] * 30
    sent = batch(
        kilowatt_hour,
        [BYTES_PER_GIGABYTE // 30] * 30,
        [BYTES_PER_GIGABYTE // 10] * 30,
        start_unix_nanoseconds=start,
    )
    with closing(SqliteLedger(ledger_path)) as ledger:
        async with serving(config, ledger) as (grpc_port, http_port):
            for name, device in (("server", "server"), ("laptop", "laptop")):
                async with calling(
                    grpc_port,
                    name,
                    table(*SERIES, grid_zone="GBR", boot_id="another"),
                    facts=HostFacts(host=f"host-of-{name}", device_class=device),
                ) as caller:
                    await caller.send(encode_batch(sent))
                    await caller.until(1)
            text = await page(http_port, "/metrics")
            require_sites(text, await page(http_port, "/sd"))
        rows = list(ledger.posted(0, 1 << 40))
    found = {
        (sample.name.removeprefix("wattgram_"), sample.labels["host"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("host", "").startswith("host-of-")
    }

    def shown(name: str, host: str = "host-of-server") -> float | None:
        value = found.get((f"{name}_total", host))
        return value if value is None else round(value, 6)

    assert shown("emissions_co2e_grams") == 177
    assert shown("facility_overhead_energy_joules") == 720_000
    assert shown("facility_overhead_emissions_co2e_grams") == 35.4
    assert shown("transmission_loss_emissions_co2e_grams") == round(18.53 * 1.2, 6)
    assert shown("upstream_emissions_co2e_grams") == round((45.9 + 3.97) * 1.2, 6)
    assert shown("market_emissions_co2e_grams") == round(177 * 1.2 * 0.75, 6)
    assert shown("network_energy_joules") == round(3 * 0.0295 * 3_600_000, 6)
    assert shown("network_emissions_co2e_grams") == round(3 * 0.0295 * 177, 6)
    assert shown("network_receive_bytes") == BYTES_PER_GIGABYTE // 30 * 30

    # The laptop has no facility, and no contract: it is at the other site.
    assert shown("facility_overhead_energy_joules", "host-of-laptop") is None
    assert shown("emissions_co2e_grams", "host-of-laptop") == 177
    assert shown("market_emissions_co2e_grams", "host-of-laptop") == 177
    assert shown("network_energy_joules", "host-of-laptop") == round(3 * 0.059 * 3_600_000, 6)

    assert {row.terms.zone for row in rows} == {"GB"}
    assert {row.terms.site for row in rows} == {"hall", "rest"}
    market = [row for row in rows if row.account is Account.MARKET]
    assert sum(row.quantity for row in market) == 2 * 30 * kilowatt_hour[0]
    by = {row.factor.accounting for row in market if row.factor}
    assert by == {Accounting.MARKET, Accounting.LOCATION}
    book = market_table(MARKET, Places(), Book([]), Scope.DIRECT)
    assert book is not None
    score = contracted_score(rows, book.contracts)
    assert score.score == Fraction(3, 10) / Fraction(22, 10)


async def test_a_host_in_a_cloud_region_shows_the_intensity_that_prices_it(tmp_path: Path) -> None:
    """Google says 105.94 g/kWh of London's grid; the table of countries says 177."""
    config = configured(
        tmp_path,
        ledger=LedgerSettings(commit_tick_seconds=0.005),
        exposition=ExpositionSettings(zero_seconds=0),
        intensity=IntensitySettings(scope="direct"),
    )
    with closing(SqliteLedger(tmp_path / "ledger.sqlite")) as ledger:
        async with serving(config, ledger) as (grpc_port, http_port):
            asked = table(PACKAGE, grid_zone="GCP:europe-west2", boot_id="another")
            async with calling(grpc_port, of=asked) as caller:
                await caller.send(encode_batch(batch(start_unix_nanoseconds=time.time_ns())))
                await caller.until(1)
            text = await page(http_port, "/metrics")
    shown = 'wattgram_grid_carbon_intensity_grams_per_kilowatt_hour{grid_zone="GB",'
    (line,) = (one for one in text.splitlines() if one.startswith(shown))
    assert line.endswith(" 105.94")
