"""A certificate binds an agent to its name; without one there is only loopback."""

from __future__ import annotations

import pytest

from wattgram_collector.ingest.identity import may_speak_for

NAMES = "x509_subject_alternative_name"


def test_without_a_certificate_anybody_may_speak() -> None:
    """The collector serves such connections on loopback only, or under TLS for all."""
    assert may_speak_for("agent-1", {})
    assert may_speak_for("agent-1", {"transport_security_type": [b"ssl"]})


@pytest.mark.parametrize("names", [[b"agent-1"], [b"other", b"agent-1"], (b"agent-1",)])
def test_a_certificate_that_names_the_agent_speaks_for_it(names: list[bytes]) -> None:
    assert may_speak_for("agent-1", {NAMES: names})


@pytest.mark.parametrize(
    "names",
    [[], [b"agent-2"], [b"agent-11"], [b"agent"], [b"AGENT-1"], [b"*"], [b"agent-1,agent-2"]],
)
def test_a_certificate_of_another_does_not(names: list[bytes]) -> None:
    assert not may_speak_for("agent-1", {NAMES: names})


def test_the_common_name_does_not_count() -> None:
    """Only subject alternative names bind: a common name says anything."""
    assert not may_speak_for("agent-1", {NAMES: [], "x509_common_name": [b"agent-1"]})


def test_a_name_is_compared_as_utf8() -> None:
    assert may_speak_for("büro-3", {NAMES: ["büro-3".encode()]})
    assert not may_speak_for("büro-3", {NAMES: ["büro-3".encode("latin-1")]})


def test_the_names_may_come_as_a_stream_that_is_read_once() -> None:
    assert may_speak_for("agent-1", {NAMES: iter([b"other", b"agent-1"])})


@pytest.mark.parametrize("agent_id", ["redfish:", "redfish:rack1"])
def test_nobody_speaks_for_the_collector_itself_without_a_certificate_of_that_name(
    agent_id: str,
) -> None:
    assert not may_speak_for(agent_id, {})
    assert not may_speak_for(agent_id, {NAMES: [b"agent-1"]})
    assert may_speak_for(agent_id, {NAMES: [agent_id.encode()]})
    assert may_speak_for(f"not-{agent_id}", {})
