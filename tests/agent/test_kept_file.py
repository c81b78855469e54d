"""A register behind a descriptor that stays open, whatever becomes of its file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wattgram_agent.sysfs import KeptFile, UnreadableError, read_text


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "energy_uj"
    path.write_text("100\n")
    return path


@pytest.fixture
def kept(path: Path) -> KeptFile:
    return KeptFile(path)


def reason(kept: KeptFile) -> str:
    with pytest.raises(UnreadableError) as caught:
        kept.read()
    assert "energy_uj" in caught.value.detail
    return caught.value.reason


def test_a_register_is_read_anew_each_time(kept: KeptFile, path: Path) -> None:
    assert kept.read() == 100
    path.write_text("18446744073709551615\n")
    assert kept.read() == 18_446_744_073_709_551_615


def test_a_register_is_opened_once(kept: KeptFile, path: Path) -> None:
    kept.read()
    before = sorted(os.listdir("/proc/self/fd"))
    path.write_text("101\n")
    kept.read()

    assert sorted(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("new", ["100\n", "250\n"])
def test_a_file_that_was_put_in_its_place_is_noticed(kept: KeptFile, path: Path, new: str) -> None:
    """The old descriptor goes on showing the old value: a register that seems to stand."""
    kept.read()
    other = path.with_name("other")
    other.write_text(new)
    other.replace(path)

    assert kept.read() == int(new)
    path.write_text("260\n")
    assert kept.read() == 260


def test_a_file_that_is_gone_is_unreadable_until_it_is_back(kept: KeptFile, path: Path) -> None:
    """As after a reload of the module, or when a CPU is taken out."""
    kept.read()
    path.unlink()
    assert reason(kept) == "unreadable"
    assert reason(kept) == "unreadable"

    path.write_text("7\n")
    assert kept.read() == 7


@pytest.mark.parametrize(
    "text", ["", "\n", "garbage\n", "-5\n", "1.5\n", "\0\0", "12 34\n", "1_0\n"]
)
def test_text_that_is_no_count_is_unreadable_until_it_is_one(
    kept: KeptFile, path: Path, text: str
) -> None:
    kept.read()
    path.write_text(text)
    assert reason(kept) == "unreadable"
    assert reason(kept) == "unreadable"

    path.write_text("101\n")
    assert kept.read() == 101


def test_bytes_that_are_no_text_are_unreadable(kept: KeptFile, path: Path) -> None:
    path.write_bytes(b"\xff\xfe")

    assert reason(kept) == "unreadable"


@pytest.mark.timeout(20)
def test_a_fifo_in_its_place_does_not_hang_and_the_file_after_it_is_read(
    kept: KeptFile, path: Path
) -> None:
    kept.read()
    path.unlink()
    os.mkfifo(path)
    assert reason(kept) == "unreadable"

    path.unlink()
    path.write_text("8\n")
    assert kept.read() == 8


def test_a_directory_in_its_place_is_unreadable(kept: KeptFile, path: Path) -> None:
    path.unlink()
    path.mkdir()

    assert reason(kept) == "unreadable"


def test_failures_leak_no_descriptor(kept: KeptFile, path: Path) -> None:
    path.unlink()
    path.mkdir()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        reason(kept)

    assert len(os.listdir("/proc/self/fd")) == before


def test_a_closed_register_can_be_read_again(kept: KeptFile) -> None:
    kept.read()
    kept.close()
    kept.close()

    assert kept.read() == 100
    kept.close()


def test_a_small_text_is_stripped_and_what_is_none_is_none(tmp_path: Path) -> None:
    (tmp_path / "name").write_text(" package-0 \n")
    (tmp_path / "binary").write_bytes(b"\xff")

    assert read_text(tmp_path / "name") == "package-0"
    assert read_text(tmp_path / "binary") is None
    assert read_text(tmp_path / "missing") is None
    assert read_text(tmp_path) is None
