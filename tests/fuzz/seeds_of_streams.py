"""Seeds of what an agent and a collector say to each other, and keep on their disks."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping

import spooling
from builders import DRAM, NOW, PACKAGE, RECEIVE, WEB, batch, hello, table
from fuzz.inputs import DEEP, DIGITS, empty_directory, in_words, together
from fuzz.spools import APPLIED, FRAMED, NEXT_FILE, OTHER_FILE, RAW, SESSION
from letting_in import AGENT_TOKEN
from wattgram.handshake import Ack, Limits, Refusal, Welcome
from wattgram.readings import AgentStatus, Gap, Reach, SourceState, State
from wattgram.v1 import telemetry_pb2 as pb
from wattgram.wire import encode_ack, encode_batch, encode_hello, encode_series, encode_welcome
from wattgram.workloads import Workload, WorkloadKind, series_of
from wattgram_agent.spool.letters import DeadLetters

Seeds = Mapping[str, bytes]

_HEADER_BYTES = 8
_STATE_FIELDS = struct.pack("<BQIqqI", 3, 0, 0, 0, 0, 0)
_STATE = b'{"session":"%s","owed":[],"told":[],"floor":%s,"settled":0,"gone":[%s],"version":99}'
_STATES = {
    "state-unsayable": _STATE % (b"\\ud800", b"1", b""),
    "state-infinite": _STATE % (b"s", b"Infinity", b"1e999"),
    "state-huge": _STATE % (b"s", b"1" + b"0" * 30, b""),
    "state-digits": _STATE % (b"s", DIGITS, b""),
    "state-deep": DEEP,
}


def collector_stream() -> Seeds:
    of = table(PACKAGE, RECEIVE, WEB, sources=(SourceState(source="rapl", state=State.ACTIVE),))
    many = batch(
        [1, 2, None],
        [70, 0, 7],
        [0, 1, 1],
        reaches=(Reach(cell=1, nanoseconds=10**9),),
        gaps=(Gap(source="rapl", reason="counter_reset", duration_nanoseconds=5),),
        status=AgentStatus(sent_wall_unix_nanoseconds=NOW, sent_boottime_nanoseconds=5 * 10**12),
    )
    greeting, told, sent = encode_hello(hello()), encode_series(of), encode_batch(many)
    names = [f"unit-{number}.service" for number in range(5)]
    shares = [series_of(Workload(WorkloadKind.SYSTEMD, name)) for name in names]
    return {
        "whole": together(greeting, told, sent),
        "words-hello": together(in_words(greeting, pb.AgentMessage), told, sent),
        "words-table": together(greeting, in_words(told, pb.AgentMessage), sent),
        "words-batch": together(greeting, told, in_words(sent, pb.AgentMessage)),
        "plain": together(greeting, encode_series(table()), encode_batch(batch())),
        "two-tables": together(
            greeting,
            told,
            encode_series(table(number=2, boot_id="other")),
            sent,
            encode_batch(batch(series_number=2, sequence=2)),
        ),
        "workloads": together(
            greeting,
            encode_series(table(*shares)),
            encode_batch(batch(*[[one] for one in range(len(shares))])),
        ),
        "absurd": together(
            greeting,
            encode_series(table(PACKAGE, DRAM, RECEIVE)),
            *(encode_batch(batch([one], [0], [0])) for one in (10**13, 10**13 + 1, 1 << 61)),
            encode_batch(batch([10**13], [10**13], [0])),
            encode_batch(batch([0], [0], [10**13])),
        ),
        "long": together(
            greeting,
            encode_series(table(PACKAGE, DRAM)),
            encode_batch(batch([1], [2], interval_microseconds=(41 * 86_400 * 10**6,))),
            encode_batch(batch([1], [2], reaches=(Reach(cell=0, nanoseconds=10**18),))),
            encode_batch(batch([1], [2], start_unix_nanoseconds=NOW + 10**13)),
            encode_batch(batch([1], [2], start_unix_nanoseconds=1, start_boottime_nanoseconds=1)),
        ),
    }


def agent_stream() -> Seeds:
    limits = Limits(max_batch_bytes=100, max_series=5, max_intervals=1)
    welcome = encode_welcome(
        Welcome(applied_sequence=0, wall_unix_nanoseconds=NOW, limits=Limits())
    )
    narrow = encode_welcome(
        Welcome(applied_sequence=1, wall_unix_nanoseconds=NOW, limits=limits,
                applied_starts_unix_nanoseconds=(spooling.EPOCH + spooling.SECOND,))
    )  # fmt: skip
    refusals = (
        Refusal(sequence=2, reason="future"),
        Refusal(sequence=3, reason="overlapping", needs_new_session=True),
    )
    ack = encode_ack(Ack(applied_sequence=3, wall_unix_nanoseconds=NOW))
    refused = encode_ack(
        Ack(applied_sequence=3, wall_unix_nanoseconds=NOW, refused=refusals, pause_milliseconds=5)
    )
    return {
        "taken": together(welcome, ack),
        "refused": together(welcome, refused),
        "narrow": together(narrow, ack),
        "words-welcome": together(in_words(narrow, pb.CollectorMessage), refused),
        "words-ack": together(welcome, in_words(refused, pb.CollectorMessage)),
    }


def _disk(*, batches: int = 3, is_damaged: bool = False, state: bytes = b"") -> bytes:
    """Return the pieces of a spool that was written and closed; `state` takes the last's place."""
    directory = empty_directory("seed")
    spool = spooling.open_spool(directory, boot_id="boot")
    spooling.fill(spool, batches)
    spooling.append(spool, spooling.table(2, spooling.PACKAGE, spooling.GPU))
    spool.set_aside(2, "future")
    spool.close()
    parts = [SESSION + (directory / "session").read_bytes()]
    for segment in spooling.segments(directory):
        data, offset = segment.read_bytes(), 0
        while offset < len(data):
            (length,) = struct.unpack_from("<I", data, offset)
            body = data[offset + _HEADER_BYTES : offset + _HEADER_BYTES + length]
            parts.append(FRAMED + body)
            offset += _HEADER_BYTES + length
    parts.append(APPLIED + struct.pack("<QQ", 1, spooling.EPOCH + spooling.SECOND))
    if state:
        parts.append(FRAMED + _STATE_FIELDS + state)
    if is_damaged:
        parts[-3] = RAW + b"rotten" + parts[-3][:40]
        parts.insert(3, NEXT_FILE)
    return together(*parts)


