"""Zones of the United States to balancing authorities, and their energy sources to fuels.

A zone is `US-<region>-<authority>` (US-MIDA-PJM, US-CAL-CISO, US-TEX-ERCO: the names that cloud
regions have) or `US-<authority>` (US-PJM). Authorities and regions are those of form EIA-930's
reference tables (public domain), as of March 2023, without those that only generate. An eGRID
subregion is another thing than a balancing area; only two are the same place: ERCT is ERCOT and
NEWE is ISO New England. US-SC stays South Carolina: Santee Cooper is US-CAR-SC only.
"""

from __future__ import annotations

from typing import Final

AUTHORITIES_OF_REGION: Final = {
    "CAL": "BANC CISO IID LDWP TIDC",
    "CAR": "CPLE CPLW DUK SC SCEG",
    "CENT": "SPA SWPP",
    "FLA": "FMPP FPC FPL GVL HST JEA SEC TAL TEC",
    "MIDA": "PJM",
    "MIDW": "AECI LGEE MISO",
    "NE": "ISNE",
    "NW": "AVA BPAT CHPD DOPD GCPD IPCO NEVP NWMT PACE PACW PGE PSCO PSEI SCL TPWR WACM WAUW",
    "NY": "NYIS",
    "SE": "AEC SOCO",
    "SW": "AZPS EPE PNM SRP TEPC WALC",
    "TEN": "TVA",
    "TEX": "ERCO",
}
EGRID_SUBREGIONS: Final = {"ERCT": "ERCO", "NEWE": "ISNE"}
_LETTERS_OF_A_STATE: Final = 2

FUEL_OF: Final = {
    "BAT": "battery",
    "BIO": "biomass",
    "COL": "coal",
    "GEO": "geothermal",
    "NG": "gas",
    "NUC": "nuclear",
    "OES": "storage",
    "OIL": "oil",
    "OTH": "other",
    "PS": "hydro_pumped",
    "SNB": "solar",
    "SUN": "solar",
    "UES": "storage",
    "UNK": "other",
    "WAT": "hydro",
    "WNB": "wind",
    "WND": "wind",
}
"""Energy sources of form EIA-930; SNB and WNB are solar and wind with a battery of their own."""


def respondent_of(zone: str) -> str | None:
    """PURE. Return the balancing authority that reports for the zone; None where none does."""
    return _RESPONDENTS.get(zone.upper())


def _respondents() -> dict[str, str]:
    found = {f"US-{code}": authority for code, authority in EGRID_SUBREGIONS.items()}
    for region, authorities in AUTHORITIES_OF_REGION.items():
        for authority in authorities.split():
            found[f"US-{region}-{authority}"] = authority
            if len(authority) > _LETTERS_OF_A_STATE:
                found[f"US-{authority}"] = authority
    return found


_RESPONDENTS: Final = _respondents()
