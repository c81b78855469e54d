"""How well each input of a gram is known: one standard deviation, as a part of the value."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from wattgram.settings import setting

RELATIVE_MAX: Final = 5.0
FACTOR_MAX: Final = 100.0
_JUDGEMENT: Final = " Expert judgement."


@dataclass(frozen=True, slots=True, kw_only=True)
class UncertaintySettings:
    """Starting values. Those that no source has are said to be judgement."""

    intensity_operator: float = setting(
        0.05, "Intensity that the operator states: one standard deviation as a part of it."
        + _JUDGEMENT,
    )  # fmt: skip
    intensity_live: float = setting(
        0.08, "Intensity that a provider measured." + _JUDGEMENT,
    )  # fmt: skip
    intensity_estimated: float = setting(
        0.15, "Intensity that a provider estimated." + _JUDGEMENT,
    )  # fmt: skip
    intensity_forecast: float = setting(
        0.15, "Intensity that was expected; NESO's forecasts of four days are 11 % off."
    )
    intensity_last_known: float = setting(
        0.20, "The newest intensity before the slot, up to six hours old." + _JUDGEMENT,
    )  # fmt: skip
    intensity_annual: float = setting(
        0.30, "Yearly average of the zone: what an hour is off it." + _JUDGEMENT,
    )  # fmt: skip
    intensity_country: float = setting(
        0.30, "Yearly average of the country." + _JUDGEMENT,
    )  # fmt: skip
    intensity_parent: float = setting(
        0.50, "Average of the region that stands in for a country." + _JUDGEMENT,
    )  # fmt: skip
    intensity_world: float = setting(
        0.50, "Average of the world for a grid that nobody knows." + _JUDGEMENT,
    )  # fmt: skip
    energy_measured: float = setting(
        0.05, "Energy of a meter such as RAPL or a GPU's; each meter errs by itself." + _JUDGEMENT,
    )  # fmt: skip
    energy_declared: float = setting(
        0.10, "Energy that a device declares without a known meter." + _JUDGEMENT,
    )  # fmt: skip
    energy_modelled: float = setting(
        0.40, "Energy of a model, which errs on every host alike." + _JUDGEMENT,
    )  # fmt: skip
    energy_default: float = setting(
        0.60, "Energy of a model of which nothing is known of the host." + _JUDGEMENT,
    )  # fmt: skip
    pue: float = setting(
        0.05, "Power usage effectiveness, a yearly mean of a site or a fleet." + _JUDGEMENT,
    )  # fmt: skip
    loss_share: float = setting(
        0.25, "Share that transmission and distribution lose, years ago." + _JUDGEMENT,
    )  # fmt: skip
    upstream: float = setting(
        0.30, "Emissions of the supply of fuel." + _JUDGEMENT,
    )  # fmt: skip
    network_factor: float = setting(
        2.0,
        "Network energy lies between the model's divided by this and times this, at the coverage "
        "of the report: published figures differ so much (Mytton, Lunden, Malmodin 2024).",
    )

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "network_factor":
                if not 1 <= value <= FACTOR_MAX:
                    raise ValueError(f"network_factor must be 1 to {FACTOR_MAX:.0f}: {value}")
            elif not 0 <= value <= RELATIVE_MAX:
                raise ValueError(f"{field.name} must be 0 to {RELATIVE_MAX:.0f}: {value}")
