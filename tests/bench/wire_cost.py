"""Bytes of a batch of 10 samples of 12 series, as a two-socket server would send it."""

from __future__ import annotations

import random
import time

from wattgram.readings import AgentStatus, Batch, Component, Kind, Series, SeriesTable
from wattgram.wire import decode_agent_message, encode_batch

BUDGET_BYTES = 4.0
WATTS = {"package": 95.0, "core": 70.0, "dram": 9.0, "psys": 260.0, "gpu": 180.0}
SAMPLES = 10
BOOTTIME_NANOSECONDS = 1_234_567_890_123_000


def table() -> SeriesTable:
    """Twelve series: two packages, two cores, two drams, psys, a GPU, two interfaces."""
    energy = [
        *((domain, str(socket)) for socket in (0, 1) for domain in ("package", "core", "dram")),
        ("psys", "0"),
        ("gpu", "GPU-6d2f"),
    ]
    return SeriesTable(
        number=1,
        boot_id="boot",
        grid_zone="DE",
        series=(
            *(
                Series(
                    kind=Kind.ENERGY,
                    source="nvml" if domain == "gpu" else "rapl",
                    domain=domain,
                    instance=instance,
                    counted=domain in {"package", "dram", "gpu"},
                    component=Component.CPU,
                )
                for domain, instance in energy
            ),
            *(
                Series(kind=kind, source="network", domain=kind, instance=device, counted=True)
                for device in ("eno1", "eno2")
                for kind in (Kind.RECEIVE, Kind.TRANSMIT)
            ),
        ),
    )


def batch(sequence: int, chance: random.Random, start_unix_nanoseconds: int) -> Batch:
    """Return ten seconds of a busy server: power that moves by a few percent a second."""
    series = table().series
    columns = []
    for one in series:
        if one.kind is Kind.ENERGY:
            level = WATTS[one.domain] * 1e6
            columns.append([int(level * chance.gauss(1, 0.03)) for _ in range(SAMPLES)])
        else:
            columns.append([int(chance.lognormvariate(9, 1.5)) for _ in range(SAMPLES)])
    return Batch(
        sequence=sequence,
        series_number=1,
        start_unix_nanoseconds=start_unix_nanoseconds,
        start_boottime_nanoseconds=BOOTTIME_NANOSECONDS,
        interval_microseconds=tuple(1_000_000 + chance.randint(-300, 300) for _ in range(SAMPLES)),
        columns=tuple(columns),
        status=AgentStatus(
            cpu_microseconds=54_321_000, resident_memory_bytes=40_000_000, spooled_batches=0
        ),
    )


def run() -> None:
    chance = random.Random(1)
    batches = [batch(n, chance, 1_750_000_000_000_000_000) for n in range(1, 501)]
    encoded = [encode_batch(one) for one in batches]
    points = len(table().series) * SAMPLES
    size = sum(map(len, encoded)) / len(encoded)
    tables = {1: table()}
    began = time.process_time()
    for data in encoded:
        decode_agent_message(data, tables)
    decode = (time.process_time() - began) / len(encoded)
    print(f"\nwire: {len(table().series)} series x {SAMPLES} samples")
    print(f"  bytes per data point        {size / points:8.2f}   budget {BUDGET_BYTES}")
    print(f"  decode and validate         {decode * 1e6:8.0f} us a batch")
