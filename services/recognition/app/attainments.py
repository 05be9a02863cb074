# SPDX-License-Identifier: Apache-2.0
"""Follows attainments: the handler of ``competency.events.v1``.

Record by record: the learner's fact is replaced, the rules that it reaches are evaluated, and every
decision is published. An event whose revision is not newer than what is known is past and ignored;
one that leaves a gap waits for what is missing.
Awards that were determined under an earlier epoch, or under a rule version that is not in force any
more, are determined anew with the next record of their learner.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Protocol

from cairn.events.attainment import AttainmentChanged, AttainmentStatus
from cairn.events.catalogue import source_of, to_cloudevent
from cairn.events.decision import DecisionMade
from cairn.ids import LearnerId, TenantId
from chassis import telemetry
from chassis.database import Connection
from chassis.errors import Reject
from chassis.streams.decode import decode_event
from chassis.streams.message import Accepted, Message, Record
from chassis.unit.parking import GAP
from chassis.unit.unit import Unit
from chassis.unit.writes import Writes
from services.recognition.app.publish_rules import Published
from services.recognition.domain.allocation import Allocator
from services.recognition.domain.days import day_of
from services.recognition.domain.decision import Occasion
from services.recognition.domain.effective import EffectiveRules
from services.recognition.domain.facts import Attainment, Award, Facts
from services.recognition.domain.recognise import recognise
from services.recognition.domain.rule_set import RuleSet

COMPETENCY_EVENTS = "competency.events.v1"
DECISIONS = "recognition.decisions.v1"

LearnerKey = tuple[TenantId, LearnerId]
FactKey = tuple[TenantId, LearnerId, str]
Fact = AttainmentChanged


@dataclass(slots=True)
class LearnerFacts:
    """What is known of one learner, and what of it the unit has changed."""

    attainments: dict[str, Attainment] = field(default_factory=dict)
    awards: dict[str, Award] = field(default_factory=dict)
    moved_attainments: set[str] = field(default_factory=set)
    moved_awards: set[str] = field(default_factory=set)


class LearnerStore(Protocol):
    """Where facts and awards are kept, within a unit's own transaction."""

    async def awards(
        self, connection: Connection, learners: Sequence[LearnerKey]
    ) -> Mapping[LearnerKey, LearnerFacts]:
        """Return each learner with all their awards and no attainment yet."""
        ...

    async def attainments(
        self, connection: Connection, wanted: Sequence[FactKey]
    ) -> Iterable[tuple[LearnerKey, Attainment]]:
        """Return the attainments of exactly these learners and competencies."""
        ...

    def save(self, writes: Writes, learners: Mapping[LearnerKey, LearnerFacts]) -> None:
        """Store what has moved."""
        ...


class PublishedRules(Protocol):
    """Where published rules are read from."""

    async def all(self, connection: Connection, tenant: TenantId) -> Sequence[Published]:
        """Return every published version of a tenant's rules."""
        ...


