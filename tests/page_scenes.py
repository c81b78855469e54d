"""Fleets as the views would tell of them, made by hand: to draw pages from and to look at them."""

from __future__ import annotations

import asyncio
import math
import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from aiohttp import web

from wattgram.readings import Quality, State
from wattgram_collector.access.http import Guard
from wattgram_collector.exposition.pages.frame import Surroundings
from wattgram_collector.exposition.pages.routes import page_routes
from wattgram_collector.intensities.places import Places
from wattgram_collector.intensity import Tier
from wattgram_collector.views.model import (
    Budget,
    FleetView,
    GreenestWindow,
    Group,
    HostDetail,
    HostRow,
    Presence,
    Problem,
    ProblemKind,
    Severity,
    Source,
    Step,
    Total,
    Used,
    WorkloadShare,
    Zone,
    ZoneStep,
)
from wattgram_collector.views.source import Views

NOW = 1_780_000_500  # 2026-05-28 20:35 UTC
STEP = 300
STEPS = 288
START = NOW // STEP * STEP - STEPS * STEP
KWH = 3_600_000.0
ASSETS = ("page.css", "page.js", "uPlot.iife.min.js", "uPlot.min.css", "uPlot.LICENSE", "mark.svg")
AROUND = Surroundings(version="0.1.0", assets={name: f"static/{name}" for name in ASSETS})


class Told(Views):
    """Views that tell what they were given."""

    def __init__(self, view: FleetView, *details: HostDetail) -> None:
        self.view = view
        self.details = {detail.row.host: detail for detail in details}

    async def ready(self, host: str | None = None) -> None:
        """There is nothing to wait for."""

    def fleet(self) -> FleetView:
        return self.view

    def host(self, name: str) -> HostDetail | None:
        return self.details.get(name)


