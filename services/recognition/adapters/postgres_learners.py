# SPDX-License-Identifier: Apache-2.0
"""Facts and awards in PostgreSQL: loaded by exact keys, written in bulk."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from cairn.events.attainment import AttainmentStatus
from cairn.events.explanation import Answer, RuleReference
from cairn.ids import LearnerId, TenantId
from chassis.database import Connection
from chassis.unit.writes import Writes
from services.recognition.adapters.holding import read_holding, write_holding
from services.recognition.app.learner_facts import FactKey, LearnerFacts, LearnerKey
from services.recognition.domain.facts import Attainment, Award, AwardState

_AWARDS = """
select stored.tenant, stored.learner, stored.credential, stored.state, stored.answer, stored.revision,
    stored.decision_id::text, stored.rule, stored.rule_version, stored.rule_hash, stored.epoch,
    stored.holding, stored.effective_on
from unnest($1::text[], $2::text[]) as wanted (tenant, learner)
cross join lateral (
    select * from recognition.award
    where award.tenant = wanted.tenant and award.learner = wanted.learner
    offset 0
) as stored
"""
_ATTAINMENTS = """
select wanted.tenant, wanted.learner, wanted.competency,
    stored.status, stored.score, stored.achieved_on, stored.event_id, stored.revision
from unnest($1::text[], $2::text[], $3::text[]) as wanted (tenant, learner, competency)
cross join lateral (
    select * from recognition.attainment
    where attainment.tenant = wanted.tenant and attainment.learner = wanted.learner
        and attainment.competency = wanted.competency
    offset 0
) as stored
"""
_SAVE_ATTAINMENTS = """
insert into recognition.attainment (
    tenant, learner, competency, status, score, achieved_on, event_id, revision
)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::numeric[], $6::date[], $7::text[], $8::int[]
)
on conflict (tenant, learner, competency) do update set
    status = excluded.status, score = excluded.score, achieved_on = excluded.achieved_on,
    event_id = excluded.event_id, revision = excluded.revision
"""
_SAVE_AWARDS = """
insert into recognition.award (
    tenant, learner, credential, state, answer, revision, decision_id,
    rule, rule_version, rule_hash, epoch, holding, effective_on
)
select tenant, learner, credential, state, answer, revision, decision_id::uuid,
    rule, rule_version, rule_hash, epoch, holding, effective_on
from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::text[],
    $8::text[], $9::int[], $10::text[], $11::bigint[], $12::text[], $13::date[]
) as moved (
    tenant, learner, credential, state, answer, revision, decision_id,
    rule, rule_version, rule_hash, epoch, holding, effective_on
)
on conflict (tenant, learner, credential) do update set
    state = excluded.state, answer = excluded.answer, revision = excluded.revision,
    decision_id = excluded.decision_id, rule = excluded.rule, rule_version = excluded.rule_version,
    rule_hash = excluded.rule_hash, epoch = excluded.epoch, holding = excluded.holding,
    effective_on = excluded.effective_on
"""

_statuses = {each.value: each for each in AttainmentStatus}
_states = {each.value: each for each in AwardState}
_answers = {each.value: each for each in Answer}


class PostgresLearners:
    """Keeps the latest attainments and the awards of learners."""

    async def awards(
        self, connection: Connection, learners: Sequence[LearnerKey]
    ) -> Mapping[LearnerKey, LearnerFacts]:
        """Return each learner with all their awards and no attainment yet."""
        found = {key: LearnerFacts() for key in learners}
        for row in await connection.fetch(_AWARDS, *_columns(learners, 2)):
            award = _award(row)
            found[TenantId(row[0]), LearnerId(row[1])].awards[award.credential] = award
        return found

    async def attainments(
        self, connection: Connection, wanted: Sequence[FactKey]
    ) -> Iterable[tuple[LearnerKey, Attainment]]:
        """Return the attainments of exactly these learners and competencies."""
        rows = await connection.fetch(_ATTAINMENTS, *_columns(wanted, 3))
        return [((TenantId(row[0]), LearnerId(row[1])), _attainment(row)) for row in rows]

    def save(self, writes: Writes, learners: Mapping[LearnerKey, LearnerFacts]) -> None:
        """Store what has moved."""
        order = sorted(learners)
        attainments = [
            (*key, *_attainment_row(learners[key].attainments[name]))
            for key in order
            for name in sorted(learners[key].moved_attainments)
        ]
        awards = [
            (*key, *_award_row(learners[key].awards[name]))
            for key in order
            for name in sorted(learners[key].moved_awards)
        ]
        if attainments:
            writes.add(_SAVE_ATTAINMENTS, *_columns(attainments, 8))
        if awards:
            writes.add(_SAVE_AWARDS, *_columns(awards, 13))


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


@lru_cache(maxsize=4096)
def _reference(rule: str, version: int, digest: str) -> RuleReference:
    return RuleReference(rule=rule, version=version, hash=digest)


def _attainment(row: Any) -> Attainment:
    _, _, competency, status, score, achieved_on, event_id, revision = row
    return Attainment(competency, _statuses[status], score, achieved_on, event_id, revision)


def _attainment_row(one: Attainment) -> tuple[Any, ...]:
    return one.competency, one.status.value, one.score, one.achieved_on, one.event_id, one.revision


def _award(row: Any) -> Award:
    _, _, credential, state, answer, revision, decision_id, rule, version, digest, epoch, holding, day = row
    credit, allotments = read_holding(holding)
    return Award(
        credential=credential,
        state=_states[state],
        answer=_answers[answer],
        revision=revision,
        decision_id=decision_id,
        rule=_reference(rule, version, digest),
        epoch=epoch,
        credits=credit,
        allotments=allotments,
        effective_on=day,
    )


def _award_row(award: Award) -> tuple[Any, ...]:
    return (
        award.credential,
        award.state.value,
        award.answer.value,
        award.revision,
        award.decision_id,
        award.rule.rule,
        award.rule.version,
        award.rule.hash,
        award.epoch,
        write_holding(award.credits, award.allotments),
        award.effective_on,
    )
