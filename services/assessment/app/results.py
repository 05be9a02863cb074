# SPDX-License-Identifier: Apache-2.0
"""The consumer of results: stores facts, folds them record by record, publishes every change.

A batch is a transaction boundary and nothing more (I2): what one record concludes rests on the
facts up to it, in the order of the records. A re-evaluation adds no fact: it fires the timers that its
instant has reached, or concludes anew what stands below the epoch of a publication.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Protocol, assert_never

from cairn.events.reevaluation import DueReached, EpochRaised
from cairn.events.result import ResultRecorded, ResultRetracted
from cairn.events.skipped import Skipped
from cairn.ids import TenantId
from chassis.database import Connection
from chassis.schedule.reevaluations import topic_of
from chassis.streams.decode import decode_event
from chassis.streams.message import Accepted, Message, Record
from chassis.unit.unit import Unit
from services.assessment.app.concluding import conclude_under, lapse
from services.assessment.app.facts import FactStore, LearnerKey
from services.assessment.app.folding import Consumed, Fold
from services.assessment.app.intake import RESULTS
from services.assessment.app.policies_in_force import PoliciesInForce
from services.assessment.app.timers import FiringTimers
from services.assessment.domain.change import Subject

REEVALUATIONS = topic_of("assessment")


class PublishedPolicies(Protocol):
    """Where published policies are kept."""

    async def load(self, connection: Connection, tenant: TenantId, zone: tzinfo) -> PoliciesInForce:
        """Load all versions of a tenant's policies."""
        ...


class Results:
    """Folds results and retractions into attainments."""

    consumer = "results"
    topics = (RESULTS, REEVALUATIONS)

    def __init__(
        self, facts: FactStore, policies: PublishedPolicies, zones: Mapping[TenantId, tzinfo]
    ) -> None:
        """Begin with no policy loaded; a tenant without a zone keeps its days in UTC."""
        self._store = facts
        self._published = policies
        self._zones = zones
        self._policies: dict[TenantId, PoliciesInForce] = {}

    def decode(self, record: Record) -> Message[Consumed]:
        """Read a canonical event or a re-evaluation."""
        return decode_event(record, ResultRecorded, ResultRetracted, DueReached, EpochRaised)

    async def reload(self, connection: Connection, tenant: TenantId, _epoch: int, /) -> None:
        """Load the tenant's policies again."""
        zone = self._zones.get(tenant, UTC)
        self._policies[tenant] = await self._published.load(connection, tenant, zone)

    async def skip(self, _unit: Unit, _skipped: Skipped, /) -> None:
        """Do nothing: neither a fact nor a re-evaluation that never came leaves a gap."""

    async def fold(self, unit: Unit, accepted: Sequence[Accepted[Consumed]]) -> None:
        """Fold every record in order and write what it brought in bulk."""
        timers = FiringTimers(unit, accepted)
        touched = await self._touched(unit.connection, accepted)
        subjects = {subject for found in touched for subject in found} | timers.subjects
        facts = await self._store.load(unit.connection, sorted(subjects))
        work = Fold(unit, facts, timers)
        for each, found in zip(accepted, touched, strict=True):
            if unit.begin(each):
                self._one(work, each, found)
            await unit.breathe()
        timers.put_back()
        self._store.add_retractions(unit.writes, work.retractions)
        self._store.store(unit.writes, work.results, work.changed)

    async def _touched(
        self, connection: Connection, accepted: Sequence[Accepted[Consumed]]
    ) -> list[tuple[Subject, ...]]:
        """Return which attainments each record may change, by what is known when its turn comes."""
        events = [each.event for each in accepted]
        named = [
            ((event.tenant, event.learner), event.retracts)
            for event in events
            if isinstance(event, ResultRetracted)
        ]
        activities = dict(await self._store.activities_of(connection, named)) if named else {}
        touched = []
        for event in events:
            if isinstance(event, ResultRecorded):
                activities[(event.tenant, event.learner), event.result_id] = event.activity
            touched.append(self._subjects(event, activities))
        return touched

    def _subjects(
        self, event: Consumed, activities: Mapping[tuple[LearnerKey, str], str]
    ) -> tuple[Subject, ...]:
        return tuple(Subject(event.tenant, event.learner, each) for each in self._reached(event, activities))

    def _reached(self, event: Consumed, activities: Mapping[tuple[LearnerKey, str], str]) -> tuple[str, ...]:
        policies = self._policies[event.tenant]
        match event:
            case DueReached():
                return ()
            case EpochRaised():
                return policies.published_at.get(event.epoch, ())
            case ResultRecorded() | ResultRetracted():
                about = event.result_id if isinstance(event, ResultRecorded) else event.retracts
                activity = activities.get(((event.tenant, event.learner), about))
                return () if activity is None else policies.competencies_of.get(activity, ())
            case _ as never:
                assert_never(never)

    def _one(self, work: Fold, each: Accepted[Consumed], touched: Sequence[Subject]) -> None:
        fired = work.timers.fire(each)
        for due in fired:
            lapse(self._policies[due.tenant], work, due)
        event = each.event
        match event:
            case DueReached() | EpochRaised():
                below = self._below(work, event, touched, each.as_of)
                for subject in below:
                    self._conclude(work, subject, each.as_of, each.message.traceparent)
                    if (last := work.facts.emitted.get(subject)) is not None:
                        work.keep(subject, last)
                if not fired and not below:
                    work.unit.ignore(each.message)
            case ResultRecorded() | ResultRetracted():
                if not work.add(event):
                    # The inbox has forgotten it by now; the facts have not (ADR 0008).
                    if not fired:
                        work.unit.ignore(each.message)
                    return
                for subject in touched:
                    self._conclude(work, subject, each.as_of, each.message.traceparent)
            case _ as never:
                assert_never(never)

    def _below(
        self, work: Fold, event: DueReached | EpochRaised, touched: Sequence[Subject], as_of: datetime
    ) -> list[Subject]:
        if isinstance(event, DueReached):
            return []
        policies = self._policies[event.tenant]
        return [one for one in touched if work.below(event, one, policies.terms(one.competency, as_of))]

    def _conclude(self, work: Fold, subject: Subject, as_of: datetime, trace: str | None) -> None:
        terms = self._policies[subject.tenant].terms(subject.competency, as_of)
        # Where no version is in force, what was concluded under the last one stands.
        if terms is not None:
            conclude_under(terms, work, subject, as_of, trace)
