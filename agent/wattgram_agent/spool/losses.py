"""PURE. What the spool lost and has to tell: a loss is owed until a batch that told it arrives.

It is told as a gap in the next batch. When that batch is itself lost, the loss is owed again:
so the lengths that the collector hears add up, however often the spool overflows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from wattgram.readings import Gap, require_label
from wattgram.units import MICROJOULES_PER_JOULE

FULL: Final = "spool_full"
CORRUPT: Final = "spool_corrupt"
DEAD: Final = "dead_letter"
PURGED: Final = "spool_purged"
STALE: Final = "checkpoint_stale"
_REASONS: Final = frozenset({FULL, CORRUPT, DEAD, PURGED, STALE})
_COUNT_MAX: Final = (1 << 32) - 1


class Loss(NamedTuple):
    """Batches that will not arrive, why, and the time that they covered.

    `unknown` of them, or more, are of unknown length. The energy is known of dead letters only.
    """

    reason: str
    batches: int
    duration_nanoseconds: int = 0
    unknown: int = 0
    energy_microjoules: int = 0

    def and_also(self, other: Loss) -> Loss:
        return Loss(self.reason, *(a + b for a, b in zip(self[1:], other[1:], strict=True)))

    def as_gap(self) -> Gap:
        details = []
        if self.unknown:
            details.append(f"length of {self.unknown} not known")
        if self.reason == DEAD:
            details.append(f"{self.energy_microjoules / MICROJOULES_PER_JOULE:.6f} J counted")
        return Gap(
            source="spool",
            reason=self.reason,
            duration_nanoseconds=self.duration_nanoseconds,
            detail="; ".join(details),
            count=min(self.batches, _COUNT_MAX),
        )


@dataclass(slots=True)
class Losses:
    """Owed, told, and up to where the spool is known to hold nothing more."""

    owed: dict[str, Loss] = field(default_factory=dict)
    told: dict[int, tuple[Loss, ...]] = field(default_factory=dict)
    """By the sequence of the batch that tells it."""
    floor: int = 0
    """What is on disk under a lower sequence is delivered, or told as lost."""
    settled: int = 0
    """Numbers up to this one that are missing are told, or were never lost."""
    gone: set[int] = field(default_factory=set)
    """Numbers above the floor that are on disk, and told as lost."""
    version: int = 0
    """Grows with every writing: the greatest on disk is the newest."""

    def add(self, loss: Loss) -> None:
        known = self.owed.get(loss.reason)
        self.owed[loss.reason] = known.and_also(loss) if known else loss

    def tell(self, sequence: int) -> tuple[Gap, ...]:
        """Return what is owed as gaps of the batch `sequence`, and take it for told."""
        if not self.owed:
            return ()
        self.told[sequence] = tuple(self.owed.values())
        self.owed = {}
        return tuple(loss.as_gap() for loss in self.told[sequence])

    def owe_again(self, sequences: Iterable[int]) -> None:
        """Owe what these batches told: they will not arrive."""
        for sequence in sequences:
            for loss in self.told.pop(sequence, ()):
                self.add(loss)

    def arrived(self, sequences: Iterable[int]) -> None:
        """Forget what these batches told."""
        for sequence in sequences:
            self.told.pop(sequence, None)

    def is_done(self, sequence: int) -> bool:
        """Return whether what is on disk under a number is delivered, or told as lost."""
        return sequence < self.floor or sequence in self.gone

    def encode(self, session: str) -> bytes:
        """Return all of it, and the session that it is about."""
        self.version += 1
        return json.dumps(
            {
                "session": session,
                "owed": [list(loss) for loss in self.owed.values()],
                "told": [
                    [sequence, [list(loss) for loss in losses]]
                    for sequence, losses in self.told.items()
                ],
                "floor": self.floor,
                "settled": self.settled,
                "gone": sorted(number for number in self.gone if number >= self.floor),
                "version": self.version,
            }
        ).encode()


def decode_state(data: bytes) -> tuple[Losses, str]:
    """Return what `Losses.encode` was given; raises ValueError when it is something else."""
    try:
        told = json.loads(data)
        losses = Losses(
            owed={loss.reason: loss for loss in map(_loss, told["owed"])},
            told={int(sequence): tuple(map(_loss, some)) for sequence, some in told["told"]},
            floor=int(told["floor"]),
            settled=int(told["settled"]),
            gone={int(number) for number in told["gone"]},
            version=int(told["version"]),
        )
        return losses, _session(told["session"])
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"not a state of the spool: {error!r}") from error


def _session(name: Any) -> str:
    """Return a name that can be one, or ''; raises ValueError: under another nothing is sent."""
    if name:
        require_label("session", str(name))
    return str(name)


def _loss(fields: Any) -> Loss:
    reason, batches, duration, unknown, energy = fields
    if reason not in _REASONS or min(batches, duration, unknown, energy) < 0:
        raise ValueError(f"not a loss: {fields}")
    return Loss(reason, int(batches), int(duration), int(unknown), int(energy))
