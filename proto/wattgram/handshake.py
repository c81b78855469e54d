"""What agent and collector say to each other beside readings: who, how much, how far.

Values only, each with its invariants in the constructor.
"""

from __future__ import annotations

from dataclasses import dataclass

from wattgram.readings import require_label


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What the agent says of its host."""

    host: str
    os: str = ""
    arch: str = ""
    device_class: str = ""
    site: str = ""
    virtualization: str = ""
    cpu_model: str = ""
    manufacturer: str = ""
    product_model: str = ""
    chassis: str = ""
    processors: int | None = None
    """Sockets. None, here and below: not known."""
    memory_bytes: int | None = None
    hdds: int | None = None
    ssds: int | None = None
    gpus: int | None = None
    """Cards; graphics that are part of a processor are none."""

    def __post_init__(self) -> None:
        require_label("host", self.host)
        for name in ("processors", "memory_bytes", "hdds", "ssds", "gpus"):
            count = getattr(self, name)
            if count is not None and count < 0:
                raise ValueError(f"{name} must be at least 0, not {count}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """Who connects, what it holds, and what its clocks say."""

    agent_id: str
    session: str
    boot_id: str
    agent_version: str
    first_sequence: int
    wall_unix_nanoseconds: int
    boottime_nanoseconds: int
    batch_interval_nanoseconds: int
    facts: HostFacts
    config_digest: str = ""
    protocol_version: int = 1
    oldest_protocol_version: int = 1
    """The agent speaks these and all between; 0: only `protocol_version`."""

    def __post_init__(self) -> None:
        require_label("agent_id", self.agent_id)
        require_label("session", self.session)
        if self.batch_interval_nanoseconds <= 0:
            raise ValueError(f"batch interval of {self.batch_interval_nanoseconds} ns")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the collector accepts of one agent."""

    max_batch_bytes: int = 256 * 1024
    max_series: int = 2_000
    max_intervals: int = 1_000
    max_unacknowledged_batches: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    applied_sequence: int
    wall_unix_nanoseconds: int
    limits: Limits
    protocol_version: int = 1
    applied_starts_unix_nanoseconds: tuple[int, ...] = ()
    """When the batches began that the agent still holds and the ledger has: newest first, from
    `applied_sequence` down, 0 where it is not known. Another start is another batch: not had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    sequence: int
    reason: str
    needs_new_session: bool = False
    """The batch is good and not in the ledger: its session is also used by somebody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    applied_sequence: int
    wall_unix_nanoseconds: int
    refused: tuple[Refusal, ...] = ()
    pause_milliseconds: int = 0
