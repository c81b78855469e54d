"""PURE. Who says Hello: bytes to a Hello that may be kept, or how it is turned away."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, Final

import grpc

from wattgram.handshake import Hello, HostFacts
from wattgram.readings import FIX_LENGTH_MAX, LABEL_LENGTH_MAX
from wattgram.wire import (
    OLDEST_PROTOCOL_VERSION,
    PROTOCOL_VERSION,
    WireError,
    common_version,
    decode_agent_message,
)
from wattgram_collector.ingest.admission import WHY
from wattgram_collector.ledger import SEQUENCE_MAX

UNPRINTABLE: Final = "?"


class GreetingError(Exception):
    """A stream that is not let in: with which status, what to tell it, and what to count."""

    def __init__(self, code: grpc.StatusCode, text: str, reason: str = "greeting") -> None:
        super().__init__(text)
        self.code = code
        self.reason = reason


def hello_of(data: object) -> Hello:
    """Return the Hello that a stream begins with, fit to be kept; raises GreetingError.

    What names the agent must be right. What only describes its host is cut and cleaned: an odd
    name in a BIOS is no reason to lose a host.
    """
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    try:
        hello = decode_agent_message(data, {}) if isinstance(data, bytes) else None
    except WireError as error:
        raise GreetingError(invalid, str(error)) from error
    if not isinstance(hello, Hello):
        raise GreetingError(invalid, "the first message is Hello")
    if hello.first_sequence > SEQUENCE_MAX:
        raise GreetingError(invalid, f"first sequence {hello.first_sequence}")
    if len(hello.boot_id) > LABEL_LENGTH_MAX:
        raise GreetingError(invalid, f"a boot id of {len(hello.boot_id)} characters")
    return replace(
        hello,
        agent_version=tidy(hello.agent_version),
        config_digest=tidy(hello.config_digest),
        facts=HostFacts(
            **{one.name: _tidy_fact(getattr(hello.facts, one.name)) for one in fields(HostFacts)}
        ),
    )


def version_with(hello: Hello) -> int:
    """Return the protocol version to speak; raises GreetingError naming what each side speaks."""
    version = common_version(hello.protocol_version, hello.oldest_protocol_version)
    if version is None:
        theirs = spoken(hello.oldest_protocol_version or hello.protocol_version,
                        hello.protocol_version)  # fmt: skip
        ours = spoken(OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION)
        raise GreetingError(
            grpc.StatusCode.FAILED_PRECONDITION,
            f"{WHY['version']}: agent {hello.agent_version or hello.agent_id} speaks {theirs}, "
            f"this collector {ours}",
            "version",
        )
    return version


def spoken(oldest: int, newest: int) -> str:
    return f"{newest}" if oldest >= newest else f"{oldest} to {newest}"


def tidy_fix(text: str) -> str:
    """Return a command as one line that can be copied; nothing where it is too long for one."""
    line = "".join(one if one.isprintable() else " " for one in text)
    return line if len(line) <= FIX_LENGTH_MAX else ""


def _tidy_fact(fact: Any) -> Any:
    return tidy(fact) if isinstance(fact, str) else fact


def tidy(text: str) -> str:
    """Return text of at most 200 printable characters, which may stand on a page or in a log."""
    cut = text[:LABEL_LENGTH_MAX]
    return "".join(one if one.isprintable() else UNPRINTABLE for one in cut)
