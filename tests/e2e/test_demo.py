"""`make run` on whatever machine this is: no meter is needed."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from daemons import free_port, get, wait_until

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[2]


def values(page: str, name: str) -> list[float]:
    return [
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == name
    ]


def test_the_demo_shows_energy_and_grams_in_the_right_ratio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATTGRAM_AGENT__SAMPLING__BATCH_SECONDS", "1")
    monkeypatch.setenv("WATTGRAM_COLLECTOR__EXPOSITION__ZERO_SECONDS", "2")
    http = f"127.0.0.1:{free_port()}"
    log = tmp_path / "log"
    with log.open("wb") as output:
        demo = subprocess.Popen(
            [
                *(sys.executable, str(ROOT / "deploy/demo/run.py"), "--grid-zone", "FR"),
                *("--state", str(tmp_path / "var"), "--http", http),
                *("--grpc", f"127.0.0.1:{free_port()}"),
            ],
            stdout=output,
            stderr=output,
        )
    try:
        page = wait_until(
            lambda: _priced(get(f"http://{http}/metrics")), 30, "energy that is priced"
        )
        wait_until(lambda: "g CO2e/h" in log.read_text(), 10, "the live line")
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(20)

    (joules,) = values(page, "wattgram_host_energy_joules_total")
    (grams,) = values(page, "wattgram_emissions_co2e_grams_total")
    (intensity,) = values(page, "wattgram_grid_carbon_intensity_grams_per_kilowatt_hour")
    assert grams == pytest.approx(joules / 3.6e6 * intensity, rel=1e-9)
    assert demo.returncode == 0, log.read_text()
    assert f"http://{http}/" in log.read_text()
    assert "modelled" in log.read_text() or "measured" in log.read_text()
    assert get(f"http://{http}/healthz") == ""


@pytest.mark.parametrize("taken", ["--grpc", "--http"])
def test_a_second_one_says_that_there_is_a_first(tmp_path: Path, taken: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as first:
        there = f"127.0.0.1:{first.getsockname()[1]}"
        free = {name: f"127.0.0.1:{free_port()}" for name in ("--grpc", "--http")}
        done = subprocess.run(
            [
                *(
                    sys.executable,
                    str(ROOT / "deploy/demo/run.py"),
                    "--state",
                    str(tmp_path / "var"),
                ),
                *(part for pair in ({**free, taken: there}).items() for part in pair),
            ],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    assert done.returncode == 1
    assert done.stderr.startswith(f"{there}: Address already in use.")
    assert not done.stdout
    assert not (tmp_path / "var").exists()


def _priced(page: str) -> str:
    return page if any(values(page, "wattgram_emissions_co2e_grams_total")) else ""
