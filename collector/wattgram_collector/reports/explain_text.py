"""PURE. An explanation for a person to read, and to redo with a pocket calculator."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from wattgram.units import MICROJOULES_PER_JOULE
from wattgram_collector.accounting.emissions import NETWORK_ACCOUNTS, Account, Part
from wattgram_collector.accounting.slots import slot_start_unix_seconds
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.accounting.uncertainty import Uncertainty
from wattgram_collector.intensity import Intensity, Losses, Scope
from wattgram_collector.reports.arithmetic import formula
from wattgram_collector.reports.explain import Bucket, Explanation, Line, why_unpriced
from wattgram_collector.reports.explain_json import (
    WHY_NOT_COUNTED,
    bucket_figures,
    gaps,
    meters,
)
from wattgram_collector.reports.figures import EMISSIONS, Figure
from wattgram_collector.reports.numbers import exact, rounded
from wattgram_collector.reports.times import text_of

_LOSSES_LEFT_OUT: Final = {
    Losses.DELIVERED: ": inside the factor, none are added",
    Losses.UNSPECIFIED: ": the factor does not say whether they are inside, none are added",
}


def lines_of(explanation: Explanation, uncertainty: Uncertainty) -> Iterator[str]:
    """Yield the lines: each time by itself, then the totals."""
    period = explanation.period
    yield (
        f"{explanation.host.host}, {text_of(period.from_unix_seconds)} to "
        f"{text_of(period.to_unix_seconds)}, every {explanation.every.value}"
    )
    for bucket in explanation.buckets():
        yield ""
        yield from _bucket(bucket)
    yield ""
    yield "totals (value; low to high at 95 %; at ingest + adjustment; prior periods apart)"
    for one in bucket_figures(explanation, explanation.whole, uncertainty):
        yield f"  {figure_text(one)}"
    for reason, said in gaps(explanation).items():
        seconds = rounded(said.get("gap_seconds", 0))
        yield f"  gaps ever, {reason}: {seconds} s (the ledger does not say when)"


def figure_text(one: Figure) -> str:
    """Return a figure as one line."""
    name = " ".join(part for part in (one.measure, one.scope, one.detail) if part)
    text = f"{name}: {rounded(one.value)}"
    if one.range is not None:
        text += f"; {rounded(one.range.low, 4)} to {rounded(one.range.high, 4)}"
    if one.at_ingest is not None and one.adjustment is not None:
        text += f"; {rounded(one.at_ingest)} + {rounded(one.adjustment)}"
    if one.prior_period_adjustment:
        text += f"; prior periods {rounded(one.prior_period_adjustment)}"
    if one.measure == EMISSIONS[Part.NETWORK]:
        text += "; consequential_safe=false"
    return text


def _bucket(bucket: Bucket) -> Iterator[str]:
    first, end = (slot_start_unix_seconds(one) for one in (bucket.first_slot, bucket.end_slot))
    yield f"{text_of(first)} to {text_of(end)}"
    slots = bucket.end_slot - bucket.first_slot
    if bucket.slots_with_energy < slots:
        yield f"  energy is known in {bucket.slots_with_energy} of {slots} slots"
    for series, quantity in meters(bucket):
        what = f"{series.source} {series.domain}/{series.instance}"
        why = "counted" if series.counted else f"not counted: {WHY_NOT_COUNTED}"
        joules = exact(Fraction(quantity, MICROJOULES_PER_JOULE))
        yield f"  {what} ({series.component}, {series.quality}): {joules} J, {why}"
    for line in bucket.lines.values():
        yield from (f"  {text}" for text in _line(line))
    for session, (first_sequence, last_sequence) in bucket.batches.items():
        yield f"  batches {first_sequence} to {last_sequence} of session {session}"
    if bucket.has_batches_of_before:
        yield "  and batches of before receipts were kept"


def _line(line: Line) -> Iterator[str]:
    key = line.key
    name = key.account.value.rpartition("_")[0]
    many = f" in {len(line.slots)} slots" if len(line.slots) > 1 else ""
    if key.factor is None:
        yield f"{name}{many}: unpriced: {why_unpriced(key.terms, key.account)}"
    else:
        yield f"{name}{many}: {factor_text(key.factor)}{_age(line)}"
    if key.restated_by_pass:
        was = "unpriced" if key.at_ingest is None else factor_text(key.at_ingest)
        yield f"  restated by pass {key.restated_by_pass}; at ingest {was}"
    if key.noted is not None:
        yield f"  its period is frozen; a prior period's adjustment: {factor_text(key.noted)}"
    if key.account not in NETWORK_ACCOUNTS:
        yield from (f"  {text}" for text in terms_text(key.terms, key.account, key.factor))
    before = {(one.part, one.segment): one.grams for one in line.at_ingest()}
    for share in line.now():
        label = f"{share.part.value} {share.segment}".strip()
        text = f"  {label}: {formula(key, line.quantity, share)}"
        if share.grams is None:
            text += f" = {rounded(share.energy_microjoules / MICROJOULES_PER_JOULE)} J"
            text = text.replace(" / 3600000 J/kWh", "") + ", unpriced"
        else:
            text += f" = {rounded(share.grams)} g"
        was_grams = before.get((share.part, share.segment))
        if key.restated_by_pass and was_grams is not None:
            text += f" (at ingest {rounded(was_grams)} g)"
        if key.account in NETWORK_ACCOUNTS:
            text += " (consequential_safe=false)"
        yield text


def factor_text(factor: Intensity) -> str:
    """Return a factor with all that it says of itself."""
    return (
        f"{factor.zone} {factor.grams_per_kilowatt_hour} g/kWh, {factor.tier}, {factor.provider} "
        f"({factor.version}), {factor.signal} {factor.scope} {factor.boundary} {factor.losses} "
        f"{factor.accounting} {factor.status}, valid "
        f"{text_of(factor.valid_from_unix_seconds)} to {text_of(factor.valid_until_unix_seconds)}"
    )


def terms_text(terms: Terms, account: Account, factor: Intensity | None) -> Iterator[str]:
    """Yield what is known of the site, where from, and why the factor leaves some of it out."""
    pue = f"PUE {terms.pue} ({terms.pue_source})"
    if not terms.pue_source:
        pue = "PUE unknown: nothing is added for the facility"
    yield f"{terms.site}: {pue}" if terms.site else pue
    if account is not Account.HOST:
        return
    if terms.loss_share:
        losses = f"losses {terms.loss_share} ({terms.loss_source or 'no source said'})"
        yield losses + _LOSSES_LEFT_OUT.get(factor.losses if factor else Losses.BUSBAR, "")
    if terms.upstream_grams_per_kilowatt_hour:
        source = terms.upstream_source or "no source said"
        is_inside = factor is not None and factor.scope is Scope.LIFECYCLE
        inside = ": inside the factor, none are added" if is_inside else ""
        yield f"upstream {terms.upstream_grams_per_kilowatt_hour} g/kWh ({source}){inside}"


def _age(line: Line) -> str:
    age = line.age_seconds
    return f", {age} s old at its last slot" if age else ""
