# SPDX-License-Identifier: Apache-2.0
"""The consumer of results: stores facts, folds them record by record, publishes every change.

A batch is a transaction boundary and nothing more (I2): what one record concludes rests on the
facts up to it, in the order of the records.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Protocol, assert_never

from cairn.events.attainment import AttainmentChanged, AttainmentStatus
from cairn.events.catalogue import source_of, to_cloudevent
from cairn.events.result import ResultRecorded, ResultRetracted
from cairn.ids import TenantId
from chassis.database import Connection
from chassis.streams.decode import decode_event
from chassis.streams.message import Accepted, Message, Record
from chassis.unit.due import Due
from chassis.unit.unit import Unit
from services.assessment.app.arrival import Canonical
from services.assessment.app.facts import Facts, FactStore, LearnerKey
from services.assessment.app.intake import RESULTS
from services.assessment.app.policies_in_force import PoliciesInForce
from services.assessment.app.timers import LAPSE, FiringTimers
from services.assessment.domain.attainment import conclude
from services.assessment.domain.change import Emitted, Subject, change, emitted
from services.assessment.domain.days import end_of
from services.assessment.domain.mastery import Terms
from services.assessment.domain.results import Result, Retraction

COMPETENCY_EVENTS = "competency.events.v1"


class PublishedPolicies(Protocol):
    """Where published policies are kept."""

    async def load(self, connection: Connection, tenant: TenantId, zone: tzinfo) -> PoliciesInForce:
        """Load all versions of a tenant's policies."""
        ...


@dataclass(slots=True)
class _Fold:
    """What one batch works on."""

    unit: Unit
    facts: Facts
    timers: FiringTimers
    changed: dict[Subject, tuple[Emitted, int]] = field(default_factory=dict)
    results: list[tuple[LearnerKey, Result]] = field(default_factory=list)
    retractions: list[tuple[LearnerKey, Retraction]] = field(default_factory=list)

    def add(self, event: Canonical) -> None:
        """Add the fact that an event states, to be folded now and stored at the end."""
        key = event.tenant, event.learner
        match event:
            case ResultRecorded():
                result = fact_of(event)
                self.facts.add_result(key, result)
                self.results.append((key, result))
            case ResultRetracted():
                retraction = Retraction(event.result_id, event.retracts)
                self.facts.add_retraction(key, retraction)
                self.retractions.append((key, retraction))
            case _ as never:
                assert_never(never)


class Results:
    """Folds results and retractions into attainments."""

    consumer = "results"
    topics = (RESULTS,)

    def __init__(
        self, facts: FactStore, policies: PublishedPolicies, zones: Mapping[TenantId, tzinfo]
    ) -> None:
        """Begin with no policy loaded; a tenant without a zone keeps its days in UTC."""
        self._store = facts
        self._published = policies
        self._zones = zones
        self._policies: dict[TenantId, PoliciesInForce] = {}

    def decode(self, record: Record) -> Message[Canonical]:
        """Read a canonical event."""
        return decode_event(record, ResultRecorded, ResultRetracted)

    async def reload(self, connection: Connection, tenant: TenantId, _epoch: int, /) -> None:
        """Load the tenant's policies again."""
        zone = self._zones.get(tenant, UTC)
        self._policies[tenant] = await self._published.load(connection, tenant, zone)

    async def skip(self, _unit: Unit, _message: Message[Canonical], /) -> None:
        """Do nothing: a fact that never came leaves no gap."""

    async def fold(self, unit: Unit, accepted: Sequence[Accepted[Canonical]]) -> None:
        """Fold every record in order and write what it brought in bulk."""
        timers = FiringTimers(unit, accepted)
        touched = await self._touched(unit.connection, accepted)
        subjects = {subject for found in touched for subject in found} | timers.subjects
        facts = await self._store.load(unit.connection, sorted(subjects))
        work = _Fold(unit, facts, timers)
        for each, found in zip(accepted, touched, strict=True):
            if unit.begin(each):
                self._one(work, each, found)
            await unit.breathe()
        timers.put_back()
        self._store.add_retractions(unit.writes, work.retractions)
        self._store.store(unit.writes, work.results, work.changed)

    async def _touched(
        self, connection: Connection, accepted: Sequence[Accepted[Canonical]]
    ) -> list[tuple[Subject, ...]]:
        """Return which attainments each record may change."""
        events = [each.event for each in accepted]
        known = {
            ((event.tenant, event.learner), event.result_id): event.activity
            for event in events
            if isinstance(event, ResultRecorded)
        }
        named = [
            ((event.tenant, event.learner), event.retracts)
            for event in events
            if isinstance(event, ResultRetracted)
        ]
        stored = await self._store.activities_of(connection, named) if named else {}
        activities = {**stored, **known}
        return [self._subjects(event, activities) for event in events]

    def _subjects(
        self, event: Canonical, activities: Mapping[tuple[LearnerKey, str], str]
    ) -> tuple[Subject, ...]:
        key = event.tenant, event.learner
        about = event.result_id if isinstance(event, ResultRecorded) else event.retracts
        activity = activities.get((key, about))
        if activity is None:
            return ()
        competencies = self._policies[event.tenant].competencies_of.get(activity, ())
        return tuple(Subject(*key, competency) for competency in competencies)

    def _one(self, work: _Fold, each: Accepted[Canonical], touched: Sequence[Subject]) -> None:
        for due in work.timers.fire(each):
            self._conclude(work, Subject(due.tenant, due.learner, due.ref), due.at, None)
        work.add(each.event)
        for subject in touched:
            self._conclude(work, subject, each.as_of, each.message.traceparent)

    def _conclude(self, work: _Fold, subject: Subject, as_of: datetime, trace: str | None) -> None:
        terms = self._policies[subject.tenant].terms(subject.competency, as_of)
        if terms is None:
            # No version is in force: what was concluded under the last one stands.
            return
        key = subject.tenant, subject.learner
        results = work.facts.of(key, terms.weights)
        now = conclude(terms, results, work.facts.retractions.get(key, ()), as_of)
        event = change(subject, terms, work.facts.emitted.get(subject), now, as_of)
        if event is None:
            return
        _publish(work.unit, event, trace)
        latest = emitted(event)
        work.facts.emitted[subject] = latest
        work.changed[subject] = latest, work.unit.epoch(subject.tenant)
        _set_timer(work.timers, subject, terms, event)


def fact_of(event: ResultRecorded) -> Result:
    """Return what the fold sees of a result."""
    score = event.score
    return Result(
        event.result_id,
        event.activity,
        event.attempt,
        None if score is None else (score.raw, score.min, score.max),
        event.outcome,
        event.finality,
        event.integrity,
        event.carried_over,
        event.occurred_at,
        event.version,
        event.modified_at,
    )


def _publish(unit: Unit, event: AttainmentChanged, traceparent: str | None) -> None:
    envelope = to_cloudevent(
        event,
        id=event.event_id,
        source=source_of("assessment", event.tenant),
        tenant=event.tenant,
        learner=event.learner,
        as_of=event.as_of,
        traceparent=traceparent,
    )
    unit.publish(COMPETENCY_EVENTS, event.tenant, event.learner, envelope)


def _set_timer(timers: FiringTimers, subject: Subject, terms: Terms, event: AttainmentChanged) -> None:
    timers.cancel(subject)
    if event.status is AttainmentStatus.DEMONSTRATED and event.valid_until is not None:
        at = end_of(event.valid_until, terms.zone)
        timers.set(Due(at, LAPSE, subject.competency, subject.tenant, subject.learner))
