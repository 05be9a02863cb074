# SPDX-License-Identifier: Apache-2.0
"""Takes decisions into the ledger: the handler of ``recognition.decisions.v1``.

All in one unit of work: what the decision did to the award, the entry with its place in the
learner's chain, and the event that tells of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, assert_never

from cairn.events.catalogue import source_of, to_cloudevent
from cairn.events.decision import DecisionMade
from cairn.events.entry import EntryRecorded
from cairn.events.skipped import Skipped, SkippedDecision
from cairn.ids import LearnerId, TenantId
from chassis import tracing
from chassis.database import Connection
from chassis.errors import Reject
from chassis.streams.decode import decode_event
from chassis.streams.message import Accepted, Message, Record
from chassis.unit.parking import GAP
from chassis.unit.unit import Unit
from chassis.unit.writes import Writes
from services.records.domain.entry import Entry
from services.records.domain.ledger import (
    AwardHead,
    ChainHead,
    Contradiction,
    Heads,
    Noted,
    Past,
    Written,
    follow,
)

DECISIONS = "recognition.decisions.v1"
ENTRIES = "records.entries.v1"

LearnerKey = tuple[TenantId, LearnerId]
AwardKey = tuple[TenantId, LearnerId, str]


@dataclass(slots=True)
class Ledger:
    """The heads of the learners of one batch, and what the batch adds; lives as long as the unit."""

    chains: dict[LearnerKey, ChainHead]
    awards: dict[AwardKey, AwardHead]
    moved_chains: set[LearnerKey] = field(default_factory=set)
    moved_awards: set[AwardKey] = field(default_factory=set)
    written: list[tuple[Entry, str]] = field(default_factory=list)

    def heads(self, decision: DecisionMade | SkippedDecision) -> Heads:
        """Return where the ledger ends for the decision's learner and award."""
        learner = decision.tenant, decision.learner
        award = *learner, decision.credential
        return Heads(self.chains.get(learner, ChainHead()), self.awards.get(award, AwardHead()))

    def note(self, decision: DecisionMade | SkippedDecision, heads: Heads) -> None:
        """Move the award on."""
        award = decision.tenant, decision.learner, decision.credential
        self.awards[award] = heads.award
        self.moved_awards.add(award)

    def write(self, decision: DecisionMade, written: Written, traceparent: str) -> None:
        """Move the award and the learner's chain on, and keep the entry to be stored."""
        self.note(decision, written.heads)
        learner = decision.tenant, decision.learner
        self.chains[learner] = written.heads.chain
        self.moved_chains.add(learner)
        self.written.append((written.entry, traceparent))


class LedgerStore(Protocol):
    """Where the ledger is kept, within a unit's own transaction."""

    async def load(self, connection: Connection, awards: Iterable[AwardKey]) -> Ledger:
        """Return the heads of these awards and of their learners."""
        ...

    def save(self, writes: Writes, ledger: Ledger) -> None:
        """Store the entries that were written and every head that has moved."""
        ...


class RecordDecisions:
    """Follows decisions, record by record; what contradicts the ledger is never written down."""

    consumer = "records"
    topics: tuple[str, ...] = (DECISIONS,)

    def __init__(self, store: LedgerStore) -> None:
        self._store = store

    def decode(self, record: Record) -> Message[DecisionMade]:
        return decode_event(record, DecisionMade)

    async def reload(self, connection: Connection, tenant: TenantId, epoch: int) -> None:
        """Load nothing: the ledger follows decisions and knows no rules."""

    async def skip(self, unit: Unit, skipped: Skipped) -> None:
        """Move the award's revision on and leave its standing as the ledger has it."""
        if not isinstance(skipped, SkippedDecision):
            return
        award = skipped.tenant, skipped.learner, skipped.credential
        ledger = await self._store.load(unit.connection, [award])
        heads = ledger.heads(skipped)
        if skipped.revision > heads.award.revision:
            moved = replace(heads.award, revision=skipped.revision, decision_id=None)
            ledger.note(skipped, Heads(heads.chain, moved))
            self._store.save(unit.writes, ledger)

    async def fold(self, unit: Unit, accepted: Sequence[Accepted[DecisionMade]]) -> None:
        touched = {(each.event.tenant, each.event.learner, each.event.credential) for each in accepted}
        ledger = await self._store.load(unit.connection, sorted(touched))
        for each in accepted:
            if unit.begin(each):
                _take_in(unit, ledger, each.message)
            await unit.breathe()
        self._store.save(unit.writes, ledger)


def _take_in(unit: Unit, ledger: Ledger, message: Message[DecisionMade]) -> None:
    decision = message.event
    outcome = follow(ledger.heads(decision), decision)
    match outcome:
        case Past():
            unit.ignore(message)
        case Noted(heads):
            ledger.note(decision, heads)
        case Written(_, entry):
            traceparent = message.traceparent or tracing.traceparent()
            ledger.write(decision, outcome, traceparent)
            _publish(unit, message, entry, traceparent)
        case Contradiction(reason):
            unit.refuse(message, Reject(reason, "revision" if reason == GAP else "kind"))
        case _:
            assert_never(outcome)


def _publish(unit: Unit, message: Message[DecisionMade], entry: Entry, traceparent: str) -> None:
    event = to_cloudevent(
        _recorded(entry),
        id=entry.statement.entry_id,
        source=source_of("records", message.tenant),
        tenant=message.tenant,
        learner=message.learner,
        as_of=entry.statement.as_of,
        traceparent=traceparent,
    )
    unit.publish(ENTRIES, message.tenant, message.learner, event)


def _recorded(entry: Entry) -> EntryRecorded:
    statement = entry.statement
    return EntryRecorded(
        tenant=statement.tenant,
        learner=statement.learner,
        entry_id=statement.entry_id,
        sequence=statement.sequence,
        kind=statement.kind,
        credential=statement.credential,
        decision_id=statement.decision_id,
        rule=statement.rule,
        credits=statement.credits,
        effective_on=statement.effective_on,
        previous_hash=entry.previous_hash.hex(),
        hash=entry.hash.hex(),
    )
