"""PURE. Network: bytes that hosts move, and what an allocation says that takes."""

from __future__ import annotations

from typing import Final

from wattgram_grafana import columns
from wattgram_grafana.assembly import Board
from wattgram_grafana.promql import (
    GRAMS_PER_HOUR,
    grown,
    grown_in_bar,
    kilowatt_hours,
    metric,
    per_hour,
    rate,
)
from wattgram_grafana.spec import Column, Query, amounts, series, stacked, stat, table

RECEIVED: Final = metric("network_receive_bytes_total")
SENT: Final = metric("network_transmit_bytes_total")
ENERGY: Final = metric("network_energy_joules_total")
EMISSIONS: Final = metric("network_emissions_co2e_grams_total")
NO_BYTES: Final = "unknown: no physical interface is counted"
NO_MODEL: Final = "None: no model of the network is used, see docs/network.md"
NOT_PRICED: Final = "unknown: no model of the network, or no carbon intensity for it"
ALLOCATED: Final = (
    "An allocation by traffic of energy outside the hosts, good to a factor of two: moving fewer "
    "bytes does not save it. Not part of the hosts' energy and emissions."
)

_STATS: Final = (
    stat("Received", f"sum({grown(RECEIVED)})", "decbytes",
         "Bytes that physical interfaces received in the range.", NO_BYTES),
    stat("Sent", f"sum({grown(SENT)})", "decbytes",
         "Bytes that physical interfaces sent in the range.", NO_BYTES),
    stat("Energy of the network", kilowatt_hours(f"sum({grown(ENERGY)})"), "kwatth",
         f"In the range. {ALLOCATED}", NO_MODEL),
    stat("Emissions of the network", f"sum({grown(EMISSIONS)})", "massg",
         f"In the range. {ALLOCATED}", NOT_PRICED),
    stat("Energy per gigabyte sent",
         f"sum({grown(ENERGY)}) / ((sum({grown(SENT)}) > 0) / 1e9)", "joule",
         "What the model comes to, its parts without traffic with it, over all bytes sent.",
         "unknown: no model, or nothing was sent"),
    stat("Interfaces",
         f"count(count by (host, device) ({RECEIVED}))", "none",
         "Physical interfaces that are counted now.", NO_BYTES),
)  # fmt: skip

BOARD: Final = Board(
    uid="wattgram-network",
    title="Wattgram / Network",
    about="Bytes that hosts move, and the energy that a model allocates to them elsewhere.",
    rows=(
        _STATS,
        (
            stacked("Received by host", "Bps", "Ten hosts that receive most.", NO_BYTES,
                    Query(f"topk(10, sum by (host) ({rate(RECEIVED)}))", "{{host}}")),
            stacked("Sent by host", "Bps", "Ten hosts that send most.", NO_BYTES,
                    Query(f"topk(10, sum by (host) ({rate(SENT)}))", "{{host}}")),
        ),
        (
            stacked("Power by segment", "watt", ALLOCATED, NO_MODEL,
                    Query(f"sum by (segment) ({rate(ENERGY)})", "{{segment}}")),
            stacked("Emission rate by segment", GRAMS_PER_HOUR, ALLOCATED, NOT_PRICED,
                    Query(per_hour(f"sum by (segment) ({rate(EMISSIONS)})"), "{{segment}}")),
        ),
        (
            amounts("Bytes", "decbytes", "Received and sent by all hosts that are chosen.",
                    NO_BYTES,
                    Query(f"sum({grown_in_bar(RECEIVED)})", "received"),
                    Query(f"sum({grown_in_bar(SENT)})", "sent")),
            series("Energy per gigabyte, in time", "joule",
                   "It is high where little is sent: parts of the network draw without traffic.",
                   "unknown: no model, or nothing was sent",
                   Query(f"sum({rate(ENERGY)}) / ((sum({rate(SENT)}) > 0) / 1e9)", "per GB")),
        ),
        (
            table(
                "Every interface", "In the range, by host and interface.", NO_BYTES,
                (
                    columns.HOST, Column("device", "Interface"),
                    Column("Value #A", "Received", "decbytes"),
                    Column("Value #B", "Sent", "decbytes"),
                    Column("Value #C", "Receives now", "Bps"),
                    Column("Value #D", "Sends now", "Bps"),
                ),
                f"sum by (host, device) ({grown(RECEIVED)})",
                f"sum by (host, device) ({grown(SENT)})",
                f"sum by (host, device) ({rate(RECEIVED)})",
                f"sum by (host, device) ({rate(SENT)})",
            ),
        ),
    ),
)  # fmt: skip
