"""PURE. An explanation as JSON. Every key ends with its unit; `_exact` is the number itself."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

from wattgram.readings import Kind, Series
from wattgram.units import MICROJOULES_PER_JOULE, NANOSECONDS_PER_SECOND
from wattgram.workloads import is_share
from wattgram_collector.accounting.emissions import NETWORK_ACCOUNTS, Share
from wattgram_collector.accounting.slots import slot_start_unix_seconds
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.accounting.uncertainty import COVERAGE_RATIO, Uncertainty
from wattgram_collector.intensity import Intensity
from wattgram_collector.ledger import Tally
from wattgram_collector.reports.arithmetic import formula
from wattgram_collector.reports.explain import (
    Bucket,
    Explanation,
    Line,
    counted_of,
    why_unpriced,
)
from wattgram_collector.reports.figures import Figure, figures
from wattgram_collector.reports.report_text import both, figure_json
from wattgram_collector.reports.times import text_of


def as_json(explanation: Explanation, uncertainty: Uncertainty) -> str:
    """Return everything that is said, as JSON."""
    return json.dumps(said_of(explanation, uncertainty), indent=1)


def said_of(explanation: Explanation, uncertainty: Uncertainty) -> dict[str, Any]:
    """Return everything that is said, as JSON has it."""
    period = explanation.period
    return {
        "host": explanation.host.host,
        "agent_id": explanation.host.agent_id,
        "from": text_of(period.from_unix_seconds),
        "to": text_of(period.to_unix_seconds),
        "every": explanation.every.value,
        "coverage_ratio": COVERAGE_RATIO,
        "times": [_bucket(explanation, one, uncertainty) for one in explanation.buckets()],
        "totals": {
            "energy": [_used(*one) for one in meters(explanation.whole)],
            "figures": [
                figure_json(one)
                for one in bucket_figures(explanation, explanation.whole, uncertainty)
            ],
        },
        "gaps_since_ever": gaps(explanation),
    }


def bucket_figures(
    explanation: Explanation, bucket: Bucket, uncertainty: Uncertainty
) -> list[Figure]:
    """Return the figures of one time."""
    mixes = {explanation.host.key: uncertainty.mix(counted_of(bucket.used))}
    return list(figures(bucket.group, mixes, uncertainty))


def meters(bucket: Bucket) -> list[tuple[Series, int]]:
    """Return what is explained of the energy: every meter, but no shares of workloads."""
    return sorted(
        (
            (one, quantity)
            for one, quantity in bucket.used.items()
            if one.kind is Kind.ENERGY and not is_share(one)
        ),
        key=lambda pair: (not pair[0].counted, pair[0].source, pair[0].domain, pair[0].instance),
    )


def gaps(explanation: Explanation) -> dict[str, dict[str, float | int]]:
    """Return how long, and how often, sources were silent, by reason. The ledger has no times."""
    found: dict[str, dict[str, float | int]] = {}
    for (name, label), count in sorted(explanation.tallies.items()):
        if name is Tally.GAP_NANOSECONDS:
            found.setdefault(label, {})["gap_seconds"] = count / NANOSECONDS_PER_SECOND
        if name is Tally.GAPS:
            found.setdefault(label, {})["gaps"] = count
    return found


def _bucket(explanation: Explanation, bucket: Bucket, uncertainty: Uncertainty) -> dict[str, Any]:
    return {
        "from": text_of(slot_start_unix_seconds(bucket.first_slot)),
        "to": text_of(slot_start_unix_seconds(bucket.end_slot)),
        "slots": bucket.end_slot - bucket.first_slot,
        "slots_with_energy": bucket.slots_with_energy,
        "energy": [_used(*one) for one in meters(bucket)],
        "postings": [_line(one) for one in bucket.lines.values()],
        "figures": [figure_json(one) for one in bucket_figures(explanation, bucket, uncertainty)],
        "batches": [
            {"session": session, "first_sequence": first, "last_sequence": last}
            for session, (first, last) in bucket.batches.items()
        ],
        "batches_before_receipts_were_kept": bucket.has_batches_of_before,
    }


def _used(series: Series, quantity: int) -> dict[str, Any]:
    said = {
        "source": series.source,
        "domain": series.domain,
        "instance": series.instance,
        "component": series.component.value,
        "quality": series.quality.value,
        "counted": series.counted,
        **both("energy_joules", Fraction(quantity, MICROJOULES_PER_JOULE)),
    }
    if not series.counted:
        said["why_not_counted"] = WHY_NOT_COUNTED
    return said


WHY_NOT_COUNTED = "inside of, or beside, what is counted: each joule is counted once"


def _line(line: Line) -> dict[str, Any]:
    key = line.key
    before = {(one.part, one.segment): one for one in line.at_ingest()}
    said: dict[str, Any] = {
        "account": key.account.value,
        "quantity": line.quantity,
        "slots": len(line.slots),
        "terms": terms_json(key.terms),
        "factor": factor_json(key.factor),
    }
    if key.factor is None:
        said["why_unpriced"] = why_unpriced(key.terms, key.account)
    elif line.age_seconds is not None:
        said["age_seconds"] = line.age_seconds
    if key.restated_by_pass:
        said |= {
            "restated_by_pass": key.restated_by_pass,
            "factor_at_ingest": factor_json(key.at_ingest),
        }
    if key.noted is not None:
        said["prior_period_factor"] = factor_json(key.noted)
    if key.account in NETWORK_ACCOUNTS:
        said["consequential_safe"] = False
    said["shares"] = [_share(line, one, before.get((one.part, one.segment))) for one in line.now()]
    return said


def _share(line: Line, share: Share, before: Share | None) -> dict[str, Any]:
    said: dict[str, Any] = {"part": share.part.value}
    if share.segment:
        said["segment"] = share.segment
    said |= both("energy_joules", share.energy_microjoules / MICROJOULES_PER_JOULE)
    said["arithmetic"] = formula(line.key, line.quantity, share)
    said |= both("emissions_co2e_grams", share.grams)
    if line.key.restated_by_pass:
        said |= both("emissions_at_ingest_co2e_grams", before.grams if before else None)
    return said


def factor_json(factor: Intensity | None) -> dict[str, Any] | None:
    """Return a factor with all its axes; None for none."""
    if factor is None:
        return None
    return {
        "grid_zone": factor.zone,
        "intensity_grams_per_kilowatt_hour": factor.grams_per_kilowatt_hour,
        "tier": factor.tier.value,
        "provider": factor.provider,
        "version": factor.version,
        "valid_from": text_of(factor.valid_from_unix_seconds),
        "valid_until": text_of(factor.valid_until_unix_seconds),
        "status": factor.status.value,
        "signal": factor.signal.value,
        "scope": factor.scope.value,
        "boundary": factor.boundary.value,
        "losses": factor.losses.value,
        "accounting": factor.accounting.value,
    }


def terms_json(terms: Terms) -> dict[str, Any]:
    """Return the terms, with what is unknown said as null."""
    return {
        "grid_zone": terms.zone or None,
        "network_grid_zone": terms.network_zone or None,
        "place": terms.place or None,
        "site": terms.site or None,
        "pue_ratio": terms.pue,
        "pue_source": terms.pue_source or None,
        "loss_share_ratio": terms.loss_share or None,
        "loss_source": terms.loss_source or None,
        "upstream_grams_per_kilowatt_hour": terms.upstream_grams_per_kilowatt_hour or None,
        "upstream_loss_grams_per_kilowatt_hour": terms.upstream_loss_grams_per_kilowatt_hour
        or None,
        "upstream_source": terms.upstream_source or None,
        "segments": {one.name: one.source for one in terms.segments},
        "internal_interfaces": list(terms.internal_interfaces),
    }
