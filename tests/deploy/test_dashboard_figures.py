"""What the dashboards' figures come to, by promtool, on series whose sums are known.

Time is 10 minutes after the first sample, one a minute, so that an increase is exact.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from grafana import Window, interpolated, panels
from wattgram_grafana.assembly import dashboard
from wattgram_grafana.boards import BOARDS

WINDOW = Window(end_unix_seconds=0, range_seconds=600, rate_interval_seconds=240)
VARIABLES = {
    **dict.fromkeys(("job", "site", "device_class", "grid_zone", "budget"), ".*"),
    "host": "(alpha|beta|gamma)",
}
PANELS = {
    (board["uid"], panel["title"]): panel
    for board in map(dashboard, BOARDS)
    for panel in panels(board)
}
KILOWATT_HOUR = 3_600_000

# alpha is measured and priced, at 200 g/kWh and later 400; beta is modelled, a quarter of it
# unpriced; gamma has gone silent: gauges and info are no more, its counters stand still.
SERIES = {
    'wattgram_host_energy_joules_total{job="w",host="alpha",quality="measured"}':
        f"0+{KILOWATT_HOUR // 10}x10",
    'wattgram_host_energy_joules_total{job="w",host="beta",quality="modelled"}':
        f"0+{KILOWATT_HOUR // 10}x10",
    'wattgram_host_energy_joules_total{job="w",host="gamma",quality="modelled"}': "5+0x10",
    'wattgram_unpriced_energy_joules_total{job="w",host="beta"}': f"0+{KILOWATT_HOUR // 40}x10",
    'wattgram_emissions_co2e_grams_total{job="w",host="alpha",grid_zone="DE",tier="live"}':
        "0+20x10",
    'wattgram_emissions_co2e_grams_total{job="w",host="alpha",grid_zone="DE",tier="annual"}':
        "0+10x10",
    'wattgram_emissions_co2e_grams_total{job="w",host="beta",grid_zone="FR",tier="annual"}':
        "0+5x10",
    'wattgram_host_power_watts{job="w",host="alpha"}': "100+0x10",
    'wattgram_host_power_watts{job="w",host="beta"}': "40+0x10",
    'wattgram_agent_up{job="w",host="alpha"}': "1+0x10",
    'wattgram_agent_up{job="w",host="beta"}': "1+0x10",
    'wattgram_agent_up{job="w",host="gamma"}': "0+0x10",
    # Two jobs that scrape one collector: a join must bear it.
    'wattgram_host_info{job="w",host="alpha",site="hall",device_class="server",grid_zone="DE"}':
        "1+0x10",
    'wattgram_host_info{job="v",host="alpha",site="hall",device_class="server",grid_zone="DE"}':
        "1+0x10",
    'wattgram_host_info{job="w",host="beta",device_class="server",grid_zone="FR"}': "1+0x10",
    'wattgram_host_info{job="w",host="gamma",site="yard",device_class="gateway",grid_zone="FR"}':
        "1+0x8 stale",
    # Pushed series do not end at once: alpha has moved, and both places are there for a while.
    'wattgram_host_info{job="p",host="alpha",site="attic",device_class="server",grid_zone="DE"}':
        "_x8 0.5",
    'wattgram_workload_energy_joules_total{job="w",host="alpha",kind="systemd",workload="a"}':
        f"0+{KILOWATT_HOUR // 40}x10",
    'wattgram_workload_energy_joules_total{job="w",host="alpha",kind="idle",workload="idle"}':
        f"0+{KILOWATT_HOUR * 3 // 40}x10",
    'wattgram_network_energy_joules_total{job="w",host="alpha",segment="s"}': "0+500x10",
    'wattgram_network_transmit_bytes_total{job="w",host="alpha",device="e"}': "0+100000000x10",
    'wattgram_carbon_budget_grams{job="w",budget="b",window="day"}': "1000+0x10",
    'wattgram_carbon_budget_used_grams{job="w",budget="b",window="day"}': "1200+0x10",
    'wattgram_carbon_budget_used_ratio{job="w",budget="b",window="day"}': "1.2+0x10",
    'wattgram_carbon_budget_elapsed_ratio{job="w",budget="b",window="day"}': "0.5+0x10",
    'wattgram_carbon_budget_window_seconds{job="w",budget="b",window="day"}': "86400+0x10",
    'wattgram_carbon_budget_emission_rate_grams_per_second{job="w",budget="b",window="day"}':
        "0.03125+0x10",
    'wattgram_grid_carbon_intensity_grams_per_kilowatt_hour'
    '{job="w",grid_zone="DE",provider="p",signal="average"}': "100+0x9 200",
    # Two jobs that scrape one collector are not two organisations.
    **{
        f'wattgram_inventory_{name}{{job="{job}",year="2025"{more}}}': f"{value}+0x10"
        for job in ("w", "v")
        for name, more, value in (
            ("ghg_location_grams", "", 900), ("ghg_market_grams", "", 700),
            ("scope3_grams", ',category="1"', 300), ("scope3_grams", ',category="11"', 100),
            ("tcs_grams", ',leaf="O.servers"', 40), ("tcs_grams", ',leaf="U.software"', 2),
            ("categories", ',status="calculated"', 7), ("categories", ',status="zero"', 1),
            ("categories", ',status="excluded"', 3), ("categories", ',status="not_evaluated"', 4),
            ("unknown_energy_joules", "", KILOWATT_HOUR),
        )
    },
    'wattgram_inventory_reckoned_timestamp_seconds{job="w"}': "60+0x10",
    'wattgram_inventory_embodied_rate_grams_per_second{job="w",site="hall",device_class="server"}':
        "0.01+0x10",
    # The agent of alpha was started again, and once more.
    'wattgram_agent_cpu_seconds_total{job="w",host="alpha"}': "5 6 7 8 9 10 11 12 13 1 0.5",
    'wattgram_agent_cpu_seconds_total{job="w",host="beta"}': "5+1x10",
}  # fmt: skip

STATES = {
    "rapl": "permission_denied",
    "nvml": "absent",
    "model": "active",
}
for source, true in STATES.items():
    for state in ("available", "active", "absent", "permission_denied", "error"):
        SERIES[
            f'wattgram_power_source_state{{job="w",host="alpha",source="{source}",'
            f'wattgram_power_source_state="{state}"}}'
        ] = f"{int(state == true)}+0x10"

FIGURES: dict[tuple[str, str, str], dict[str, float]] = {
    ("fleet", "Power now", "A"): {"{}": 140},
    ("fleet", "Energy", "A"): {"{}": 2},
    ("fleet", "Emissions", "A"): {"{}": 350},
    ("fleet", "Measured", "A"): {"{}": 0.5},
    ("fleet", "Hosts reporting", "A"): {"{}": 2},
    ("fleet", "Hosts reporting", "B"): {"{}": 3},
    ("fleet", "Power by site", "A"): {'{site="hall"}': 100, '{site="(not given)"}': 40},
    ("fleet", "Hosts", "F"): {'{host="alpha"}': 1, '{host="beta"}': 0},
    ("fleet", "Hosts", "G"): {
        '{host="alpha", site="hall", device_class="server", grid_zone="DE"}': 1,
        '{host="beta", device_class="server", grid_zone="FR"}': 1,
        '{host="gamma", site="yard", device_class="gateway", grid_zone="FR"}': 1,
    },
    ("fleet", "Energy by device class", "A"): {
        '{device_class="server"}': 2, '{device_class="gateway"}': 0,
    },
    # 350 g of the 1.75 kWh that are priced.
    ("grid", "Effective intensity", "A"): {"{}": 200},
    ("grid", "Now against the last day", "A"): {'{grid_zone="DE"}': 200 / (1200 / 11)},
    ("workloads", "Ten workloads that emitted most", "A"): {
        '{kind="idle", workload="idle"}': 225, '{kind="systemd", workload="a"}': 75,
    },
    ("workloads", "By name", "A"): {"{}": 0.25},
    ("workloads", "Unattributed", "A"): {"{}": 0},
    ("workloads", "Of the hosts' energy", "A"): {"{}": 0.5},
    ("quality", "Unpriced", "A"): {"{}": 0.125},
    ("quality", "Late hosts", "A"): {"{}": 1},
    ("quality", "Sources denied", "A"): {"{}": 1},
    ("quality", "Batches lost", "A"): {"{}": 0},
    ("quality", "Hosts that do not report", "A"): {'{host="gamma"}': 0},
    ("quality", "Power sources", "A"): {
        '{host="alpha", source="rapl"}': 4, '{host="alpha", source="model"}': 1,
    },
    ("quality", "Sources that cannot be read", "A"): {'{host="alpha", source="rapl"}': 4},
    ("quality", "Emissions by tier", "A"): {'{tier="live"}': 4 / 7, '{tier="annual"}': 3 / 7},
    ("network", "Energy per gigabyte sent", "A"): {"{}": 5000},
    ("budget", "Exceeded", "A"): {"{}": 1},
    ("budget", "Least left", "A"): {"{}": 0},
    ("budget", "Fastest burn", "A"): {"{}": 2.7},
    ("inventory", "GHG Protocol, location-based", "A"): {'{year="2025"}': 900},
    ("inventory", "GHG Protocol, market-based", "A"): {'{year="2025"}': 700},
    ("inventory", "Technology Carbon Standard", "A"): {'{year="2025"}': 42},
    ("inventory", "Categories told", "A"): {'{year="2025"}': 8},
    ("inventory", "Energy in no total", "A"): {'{year="2025"}': 1},
    ("inventory", "By scope", "D"): {'{year="2025"}': 400},
    ("inventory", "Worked out", "A"): {"{}": 540},
    ("inventory", "Making of assets now", "A"): {
        '{site="hall", device_class="server"}': 36,
    },
    ("budget", "Used at the end, if it goes on so", "A"): {'{budget="b", window="day"}': 2.4},
}  # fmt: skip


def _tested(expr: str, samples: dict[str, float]) -> dict[str, object]:
    # Rounded: promtool compares to the last bit.
    return {
        "expr": f"round({expr}, 0.001)",
        "eval_time": "10m",
        "exp_samples": [
            {"labels": labels, "value": round(value, 3)} for labels, value in samples.items()
        ],
    }


def _run(directory: Path, tests: list[dict[str, object]]) -> str:
    """Return what promtool says where a figure is another, '' where all are right."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("needs Debian's promtool (apt-get install prometheus)")
    series = [{"series": name, "values": values} for name, values in SERIES.items()]
    file = directory / "figures.yml"
    file.write_text(
        json.dumps(
            {"tests": [{"interval": "1m", "input_series": series, "promql_expr_test": tests}]}
        )
    )
    said = subprocess.run(
        [promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False,
        timeout=30,
    )  # fmt: skip
    return "" if said.returncode == 0 else said.stdout + said.stderr


def _expr(board: str, title: str, ref: str) -> str:
    panel = PANELS[f"wattgram-{board}", title]
    (target,) = [one for one in panel["targets"] if one["refId"] == ref]
    return interpolated(target["expr"], VARIABLES, WINDOW, panel.get("interval", ""))


def test_the_figures_are_what_the_series_come_to(tmp_path: Path) -> None:
    tests = [_tested(_expr(*place), samples) for place, samples in FIGURES.items()]

    assert _run(tmp_path, tests) == ""


def test_a_wrong_figure_is_told(tmp_path: Path) -> None:
    place = ("fleet", "Energy", "A")

    assert "expr" in _run(tmp_path, [_tested(_expr(*place), {"{}": 3})])


def test_a_mark_is_exactly_one_where_something_changed(tmp_path: Path) -> None:
    """Grafana shows a mark where a series is 1 and nothing else."""
    board = next(dashboard(one) for one in BOARDS if one.uid == "wattgram-fleet")
    marks = {
        one["name"]: interpolated(one["expr"], VARIABLES, WINDOW, "")
        for one in board["annotations"]["list"]
        if "expr" in one
    }
    tests = [_tested(marks["Agent restarts"], {'{host="alpha"}': 1}), _tested(
        marks["Tier changes"], {}
    )]  # fmt: skip
    early = _tested(
        marks["Tier changes"],
        {
            '{grid_zone="DE", tier="live"}': 1,
            '{grid_zone="DE", tier="annual"}': 1,
            '{grid_zone="FR", tier="annual"}': 1,
        },
    )
    early["eval_time"] = "2m"

    assert _run(tmp_path, [*tests, early]) == ""
