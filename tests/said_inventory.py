"""What an organisation says of itself beside its agents: hardware, a bill, fuel, what was used.

All of it is of days that are over, so that the collector has an inventory of the year so far.
"""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from register_scenes import SERVER
from wattgram_collector.inventory.register.writing import write_toml

CONFIGURATION = """
[inventory]
organisation = "Example"
metrics_minutes = 0.01
"""


def say(directory: Path, state: Path, today: date | None = None) -> None:
    """Put it into the ledger under `state`, beside a collector that runs."""
    day = ((today or datetime.now(UTC).date()) - timedelta(days=1)).isoformat()
    directory.mkdir(parents=True, exist_ok=True)
    server = replace(SERVER, asset_id="rack-7", site="hall", acquired_on=date.fromisoformat(day),
                     service="mail")  # fmt: skip
    assets = directory / "assets.toml"
    assets.write_text(write_toml([server]))
    rows = [
        {"kind": "electricity", "kwh": "120", "country": "GB", "service": "mail"},
        {"kind": "fuel", "fuel": "diesel", "litres": "40"},
        {"kind": "software", "method": "spend", "amount": "900", "price_year": "2022"},
        {"kind": "forced_upgrade", "devices": "10", "remaining_life_ratio": "0.5",
         "factor_value": "56", "factor_unit": "kg/device", "factor_source": "us",
         "factor_version": "1"},
    ]  # fmt: skip
    activities = directory / "activities.csv"
    activities.write_text(_csv([{"from": day, "to": day, **row} for row in rows]))
    _run(state, "assets", "import", str(assets))
    _run(state, "activities", "import", str(activities))
    _run(state, "units", "add", "--service", "mail", "--unit", "email", "--count", "5000",
         "--from", day, "--to", day, "--source", "postfix")  # fmt: skip


def _csv(rows: list[dict[str, str]]) -> str:
    out = io.StringIO()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(out, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _run(state: Path, *words: str) -> None:
    environment: Mapping[str, str] = {
        **os.environ, "WATTGRAM_COLLECTOR__STATE_DIRECTORY": str(state),
    }  # fmt: skip
    done = subprocess.run(
        (sys.executable, "-m", "wattgram_collector", *words),
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
