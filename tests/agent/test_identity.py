"""The identity that an agent makes once and keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from wattgram_agent.daemon import kept_agent_id


def test_an_identity_is_made_once_and_kept(tmp_path: Path) -> None:
    first = kept_agent_id(tmp_path / "state")

    assert kept_agent_id(tmp_path / "state") == first
    assert kept_agent_id(tmp_path / "other") != first


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe\x00", b"a\x00b", b"x" * 300])
def test_a_damaged_identity_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    """What a power cut left must not keep the agent from starting."""
    (tmp_path / "agent_id").write_bytes(damage)
    made = kept_agent_id(tmp_path)

    assert len(made) == 36
    assert kept_agent_id(tmp_path) == made
