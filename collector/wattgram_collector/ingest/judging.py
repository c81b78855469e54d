"""A batch of one stream to what the ledger is to add, or the reason why it is not wanted.

Knows the limits, the agent's past and who else meters its host; waits for nothing.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import Final, NamedTuple

from wattgram.handshake import Hello
from wattgram.readings import Batch
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_collector.ingest.agents import Agent, Seen, seen_of
from wattgram_collector.ingest.folding import fold_labels
from wattgram_collector.ingest.identity import REDFISH_PREFIX
from wattgram_collector.ingest.intake import Intake
from wattgram_collector.ingest.past import NO_START, Past
from wattgram_collector.ingest.pressure import ROW_BYTES
from wattgram_collector.ingest.reckoning import AgentClock, RefusalError, Told, reckon, refused
from wattgram_collector.ingest.tables import Tables
from wattgram_collector.ingest.turns import Turn
from wattgram_collector.ledger import Entry, Outcome, Tally

LOG: Final = logging.getLogger("wattgram.ingest")


class Claim(NamedTuple):
    """What the ledger is to do with a batch, and what to note when it has."""

    entry: Entry
    start_unix_nanoseconds: int = 0
    """When the batch says that it began, by which it is known again; 0: it could not be read."""
    seen: Seen | None = None
    """What is shown of the batch; None for one that is refused."""
    end_boottime_nanoseconds: int = 0
    """Up to when the batch was measured, on the clock of its boot; 0: it holds nothing."""
    duration_nanoseconds: int = 0
    zone: str = ""
    place: str = ""
    """Under which name the zone's factor is asked for."""
    site: str = ""
    boot_id: str = ""
    size_bytes: int = 0
    refusal: RefusalError | None = None

    @property
    def rows(self) -> int:
        return len(self.entry.usage) + len(self.entry.postings)


