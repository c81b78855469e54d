"""The shipped rules in a real Prometheus: an alert on the emission rate comes, and ends."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from stack import show, stack, wait_until

pytestmark = pytest.mark.servers

MOST_SECONDS = 60


def test_an_emission_alert_fires_into_a_webhook_and_resolves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    with stack(tmp_path / "stack") as running:
        show(running)
        seconds = time.monotonic() - began
        fired = running.webhook.told("WattgramEmissionRateHigh", "firing", limit="fleet")[0]

        assert fired["labels"]["severity"] == "warning"
        assert "g CO2e/h" in fired["annotations"]["summary"]
        assert fired["annotations"]["runbook_url"].endswith("docs/runbooks.md#emission-rate")
        assert not running.webhook.told("WattgramCollectorDown", "firing")

        assert running.value("count(host:wattgram_power_watts:rate5m)") == 3
        assert running.value('site:wattgram_power_watts:rate5m{site="hall-1"}')
        burn = 'budget:wattgram_carbon_budget_burn:ratio_avg5m{budget="fleet"}'
        assert wait_until(lambda: running.value(burn), 20, "a burn rate")
        used = 'wattgram_carbon_budget_used_grams{budget="hall-1"}'
        assert wait_until(lambda: running.value(used), 20, "a budget that is used")
        assert _bad_groups(running.query("prometheus_rule_evaluation_failures_total > 0")) == []
        _metrics_are_in_order(running.metrics())

        running.end_agent("gamma")
        late = wait_until(
            lambda: running.webhook.told("WattgramAgentLate", "firing", host="gamma"),
            40,
            "the agent that was stopped is late",
        )
        assert late[0]["labels"]["site"] == "office"
    assert "RESOLVED" in capsys.readouterr().out
    assert seconds < MOST_SECONDS


def _bad_groups(found: list[dict[str, object]]) -> list[str]:
    return [json.dumps(one) for one in found]


def _metrics_are_in_order(page: str) -> None:
    """Ask promtool about what a collector with hosts, budgets and limits shows."""
    said = subprocess.run(
        ["promtool", "check", "metrics"],  # noqa: S607 -- wherever Debian has it
        input=page,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
