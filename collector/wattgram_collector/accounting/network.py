"""PURE. Models of the energy that moving bytes takes outside the host.

An allocation with an uncertainty of about a factor of two either way (Mytton, Lunden, Malmodin
2024, doi 10.1111/jiec.13512): network energy does not follow traffic in the short run. What a
model says of the data centre and of the user's device is left out: the host is metered.
"""

from __future__ import annotations

from typing import Final

from wattgram_collector.accounting.terms import Counts, Segment

# As ledgers of schema 2 and before were posted.
SWDM_V4_BOTH: Final = Segment(
    name="network_swdm_v4",
    kilowatt_hours_per_gigabyte="0.059",
    counts=Counts.BOTH,
    source="Sustainable Web Design Model v4, operational energy of the network segment",
)