def row(host: str = "alpha", **changes: object) -> HostRow:
    made = HostRow(
        host=host,
        presence=Presence.REPORTS,
        site="Roubaix",
        device_class="server",
        zone="FR",
        power_watts=214.2,
        power_quality=Quality.MEASURED,
        grams_per_hour=8.62,
        tier=Tier.LIVE,
        intensity_grams_per_kilowatt_hour=40.25,
        energy_joules=61.7 * KWH,
        grams=2480.0,
        unpriced_joules=0.0,
        source="rapl",
        problems=0,
        last_seen_unix_seconds=NOW - 4.0,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def total(
    energy: Mapping[Quality, float] | None = None,
    grams: Mapping[Tier, float] | None = None,
    unpriced_joules: float = 0.0,
) -> Total:
    return Total(
        energy_joules_by_quality={Quality.MEASURED: 3_600.0} if energy is None else energy,
        grams_by_tier={Tier.LIVE: 0.04} if grams is None else grams,
        unpriced_joules=unpriced_joules,
    )


def history(seed: int = 1, scale: float = 1.0) -> tuple[Step, ...]:
    """A day with a slow night, a model for a while, an hour of nothing, and a forecast at last."""
    dice = random.Random(seed)
    return tuple(
        Step(start_unix_seconds=START + at * STEP, length_seconds=STEP,
             total=None if 96 <= at < 106 else _step(dice, at, scale))
        for at in range(STEPS)
    )  # fmt: skip


def _step(dice: random.Random, at: int, scale: float) -> Total:
    day = 0.5 - 0.5 * math.cos(2 * math.pi * (at - 30) / STEPS)
    watts = scale * (260 + 190 * day + dice.gauss(0, 9))
    part = 0.55 if 130 <= at < 165 else 0.18
    modelled, measured = watts * part, watts * (1 - part)
    intensity = 46 - 16 * math.sin(2 * math.pi * at / STEPS)
    rate = watts / 1000 * intensity * STEP / 3600
    world = rate * 1.6
    if at >= STEPS - 10:
        tiers = {Tier.FORECAST: rate, Tier.WORLD: world}
    elif at < 40:
        tiers = {Tier.ANNUAL: rate, Tier.WORLD: world}
    else:
        tiers = {Tier.LIVE: rate, Tier.WORLD: world}
    return Total(
        energy_joules_by_quality={
            Quality.MEASURED: measured * STEP,
            Quality.MODELLED: modelled * STEP,
        },
        grams_by_tier=tiers,
        unpriced_joules=watts * 0.3 * STEP if 200 <= at < 215 else 0.0,
    )


def summed(steps: Sequence[Step]) -> Total:
    energy: dict[Quality, float] = {}
    grams: dict[Tier, float] = {}
    unpriced = 0.0
    for step in steps:
        if step.total is None:
            continue
        unpriced += step.total.unpriced_joules
        for quality, joules in step.total.energy_joules_by_quality.items():
            energy[quality] = energy.get(quality, 0.0) + joules
        for tier, mass in step.total.grams_by_tier.items():
            grams[tier] = grams.get(tier, 0.0) + mass
    return total(energy, grams, unpriced)


def problem(kind: ProblemKind = ProblemKind.AGENT_LATE, **changes: object) -> Problem:
    made = Problem(
        kind=kind, severity=Severity.WARNING, about="gateway-7",
        text="Nothing was heard of it for 4 min.",
        fix="systemctl restart wattgram-agent", since_unix_seconds=NOW - 240,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


DENIED = problem(
    ProblemKind.SOURCE_DENIED, about="beta", since_unix_seconds=None,
    text="rapl is not readable: /sys/class/powercap/intel-rapl:0/energy_uj is 0400 root; its "
    "power is modelled.",
    fix="cp deploy/udev/60-wattgram-rapl.rules /etc/udev/rules.d/ && udevadm trigger -s powercap",
)  # fmt: skip
FALLBACK = problem(
    ProblemKind.INTENSITY_FALLBACK, about="WORLD", severity=Severity.INFO,
    text="beta and gateway-7 are priced with the world's average: nobody said on which grid "
    "they are.",
    fix='grid_zone = "DE"', since_unix_seconds=None,
)  # fmt: skip


def rows() -> tuple[HostRow, ...]:
    return (
        row("alpha"),
        row("beta", site="", zone="WORLD", power_watts=88.4, power_quality=Quality.MODELLED,
            tier=Tier.WORLD, intensity_grams_per_kilowatt_hour=473.0, grams_per_hour=41.8,
            energy_joules=21.9 * KWH, grams=10_360.0, source="model", problems=2,
            device_class="laptop"),
        row("delta", site="Slough", zone="GB", power_watts=151.7, grams_per_hour=None, tier=None,
            intensity_grams_per_kilowatt_hour=None, energy_joules=4.4 * KWH, grams=None,
            unpriced_joules=4.4 * KWH, source="ipmi"),
        row("gateway-7", presence=Presence.LATE, site="Slough", device_class="gateway", zone="GB",
            power_watts=None, power_quality=None, grams_per_hour=None, tier=None,
            intensity_grams_per_kilowatt_hour=None, energy_joules=0.31 * KWH, grams=66.0,
            source="hwmon", problems=1, last_seen_unix_seconds=NOW - 240.0),
    )  # fmt: skip


def groups(*named: tuple[str, int, float | None, float, float]) -> tuple[Group, ...]:
    return tuple(
        Group(label=label, hosts=hosts, power_watts=watts,
              total=total({Quality.MEASURED: kwh * KWH * 0.8, Quality.MODELLED: kwh * KWH * 0.2},
                          {Tier.LIVE: grams}))
        for label, hosts, watts, kwh, grams in named
    )  # fmt: skip


def zone(name: str = "GB", **changes: object) -> Zone:
    steps = tuple(
        ZoneStep(start_unix_seconds=NOW // 1800 * 1800 + (at - 48) * 1800, length_seconds=1800,
                 grams_per_kilowatt_hour=150 - 70 * math.sin(at / 7.6), is_forecast=at > 48)
        for at in range(96)
    )  # fmt: skip
    made = Zone(
        zone=name, hosts=2, power_watts=151.7, grams_per_kilowatt_hour=131.0, tier=Tier.LIVE,
        provider="neso", valid_until_unix_seconds=NOW + 900, steps=steps,
        greenest=GreenestWindow(
            start_unix_seconds=NOW // 1800 * 1800 + 11 * 1800, length_seconds=3600,
            grams_per_kilowatt_hour=80.4, saving_ratio=0.386, is_robust=True,
        ),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def annual_zone(name: str, tier: Tier, value: float, **changes: object) -> Zone:
    return zone(name, hosts=1, tier=tier, grams_per_kilowatt_hour=value, provider="tables",
                valid_until_unix_seconds=None, steps=(), greenest=None, **changes)  # fmt: skip


def budget(name: str = "fleet", **changes: object) -> Budget:
    made = Budget(
        name=name, window="month", grams=40_000.0, used_grams=31_200.0, used_ratio=0.78,
        elapsed_ratio=0.89, from_unix_seconds=1_777_593_600, to_unix_seconds=1_780_272_000,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def fleet(**changes: object) -> FleetView:
    steps = history()
    made = FleetView(
        at_unix_seconds=NOW,
        hosts={Presence.REPORTS: 3, Presence.LATE: 1, Presence.GONE: 0},
        power_watts=454.3,
        power_known_hosts=3,
        power_watts_by_quality={Quality.MEASURED: 365.9, Quality.MODELLED: 88.4},
        grams_per_hour=50.4,
        grams_per_hour_by_tier={Tier.LIVE: 8.6, Tier.WORLD: 41.8},
        unpriced_watts=151.7,
        last_day=summed(steps),
        history=steps,
        history_at_unix_seconds=NOW - 40,
        by_site=groups(("Roubaix", 1, 214.2, 5.1, 206.0), ("Slough", 2, 151.7, 3.7, 490.0),
                       ("", 1, 88.4, 2.1, 990.0)),
        by_device_class=groups(("server", 2, 365.9, 8.7, 690.0), ("laptop", 1, 88.4, 2.1, 990.0),
                               ("gateway", 1, None, 0.1, 14.0)),
        by_zone=groups(("FR", 1, 214.2, 5.1, 206.0), ("GB", 2, 151.7, 3.7, 490.0),
                       ("WORLD", 1, 88.4, 2.1, 990.0)),
        by_workload=(
            WorkloadShare(kind="systemd", name="postgresql.service", hosts=1, energy_joules=5e5),
            WorkloadShare(kind="container", name="build-runner", hosts=2, energy_joules=3.1e5),
            WorkloadShare(kind="idle", name="idle", hosts=3, energy_joules=7e5),
        ),
        rows=rows(),
        zones=(zone(), annual_zone("FR", Tier.ANNUAL, 40.25),
               annual_zone("WORLD", Tier.WORLD, 473.0)),
        budgets=(budget(), budget("slough", window="day", grams=1_000.0, used_grams=910.0,
                                  used_ratio=0.91, elapsed_ratio=0.86)),
        problems=(FALLBACK, problem(), DENIED),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def empty(**changes: object) -> FleetView:
    return fleet(**{
        "hosts": {Presence.REPORTS: 0, Presence.LATE: 0, Presence.GONE: 0}, "power_watts": None,
        "power_known_hosts": 0, "power_watts_by_quality": {}, "grams_per_hour": None,
        "grams_per_hour_by_tier": {}, "unpriced_watts": 0.0, "last_day": None, "history": (),
        "by_site": (), "by_device_class": (), "by_zone": (), "by_workload": (), "rows": (),
        "zones": (), "budgets": (), "problems": (), **changes,
    })  # fmt: skip


def large(hosts: int = 1_000) -> FleetView:
    """A fleet of many hosts, some of them silent, some with problems."""
    dice = random.Random(7)
    places = (("Roubaix", "FR", Tier.LIVE, 40.25), ("Slough", "GB", Tier.FORECAST, 131.0),
              ("Ashburn", "US-MIDA-PJM", Tier.ANNUAL, 389.0))  # fmt: skip
    made = []
    for at in range(hosts):
        site, name, tier, intensity = dice.choice(places)
        watts = round(dice.uniform(3, 900), 2)
        is_late = at % 97 == 5
        made.append(
            row(f"node-{at:04}", site=site, zone=name,
                presence=Presence.LATE if is_late else Presence.REPORTS,
                power_watts=None if is_late else watts,
                power_quality=None if is_late else dice.choice(tuple(Quality)),
                grams_per_hour=None if is_late else watts * intensity / 1000,
                tier=None if is_late else tier, intensity_grams_per_kilowatt_hour=intensity,
                energy_joules=watts * 1e6, grams=watts * intensity / 4,
                problems=int(is_late or at % 41 == 0))
        )  # fmt: skip
    late = sum(1 for one in made if one.presence is Presence.LATE)
    steps = history(scale=1_000.0)
    problems = tuple(
        problem(about=one.host) for one in made if one.presence is Presence.LATE
    )  # fmt: skip
    return fleet(
        rows=tuple(made), hosts={Presence.REPORTS: hosts - late, Presence.LATE: late},
        history=steps, last_day=summed(steps), problems=problems,
        power_known_hosts=hosts - late, power_watts=sum(one.power_watts or 0 for one in made),
    )  # fmt: skip


def detail(of: HostRow | None = None, **changes: object) -> HostDetail:
    made = HostDetail(
        row=of or rows()[1],
        agent_id="0197a1c2-6d4e-7b35-9f0a-3f6c51a2b7de",
        agent_version="0.1.0",
        facts={"os": "Debian 12", "arch": "x86_64", "virtualization": "none",
               "cpu_model": "AMD Ryzen 7 PRO 6850U"},
        sources=(
            Source(name="model", state=State.ACTIVE, reason="CPU load, generation and TDP"),
            Source(name="rapl", state=State.PERMISSION_DENIED,
                   reason="/sys/class/powercap/intel-rapl:0/energy_uj is 0400 root",
                   fix="sudo cp 60-wattgram-rapl.rules /etc/udev/rules.d/"),
            Source(name="nvml", state=State.ABSENT, reason="no NVIDIA driver"),
            Source(name="ipmi", state=State.ERROR, reason="ipmitool did not answer in 5 s",
                   fix="systemctl restart ipmi"),
        ),
        components=(Used(kind="cpu", name="cpu", quality=Quality.MODELLED, energy_joules=5.6e7),
                    Used(kind="dram", name="dram", quality=Quality.MODELLED, energy_joules=1.1e7),
                    Used(kind="other", name="other", quality=Quality.DEFAULT,
                         energy_joules=1.2e7)),
        workloads=(Used(kind="systemd", name="docker.service", quality=None, energy_joules=3.2e7),
                   Used(kind="container", name="build-runner", quality=None, energy_joules=1.9e7),
                   Used(kind="idle", name="idle", quality=None, energy_joules=2.4e7),
                   Used(kind="unattributed", name="unattributed", quality=None,
                        energy_joules=4e6)),
        interfaces={"eth0": (812_000_000_000, 41_300_000_000), "wlan0": (0, 0)},
        gap_seconds={"suspended": 30_400.0, "counter_reset": 12.0},
        history=history(2, 0.2),
        clock_offset_seconds=0.0123,
        spooled_batches=0,
        agent_resident_memory_bytes=39_400_000,
        problems=(DENIED,),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def application(views: Views, runbook_url: str = "") -> web.Application:
    """Return the pages alone, behind a guard that lets everybody read."""
    app = web.Application()
    Guard(None).stand_before(app)
    sources = tuple(Places().sources.values())
    app.add_routes(
        page_routes(views, runbook_url=runbook_url, sources=sources, unix_seconds=lambda: NOW)
    )
    return app


@contextmanager
def serving(views: Views) -> Iterator[str]:
    """Serve the pages from a thread; give the address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner = web.AppRunner(application(views), access_log=None)

    async def start() -> str:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/"

    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


IMAGES = Path(__file__).parents[1] / "docs" / "images"
