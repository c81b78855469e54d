"""The scripts that pip makes of both daemons, whichever extra was asked for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

import wattgram_agent.entry
import wattgram_collector.entry


@pytest.mark.parametrize("main", [wattgram_agent.entry.main, wattgram_collector.entry.main])
def test_a_script_runs_its_daemon(
    main: Callable[[], int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["wattgram", "--version"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize(("part", "library"), [("agent", "psutil"), ("collector", "yarl")])
def test_without_its_libraries_it_names_the_extra(part: str, library: str) -> None:
    program = f"""
import sys
sys.modules["{library}"] = None
from wattgram.entry import run
sys.exit(run("{part}"))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"wattgram-{part}: the library {library} is not installed; ")
    assert f"wattgram[{part}]" in done.stderr
