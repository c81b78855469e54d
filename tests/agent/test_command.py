"""The command `wattgram-agent`, from its arguments to its exit code."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from fakes import RaplTree, two_socket_tree
from wattgram.settings import load
from wattgram_agent import __version__
from wattgram_agent.__main__ import main
from wattgram_agent.config import AgentConfig
from wattgram_agent.sources import discoverers


@pytest.fixture(autouse=True)
def _own_process_state(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Commands set up logging and psutil for the process that they think is theirs."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    monkeypatch.setattr(psutil, "PROCFS_PATH", "/proc", raising=False)
    monkeypatch.setenv("WATTGRAM_AGENT__SOURCES__DISABLED", '["nvml", "model"]')
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


@pytest.fixture
def tree(tmp_path: Path) -> RaplTree:
    return two_socket_tree(tmp_path)


def rooted(tree: RaplTree) -> list[str]:
    return ["--path.sysfs", str(tree.sysfs), "--path.procfs", str(tree.procfs)]


def config_file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "agent.toml"
    path.write_text(text)
    return str(path)


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, cwd="/"
    )


def test_sample_prints_one_object_per_interval(
    tree: RaplTree, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["sample", "--json", "--interval", "0.05", "--count", "2", *rooted(tree)])
    intervals = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert (code, len(intervals)) == (0, 2)
    assert [len(one["readings"]) for one in intervals] == [7, 7]
    assert [one["counted_energy_microjoules"] for one in intervals] == [0, 0]
    assert intervals[0]["end_unix_nanoseconds"] == intervals[1]["start_unix_nanoseconds"]
    assert set(intervals[0]) >= {
        "start_unix_nanoseconds", "end_unix_nanoseconds", "readings", "network", "gaps"
    }  # fmt: skip


def test_sample_prints_lines_for_a_person(
    tree: RaplTree, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sample", "--interval", "0.05", *rooted(tree)]) == 0
    assert "0.000 W counted" in capsys.readouterr().out


def test_doctor_prints_an_object(tree: RaplTree, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json", *rooted(tree)]) == 0
    diagnosis = json.loads(capsys.readouterr().out)

    assert [source["name"] for source in diagnosis["sources"]] == list(discoverers(AgentConfig()))
    assert all({"name", "state", "reason", "fix"} <= set(one) for one in diagnosis["sources"])
    assert sum(zone["counted"] for zone in diagnosis["zones"]) == 4
    assert all(
        {"source", "domain", "instance", "counted", "why"} <= set(zone)
        for zone in diagnosis["zones"]
    )


def test_doctor_prints_a_table_for_a_person(
    tree: RaplTree, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", *rooted(tree)]) == 0
    assert "rapl psys 0" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["run", "sample", "doctor", "check-config", "print-config"])
def test_a_bad_configuration_ends_every_command_with_2_and_names_the_key(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = config_file(tmp_path, "[spool]\nmax_byte = 1\n")

    assert main([command, "--config", file]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f"wattgram-agent: {file}: spool.max_byte is not a setting; did you mean spool.max_bytes?\n"
    )


def test_a_bad_variable_ends_with_2_and_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WATTGRAM_AGENT__COLLECTOR__CONNECTION", "maybe")

    assert main(["check-config"]) == 2
    assert "WATTGRAM_AGENT__COLLECTOR__CONNECTION: collector.connection must be one of" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("interval", ["0.001", "nan", "-1"])
def test_a_bad_interval_ends_with_2(capsys: pytest.CaptureFixture[str], interval: str) -> None:
    assert main(["sample", f"--interval={interval}"]) == 2
    assert "--interval: interval_seconds must be" in capsys.readouterr().err


def test_a_missing_file_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", "--config", str(tmp_path / "none.toml")]) == 2
    assert "none.toml: No such file or directory" in capsys.readouterr().err


def test_a_good_configuration_is_said_to_be_good(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = config_file(tmp_path, 'host = "web1"\n')

    assert main(["check-config", "--config", file]) == 0
    assert capsys.readouterr().out == f"{file}: good\n"
    assert main(["check-config"]) == 0
    assert capsys.readouterr().out == "the defaults: good\n"


def test_the_configuration_that_is_printed_is_read_back_with_its_flags(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = config_file(tmp_path, 'host = "web1"\n[sampling]\nbatch_seconds = 30\n')
    assert main(["print-config", "--config", file, "--path.sysfs", "/host/sys"]) == 0
    printed = tmp_path / "printed.toml"
    printed.write_text(capsys.readouterr().out)
    config = load(AgentConfig, printed, {}, "WATTGRAM_AGENT")

    assert (config.host, config.sampling.batch_seconds) == ("web1", 30.0)
    assert config.path.sysfs == Path("/host/sys")
    assert config.sources.disabled == ("nvml", "model")


def test_no_command_is_a_usage_error() -> None:
    for arguments in ([], ["fly"], ["sample", "--count", "few"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2


def test_help_and_version_pay_for_no_library_that_they_do_not_need() -> None:
    script = (
        "import sys\n"
        "from wattgram_agent.__main__ import main\n"
        "try:\n    main([sys.argv[1]])\n"
        "except SystemExit as done:\n    assert done.code == 0\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(*sorted(loaded), file=sys.stderr)\n"
    )
    for flag, says in (("--help", "usage: wattgram-agent"), ("--version", __version__)):
        done = python("-c", script, flag)
        assert done.returncode == 0, done.stderr
        assert says in done.stdout
        assert "wattgram_agent" in done.stderr.split()
        assert not set(done.stderr.split()) & {
            "prometheus_client", "aiohttp", "pandas", "numpy", "grpc", "google", "pynvml",
            "pyRAPL", "asyncio", "sqlite3", "wattgram_collector",
        }  # fmt: skip


def test_the_module_is_a_program_that_exits_with_the_code(tmp_path: Path) -> None:
    good = python("-m", "wattgram_agent", "--help")
    bad = python("-m", "wattgram_agent", "check-config", "--config", str(tmp_path / "none"))

    assert (good.returncode, good.stderr) == (0, "")
    assert (bad.returncode, bad.stdout) == (2, "")


def test_a_reader_that_goes_away_is_no_error(tree: RaplTree) -> None:
    """As with `wattgram-agent sample --count 0 | head -1`."""
    with subprocess.Popen(
        [sys.executable, "-m", "wattgram_agent", "sample", "--json", "--count", "0",
         "--interval", "0.05", *rooted(tree)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["readings"]
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


@pytest.mark.parametrize("command", ["doctor", "sample", "top", "run"])
def test_a_tree_that_is_not_there_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """Else every source would say that this host has no meter."""
    (tmp_path / "file").write_text("")
    for missing in ("nowhere", "file"):
        arguments = [command, "--path.sysfs", str(tmp_path / missing)]
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert error == f"wattgram-agent: path.sysfs: {tmp_path / missing} is not a directory\n"