def spool_recovery() -> Seeds:
    return {
        "three": _disk(),
        "damaged": _disk(is_damaged=True),
        **{name: _disk(state=text) for name, text in _STATES.items()},
    }


def spool_life() -> Seeds:
    return spool_recovery()


def agent_files() -> Seeds:
    today = {
        "date": "2025-06-15",
        "since_unix_seconds": 1,
        "updated_unix_seconds": 2,
        "energy_microjoules": 3,
        "workloads": [["systemd", "cron.service", 2], ["idle", "idle", 1]],
    }
    directory = empty_directory("seed-dead")
    dead = DeadLetters(directory, max_bytes=1 << 20, max_age_seconds=1e9, clock=lambda: 1e9)
    dead.add(spooling.batch(7), spooling.TABLE, "session-1", "future", 7)
    dead.close()
    (segment,) = spooling.segments(directory)
    return {
        "today": OTHER_FILE + json.dumps(today).encode(),
        "pair": OTHER_FILE + b"agent_id: agent-1\nissued: 1\nexpires: 2\n-----BEGIN",
        "token": OTHER_FILE + AGENT_TOKEN.encode() + b"\n",
        "session": OTHER_FILE + b"session-1\n",
        "deep": OTHER_FILE + DEEP,
        "digits": OTHER_FILE + b'{"date": "", "since_unix_seconds": ' + DIGITS + b"}",
        "late": OTHER_FILE + b"agent_id: agent-1\nissued: 999999999999\nexpires: 2\n-----BEGIN",
        "letter": FRAMED + segment.read_bytes()[_HEADER_BYTES:],
    }


def ledger() -> Seeds:
    return {"sound": b"2", "first": b"1", "changed": b"2" + bytes([1, 0, 7, 2, 9, 200])}
