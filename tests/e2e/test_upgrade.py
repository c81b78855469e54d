"""Both daemons are upgraded while they hold data: not a joule is lost or counted twice."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from daemons import Agent, Collector, running, wait_until
from fakes import two_socket_tree
from first_files import AGENT_ID, BATCHES, FIRST, SESSION, deliver_to, joules_of, state_directory
from ledger_files import first_version
from wattgram_collector.ledger.sqlite_migrations import SCHEMA_VERSION

pytestmark = pytest.mark.servers

APPLIED = 2


def checked(file: Path) -> str:
    """Return what `ledger check` says of a file; it must find nothing."""
    done = subprocess.run(
        [sys.executable, "-m", "wattgram_collector", "ledger", "check", str(file)],
        capture_output=True, text=True, check=False, timeout=60, env=os.environ,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class FirstConfigured(Collector):
    """With the configuration file of the first version."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, WATTGRAM_COLLECTOR__EXPOSITION__ZERO_SECONDS="0")
        self._command += ("--config", str(FIRST / "collector.toml"))


class FirstAgent(Agent):
    """An agent of today where one of the first version was."""

    def __init__(self, directory: Path, collector: Collector) -> None:
        tree = two_socket_tree(directory / "machine")
        super().__init__(directory, collector, tree.sysfs, tree.procfs,
                         WATTGRAM_AGENT__HOST="first",
                         WATTGRAM_AGENT__SAMPLING__INTERVAL_SECONDS="0.2",
                         WATTGRAM_AGENT__SAMPLING__BATCH_SECONDS="0.4")  # fmt: skip
        self._command += ("--config", str(FIRST / "agent.toml"))


def test_data_of_the_first_version_goes_on_in_both_daemons(tmp_path: Path) -> None:
    """Must show 6: a ledger of schema 1, and a spool of which it has two batches of six."""
    now = time.time_ns()
    collector = FirstConfigured(tmp_path / "collector")
    ledger = first_version(tmp_path / "collector" / "state" / "ledger.sqlite")
    deliver_to(ledger, APPLIED, now // 10**9)
    assert "schema version 1, 3 agents" in checked(ledger)
    agent = FirstAgent(tmp_path / "first", collector)
    state_directory(tmp_path / "first" / "state", now - 60 * 10**9)

    def joules() -> float | None:
        return collector.total("wattgram_host_energy_joules_total", host="first")

    with running(collector):
        assert joules() == joules_of(APPLIED)
        before = (1 << 40) + 5
        assert collector.total("wattgram_host_energy_joules_total", host="alpha") == pytest.approx(
            before / 1e6, rel=1e-12
        )
        assert collector.total("wattgram_missing_batches_total", host="alpha") == 4
        assert f"ledger_migrated from=1 to={SCHEMA_VERSION}" in collector.log
        with running(agent):
            wait_until(lambda: joules() == joules_of(BATCHES), 30, agent.log)
            # Its own next batch comes under the next number: the tree stands still, so it is 0 J.
            wait_until(lambda: applied(ledger) > BATCHES, 30, agent.log)
            assert joules() == joules_of(BATCHES)
            assert agent.stop() == 0
        assert not collector.total("wattgram_missing_batches_total", host="first")
        assert not collector.total("wattgram_refused_batches_total", host="first")
        assert not collector.total("wattgram_ingest_duplicate_batches_total")
        assert collector.stop() == 0
    assert (tmp_path / "first" / "state" / "agent_id").read_text().strip() == AGENT_ID
    assert f"schema version {SCHEMA_VERSION}, 3 agents" in checked(ledger)
    assert "schema version 1, 3 agents" in checked(ledger.with_name("ledger.sqlite.version-1"))


def applied(ledger: Path) -> int:
    """Return the highest sequence of the agent's old session that is in the ledger."""
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as database:
        ((found,),) = database.execute(
            "SELECT applied FROM sessions WHERE session = ?", (SESSION,)
        ).fetchall()
        return int(found)
