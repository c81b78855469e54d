"""How bad a link is, and what becomes of each packet on it. PURE."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass, replace
from enum import IntEnum
from typing import Final

QUEUE_MAX: Final = 20_000
_JITTER: Final = 0.1


class Direction(IntEnum):
    UP = 0  # from an agent to the collector
    DOWN = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One agent's link. `cut` are the directions in which nothing passes."""

    delay_seconds: float = 0.0
    loss: float = 0.0
    duplicates: float = 0.0
    cut: tuple[int, ...] = ()


GOOD: Final = Link()


def fates(link: Link, direction: Direction, chance: random.Random) -> list[float]:
    """Return after how many seconds a packet arrives: never, once, or twice."""
    if direction in link.cut or chance.random() < link.loss:
        return []
    copies = 2 if chance.random() < link.duplicates else 1
    return [link.delay_seconds * (1 + _JITTER * chance.random()) for _ in range(copies)]


def order(number: int, link: Link) -> bytes:
    """Return the line that tells a forwarder how link `number` is from now on."""
    return json.dumps([number, asdict(link)]).encode() + b"\n"


def parse_order(line: bytes) -> tuple[int, Link]:
    number, fields = json.loads(line)
    return number, replace(Link(**fields), cut=tuple(fields["cut"]))
