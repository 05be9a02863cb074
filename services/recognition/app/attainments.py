# SPDX-License-Identifier: Apache-2.0
"""Follows attainments: the handler of ``competency.events.v1``.

Record by record: the learner's fact is replaced, the rules that it reaches are evaluated, and every
decision is published. An event whose revision is not newer than what is known is past and ignored;
one that leaves a gap waits for what is missing.
A re-evaluation replaces nothing: after a publication it evaluates what that can reach and what is not
yet determined under its epoch. Awards that were determined under an earlier epoch, or under a rule
version that is not in force any more, are also determined anew with the next record of their learner.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Protocol, assert_never

from cairn.events.attainment import AttainmentChanged, AttainmentStatus
from cairn.events.catalogue import source_of, to_cloudevent
from cairn.events.decision import DecisionMade
from cairn.events.reevaluation import DueReached, EpochRaised
from cairn.events.skipped import Skipped, SkippedAttainment
from cairn.ids import TenantId
from chassis import tracing
from chassis.database import Connection
from chassis.errors import Reject
from chassis.schedule.reevaluations import topic_of
from chassis.streams.decode import decode_event
from chassis.streams.message import Accepted, Message, Record
from chassis.unit.parking import GAP
from chassis.unit.unit import Unit
from services.recognition.app.learner_facts import FactKey, LearnerFacts, LearnerKey, LearnerStore
from services.recognition.app.publish_rules import Published
from services.recognition.domain.allocation import Allocator
from services.recognition.domain.days import day_of
from services.recognition.domain.decision import Occasion
from services.recognition.domain.effective import EffectiveRules
from services.recognition.domain.facts import Attainment, Award, Facts
from services.recognition.domain.reach import Change, below, changes_of, stale
from services.recognition.domain.recognise import recognise
from services.recognition.domain.rule_set import RuleSet

COMPETENCY_EVENTS = "competency.events.v1"
DECISIONS = "recognition.decisions.v1"
REEVALUATIONS = topic_of("recognition")

Consumed = AttainmentChanged | DueReached | EpochRaised


class PublishedRules(Protocol):
    """Where published rules are read from."""

    async def all(self, connection: Connection, tenant: TenantId) -> Sequence[Published]:
        """Return every published version of a tenant's rules."""
        ...