class Judge:
    """One stream's; it follows the agent's clocks as they are said."""

    def __init__(
        self, intake: Intake, agent: Agent, hello: Hello, clock: AgentClock, turn: Turn | None
    ) -> None:
        self.tables = Tables(intake, agent, has_turn=turn is not None)
        self.sessions = intake.visitor(agent).sessions
        self.past: Past = self.sessions.of(hello.session)
        self._intake = intake
        self._agent = agent
        self._visitor = intake.visitor(agent)
        self._session = hello.session
        self._clock = clock
        self._turn = turn
        # The collector's own agents are one process: nobody has their place twice.
        self._may_be_cloned = not hello.agent_id.startswith(REDFISH_PREFIX)

    def claim(self, batch: Batch, size_bytes: int) -> Claim:
        """Return what to do with a batch; raises RefusalError."""
        bounds = self._intake.bounds
        limits = self._intake.limits
        if size_bytes > limits.max_batch_bytes:
            raise RefusalError("too_large", f"{size_bytes} bytes")
        if len(batch.interval_microseconds) > limits.max_intervals:
            raise RefusalError("too_large", f"{len(batch.interval_microseconds)} intervals")
        if len(batch.gaps) > bounds.max_gaps:
            raise RefusalError("too_large", f"{len(batch.gaps)} gaps")
        told = self.tables.told(batch.series_number)
        if told is None:
            raise self.tables.refused[batch.series_number]
        boot_id = told.table.boot_id
        # One agent has one stream; its last one may be open still, but says nothing any more.
        has_company = self._may_be_cloned and len(self._visitor.streams) > 1
        if has_company and self.past.overlaps(batch, boot_id, self):
            raise RefusalError(
                "overlapping",
                "this session has a batch over the same time",
                needs_new_session=True,
            )
        return self._reckoned(batch, told, size_bytes)

    def refuse(self, sequence: int, error: RefusalError, start_unix_nanoseconds: int) -> Claim:
        """Return what marks a sequence as done with, and counts why; it holds no batch."""
        entry = refused(
            sequence,
            error.reason,
            agent_key=self._agent.record.key,
            session=self._session,
            now_unix_nanoseconds=time.time_ns(),
        )
        return Claim(
            entry,
            start_unix_nanoseconds,
            size_bytes=ROW_BYTES,
            refusal=error.with_traceback(None),
        )

    def note(self, claim: Claim, outcome: Outcome) -> RefusalError | None:
        """Note what became of a claim; return why it is refused, if it is."""
        sequence = claim.entry.sequence
        if not outcome.is_new:
            known = self.past.start_of(sequence)
            if not known or claim.start_unix_nanoseconds in {0, known}:
                self._intake.duplicates += 1
                return claim.refusal
            self._intake.reused_sequences += 1
            self._note_clone("another batch under a sequence that was used")
            return RefusalError("sequence_reused", "the ledger has another batch under its number",
                                needs_new_session=True)  # fmt: skip
        if claim.seen is None:
            is_wanted_elsewhere = claim.refusal is not None and claim.refusal.needs_new_session
            # Its Ack may be lost: who sends it again is not to take it for delivered.
            self.past.note(sequence, NO_START if is_wanted_elsewhere else 0)
            self._agent.totals.add(outcome, time.monotonic_ns())
            if is_wanted_elsewhere:
                self._note_clone("a batch over time that is measured already")
            return claim.refusal
        self.past.note(sequence, claim.start_unix_nanoseconds)
        if claim.end_boottime_nanoseconds:
            self.past.note_end(claim.end_boottime_nanoseconds, claim.boot_id, self)
        self._note_taken(claim, claim.seen, outcome)
        return None

    def _reckoned(self, batch: Batch, told: Told, size_bytes: int) -> Claim:
        now = time.time_ns()
        self._clock = self._clock.refreshed(batch.status, now)
        self._agent.clock_offset_nanoseconds = self._clock.offset_nanoseconds
        terms = self._intake.terms(self._agent.record, told.table.grid_zone)
        entry = reckon(
            batch,
            told,
            agent_key=self._agent.record.key,
            session=self._session,
            terms=terms,
            clock=self._clock,
            books=self._intake.books,
            now_unix_nanoseconds=now,
        )
        if batch.gaps:
            entry = replace(entry, tallies=self._folded(entry))
        shown = told
        if self._turn is not None:
            entry, shown = self._turn.take(entry, told, self.tables.aside(batch.series_number))
        length = batch.duration_nanoseconds
        rows = len(entry.usage) + len(entry.postings)
        return Claim(
            entry,
            batch.start_unix_nanoseconds,
            seen_of(batch, shown),
            batch.start_boottime_nanoseconds + length if length else 0,
            length,
            terms.zone,
            terms.asked_place,
            terms.site,
            told.table.boot_id,
            size_bytes + ROW_BYTES * rows,
        )

    def _folded(self, entry: Entry) -> dict[tuple[Tally, str], int]:
        folded = fold_labels(
            entry.tallies, self._visitor.labels, self._intake.bounds.max_gap_reasons
        )
        self._intake.folded_labels += len(entry.tallies) - len(folded)
        return folded

    def _note_taken(self, claim: Claim, seen: Seen, outcome: Outcome) -> None:
        newest = outcome.entry.newest_sample_unix_nanoseconds
        length = claim.duration_nanoseconds
        if (
            self._may_be_cloned
            and length
            and self.sessions.goes_on(self._session, newest - length)
        ):
            self._note_clone("a session that goes on after a later one began")
        seconds = newest // NANOSECONDS_PER_SECOND
        intensity = self._intake.books.location.at(claim.place, seconds) if claim.zone else None
        if newest >= self._agent.newest_sample_unix_nanoseconds:  # a late one says where it was
            self._agent.zone, self._agent.site = claim.zone, claim.site
        self._agent.note(seen, outcome, intensity, time.monotonic_ns())

    def _note_clone(self, evidence: str) -> None:
        """Say once in a while that somebody else has this agent's identity."""
        now = time.time_ns()
        if not self.sessions.is_cloned(now):
            LOG.warning(
                "agent_cloned host=%s agent_id=%s session=%s evidence=%r: two hosts from one "
                "image, or an old copy of a spool; both are counted as this host",
                self._agent.record.host, self._agent.record.agent_id, self._session, evidence,
            )  # fmt: skip
        self.sessions.cloned_unix_nanoseconds = now
