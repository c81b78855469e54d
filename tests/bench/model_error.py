"""How far the model is from measured packages, beside CodeCarbon's models of load.

The curves are CodeCarbon's own captures of load against RAPL's package power. Any others in the
same form may stand in their place: `--curves DIRECTORY`. Only the name of the CPU and its count
of threads are given to the model; nothing in it was fitted to these curves. The column `refit`
says what fitting would do to a CPU that was left out of it.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wattgram.units import MICROWATTS_PER_WATT
from wattgram_agent.cloud import Cloud
from wattgram_agent.estimate import SHAPE, Estimate, Machine, Shape, envelope, estimate
from wattgram_agent.processors import CpuIdentity
from wattgram_agent.sources.model import machine_of

CURVES = Path(__file__).parents[3] / "shared" / "fixtures" / "codecarbon" / "cpu_load_vs_rapl"
# The same CPU as E3-1240 with twice its watts: counted double when it was captured.
SKIPPED = "E5-1240"
NAME_WIDTH = 40
THREADRIPPER = "AMD Ryzen Threadripper"
CODECARBON_WATTS_PER_THREAD = 4
SHAPES = [Shape(rest / 20, exponent / 20) for rest in range(7) for exponent in range(6, 27)]


@dataclass(frozen=True)
class Curve:
    """One file without its first row, which is a cold start; `loads` are from 0 to 1."""

    name: str
    cpu_name: str
    threads: int
    loads: tuple[float, ...]
    watts: tuple[float, ...]
    recorded_watts: tuple[float, ...]

    @property
    def machine(self) -> Machine:
        return machine_of(CpuIdentity(model_name=self.cpu_name, threads=self.threads), Cloud())


def read_curves(directory: Path) -> list[Curve]:
    """Return the curves of a directory, in the order of their names."""
    paths = [path for path in sorted(directory.glob("*.csv")) if not path.name.startswith(SKIPPED)]
    tables = [
        list(csv.DictReader(path.read_text(encoding="utf-8").splitlines())) for path in paths
    ]
    threads: dict[str, int] = {}
    for row in (row for rows in tables for row in rows):
        name = row["cpu_name"]
        threads[name] = max(int(float(row["cores_used"])), threads.get(name, 1))
    return [
        Curve(
            name=path.stem[:NAME_WIDTH],
            cpu_name=rows[0]["cpu_name"],
            threads=threads[rows[0]["cpu_name"]],
            loads=_column(rows, "cpu_load", 100),
            watts=_column(rows, "rapl_power"),
            recorded_watts=_column(rows, "estimated_power"),
        )
        for path, rows in zip(paths, tables, strict=True)
        if len(rows) > 1
    ]


def error(curve: Curve, model: Callable[[float], float]) -> float:
    """Return the mean absolute error of a model of load, as a part of the mean power."""
    off = (abs(model(load) - watts) for load, watts in zip(curve.loads, curve.watts, strict=True))
    return sum(off) / sum(curve.watts)


def package(curve: Curve, shape: Shape = SHAPE) -> float:
    """Return the error of our estimate of the packages."""
    ends = envelope(curve.machine)
    return error(curve, lambda load: _middle(estimate(ends, load, shape)))


def host(curve: Curve) -> float:
    """Return by how much our estimate of the host lies off the packages, which it contains."""
    ends = envelope(curve.machine)
    return error(curve, lambda load: estimate(ends, load).host.mid / MICROWATTS_PER_WATT)


def refit(curve: Curve, curves: Sequence[Curve]) -> float | None:
    """Return the error with the shape that suits all other CPUs best; None without another."""
    others = [other for other in curves if other.cpu_name != curve.cpu_name]
    if not others:
        return None
    return package(curve, min(SHAPES, key=lambda shape: sum(package(c, shape) for c in others)))


def codecarbon_cubic(curve: Curve) -> float:
    """Return the error of what CodeCarbon 3.3.2 does with the load of a machine."""
    tdp = codecarbon_tdp(curve)
    return error(curve, lambda load: tdp * (0.1 + 0.9 * load**3))


def codecarbon_linear(curve: Curve) -> float:
    """Return the error of CodeCarbon's older function, drawn by hand for one of these CPUs."""
    tdp = codecarbon_tdp(curve)
    if THREADRIPPER in curve.cpu_name:
        return error(curve, lambda load: tdp * _threadripper(load))
    return error(curve, lambda load: tdp * max(load, 0.1))


def codecarbon_recorded(curve: Curve) -> float:
    """Return the error of the estimate that CodeCarbon wrote down beside the measurement."""
    recorded = dict(zip(curve.loads, curve.recorded_watts, strict=True))
    return error(curve, recorded.__getitem__)


def codecarbon_tdp(curve: Curve) -> float:
    """Return the power that CodeCarbon scales: by name, or by threads for one that it misses."""
    return curve.machine.tdp_watts or CODECARBON_WATTS_PER_THREAD * curve.threads


def run(directory: Path = CURVES) -> None:
    curves = read_curves(directory)
    if not curves:
        print(f"model: no curves in {directory}: skipped")
        return
    columns: dict[str, list[float | None]] = {
        "package": [package(curve) for curve in curves],
        "refit": [refit(curve, curves) for curve in curves],
        "host": [host(curve) for curve in curves],
        "cc cubic": [codecarbon_cubic(curve) for curve in curves],
        "cc linear": [codecarbon_linear(curve) for curve in curves],
        "cc recorded": [codecarbon_recorded(curve) for curve in curves],
    }
    print("model: mean absolute error as a part of mean RAPL package power")
    print(f"{'':{NAME_WIDTH}}" + "".join(f"{title:>12}" for title in columns))
    for at, curve in enumerate(curves):
        print(
            f"{curve.name:{NAME_WIDTH}}"
            + "".join(_share(errors[at]) for errors in columns.values())
        )
    print(f"{'mean':{NAME_WIDTH}}" + "".join(_share(_mean(errors)) for errors in columns.values()))


def _threadripper(load: float) -> float:
    if load < 0.1:
        return 0.5 * load
    if load <= 0.3:
        return 0.05 + 1.8 * (load - 0.1)
    if load <= 0.5:
        return 0.45 + 0.5 * ((load - 0.3) / 0.2) ** 1.8
    return 0.85 + 0.15 * (1 - math.exp(-5 * (load - 0.5)))


def _middle(power: Estimate) -> float:
    if power.package is None:
        raise ValueError("a board has no estimate of its packages")
    return power.package.mid / MICROWATTS_PER_WATT


def _column(rows: Sequence[dict[str, str]], name: str, scale: float = 1) -> tuple[float, ...]:
    return tuple(float(row[name]) / scale for row in rows[1:])


def _mean(errors: Sequence[float | None]) -> float | None:
    known = [each for each in errors if each is not None]
    return sum(known) / len(known) if known else None


def _share(value: float | None) -> str:
    return f"{'-':>12}" if value is None else f"{value:>12.1%}"
