"""PURE. Counted energy to shares: to each workload by the CPU time that it used.

    active = E x busy / total            shared by CPU time
    idle   = E - active                  its own bucket: nobody caused it
    E_w    = active x usage_w / busy

What busy time no workload explains (interrupts, kernel threads, what ended unseen) is
unattributed. Usages are not read at the instant at which the host's time is: where they add up
to more than it, each gets its part of the active energy, and never more than all of it.

The energy of a GPU is shared by how much of it each process kept busy. Everything is an integer
and every sum closes to the microjoule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from wattgram.workloads import IDLE, UNATTRIBUTED, Workload

GPU_WHOLE: Final = 1_000_000
"""A GPU that is busy all the time, in the parts (millionths) in which its use is told."""


class HostTime(NamedTuple):
    """CPU time of all threads over an interval, in nanoseconds.

    `total` holds idle time, and time stolen by other guests; `busy` holds neither.
    """

    busy: int
    total: int


class GpuEnergy(NamedTuple):
    """What one GPU used, in microjoules, and who kept it busy, in millionths of it.

    `users` is None when that is not known; who is not known is in it as UNATTRIBUTED.
    """

    energy_microjoules: int
    users: Mapping[Workload, int] | None


def apportion(
    energy_microjoules: int,
    host: HostTime | None,
    usage_nanoseconds: Mapping[Workload, int],
    gpus: Sequence[GpuEnergy] = (),
) -> dict[Workload, int]:
    """Return microjoules by workload, which add up to `energy_microjoules`.

    The energy of `gpus` is part of it; should they claim more, they are cut to it. Without a
    host time (unreadable, first of its kind, after sleep) nothing is attributed.
    Raises ValueError for negative energy.
    """
    if energy_microjoules < 0 or any(gpu.energy_microjoules < 0 for gpu in gpus):
        raise ValueError("energy is not negative")
    boards = _cut_to(energy_microjoules, [gpu.energy_microjoules for gpu in gpus])
    rest = energy_microjoules - sum(boards)
    weights = {UNATTRIBUTED: 1} if host is None else _cpu_weights(host, usage_nanoseconds)
    shares = split(rest, weights)
    for board, gpu in zip(boards, gpus, strict=True):
        for receiver, part in split(board, _gpu_weights(gpu.users)).items():
            shares[receiver] = shares.get(receiver, 0) + part
    return shares


def split(amount: int, weights: Mapping[Workload, int]) -> dict[Workload, int]:
    """Share an amount out by weight in whole units that add up to it.

    What rounding down leaves goes to the largest remainders, by name where they are equal.
    Without a weight that is positive nobody is known to have used it.
    """
    positive = {receiver: weight for receiver, weight in weights.items() if weight > 0}
    whole = sum(positive.values())
    if not whole:
        return {UNATTRIBUTED: amount}
    shares, remainders = {}, []
    for receiver, weight in positive.items():
        shares[receiver], remainder = divmod(amount * weight, whole)
        remainders.append((-remainder, receiver))
    missing = amount - sum(shares.values())
    for _, receiver in sorted(remainders)[:missing]:
        shares[receiver] += 1
    return shares


def _cpu_weights(host: HostTime, usage: Mapping[Workload, int]) -> dict[Workload, int]:
    """Return weights over total x max(busy, used), so that no fraction is needed."""
    busy = max(host.busy, 0)
    total = max(host.total, busy)
    used = sum(time for time in usage.values() if time > 0)
    whole = max(busy, used)
    if not total:
        return {}
    weights = {receiver: busy * time for receiver, time in usage.items() if time > 0}
    weights[UNATTRIBUTED] = weights.get(UNATTRIBUTED, 0) + busy * (whole - used)
    # Where nothing at all was busy, whole is 0 and everything is idle.
    weights[IDLE] = (total - busy) * whole or int(not busy)
    return weights


def _gpu_weights(users: Mapping[Workload, int] | None) -> dict[Workload, int]:
    if users is None:
        return {UNATTRIBUTED: 1}
    used = {receiver: part for receiver, part in users.items() if part > 0}
    idle = max(0, GPU_WHOLE - sum(used.values()))
    return {**used, IDLE: used.get(IDLE, 0) + idle}


def _cut_to(limit: int, amounts: Sequence[int]) -> list[int]:
    """Scale amounts down so that they do not exceed `limit` together."""
    claimed = sum(amounts)
    if claimed <= limit:
        return list(amounts)
    cut, before, booked = [], 0, 0
    for amount in amounts:
        before += amount
        until = limit * before // claimed
        cut.append(until - booked)
        booked = until
    return cut
