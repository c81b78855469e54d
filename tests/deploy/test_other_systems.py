"""What starts the agent where there is no systemd, as far as it can be told without the system."""

from __future__ import annotations

import plistlib
import shutil
import subprocess
from pathlib import Path

import pytest

from wattgram_agent.__main__ import _parser

DEPLOY = Path(__file__).parents[2] / "deploy"


def test_launchd_is_told_a_command_that_the_agent_takes() -> None:
    told = plistlib.loads((DEPLOY / "launchd" / "io.wattgram.agent.plist").read_bytes())
    options = _parser().parse_args(told["ProgramArguments"][1:])

    assert told["Label"] == "io.wattgram.agent"
    assert options.config == Path("/usr/local/etc/wattgram/agent.toml")
    assert told["Umask"] == 0o077
    assert told["KeepAlive"] == {"SuccessfulExit": False}


def test_procd_is_told_a_command_that_the_agent_takes(tmp_path: Path) -> None:
    """The script is run by a shell whose procd writes down what it is told."""
    shell = shutil.which("sh")
    if shell is None:
        pytest.skip("needs a shell")
    script = DEPLOY / "openwrt" / "wattgram-agent.init"
    recorder = (
        "procd_open_instance() { :; }\nprocd_close_instance() { :; }\n"
        'procd_set_param() { echo "$@"; }\n'
    )
    command = [shell, "-eu", "-c", f"{recorder}. {script}\nstart_service"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=10)
    said = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}

    assert said["command"][:2] == ["/usr/bin/python3", "/usr/bin/wattgram-agent.pyz"]
    options = _parser().parse_args(said["command"][2:])
    assert options.config == Path("/etc/wattgram/agent.toml")
    assert said["env"][0].startswith("SHIV_ROOT=")