class FollowAttainments:
    """Decides about awards whenever an attainment changes."""

    consumer = "recognition"
    topics: tuple[str, ...] = (COMPETENCY_EVENTS,)

    def __init__(
        self,
        store: LearnerStore,
        rules: PublishedRules,
        allocator: Allocator,
        zones: Mapping[TenantId, tzinfo],
    ) -> None:
        """Begin with no rule loaded; a tenant without a zone keeps its days in UTC."""
        self._store = store
        self._published = rules
        self._allocator = allocator
        self._zones = zones
        self._rules: dict[TenantId, RuleSet] = {}

    def decode(self, record: Record) -> Message[Fact]:
        """Read a competency event."""
        return decode_event(record, AttainmentChanged)

    async def reload(self, connection: Connection, tenant: TenantId, _epoch: int, /) -> None:
        """Load the tenant's rules again."""
        self._rules[tenant] = RuleSet(each.version for each in await self._published.all(connection, tenant))

    async def skip(self, unit: Unit, message: Message[Fact]) -> None:
        """Know of the attainment no more than that it has changed: what to is unknown (I11)."""
        event = message.event
        key = event.tenant, event.learner
        known = [one for _, one in await self._store.attainments(unit.connection, [(*key, event.competency)])]
        if not known or known[0].revision < event.revision:
            lost = Attainment(
                event.competency, AttainmentStatus.UNKNOWN, None, None, event.event_id, event.revision
            )
            learner = LearnerFacts({event.competency: lost}, moved_attainments={event.competency})
            self._store.save(unit.writes, {key: learner})

    async def fold(self, unit: Unit, accepted: Sequence[Accepted[Fact]]) -> None:
        """Fold every record in order and write what it brought in bulk."""
        occasions = [self._occasion(unit, each) for each in accepted]
        keys = sorted({(one.tenant, one.learner) for one in occasions})
        learners = await self._store.awards(unit.connection, keys)
        wanted = self._wanted(accepted, occasions, learners)
        for key, attainment in await self._store.attainments(unit.connection, sorted(wanted)):
            learners[key].attainments[attainment.competency] = attainment
        for each, occasion in zip(accepted, occasions, strict=True):
            if unit.begin(each):
                self._one(unit, each, occasion, learners[occasion.tenant, occasion.learner])
            await unit.breathe()
        self._store.save(unit.writes, learners)

    def _occasion(self, unit: Unit, each: Accepted[Fact]) -> Occasion:
        event = each.event
        day = day_of(each.as_of, self._zones.get(event.tenant, UTC))
        return Occasion(event.tenant, event.learner, each.as_of, day, unit.epoch(event.tenant))

    def _wanted(
        self,
        accepted: Sequence[Accepted[Fact]],
        occasions: Sequence[Occasion],
        learners: Mapping[LearnerKey, LearnerFacts],
    ) -> set[FactKey]:
        """Return the facts that the rules which this batch reaches may read."""
        wanted: set[FactKey] = set()
        for each, occasion in zip(accepted, occasions, strict=True):
            key = occasion.tenant, occasion.learner
            rules = self._rules[occasion.tenant].on(occasion.day)
            read = rules.read_for(each.event.competency)
            if stale := _stale(rules, learners[key].awards, occasion.epoch):
                read |= rules.read_by(stale)
            wanted.update((*key, competency) for competency in read)
        return wanted

    def _one(self, unit: Unit, each: Accepted[Fact], occasion: Occasion, learner: LearnerFacts) -> None:
        event = each.event
        known = learner.attainments.get(event.competency)
        stands = 0 if known is None else known.revision
        if event.revision <= stands:
            unit.ignore(each.message)
            return
        if event.revision > stands + 1:
            unit.refuse(each.message, Reject(GAP, "revision"))
            return
        learner.attainments[event.competency] = attainment_of(event)
        learner.moved_attainments.add(event.competency)
        rules = self._rules[occasion.tenant].on(occasion.day)
        numbers = {*rules.reading(event.competency), *_stale(rules, learner.awards, occasion.epoch)}
        if not numbers:
            return
        facts = Facts(learner.attainments, learner.awards)
        found = recognise(occasion, rules, facts, numbers, self._allocator)
        for award in found.awards:
            learner.awards[award.credential] = award
            learner.moved_awards.add(award.credential)
        for decision in found.decisions:
            _publish(unit, decision, each.message.traceparent or telemetry.traceparent())


def attainment_of(event: AttainmentChanged) -> Attainment:
    """Return what a rule may read of an attainment event."""
    return Attainment(
        event.competency, event.status, event.score, event.achieved_on, event.event_id, event.revision
    )


def _stale(rules: EffectiveRules, awards: Mapping[str, Award], epoch: int) -> tuple[int, ...]:
    """Return the rules whose last determination was made under an earlier epoch or another version."""
    if not awards:
        return ()
    return tuple(
        number
        for credential, award in awards.items()
        if (number := rules.at.get(credential)) is not None
        and (award.epoch < epoch or award.rule.hash != rules.rules[number].reference.hash)
    )


def _publish(unit: Unit, decision: DecisionMade, traceparent: str) -> None:
    envelope = to_cloudevent(
        decision,
        id=decision.decision_id,
        source=source_of("recognition", decision.tenant),
        tenant=decision.tenant,
        learner=decision.learner,
        as_of=decision.as_of,
        traceparent=traceparent,
    )
    unit.publish(DECISIONS, decision.tenant, decision.learner, envelope)
