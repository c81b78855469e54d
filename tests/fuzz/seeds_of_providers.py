"""First inputs of the providers' targets: answers as their documentation has them."""

from __future__ import annotations

import json

Seeds = dict[str, bytes]


def neso_answer() -> Seeds:
    values = {"forecast": 266, "actual": 263, "index": "moderate"}
    slot = {"from": "2018-01-20T12:00Z", "to": "2018-01-20T12:30Z"}
    mix = [{"fuel": "gas", "perc": 60.5}, {"fuel": "wind", "perc": 39.5}]
    return {
        "national": json.dumps({"data": [{**slot, "intensity": values}]}).encode(),
        "mix": json.dumps({"data": [{**slot, "generationmix": mix}]}).encode(),
        "error": b'{"error":{"code":"400 Bad Request","message":"no"}}',
    }


def energy_charts_answer() -> Seeds:
    said = {
        "unix_seconds": [1700000100, 1700001000],
        "co2eq": [412.1, None],
        "co2eq_forecast": [None, 405.3],
        "deprecated": False,
    }
    return {"two": json.dumps(said).encode()}


def electricity_maps_answer() -> Seeds:
    one = {
        "zone": "NL",
        "carbonIntensity": 124,
        "datetime": "2024-05-17T10:00:00.000Z",
        "updatedAt": "2024-05-17T10:40:00.000Z",
        "emissionFactorType": "lifecycle",
        "isEstimated": True,
        "estimationMethod": "TIME_SLICER_AVERAGE",
    }
    return {
        "latest": json.dumps(one).encode(),
        "history": json.dumps({"zone": "NL", "history": [one]}).encode(),
        "none": b'{"status":"no-data"}',
    }


def rte_answer() -> Seeds:
    row = {
        "date_heure": "2023-09-21T00:30:00+00:00",
        "nature": "Donn\u00e9es temps r\u00e9el",
        "taux_co2": 13,
        "gaz": 446,
        "nucleaire": 34482,
        "eolien": 9077,
    }
    return {"one": json.dumps({"total_count": 1, "results": [row]}).encode()}


def entsoe_answer() -> Seeds:
    series = (
        "<TimeSeries><mRID>1</mRID>"
        '<inBiddingZone_Domain.mRID codingScheme="A01">10YNL----------L'
        "</inBiddingZone_Domain.mRID>"
        "<quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name><curveType>A03</curveType>"
        "<MktPSRType><psrType>B04</psrType></MktPSRType><Period><timeInterval>"
        "<start>2026-03-01T12:00Z</start><end>2026-03-01T14:00Z</end></timeInterval>"
        "<resolution>PT60M</resolution>"
        "<Point><position>1</position><quantity>10</quantity></Point></Period></TimeSeries>"
    )
    name = "urn:iec62325.351:tc57wg16:451-6:generationloaddocument:3:0"
    document = (
        f'<?xml version="1.0" encoding="utf-8"?><GL_MarketDocument xmlns="{name}">'
        f"<type>A75</type>{series}</GL_MarketDocument>"
    )
    nothing = (
        "<Acknowledgement_MarketDocument><Reason><code>999</code>"
        "<text>No matching data found</text></Reason></Acknowledgement_MarketDocument>"
    )
    return {"one": document.encode(), "nothing": nothing.encode()}


def eia_answer() -> Seeds:
    row = {
        "period": "2026-03-27T01",
        "respondent": "CISO",
        "fueltype": "NG",
        "value": "456.7",
        "value-units": "megawatthours",
    }
    return {"one": json.dumps({"response": {"total": "1", "data": [row]}}).encode()}


def watttime_answer() -> Seeds:
    point = {"point_time": "2026-03-27T11:00:00+00:00", "value": 960.5}
    meta = {
        "data_point_period_seconds": 300,
        "model": {"date": "2023-03-01"},
        "region": "CAISO_NORTH",
        "signal_type": "co2_moer",
        "units": "lbs_co2_per_mwh",
    }
    return {"one": json.dumps({"data": [point], "meta": meta}).encode()}
