"""Intensities that the operator states in the configuration; they win over everything."""

from __future__ import annotations

from collections.abc import Mapping

from wattgram_collector.intensity import Boundary, Intensity, Losses, Scope, Tier


class OperatorTable:
    """Grams per kilowatt-hour by zone, as configured; raises ValueError naming a bad zone."""

    def __init__(
        self,
        grams_per_kilowatt_hour: Mapping[str, float],
        *,
        scope: Scope = Scope.LIFECYCLE,
        losses: Losses = Losses.UNSPECIFIED,
    ) -> None:
        """What is stated is stated on the axes that are asked for."""
        self._intensities = {
            zone.upper(): Intensity(
                zone=zone,
                grams_per_kilowatt_hour=repr(value),
                tier=Tier.OPERATOR,
                provider="operator",
                version=f"configured {value!r}",
                valid_from_unix_seconds=0,
                valid_until_unix_seconds=1 << 40,
                scope=scope,
                boundary=Boundary.UNSPECIFIED,
                losses=losses,
            )
            for zone, value in grams_per_kilowatt_hour.items()
        }

    def at(self, zone: str, unix_seconds: int) -> Intensity | None:  # noqa: ARG002 -- the seam's
        return self._intensities.get(zone.upper())
