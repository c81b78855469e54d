"""Whether a provider works, said once when it stops and once when it does again."""

from __future__ import annotations

import logging
from typing import Final

from wattgram_collector.intensities.providers.counts import ProviderCounts
from wattgram_collector.intensities.providers.provider import Outcome

LOG: Final = logging.getLogger("wattgram.providers")
EMPTY_TO_LOG: Final = 5
"""An answer without a value may be one that comes too early; so many in a row are not."""


class Health:
    """Of one provider and all its zones.

    A zone keeps the trouble that it came into until it is asked with success. Each kind of
    trouble is logged with the first zone that is in it, and when the last one is out of it: a
    provider that is down logs one line, whatever the number of zones.
    """

    def __init__(self, provider: str, counts: ProviderCounts) -> None:
        self._provider = provider
        self._counts = counts
        self._troubles: dict[str, Outcome] = {}
        self._empties: dict[str, int] = {}

    def forget(self, zone: str) -> None:
        """Drop a zone that is no longer asked for."""
        self._troubles.pop(zone, None)
        self._empties.pop(zone, None)

    def note(self, zone: str, outcome: Outcome, text: str, *, is_up: bool) -> None:
        """Take what became of a fetch; `is_up`: there was a value in it."""
        if is_up or outcome is not Outcome.EMPTY:
            self._counts.up[self._provider] = is_up
        if outcome is not Outcome.EMPTY:
            self._empties.pop(zone, None)
        if outcome is Outcome.OK:
            self._over(zone)
        elif zone not in self._troubles and not self._is_early(zone, outcome):
            self._begun(zone, outcome, text)

    def _is_early(self, zone: str, outcome: Outcome) -> bool:
        if outcome is not Outcome.EMPTY:
            return False
        self._empties[zone] = self._empties.get(zone, 0) + 1
        return self._empties[zone] < EMPTY_TO_LOG

    def _begun(self, zone: str, outcome: Outcome, text: str) -> None:
        is_new = outcome not in self._troubles.values()
        self._troubles[zone] = outcome
        if is_new:
            LOG.warning(
                "provider_failed provider=%s zone=%s outcome=%s reason=%r",
                self._provider, zone, outcome.value, text,
            )  # fmt: skip

    def _over(self, zone: str) -> None:
        outcome = self._troubles.pop(zone, None)
        if outcome is not None and outcome not in self._troubles.values():
            LOG.info("provider_works_again provider=%s outcome=%s", self._provider, outcome.value)
