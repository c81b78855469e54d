"""The client against a real HTTPS server: what is asked for, who is believed, what ends it."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from certificates import issue
from fake_bmc import CHASSIS, FakeBmc, fake_bmc, links, reading, resource
from wattgram.readings import State
from wattgram_collector.config import RedfishSettings
from wattgram_collector.redfish.bmc import ANSWER_BYTES_MAX, Bmc, client, read_password
from wattgram_collector.redfish.resources import EnergyReading, PowerReading, RedfishError

WATT = 1_000_000


@pytest.fixture
async def bmc(tmp_path: Path) -> AsyncIterator[FakeBmc]:
    async with fake_bmc(tmp_path) as served:
        yield served


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with client() as opened:
        yield opened


async def failure(
    session: aiohttp.ClientSession, settings: RedfishSettings, **limits: float
) -> RedfishError:
    with pytest.raises(RedfishError) as caught:
        await Bmc(settings, session, **limits).read()
    assert str(caught.value).isprintable()
    return caught.value


# ── what is asked for ────────────────────────────────────────────────────────────────────


async def test_environment_metrics_are_preferred_and_then_asked_for_alone(
    bmc: FakeBmc, session: aiohttp.ClientSession
) -> None:
    bmc.has_control(344)
    bmc.has_environment(374)
    bmc.offers(EnvironmentMetrics=f"{CHASSIS}/EnvironmentMetrics", Power=f"{CHASSIS}/Power")
    reader = Bmc(bmc.settings(), session)
    found = await reader.read()
    assert found == PowerReading(f"{CHASSIS}/EnvironmentMetrics: PowerWatts.Reading", 374 * WATT)
    bmc.asked.clear()
    bmc.has_environment(375.5)
    assert (await reader.read())[1] == 375_500_000
    assert bmc.asked == [f"{CHASSIS}/EnvironmentMetrics"]


async def test_where_they_have_no_power_the_older_resource_is_read(
    bmc: FakeBmc, session: aiohttp.ClientSession
) -> None:
    bmc.has_environment()
    bmc.has_control(344, 120)
    bmc.offers(EnvironmentMetrics=f"{CHASSIS}/EnvironmentMetrics", Power=f"{CHASSIS}/Power")
    assert (await Bmc(bmc.settings(), session).read())[1] == 344 * WATT


async def test_where_neither_has_the_inputs_of_all_supplies_are_added_up(
    bmc: FakeBmc, session: aiohttp.ClientSession
) -> None:
    """An empty bay has none; one that is filled later is found."""
    bmc.has_supplies(200, None, 150.5)
    reader = Bmc(bmc.settings(), session)
    assert (await reader.read())[1] == 350_500_000
    bmc.has_supplies(200, 100, 150.5)
    assert (await reader.read())[1] == 450_500_000


async def test_one_supply_that_does_not_say_is_no_sum_of_the_others(
    bmc: FakeBmc, session: aiohttp.ClientSession
) -> None:
    bmc.has_supplies(200, 100)
    bmc.tree[f"{CHASSIS}/PowerSubsystem/PowerSupplies/Bay1/Metrics"] = resource(
        "/x", InputPowerWatts=reading(None)
    )
    error = await failure(session, bmc.settings())
    assert "Bay1/Metrics: InputPowerWatts.Reading is null" in str(error)
    bmc.has_supplies(200, 100)
    bmc.tree[f"{CHASSIS}/PowerSubsystem/PowerSupplies/Bay0"].pop("Metrics")
    assert "Bay0: no Metrics" in str(await failure(session, bmc.settings()))


async def test_supplies_without_end_are_refused(
    bmc: FakeBmc, session: aiohttp.ClientSession
) -> None:
    bmc.has_supplies(*[1] * 33)
    assert "33 power supplies" in str(await failure(session, bmc.settings()))
    assert len(bmc.asked) < 10


async def test_a_fine_register_of_energy_is_read_until_it_is_distrusted(
    bmc: FakeBmc, session: aiohttp.ClientSession
) -> None:
    bmc.has_environment(374, 12.3456)
    reader = Bmc(bmc.settings(), session)
    found = await reader.read()
    assert found == EnergyReading(
        f"{CHASSIS}/EnvironmentMetrics: EnergykWh.Reading", 123_456 * 360 * WATT
    )
    bmc.has_environment(374, 12.346)  # its last digit is a zero, it is the same register
    assert isinstance(await reader.read(), EnergyReading)
    reader.distrust_register()
    assert isinstance(await reader.read(), PowerReading)


async def test_a_coarse_register_of_energy_is_not_read(
    bmc: FakeBmc, session: aiohttp.ClientSession
) -> None:
    bmc.has_environment(374, 325675)
    assert isinstance(await Bmc(bmc.settings(), session).read(), PowerReading)


async def test_the_chassis_is_chosen_by_its_id(
    bmc: FakeBmc, session: aiohttp.ClientSession
) -> None:
    bmc.has_environment(374)
    members = [{"@odata.id": "/redfish/v1/Chassis/Rack"}, {"@odata.id": CHASSIS}]
    bmc.tree["/redfish/v1/Chassis"] = resource("/redfish/v1/Chassis", Members=members)
    assert (await Bmc(bmc.settings(chassis="1U"), session).read())[1] == 374 * WATT
    error = await failure(session, bmc.settings())
    assert "set `chassis` to one of: Rack, 1U" in str(error)


async def test_what_was_found_is_looked_for_again_after_a_failure(
    bmc: FakeBmc, session: aiohttp.ClientSession
) -> None:
    bmc.has_environment(374)
    reader = Bmc(bmc.settings(), session)
    await reader.read()
    bmc.tree[f"{CHASSIS}/EnvironmentMetrics"] = b"{}"
    with pytest.raises(RedfishError):
        await reader.read()
    bmc.has_control(344)
    assert (await reader.read())[1] == 344 * WATT


async def test_a_bmc_that_offers_nothing_says_what_it_lacks(
    bmc: FakeBmc, session: aiohttp.ClientSession
) -> None:
    error = await failure(session, bmc.settings())
    for name in ("EnvironmentMetrics", "Power", "PowerSubsystem"):
        assert f"{CHASSIS}: no {name}" in str(error)
    assert (error.state, error.reason) == (State.ERROR, "unreadable")


async def test_every_reason_is_said_when_none_has_a_number(
    bmc: FakeBmc, session: aiohttp.ClientSession
) -> None:
    bmc.has_environment()
    bmc.has_control(None, 120)
    bmc.offers(EnvironmentMetrics=f"{CHASSIS}/EnvironmentMetrics", Power=f"{CHASSIS}/Power")
    error = await failure(session, bmc.settings())
    assert "PowerWatts.Reading is null; " in str(error)
    assert "PowerControl[0].PowerConsumedWatts is null; " in str(error)


async def test_one_request_at_a_time_and_only_what_reads(
    bmc: FakeBmc, session: aiohttp.ClientSession
) -> None:
    bmc.has_supplies(*[10] * 8)
    await Bmc(bmc.settings(), session).read()
    assert bmc.most_at_once == 1


# ── who is believed ──────────────────────────────────────────────────────────────────────


async def test_a_bmc_is_known_by_its_pin_whoever_signed_it(
    bmc: FakeBmc, session: aiohttp.ClientSession
) -> None:
    bmc.has_environment(374)
    digits = bmc.fingerprint.upper()
    colons = ":".join(digits[at : at + 2] for at in range(0, 64, 2))
    for pin in (bmc.fingerprint, colons):
        settings = bmc.settings(ca_file=None, fingerprint=pin)
        assert (await Bmc(settings, session).read())[1] == 374 * WATT


async def test_another_certificate_is_never_told_the_password(
    bmc: FakeBmc, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    bmc.has_environment(374)
    other = issue(tmp_path / "other", "x").authority
    pinned = await failure(session, bmc.settings(ca_file=None, fingerprint="ab" * 32))
    assert f"has fingerprint {bmc.fingerprint}, not the one configured" in str(pinned)
    for settings in (bmc.settings(ca_file=other), bmc.settings(ca_file=None)):
        error = await failure(session, settings)
        assert str(error).startswith("TLS: ")
        assert "verify failed" in str(error)
        assert (error.state, error.reason) == (State.ERROR, "unreadable")
    assert bmc.asked == []


async def test_any_certificate_is_believed_where_that_was_said(
    bmc: FakeBmc, session: aiohttp.ClientSession
) -> None:
    bmc.has_environment(374)
    settings = bmc.settings(ca_file=None, insecure=True)
    assert (await Bmc(settings, session).read())[1] == 374 * WATT


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_ca_file_that_cannot_be_used_is_named_and_read_again(
    bmc: FakeBmc, session: aiohttp.ClientSession, tmp_path: Path, content: str | None
) -> None:
    bmc.has_environment(374)
    path = tmp_path / "later.pem"
    if content is not None:
        path.write_text(content)
    reader = Bmc(bmc.settings(ca_file=path), session)
    with pytest.raises(RedfishError, match=f"ca_file {path}"):
        await reader.read()
    shutil.copy(bmc.certificates.authority, path)
    assert (await reader.read())[1] == 374 * WATT


@pytest.mark.parametrize("status", [401, 403])
async def test_an_account_that_is_refused_is_permission_denied(
    bmc: FakeBmc, session: aiohttp.ClientSession, status: int
) -> None:
    bmc.has_environment(374)
    if status == 401:
        bmc.password += "!"
    bmc.status = status
    error = await failure(session, bmc.settings())
    assert (error.state, error.reason) == (State.PERMISSION_DENIED, "permission_denied")
    assert f"HTTP {status}" in str(error)
    assert bmc.asked == ["/redfish/v1/"]


async def test_a_part_that_may_not_be_read_is_not_looked_for_elsewhere(
    bmc: FakeBmc, session: aiohttp.ClientSession
) -> None:
    bmc.has_control(344)
    bmc.tree[f"{CHASSIS}/E"] = lambda: web.Response(status=403)
    bmc.offers(EnvironmentMetrics=f"{CHASSIS}/E", Power=f"{CHASSIS}/Power")
    assert (await failure(session, bmc.settings())).state is State.PERMISSION_DENIED


async def test_a_password_that_changes_is_read_again(
    bmc: FakeBmc, session: aiohttp.ClientSession
) -> None:
    bmc.has_environment(374)
    reader = Bmc(bmc.settings(), session)
    await reader.read()
    bmc.password += "!"
    with pytest.raises(RedfishError, match="HTTP 401"):
        await reader.read()
    bmc.write_password(bmc.password)
    assert (await reader.read())[1] == 374 * WATT


def test_a_password_is_what_the_file_holds_less_the_end_of_the_line(tmp_path: Path) -> None:
    path = tmp_path / "password"
    for content in (b" p\xc3\xa4ss: 1 ", b" p\xc3\xa4ss: 1 \n", b" p\xc3\xa4ss: 1 \r\n"):
        path.write_bytes(content)
        path.chmod(0o600)
        assert read_password(path) == " päss: 1 "
    path.chmod(0o400)
    assert read_password(path) == " päss: 1 "


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o601])
def test_a_password_that_others_may_read_is_not_used(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "password"
    path.write_text("secret")
    path.chmod(mode)
    with pytest.raises(RedfishError) as caught:
        read_password(path)
    assert f"chmod 600 {path}" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.state is State.PERMISSION_DENIED


@pytest.mark.parametrize(
    "make",
    [
        lambda path: None,
        lambda path: path.mkdir(mode=0o700),
        lambda path: os.mkfifo(path, 0o600),
        lambda path: path.symlink_to("nowhere"),
        lambda path: (path.touch(), path.chmod(0o600)),
        lambda path: (path.write_bytes(b"\n"), path.chmod(0o600)),
        lambda path: (path.write_bytes(b"\xff"), path.chmod(0o600)),
        lambda path: (path.write_bytes(b"x" * 5000), path.chmod(0o600)),
    ],
    ids=["missing", "folder", "fifo", "dangling", "empty", "line", "binary", "large"],
)
def test_what_is_no_password_file_is_named(tmp_path: Path, make: object) -> None:
    path = tmp_path / "password"
    make(path)  # type: ignore[operator]
    with pytest.raises(RedfishError, match=f"password_file {path}: ") as caught:
        read_password(path)
    assert caught.value.state is State.PERMISSION_DENIED


# ── what ends it ─────────────────────────────────────────────────────────────────────────


async def test_a_bmc_that_hangs_is_left(bmc: FakeBmc, session: aiohttp.ClientSession) -> None:
    bmc.hangs = True
    for limits in ({"request_seconds": 0.05}, {"reading_seconds": 0.05}):
        error = await failure(session, bmc.settings(), **limits)
        assert (error.state, error.reason) == (State.ERROR, "timeout")


async def test_a_port_that_nobody_listens_on_is_an_error(
    bmc: FakeBmc, session: aiohttp.ClientSession
) -> None:
    settings = bmc.settings(url="https://127.0.0.1:1")
    assert (await failure(session, settings)).reason == "unreadable"


async def test_a_server_that_speaks_no_tls_is_an_error(
    bmc: FakeBmc, session: aiohttp.ClientSession
) -> None:
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n{}")
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        error = await failure(session, bmc.settings(url=f"https://127.0.0.1:{port}"))
    assert error.state is State.ERROR


def redirect() -> web.Response:
    return web.Response(status=308, headers={"Location": f"https://elsewhere{CHASSIS}"})


def compressed() -> web.Response:
    """What would be a reading if it were unpacked, as a bomb would be."""
    body = gzip.compress(json.dumps({"PowerWatts": reading(374)}).encode())
    return web.Response(body=body, headers={"Content-Encoding": "gzip"})


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (redirect, "HTTP 308"),
        (lambda: web.Response(status=500, body=b"x" * 100), "HTTP 500"),
        (b"{" + b" " * ANSWER_BYTES_MAX + b"}", f"more than {ANSWER_BYTES_MAX} bytes"),
        (b'{"PowerWatts": {"Reading": 374}', "not JSON"),
        (b"", "not JSON"),
        (compressed, "not JSON"),
        ({"PowerWatts": {"Reading": "\u202e374\n"}}, "PowerWatts.Reading is \\u202e374\\n"),
    ],
    ids=["redirect", "broken", "endless", "cut", "empty", "packed", "tricky"],
)
async def test_an_answer_that_is_none_is_named_with_its_path(
    bmc: FakeBmc, session: aiohttp.ClientSession, answer: object, message: str
) -> None:
    bmc.has_environment(374)
    bmc.tree[f"{CHASSIS}/EnvironmentMetrics"] = answer
    error = await failure(session, bmc.settings())
    assert f"{CHASSIS}/EnvironmentMetrics: {message}" in str(error)


@pytest.mark.parametrize("target", ["https://127.0.0.1:{port}/x", "//127.0.0.1:{port}/x"])
async def test_a_link_to_another_host_is_never_followed(
    bmc: FakeBmc, session: aiohttp.ClientSession, tmp_path: Path, target: str
) -> None:
    async with fake_bmc(tmp_path / "other") as other:
        other.has_environment(374)
        other.tree["/x"] = other.tree[f"{CHASSIS}/EnvironmentMetrics"]
        bmc.offers(EnvironmentMetrics=target.format(port=other.port))
        error = await failure(session, bmc.settings(ca_file=None, insecure=True))
        assert "which is no path on the BMC" in str(error)
        assert other.asked == []


async def test_a_mockup_of_the_dmtf_is_read(
    bmc: FakeBmc, session: aiohttp.ClientSession, shared: Path
) -> None:
    """The same server by each of its three ways; in its mockup only one supply is there."""
    root = shared / "fixtures" / "dmtf_redfish" / "public-rackmount1"
    bmc.tree = {
        f"/redfish/v1/{path.parent.relative_to(root)}".rstrip("."): path.read_bytes()
        for path in root.rglob("index.json")
    }
    found = {}
    for name in ("EnvironmentMetrics", "Power", "PowerSubsystem"):
        chassis = json.loads(bmc.tree[CHASSIS])
        for other in {"EnvironmentMetrics", "Power", "PowerSubsystem"} - {name}:
            del chassis[other]
        whole, bmc.tree[CHASSIS] = bmc.tree[CHASSIS], chassis
        found[name] = (await Bmc(bmc.settings(), session).read())[1] / WATT
        bmc.tree[CHASSIS] = whole
    assert found == {"EnvironmentMetrics": 374, "Power": 344, "PowerSubsystem": 937.4}


async def test_a_path_with_signs_that_mean_something_is_asked_for_as_it_is(
    bmc: FakeBmc, session: aiohttp.ClientSession
) -> None:
    path = f"{CHASSIS}/Power%7C%7C0x17"
    bmc.has_control(344)
    bmc.tree[path] = bmc.tree.pop(f"{CHASSIS}/Power")
    bmc.tree[CHASSIS] = resource(CHASSIS, **links(Power=path))
    assert (await Bmc(bmc.settings(), session).read())[1] == 344 * WATT
