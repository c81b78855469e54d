"""Under which terms a host's energy is accounted for: zone, overhead, losses, fuel supply."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from wattgram.handshake import HostFacts
from wattgram.settings import SettingsError
from wattgram_collector.accounting.network_settings import NetworkSettings
from wattgram_collector.accounting.site_settings import NO_FACILITY, SiteSettings
from wattgram_collector.accounting.sites import Sites
from wattgram_collector.accounting.terms import Counts, Terms
from wattgram_collector.config import CollectorConfig, load_config
from wattgram_collector.intensities.places import Places
from wattgram_collector.pricing import require_known

PLACES = Places()
HALL = {"pue": 1.3, "pue_source": "meters of 2025"}


def decided(
    host: str = "web1", zone: str = "FR", *, facts: dict[str, str] | None = None, **said: Any
) -> Terms:
    sites = Sites(CollectorConfig(**said), PLACES)
    return sites.terms(host, HostFacts(host=host, **(facts or {})), zone)


def at(facts: dict[str, str] | None = None, zone: str = "FR", **settings: Any) -> Terms:
    """The terms of a host at one site."""
    sites = {"hall": SiteSettings(hosts=("web*",), **settings)}
    return decided(zone=zone, facts=facts, sites=sites)


# ── the zone ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("said", "zone", "place"),
    [
        ("DEU", "DE", ""),
        ("fr", "FR", ""),
        ("aws:us-east-2", "US-MIDA-PJM", "aws:us-east-2"),
        ("AWS:Us-East-2", "US-MIDA-PJM", "aws:us-east-2"),
        ("aws:mars-1", "aws:mars-1", ""),
        ("Atlantis", "Atlantis", ""),
        ("", "", ""),
    ],
)
def test_a_zone_is_named_as_the_table_names_it(said: str, zone: str, place: str) -> None:
    found = decided(zone=said)
    assert (found.zone, found.place, found.network_zone) == (zone, place, zone)


def test_the_nearest_word_on_the_zone_wins() -> None:
    """Of the host, of its site, of the host itself, of the fleet."""
    said = {
        "grid_zone": "ES",
        "sites": {"hall": SiteSettings(grid_zone="PT")},
        "facts": {"site": "hall"},
    }
    assert decided(zone="FR", grid_zone_of_host={"web1": "NO"}, **said).zone == "NO"
    assert decided(zone="FR", **said).zone == "PT"
    assert decided(zone="FR", grid_zone="ES").zone == "FR"
    assert decided(zone="", grid_zone="ES").zone == "ES"


def test_the_same_terms_are_the_same_object() -> None:
    sites = Sites(CollectorConfig(), PLACES)
    one, other = (sites.terms(name, HostFacts(host=name), "FR") for name in ("a", "b"))
    assert one is other


# ── which site ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("host", "says", "site"),
    [
        ("web1", "", "exact"),
        ("web2", "", "narrow"),
        ("w9", "", "wide"),
        ("w9", "spoken", "wide"),  # the operator's word wins
        ("db1", "spoken", "spoken"),
        ("db1", "nowhere", "rest"),
        ("db1", "", "rest"),
        ("moved", "spoken", "wide"),
    ],
)
def test_the_nearest_word_on_the_site_wins(host: str, says: str, site: str) -> None:
    sites = {
        "rest": SiteSettings(hosts=("*",)),
        "wide": SiteSettings(hosts=("w*",)),
        "narrow": SiteSettings(hosts=("web*",)),
        "exact": SiteSettings(hosts=("web1",)),
        "spoken": SiteSettings(),
    }
    found = decided(host, facts={"site": says}, sites=sites, site_of_host={"moved": "wide"})
    assert found.site == site


def test_a_name_that_is_no_section_is_no_site() -> None:
    assert decided(facts={"site": "rack 7"}).site == ""


# ── overhead ─────────────────────────────────────────────────────────────────────────────


def test_a_host_at_no_site_has_an_overhead_that_nobody_knows() -> None:
    found = decided(facts={"device_class": "server"})
    assert (found.pue, found.pue_source) == ("1", "")


@pytest.mark.parametrize("device", sorted(NO_FACILITY | {"Laptop"}))
def test_what_has_no_facility_has_no_overhead_wherever_it_stands(device: str) -> None:
    for settings in (HALL, {"cloud": "aws:eu-central-1"}, {"site_class": "unknown_datacenter"}):
        found = at({"device_class": device}, **settings)
        assert (found.pue, found.overhead_ratio) == ("1", 0)
        assert found.pue_source == f"{device.lower()}: no facility around it"
    assert decided(zone="aws:eu-central-1", facts={"device_class": device}).pue == "1"


def test_the_word_of_the_operator_on_the_class_wins() -> None:
    assert (
        at({"device_class": "server"}, device_class="gateway", site_class="hyperscale").pue == "1"
    )
    assert at({"device_class": "laptop"}, device_class="server", **HALL).pue == "1.3"


@pytest.mark.parametrize("device", ["server", "virtual_machine", ""])
@pytest.mark.parametrize(
    ("settings", "pue", "source"),
    [
        (HALL, "1.3", "meters of 2025"),
        ({"site_class": "unknown_datacenter"}, "1.56", "uptime_2024 unknown_datacenter 2024"),
        ({"cloud": "aws:eu-west-1"}, "1.11", "aws:eu-west-1"),
        ({"grid_zone": "aws:eu-west-1"}, "1.11", "aws:eu-west-1"),
        ({"cloud": "aws:eu-west-1", **HALL}, "1.3", "meters of 2025"),
        ({"meter_boundary": "facility"}, "1", "the meter has the whole facility"),
        ({"meter_boundary": "facility", "cloud": "aws:eu-west-1"}, "1", "the meter has the whole"),
    ],
)
def test_where_the_pue_comes_from(
    device: str, settings: dict[str, Any], pue: str, source: str
) -> None:
    found = at({"device_class": device}, **settings)
    assert found.pue == pue
    assert source in found.pue_source


def test_a_region_without_a_pue_of_its_own_has_its_providers() -> None:
    (region, *_) = (one for one in PLACES.clouds.values() if one.pue is None)
    found = decided(zone=region.alias)
    assert found.pue == str(float(PLACES.cloud_pue(region).pue))
    assert region.provider in found.pue_source


# ── losses and fuel supply ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("zone", "share", "source"),
    [
        ("GB", "1853/19553", "desnz_2025 GB 2025"),
        ("GB-13", "1853/19553", "desnz_2025 GB 2025"),
        ("US-AKGD", "0.041", "egrid2023_rev2 US-AKGD 2023"),
        ("aws:us-east-2", "0.042", "egrid2023_rev2 US-RFCW 2023"),
        ("US-CAL-CISO", "0.042", "egrid2023_rev2 US 2023"),
        ("FR", "", ""),
    ],
)
def test_losses_are_those_of_the_zone_or_its_country(zone: str, share: str, source: str) -> None:
    found = decided(zone=zone)
    assert (found.loss_share, found.loss_source) == (share, source)
    assert (found.loss_ratio is None) == (share == "")


def test_a_site_says_its_own_losses_and_fuel_supply() -> None:
    found = at(zone="GB", loss_share=0.0, loss_source="on the premises")
    assert (found.loss_share, found.loss_ratio) == ("0", 0)
    assert found.loss_source == "on the premises"
    # The shipped figure is for the losses of the country.
    assert found.upstream_loss_grams_per_kilowatt_hour == ""
    found = at(upstream_grams_per_kilowatt_hour=12.5, upstream_source="a study")
    assert found.upstream_grams_per_kilowatt_hour == "12.5"
    assert found.upstream_source == "a study"


def test_fuel_supply_is_shipped_for_great_britain_only() -> None:
    found = decided(zone="GB-13")
    assert found.upstream_grams_per_kilowatt_hour == "45.9"
    assert found.upstream_loss_grams_per_kilowatt_hour == "3.97"
    assert found.upstream_source == "desnz_2025 2025 GB"
    assert decided(zone="FR").upstream_grams_per_kilowatt_hour == ""


# ── the network of a site ────────────────────────────────────────────────────────────────


def test_the_network_is_that_of_the_site_else_that_of_the_fleet() -> None:
    (segment,) = decided().segments
    assert (segment.name, segment.counts) == ("network_swdm_v4", Counts.TRANSMIT)
    assert decided(network="none").segments == ()
    line = NetworkSettings(
        model="malmodin_power", grid_zone="DEU", internal_interfaces=("ib*", "eth1")
    )
    found = decided(
        facts={"site": "hall"},
        sites={"hall": SiteSettings(network="line")},
        networks={"line": line},
    )
    assert [one.name for one in found.segments] == ["access_fixed"]
    assert (found.zone, found.network_zone) == ("FR", "DE")
    assert found.internal_interfaces == ("ib*", "eth1")
    assert found.stands_by
    assert Terms.from_text(found.as_text()) == found


# ── what is refused ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('meter_boundary = "facility"\npue = 1.2\npue_source = "x"', "pue must be 1"),
        ('meter_boundary = "facility"\nsite_class = "hyperscale"', "pue must be 1"),
        ('device_class = "Laptop"\npue = 1.2\npue_source = "x"', "no facility around it"),
        ('site_class = "hyperscale"\npue = 1.2\npue_source = "x"', "exclude each other"),
        ('grid_zone = "FR"\ncloud = "aws:eu-west-1"', "exclude each other"),
        ('cloud = "eu-west-1"', "provider:region"),
        ("pue = 1.2", "pue needs a source"),
        ('pue_source = "x"', "but no pue"),
        ('pue = 0.9\npue_source = "x"', "pue must be 1 to 10"),
        ('loss_share = 0.95\nloss_source = "x"', "loss_share must be 0 to 0.9"),
        ("loss_share = 0", "loss_share needs a source"),
        ("upstream_grams_per_kilowatt_hour = -1\nupstream_source = 'x'", "must be 0 to 2000"),
        ('network = "swdm"', "sites.hall.network: there is no network 'swdm'"),
    ],
)
def test_what_would_count_twice_or_has_no_source_is_refused(
    tmp_path: Path, text: str, complaint: str
) -> None:
    file = tmp_path / "collector.toml"
    file.write_text(f"[sites.hall]\n{text}\n")
    with pytest.raises(SettingsError, match=complaint):
        load_config(file, {})


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"site_of_host": {"web1": "hall"}}, "web1 stands at 'hall', which is no site"),
        ({"network": "fast"}, "network: there is no network 'fast'"),
        ({"networks": {"none": NetworkSettings()}}, "the name is taken"),
        (
            {"sites": {"a": SiteSettings(hosts=("w*",)), "b": SiteSettings(hosts=("w*",))}},
            "sites.a and sites.b both have the hosts",
        ),
    ],
)
def test_a_name_that_leads_nowhere_is_refused(said: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        CollectorConfig(**said)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"cloud": "aws:mars-1"}, "sites.hall: cloud 'aws:mars-1' is no cloud region"),
        ({"grid_zone": "aws:mars-1"}, "sites.hall: grid_zone 'aws:mars-1' is no cloud region"),
        ({"site_class": "cellar"}, "sites.hall: there is no site_class 'cellar'"),
    ],
)
def test_what_the_tables_do_not_know_is_refused(settings: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        at(**settings)


@pytest.mark.parametrize("page", ["sites", "network", "market"])
def test_what_the_pages_show_is_good(tmp_path: Path, page: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / f"{page}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert blocks
    for block in blocks:
        file = tmp_path / "collector.toml"
        file.write_text(block)
        require_known(load_config(file, {}))
