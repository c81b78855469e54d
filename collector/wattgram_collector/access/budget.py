"""How many wrong answers a peer may give: some at once, then few for ever. Time is an argument."""

from __future__ import annotations

import ipaddress
from typing import Final

BURST: Final = 10
REFILL_SECONDS: Final = 10.0
PEERS_MAX: Final = 10_000
_IPV6_PREFIX: Final = 64


class FailureBudget:
    """A bucket of failures for each peer. It forgets the peer that it heard of least lately."""

    def __init__(
        self,
        *,
        burst: int = BURST,
        refill_seconds: float = REFILL_SECONDS,
        peers_max: int = PEERS_MAX,
    ) -> None:
        self._burst = burst
        self._refill_seconds = refill_seconds
        self._peers_max = peers_max
        self._left: dict[str, tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self._left)

    def take(self, peer: str, now_seconds: float) -> bool:
        """Take one attempt, before it is made so that many at once are many; False: none left."""
        left = self._left_now(peer, now_seconds)
        if left < 1:
            self._keep(peer, left, now_seconds)
            return False
        self._keep(peer, left - 1, now_seconds)
        return True

    def give_back(self, peer: str, now_seconds: float) -> None:
        """Return an attempt that did not fail."""
        left = self._left_now(peer, now_seconds) + 1
        if left >= self._burst:
            self._left.pop(peer, None)
        else:
            self._keep(peer, left, now_seconds)

    def _left_now(self, peer: str, now_seconds: float) -> float:
        left, at_seconds = self._left.get(peer, (float(self._burst), now_seconds))
        refilled = max(0.0, now_seconds - at_seconds) / self._refill_seconds
        return min(float(self._burst), left + refilled)

    def _keep(self, peer: str, left: float, now_seconds: float) -> None:
        self._left.pop(peer, None)
        if len(self._left) >= self._peers_max:
            del self._left[next(iter(self._left))]
        self._left[peer] = (left, now_seconds)


def peer_of(address: str | None) -> str:
    """PURE. Return whom an address counts as: an IPv6 peer has all of its /64 to choose from."""
    try:
        found = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, _IPV6_PREFIX), strict=False))
    return str(found)
