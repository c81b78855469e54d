"""Programs that answer, fail, hang, print without end, and leave others behind."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from fake_programs import printing, write_program
from wattgram_agent import commands
from wattgram_agent.commands import OUTPUT_BYTES_MAX, CommandError, find_program, run

SOON = 0.3
LONG = 30.0


@pytest.fixture
def bin_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    return directory


@pytest.fixture(autouse=True)
def nothing_stuck() -> Iterator[None]:
    yield
    assert commands._stuck == {}


def failure(path: Path, timeout_seconds: float = LONG) -> CommandError:
    with pytest.raises(CommandError) as caught:
        run((str(path),), timeout_seconds)
    return caught.value


def test_a_program_is_found_in_path_if_it_can_be_run(bin_path: Path) -> None:
    program = write_program(bin_path, "tool", "exit 0")
    (bin_path / "text").write_text("no program")
    (bin_path / "directory").mkdir()

    assert find_program("tool") == str(program)
    assert find_program("text") is None
    assert find_program("directory") is None
    assert find_program("missing") is None


def test_the_working_directory_is_not_searched(
    bin_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_program(bin_path, "tool", "exit 0")
    monkeypatch.chdir(bin_path)
    monkeypatch.setenv("PATH", ":.")

    assert find_program("tool") is None


def test_what_is_printed_comes_back_and_what_is_complained_does_not(bin_path: Path) -> None:
    program = write_program(bin_path, "tool", "echo warning >&2\n" + printing("17 W\n"))

    assert run((str(program),), LONG) == "17 W\n"


def test_bytes_that_are_no_text_are_replaced(bin_path: Path) -> None:
    program = write_program(bin_path, "tool", r"printf '\377W'")

    assert run((str(program),), LONG) == "\ufffdW"


def test_arguments_pass_no_shell(bin_path: Path) -> None:
    program = write_program(bin_path, "tool", "printf '%s|' \"$@\"")

    assert run((str(program), "a b", "$(id)", "; exit 1"), LONG) == "a b|$(id)|; exit 1|"


def test_a_program_has_no_input_and_two_variables(
    bin_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATTGRAM_SECRET", "hush")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    program = write_program(
        bin_path, "tool", 'read -r line; printf "%s|" "$line" "$LC_ALL" "$PATH" "$WATTGRAM_SECRET"'
    )

    reader, writer = os.pipe()
    os.write(writer, b"typed\n")
    mine = os.dup(0)
    os.dup2(reader, 0)
    try:
        assert run((str(program),), LONG) == f"|C|{bin_path}||"
    finally:
        os.dup2(mine, 0)
        for descriptor in (reader, writer, mine):
            os.close(descriptor)


def test_a_program_that_fails_says_why_in_one_line(bin_path: Path) -> None:
    program = write_program(
        bin_path, "tool", r"echo out; printf 'no\ngood\033[31m\n\n' >&2; exit 3"
    )

    error = failure(program)

    assert error.reason == "unreadable"
    assert error.detail == "tool failed (3): no; good [31m"
    assert str(error) == error.detail


def test_a_program_that_complains_where_it_prints_is_quoted(bin_path: Path) -> None:
    program = write_program(bin_path, "tool", "echo no device; exit 255")

    assert failure(program).detail == "tool failed (255): no device"


def test_a_long_complaint_is_cut(bin_path: Path) -> None:
    program = write_program(bin_path, "tool", printing("x" * 5_000) + " >&2; exit 1")

    assert len(failure(program).detail) < 250


@pytest.mark.parametrize("text", ["open: Permission denied", "ioctl: Operation not permitted"])
def test_a_denied_permission_is_told_apart(bin_path: Path, text: str) -> None:
    program = write_program(bin_path, "tool", f"echo '{text}' >&2; exit 1")

    assert failure(program).reason == "permission_denied"


def test_a_program_that_does_not_exist_is_a_failure(tmp_path: Path) -> None:
    error = failure(tmp_path / "missing")

    assert error.reason == "unreadable"
    assert error.detail == "missing: No such file or directory"


def test_a_file_that_may_not_be_run_is_denied(bin_path: Path) -> None:
    program = write_program(bin_path, "tool", "exit 0")
    program.chmod(0o600)

    assert failure(program).reason == "permission_denied"


def test_a_file_that_is_no_program_is_a_failure(bin_path: Path) -> None:
    program = bin_path / "tool"
    program.write_bytes(b"\0\1\2")
    program.chmod(0o755)

    assert failure(program).reason == "unreadable"


def test_a_program_that_does_not_end_is_a_timeout(bin_path: Path) -> None:
    error = failure(write_program(bin_path, "tool", "exec /bin/sleep 60"), SOON - 1e-5)

    assert error.reason == "timeout"
    assert error.detail == "tool did not end within 0.3 s"


def test_a_program_that_closes_its_output_and_goes_on_is_a_timeout(bin_path: Path) -> None:
    program = write_program(bin_path, "tool", "exec /bin/sleep 60 >&- 2>&-")

    assert failure(program, SOON).reason == "timeout"


def test_a_program_that_never_stops_printing_a_little_is_a_timeout(bin_path: Path) -> None:
    """An output that goes on must not push the deadline away."""
    program = write_program(bin_path, "tool", "while :; do echo; /bin/sleep 0.02; done")

    assert failure(program, SOON).reason == "timeout"


@pytest.mark.parametrize("stream", ["", ">&2"])
def test_a_program_that_prints_without_end_is_stopped(bin_path: Path, stream: str) -> None:
    program = write_program(bin_path, "tool", f"while :; do printf '%1000s' x {stream}; done")

    error = failure(program)

    assert error.reason == "unreadable"
    assert error.detail == f"tool prints more than {OUTPUT_BYTES_MAX} bytes"


def test_an_output_of_just_the_limit_is_accepted(bin_path: Path) -> None:
    program = write_program(bin_path, "tool", f"printf '%{OUTPUT_BYTES_MAX}s' x")

    assert len(run((str(program),), LONG)) == OUTPUT_BYTES_MAX


def test_what_a_program_started_ends_with_it_even_if_it_ignores_sigterm(
    bin_path: Path, tmp_path: Path
) -> None:
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    # The end of this pipe comes when the last process that holds it open is dead.
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    program = write_program(
        bin_path,
        "tool",
        f"trap '' TERM HUP INT\nexec 3>'{fifo}'\n/bin/sleep 60 &\nprintf started >&3\nwait",
    )
    try:
        assert failure(program, 1.0).reason == "timeout"

        said = b""
        while select.select([reader], [], [], 10.0)[0]:
            chunk = os.read(reader, 100)
            said += chunk
            if not chunk:
                break
        else:
            pytest.fail("somebody lives on")
        assert said == b"started"
    finally:
        os.close(reader)


def test_one_left_behind_that_holds_the_output_open_is_killed(
    bin_path: Path, tmp_path: Path
) -> None:
    program = write_program(bin_path, "tool", "/bin/sleep 60 &\nexit 0")

    assert failure(program, SOON).reason == "timeout"


def test_what_cannot_be_killed_is_not_started_again_until_it_is_gone(
    bin_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a program is that hangs in the kernel: here signals do not reach it."""
    pids: list[int] = []
    kill = os.killpg
    monkeypatch.setattr(os, "killpg", lambda pid, _: pids.append(pid))
    monkeypatch.setattr(commands, "_REAP_SECONDS", 0.01)
    program = write_program(bin_path, "tool", "exec /bin/sleep 60")

    assert failure(program, 0.1).reason == "timeout"
    error = failure(program)

    assert error.detail == "tool hangs since an earlier call and cannot be killed"
    assert error.reason == "timeout"
    assert len(pids) == 1

    kill(pids[0], signal.SIGKILL)
    commands._stuck["tool"].wait()
    write_program(bin_path, "tool", "echo back")
    assert run((str(program),), LONG) == "back\n"
