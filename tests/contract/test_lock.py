"""One daemon per state directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from wattgram.lock import only_one


def test_a_state_directory_is_held_by_one_and_free_afterwards(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    with only_one(directory):
        with (
            pytest.raises(OSError, match="in use by another process") as caught,
            only_one(directory),
        ):
            pass
        assert caught.value.filename == str(directory)
    with only_one(directory):
        pass
