"""What became of each provider's requests, for /metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from wattgram_collector.intensities.providers.provider import (
    Answer,
    Client,
    Outcome,
    ProviderError,
)
from wattgram_collector.intensities.providers.schedule import Budget


class ProviderCounts:
    """Of all providers; one that was never asked is there with zeros."""

    def __init__(self, providers: Iterable[str] = ()) -> None:
        self.requests: Counter[tuple[str, Outcome]] = Counter()
        self.refused: Counter[tuple[str, str]] = Counter()
        """Values that were answered and are not believed, by provider and reason."""
        self.up: dict[str, bool] = {}
        """Whether the last request that succeeded or failed succeeded."""
        self.last_success_unix_seconds: dict[str, float] = {}
        for provider in providers:
            self.requests[provider, Outcome.OK] = 0


class Metered:
    """A client that counts what is asked through it, and asks no more than the budget allows.

    Made for one fetch. What an answer is worth is known only when it was read: `settle`.
    """

    def __init__(self, client: Client, budget: Budget, now: float) -> None:
        self._client = client
        self._budget = budget
        self._now = now
        self._good = 0
        self._bad: list[ProviderError] = []

    async def get(
        self,
        path: str,
        *,
        parameters: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """See `Client.get`; raises ProviderError too when the budget is spent."""
        if not self._budget.spend(self._now):
            wait = self._budget.wait_seconds(self._now)
            raise ProviderError(Outcome.RATE_LIMITED, OWN_BUDGET, retry_after_seconds=wait)
        try:
            answer = await self._client.get(path, parameters=parameters, headers=headers)
        except ProviderError as error:
            self._bad.append(error)
            raise
        self._good += 1
        return answer

    def settle(self, outcome: Outcome, error: ProviderError | None = None) -> Counter[Outcome]:
        """Return how often each outcome is to be counted, when the fetch ended with `outcome`.

        An answer that could not be used counts as that, the ones before it as good. A fetch that
        failed before it asked anything, as for want of a key, is counted too.
        """
        counted = Counter(one.outcome for one in self._bad)
        counted[Outcome.OK] += self._good
        if outcome is Outcome.OK or any(one is error for one in self._bad):
            return +counted
        counted[Outcome.OK] -= 1 if self._good else 0
        counted[outcome] += 1
        return +counted


OWN_BUDGET: Final = "the budget of requests is spent"