class FollowAttainments:
    """Decides about awards whenever an attainment changes."""

    consumer = "recognition"
    topics: tuple[str, ...] = (COMPETENCY_EVENTS, REEVALUATIONS)

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
        self._changes: dict[TenantId, Mapping[int, Change]] = {}

    def decode(self, record: Record) -> Message[Consumed]:
        """Read a competency event or a re-evaluation."""
        return decode_event(record, AttainmentChanged, DueReached, EpochRaised)

    async def reload(self, connection: Connection, tenant: TenantId, _epoch: int, /) -> None:
        """Load the tenant's rules again."""
        published = await self._published.all(connection, tenant)
        self._rules[tenant] = RuleSet(each.version for each in published)
        self._changes[tenant] = changes_of((each.version, each.epoch) for each in published)

    async def skip(self, unit: Unit, skipped: Skipped) -> None:
        """Know of the attainment no more than that it has changed: what to is unknown (I11)."""
        if not isinstance(skipped, SkippedAttainment):
            return
        key, competency = (skipped.tenant, skipped.learner), skipped.competency
        known = [one for _, one in await self._store.attainments(unit.connection, [(*key, competency)])]
        if not known or known[0].revision < skipped.revision:
            status, revision = AttainmentStatus.UNKNOWN, skipped.revision
            lost = Attainment(competency, status, None, None, skipped.event_id, revision)
            learner = LearnerFacts({competency: lost}, moved_attainments={competency})
            self._store.save(unit.writes, {key: learner})

    async def fold(self, unit: Unit, accepted: Sequence[Accepted[Consumed]]) -> None:
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

    def _occasion(self, unit: Unit, each: Accepted[Consumed]) -> Occasion:
        event = each.event
        day = day_of(each.as_of, self._zones.get(event.tenant, UTC))
        return Occasion(event.tenant, event.learner, each.as_of, day, unit.epoch(event.tenant))

    def _wanted(
        self,
        accepted: Sequence[Accepted[Consumed]],
        occasions: Sequence[Occasion],
        learners: Mapping[LearnerKey, LearnerFacts],
    ) -> set[FactKey]:
        """Return the facts that the rules which this batch reaches may read.

        Where the rules change between two records of a learner, the award of any may come out of the first
        and is determined anew with the second, so that all may be read.
        """
        wanted: set[FactKey] = set()
        first: dict[LearnerKey, EffectiveRules] = {}
        for each, occasion in zip(accepted, occasions, strict=True):
            key = occasion.tenant, occasion.learner
            rules = self._rules[occasion.tenant].on(occasion.day)
            read = self._read(each.event, occasion, rules, learners[key].awards)
            if first.setdefault(key, rules) is not rules:
                read |= rules.read_by(range(len(rules.rules)))
            wanted.update((*key, competency) for competency in read)
        return wanted

    def _read(
        self, event: Consumed, occasion: Occasion, rules: EffectiveRules, awards: Mapping[str, Award]
    ) -> frozenset[str]:
        match event:
            case DueReached():
                return frozenset()
            case EpochRaised():
                return rules.read_by(self._reached(event, rules))
            case AttainmentChanged():
                read = rules.read_for(event.competency)
                old = stale(rules, awards, occasion.epoch)
                return read | rules.read_by(old) if old else read
            case _ as never:
                assert_never(never)

    def _reached(self, event: EpochRaised, rules: EffectiveRules) -> frozenset[int]:
        change = self._changes[event.tenant].get(event.epoch)
        return frozenset() if change is None else change.reached(rules)

    def _one(self, unit: Unit, each: Accepted[Consumed], occasion: Occasion, learner: LearnerFacts) -> None:
        if _leaves_gap(each.event, learner):
            unit.refuse(each.message, Reject(GAP, "revision"))
            return
        rules = self._rules[occasion.tenant].on(occasion.day)
        numbers = self._numbers(each.event, occasion, rules, learner)
        if numbers is None:
            unit.ignore(each.message)
        if not numbers:
            return
        facts = Facts(learner.attainments, learner.awards)
        found = recognise(occasion, rules, facts, numbers, self._allocator)
        for award in found.awards:
            learner.awards[award.credential] = award
            learner.moved_awards.add(award.credential)
        for decision in found.decisions:
            _publish(unit, decision, each.message.traceparent or tracing.traceparent())

    def _numbers(
        self, event: Consumed, occasion: Occasion, rules: EffectiveRules, learner: LearnerFacts
    ) -> set[int] | None:
        """Return the rules to evaluate, once a fact has been learned; None where nothing needs doing."""
        match event:
            case DueReached():
                # Nothing of recognition sets a timer.
                return None
            case EpochRaised():
                return below(event.epoch, rules, self._reached(event, rules), learner.awards) or None
            case AttainmentChanged():
                if not _learn(learner, event):
                    return None
                return {*rules.reading(event.competency), *stale(rules, learner.awards, occasion.epoch)}
            case _ as never:
                assert_never(never)


def _leaves_gap(event: Consumed, learner: LearnerFacts) -> bool:
    """Tell whether a revision of the learner's attainment is missing before this one."""
    if not isinstance(event, AttainmentChanged):
        return False
    known = learner.attainments.get(event.competency)
    return event.revision > (0 if known is None else known.revision) + 1


def _learn(learner: LearnerFacts, event: AttainmentChanged) -> bool:
    """Replace the learner's fact; False where the event is past.

    Another change of the same revision comes from an assessment that was restored to before it: what that
    one says now holds.
    """
    known = learner.attainments.get(event.competency)
    if known is not None and (event.revision < known.revision or event.event_id == known.event_id):
        return False
    learner.attainments[event.competency] = attainment_of(event)
    learner.moved_attainments.add(event.competency)
    return True


def attainment_of(event: AttainmentChanged) -> Attainment:
    """Return what a rule may read of an attainment event."""
    return Attainment(
        event.competency, event.status, event.score, event.achieved_on, event.event_id, event.revision
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
